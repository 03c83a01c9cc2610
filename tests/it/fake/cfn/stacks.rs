//! Reading stacks: descriptions, templates, resources, exports.

use serde_json::{Value, json};

use super::super::wire::{Outcome, Refusal, Reply, Request};
use super::super::{Place, State};
use super::model::{Resource, Stack};
use super::resolve::{Env, deployed};
use super::{effects, existing, find, page, params, poll, template};

pub fn describe(state: &mut State, request: &Request) -> Outcome {
    let token = request.form.get("NextToken");
    let indexes: Vec<usize> = match request.form.get("StackName") {
        Some(name) => {
            let missing = || Refusal::validation(format!("Stack with id {name} does not exist"));
            vec![find(state, request, name).ok_or_else(missing)?]
        }
        None => {
            let place = request.place();
            let here = |stack: &Stack| stack.place() == place && !stack.is_gone();
            (0..state.stacks.len()).filter(|index| here(&state.stacks[*index])).collect()
        }
    };
    if token.is_none() {
        for index in &indexes {
            if !was_stale(state, *index) {
                poll(state, *index);
            }
        }
    }
    let shown = indexes.into_iter().map(|index| shown(&state.stacks[index])).collect();
    let (stacks, next) = page::<Value>(shown, token, state.page_size)?;
    Ok(Reply::query(request, &json!({"Stacks": stacks, "NextToken": next})))
}

/// Counts a stale read down; true while the old status is still shown.
fn was_stale(state: &mut State, index: usize) -> bool {
    let stale = &mut state.stacks[index].stale;
    match stale {
        Some((0, _)) | None => {
            *stale = None;
            false
        }
        Some((left, _)) => {
            *left -= 1;
            true
        }
    }
}

fn shown(stack: &Stack) -> Value {
    let status = stack.stale.as_ref().map_or(stack.status.as_str(), |(_, status)| status);
    json!({
        "StackId": stack.id,
        "StackName": stack.name,
        "ChangeSetId": stack.operation.as_ref().and_then(|operation| operation.change_set.clone()),
        "Description": stack.body.template["Description"].as_str(),
        "Parameters": params::shown(&stack.body),
        "CreationTime": stack.created,
        "LastUpdatedTime": stack.updated,
        "DeletionTime": stack.deleted,
        "RollbackConfiguration": {},
        "StackStatus": status,
        "StackStatusReason": stack.reason,
        "DisableRollback": stack.disable_rollback,
        "NotificationARNs": stack.body.notifications,
        "Capabilities": stack.body.capabilities,
        "Outputs": effects::shown_outputs(&stack.body),
        "RoleARN": stack.body.role,
        "Tags": params::shown_tags(&stack.body),
        "EnableTerminationProtection": stack.termination_protection,
        "ParentId": stack.parent,
        "RootId": stack.root,
        "DriftInformation": {"StackDriftStatus": "NOT_CHECKED"},
        "LastOperations": stack.last_operations.iter().map(|(kind, id)| json!({"OperationType": kind, "OperationId": id})).collect::<Vec<_>>(),
    })
}

pub fn list(state: &mut State, request: &Request) -> Outcome {
    let wanted = request.form.list("StackStatusFilter");
    let place = request.place();
    let here = |stack: &&Stack| stack.place() == place && (wanted.is_empty() || wanted.contains(&stack.status));
    let summaries = state
        .stacks
        .iter()
        .filter(here)
        .map(|stack| {
            json!({
                "StackId": stack.id, "StackName": stack.name, "StackStatus": stack.status, "StackStatusReason": stack.reason,
                "CreationTime": stack.created, "LastUpdatedTime": stack.updated, "DeletionTime": stack.deleted,
                "ParentId": stack.parent, "RootId": stack.root, "DriftInformation": {"StackDriftStatus": "NOT_CHECKED"},
            })
        })
        .collect();
    let (summaries, next) = page::<Value>(summaries, request.form.get("NextToken"), state.page_size)?;
    Ok(Reply::query(request, &json!({"StackSummaries": summaries, "NextToken": next})))
}

pub fn get_template(state: &mut State, request: &Request) -> Outcome {
    let body = if request.form.has("ChangeSetName") {
        state.change_sets[super::changesets::named(state, request)?].body.clone()
    } else {
        let name = request.form.get("StackName").unwrap_or_default();
        let index = find(state, request, name)
            .ok_or_else(|| Refusal::validation(format!("Stack with id {name} does not exist")))?;
        state.stacks[index].body.clone()
    };
    let processed = request.form.get("TemplateStage") == Some("Processed");
    let text = if processed { body.template.to_string() } else { body.text };
    // CloudFormation forgets what is not ASCII in the original
    let text: String =
        if processed { text } else { text.chars().map(|c| if c.is_ascii() { c } else { '?' }).collect() };
    let text = Value::String(text).as_str().map(str::to_owned);
    Ok(Reply::query(request, &json!({"TemplateBody": text, "StagesAvailable": ["Original", "Processed"]})))
}

pub fn template_summary(state: &mut State, request: &Request) -> Outcome {
    let parsed = match request.form.get("StackName") {
        Some(name) => state.stacks[existing(state, request, name)?].body.template.clone(),
        None => template::submitted(state, request)?.1,
    };
    let parameters: Vec<Value> = parsed["Parameters"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, p)| json!({"ParameterKey": name, "ParameterType": p["Type"], "DefaultValue": p["Default"].as_str()}))
        .collect();
    let mut types: Vec<&str> =
        parsed["Resources"].as_object().into_iter().flatten().filter_map(|(_, r)| r["Type"].as_str()).collect();
    types.sort_unstable();
    types.dedup();
    let resource_types = types;
    Ok(Reply::query(request, &json!({"Parameters": parameters, "ResourceTypes": resource_types})))
}

