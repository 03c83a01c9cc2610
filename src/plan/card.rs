//! What a pull request shows about one stage of one app; kept in the stage's bucket, so that every run can show all of them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Plan;
use super::outcome::Applied;
use super::state::Approval;

/// The version of [`Card`]'s JSON.
pub const VERSION: u32 = 1;

/// Why a stage of the base branch is cancelled that nobody will deploy for this pull request any more.
pub const CLOSED: &str = "the pull request was closed without merging";

/// One stage of one app on one pull request. The comment, the checks and the deployments are made from cards alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Card {
    /// Format version, 1.
    pub version: u32,
    pub pull: u64,
    pub app: String,
    pub stage: String,
    pub role: StageRole,
    pub class: StageClass,
    /// What the forge calls the stage's environment: the stage, with its app where the repository has several.
    pub environment: String,
    /// What the forge calls the stage's check. It is the same on every pull request (`preview`, not `pr-42`), so that a
    /// branch can require it.
    pub check: String,
    /// The commit of the pull request that this is about, and the base branch's tip then.
    pub head: String,
    pub base: String,
    /// RFC 3339: when `state` last changed.
    pub updated: String,
    pub state: CardState,
    /// One sentence more about the state, where there is something to say: what is missing, what moved, who cancelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The last plan of `head`, and when it was made (RFC 3339).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Plan>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub planned: Option<String>,
    /// The last apply or removal on this pull request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied: Option<Applied>,
    /// Why there is no plan, or why the plan was not applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<Trouble>,
    #[serde(default)]
    pub approvals: Approvals,
    /// Outputs by stack, as deployed now.
    #[serde(default)]
    pub outputs: BTreeMap<String, BTreeMap<String, String>>,
    /// Where the stage answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// RFC 3339: when the stage is removed by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
    /// Where the run can be watched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_url: Option<String>,
    /// Where a live session of the stage can be watched; its own issue fills it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live_url: Option<String>,
    /// For a plan that is no deploy of `head`, but a promotion or a rollback: the command that executes it, without prefix.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offer: Option<String>,
}

/// What the stage is to the pull request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StageRole {
    /// Made for it, and gone with it.
    Preview,
    /// The stage of the branch that it wants to go into: deployed by merging, or by command.
    Target,
}

/// What is at stake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StageClass {
    /// Lives as long as a pull request.
    Preview,
    /// Protected, or deployed only with approval.
    Production,
    Other,
}

/// How the stage stands, as the pull request is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CardState {
    /// Nothing that the app is made from has changed, or the plan asks for nothing.
    Unchanged,
    /// There is a plan, and it may be deployed by command or by merging.
    Planned,
    /// There is a plan, and approvals are missing.
    NeedsApproval,
    /// The code is a stranger's: nothing of it runs before a maintainer approves the commit.
    NeedsTrust,
    /// A run is planning it now, or is queued behind another run.
    Planning,
    /// A plan is being executed now.
    Deploying,
    /// The stage runs `head`.
    Deployed,
    /// No plan could be made.
    PlanFailed,
    /// The plan was begun and a stack failed.
    DeployFailed,
    /// A rule says no: limit reached, protected, locked, stale plan, draft …; `why` says which.
    Refused,
    /// The stage was cancelled by a person.
    Cancelled,
    /// The preview is gone.
    Removed,
    /// The preview could not be removed.
    RemoveFailed,
}

/// Approvals of the plan that the card shows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Approvals {
    /// 0 where the rule asks for none.
    pub needed: u32,
    /// `@name` or `@organization/team`; anyone who may write where empty.
    pub from: Vec<String>,
    pub given: Vec<Approval>,
    /// Approvals of an earlier plan of this stage, which do not count for this one.
    #[serde(default)]
    pub dismissed: u32,
    /// Owners of changed files who have not approved, where the rule asks for them: `@acme/data: stacks/table.ts`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub owners_missing: Vec<String>,
}

impl Approvals {
    /// How many more are needed at least; an owner who is missing is one, however many others have approved.
    pub fn missing(&self) -> u32 {
        self.missing_by_count().max(u32::from(!self.owners_missing.is_empty()))
    }

    /// Without looking at owners.
    pub fn missing_by_count(&self) -> u32 {
        self.needed.saturating_sub(u32::try_from(self.given.len()).unwrap_or(u32::MAX))
    }

    pub fn is_enough(&self) -> bool {
        self.missing() == 0
    }
}

/// An error that can be kept: [`crate::error::Error`] as data.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    pub code: String,
    pub doing: String,
    pub what: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// File, line, column.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<(String, usize, usize)>,
}

impl Trouble {
    pub fn of(error: &crate::error::Error) -> Self {
        let mut causes = Vec::new();
        let mut source = std::error::Error::source(error);
        while let Some(cause) = source {
            causes.push(cause.to_string());
            source = cause.source();
        }
        Trouble {
            code: error.code().to_owned(),
            doing: error.doing().to_owned(),
            what: error.what().to_owned(),
            causes,
            next: error.next_step().map(str::to_owned),
            place: error.place().map(|p| (p.file.display().to_string(), p.line, p.column)),
        }
    }
}
