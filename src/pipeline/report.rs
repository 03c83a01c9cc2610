//! Step 9: what is left for others after a run: the outputs file, and whether it counts as a failure.

use std::collections::BTreeMap;
use std::path::Path;

use crate::error::{Error, Result};
use crate::plan::StackAction;
use crate::plan::outcome::{Applied, Ended};

/// Writes the outputs of all stacks as `{"stack": {"output": "value"}}`, the form of the `cdk` CLI.
pub fn write_outputs(path: &Path, applied: &Applied) -> Result<()> {
    let outputs: BTreeMap<&str, &BTreeMap<String, String>> = applied.stacks.iter().map(|s| (s.name.as_str(), &s.outputs)).collect();
    let text = serde_json::to_string_pretty(&outputs).map_err(|e| Error::bug("outputs.json", "writing outputs", e.to_string()))?;
    std::fs::write(path, text + "\n").map_err(|e| Error::io("writing the outputs", path, e))
}

/// A stack failed or was skipped behind one that did. Deletions that nobody allowed are not failures.
pub fn is_failure(applied: &Applied) -> bool {
    applied.stacks.iter().any(|s| match s.ended {
        Ended::Failed => true,
        Ended::Skipped => s.action != StackAction::Delete,
        Ended::Done | Ended::Unchanged | Ended::Running => false,
    })
}
