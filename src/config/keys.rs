//! Every key of `offshoot.yml` in one table: what reads, checks, documents and publishes the file is made from it.

use super::texts::{self, Wrong};

/// Whether a table is complete without the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    Required,
    Optional,
}

/// One key of a table.
pub(super) struct Key {
    pub name: &'static str,
    pub shape: Shape,
    pub need: Need,
    /// In words; empty where there is none.
    pub default: &'static str,
    pub about: &'static str,
}

/// A text with rules of its own.
pub(super) struct Rule {
    /// What it is, as in "expected …".
    pub name: &'static str,
    /// The same as a regular expression for editors; empty where there is none.
    pub pattern: &'static str,
    pub check: fn(&str) -> Result<(), Wrong>,
}

/// What may be written for a key.
pub(super) enum Shape {
    Text(Rule),
    OneOf(&'static [&'static str]),
    Switch,
    Count {
        min: u64,
        max: u64,
    },
    List(&'static Shape),
    /// Names that the user chooses, with text values; the function judges each pair.
    Names(fn(&str, &str) -> Result<(), Wrong>),
    /// Names that the user chooses, with any values; the function judges each name with each text.
    Open(fn(&str, &str) -> Result<(), Wrong>),
    Table(&'static [Key]),
}

const fn text(name: &'static str, pattern: &'static str, check: fn(&str) -> Result<(), Wrong>) -> Shape {
    Shape::Text(Rule { name, pattern, check })
}

const fn key(name: &'static str, shape: Shape, default: &'static str, about: &'static str) -> Key {
    Key { name, shape, need: Need::Optional, default, about }
}

const fn required(name: &'static str, shape: Shape, about: &'static str) -> Key {
    Key { name, shape, need: Need::Required, default: "", about }
}

const SPAN: Shape = text("a duration", "^([0-9]+[smhdw])+$", texts::span);
const EXPIRY: Shape = text("a duration or never", "^(([0-9]+[smhdw])+|never)$", texts::expiry);
const ROLE: &str = "^arn:aws[a-z-]*:iam::[0-9]{12}:role/.+$";
const GLOB: Shape = text("a name or glob", "", texts::glob);
const INSIDE: Shape = text("a glob", "", texts::inside);
const APP_NAME: Shape = text("the name of an app", "^[A-Za-z0-9][A-Za-z0-9._-]{0,59}$", texts::app_name);
const PERSON: Shape = text("a person or team", "^@[^/]+(/[^/]+)?$", texts::person);

pub(super) const APP_KINDS: &[&str] = &["cdk", "sst", "sam", "serverless", "cloudformation", "assembly"];

/// The file itself.
pub(super) const ROOT: &[Key] = &[
    required("version", Shape::Count { min: 1, max: 1 }, "Version of this format."),
    key(
        "state",
        text("the name of an S3 bucket", "^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", texts::bucket),
        "the CDK bootstrap bucket of the account",
        "S3 bucket that keeps the state and lock of each stage.",
    ),
    key(
        "prefix",
        text("a slash and a word", "^/[A-Za-z0-9-]{1,39}$", texts::prefix),
        "/offshoot",
        "What a pull request comment begins with to be a command.",
    ),
    key(
        "apps",
        Shape::List(&Shape::Table(APP)),
        "discovered from cdk.json, sst.json, sst.config.ts, template.yaml and serverless.yml",
        "The deployable apps of this repository.",
    ),
    key(
        "defaults",
        Shape::Table(SETTINGS),
        "",
        "Settings of every stage; what a stage writes itself wins, tables are merged key by key, `null` takes a default away.",
    ),
    key(
        "stages",
        Shape::List(&Shape::Table(STAGE)),
        "one stage \"{branch}\" for every branch",
        "Which branch, tag or pull request becomes which stage.",
    ),
];

/// One entry of `apps`.
pub(super) const APP: &[Key] = &[
    required("name", APP_NAME, "Name of the app, unique in the repository."),
    key(
        "path",
        text("a folder", "", texts::folder),
        ". (the root)",
        "Folder of the app, from the root of the repository.",
    ),
    key(
        "kind",
        Shape::OneOf(APP_KINDS),
        "discovered from the folder's files",
        "How the app becomes CloudFormation templates.",
    ),
    key(
        "command",
        text("a command", "", texts::any),
        "app of cdk.json",
        "Command that writes the app's templates; wins over `app` in cdk.json.",
    ),
    key(
        "inputs",
        Shape::List(&INSIDE),
        "",
        "Globs, from the root of the repository, of files outside `path` that the app also reads; a change in them plans the app again.",
    ),
    key("typecheck", Shape::Switch, "false", "Check the types of the whole app before it is planned."),
    key("validation", Shape::Switch, "false", "Run the app's own validation (policy plugins) while it is synthesized."),
    key("timeout", SPAN, "10m", "Longest time one synthesis may take."),
    key(
        "memory_mb",
        Shape::Count { min: 256, max: 65_536 },
        "4096",
        "Most memory one synthesis may use, in megabytes.",
    ),
    key("context", Shape::Open(texts::context), "", "CDK context values of the app on every stage."),
    key(
        "env",
        Shape::Names(texts::env),
        "",
        "Environment variables of the app's program on every stage; never secrets.",
    ),
    key(
        "url",
        text("the name of an output", "^[A-Za-z0-9]{1,255}$", texts::output),
        "the output whose name says so, such as Url or ApiEndpoint",
        "Stack output with the address at which the app answers; pull requests link to it.",
    ),
];

/// What names a stage and what it is made from, with its settings.
pub(super) const STAGE: &[Key] = &with_settings([
    required(
        "name",
        text("the name of a stage", "", texts::stage_name),
        "Name of the stage: fixed (`prod`), or with {branch}, {tag} or {number} filled in and made safe for AWS.",
    ),
    key(
        "branch",
        GLOB,
        "",
        "Branch, or glob of branches, that becomes this stage: `*` stays between slashes, `**` does not. An exact name wins over a glob.",
    ),
    key("tag", GLOB, "", "Git tag, or glob of tags, that becomes this stage."),
    key(
        "pull_request",
        Shape::Table(PULL_REQUEST),
        "",
        "Every pull request becomes a stage of its own, as long as it is open.",
    ),
]);

/// The same keys without a name, for `defaults`.
pub(super) const SETTINGS: &[Key] = &settings();

const SETTINGS_COUNT: usize = 15;

const fn settings() -> [Key; SETTINGS_COUNT] {
    [
        key("aws", Shape::Table(AWS), "", "Where the stage is deployed and as whom."),
        key(
            "apply",
            Shape::OneOf(&["auto", "approved", "manual", "fast"]),
            "auto",
            "When a plan is executed: at once, once approved, only by command, or at once with code changes straight to Lambda.",
        ),
        key("approvals", Shape::Table(APPROVALS), "", "Who has to approve where `apply: approved`."),
        key(
            "deployers",
            Shape::List(&PERSON),
            "anyone who may write to the repository",
            "People (`@name`) and teams (`@organization/team`) who may deploy, remove, roll back and unlock the stage by command.",
        ),
        key("protect", Shape::Switch, "false", "No removal, no expiry, no live session, no fast deploy."),
        key("drift", Shape::Table(DRIFT), "", "Look for drift on a schedule."),
        key("expires", EXPIRY, "never", "Remove the stage this long after its last deploy, unless it was extended."),
        key(
            "limit",
            Shape::Count { min: 1, max: 1_000 },
            "",
            "At most this many stages of this rule at a time; one more is refused until another one is removed.",
        ),
        key(
            "prune",
            Shape::OneOf(&["ask", "always"]),
            "ask",
            "Whether stacks that the app no longer has are deleted without `--prune`.",
        ),
        key(
            "removal",
            Shape::OneOf(&["retain", "destroy"]),
            "retain",
            "What becomes of buckets with objects in them when the stage is removed: they are kept, or emptied and deleted.",
        ),
        key("context", Shape::Open(texts::context), "", "CDK context values; `stage` is always there."),
        key(
            "env",
            Shape::Names(texts::env),
            "",
            "Environment variables of the app's program; `STAGE` is always there; never secrets.",
        ),
        key("apps", Shape::List(&APP_NAME), "all", "The apps that this stage deploys."),
        key(
            "express",
            Shape::Switch,
            "false",
            "Deploy with CloudFormation's express mode, which does not wait until resources are stable.",
        ),
        key(
            "tags",
            Shape::Names(texts::tag),
            "",
            "Stack tags. CloudFormation copies them to every resource, so a new tag is a change of everything.",
        ),
    ]
}

/// Joins what names a stage with the settings; constants cannot be concatenated otherwise.
const fn with_settings(head: [Key; 4]) -> [Key; 4 + SETTINGS_COUNT] {
    let [name, branch, tag, pull_request] = head;
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o] = settings();
    [name, branch, tag, pull_request, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o]
}

