//! The plan: immutable data that says for each stack what would change and why; its JSON is the public format, version 1.

pub mod state;
pub mod stored;
pub mod outcome;
pub mod card;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::names::Digest;

/// The version of the JSON format that [`Plan`] is written in.
pub const VERSION: u32 = 1;

/// What one stage of an app would become; bound to a revision and to digests, executed only as it stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Plan {
    /// Format version, 1.
    pub version: u32,
    pub app: String,
    pub stage: String,
    /// The repository the revision is from: `owner/name`, or host and path.
    pub repository: String,
    /// The commit, 40 hexadecimal digits.
    pub revision: String,
    /// The tree had changes that are not in the commit.
    #[serde(default)]
    pub dirty: bool,
    /// AWS account and region of the stage.
    pub account: String,
    pub region: String,
    /// SHA-256 over everything that decides what is deployed: templates, parameters, tags, assets, actions.
    /// The same commit planned twice against the same deployed state has the same digest.
    pub digest: String,
    /// In deployment order: a stack stands after the stacks it depends on.
    pub stacks: Vec<StackPlan>,
    /// What people should know and that is not a change: fallbacks, dirty tree, skipped lookups.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Seconds by step: checkout, bundle, synth, plan …
    #[serde(default)]
    pub timings: BTreeMap<String, f64>,
}

/// What happens to a stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum StackAction {
    Create,
    Update,
    Delete,
    None,
}

/// One stack of a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StackPlan {
    /// CloudFormation's stack name.
    pub name: String,
    /// The app's own name for it (`Prod/Api`); equals `name` for plain apps.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub display_name: String,
    pub action: StackAction,
    /// One sentence: why this action, also for `none`.
    pub why: String,
    pub account: String,
    pub region: String,
    /// ARN of the prepared change set. Absent when nothing changes, when the stack is deleted, and when the change set
    /// can only be made once a stack before it is deployed (`waits_for`).
    pub change_set: Option<String>,
    /// Stacks of this plan whose new exports this one needs before its change set can be made.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waits_for: Vec<String>,
    /// Stacks of this plan that must be deployed before this one (for `delete`: removed before).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub depends_on: Vec<String>,
    pub changes: Vec<Change>,
    /// IAM broadening and narrowing.
    #[serde(default)]
    pub iam: Vec<IamChange>,
    /// Security-group rules that come or go.
    #[serde(default)]
    pub network: Vec<NetworkChange>,
    /// Facts about function code that changes.
    #[serde(default)]
    pub functions: Vec<FunctionChange>,
    /// Changed outputs: name → (before, after).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outputs: Vec<OutputChange>,
    /// What the plan is bound to; apply refuses when any of it moved.
    pub bound: Bound,
}

impl StackPlan {
    /// The deletion of a stack that the stage has, as it stands now (`stack_id`, `last_updated`); what is lost with it
    /// and what goes before it are the caller's to add.
    pub fn deletion(
        name: &str,
        known: &state::DeployedStack,
        why: &str,
        stack_id: String,
        last_updated: String,
    ) -> Self {
        StackPlan {
            name: name.to_owned(),
            display_name: String::new(),
            action: StackAction::Delete,
            why: why.to_owned(),
            account: known.account.clone(),
            region: known.region.clone(),
            change_set: None,
            waits_for: Vec::new(),
            depends_on: Vec::new(),
            changes: Vec::new(),
            iam: Vec::new(),
            network: Vec::new(),
            functions: Vec::new(),
            outputs: Vec::new(),
            bound: Bound { stack_id: Some(stack_id), last_updated: Some(last_updated), ..Bound::default() },
        }
    }
}

/// What a stack's plan is bound to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Bound {
    /// ARN of the stack as planned against; absent for a new stack.
    pub stack_id: Option<String>,
    /// CloudFormation's time of last update (or creation), RFC 3339, as planned against.
    pub last_updated: Option<String>,
    /// SHA-256 of the new template's text; empty for a deletion.
    pub template: String,
    /// SHA-256 of parameters, tags, notification ARNs and termination protection.
    pub settings: String,
    /// Content hashes of the assets the template uses, sorted.
    #[serde(default)]
    pub assets: Vec<String>,
}

/// Every change set of ours begins with this.
pub const CHANGE_SET_PREFIX: &str = "offshoot-";

impl Bound {
    /// The same content against the same deployed state has the same name: a second plan finds the first one's change
    /// set, and a stored plan cannot be made to execute another one.
    pub fn change_set_name(&self) -> String {
        let deployed =
            self.stack_id.as_ref().map(|id| format!("{id}@{}", self.last_updated.as_deref().unwrap_or_default()));
        let parts = [self.template.as_str(), self.settings.as_str(), deployed.as_deref().unwrap_or_default()];
        let digest = Digest::of_parts(parts);
        format!("{CHANGE_SET_PREFIX}{}", digest.as_str().get(..24).unwrap_or_default())
    }
}

/// What happens to a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    Replace,
    Remove,
    Modify,
    Import,
    Add,
}

