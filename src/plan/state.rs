//! The one small object per stage that is kept in the account's bucket: what is deployed, and who owns which stack.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The stage's object, `offshoot/<repository>/<app>/<stage>.json`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StageState {
    /// Format version, 1.
    pub version: u32,
    pub repository: String,
    pub app: String,
    pub stage: String,
    /// The commit that the stage runs; absent before the first whole deploy.
    pub revision: Option<String>,
    #[serde(default)]
    pub dirty: bool,
    /// RFC 3339.
    pub updated: String,
    /// By stack name.
    pub stacks: BTreeMap<String, DeployedStack>,
    /// Digest of the plan that somebody approved, and who.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved: Option<Approval>,
    /// The run that is being applied or was killed; `deploy --resume` goes on with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunMark>,
    /// For stages that live as long as a pull request: which.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pull: Option<u64>,
    /// The branch or tag the stage was made from: `branch feature/x`, `tag v1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made_from: Option<String>,
    /// RFC 3339: when the stage is removed by itself; each deploy moves it on, never back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
    /// Digest of everything that the deployed assembly was made from; the same content needs no synth. Absent from the
    /// moment that something is begun until all of it is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// What the stage ran, newest first; what it runs now stands in front. Their assemblies are kept beside the state.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<Past>,
}

/// Revisions that a stage can go back to.
pub const HISTORY: usize = 10;

impl StageState {
    /// Puts what the stage runs now in front of its history.
    pub fn remember(&mut self, now: Past) {
        let same = |past: &Past| past.revision == now.revision && past.digest == now.digest;
        if self.history.first().is_some_and(same) {
            return;
        }
        self.history.insert(0, now);
        self.history.truncate(HISTORY);
    }
}

/// A revision that the stage ran.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Past {
    pub revision: String,
    /// RFC 3339.
    pub at: String,
    /// Digest of the plan that brought it.
    pub digest: String,
}

/// One stack that belongs to the stage.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DeployedStack {
    pub account: String,
    pub region: String,
    /// SHA-256 of the template's text.
    pub template: String,
    pub settings: String,
    /// Functions that `deploy --fast` updated past the template: logical id → asset hash.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fast: BTreeMap<String, String>,
    /// Deployment role and execution role, needed to remove it when the app no longer names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deploy_role: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution_role: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub depends_on: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Approval {
    pub digest: String,
    /// ARN of the identity, or the forge's user.
    pub by: String,
    /// RFC 3339.
    pub at: String,
}

/// A run in flight.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunMark {
    /// Names every operation of the run (`ClientRequestToken`).
    pub id: String,
    /// The plan's digest; the plan itself lies beside the state as `<stage>.plans/<digest>.json`.
    pub plan: String,
    /// RFC 3339.
    pub started: String,
}
