//! Waves: what is ready begins together, and what has begun ends with the next step.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::super::State;
use super::model::{Act, Item, Kind, On, Operation, Phase, Resource};
use super::{effects, engine, template};

pub enum Progress {
    Working,
    /// Nothing is left of this phase.
    Done,
    /// Something failed that ends the phase.
    Failed,
}

/// Ends what has begun, begins what is ready.
pub fn advance(state: &mut State, index: usize, operation: &mut Operation) -> Progress {
    let failed_before = operation.failed.len();
    finish_begun(state, index, operation);
    let forward = operation.phase == Phase::Forward && operation.kind != Kind::Delete;
    if forward && operation.failed.len() > failed_before {
        return Progress::Failed;
    }
    while operation.begun.is_empty() && !operation.pending.is_empty() {
        let ready = ready(state, index, operation);
        if ready.is_empty() {
            // what is left cannot be removed, because something that needs it is still there
            operation.pending.clear();
            break;
        }
        operation.pending.retain(|item| !ready.contains(item));
        for item in ready {
            if begin(state, index, operation, &item) {
                operation.begun.push(item);
            }
        }
    }
    if operation.begun.is_empty() && operation.pending.is_empty() { Progress::Done } else { Progress::Working }
}

/// The pending items that wait for nothing.
fn ready(state: &State, index: usize, operation: &Operation) -> Vec<Item> {
    let stack = &state.stacks[index];
    let body = match (&stack.previous, operation.phase) {
        (Some(previous), Phase::Cleanup | Phase::Rollback) => previous,
        _ => &stack.body,
    };
    let needs = template::dependencies(&body.template);
    let removing = operation.pending.iter().any(|item| item.act == Act::Remove);
    let left = operation.pending.iter().map(|other| other.logical.as_str());
    let left: BTreeSet<&str> = left.chain(operation.failed.iter().map(String::as_str)).collect();
    let needed: BTreeSet<&str> = needs
        .iter()
        .filter(|(other, _)| left.contains(other.as_str()))
        .flat_map(|(_, n)| n)
        .map(String::as_str)
        .collect();
    let waits = |item: &Item| {
        let own = needs.get(&item.logical);
        let needs_others = own.is_some_and(|own| own.iter().any(|name| left.contains(name.as_str())));
        if removing { needed.contains(item.logical.as_str()) } else { needs_others }
    };
    let ready: Vec<Item> = operation.pending.iter().filter(|item| !waits(item)).cloned().collect();
    let deleting = operation.kind == Kind::Delete && operation.phase == Phase::Forward;
    if ready.is_empty() && !deleting { operation.pending.clone() } else { ready }
}

fn policy(state: &State, index: usize, operation: &Operation, logical: &str) -> String {
    let stack = &state.stacks[index];
    let cleanup = operation.phase == Phase::Cleanup;
    let body = stack.previous.as_deref().filter(|_| cleanup).unwrap_or(&stack.body);
    let replaced = operation.replaced.iter().any(|(name, _)| name == logical);
    let key = if cleanup && replaced { "UpdateReplacePolicy" } else { "DeletionPolicy" };
    body.template["Resources"][logical][key].as_str().unwrap_or("Delete").to_owned()
}

/// Begins an item; false: there is nothing to wait for.
fn begin(state: &mut State, index: usize, operation: &mut Operation, item: &Item) -> bool {
    let logical = &item.logical;
    let stack = &state.stacks[index];
    let kind = stack.body.template["Resources"][logical]["Type"].as_str().map(str::to_owned);
    let known = stack.body.resources.get(logical).cloned();
    let old = operation.replaced.iter().find(|(name, _)| name == logical).map(|(_, old)| old.clone());
    let nested = kind.as_deref() == Some("AWS::CloudFormation::Stack");
    match (operation.phase, item.act) {
        (Phase::Forward, Act::Add | Act::Import) => {
            let word = if item.act == Act::Add { "CREATE" } else { "IMPORT" };
            let physical = known.map(|known| known.physical).unwrap_or_default();
            let fresh = Resource { kind: kind.unwrap_or_default(), physical, ..Resource::default() };
            state.stacks[index].body.resources.insert(logical.clone(), fresh);
            mark(state, index, logical, &format!("{word}_IN_PROGRESS"), None);
            if nested && item.act == Act::Add {
                effects::begin_child(state, index, logical);
            }
        }
        (Phase::Forward, Act::Modify) => {
            if nested {
                effects::begin_child(state, index, logical);
            } else if effects::is_unchanged(state, index, logical) {
                operation.done.push(item.clone());
                return false;
            }
            mark(state, index, logical, "UPDATE_IN_PROGRESS", None);
        }
        (_, Act::Remove) => {
            let policy = policy(state, index, operation, logical);
            let on_create = operation.phase == Phase::RollbackCleanup;
            let kept = policy == "Retain" || (policy == "RetainExceptOnCreate" && !on_create);
            if kept || operation.retain.contains(logical) {
                mark_old(state, index, logical, old.as_ref(), "DELETE_SKIPPED");
                forget(state, index, logical, old.is_some());
                operation.done.push(item.clone());
                return false;
            }
            mark_old(state, index, logical, old.as_ref(), "DELETE_IN_PROGRESS");
            if known.is_some_and(|known| known.kind == "AWS::CloudFormation::Stack") {
                effects::delete_child(state, index, logical);
            }
        }
        _ if operation.skip.contains(logical) => return false,
        _ => mark(state, index, logical, "UPDATE_IN_PROGRESS", None),
    }
    true
}

