//! Writing stacks directly: create, update, delete, roll back, continue, cancel, protect.

use serde_json::json;

use super::super::State;
use super::super::wire::{Outcome, Refusal, Reply, Request};
use super::engine::{self, Start};
use super::model::{Body, Kind, OnFailure, Operation, Phase};
use super::{changes, changesets, existing, find, params};

/// Refuses a token that was used before.
fn fresh_token(state: &State, request: &Request) -> Result<Option<String>, Refusal> {
    let token = request.form.owned("ClientRequestToken");
    match &token {
        Some(used) if state.stacks.iter().any(|stack| stack.tokens.contains(used)) => {
            Err(Refusal::new(400, "TokenAlreadyExistsException", format!("Token {used} already exists")))
        }
        _ => Ok(token),
    }
}

fn on_failure(request: &Request) -> OnFailure {
    match (request.form.get("OnFailure"), request.form.flag("DisableRollback")) {
        (Some("DELETE"), _) => OnFailure::Delete,
        (Some("DO_NOTHING"), _) | (_, true) => OnFailure::DoNothing,
        _ => OnFailure::Rollback,
    }
}

pub fn create(state: &mut State, request: &Request) -> Outcome {
    let name = request.form.get("StackName").unwrap_or_default().to_owned();
    let token = fresh_token(state, request)?;
    if find(state, request, &name).is_some() {
        return Err(Refusal::new(400, "AlreadyExistsException", format!("Stack [{name}] already exists")));
    }
    let body = params::wanted(state, request, &Body::default())?;
    let index = engine::new_stack(state, &request.place(), &name, None);
    state.stacks[index].termination_protection = request.form.flag("EnableTerminationProtection");
    let mut start = Start::new(Kind::Create, body);
    start.on_failure = on_failure(request);
    start.token = token;
    engine::start(state, index, start);
    Ok(Reply::query(request, &json!({"StackId": state.stacks[index].id})))
}

pub fn update(state: &mut State, request: &Request) -> Outcome {
    let name = request.form.get("StackName").unwrap_or_default();
    let token = fresh_token(state, request)?;
    let index = existing(state, request, name)?;
    changesets::updatable(&state.stacks[index])?;
    let stack = state.stacks[index].clone();
    let body = params::wanted(state, request, &stack.body)?;
    let changes = changes::compute(state, &stack, &stack.body, &body).map_err(Refusal::validation)?;
    let outputs = |body: &Body| changes::wanted_outputs(state, &stack, &stack.body, body).map_err(Refusal::validation);
    let same_rest = outputs(&body)? == outputs(&stack.body)? && body.tags == stack.body.tags;
    if changes.is_empty() && same_rest && body.notifications == stack.body.notifications {
        return Err(Refusal::validation("No updates are to be performed."));
    }
    let mut start = Start::new(Kind::Update, body);
    start.on_failure = on_failure(request);
    start.token = token;
    engine::start(state, index, start);
    Ok(Reply::query(request, &json!({"StackId": state.stacks[index].id})))
}

pub fn delete(state: &mut State, request: &Request) -> Outcome {
    let name = request.form.get("StackName").unwrap_or_default();
    let done = Ok(Reply::query(request, &json!({})));
    let Some(index) = find(state, request, name) else { return done };
    let stack = &state.stacks[index];
    if stack.is_gone() || stack.status == "DELETE_IN_PROGRESS" {
        return done;
    }
    if stack.termination_protection {
        return Err(Refusal::validation(format!(
            "Stack [{}] cannot be deleted while TerminationProtection is enabled",
            stack.name
        )));
    }
    let retain: super::super::Names = request.form.list("RetainResources").into_iter().collect();
    let forced = request.form.get("DeletionMode") == Some("FORCE_DELETE_STACK");
    if (!retain.is_empty() || forced) && stack.status != "DELETE_FAILED" {
        return Err(Refusal::validation(format!(
            "Invalid operation on stack [{}]: specify which resources to retain only when the stack is in the DELETE_FAILED state.",
            stack.id
        )));
    }
    let token = fresh_token(state, request)?;
    let stack = &state.stacks[index];
    let mut start = Start::new(Kind::Delete, Body::default());
    start.token = token;
    start.retain = retain;
    if forced {
        let stuck = stack.body.resources.iter().filter(|(_, resource)| resource.status == "DELETE_FAILED");
        start.retain.extend(stuck.map(|(logical, _)| logical.clone()));
    }
    if let Some(role) = request.form.owned("RoleARN") {
        state.stacks[index].body.role = Some(role);
    }
    engine::start(state, index, start);
    done
}

