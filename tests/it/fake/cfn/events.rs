//! Events: of a stack, newest first, and of an operation, with what validation found.

use serde_json::{Value, json};

use super::super::State;
use super::super::wire::{Outcome, Refusal, Reply, Request};
use super::model::{Event, Stack};
use super::{changesets, find, page, poll};

pub fn describe(state: &mut State, request: &Request) -> Outcome {
    let name = request.form.get("StackName").unwrap_or_default();
    let index =
        find(state, request, name).ok_or_else(|| Refusal::validation(format!("Stack [{name}] does not exist")))?;
    let token = request.form.get("NextToken");
    if token.is_none() {
        poll(state, index);
    }
    let stack = &state.stacks[index];
    let events = stack.events.iter().rev().map(|event| shown(stack, event)).collect();
    let (events, next) = page::<Value>(events, token, state.page_size)?;
    Ok(Reply::query(request, &json!({"StackEvents": events, "NextToken": next})))
}

fn shown(stack: &Stack, event: &Event) -> Value {
    json!({
        "StackId": stack.id,
        "EventId": event.id,
        "StackName": stack.name,
        "OperationId": event.operation,
        "LogicalResourceId": event.logical,
        "PhysicalResourceId": event.physical,
        "ResourceType": event.kind,
        "Timestamp": event.at,
        "ResourceStatus": event.status,
        "ResourceStatusReason": event.reason,
        "ResourceProperties": event.properties,
        "ClientRequestToken": event.token,
    })
}

/// DescribeEvents: by stack, change set or operation; optionally only what failed.
pub fn describe_events(state: &mut State, request: &Request) -> Outcome {
    let only_failed = request.form.get("Filters.FailedEvents") == Some("true");
    let mut events = Vec::new();
    if request.form.has("ChangeSetName") {
        let set = &state.change_sets[changesets::named(state, request)?];
        if let Some((path, reason, name)) = &set.validation {
            events.push(json!({
                "EventId": format!("validation-{}", set.name),
                "StackId": set.stack_id,
                "OperationId": set.id,
                "OperationType": "CREATE_CHANGESET",
                "OperationStatus": "FAILED",
                "EventType": "VALIDATION_ERROR",
                "LogicalResourceId": path.split('/').nth(2),
                "Timestamp": set.created,
                "ValidationFailureMode": "FAIL",
                "ValidationName": name.rsplit("::").next(),
                "ValidationStatus": "FAILED",
                "ValidationStatusReason": reason,
                "ValidationPath": path,
            }));
        }
    } else {
        let operation = request.form.get("OperationId");
        let stack = match request.form.get("StackName") {
            Some(name) => find(state, request, name),
            None => state.stacks.iter().position(|s| s.events.iter().any(|e| Some(e.operation.as_str()) == operation)),
        };
        let stack = stack.ok_or_else(|| Refusal::validation("The stack or operation does not exist"))?;
        let stack = &state.stacks[stack];
        let wanted = |event: &&Event| {
            operation.is_none_or(|id| id == event.operation) && (!only_failed || event.status.ends_with("_FAILED"))
        };
        for event in stack.events.iter().rev().filter(wanted) {
            let kind = stack.last_operations.iter().find(|(_, id)| *id == event.operation).map(|(kind, _)| kind);
            let failed = event.status.ends_with("_FAILED");
            let mut row = shown(stack, event);
            row["OperationType"] = json!(kind);
            row["EventType"] = json!(if failed { "PROVISIONING_ERROR" } else { "STACK_EVENT" });
            events.push(row);
        }
    }
    let (events, next) = page::<Value>(events, request.form.get("NextToken"), state.page_size)?;
    Ok(Reply::query(request, &json!({"OperationEvents": events, "NextToken": next})))
}
