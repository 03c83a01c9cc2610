//! The engine: an operation moves a stack from one body to another, wave by wave, one step per poll.

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::{Names, Place, State};
use super::model::{Act, Body, Event, Item, Kind, OnFailure, Operation, Phase, Stack};
use super::resolve::plain;
use super::waves::{self, Progress};
use super::{changes, effects};

/// What an operation begins with.
pub struct Start {
    pub kind: Kind,
    pub body: Body,
    pub on_failure: OnFailure,
    pub token: Option<String>,
    pub change_set: Option<String>,
    /// Logical id → physical id of what is imported.
    pub imports: BTreeMap<String, Option<String>>,
    /// Updated even though nothing in the template says so.
    pub touched: Names,
    pub retain: Names,
}

impl Start {
    pub fn new(kind: Kind, body: Body) -> Self {
        Start {
            kind,
            body,
            on_failure: OnFailure::Rollback,
            token: None,
            change_set: None,
            imports: BTreeMap::new(),
            touched: Names::new(),
            retain: Names::new(),
        }
    }
}

/// A new, empty stack; `above` is (parent, root).
pub fn new_stack(state: &mut State, place: &Place, name: &str, above: Option<(String, String)>) -> usize {
    let id = format!("arn:aws:cloudformation:{}:{}:stack/{name}/{}", place.region, place.account, state.uuid());
    let created = state.now();
    let operation_id = state.uuid();
    let (parent, root) = above.unzip();
    let place = Some(place.clone());
    let stack = Stack { id, name: name.to_owned(), place, created, operation_id, parent, root, ..Stack::default() };
    state.stacks.push(stack);
    state.stacks.len() - 1
}

/// Sets the stack's status and says so in an event.
pub fn set_status(state: &mut State, index: usize, status: &str, reason: Option<&str>) {
    let stack = &mut state.stacks[index];
    stack.status = status.to_owned();
    stack.reason = reason.map(str::to_owned);
    let (name, id) = (stack.name.clone(), stack.id.clone());
    event(state, index, &name, &id, "AWS::CloudFormation::Stack", status, reason, None);
}

/// Writes an event of the running operation.
#[expect(clippy::too_many_arguments, reason = "an event has that many columns")]
pub fn event(
    state: &mut State,
    index: usize,
    logical: &str,
    physical: &str,
    kind: &str,
    status: &str,
    reason: Option<&str>,
    properties: Option<String>,
) {
    let at = state.now();
    let number = state.id();
    let stack = &mut state.stacks[index];
    stack.events.push(Event {
        id: format!("{logical}-{status}-{number:06}"),
        logical: logical.to_owned(),
        physical: physical.to_owned(),
        kind: kind.to_owned(),
        at,
        status: status.to_owned(),
        reason: reason.map(str::to_owned),
        properties,
        token: stack.token.clone(),
        operation: stack.operation_id.clone(),
    });
}

/// Begins an operation: the first status is there at once, the rest comes with polls.
pub fn start(state: &mut State, index: usize, start: Start) {
    let (word, operation_type) = match start.kind {
        Kind::Create => ("CREATE_IN_PROGRESS", "CREATE_STACK"),
        Kind::Update => ("UPDATE_IN_PROGRESS", "UPDATE_STACK"),
        Kind::Import => ("IMPORT_IN_PROGRESS", "UPDATE_STACK"),
        Kind::Delete => ("DELETE_IN_PROGRESS", "DELETE_STACK"),
    };
    let items = items(state, index, &start);
    let now = state.now();
    new_operation_id(state, index, operation_type);
    let stack = &mut state.stacks[index];
    stack.generation += 1;
    stack.token.clone_from(&start.token);
    stack.tokens.extend(start.token);
    stack.halted = None;
    if start.kind != Kind::Delete {
        if start.kind != Kind::Create || start.change_set.is_some() {
            stack.updated = Some(now);
        }
        let previous = std::mem::replace(&mut stack.body, start.body);
        stack.body.resources.clone_from(&previous.resources);
        stack.body.outputs.clone_from(&previous.outputs);
        stack.previous = Some(Box::new(previous));
        stack.disable_rollback = start.on_failure == OnFailure::DoNothing;
    }
    let (cleanup, pending) = items.into_iter().partition(|item| item.act == Act::Remove && start.kind != Kind::Delete);
    let pending: Vec<Item> = pending;
    let idle = pending.is_empty();
    stack.operation = Some(Operation {
        kind: start.kind,
        phase: Phase::Forward,
        pending,
        begun: Vec::new(),
        done: Vec::new(),
        cleanup,
        replaced: Vec::new(),
        on_failure: start.on_failure,
        change_set: start.change_set,
        retain: start.retain,
        skip: Names::new(),
        failed: Vec::new(),
        idle_steps: usize::from(idle),
    });
    for (logical, physical) in start.imports {
        effects::prepare_import(&mut stack.body, &logical, physical);
    }
    set_status(state, index, word, Some("User Initiated"));
}