const AWS: &[Key] = &[
    key(
        "account",
        text("12 digits", "^[0-9]{12}$", texts::account),
        "that of the credentials",
        "AWS account, 12 digits in quotes. Credentials of another account are refused before anything is written.",
    ),
    key(
        "region",
        text("an AWS region", "^[a-z]{2,4}(-[a-z]+){1,3}-[0-9]{1,2}$", texts::region),
        "that of the environment or profile",
        "AWS region.",
    ),
    key("plan_role", text("the ARN of a role", ROLE, texts::role), "", "Role that reads and makes change sets."),
    key("apply_role", text("the ARN of a role", ROLE, texts::role), "", "Role that executes change sets."),
    key("profile", text("a profile", "", texts::any), "", "AWS profile for use from a developer's shell."),
];

const APPROVALS: &[Key] = &[
    key("count", Shape::Count { min: 1, max: 20 }, "1", "How many people have to approve."),
    key(
        "from",
        Shape::List(&PERSON),
        "anyone who may write to the repository",
        "People (`@name`) and teams (`@organization/team`) whose approval counts; never the author of the pull request.",
    ),
    key(
        "codeowners",
        Shape::Switch,
        "false",
        "Every changed file that has owners in CODEOWNERS needs the approval of one of them, too.",
    ),
];

const DRIFT: &[Key] = &[
    key("schedule", text("a cron schedule", "", texts::cron), "0 6 * * *", "When to look: five cron fields, in UTC."),
    key(
        "action",
        Shape::OneOf(&["report", "propose", "revert"]),
        "report",
        "Tell, prepare a change set that reverts it, or revert it.",
    ),
];

const PULL_REQUEST: &[Key] = &[
    key("base", GLOB, "every branch", "Branch, or glob of branches, that the pull request wants to go into."),
    key(
        "drafts",
        Shape::OneOf(&["ignore", "plan", "deploy"]),
        "plan",
        "What is done for a draft: nothing, only a plan, or the same as for every other pull request.",
    ),
];