/// The operation to turn round: the one that halted, or one that only ends well.
fn halted(state: &mut State, index: usize) -> Operation {
    let stack = &mut state.stacks[index];
    let kind = if stack.status.starts_with("CREATE") { Kind::Create } else { Kind::Update };
    if stack.previous.is_none() {
        stack.previous = Some(Box::new(stack.body.clone()));
    }
    stack.halted.take().unwrap_or_else(|| Operation {
        kind,
        phase: Phase::Rollback,
        pending: Vec::new(),
        begun: Vec::new(),
        done: Vec::new(),
        cleanup: Vec::new(),
        replaced: Vec::new(),
        on_failure: OnFailure::Rollback,
        change_set: None,
        retain: super::super::Names::new(),
        skip: super::super::Names::new(),
        failed: Vec::new(),
        idle_steps: 1,
    })
}

pub fn continue_rollback(state: &mut State, request: &Request) -> Outcome {
    let name = request.form.get("StackName").unwrap_or_default();
    let index = existing(state, request, name)?;
    let stack = &state.stacks[index];
    if stack.status != "UPDATE_ROLLBACK_FAILED" {
        return Err(Refusal::validation(format!(
            "Stack:{} is in {} state and can not continue rollback.",
            stack.id, stack.status
        )));
    }
    let token = fresh_token(state, request)?;
    let mut operation = halted(state, index);
    operation.skip = request.form.list("ResourcesToSkip").into_iter().collect();
    if request.form.flag("ForceRollback") {
        operation.skip.extend(operation.failed.iter().cloned());
    }
    let cleanup = std::mem::take(&mut operation.cleanup);
    begin_back(state, index, operation, token);
    if let Some(operation) = &mut state.stacks[index].operation {
        operation.cleanup = cleanup;
    }
    Ok(Reply::query(request, &json!({})))
}

pub fn rollback(state: &mut State, request: &Request) -> Outcome {
    let name = request.form.get("StackName").unwrap_or_default();
    let index = existing(state, request, name)?;
    let stack = &state.stacks[index];
    if !matches!(stack.status.as_str(), "CREATE_FAILED" | "UPDATE_FAILED") {
        return Err(Refusal::validation(format!(
            "Stack [{}] is in {} state and cannot be rolled back.",
            stack.name, stack.status
        )));
    }
    let token = fresh_token(state, request)?;
    let operation = halted(state, index);
    begin_back(state, index, operation, token);
    Ok(Reply::query(
        request,
        &json!({"StackId": state.stacks[index].id, "OperationId": state.stacks[index].operation_id}),
    ))
}

fn begin_back(state: &mut State, index: usize, mut operation: Operation, token: Option<String>) {
    let stack = &mut state.stacks[index];
    stack.generation += 1;
    stack.token.clone_from(&token);
    stack.tokens.extend(token);
    operation.on_failure = OnFailure::Rollback;
    engine::go_back(state, index, &mut operation, Some("User Initiated"));
    state.stacks[index].operation = Some(operation);
}

pub fn cancel(state: &mut State, request: &Request) -> Outcome {
    let name = request.form.get("StackName").unwrap_or_default();
    let index = existing(state, request, name)?;
    let stack = &mut state.stacks[index];
    let operation = stack.operation.take();
    match operation {
        Some(mut operation) if stack.status == "UPDATE_IN_PROGRESS" => {
            operation.on_failure = OnFailure::Rollback;
            engine::go_back(state, index, &mut operation, Some("User Initiated"));
            state.stacks[index].operation = Some(operation);
            Ok(Reply::query(request, &json!({})))
        }
        other => {
            stack.operation = other;
            let status = &stack.status;
            Err(Refusal::validation(format!("CancelUpdateStack cannot be called from current stack status {status}")))
        }
    }
}

pub fn protect(state: &mut State, request: &Request) -> Outcome {
    let name = request.form.get("StackName").unwrap_or_default();
    let index = existing(state, request, name)?;
    state.stacks[index].termination_protection = request.form.flag("EnableTerminationProtection");
    Ok(Reply::query(request, &json!({"StackId": state.stacks[index].id})))
}

pub fn set_policy(state: &mut State, request: &Request) -> Outcome {
    let name = request.form.get("StackName").unwrap_or_default();
    let index = existing(state, request, name)?;
    state.stacks[index].policy = request.form.owned("StackPolicyBody");
    Ok(Reply::query(request, &json!({})))
}
