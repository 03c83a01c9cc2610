//! The configuration as meant: every default filled in, every name checked.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::names::{AccountId, AppName, Branch, Region};

/// The whole of `offshoot.yml`, or what stands for it where there is none.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// In the order of the file; empty until [`Config::with_discovered`] where the file names none.
    pub apps: Vec<App>,
    pub stages: Vec<StageRule>,
    /// The S3 bucket for stage state; the bootstrap bucket of the account where none is named.
    pub state: Option<String>,
    /// What a command in a pull request comment begins with: `/offshoot`.
    pub prefix: String,
    pub origin: Origin,
}

/// Where a configuration comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    File(PathBuf),
    /// There is no file: the apps were found, and every branch is a stage.
    Discovered,
}

/// One deployable app of the repository.
#[derive(Clone, Debug, PartialEq)]
pub struct App {
    pub name: AppName,
    /// Relative to the repository; empty for its root.
    pub path: PathBuf,
    pub kind: AppKind,
    /// Whether `kind` may be trusted before the folder's files were looked at.
    pub kind_from: KindFrom,
    /// Overrides `app` of `cdk.json`.
    pub command: Option<String>,
    /// Globs outside `path` that the app also reads.
    pub inputs: Vec<String>,
    pub typecheck: Typecheck,
    pub validation: Validation,
    pub timeout_s: u64,
    pub memory_mb: u64,
    pub context: serde_json::Map<String, serde_json::Value>,
    pub env: BTreeMap<String, String>,
    /// The stack output with the address at which the app answers.
    pub url: Option<String>,
}

impl App {
    /// An app with every default.
    pub fn new(name: impl Into<AppName>, path: impl Into<PathBuf>, kind: AppKind, kind_from: KindFrom) -> Self {
        App {
            name: name.into(),
            path: path.into(),
            kind,
            kind_from,
            command: None,
            inputs: Vec::new(),
            typecheck: Typecheck::Off,
            validation: Validation::Off,
            timeout_s: 600,
            memory_mb: 4096,
            context: serde_json::Map::new(),
            env: BTreeMap::new(),
            url: None,
        }
    }
}

/// How an app becomes CloudFormation templates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AppKind {
    Cdk,
    Sst,
    Sam,
    Serverless,
    CloudFormation,
    /// A command or folder that is a cloud assembly already.
    Assembly,
}

impl AppKind {
    /// As written in `kind:`.
    pub fn as_str(self) -> &'static str {
        match self {
            AppKind::Cdk => "cdk",
            AppKind::Sst => "sst",
            AppKind::Sam => "sam",
            AppKind::Serverless => "serverless",
            AppKind::CloudFormation => "cloudformation",
            AppKind::Assembly => "assembly",
        }
    }

    pub(super) fn from_word(word: &str) -> Option<Self> {
        use AppKind::*;
        [Cdk, Sst, Sam, Serverless, CloudFormation, Assembly].into_iter().find(|kind| kind.as_str() == word)
    }
}

/// How the kind of an app is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KindFrom {
    /// `kind:` says so.
    Written,
    /// The files of its folder say so.
    Files,
    /// Nobody has looked yet; see [`Config::with_discovered`].
    Assumed,
}

/// Whether the types of an app are checked before it is planned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Typecheck {
    On,
    #[default]
    Off,
}

/// Whether the app's own validation runs during synthesis.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Validation {
    On,
    #[default]
    Off,
}

/// One line of `stages`, with the defaults merged in.
#[derive(Clone, Debug, PartialEq)]
pub struct StageRule {
    /// `prod`, or a template: `{branch}`, `pr-{number}`.
    pub name: String,
    pub source: Source,
    pub aws: Aws,
    pub apply: ApplyRule,
    pub approvals: Approvals,
    /// `@name` or `@organization/team`: who may deploy, remove, roll back and unlock the stage by command; anyone who
    /// may write where empty.
    pub deployers: Vec<String>,
    /// What is done for pull requests that are drafts.
    pub drafts: Drafts,
    pub protect: Protection,
    pub drift: Option<Drift>,
    pub expires_s: Option<u64>,
    /// At most this many stages of this rule at a time.
    pub limit: Option<u32>,
    pub prune: Prune,
    pub removal: Removal,
    pub context: serde_json::Map<String, serde_json::Value>,
    pub env: BTreeMap<String, String>,
    /// All apps where none are named.
    pub apps: Option<Vec<AppName>>,
    pub express: Express,
    pub tags: BTreeMap<String, String>,
    /// Where the rule begins in the file; 0 where there is no file.
    pub line: usize,
}

