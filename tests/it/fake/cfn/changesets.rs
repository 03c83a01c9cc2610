//! Change sets: making and deleting them.

use std::collections::VecDeque;

use serde_json::json;

use super::super::wire::{Outcome, Refusal, Reply, Request};
use super::super::{Names, State};
use super::changes;
use super::drift;
use super::model::{Body, ChangeSet, Stack};
use super::{engine, existing, find, params, template, types};

pub const NO_CHANGES: &str =
    "The submitted information didn't contain changes. Submit different information to create a change set.";
const NO_UPDATES: &str = "No updates are to be performed.";
const EARLY: &str =
    "To troubleshoot Early Validation errors, use the DescribeEvents API for detailed failure information.";

pub fn create(state: &mut State, request: &Request) -> Outcome {
    let name = request.form.get("StackName").unwrap_or_default().to_owned();
    let set_name = request.form.get("ChangeSetName").unwrap_or_default().to_owned();
    let kind = request.form.get("ChangeSetType").unwrap_or("UPDATE").to_owned();
    if let Some(index) = find(state, request, &name)
        && let Some(set) = same_name(state, &state.stacks[index].id, &set_name)
    {
        let token = request.form.get("ClientToken");
        if token.is_some() && set.client_token.as_deref() == token {
            return Ok(Reply::query(request, &json!({"Id": set.id, "StackId": set.stack_id})));
        }
        return Err(Refusal::new(
            400,
            "AlreadyExistsException",
            format!(
                "ChangeSet {set_name} cannot be created due to a mismatch with existing attribute(s), or already exists"
            ),
        ));
    }
    let index = target(state, request, &name, &set_name, &kind)?;
    let before = index.map(|index| state.stacks[index].body.clone()).unwrap_or_default();
    let body = params::wanted(state, request, &before)?;
    check_limit(state, index)?;
    let index = match index {
        Some(index) => index,
        None => {
            let index = engine::new_stack(state, &request.place(), &name, None);
            engine::set_status(state, index, "REVIEW_IN_PROGRESS", Some("User Initiated"));
            index
        }
    };
    let id = prepare(state, request, index, body, &kind, &set_name, None)?;
    let stack_id = &state.stacks[index].id;
    Ok(Reply::query(request, &json!({"Id": id, "StackId": stack_id})))
}

fn same_name<'a>(state: &'a State, stack_id: &str, name: &str) -> Option<&'a ChangeSet> {
    state
        .change_sets
        .iter()
        .find(|set| !set.gone && set.stack_id == stack_id && set.name == name && set.execution != "EXECUTE_COMPLETE")
}

/// The stack a change set is for, where there is one, or why it may not be made.
fn target(state: &State, request: &Request, name: &str, set: &str, kind: &str) -> Result<Option<usize>, Refusal> {
    let found = find(state, request, name);
    let Some(index) = found else {
        let import = kind == "IMPORT";
        return if kind == "CREATE" || import {
            Ok(None)
        } else {
            Err(Refusal::validation(format!("Stack [{name}] does not exist")))
        };
    };
    let stack = &state.stacks[index];
    let review = stack.status == "REVIEW_IN_PROGRESS";
    if kind == "CREATE" && !review {
        return Err(Refusal::validation(format!(
            "Stack [{name}] already exists and cannot be created again with the changeSet [{set}]."
        )));
    }
    if kind == "CREATE" || (kind == "IMPORT" && review) {
        return Ok(found);
    }
    updatable(stack)?;
    Ok(found)
}

/// Refuses updates in states that CloudFormation refuses them in.
pub fn updatable(stack: &Stack) -> Result<(), Refusal> {
    let fine = [
        "CREATE_COMPLETE",
        "UPDATE_COMPLETE",
        "UPDATE_ROLLBACK_COMPLETE",
        "IMPORT_COMPLETE",
        "IMPORT_ROLLBACK_COMPLETE",
        "UPDATE_FAILED",
        "CREATE_FAILED",
    ];
    if fine.contains(&stack.status.as_str()) && stack.operation.is_none() {
        return Ok(());
    }
    Err(Refusal::validation(format!("Stack:{} is in {} state and can not be updated.", stack.id, stack.status)))
}

