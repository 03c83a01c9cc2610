//! What CloudFormation knows: stacks, resources, operations, events, change sets, and what tests script.

use std::collections::{BTreeMap, VecDeque};

use serde_json::Value;

use super::super::{Names, Place};

/// A parameter's value in a deployment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Param {
    pub value: String,
    /// For SSM parameter types: what the parameter stands for.
    pub resolved: Option<String>,
    pub no_echo: bool,
}

impl Param {
    pub fn effective(&self) -> &str {
        self.resolved.as_deref().unwrap_or(&self.value)
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Resource {
    pub kind: String,
    pub physical: String,
    pub status: String,
    pub reason: Option<String>,
    /// Resolved.
    pub properties: Value,
    pub updated: String,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Output {
    pub key: String,
    pub value: String,
    pub export: Option<String>,
    pub description: Option<String>,
}

/// One deployed (or wanted) state of a stack.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Body {
    /// As it was submitted.
    pub text: String,
    pub template: Value,
    pub parameters: BTreeMap<String, Param>,
    pub tags: BTreeMap<String, String>,
    pub notifications: Vec<String>,
    pub capabilities: Vec<String>,
    pub role: Option<String>,
    pub resources: BTreeMap<String, Resource>,
    pub outputs: Vec<Output>,
}

#[derive(Clone, Debug, Default)]
pub struct Stack {
    pub id: String,
    pub name: String,
    pub place: Place2,
    pub status: String,
    pub reason: Option<String>,
    pub body: Body,
    /// What a rollback returns to.
    pub previous: Option<Box<Body>>,
    pub created: String,
    pub updated: Option<String>,
    pub deleted: Option<String>,
    pub termination_protection: bool,
    pub disable_rollback: bool,
    pub parent: Option<String>,
    pub root: Option<String>,
    /// Counts operations; change sets made for another generation are obsolete.
    pub generation: u64,
    pub operation: Option<Operation>,
    /// An operation that stopped half-way and can be continued or rolled back.
    pub halted: Option<Operation>,
    pub token: Option<String>,
    pub tokens: Names,
    pub operation_id: String,
    pub last_operations: Vec<(String, String)>,
    /// Oldest first.
    pub events: Vec<Event>,
    pub drifted: BTreeMap<String, Drifted>,
    /// Never gets on.
    pub stuck: bool,
    /// DescribeStacks still answers this status so many times.
    pub stale: Option<(usize, String)>,
    pub policy: Option<String>,
}

/// Account and region, with a default.
pub type Place2 = Option<Place>;

impl Stack {
    pub fn place(&self) -> Place {
        self.place.clone().unwrap_or_else(|| Place::new(super::super::ACCOUNT, super::super::REGION))
    }

    pub fn in_progress(&self) -> bool {
        self.status.ends_with("_IN_PROGRESS") && self.status != "REVIEW_IN_PROGRESS"
    }

    pub fn is_gone(&self) -> bool {
        self.status == "DELETE_COMPLETE"
    }
}

/// The difference between a resource and its template.
#[derive(Clone, Debug)]
pub enum Drifted {
    Deleted,
    /// Property path (`/VisibilityTimeout`) → what it really is.
    Modified(BTreeMap<String, Value>),
    /// CloudFormation cannot tell.
    Unknown,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Create,
    Update,
    Import,
    Delete,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    Forward,
    /// Removing what the new state no longer has.
    Cleanup,
    /// Putting changed resources back.
    Rollback,
    /// Removing what was made.
    RollbackCleanup,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    Add,
    Modify,
    Remove,
    Import,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    pub logical: String,
    pub act: Act,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFailure {
    Rollback,
    DoNothing,
    Delete,
}

/// What a stack is busy with.
#[derive(Clone, Debug)]
pub struct Operation {
    pub kind: Kind,
    pub phase: Phase,
    pub pending: Vec<Item>,
    pub begun: Vec<Item>,
    pub done: Vec<Item>,
    /// Logical ids to remove once the rest is done.
    pub cleanup: Vec<Item>,
    /// Replaced resources whose old half is removed in the clean-up.
    pub replaced: Vec<(String, Resource)>,
    pub on_failure: OnFailure,
    pub change_set: Option<String>,
    pub retain: Names,
    pub skip: Names,
    pub failed: Vec<String>,
    /// Steps in which nothing happens, so that even an operation without resources is seen in progress.
    pub idle_steps: usize,
}

#[derive(Clone, Debug)]
pub struct Event {
    pub id: String,
    pub logical: String,
    pub physical: String,
    pub kind: String,
    pub at: String,
    pub status: String,
    pub reason: Option<String>,
    pub properties: Option<String>,
    pub token: Option<String>,
    pub operation: String,
}

/// One change as DescribeChangeSet shows it.
#[derive(Clone, Debug, Default)]
pub struct Change {
    pub action: String,
    pub logical: String,
    pub physical: Option<String>,
    pub kind: String,
    pub replacement: Option<String>,
    pub policy: Option<String>,
    pub scope: Vec<String>,
    pub details: Vec<Detail>,
    pub before: Option<Value>,
    pub after: Option<Value>,
    pub previous_deployment: Option<Value>,
    pub child: Option<String>,
    pub drift: Option<String>,
}

#[derive(Clone, Debug, Default)]
pub struct Detail {
    pub attribute: String,
    pub name: Option<String>,
    pub path: Option<String>,
    pub recreation: String,
    pub evaluation: String,
    pub source: String,
    pub causing: Option<String>,
    pub before: Option<Value>,
    pub after: Option<Value>,
    /// Actual value, where drift is reverted.
    pub actual: Option<Value>,
}

#[derive(Clone, Debug, Default)]
pub struct ChangeSet {
    pub id: String,
    pub name: String,
    pub stack_id: String,
    pub stack_name: String,
    pub kind: String,
    pub created: String,
    pub description: Option<String>,
    pub client_token: Option<String>,
    /// What DescribeChangeSet answers before it comes to rest; the last one stays.
    pub course: VecDeque<(String, Option<String>)>,
    pub execution: String,
    pub changes: Vec<Change>,
    pub body: Body,
    pub import: Names,
    pub nested: bool,
    pub parent: Option<String>,
    pub root: Option<String>,
    pub on_failure: Option<String>,
    pub mode: Option<String>,
    pub drift: Option<String>,
    pub import_existing: bool,
    pub generation: u64,
    /// Path, reason and validation name of an early validation that failed.
    pub validation: Option<(String, String, String)>,
    /// Deleted, or swept away by an execution.
    pub gone: bool,
}

impl ChangeSet {
    pub fn status(&self) -> &str {
        self.course.front().map_or("", |(status, _)| status)
    }

    pub fn reason(&self) -> Option<&str> {
        self.course.front().and_then(|(_, reason)| reason.as_deref())
    }
}

/// When a scripted resource fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum On {
    Create,
    Update,
    Delete,
    /// Create, update and delete.
    Any,
    /// While the stack goes back.
    Rollback,
}

/// What tests have asked for.
#[derive(Default)]
pub struct Scripts {
    /// (stack, logical id) → when and why it fails.
    pub fails: BTreeMap<(String, String), Vec<(On, String)>>,
    /// Stack → additional polls until its next change set is ready.
    pub slow_change_sets: BTreeMap<String, usize>,
    /// Stack → reason of its next change set's failure.
    pub failing_change_sets: BTreeMap<String, String>,
    /// Stack → (path, reason, validation) of an early validation that refuses its next change set.
    pub early: BTreeMap<String, (String, String, String)>,
    /// (type, property) → `Never`, `Conditionally`, `Always`.
    pub recreation: BTreeMap<(String, String), String>,
    /// (stack, logical id): left out when property values are asked for.
    pub dropped: Vec<(String, String)>,
    /// Change sets per stack; 1000 when unset.
    pub change_set_limit: Option<usize>,
    /// New stacks that execute answer with a stale status so many times.
    pub stale_reads: usize,
}
