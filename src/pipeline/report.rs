//! Step 9: what is left for others after a run: the outputs file, and whether it counts as a failure.

use std::collections::BTreeMap;
use std::path::Path;

use futures_util::future::try_join_all;
use serde_json::Value;

use crate::aws::Aws;
use crate::diff;
use crate::error::{Error, Result};
use crate::plan::StackAction;
use crate::plan::outcome::{Applied, Ended};
use crate::plan::state::StageState;

/// Writes the outputs of all stacks as `{"stack": {"output": "value"}}`, the form of the `cdk` CLI.
pub fn write_outputs(path: &Path, outputs: &BTreeMap<String, BTreeMap<String, String>>) -> Result<()> {
    let text = serde_json::to_string_pretty(outputs)
        .map_err(|e| Error::bug("outputs.json", "writing outputs", e.to_string()))?;
    std::fs::write(path, text + "\n").map_err(|e| Error::io("writing the outputs", path, e))
}

/// The outputs of every stack of the stage, as deployed now.
pub async fn outputs_of(aws: &Aws, state: &StageState) -> Result<BTreeMap<String, BTreeMap<String, String>>> {
    let all = try_join_all(state.stacks.iter().map(|(name, stack)| async move {
        let found = aws.session_of(stack).await?.describe_stack(name).await?;
        Ok::<_, Error>((name.clone(), found.map(|s| s.outputs).unwrap_or_default()))
    }))
    .await?;
    Ok(all.into_iter().collect())
}

/// The outputs as other people may read them: what looks like a secret by its name or its value is hidden.
pub fn redacted(outputs: BTreeMap<String, BTreeMap<String, String>>) -> BTreeMap<String, BTreeMap<String, String>> {
    outputs.into_iter().map(|(stack, of)| (stack, without_secrets(of))).collect()
}

/// The same for what an apply gave out.
pub fn readable(mut applied: Applied) -> Applied {
    for stack in &mut applied.stacks {
        stack.outputs = without_secrets(std::mem::take(&mut stack.outputs));
    }
    applied
}

fn without_secrets(outputs: BTreeMap<String, String>) -> BTreeMap<String, String> {
    let one = |(name, value): (String, String)| {
        let shown = match diff::redact(&Value::String(value), &name, "") {
            Value::String(text) => text,
            other => other.to_string(),
        };
        (name, shown)
    };
    outputs.into_iter().map(one).collect()
}

/// A stack failed or was skipped behind one that did. Deletions that nobody allowed are not failures, nor are stacks
/// behind one that was left running on purpose.
pub fn is_failure(applied: &Applied) -> bool {
    let left = applied.stacks.iter().any(|s| s.ended == Ended::Running);
    let failed = applied.stacks.iter().any(|s| s.ended == Ended::Failed);
    if left && !failed {
        return false;
    }
    applied.stacks.iter().any(|s| match s.ended {
        Ended::Failed => true,
        Ended::Skipped => s.action != StackAction::Delete,
        Ended::Done | Ended::Unchanged | Ended::Running => false,
    })
}
