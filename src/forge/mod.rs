//! The forge's words: repositories, pull requests, comments, checks and deployments, as plain data.

pub mod event;
pub mod codeowners;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::names::{Branch, Revision};

/// `owner/name`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RepoName {
    pub owner: String,
    pub name: String,
}

impl RepoName {
    /// Reads `owner/name`; nothing where it is something else.
    pub fn parse(text: &str) -> Option<Self> {
        let (owner, name) = text.split_once('/')?;
        let fine = |part: &str| {
            !part.is_empty()
                && part.len() <= 100
                && part != "."
                && part != ".."
                && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
        };
        (fine(owner) && fine(name)).then(|| RepoName { owner: owner.to_owned(), name: name.to_owned() })
    }

    /// The forge ignores case.
    pub fn is(&self, other: &RepoName) -> bool {
        self.owner.eq_ignore_ascii_case(&other.owner) && self.name.eq_ignore_ascii_case(&other.name)
    }
}

impl fmt::Display for RepoName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.owner, self.name)
    }
}

/// A user's name; the forge ignores case, and so does `==`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Login(pub String);

impl Login {
    pub fn new(name: impl Into<String>) -> Self {
        Login(name.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl PartialEq for Login {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for Login {}

impl fmt::Display for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether an account is a person's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountKind {
    Person,
    Bot,
    /// Organisations, mannequins and whatever comes.
    Other,
}

/// Who did something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    pub login: Login,
    pub kind: AccountKind,
}

/// What somebody may do in a repository; grows from left to right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Permission {
    None,
    Read,
    Triage,
    Write,
    Maintain,
    Admin,
}

/// Whether a pull request is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PullState {
    Open,
    Closed,
    Merged,
}

/// Whether its author calls it finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    Draft,
    Ready,
}

/// One side of a pull request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Side {
    pub branch: Branch,
    pub revision: Revision,
    /// Nothing where the repository was deleted.
    pub repo: Option<RepoName>,
}

/// A pull request as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pull {
    pub number: u64,
    pub author: Actor,
    pub state: PullState,
    pub readiness: Readiness,
    /// `base.revision` is the tip of the base branch when the forge last looked.
    pub base: Side,
    pub head: Side,
    /// The commit on the base branch, once merged.
    pub merge_revision: Option<Revision>,
}

/// Where the code of a pull request comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A branch of the repository itself: whoever pushed it may write.
    Own,
    Fork(RepoName),
    /// A fork that does not exist any more.
    DeletedFork,
}

impl Pull {
    pub fn origin(&self) -> Origin {
        match (&self.head.repo, &self.base.repo) {
            (None, _) => Origin::DeletedFork,
            (Some(head), Some(base)) if head.is(base) => Origin::Own,
            (Some(head), _) => Origin::Fork(head.clone()),
        }
    }
}

/// A comment on a pull request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comment {
    pub id: u64,
    pub author: Actor,
    pub body: String,
    /// RFC 3339.
    pub created: String,
    /// Later than `created` where it was edited.
    pub updated: String,
    pub url: String,
}

/// How a comment is answered at a glance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reaction {
    /// 👀 seen, at work
    Eyes,
    /// 🚀 done
    Rocket,
    /// 😕 refused or failed
    Confused,
}

/// How a check stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckState {
    Queued,
    InProgress,
    Success,
    Failure,
    /// Untouched: nothing to do; counts as passed.
    Neutral,
    Cancelled,
    /// Something only a person can do: an approval.
    ActionRequired,
}

/// A button under a finished check: label ≤ 20 characters, description ≤ 40, identifier ≤ 20; at most three.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Button {
    pub label: String,
    pub description: String,
    pub identifier: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    Notice,
    Warning,
    Failure,
}

/// A remark at a line of a file of the repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Annotation {
    pub path: String,
    pub line: usize,
    pub level: Level,
    pub title: String,
    pub message: String,
}

/// A check run as it should be; found again by name, revision and `external_id`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    pub name: String,
    pub revision: Revision,
    /// `app/stage`.
    pub external_id: String,
    pub state: CheckState,
    pub title: String,
    /// Markdown, at most 65,535 characters each.
    pub summary: String,
    pub text: Option<String>,
    pub annotations: Vec<Annotation>,
    pub buttons: Vec<Button>,
    pub details_url: Option<String>,
}

/// What kind of environment a stage is to the forge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EnvironmentKind {
    /// Lives as long as a pull request.
    Preview,
    Production,
    Other,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DeploymentState {
    Pending,
    InProgress,
    Success,
    Failure,
    /// Gone, or replaced.
    Inactive,
}

/// A deployment of one revision to one environment, as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deployment {
    /// The stage, with its app where the repository has several.
    pub environment: String,
    pub kind: EnvironmentKind,
    pub revision: Revision,
    pub state: DeploymentState,
    pub url: Option<String>,
    pub log_url: Option<String>,
    /// At most 140 characters.
    pub description: String,
}
