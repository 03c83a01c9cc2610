//! Drift: classic detection, and change sets that bring drifted resources back.

use serde_json::{Value, json};

use super::super::State;
use super::super::wire::{Outcome, Refusal, Reply, Request};
use super::model::{Change, ChangeSet, Detail, Drifted, Stack};
use super::resolve::plain;
use super::{existing, page};

/// A detection under way.
#[derive(Clone, Debug)]
pub struct Detection {
    pub stack: usize,
    pub polls_left: usize,
}

/// Counts as drift (what cannot be told does not).
pub fn counts(drifted: &Drifted) -> bool {
    !matches!(drifted, Drifted::Unknown)
}

pub fn detect(state: &mut State, request: &Request) -> Outcome {
    let name = request.form.get("StackName").unwrap_or_default();
    let stack = existing(state, request, name)?;
    let status = &state.stacks[stack].status;
    if !matches!(
        status.as_str(),
        "CREATE_COMPLETE" | "UPDATE_COMPLETE" | "UPDATE_ROLLBACK_COMPLETE" | "UPDATE_ROLLBACK_FAILED"
    ) {
        return Err(Refusal::validation(format!("Drift detection cannot be performed on stack in {status} state")));
    }
    let id = state.uuid();
    state.detections.insert(id.clone(), Detection { stack, polls_left: 1 });
    Ok(Reply::query(request, &json!({"StackDriftDetectionId": id})))
}

pub fn status(state: &mut State, request: &Request) -> Outcome {
    let id = request.form.get("StackDriftDetectionId").unwrap_or_default();
    let now = state.now();
    let steps = state.steps_per_poll;
    let detection = state.detections.get_mut(id).ok_or_else(|| Refusal::validation(format!("No detection {id}")))?;
    let busy = detection.polls_left > 0;
    detection.polls_left = detection.polls_left.saturating_sub(steps);
    let stack = &state.stacks[detection.stack];
    let count = stack.drifted.values().filter(|drifted| counts(drifted)).count();
    let drift = if count > 0 { "DRIFTED" } else { "IN_SYNC" };
    Ok(Reply::query(
        request,
        &json!({
            "StackId": stack.id,
            "StackDriftDetectionId": id,
            "StackDriftStatus": (!busy).then_some(drift),
            "DetectionStatus": if busy { "DETECTION_IN_PROGRESS" } else { "DETECTION_COMPLETE" },
            "DriftedStackResourceCount": (!busy).then_some(count),
            "Timestamp": now,
        }),
    ))
}

pub fn resources(state: &mut State, request: &Request) -> Outcome {
    let name = request.form.get("StackName").unwrap_or_default();
    let filters = request.form.list("StackResourceDriftStatusFilters");
    let now = state.now();
    let stack = &state.stacks[existing(state, request, name)?];
    let mut rows = Vec::new();
    for (logical, resource) in &stack.body.resources {
        let (status, differences) = match stack.drifted.get(logical) {
            None => ("IN_SYNC", Vec::new()),
            Some(Drifted::Deleted) => ("DELETED", Vec::new()),
            Some(Drifted::Unknown) => ("UNKNOWN", Vec::new()),
            Some(Drifted::Modified(paths)) => (
                "MODIFIED",
                paths
                    .iter()
                    .map(|(path, actual)| {
                        let expected = resource.properties.pointer(path);
                        let kind = if expected.is_some() { "NOT_EQUAL" } else { "ADD" };
                        json!({
                            "PropertyPath": path, "ActualValue": plain(actual), "DifferenceType": kind,
                            "ExpectedValue": expected.map(plain).unwrap_or_default(),
                        })
                    })
                    .collect(),
            ),
        };
        if filters.is_empty() || filters.iter().any(|filter| filter == status) {
            rows.push(json!({
                "StackId": stack.id, "LogicalResourceId": logical, "PhysicalResourceId": resource.physical,
                "ResourceType": resource.kind, "ExpectedProperties": resource.properties.to_string(),
                "ActualProperties": actual(&resource.properties, stack.drifted.get(logical)).to_string(),
                "PropertyDifferences": differences, "StackResourceDriftStatus": status, "Timestamp": now,
            }));
        }
    }
    let (rows, next) = page::<Value>(rows, request.form.get("NextToken"), state.page_size)?;
    Ok(Reply::query(request, &json!({"StackResourceDrifts": rows, "NextToken": next})))
}

/// The properties as they really are.
fn actual(properties: &Value, drifted: Option<&Drifted>) -> Value {
    let mut out = properties.clone();
    if let Some(Drifted::Modified(paths)) = drifted {
        for (path, value) in paths {
            match out.pointer_mut(path) {
                Some(slot) => *slot = value.clone(),
                None => out[path.trim_start_matches('/')] = value.clone(),
            }
        }
    }
    out
}

/// Adds to a change set what brings drifted resources back, as DeploymentMode REVERT_DRIFT does.
pub fn revert(stack: &Stack, set: &mut ChangeSet) {
    let drifted = stack.drifted.values().any(counts);
    set.drift = Some(if drifted { "DRIFTED" } else { "IN_SYNC" }.to_owned());
    for (logical, drift) in &stack.drifted {
        let Some(resource) = stack.body.resources.get(logical) else { continue };
        let position = set.changes.iter().position(|change| change.logical == *logical);
        let mut change = match position {
            Some(position) => set.changes.remove(position),
            None => Change {
                action: "Modify".to_owned(),
                logical: logical.clone(),
                physical: Some(resource.physical.clone()),
                kind: resource.kind.clone(),
                replacement: Some("False".to_owned()),
                scope: vec!["Properties".to_owned()],
                after: Some(json!({"Properties": resource.properties})),
                ..Change::default()
            },
        };
        change.previous_deployment = Some(json!({"Properties": resource.properties}));
        match drift {
            Drifted::Unknown => continue,
            Drifted::Deleted => {
                change.action = "Add".to_owned();
                change.physical = None;
                change.replacement = None;
                change.scope.clear();
                change.drift = Some("DELETED".to_owned());
            }
            Drifted::Modified(paths) => {
                change.drift = Some("MODIFIED".to_owned());
                change.before = Some(json!({"Properties": actual(&resource.properties, Some(drift))}));
                change
                    .details
                    .extend(paths.iter().map(|(path, value)| detail(resource.properties.pointer(path), path, value)));
            }
        }
        set.changes.push(change);
    }
    set.changes.sort_by(|a, b| a.logical.cmp(&b.logical));
}

fn detail(expected: Option<&Value>, path: &str, actual: &Value) -> Detail {
    Detail {
        attribute: "Properties".to_owned(),
        name: path.split('/').nth(1).map(str::to_owned),
        path: Some(format!("/Properties{path}")),
        recreation: "Never".to_owned(),
        evaluation: "Static".to_owned(),
        source: "NoModification".to_owned(),
        before: expected.cloned(),
        after: expected.cloned(),
        actual: Some(actual.clone()),
        ..Detail::default()
    }
}
