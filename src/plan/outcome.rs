//! What applying a plan came to: one outcome per stack, with the root cause and the next command where it failed.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The result of an apply or a removal; also the JSON of `offshoot deploy --format json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Applied {
    /// Format version, 1.
    pub version: u32,
    pub app: String,
    pub stage: String,
    pub revision: String,
    /// Digest of the plan that was executed.
    pub digest: String,
    pub stacks: Vec<StackOutcome>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    pub timings: BTreeMap<String, f64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Ended {
    /// Created, updated or deleted as planned.
    Done,
    /// There was nothing to do.
    Unchanged,
    /// CloudFormation, or the call to it, failed.
    Failed,
    /// Not begun, because a stack it depends on failed or the run was cancelled.
    Skipped,
    /// Begun and left running (`--no-wait`, or a second Ctrl-C).
    Running,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StackOutcome {
    pub name: String,
    pub action: super::StackAction,
    pub ended: Ended,
    /// CloudFormation's last status, empty when it was never asked.
    pub status: String,
    pub seconds: f64,
    pub outputs: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// For `skipped`: the stack that failed, or a sentence where none did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
}

/// Why a stack failed: the first resource that did, not the ones cancelled after it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Failure {
    pub logical_id: String,
    #[serde(rename = "type")]
    pub resource_type: String,
    /// Construct path, where known.
    pub path: String,
    /// CloudFormation's reason, whole.
    pub reason: String,
    /// What state the stack is left in, in words.
    pub left: String,
    /// The next command to type, or what to do.
    pub next: String,
}

impl Applied {
    pub fn failed(&self) -> bool {
        self.stacks.iter().any(|s| matches!(s.ended, Ended::Failed | Ended::Skipped))
    }
}