fn check_limit(state: &State, index: Option<usize>) -> Result<(), Refusal> {
    let Some(index) = index else { return Ok(()) };
    let stack = &state.stacks[index];
    let limit = state.scripts.change_set_limit.unwrap_or(1000);
    let count = state.change_sets.iter().filter(|set| !set.gone && set.stack_id == stack.id).count();
    if count < limit {
        return Ok(());
    }
    Err(Refusal::new(400, "LimitExceededException", format!("ChangeSet limit exceeded for stack {}", stack.id)))
}

/// Works a change set out and stores it; `above` is the parent's change set.
pub fn prepare(
    state: &mut State,
    request: &Request,
    index: usize,
    body: Body,
    kind: &str,
    name: &str,
    above: Option<(&str, &str)>,
) -> Result<String, Refusal> {
    let place = request.place();
    let id = format!("arn:aws:cloudformation:{}:{}:changeSet/{name}/{}", place.region, place.account, state.uuid());
    let import: Names =
        request.form.structs("ResourcesToImport").iter().filter_map(|r| r.get("LogicalResourceId").cloned()).collect();
    let created = state.now();
    let stack = &state.stacks[index];
    let mut set = ChangeSet {
        id: id.clone(),
        name: name.to_owned(),
        stack_id: stack.id.clone(),
        stack_name: stack.name.clone(),
        kind: kind.to_owned(),
        created,
        description: request.form.owned("Description"),
        client_token: request.form.owned("ClientToken"),
        execution: "UNAVAILABLE".to_owned(),
        import,
        nested: request.form.flag("IncludeNestedStacks"),
        parent: above.map(|(parent, _)| parent.to_owned()),
        root: above.map(|(_, root)| root.to_owned()),
        on_failure: request.form.owned("OnStackFailure"),
        mode: request.form.owned("DeploymentMode"),
        import_existing: request.form.flag("ImportExistingResources"),
        generation: stack.generation,
        body,
        ..ChangeSet::default()
    };
    let ended = work_out(state, request, index, &mut set);
    let slow = state.scripts.slow_change_sets.remove(&set.stack_name).unwrap_or(0);
    let mut course: VecDeque<_> = VecDeque::from([("CREATE_PENDING".to_owned(), None)]);
    course.extend((0..=slow).map(|_| ("CREATE_IN_PROGRESS".to_owned(), None)));
    course.push_back(match ended {
        Ok(reason) => ("CREATE_COMPLETE".to_owned(), reason),
        Err(reason) => ("FAILED".to_owned(), Some(reason)),
    });
    set.course = course;
    state.change_sets.push(set);
    Ok(id)
}

/// The changes, and how the change set ends: complete (with a remark), or failed with a reason.
fn work_out(state: &mut State, request: &Request, index: usize, set: &mut ChangeSet) -> Result<Option<String>, String> {
    if let Some(reason) = state.scripts.failing_change_sets.remove(&set.stack_name) {
        return Err(reason);
    }
    let stack = state.stacks[index].clone();
    set.changes = changes::compute(state, &stack, &stack.body, &set.body)?;
    for change in set.changes.iter_mut().filter(|change| set.import.contains(&change.logical)) {
        change.action = "Import".to_owned();
        let wanted = request.form.structs("ResourcesToImport");
        let entry = wanted.iter().find(|entry| entry.get("LogicalResourceId") == Some(&change.logical));
        let mut values = entry.into_iter().flatten().filter(|(key, _)| key.ends_with(".value"));
        change.physical = values.next().map(|(_, value)| value.clone());
    }
    if set.mode.as_deref() == Some("REVERT_DRIFT") {
        drift::revert(&stack, set);
    }
    if set.import_existing {
        adopt_existing(state, index, set);
    }
    if set.nested {
        nested(state, request, index, set)?;
    }
    early_validation(state, index, set)?;
    if nothing(state, &stack, set)? {
        let transform = set.body.template.get("Transform").is_some();
        return Err(if transform { NO_UPDATES } else { NO_CHANGES }.to_owned());
    }
    set.execution = if set.parent.is_some() { "UNAVAILABLE" } else { "AVAILABLE" }.to_owned();
    Ok(set.parent.is_some().then(|| "Only executable from the root change set.".to_owned()))
}