fn new_operation_id(state: &mut State, index: usize, operation_type: &str) {
    let id = state.uuid();
    let stack = &mut state.stacks[index];
    stack.operation_id.clone_from(&id);
    stack.last_operations.insert(0, (operation_type.to_owned(), id));
    stack.last_operations.truncate(4);
}

/// What there is to do; an update that cannot be worked out touches every resource, and fails there.
fn items(state: &State, index: usize, start: &Start) -> Vec<Item> {
    let stack = &state.stacks[index];
    let item = |logical: &String, act| Item { logical: logical.clone(), act };
    if start.kind == Kind::Delete {
        return stack.body.resources.keys().map(|logical| item(logical, Act::Remove)).collect();
    }
    let Ok(changes) = changes::compute(state, stack, &stack.body, &start.body) else {
        let all = start.body.template["Resources"].as_object().cloned().unwrap_or_default();
        let act = |logical: &String| if stack.body.resources.contains_key(logical) { Act::Modify } else { Act::Add };
        return all.keys().map(|logical| item(logical, act(logical))).collect();
    };
    let mut items: Vec<Item> = changes
        .iter()
        .map(|change| {
            let act = match change.action.as_str() {
                _ if start.imports.contains_key(&change.logical) => Act::Import,
                "Add" => Act::Add,
                "Remove" => Act::Remove,
                _ => Act::Modify,
            };
            item(&change.logical, act)
        })
        .collect();
    for logical in start.touched.iter().filter(|logical| stack.body.resources.contains_key(*logical)) {
        if !items.iter().any(|item| item.logical == *logical) {
            items.push(item(logical, Act::Modify));
        }
    }
    items
}

/// One step of a stack's operation.
pub fn step(state: &mut State, index: usize) {
    let Some(mut operation) = state.stacks[index].operation.take() else { return };
    if operation.idle_steps > 0 {
        operation.idle_steps -= 1;
        state.stacks[index].operation = Some(operation);
        return;
    }
    let untouched = operation.done.is_empty() && operation.begun.is_empty();
    if operation.kind == Kind::Delete
        && untouched
        && let Some(reason) = effects::exports_in_use(state, index, &[])
    {
        set_status(state, index, "DELETE_FAILED", Some(&reason));
        return;
    }
    let goes_on = match waves::advance(state, index, &mut operation) {
        Progress::Working => true,
        Progress::Failed => fail(state, index, &mut operation, None),
        Progress::Done => next_phase(state, index, &mut operation),
    };
    if goes_on {
        state.stacks[index].operation = Some(operation);
    }
}

/// The operation's forward half failed: back, stay, or away. Answers whether the operation goes on.
pub fn fail(state: &mut State, index: usize, operation: &mut Operation, reason: Option<String>) -> bool {
    let verb = match operation.kind {
        Kind::Create => "create",
        Kind::Import => "import",
        _ => "update",
    };
    let reason = reason
        .unwrap_or_else(|| format!("The following resource(s) failed to {verb}: [{}]. ", operation.failed.join(", ")));
    if operation.on_failure == OnFailure::DoNothing {
        let status = if operation.kind == Kind::Create { "CREATE_FAILED" } else { "UPDATE_FAILED" };
        set_status(state, index, status, Some(&reason));
        close_change_set(state, operation, "EXECUTE_FAILED");
        state.stacks[index].halted = Some(operation.clone());
        return false;
    }
    let reason = if operation.kind == Kind::Create { format!("{reason}Rollback requested by user.") } else { reason };
    go_back(state, index, operation, Some(&reason));
    true
}

/// Turns an operation round.
pub fn go_back(state: &mut State, index: usize, operation: &mut Operation, reason: Option<&str>) {
    new_operation_id(state, index, "ROLLBACK");
    let status = match (operation.kind, operation.on_failure) {
        (Kind::Create, OnFailure::Delete) => "DELETE_IN_PROGRESS",
        (Kind::Create, _) => "ROLLBACK_IN_PROGRESS",
        (Kind::Import, _) => "IMPORT_ROLLBACK_IN_PROGRESS",
        _ => "UPDATE_ROLLBACK_IN_PROGRESS",
    };
    set_status(state, index, status, reason);
    let before = state.stacks[index].previous.clone().unwrap_or_default();
    let touched: Vec<Item> = operation.done.drain(..).chain(operation.begun.drain(..)).collect();
    let failed: Vec<Item> = operation.failed.drain(..).map(|logical| Item { logical, act: Act::Modify }).collect();
    operation.pending.clear();
    operation.cleanup.clear();
    for item in touched.into_iter().chain(failed) {
        if before.resources.contains_key(&item.logical) {
            operation.pending.push(Item { act: Act::Modify, ..item });
        } else if item.act != Act::Import && state.stacks[index].body.resources.contains_key(&item.logical) {
            operation.cleanup.push(Item { act: Act::Remove, ..item });
        }
    }
    if operation.kind == Kind::Create {
        operation.phase = Phase::RollbackCleanup;
        operation.pending = std::mem::take(&mut operation.cleanup);
    } else {
        operation.phase = Phase::Rollback;
    }
}