/// Sets a resource's status and writes its event.
fn mark(state: &mut State, index: usize, logical: &str, status: &str, reason: Option<&str>) {
    let now = state.now();
    let Some(resource) = state.stacks[index].body.resources.get_mut(logical) else { return };
    resource.status = status.to_owned();
    resource.reason = reason.map(str::to_owned);
    resource.updated = now;
    let (physical, kind) = (resource.physical.clone(), resource.kind.clone());
    let properties = (resource.properties != Value::Null).then(|| resource.properties.to_string());
    engine::event(state, index, logical, &physical, &kind, status, reason, properties);
}

/// The same for the old half of a replaced resource, which the stack no longer lists.
fn mark_old(state: &mut State, index: usize, logical: &str, old: Option<&Resource>, status: &str) {
    match old {
        Some(old) => engine::event(state, index, logical, &old.physical.clone(), &old.kind.clone(), status, None, None),
        None => mark(state, index, logical, status, None),
    }
}

fn forget(state: &mut State, index: usize, logical: &str, replaced: bool) {
    if !replaced {
        state.stacks[index].body.resources.remove(logical);
    }
}

fn scripted(state: &State, index: usize, operation: &Operation, item: &Item) -> Option<String> {
    let name = &state.stacks[index].name;
    let now = match (operation.phase, item.act) {
        (Phase::Rollback | Phase::RollbackCleanup, _) => On::Rollback,
        (_, Act::Add | Act::Import) => On::Create,
        (_, Act::Modify) => On::Update,
        (_, Act::Remove) => On::Delete,
    };
    let scripts = state.scripts.fails.get(&(name.clone(), item.logical.clone()))?;
    let hit = |on: On| on == now || (on == On::Any && now != On::Rollback);
    scripts.iter().find(|(on, _)| hit(*on)).map(|(_, reason)| reason.clone())
}

fn verb(operation: &Operation, item: &Item) -> &'static str {
    match (operation.phase, item.act) {
        (_, Act::Add) => "CREATE",
        (_, Act::Import) => "IMPORT",
        (_, Act::Modify) => "UPDATE",
        (_, Act::Remove) => "DELETE",
    }
}

fn finish_begun(state: &mut State, index: usize, operation: &mut Operation) {
    let begun = std::mem::take(&mut operation.begun);
    let forward = operation.phase == Phase::Forward && operation.kind != Kind::Delete;
    // those that fail come first; what runs beside them is cancelled, as CloudFormation does
    let (failing, fine): (Vec<Item>, Vec<Item>) =
        begun.into_iter().partition(|item| scripted(state, index, operation, item).is_some());
    let mut broken = false;
    for item in failing {
        let reason = scripted(state, index, operation, &item).unwrap_or_default();
        mark(state, index, &item.logical, &format!("{}_FAILED", verb(operation, &item)), Some(&reason));
        operation.failed.push(item.logical);
        broken = true;
    }
    for item in fine {
        let verb = verb(operation, &item);
        if effects::child_is_busy(state, index, &item.logical) {
            operation.begun.push(item);
            continue;
        }
        if broken && forward {
            let word = if item.act == Act::Modify { "update" } else { "creation" };
            mark(state, index, &item.logical, &format!("{verb}_FAILED"), Some(&format!("Resource {word} cancelled")));
            operation.failed.push(item.logical);
            continue;
        }
        match finish(state, index, operation, &item) {
            Ok(()) => operation.done.push(item),
            Err(reason) => {
                mark(state, index, &item.logical, &format!("{verb}_FAILED"), Some(&reason));
                operation.failed.push(item.logical);
                broken = true;
            }
        }
    }
}

fn finish(state: &mut State, index: usize, operation: &mut Operation, item: &Item) -> Result<(), String> {
    let logical = item.logical.as_str();
    match (operation.phase, item.act) {
        (Phase::Forward, Act::Add) => {
            effects::create(state, index, logical)?;
            mark(state, index, logical, "CREATE_IN_PROGRESS", Some("Resource creation Initiated"));
            mark(state, index, logical, "CREATE_COMPLETE", None);
        }
        (Phase::Forward, Act::Import) => {
            effects::import(state, index, logical)?;
            mark(state, index, logical, "IMPORT_COMPLETE", Some("Resource import completed."));
        }
        (Phase::Forward, Act::Modify) => {
            if let Some(old) = effects::update(state, index, logical)? {
                let reason = "Requested update requires the creation of a new physical resource; hence creating one.";
                mark(state, index, logical, "UPDATE_IN_PROGRESS", Some(reason));
                operation.replaced.push((logical.to_owned(), old));
            }
            mark(state, index, logical, "UPDATE_COMPLETE", None);
        }
        (_, Act::Remove) => {
            let old = operation.replaced.iter().find(|(name, _)| name == logical).map(|(_, old)| old.clone());
            effects::remove(state, index, logical, old.as_ref())?;
            mark_old(state, index, logical, old.as_ref(), "DELETE_COMPLETE");
            forget(state, index, logical, old.is_some());
        }
        _ => {
            effects::put_back(state, index, logical);
            mark(state, index, logical, "UPDATE_COMPLETE", None);
        }
    }
    Ok(())
}

/// What a resource of the wanted template looks like before anything is resolved.
pub fn wanted(state: &State, index: usize, logical: &str) -> Value {
    let source = &state.stacks[index].body.template["Resources"][logical];
    source.get("Properties").cloned().unwrap_or_else(|| json!({}))
}
