//! Everything the fake knows.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;

use super::{faults, journal};

/// Numbers above what 32 bits hold, as GitHub's are.
const FIRST_ID: u64 = 5_000_000_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    User,
    Bot,
    Organization,
}

#[derive(Clone, Debug)]
pub struct Account {
    pub login: String,
    pub id: u64,
    pub kind: Kind,
}

#[derive(Clone, Debug)]
pub struct Repo {
    pub id: u64,
    pub owner: String,
    pub name: String,
    /// Full names it had before, in lower case.
    pub old_names: Vec<String>,
    /// The bare repository.
    pub path: PathBuf,
    pub private: bool,
    pub fork_of: Option<u64>,
    /// Login in lower case → (permission, role name).
    pub roles: BTreeMap<String, (String, String)>,
}

impl Repo {
    pub fn full(&self) -> String {
        format!("{}/{}", self.owner, self.name)
    }
}

#[derive(Clone, Debug)]
pub struct Team {
    pub org: String,
    pub slug: String,
    /// Logins in lower case.
    pub members: BTreeSet<String>,
    pub invited: BTreeSet<String>,
}

#[derive(Clone, Debug)]
pub struct Limit {
    pub limit: u64,
    pub remaining: u64,
    pub reset_s: i64,
}

#[derive(Clone, Debug)]
pub struct Token {
    pub secret: String,
    pub login: String,
    /// The app it belongs to: `github-actions`, or ours.
    pub app: Option<String>,
    /// `contents` → `write`; nothing: everything its owner may.
    pub permissions: Option<BTreeMap<String, String>>,
    pub repos: Option<Vec<u64>>,
    pub expires_s: Option<i64>,
    pub rate: Limit,
}

#[derive(Clone, Debug)]
pub struct App {
    pub id: u64,
    pub client_id: String,
    pub slug: String,
    pub owner: String,
    pub installation: u64,
    /// SubjectPublicKeyInfo, PEM; nothing for GitHub Actions itself.
    pub public_pem: Option<String>,
    pub permissions: BTreeMap<String, String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PullState {
    Open,
    Closed,
    Merged,
}

#[derive(Clone, Debug)]
pub struct Pull {
    pub id: u64,
    /// The base repository.
    pub repo: u64,
    pub number: u64,
    pub title: String,
    pub body: Option<String>,
    pub author: String,
    pub state: PullState,
    pub draft: bool,
    pub base_ref: String,
    pub base_sha: String,
    /// Nothing: the fork was deleted.
    pub head_repo: Option<u64>,
    pub head_owner: String,
    pub head_ref: String,
    pub head_sha: String,
    /// Before the last push.
    pub previous_sha: Option<String>,
    /// Test merge of an open one, then the commit on the base branch.
    pub merge_sha: Option<String>,
    /// What `merge_sha` was made from.
    pub merge_of: (String, String),
    pub mergeable: bool,
    pub created: String,
    pub updated: String,
    pub closed: Option<String>,
    pub merged_by: Option<String>,
    pub labels: Vec<String>,
}

#[derive(Clone, Debug)]
pub struct Comment {
    pub id: u64,
    pub repo: u64,
    pub number: u64,
    pub author: String,
    /// The app through which it was written.
    pub app: Option<String>,
    pub body: String,
    pub created: String,
    pub updated: String,
    /// Lists that will not show it yet.
    pub hidden: usize,
}

#[derive(Clone, Debug)]
pub struct Reaction {
    pub id: u64,
    pub comment: u64,
    pub author: String,
    pub content: String,
    pub created: String,
}

#[derive(Clone, Debug)]
pub struct Check {
    pub id: u64,
    pub repo: u64,
    pub suite: u64,
    pub app: String,
    pub name: String,
    pub head_sha: String,
    pub external_id: String,
    pub details_url: Option<String>,
    pub status: String,
    pub conclusion: Option<String>,
    pub started: Option<String>,
    pub completed: Option<String>,
    pub title: Option<String>,
    pub summary: Option<String>,
    pub text: Option<String>,
    /// As they were sent; updates append.
    pub annotations: Vec<Value>,
    /// The buttons, as they were sent.
    pub actions: Vec<Value>,
    /// How often it was written.
    pub writes: usize,
    pub hidden: usize,
}

#[derive(Clone, Debug)]
pub struct Deployment {
    pub id: u64,
    pub repo: u64,
    pub sha: String,
    pub git_ref: String,
    pub task: String,
    pub payload: Value,
    pub environment: String,
    pub description: Option<String>,
    pub transient: bool,
    pub production: bool,
    pub creator: String,
    pub app: Option<String>,
    pub created: String,
    pub updated: String,
    /// Oldest first.
    pub statuses: Vec<DeploymentStatus>,
    pub hidden: usize,
}

impl Deployment {
    /// `pending` before there is any status.
    pub fn state(&self) -> &str {
        self.statuses.last().map_or("pending", |status| &status.state)
    }
}

#[derive(Clone, Debug)]
pub struct DeploymentStatus {
    pub id: u64,
    pub state: String,
    pub description: String,
    pub environment_url: String,
    pub log_url: String,
    pub creator: String,
    pub created: String,
    /// By GitHub itself, because a newer deployment succeeded.
    pub automatic: bool,
}

#[derive(Clone, Debug)]
pub struct Status {
    pub id: u64,
    pub repo: u64,
    pub sha: String,
    pub context: String,
    pub state: String,
    pub description: Option<String>,
    pub target_url: Option<String>,
    pub creator: String,
    pub created: String,
}

#[derive(Clone, Debug)]
pub struct Review {
    pub id: u64,
    pub repo: u64,
    pub number: u64,
    pub author: String,
    pub body: String,
    /// `APPROVED`, `CHANGES_REQUESTED`, `COMMENTED`, `DISMISSED`
    pub state: String,
    pub commit: String,
    pub submitted: String,
}

#[derive(Default)]
pub struct State {
    pub endpoint: String,
    pub dir: PathBuf,
    /// The last moment told; it never stands still between two writes.
    pub clock_s: i64,
    /// The clock does not follow real time.
    pub frozen: bool,
    pub last_id: u64,
    pub last_number: u64,
    /// The repository that helpers without a repository mean: the first one.
    pub home: u64,
    pub accounts: Vec<Account>,
    pub repos: Vec<Repo>,
    pub teams: Vec<Team>,
    pub tokens: Vec<Token>,
    pub apps: Vec<App>,
    pub pulls: Vec<Pull>,
    pub comments: Vec<Comment>,
    pub reactions: Vec<Reaction>,
    pub checks: Vec<Check>,
    pub deployments: Vec<Deployment>,
    pub statuses: Vec<Status>,
    pub reviews: Vec<Review>,
    pub oidc_subject: String,
    pub faults: Vec<faults::Rule>,
    pub journal: Vec<journal::Call>,
    pub hooks: Vec<journal::Hook>,
    /// Requests that arrived since the start; `clear_journal` does not reset it.
    pub arrived: usize,
    pub violations: Vec<String>,
}

impl State {
    pub fn new(endpoint: String, dir: PathBuf) -> State {
        let mut state = State { endpoint, dir, last_id: FIRST_ID, ..State::default() };
        state.oidc_subject = "repo:acme/notes:ref:refs/heads/main".to_owned();
        state.account("github-actions[bot]", Kind::Bot);
        state.account("github", Kind::Organization);
        state.apps.push(App {
            id: 15_368,
            client_id: "Iv1.05c79e9ad1f6bdfa".to_owned(),
            slug: "github-actions".to_owned(),
            owner: "github".to_owned(),
            installation: 0,
            public_pem: None,
            permissions: BTreeMap::new(),
        });
        state
    }