fn shown_resource(logical: &str, resource: &Resource) -> Value {
    json!({
        "LogicalResourceId": logical,
        "PhysicalResourceId": (!resource.physical.is_empty()).then_some(&resource.physical),
        "ResourceType": resource.kind,
        "ResourceStatus": resource.status,
        "ResourceStatusReason": resource.reason,
        "LastUpdatedTimestamp": resource.updated,
        "DriftInformation": {"StackResourceDriftStatus": "NOT_CHECKED"},
    })
}

pub fn list_resources(state: &mut State, request: &Request) -> Outcome {
    let name = request.form.get("StackName").unwrap_or_default();
    let index = find(state, request, name)
        .ok_or_else(|| Refusal::validation(format!("Stack with id {name} does not exist")))?;
    let resources = state.stacks[index].body.resources.iter().map(|(logical, r)| shown_resource(logical, r)).collect();
    let (summaries, next) = page::<Value>(resources, request.form.get("NextToken"), state.page_size)?;
    Ok(Reply::query(request, &json!({"StackResourceSummaries": summaries, "NextToken": next})))
}

fn full_resource(stack: &Stack, logical: &str, resource: &Resource) -> Value {
    let mut shown = shown_resource(logical, resource);
    shown["StackName"] = json!(stack.name);
    shown["StackId"] = json!(stack.id);
    shown["Timestamp"] = json!(resource.updated);
    shown
}

pub fn describe_resources(state: &mut State, request: &Request) -> Outcome {
    let name = request.form.get("StackName").unwrap_or_default();
    let wanted = request.form.get("LogicalResourceId");
    let index = find(state, request, name)
        .ok_or_else(|| Refusal::validation(format!("Stack with id {name} does not exist")))?;
    let stack = &state.stacks[index];
    let resources = stack.body.resources.iter().filter(|(logical, _)| wanted.is_none_or(|wanted| wanted == *logical));
    let resources: Vec<Value> = resources.map(|(logical, r)| full_resource(stack, logical, r)).collect();
    Ok(Reply::query(request, &json!({"StackResources": resources})))
}

pub fn describe_resource(state: &mut State, request: &Request) -> Outcome {
    let name = request.form.get("StackName").unwrap_or_default();
    let logical = request.form.get("LogicalResourceId").unwrap_or_default();
    let index =
        find(state, request, name).ok_or_else(|| Refusal::validation(format!("Stack '{name}' does not exist")))?;
    let stack = &state.stacks[index];
    let resource = stack.body.resources.get(logical);
    let resource =
        resource.ok_or_else(|| Refusal::validation(format!("Resource {logical} does not exist for stack {name}")))?;
    let mut shown = full_resource(stack, logical, resource);
    let metadata = &stack.body.template["Resources"][logical]["Metadata"];
    shown["Metadata"] = json!((!metadata.is_null()).then(|| metadata.to_string()));
    Ok(Reply::query(request, &json!({"StackResourceDetail": shown})))
}

pub fn list_exports(state: &mut State, request: &Request) -> Outcome {
    let place = request.place();
    let here = state.stacks.iter().filter(|stack| stack.place() == place && !stack.is_gone());
    let exports = here
        .flat_map(|stack| stack.body.outputs.iter().map(move |output| (stack, output)))
        .filter_map(|(stack, output)| {
            output
                .export
                .as_ref()
                .map(|name| json!({"ExportingStackId": stack.id, "Name": name, "Value": output.value}))
        })
        .collect();
    let (exports, next) = page::<Value>(exports, request.form.get("NextToken"), state.page_size)?;
    Ok(Reply::query(request, &json!({"Exports": exports, "NextToken": next})))
}

pub fn list_imports(state: &mut State, request: &Request) -> Outcome {
    let name = request.form.get("ExportName").unwrap_or_default();
    let users = importers(state, &request.place(), name);
    if users.is_empty() {
        return Err(Refusal::validation(format!("Export '{name}' is not imported by any stack.")));
    }
    let (users, next) = page(users, request.form.get("NextToken"), state.page_size)?;
    Ok(Reply::query(request, &json!({"Imports": users, "NextToken": next})))
}

/// The stacks whose templates import this export.
pub fn importers(state: &State, place: &Place, export: &str) -> Vec<String> {
    let here = state
        .stacks
        .iter()
        .filter(|stack| stack.place() == *place && !stack.is_gone() && !stack.body.resources.is_empty());
    let uses = |stack: &&Stack| {
        let lookup = |logical: &str, attribute: Option<&str>| deployed(state, place, &stack.body, logical, attribute);
        let env = Env::new(state, stack, &stack.body, &lookup);
        imports(&stack.body.template).iter().any(|name| env.text(name).is_ok_and(|name| name == export))
    };
    here.filter(uses).map(|stack| stack.name.clone()).collect()
}

/// The arguments of every ImportValue.
fn imports(value: &Value) -> Vec<Value> {
    match value {
        Value::Array(items) => items.iter().flat_map(imports).collect(),
        Value::Object(fields) => fields
            .iter()
            .flat_map(|(key, value)| if key == "Fn::ImportValue" { vec![value.clone()] } else { imports(value) })
            .collect(),
        _ => Vec::new(),
    }
}

pub fn get_policy(state: &mut State, request: &Request) -> Outcome {
    let name = request.form.get("StackName").unwrap_or_default();
    let policy = state.stacks[existing(state, request, name)?].policy.clone();
    Ok(Reply::query(request, &json!({"StackPolicyBody": policy})))
}
