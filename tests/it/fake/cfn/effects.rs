//! What creating, changing and removing a resource does: physical ids, nested stacks, other services, outputs.

use serde_json::{Value, json};

use super::super::{State, lambda, s3, ssm};
use super::engine::{self, Start};
use super::model::{Body, Kind, Output, Resource};
use super::resolve::{Env, deployed, plain};
use super::{params, stacks, template, types, waves};

const STACK: &str = "AWS::CloudFormation::Stack";

/// Resolves a value with the stack's resources as they are now.
fn resolve(state: &State, index: usize, value: &Value) -> Result<Value, String> {
    let stack = &state.stacks[index];
    let place = stack.place();
    let lookup = |logical: &str, attribute: Option<&str>| deployed(state, &place, &stack.body, logical, attribute);
    Ok(Env::new(state, stack, &stack.body, &lookup).value(value)?.unwrap_or_default())
}

fn properties(state: &State, index: usize, logical: &str) -> Result<Value, String> {
    resolve(state, index, &waves::wanted(state, index, logical))
}

fn resource(state: &State, index: usize, logical: &str) -> Resource {
    state.stacks[index].body.resources.get(logical).cloned().unwrap_or_default()
}

fn store(state: &mut State, index: usize, logical: &str, resource: Resource) {
    state.stacks[index].body.resources.insert(logical.to_owned(), resource);
}

/// Nothing about the resource would change.
pub fn is_unchanged(state: &State, index: usize, logical: &str) -> bool {
    let stack = &state.stacks[index];
    let Some(previous) = &stack.previous else { return false };
    let source = |body: &Body| body.template["Resources"][logical].clone();
    let same_properties =
        properties(state, index, logical).is_ok_and(|new| new == resource(state, index, logical).properties);
    let (old, new) = (source(previous), source(&stack.body));
    let attributes = ["Metadata", "DeletionPolicy", "UpdateReplacePolicy"];
    let drift_undone = old == new && previous.parameters == stack.body.parameters && previous.tags == stack.body.tags;
    same_properties
        && !drift_undone
        && previous.tags == stack.body.tags
        && attributes.iter().all(|key| old.get(key) == new.get(key))
}

pub fn create(state: &mut State, index: usize, logical: &str) -> Result<(), String> {
    let properties = properties(state, index, logical)?;
    let mut made = resource(state, index, logical);
    let place = state.stacks[index].place();
    if made.kind == STACK {
        child_succeeded(state, index, &made.physical, "created")?;
    } else {
        let name = state.stacks[index].name.clone();
        made.physical = types::physical_id(state, &place, &name, logical, &made.kind, &properties);
        let kind = made.kind.clone();
        if kind == "AWS::S3::Bucket" && state.s3.buckets.contains_key(&made.physical) {
            return Err(format!("{} already exists", made.physical));
        }
        put(state, index, &kind, &made.physical, &properties)?;
    }
    made.properties = properties;
    store(state, index, logical, made);
    Ok(())
}

/// Remembers the physical id of what is going to be imported.
pub fn prepare_import(body: &mut Body, logical: &str, physical: Option<String>) {
    let kind = body.template["Resources"][logical]["Type"].as_str().unwrap_or_default().to_owned();
    let physical = physical.unwrap_or_else(|| logical.to_owned());
    body.resources.insert(logical.to_owned(), Resource { kind, physical, ..Resource::default() });
}

pub fn import(state: &mut State, index: usize, logical: &str) -> Result<(), String> {
    let properties = properties(state, index, logical)?;
    let mut made = resource(state, index, logical);
    made.properties = properties;
    store(state, index, logical, made);
    Ok(())
}

/// Changes a resource; answers its old half when it was replaced.
pub fn update(state: &mut State, index: usize, logical: &str) -> Result<Option<Resource>, String> {
    let new = properties(state, index, logical)?;
    let mut made = resource(state, index, logical);
    let old = made.clone();
    let place = state.stacks[index].place();
    if made.kind == STACK {
        child_succeeded(state, index, &made.physical, "updated")?;
        made.properties = new;
        store(state, index, logical, made);
        return Ok(None);
    }
    let names = new.as_object().into_iter().flatten().chain(old.properties.as_object().into_iter().flatten());
    let mut changed = names.map(|(name, _)| name).filter(|name| new.get(*name) != old.properties.get(*name));
    let replaced = changed.any(|name| types::recreation(state, &made.kind, name) == "Always");
    if replaced {
        let custom = types::custom_name(&made.kind, &new);
        if custom.is_some() && custom == types::custom_name(&made.kind, &old.properties) {
            let name = custom.unwrap_or_default();
            return Err(format!(
                "CloudFormation cannot update a stack when a custom-named resource requires replacing. Rename {name} and update the stack again."
            ));
        }
        let name = state.stacks[index].name.clone();
        made.physical = types::physical_id(state, &place, &name, logical, &made.kind, &new);
    }
    let kind = made.kind.clone();
    put(state, index, &kind, &made.physical, &new)?;
    made.properties = new;
    store(state, index, logical, made);
    Ok(replaced.then_some(old))
}

