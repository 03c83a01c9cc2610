//! A world for a story on a forge: a repository with people, a fake GitHub, a fake AWS, and `offshoot ci` for each event.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use super::app::{App, app, queue, stack};
use super::run::{self, Run, Running};
use crate::fake::FakeAws;
use crate::forge::{FakeGitHub, state};

pub const REPO: &str = "acme/notes";
pub const TOKEN: &str = "ghs_job";

/// What a job of the example workflow may do.
pub const ALL: &[(&str, &str)] = &[
    ("contents", "read"),
    ("pull_requests", "write"),
    ("checks", "write"),
    ("deployments", "write"),
    ("statuses", "write"),
];

/// `main` is prod and asks for an approval; every pull request has a preview.
pub const RULES: &str = "version: 1
apps:
  - { name: notes, path: app, kind: assembly, command: sh synth.sh }
stages:
  - { name: prod, branch: main, apply: approved, approvals: { count: 1 } }
  - { name: \"pr-{number}\", pull_request: { base: main }, expires: 72h }
";

/// The app's program: it copies what was written for its stage.
const SYNTH: &str = "mkdir -p \"$CDK_OUTDIR\"\ncp -R \"stages/$STAGE/.\" \"$CDK_OUTDIR/\"\n";

/// The stages that an app of a story may be made for.
const STAGES: &[&str] = &["prod", "staging", "pr-1", "pr-2", "pr-3", "pr-4"];

/// A forge with a repository and people, an AWS account, and jobs.
pub struct CiWorld {
    folder: tempfile::TempDir,
    pub aws: FakeAws,
    pub forge: FakeGitHub,
    env: Vec<(String, String)>,
    jobs: Cell<usize>,
}

/// The app of most stories: one queue, and an address.
pub fn notes(timeout_s: u32) -> impl Fn(&str) -> App {
    move |stage_name| {
        let address = json!(format!("https://{stage_name}.example.com"));
        app().stack(stack(&format!("{stage_name}-app")).has("Queue", queue(timeout_s)).output("Url", address))
    }
}

impl CiWorld {
    /// The rules of [`RULES`] and the app on `main`; nothing is deployed yet.
    pub fn new() -> CiWorld {
        CiWorld::with_rules(RULES)
    }

    pub fn with_rules(rules: &str) -> CiWorld {
        offshoot::git::init();
        let folder = tempfile::tempdir_in("/tmp").expect("a temporary folder");
        std::fs::create_dir(folder.path().join("forge")).expect("a folder");
        let (aws, forge) = (FakeAws::start_here(), FakeGitHub::start(folder.path().join("forge")));
        aws.bootstrap_here();
        aws.steps_per_poll(3);
        forge.repo(REPO, forge.bare(REPO));
        for (login, role) in [("ana", "write"), ("ben", "write"), ("cleo", "read"), ("dan", "admin")] {
            forge.role(REPO, login, role);
        }
        forge.actions_token(TOKEN, ALL);
        let world = CiWorld { folder, aws, forge, env: Vec::new(), jobs: Cell::new(0) };
        for name in ["home", "cache"] {
            std::fs::create_dir(world.path(name)).expect("a folder");
        }
        world.push_files("main", &[("offshoot.yml", rules), ("app/synth.sh", SYNTH), ("README.md", "Notes.\n")]);
        world.push("main", notes(30));
        world
    }

    pub fn with_env(mut self, name: &str, value: &str) -> CiWorld {
        self.env.retain(|(known, _)| known != name);
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Stage `prod` runs what `main` says; what that took is forgotten.
    pub fn deployed(self) -> CiWorld {
        let rules = self.file("main", "offshoot.yml").expect("rules");
        // as if somebody had approved it long ago: it is where the story begins
        self.push_files("main", &[("offshoot.yml", &rules.replace("apply: approved", "apply: auto"))]);
        self.pushed("main").done();
        self.push_files("main", &[("offshoot.yml", &rules)]);
        self.forget();
        self
    }

    /// Both journals begin anew.
    pub fn forget(&self) {
        self.aws.clear_journal();
        self.forge.clear_journal();
    }

    pub fn tip(&self, branch: &str) -> String {
        self.forge.tip(branch).expect("the branch")
    }

    pub fn file(&self, branch: &str, path: &str) -> Option<String> {
        let git = git2::Repository::open(self.forge.bare(REPO)).expect("the repository");
        let commit = git.find_reference(&format!("refs/heads/{branch}")).ok()?.peel_to_commit().ok()?;
        let entry = commit.tree().ok()?.get_path(Path::new(path)).ok()?;
        let blob = git.find_blob(entry.id()).ok()?;
        Some(String::from_utf8_lossy(blob.content()).into_owned())
    }

    /// The app becomes this on a branch, in a new commit on top of it; a new branch begins at `main`.
    pub fn push(&self, branch: &str, app: impl Fn(&str) -> App) -> String {
        self.push_to(REPO, branch, app)
    }

    /// The same in a fork.
    pub fn push_to(&self, repo: &str, branch: &str, app: impl Fn(&str) -> App) -> String {
        let made = tempfile::tempdir().expect("a temporary folder");
        for stage_name in STAGES {
            app(stage_name).write(&made.path().join(stage_name));
        }
        let mut files = Vec::new();
        for entry in ignore::WalkBuilder::new(made.path()).hidden(false).build().flatten() {
            if entry.file_type().is_some_and(|t| t.is_file()) {
                let name = entry.path().strip_prefix(made.path()).expect("inside").display().to_string();
                let text = std::fs::read_to_string(entry.path()).expect("a file");
                files.push((format!("app/stages/{name}"), text));
            }
        }
        let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        self.commit(repo, branch, &files)
    }

    /// Files of a branch, in one new commit.
    pub fn push_files(&self, branch: &str, files: &[(&str, &str)]) -> String {
        self.commit(REPO, branch, files)
    }

    /// The same in another repository.
    pub fn push_files_to(&self, repo: &str, branch: &str, files: &[(&str, &str)]) -> String {
        self.commit(repo, branch, files)
    }

    fn commit(&self, repo: &str, branch: &str, files: &[(&str, &str)]) -> String {
        let git = git2::Repository::open(self.forge.bare(repo)).expect("the repository");
        let tip = |name: &str| git.find_reference(&format!("refs/heads/{name}")).ok()?.peel_to_commit().ok();
        let parent = tip(branch).or_else(|| tip("main"));
        let mut index = git2::Index::new().expect("an index");
        if let Some(parent) = &parent {
            index.read_tree(&parent.tree().expect("its tree")).expect("the tree");
        }
        for (name, text) in files {
            let blob = git.blob(text.as_bytes()).expect("a blob");
            let zero = git2::IndexTime::new(0, 0);
            let entry = git2::IndexEntry {
                ctime: zero,
                mtime: zero,
                dev: 0,
                ino: 0,
                mode: 0o100_644,
                uid: 0,
                gid: 0,
                file_size: 0,
                id: blob,
                flags: 0,
                flags_extended: 0,
                path: name.as_bytes().to_vec(),
            };
            index.add(&entry).expect("an entry");
        }
        let tree = git.find_tree(index.write_tree_to(&git).expect("a tree")).expect("the tree");
        let time = git2::Time::new(1_790_000_000, 0);
        let who = git2::Signature::new("Somebody", "somebody@example.com", &time).expect("a signature");
        let parents: Vec<&git2::Commit<'_>> = parent.iter().collect();
        let made = git.commit(None, &who, &who, "A change", &tree, &parents).expect("a commit").to_string();
        self.forge.move_branch(repo, branch, Some(&made));
        made
    }

    /// A branch with the app so, and a pull request of ana's from it into `main`.
    pub fn pull(&self, branch: &str, app: impl Fn(&str) -> App) -> u64 {
        self.push(branch, app);
        self.forge.open(branch, "main", "ana")
    }

    /// A fork of a stranger's with all of `main`, and a pull request from its branch `patch`.
    pub fn fork(&self, app: impl Fn(&str) -> App) -> u64 {
        let fork = "stranger/notes";
        self.forge.fork(REPO, fork, self.forge.bare(fork));
        let copied = Command::new("git")
            .args(["push", "-q"])
            .arg(self.forge.bare(fork))
            .arg("refs/heads/main:refs/heads/main")
            .current_dir(self.forge.bare(REPO))
            .status();
        assert!(copied.expect("git").success());
        self.push_to(fork, "patch", app);
        self.forge.open("stranger:patch", "main", "stranger")
    }

    /// The head of a pull request.
    pub fn head_of(&self, number: u64) -> String {
        let state = self.forge.state();
        state.pulls.iter().find(|p| p.number == number).expect("the pull request").head_sha.clone()
    }

    /// A job for this event, ready to start.
    pub fn job(&self, event: &str, payload: &Value) -> Job {
        self.jobs.set(self.jobs.get() + 1);
        let folder = self.path(&format!("job-{}", self.jobs.get()));
        std::fs::create_dir(&folder).expect("a folder for the job");
        let text = serde_json::to_string_pretty(payload).expect("JSON");
        std::fs::write(folder.join("event.json"), text).expect("the event");
        let mut command = Command::new(run::binary());
        command.arg("ci").current_dir(&folder).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", self.path("home")).env("OFFSHOOT_CACHE_DIR", self.path("cache"));
        command.env("OFFSHOOT_POLL_MS", "1,5").envs(self.aws.env()).envs(self.forge.env(REPO, TOKEN));
        command.env("GITHUB_EVENT_NAME", event).env("GITHUB_EVENT_PATH", folder.join("event.json"));
        command.env("GITHUB_OUTPUT", folder.join("output")).env("GITHUB_STEP_SUMMARY", folder.join("summary"));
        command.env("RUNNER_TEMP", &folder).env("GITHUB_REF", "refs/heads/main").env("GITHUB_ACTOR", "ana");
        command.envs(self.env.iter().map(|(k, v)| (k, v)));
        Job { command, folder, words: format!("offshoot ci ({event})") }
    }

    /// Runs the job of an event to its end.
    pub fn run(&self, event: &str, payload: &Value) -> Ended {
        self.job(event, payload).run()
    }

    /// `pull_request`: opened, synchronize, closed, ….
    pub fn on_pull(&self, number: u64, action: &str) -> Ended {
        self.run("pull_request", &self.forge.event_pull(number, action, "ana"))
    }

    /// The branch was pushed to.
    pub fn pushed(&self, branch: &str) -> Ended {
        let tip = self.tip(branch);
        self.run("push", &self.forge.event_push(branch, None, Some(&tip), "ana"))
    }

    /// Somebody writes a comment, and its job runs; gives the comment's id too.
    pub fn says(&self, number: u64, login: &str, text: &str) -> (u64, Ended) {
        let id = self.forge.comment(number, login, text);
        (id, self.heard(number, id, login))
    }

    /// The job of a comment runs (again).
    pub fn heard(&self, number: u64, comment: u64, login: &str) -> Ended {
        self.run("issue_comment", &self.forge.event_comment(number, comment, "created", login))
    }

    /// Puts an object of the app's stages into the bucket.
    pub fn put_object(&self, name: &str, value: &Value) {
        let key = format!("offshoot/127.0.0.1/{REPO}/notes/{name}");
        self.aws.put_object(super::BUCKET, &key, value.to_string());
    }

    /// Waits until something is so.
    #[track_caller]
    pub fn until(&self, what: &str, so: impl Fn(&FakeAws) -> bool) {
        super::until(&self.aws, what, so);
    }

    /// The comments of ours with the sticky marker.
    pub fn stickies(&self, number: u64) -> Vec<state::Comment> {
        let all = self.forge.comments(number);
        all.into_iter().filter(|c| c.author.ends_with("[bot]") && !c.body.contains("offshoot:reply")).collect()
    }

    /// The one sticky comment.
    #[track_caller]
    pub fn sticky(&self, number: u64) -> state::Comment {
        let mut all = self.stickies(number);
        assert_eq!(all.len(), 1, "one comment: {all:#?}");
        all.remove(0)
    }

    /// What was answered to a comment.
    #[track_caller]
    pub fn reply(&self, number: u64, to: u64) -> String {
        let marker = format!("<!-- offshoot:reply {to} -->");
        let mut found: Vec<_> =
            self.forge.comments(number).into_iter().filter(|c| c.body.starts_with(&marker)).collect();
        assert_eq!(found.len(), 1, "one reply: {found:#?}");
        found.remove(0).body.replace(&format!("{marker}\n"), "")
    }

    /// The checks of a commit: `offshoot / notes / prod: success`, sorted.
    pub fn checks(&self, sha: &str) -> Vec<String> {
        let newest: BTreeMap<String, String> =
            self.forge.checks(sha).into_iter().map(|c| (c.name, c.conclusion.unwrap_or(c.status))).collect();
        newest.into_iter().map(|(name, how)| format!("{name}: {how}")).collect()
    }

    /// The deployments of an environment, oldest first: `0123abcd success https://…`.
    pub fn deployments(&self, environment: &str) -> Vec<String> {
        let mut all = self.forge.deployments_of(environment);
        all.sort_by_key(|d| d.id);
        let url = |d: &state::Deployment| d.statuses.last().map(|s| s.environment_url.clone()).unwrap_or_default();
        all.iter().map(|d| format!("{} {} {}", &d.sha[..8], d.state(), url(d)).trim_end().to_owned()).collect()
    }

    /// What was changed in AWS, as lines.
    pub fn aws_writes(&self) -> String {
        self.aws.carried_out().iter().map(|call| format!("{call}\n")).collect()
    }

    /// What was written to the forge, as lines.
    pub fn forge_writes(&self) -> String {
        self.forge.writes().iter().map(|call| format!("{call}\n")).collect()
    }

    /// The change sets that stand ready for a stack.
    pub fn change_sets(&self, stack: &str) -> Vec<String> {
        let state = self.aws.state();
        let of = state.change_sets.iter().filter(|c| c.stack_name == stack && !c.gone && c.execution == "AVAILABLE");
        of.map(|c| c.id.clone()).collect()
    }

    /// How many change sets were made; one that was there already does not count.
    pub fn made_change_sets(&self) -> usize {
        self.aws.carried_out().iter().filter(|call| call.operation == "CreateChangeSet").count()
    }

    /// The change sets that were executed.
    pub fn executed(&self) -> Vec<String> {
        let of = |call: &crate::fake::Call| call.param("ChangeSetName").to_owned();
        self.aws.calls("cloudformation", "ExecuteChangeSet").iter().map(of).collect()
    }
}

/// A job that has not started.
pub struct Job {
    command: Command,
    folder: PathBuf,
    words: String,
}

impl Job {
    pub fn env(mut self, name: &str, value: impl AsRef<std::ffi::OsStr>) -> Job {
        self.command.env(name, value);
        self
    }

    pub fn without(mut self, name: &str) -> Job {
        self.command.env_remove(name);
        self
    }

    pub fn arg(mut self, argument: &str) -> Job {
        self.command.arg(argument);
        self
    }

    /// On a machine of its own: nothing is cached there.
    pub fn elsewhere(self) -> Job {
        let cache = self.folder.join("cache");
        self.env("OFFSHOOT_CACHE_DIR", cache)
    }

    /// What is in the event's file, whatever that is.
    pub fn event_file(self, bytes: &[u8]) -> Job {
        std::fs::write(self.folder.join("event.json"), bytes).expect("the event");
        self
    }

    pub fn start(self) -> Working {
        Working { running: Running::start(self.command, &self.words), folder: self.folder }
    }

    pub fn run(self) -> Ended {
        self.start().end()
    }
}

/// A job that runs.
pub struct Working {
    pub running: Running,
    folder: PathBuf,
}

impl Working {
    pub fn end(self) -> Ended {
        let run = self.running.end();
        let read = |name: &str| std::fs::read_to_string(self.folder.join(name)).unwrap_or_default();
        Ended { run, outputs: outputs(&read("output")), summary: read("summary") }
    }
}

/// A job that has ended.
#[derive(Debug)]
pub struct Ended {
    pub run: Run,
    pub outputs: BTreeMap<String, String>,
    pub summary: String,
}

impl Ended {
    #[track_caller]
    pub fn exits(self, code: i32) -> Ended {
        Ended { run: self.run.exits(code), ..self }
    }

    #[track_caller]
    pub fn done(self) -> Ended {
        self.exits(0)
    }

    #[track_caller]
    pub fn refused(self) -> Ended {
        self.exits(3)
    }

    #[track_caller]
    pub fn failed(self) -> Ended {
        self.exits(1)
    }

    #[track_caller]
    pub fn wrong(self) -> Ended {
        self.exits(64)
    }

    #[track_caller]
    pub fn says(self, text: &str) -> Ended {
        Ended { run: self.run.says(text), ..self }
    }
}

/// `name<<WORD`, lines, `WORD`.
fn outputs(text: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let (name, word) = line.split_once("<<").expect("an output");
        let value: Vec<&str> = lines.by_ref().take_while(|line| *line != word).collect();
        found.insert(name.to_owned(), value.join("\n"));
    }
    found
}
