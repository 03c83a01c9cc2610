//! GitHub's answers, as far as they say something to us; what else they hold is left alone.

use serde::Deserialize;
use serde_json::Value;

use crate::forge::{AccountKind, Actor, Comment, Login, Pull, PullState, Readiness, RepoName, Side};
use crate::names::{Branch, Revision};

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Repository {
    pub full_name: String,
    pub default_branch: String,
    #[serde(default)]
    pub private: bool,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct User {
    pub login: String,
    #[serde(rename = "type", default)]
    pub kind: String,
}

/// Deleted accounts are nobody, or GitHub's placeholder.
pub(super) fn actor(user: Option<User>) -> Actor {
    let Some(user) = user else { return Actor { login: Login::new("ghost"), kind: AccountKind::Other } };
    let kind = match user.kind.as_str() {
        "User" => AccountKind::Person,
        "Bot" => AccountKind::Bot,
        _ => AccountKind::Other,
    };
    Actor { login: Login::new(user.login), kind }
}

#[derive(Debug, Deserialize)]
pub(super) struct GitRef {
    pub object: GitObject,
}

#[derive(Debug, Deserialize)]
pub(super) struct GitObject {
    pub sha: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct PullModel {
    number: u64,
    #[serde(default)]
    user: Option<User>,
    state: String,
    #[serde(default)]
    draft: Option<bool>,
    /// Not in lists.
    #[serde(default)]
    merged: Option<bool>,
    #[serde(default)]
    merged_at: Option<String>,
    #[serde(default)]
    merge_commit_sha: Option<String>,
    base: SideModel,
    head: SideModel,
}

#[derive(Debug, Deserialize)]
struct SideModel {
    #[serde(rename = "ref")]
    branch: String,
    sha: String,
    #[serde(default)]
    repo: Option<RepoModel>,
}

#[derive(Debug, Deserialize)]
struct RepoModel {
    full_name: String,
}

impl From<SideModel> for Side {
    fn from(side: SideModel) -> Side {
        Side {
            branch: Branch::new(side.branch),
            revision: Revision::new(side.sha),
            repo: side.repo.and_then(|repo| RepoName::parse(&repo.full_name)),
        }
    }
}

impl From<PullModel> for Pull {
    fn from(pull: PullModel) -> Pull {
        let state = match pull.state.as_str() {
            _ if pull.merged == Some(true) || pull.merged_at.is_some() => PullState::Merged,
            "open" => PullState::Open,
            _ => PullState::Closed,
        };
        Pull {
            number: pull.number,
            author: actor(pull.user),
            state,
            readiness: if pull.draft == Some(true) { Readiness::Draft } else { Readiness::Ready },
            base: pull.base.into(),
            head: pull.head.into(),
            // before the merge it is that of a test merge
            merge_revision: pull.merge_commit_sha.filter(|_| state == PullState::Merged).map(Revision::new),
        }
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Compared {
    pub behind_by: u64,
}

#[derive(Debug, Deserialize)]
pub(super) struct ChangedFile {
    pub filename: String,
    #[serde(default)]
    pub previous_filename: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct CommentModel {
    id: u64,
    #[serde(default)]
    user: Option<User>,
    #[serde(default)]
    body: Option<String>,
    created_at: String,
    updated_at: String,
    #[serde(default)]
    html_url: String,
}

impl From<CommentModel> for Comment {
    fn from(comment: CommentModel) -> Comment {
        Comment {
            id: comment.id,
            author: actor(comment.user),
            body: comment.body.unwrap_or_default(),
            created: comment.created_at,
            updated: comment.updated_at,
            url: comment.html_url,
        }
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct ReactionModel {
    pub id: u64,
    #[serde(default)]
    pub user: Option<User>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Collaborator {
    pub permission: String,
    #[serde(default)]
    pub role_name: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct TeamMembership {
    pub state: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct AppModel {
    #[serde(default)]
    pub slug: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Content {
    #[serde(rename = "type", default)]
    pub kind: String,
    #[serde(default)]
    pub encoding: Option<String>,
    #[serde(default)]
    pub content: Option<String>,
    #[serde(default)]
    pub size: u64,
}

#[derive(Debug, Deserialize)]
pub(super) struct CheckRuns {
    pub check_runs: Vec<CheckRun>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct CheckRun {
    pub id: u64,
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    pub external_id: Option<String>,
    #[serde(default)]
    pub status: String,
    #[serde(default)]
    pub conclusion: Option<String>,
    #[serde(default)]
    pub output: Output,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Output {
    #[serde(default)]
    pub title: Option<String>,
    #[serde(default)]
    pub summary: Option<String>,
    #[serde(default)]
    pub text: Option<String>,
    #[serde(default)]
    pub annotations_count: usize,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct CommitStatus {
    pub id: u64,
    #[serde(default)]
    pub context: String,
    pub state: String,
    #[serde(default)]
    pub description: Option<String>,
    #[serde(default)]
    pub target_url: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct DeploymentModel {
    pub id: u64,
    pub sha: String,
    #[serde(default)]
    pub payload: Value,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct DeploymentStatus {
    pub id: u64,
    pub state: String,
    #[serde(default)]
    pub description: Option<String>,
    #[serde(default)]
    pub environment_url: Option<String>,
    #[serde(default)]
    pub log_url: Option<String>,
}