/// Undoes an update.
pub fn put_back(state: &mut State, index: usize, logical: &str) {
    let before = state.stacks[index].previous.as_ref().and_then(|previous| previous.resources.get(logical)).cloned();
    let Some(before) = before else { return };
    if before.kind == STACK {
        restore_child(state, &before.physical);
    } else {
        let _ = put(state, index, &before.kind, &before.physical, &before.properties);
    }
    store(state, index, logical, before);
}

fn restore_child(state: &mut State, id: &str) {
    let Some(child) = state.stacks.iter().position(|stack| stack.id == id) else { return };
    if let Some(previous) = state.stacks[child].previous.take()
        && state.stacks[child].status == "UPDATE_COMPLETE"
    {
        state.stacks[child].body = *previous;
        engine::set_status(state, child, "UPDATE_ROLLBACK_IN_PROGRESS", None);
        engine::set_status(state, child, "UPDATE_ROLLBACK_COMPLETE", None);
    }
}

pub fn remove(state: &mut State, index: usize, logical: &str, old: Option<&Resource>) -> Result<(), String> {
    let gone = old.cloned().unwrap_or_else(|| resource(state, index, logical));
    let place = state.stacks[index].place();
    match gone.kind.as_str() {
        STACK => child_succeeded(state, index, &gone.physical, "deleted")?,
        "AWS::S3::Bucket" => {
            if state.s3.buckets.get(&gone.physical).is_some_and(|bucket| !bucket.is_empty()) {
                return Err(
                    "The bucket you tried to delete is not empty (Service: S3, Status Code: 409, Request ID: fake)"
                        .to_owned(),
                );
            }
            state.s3.buckets.remove(&gone.physical);
        }
        "AWS::Lambda::Function" => drop(state.functions.remove(&(place, gone.physical))),
        "AWS::SSM::Parameter" => drop(state.parameters.remove(&(place, gone.physical))),
        _ => {}
    }
    Ok(())
}

/// Makes or changes what other services of the fake show.
fn put(state: &mut State, index: usize, kind: &str, physical: &str, properties: &Value) -> Result<(), String> {
    let place = state.stacks[index].place();
    match kind {
        "AWS::S3::Bucket" => s3::make_bucket(state, &place, physical),
        "AWS::SSM::Parameter" => {
            ssm::put(state, &place, physical, properties["Value"].as_str().unwrap_or_default());
        }
        "AWS::Lambda::Function" => {
            let code = &properties["Code"];
            let (bucket, key) =
                (code["S3Bucket"].as_str().unwrap_or_default(), code["S3Key"].as_str().unwrap_or_default());
            if state.s3.buckets.get(bucket).is_some_and(|bucket| !bucket.objects.contains_key(key)) {
                return Err("Resource handler returned message: \"Error occurred while GetObject. S3 Error Code: NoSuchKey. S3 Error Message: The specified key does not exist. (Service: Lambda, Status Code: 400, Request ID: fake)\" (HandlerErrorCode: InvalidRequest)".to_owned());
            }
            lambda::put_from_stack(state, &place, physical, properties);
        }
        "AWS::Lambda::Alias" => {
            let function = properties["FunctionName"].as_str().unwrap_or_default();
            let function = function.rsplit(':').next().unwrap_or(function).to_owned();
            let (alias, version) = (plain(&properties["Name"]), plain(&properties["FunctionVersion"]));
            if let Some(function) = state.functions.get_mut(&(place, function)) {
                function.aliases.insert(alias, version);
            }
        }
        _ => {}
    }
    Ok(())
}

/// Begins the nested stack's own operation, if there is something to do in it.
pub fn begin_child(state: &mut State, index: usize, logical: &str) {
    let Ok(properties) = properties(state, index, logical) else { return };
    let url = properties["TemplateURL"].as_str().unwrap_or_default();
    let Ok(text) = template::fetch(state, url) else { return };
    let Ok(parsed) = template::parse(&text) else { return };
    let (place, tags) = (state.stacks[index].place(), state.stacks[index].body.tags.clone());
    let known = resource(state, index, logical).physical;
    let child = state.stacks.iter().position(|stack| stack.id == known);
    let before = child.map(|child| state.stacks[child].body.clone()).unwrap_or_default();
    let given = engine::texts(&properties["Parameters"]);
    let Ok(parameters) = params::parameters(state, &place, &parsed, &given, &[], &before) else { return };
    let body = Body { text, template: parsed, parameters, tags, ..Body::default() };
    let (child, kind) = match child {
        Some(child)
            if before.template == body.template && before.parameters == body.parameters && before.tags == body.tags =>
        {
            state.stacks[child].previous = None;
            return;
        }
        Some(child) => (child, Kind::Update),
        None => {
            let parent = state.stacks[index].id.clone();
            let root = state.stacks[index].root.clone().unwrap_or_else(|| parent.clone());
            let prepared = prepared_child(state, index, logical);
            let name = format!("{}-{logical}-{:06X}", state.stacks[index].name, state.next_id);
            let child = prepared.unwrap_or_else(|| engine::new_stack(state, &place, &name, Some((parent, root))));
            let mut made = resource(state, index, logical);
            made.physical = state.stacks[child].id.clone();
            store(state, index, logical, made);
            (child, Kind::Create)
        }
    };
    let mut start = Start::new(kind, body);
    start.token = state.stacks[index].token.clone();
    engine::start(state, child, start);
}

