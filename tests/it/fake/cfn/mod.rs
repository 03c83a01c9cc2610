//! CloudFormation: the query protocol's operations over a small engine with virtual time.

pub mod changes;
pub mod changesets;
pub mod describe;
pub mod drift;
pub mod effects;
pub mod engine;
pub mod events;
pub mod execute;
pub mod model;
pub mod operations;
pub mod params;
pub mod resolve;
pub mod stacks;
pub mod template;
pub mod types;
pub mod waves;

use super::State;
use super::wire::{Outcome, Refusal, Reply, Request};

pub fn serve(state: &mut State, request: &Request) -> Outcome {
    match request.operation.as_str() {
        "DescribeStacks" => stacks::describe(state, request),
        "ListStacks" => stacks::list(state, request),
        "GetTemplate" => stacks::get_template(state, request),
        "GetTemplateSummary" => stacks::template_summary(state, request),
        "ListStackResources" => stacks::list_resources(state, request),
        "DescribeStackResources" => stacks::describe_resources(state, request),
        "DescribeStackResource" => stacks::describe_resource(state, request),
        "ListExports" => stacks::list_exports(state, request),
        "ListImports" => stacks::list_imports(state, request),
        "GetStackPolicy" => stacks::get_policy(state, request),
        "DescribeStackEvents" => events::describe(state, request),
        "DescribeEvents" => events::describe_events(state, request),
        "ListHookResults" => Ok(Reply::query(request, &serde_json::json!({"HookResults": []}))),
        "CreateChangeSet" => changesets::create(state, request),
        "DescribeChangeSet" => describe::describe(state, request),
        "DeleteChangeSet" => changesets::delete(state, request),
        "ListChangeSets" => describe::list(state, request),
        "ExecuteChangeSet" => execute::execute(state, request),
        "CreateStack" => operations::create(state, request),
        "UpdateStack" => operations::update(state, request),
        "DeleteStack" => operations::delete(state, request),
        "ContinueUpdateRollback" => operations::continue_rollback(state, request),
        "RollbackStack" => operations::rollback(state, request),
        "CancelUpdateStack" => operations::cancel(state, request),
        "UpdateTerminationProtection" => operations::protect(state, request),
        "SetStackPolicy" => operations::set_policy(state, request),
        "DetectStackDrift" => drift::detect(state, request),
        "DescribeStackDriftDetectionStatus" => drift::status(state, request),
        "DescribeStackResourceDrifts" => drift::resources(state, request),
        other => {
            Err(Refusal::new(400, "InvalidAction", format!("Could not find operation {other} for version 2010-05-15")))
        }
    }
}

/// The stack that a name or ARN means; names never mean deleted stacks.
pub fn find(state: &State, request: &Request, name: &str) -> Option<usize> {
    let place = request.place();
    state
        .stacks
        .iter()
        .rposition(|stack| stack.place() == place && (stack.id == name || (stack.name == name && !stack.is_gone())))
}

/// The same, refused as CloudFormation does for reads and writes that need the stack.
pub fn existing(state: &State, request: &Request, name: &str) -> Result<usize, Refusal> {
    find(state, request, name).ok_or_else(|| Refusal::validation(format!("Stack [{name}] does not exist")))
}

/// A page of `items`: what is on it, and the token of the next one.
pub fn page<T>(items: Vec<T>, token: Option<&str>, size: usize) -> Result<(Vec<T>, Option<String>), Refusal> {
    let from = match token {
        None => 0,
        Some(token) => token
            .strip_prefix("page-")
            .and_then(|n| n.parse().ok())
            .ok_or_else(|| Refusal::validation("The NextToken is not valid"))?,
    };
    let size = size.max(1);
    let next = (from + size < items.len()).then(|| format!("page-{}", from + size));
    Ok((items.into_iter().skip(from).take(size).collect(), next))
}

/// Moves a stack on, as many steps as a poll is worth.
pub fn poll(state: &mut State, index: usize) {
    for _ in 0..state.steps_per_poll {
        if state.stacks[index].operation.is_none() || state.stacks[index].stuck {
            return;
        }
        engine::step(state, index);
    }
}