impl StageRule {
    /// It gives one name, whatever it is made from.
    pub fn is_fixed(&self) -> bool {
        !self.name.contains('{')
    }

    /// A rule with every default.
    pub fn new(name: impl Into<String>, source: Source) -> Self {
        StageRule {
            name: name.into(),
            source,
            aws: Aws::default(),
            apply: ApplyRule::Auto,
            approvals: Approvals::default(),
            deployers: Vec::new(),
            drafts: Drafts::Plan,
            protect: Protection::Off,
            drift: None,
            expires_s: None,
            limit: None,
            prune: Prune::Ask,
            removal: Removal::Retain,
            context: serde_json::Map::new(),
            env: BTreeMap::new(),
            apps: None,
            express: Express::Off,
            tags: BTreeMap::new(),
            line: 0,
        }
    }
}

/// What a stage is made from; the texts are names or globs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    Branch(String),
    Tag(String),
    /// Of pull requests into `base`, or into any branch.
    PullRequest {
        base: Option<String>,
    },
}

/// Where a stage is deployed and as whom.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Aws {
    pub account: Option<AccountId>,
    pub region: Option<Region>,
    pub plan_role: Option<String>,
    pub apply_role: Option<String>,
    pub profile: Option<String>,
}

/// When a plan is executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApplyRule {
    Auto,
    Approved,
    Manual,
    Fast,
}

impl ApplyRule {
    /// As written in `apply:`.
    pub fn as_str(self) -> &'static str {
        match self {
            ApplyRule::Auto => "auto",
            ApplyRule::Approved => "approved",
            ApplyRule::Manual => "manual",
            ApplyRule::Fast => "fast",
        }
    }
}

/// Who has to approve where [`ApplyRule::Approved`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approvals {
    pub count: u32,
    /// `@name` or `@organization/team`; anyone who may write where empty.
    pub from: Vec<String>,
    pub codeowners: Codeowners,
}

impl Default for Approvals {
    fn default() -> Self {
        Approvals { count: 1, from: Vec::new(), codeowners: Codeowners::Ignore }
    }
}

/// Whether the owners of changed files have to approve too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Codeowners {
    #[default]
    Ignore,
    /// Every changed file with owners needs the approval of one of them.
    Required,
}

/// What is done for a pull request as long as it is a draft.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Drafts {
    Ignore,
    /// Planned, not deployed.
    #[default]
    Plan,
    /// As if it were no draft.
    Deploy,
}

/// Whether a stage is kept from removal, expiry, live sessions and fast deploys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protection {
    On,
    Off,
}

/// Looking for drift on a schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drift {
    /// Five cron fields, UTC.
    pub schedule: String,
    pub action: DriftAction,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DriftAction {
    Report,
    Propose,
    Revert,
}

impl DriftAction {
    /// As written in `action:`.
    pub fn as_str(self) -> &'static str {
        match self {
            DriftAction::Report => "report",
            DriftAction::Propose => "propose",
            DriftAction::Revert => "revert",
        }
    }
}

/// Whether stacks that the app no longer has are deleted unasked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prune {
    Ask,
    Always,
}

/// What becomes of resources that hold data when a stage is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removal {
    Retain,
    Destroy,
}

/// Whether CloudFormation's express mode is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Express {
    Off,
    On,
}

/// What in git a stage is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GitRef {
    Branch(Branch),
    Tag(String),
    PullRequest { number: u64, base: Branch, head: Branch },
}

impl std::fmt::Display for GitRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            GitRef::Branch(branch) => write!(f, "branch {branch}"),
            GitRef::Tag(tag) => write!(f, "tag {tag}"),
            GitRef::PullRequest { number, base, .. } => write!(f, "pull request #{number} into {base}"),
        }
    }
}
