//! Executing a change set: only a complete one, only on the stack it was made for.

use serde_json::json;

use super::super::State;
use super::super::wire::{Outcome, Refusal, Reply, Request};
use super::model::{ChangeSet, Kind, OnFailure};
use super::{changesets, engine};

pub fn execute(state: &mut State, request: &Request) -> Outcome {
    let token = request.form.owned("ClientRequestToken");
    let named = changesets::named(state, request);
    // a repeated request is told so, even though its change set may be gone meanwhile
    if let Some(token) = &token
        && state.stacks.iter().any(|stack| stack.tokens.contains(token))
    {
        return Err(Refusal::new(400, "TokenAlreadyExistsException", format!("Token {token} already exists")));
    }
    let position = named?;
    let set = state.change_sets[position].clone();
    let index = state
        .stacks
        .iter()
        .position(|stack| stack.id == set.stack_id)
        .ok_or_else(|| Refusal::validation(format!("Stack [{}] does not exist", set.stack_name)))?;
    let invalid = |status: &str| {
        Err(Refusal::new(
            400,
            "InvalidChangeSetStatus",
            format!("ChangeSet [{}] cannot be executed in its current status of [{status}]", set.id),
        ))
    };
    if set.status() != "CREATE_COMPLETE" || set.course.len() > 1 {
        return invalid(set.status());
    }
    let stack = &state.stacks[index];
    if set.generation != stack.generation || set.execution == "OBSOLETE" {
        state.change_sets[position].execution = "OBSOLETE".to_owned();
        return invalid("OBSOLETE");
    }
    if set.execution != "AVAILABLE" {
        return invalid(&set.execution);
    }
    if set.kind == "UPDATE" {
        changesets::updatable(stack)?;
    }
    state.change_sets[position].execution = "EXECUTE_IN_PROGRESS".to_owned();
    for other in state.change_sets.iter_mut().filter(|other| other.stack_id == set.stack_id && other.id != set.id) {
        other.gone = true;
    }
    for change in set.changes.iter().filter(|change| change.drift.is_some()) {
        engine::undo_drift(state, index, &change.logical);
    }
    let stale = state.scripts.stale_reads;
    let before = state.stacks[index].status.clone();
    engine::start(state, index, begin(&set, request, token));
    if stale > 0 {
        state.stacks[index].stale = Some((stale, before));
    }
    Ok(Reply::query(request, &json!({})))
}

/// What the change set's operation begins with.
fn begin(set: &ChangeSet, request: &Request, token: Option<String>) -> engine::Start {
    let kind = match set.kind.as_str() {
        "CREATE" => Kind::Create,
        "IMPORT" => Kind::Import,
        _ => Kind::Update,
    };
    let imported = set.changes.iter().filter(|change| change.action == "Import");
    engine::Start {
        on_failure: match (set.on_failure.as_deref(), request.form.flag("DisableRollback")) {
            (Some("DELETE"), _) => OnFailure::Delete,
            (Some("DO_NOTHING"), _) | (_, true) => OnFailure::DoNothing,
            _ => OnFailure::Rollback,
        },
        token,
        change_set: Some(set.id.clone()),
        imports: imported.map(|change| (change.logical.clone(), change.physical.clone())).collect(),
        touched: set.changes.iter().filter(|c| c.drift.is_some()).map(|c| c.logical.clone()).collect(),
        ..engine::Start::new(kind, set.body.clone())
    }
}