fn next_phase(state: &mut State, index: usize, operation: &mut Operation) -> bool {
    let failed = !operation.failed.is_empty();
    let names = operation.failed.join(", ");
    match (operation.kind, operation.phase) {
        (Kind::Delete, _) if failed => {
            let reason = format!("The following resource(s) failed to delete: [{names}]. ");
            end(state, index, operation, "DELETE_FAILED", Some(&reason))
        }
        (Kind::Delete, _) => delete_done(state, index, operation),
        (Kind::Create, Phase::RollbackCleanup) if failed => {
            let reason = format!("The following resource(s) failed to delete: [{names}]. ");
            end(state, index, operation, "ROLLBACK_FAILED", Some(&reason))
        }
        (Kind::Create, Phase::RollbackCleanup) if operation.on_failure == OnFailure::Delete => {
            delete_done(state, index, operation)
        }
        (Kind::Create, Phase::RollbackCleanup) => end(state, index, operation, "ROLLBACK_COMPLETE", None),
        (_, Phase::Forward) => forward_done(state, index, operation),
        (_, Phase::Cleanup) => end(state, index, operation, "UPDATE_COMPLETE", None),
        (_, Phase::Rollback) if failed => {
            let reason = format!("The following resource(s) failed to update: [{names}]. ");
            state.stacks[index].halted = Some(operation.clone());
            end(state, index, operation, "UPDATE_ROLLBACK_FAILED", Some(&reason))
        }
        (Kind::Import, Phase::Rollback) => back_again(state, index, operation, "IMPORT_ROLLBACK_COMPLETE"),
        (_, Phase::Rollback) => {
            set_status(state, index, "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", None);
            operation.phase = Phase::RollbackCleanup;
            operation.pending = std::mem::take(&mut operation.cleanup);
            true
        }
        (_, Phase::RollbackCleanup) => back_again(state, index, operation, "UPDATE_ROLLBACK_COMPLETE"),
    }
}

fn forward_done(state: &mut State, index: usize, operation: &mut Operation) -> bool {
    if let Err(reason) = effects::settle_outputs(state, index) {
        return fail(state, index, operation, Some(reason));
    }
    match operation.kind {
        Kind::Create => end(state, index, operation, "CREATE_COMPLETE", None),
        Kind::Import => end(state, index, operation, "IMPORT_COMPLETE", None),
        _ if operation.cleanup.is_empty() && operation.replaced.is_empty() => {
            end(state, index, operation, "UPDATE_COMPLETE", None)
        }
        _ => {
            set_status(state, index, "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", None);
            operation.phase = Phase::Cleanup;
            operation.pending = std::mem::take(&mut operation.cleanup);
            let old = operation.replaced.iter().map(|(logical, _)| Item { logical: logical.clone(), act: Act::Remove });
            operation.pending.extend(old);
            true
        }
    }
}

fn back_again(state: &mut State, index: usize, operation: &mut Operation, status: &str) -> bool {
    if let Some(previous) = state.stacks[index].previous.take() {
        state.stacks[index].body = *previous;
    }
    end(state, index, operation, status, None)
}

fn delete_done(state: &mut State, index: usize, operation: &mut Operation) -> bool {
    let now = state.now();
    let id = state.stacks[index].id.clone();
    state.change_sets.iter_mut().filter(|set| set.stack_id == id).for_each(|set| set.gone = true);
    state.stacks[index].deleted = Some(now);
    state.stacks[index].body.outputs.clear();
    end(state, index, operation, "DELETE_COMPLETE", None)
}

fn end(state: &mut State, index: usize, operation: &Operation, status: &str, reason: Option<&str>) -> bool {
    set_status(state, index, status, reason);
    let fine = matches!(status, "CREATE_COMPLETE" | "UPDATE_COMPLETE" | "IMPORT_COMPLETE");
    close_change_set(state, operation, if fine { "EXECUTE_COMPLETE" } else { "EXECUTE_FAILED" });
    false
}

fn close_change_set(state: &mut State, operation: &Operation, execution: &str) {
    if let Some(set) = state.change_sets.iter_mut().find(|set| Some(&set.id) == operation.change_set.as_ref()) {
        set.execution = execution.to_owned();
    }
}

/// The resource is as its template says again.
pub fn undo_drift(state: &mut State, index: usize, logical: &str) {
    let stack = &mut state.stacks[index];
    if let Some(super::model::Drifted::Deleted) = stack.drifted.remove(logical) {
        stack.body.resources.remove(logical);
    }
}

/// An object's values as text, for the parameters of a nested stack.
pub fn texts(value: &Value) -> BTreeMap<String, String> {
    value.as_object().into_iter().flatten().map(|(key, value)| (key.clone(), plain(value))).collect()
}