/// No resource, output, tag or notification would change.
fn nothing(state: &State, stack: &Stack, set: &ChangeSet) -> Result<bool, String> {
    if set.kind != "UPDATE" || !set.changes.is_empty() {
        return Ok(false);
    }
    let (old, new) = (&stack.body, &set.body);
    let outputs = changes::wanted_outputs(state, stack, old, old)? == changes::wanted_outputs(state, stack, old, new)?;
    Ok(outputs && old.tags == new.tags && old.notifications == new.notifications && old.role == new.role)
}

fn adopt_existing(state: &State, index: usize, set: &mut ChangeSet) {
    for change in set.changes.iter_mut().filter(|change| change.action == "Add") {
        let Some(after) = &change.after else { continue };
        let Some(name) = types::custom_name(&change.kind, &after["Properties"]) else { continue };
        if owner(state, index, &change.kind, name).is_none() && state.s3.buckets.contains_key(name) {
            change.action = "Import".to_owned();
            change.physical = Some(name.to_owned());
            set.import.insert(change.logical.clone());
        }
    }
}

/// The stack that already has a resource of this name.
fn owner<'a>(state: &'a State, index: usize, kind: &str, name: &str) -> Option<&'a Stack> {
    let place = state.stacks[index].place();
    state
        .stacks
        .iter()
        .enumerate()
        .filter(|(other, stack)| *other != index && stack.place() == place)
        .map(|(_, stack)| stack)
        .find(|stack| {
            stack
                .body
                .resources
                .values()
                .any(|r| r.kind == kind && types::custom_name(kind, &r.properties) == Some(name))
        })
}

fn early_validation(state: &mut State, index: usize, set: &mut ChangeSet) -> Result<(), String> {
    let scripted = state.scripts.early.remove(&set.stack_name);
    let found = scripted.or_else(|| {
        set.changes.iter().filter(|change| change.action == "Add").find_map(|change| {
            let name = types::custom_name(&change.kind, &change.after.as_ref()?["Properties"])?;
            let taken = owner(state, index, &change.kind, name).is_some()
                || (change.kind == "AWS::S3::Bucket" && state.s3.buckets.contains_key(name));
            let reason = format!("Resource of type '{}' with identifier '{name}' already exists.", change.kind);
            taken.then(|| {
                (
                    format!("/Resources/{}", change.logical),
                    reason,
                    "AWS::EarlyValidation::ResourceExistenceCheck".to_owned(),
                )
            })
        })
    });
    match found {
        Some(found) => {
            let text = format!("The following hook(s)/validation failed: [{}]. {EARLY}", found.2);
            set.validation = Some(found);
            Err(text)
        }
        None => Ok(()),
    }
}

