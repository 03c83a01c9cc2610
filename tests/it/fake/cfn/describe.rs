//! Change sets as they are read: their course, their pages, their property values.

use serde_json::{Value, json};

use super::super::State;
use super::super::wire::{Outcome, Reply, Request};
use super::model::{Change, ChangeSet, Detail};
use super::resolve::plain;
use super::{changesets, existing, page, params};

pub fn describe(state: &mut State, request: &Request) -> Outcome {
    let position = changesets::named(state, request)?;
    let token = request.form.get("NextToken");
    let steps = state.steps_per_poll;
    let size = state.page_size;
    let generation = {
        let id = &state.change_sets[position].stack_id;
        state.stacks.iter().find(|stack| stack.id == *id).map_or(0, |stack| stack.generation)
    };
    let root = state.change_sets[position].id.clone();
    if token.is_none() {
        for set in state.change_sets.iter_mut().filter(|set| set.id == root || set.root.as_ref() == Some(&root)) {
            advance(set, steps);
        }
    }
    let set = &mut state.change_sets[position];
    if set.execution == "AVAILABLE" && set.generation != generation {
        set.execution = "OBSOLETE".to_owned();
    }
    let set = state.change_sets[position].clone();
    let values = request.form.flag("IncludePropertyValues");
    let at_rest = set.course.len() == 1;
    let dropped =
        |change: &&Change| values && state.scripts.dropped.contains(&(set.stack_name.clone(), change.logical.clone()));
    let lost: Vec<String> = set.changes.iter().filter(dropped).map(|change| change.logical.clone()).collect();
    let changes = set.changes.iter().filter(|change| at_rest && !dropped(change)).cloned().collect();
    let (changes, next) = page(changes, token, size)?;
    let mut shown = shown(&set, &changes, values);
    shown["NextToken"] = json!(next);
    if !lost.is_empty() && at_rest {
        shown["StatusReason"] = json!(format!(
            "[WARN] --include-property-values option can return incomplete ChangeSet data because: Logical Id: {}, failed property validation",
            lost.join(", ")
        ));
    }
    Ok(Reply::query(request, &shown))
}

fn advance(set: &mut ChangeSet, steps: usize) {
    for _ in 0..steps {
        if set.course.len() > 1 {
            set.course.pop_front();
        }
    }
}

fn shown(set: &ChangeSet, changes: &[Change], values: bool) -> Value {
    let at_rest = set.course.len() == 1;
    json!({
        "ChangeSetName": set.name,
        "ChangeSetId": set.id,
        "StackId": set.stack_id,
        "StackName": set.stack_name,
        "Description": set.description,
        "Parameters": params::shown(&set.body),
        "CreationTime": set.created,
        "ExecutionStatus": if at_rest { set.execution.as_str() } else { "UNAVAILABLE" },
        "Status": set.status(),
        "StatusReason": set.reason(),
        "StackDriftStatus": set.drift,
        "NotificationARNs": set.body.notifications,
        "RollbackConfiguration": {},
        "Capabilities": set.body.capabilities,
        "Tags": params::shown_tags(&set.body),
        "Changes": changes.iter().map(|change| json!({"Type": "Resource", "ResourceChange": resource_change(change, values)})).collect::<Vec<_>>(),
        "IncludeNestedStacks": set.nested,
        "ParentChangeSetId": set.parent,
        "RootChangeSetId": set.root,
        "OnStackFailure": set.on_failure,
        "ImportExistingResources": set.import_existing,
        "DeploymentMode": set.mode,
    })
}

fn resource_change(change: &Change, values: bool) -> Value {
    let text = |value: &Option<Value>| value.as_ref().filter(|_| values).map(Value::to_string);
    let mut details: Vec<Value> = change.details.iter().map(|detail| shown_detail(detail, values)).collect();
    details.dedup();
    json!({
        "PolicyAction": change.policy,
        "Action": change.action,
        "LogicalResourceId": change.logical,
        "PhysicalResourceId": change.physical,
        "ResourceType": change.kind,
        "Replacement": change.replacement,
        "Scope": change.scope,
        "ResourceDriftStatus": change.drift,
        "Details": details,
        "ChangeSetId": change.child,
        "BeforeContext": text(&change.before),
        "AfterContext": text(&change.after),
        "PreviousDeploymentContext": text(&change.previous_deployment),
    })
}

fn shown_detail(detail: &Detail, values: bool) -> Value {
    let property = detail.attribute == "Properties" && detail.name.is_some();
    let mut target = json!({
        "Attribute": detail.attribute,
        "Name": detail.name,
        "RequiresRecreation": property.then_some(&detail.recreation),
    });
    if values {
        let kind = match (&detail.before, &detail.after) {
            _ if detail.source == "NoModification" => "SyncWithActual",
            (None, _) => "Add",
            (_, None) => "Remove",
            _ => "Modify",
        };
        target["Path"] = json!(detail.path);
        target["BeforeValue"] = json!(detail.actual.as_ref().or(detail.before.as_ref()).map(plain));
        target["AfterValue"] = json!(detail.after.as_ref().map(plain));
        target["AttributeChangeType"] = json!(kind);
        if let Some(actual) = &detail.actual {
            target["BeforeValueFrom"] = json!("ACTUAL_STATE");
            target["AfterValueFrom"] = json!("TEMPLATE");
            target["Drift"] = json!({"PreviousValue": detail.before.as_ref().map(plain), "ActualValue": plain(actual)});
        }
    }
    json!({
        "Evaluation": detail.evaluation,
        "ChangeSource": detail.source,
        "CausingEntity": detail.causing,
        "Target": target,
    })
}

pub fn list(state: &mut State, request: &Request) -> Outcome {
    let name = request.form.get("StackName").unwrap_or_default();
    let id = state.stacks[existing(state, request, name)?].id.clone();
    let sets = state.change_sets.iter().filter(|set| !set.gone && set.stack_id == id);
    let summaries = sets
        .map(|set| {
            json!({
                "StackId": set.stack_id, "StackName": set.stack_name, "ChangeSetId": set.id, "ChangeSetName": set.name,
                "ExecutionStatus": set.execution, "Status": set.status(), "StatusReason": set.reason(),
                "CreationTime": set.created, "Description": set.description, "IncludeNestedStacks": set.nested,
                "ParentChangeSetId": set.parent, "RootChangeSetId": set.root,
            })
        })
        .collect();
    let (summaries, next) = page::<Value>(summaries, request.form.get("NextToken"), state.page_size)?;
    Ok(Reply::query(request, &json!({"Summaries": summaries, "NextToken": next})))
}