    /// Real time in milliseconds.
    pub fn real_ms() -> i64 {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis() as i64)
    }

    /// The next moment, in whole seconds and later than the one before, as RFC 3339.
    pub fn now(&mut self) -> String {
        let real = if self.frozen { 0 } else { State::real_ms() / 1000 };
        self.clock_s = real.max(self.clock_s + 1);
        stamp(self.clock_s)
    }

    /// A number that no other thing of this fake has.
    pub fn id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    pub fn api(&self) -> String {
        format!("{}/api/v3", self.endpoint)
    }

    /// The account, made where it is new.
    pub fn account(&mut self, login: &str, kind: Kind) -> Account {
        if let Some(found) = self.find_account(login) {
            return found.clone();
        }
        let account = Account { login: login.to_owned(), id: 1001 + self.accounts.len() as u64, kind };
        self.accounts.push(account.clone());
        account
    }

    pub fn find_account(&self, login: &str) -> Option<&Account> {
        self.accounts.iter().find(|account| account.login.eq_ignore_ascii_case(login))
    }

    pub fn repo_named(&self, full: &str) -> Option<&Repo> {
        self.repos.iter().find(|repo| repo.full().eq_ignore_ascii_case(full))
    }

    pub fn repo_by_id(&self, id: u64) -> Option<&Repo> {
        self.repos.iter().find(|repo| repo.id == id)
    }

    pub fn app_named(&self, slug: &str) -> Option<&App> {
        self.apps.iter().find(|app| app.slug == slug)
    }

    pub fn pull_index(&self, repo: u64, number: u64) -> Option<usize> {
        self.pulls.iter().position(|pull| pull.repo == repo && pull.number == number)
    }

    /// Permission and role name of somebody in a repository.
    pub fn role(&self, repo: &Repo, login: &str) -> (String, String) {
        let given = repo.roles.get(&login.to_lowercase()).cloned();
        let owner = repo.owner.eq_ignore_ascii_case(login).then(|| ("admin".to_owned(), "admin".to_owned()));
        let public = if repo.private { "none" } else { "read" };
        given.or(owner).unwrap_or_else(|| (public.to_owned(), public.to_owned()))
    }
}

/// Seconds since 1970 as RFC 3339.
pub fn stamp(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).expect("a moment within range").to_string()
}