/// The shell that a nested change set made.
fn prepared_child(state: &State, index: usize, logical: &str) -> Option<usize> {
    let parent = &state.stacks[index];
    let prefix = format!("{}-{logical}-", parent.name);
    state.stacks.iter().position(|stack| {
        stack.parent.as_ref() == Some(&parent.id)
            && stack.status == "REVIEW_IN_PROGRESS"
            && stack.name.starts_with(&prefix)
    })
}

pub fn delete_child(state: &mut State, index: usize, logical: &str) {
    let id = resource(state, index, logical).physical;
    if let Some(child) = state.stacks.iter().position(|stack| stack.id == id && !stack.is_gone()) {
        engine::start(state, child, Start::new(Kind::Delete, Body::default()));
    }
}

/// Moves the nested stack on; true while it is still at work.
pub fn child_is_busy(state: &mut State, index: usize, logical: &str) -> bool {
    let made = resource(state, index, logical);
    if made.kind != STACK {
        return false;
    }
    let Some(child) = state.stacks.iter().position(|stack| stack.id == made.physical) else { return false };
    engine::step(state, child);
    state.stacks[child].operation.is_some()
}

fn child_succeeded(state: &State, index: usize, id: &str, done: &str) -> Result<(), String> {
    let Some(child) = state.stacks.iter().find(|stack| stack.id == id) else {
        return Err("S3 error: The specified key does not exist.".to_owned());
    };
    let parent = &state.stacks[index];
    let began = parent.events.iter().rev().find(|event| event.logical == parent.name).map(|event| &event.at);
    let untouched = child.events.last().map(|event| &event.at) < began;
    if untouched || matches!(child.status.as_str(), "CREATE_COMPLETE" | "UPDATE_COMPLETE" | "DELETE_COMPLETE") {
        return Ok(());
    }
    let why =
        child.events.iter().rev().find(|e| e.status.contains("ROLLBACK_IN_PROGRESS") || e.status.ends_with("FAILED"));
    let why = why.and_then(|event| event.reason.clone()).unwrap_or_default();
    Err(format!("Embedded stack {id} was not successfully {done}: {why}"))
}

/// Resolves the outputs; refuses exports that are taken, and changes of exports that others import.
pub fn settle_outputs(state: &mut State, index: usize) -> Result<(), String> {
    let template = state.stacks[index].body.template.clone();
    let stack = &state.stacks[index];
    let place = stack.place();
    let lookup = |logical: &str, attribute: Option<&str>| deployed(state, &place, &stack.body, logical, attribute);
    let env = Env::new(state, stack, &stack.body, &lookup);
    let mut outputs = Vec::new();
    for (key, output) in template["Outputs"].as_object().into_iter().flatten() {
        if let Some(name) = output["Condition"].as_str()
            && !env.named_condition(name)?
        {
            continue;
        }
        let export = match output["Export"].get("Name") {
            Some(name) => Some(env.text(name)?),
            None => None,
        };
        let description = output["Description"].as_str().map(str::to_owned);
        outputs.push(Output { key: key.clone(), value: env.text(&output["Value"])?, export, description });
    }
    for name in outputs.iter().filter_map(|output| output.export.as_ref()) {
        let taken = state.stacks.iter().enumerate().find(|(other, stack)| {
            *other != index
                && stack.place() == place
                && !stack.is_gone()
                && stack.body.outputs.iter().any(|o| o.export.as_ref() == Some(name))
        });
        if let Some((_, other)) = taken {
            return Err(format!("Export with name {name} is already exported by stack {}. ", other.name));
        }
    }
    if let Some(reason) = exports_in_use(state, index, &outputs) {
        return Err(reason);
    }
    state.stacks[index].body.outputs = outputs;
    Ok(())
}

/// Why the stack's exports may not become these.
pub fn exports_in_use(state: &State, index: usize, outputs: &[Output]) -> Option<String> {
    let stack = &state.stacks[index];
    stack.body.outputs.iter().filter_map(|old| old.export.as_ref().map(|name| (name, old))).find_map(|(name, old)| {
        let new = outputs.iter().find(|output| output.export.as_ref() == Some(name));
        if new.is_some_and(|new| new.value == old.value) {
            return None;
        }
        let users = stacks::importers(state, &stack.place(), name);
        let verb = if new.is_some() { "updated" } else { "deleted" };
        (!users.is_empty())
            .then(|| format!("Export {name} cannot be {verb} as it is in use by {}. ", users.join(" and ")))
    })
}

/// The stack's outputs as Describe answers them.
pub fn shown_outputs(body: &Body) -> Vec<Value> {
    let show = |output: &Output| json!({"OutputKey": output.key, "OutputValue": output.value, "ExportName": output.export, "Description": output.description});
    body.outputs.iter().map(show).collect()
}