/// Makes a change set for each nested stack; the root fails with the first that fails for a reason other than "no changes".
fn nested(state: &mut State, request: &Request, index: usize, set: &mut ChangeSet) -> Result<(), String> {
    let mut changes = std::mem::take(&mut set.changes);
    let mut failed = None;
    for change in changes.iter_mut().filter(|c| c.kind == "AWS::CloudFormation::Stack" && c.action != "Remove") {
        let Some(url) = change.after.as_ref().and_then(|after| after["Properties"]["TemplateURL"].as_str()) else {
            continue;
        };
        let text = template::fetch(state, url).map_err(|refusal| refusal.message)?;
        let template = template::parse(&text).map_err(|refusal| refusal.message)?;
        let child = change.physical.as_ref().and_then(|id| state.stacks.iter().position(|stack| stack.id == *id));
        let (child, kind) = match child {
            Some(child) => (child, "UPDATE"),
            None => {
                let name = format!("{}-{}-{}", set.stack_name, change.logical, state.id());
                let root =
                    (set.stack_id.clone(), state.stacks[index].root.clone().unwrap_or_else(|| set.stack_id.clone()));
                let child = engine::new_stack(state, &request.place(), &name, Some(root));
                engine::set_status(state, child, "REVIEW_IN_PROGRESS", None);
                (child, "CREATE")
            }
        };
        let deployed = state.stacks[child].body.clone();
        let given = change.after.as_ref().map(|after| after["Properties"]["Parameters"].clone()).unwrap_or_default();
        let given = engine::texts(&given);
        let parameters =
            params::parameters(state, &request.place(), &template, &given, &[], &deployed).map_err(|r| r.message)?;
        let body = Body { text, template, parameters, tags: set.body.tags.clone(), ..Body::default() };
        let root = set.root.clone().unwrap_or_else(|| set.id.clone());
        let name = format!("{}-{}", set.name, change.logical);
        let id = prepare(state, request, child, body, kind, &name, Some((&set.id, &root))).map_err(|r| r.message)?;
        let made = state.change_sets.iter().find(|other| other.id == id).and_then(|other| other.course.back()).cloned();
        if made.is_some_and(|(status, reason)| status == "FAILED" && reason.as_deref() != Some(NO_CHANGES)) {
            failed = Some(format!("Nested change set {id} was not successfully created: Currently in FAILED."));
        }
        change.child = Some(id);
    }
    set.changes = changes;
    failed.map_or(Ok(()), Err)
}

/// The position of the change set that a request names.
pub fn named(state: &State, request: &Request) -> Result<usize, Refusal> {
    let name = request.form.get("ChangeSetName").unwrap_or_default();
    let stack = match request.form.get("StackName") {
        Some(stack) if !name.starts_with("arn:") => Some(state.stacks[existing(state, request, stack)?].id.clone()),
        _ => None,
    };
    state
        .change_sets
        .iter()
        .rposition(|set| {
            let this = if name.starts_with("arn:") {
                set.id == name
            } else {
                set.name == name && Some(&set.stack_id) == stack.as_ref()
            };
            this && !set.gone
        })
        .ok_or_else(|| Refusal::new(404, "ChangeSetNotFound", format!("ChangeSet [{name}] does not exist")))
}

pub fn delete(state: &mut State, request: &Request) -> Outcome {
    if let Ok(position) = named(state, request) {
        let set = &mut state.change_sets[position];
        if set.execution == "EXECUTE_IN_PROGRESS" || set.parent.is_some() {
            let message = format!("ChangeSet [{}] cannot be deleted in its current status", set.id);
            return Err(Refusal::new(400, "InvalidChangeSetStatus", message));
        }
        set.gone = true;
        let id = set.id.clone();
        state
            .change_sets
            .iter_mut()
            .filter(|other| other.root.as_deref() == Some(id.as_str()))
            .for_each(|other| other.gone = true);
        let mut shells = Vec::new();
        for other in state.change_sets.iter().filter(|other| other.root.as_deref() == Some(id.as_str())) {
            let shell = |stack: &Stack| stack.id == other.stack_id && stack.status == "REVIEW_IN_PROGRESS";
            shells.extend(state.stacks.iter().position(shell));
        }
        for shell in shells {
            engine::set_status(state, shell, "DELETE_COMPLETE", None);
        }
    }
    Ok(Reply::query(request, &json!({})))
}