/// Whether CloudFormation is sure, or decides while it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Certainty {
    Certain,
    Possible,
}

/// Whether changing a property makes a new resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Recreate {
    Never,
    Conditionally,
    Always,
}

/// What becomes of the physical resource when it is removed or replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Fate {
    /// It is destroyed.
    Delete,
    /// It stays, without a stack (DeletionPolicy or UpdateReplacePolicy Retain).
    Retain,
    /// A snapshot is kept, the resource is destroyed.
    Snapshot,
}

/// One resource that changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Change {
    pub logical_id: String,
    /// CloudFormation type: `AWS::DynamoDB::Table`.
    #[serde(rename = "type")]
    pub resource_type: String,
    /// Construct path (`Api/Table/Resource`), or nested stack path and logical id; the logical id when unknown.
    pub path: String,
    pub action: Action,
    pub certainty: Certainty,
    /// The type keeps data that a replacement or removal would lose.
    pub holds_data: bool,
    /// For `remove` and `replace`: what becomes of the old resource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fate: Option<Fate>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub physical_id: Option<String>,
    /// Names of the nested stacks above it, outermost first; empty in the stack itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nested: Vec<String>,
    pub properties: Vec<PropertyChange>,
}

impl Change {
    /// Replacement or removal of something that keeps data and is not retained.
    pub fn loses_data(&self) -> bool {
        self.holds_data
            && matches!(self.action, Action::Replace | Action::Remove)
            && !matches!(self.fate, Some(Fate::Retain))
    }
}

/// One property of a resource that changes. Values are JSON; secrets are already redacted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PropertyChange {
    /// `Properties.Code.S3Key`, `Tags`, `DeletionPolicy`.
    pub path: String,
    pub before: Option<serde_json::Value>,
    pub after: Option<serde_json::Value>,
    pub recreate: Recreate,
}

/// One changed statement, attached policy or principal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct IamChange {
    pub logical_id: String,
    /// `added` grants or lifts; `removed` takes away.
    pub change: Sign,
    /// It lets somebody do more than before.
    pub broadens: bool,
    pub kind: IamKind,
    /// `Allow` or `Deny` for statements, empty otherwise.
    pub effect: String,
    /// `${Table.Arn}`, `*`: readable, joined by commas.
    pub resource: String,
    pub action: String,
    pub principal: String,
    pub condition: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Sign {
    Added,
    Removed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum IamKind {
    /// A statement of an identity, trust or resource policy.
    Statement,
    /// A managed policy attached to a role, user or group.
    Managed,
    /// `AWS::Lambda::Permission`.
    Permission,
}

/// One security-group rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NetworkChange {
    pub logical_id: String,
    pub change: Sign,
    pub broadens: bool,
    /// `in` or `out`.
    pub direction: String,
    /// `TCP 443`, `all traffic`.
    pub protocol: String,
    /// `0.0.0.0/0`, `${Group.GroupId}`.
    pub peer: String,
}

/// Facts about one function whose code or settings change.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FunctionChange {
    pub logical_id: String,
    pub path: String,
    pub handler: String,
    pub runtime: String,
    /// Size of the zip in bytes, where known.
    pub size_before: Option<u64>,
    pub size_after: Option<u64>,
    /// Source files in the bundle, where Offshoot bundled it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<String>,
    /// Names (never values) of environment variables that come or go.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub environment: Vec<String>,
    /// Only code changes: `deploy --fast` can do it.
    pub code_only: bool,
}

/// One changed stack output.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OutputChange {
    pub name: String,
    pub before: Option<serde_json::Value>,
    pub after: Option<serde_json::Value>,
}

impl Plan {
    /// The plan asks for something to be done.
    pub fn has_changes(&self) -> bool {
        self.stacks.iter().any(|s| s.action != StackAction::None)
    }

    /// Every change of every stack that loses data, and every stack that is deleted.
    pub fn is_dangerous(&self) -> bool {
        self.stacks.iter().any(|s| s.action == StackAction::Delete || s.changes.iter().any(Change::loses_data))
    }

    /// The parts of [`Plan::digest`]: what decides the deployment; change-set ARNs and timings are left out.
    fn parts(&self) -> Vec<Vec<u8>> {
        let mut parts: Vec<Vec<u8>> = vec![
            self.app.clone().into_bytes(),
            self.stage.clone().into_bytes(),
            self.account.clone().into_bytes(),
            self.region.clone().into_bytes(),
        ];
        for stack in &self.stacks {
            let bound = serde_json::to_vec(&stack.bound).unwrap_or_default();
            let head =
                serde_json::to_vec(&(&stack.name, stack.action, &stack.account, &stack.region)).unwrap_or_default();
            let changes = serde_json::to_vec(&(&stack.changes, &stack.iam, &stack.network)).unwrap_or_default();
            let order = serde_json::to_vec(&(&stack.waits_for, &stack.depends_on)).unwrap_or_default();
            parts.extend([head, bound, changes, order]);
        }
        parts
    }
}
