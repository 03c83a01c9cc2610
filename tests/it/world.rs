//! A world for a scenario: a git repository with a small app, a fake AWS, and the real binary between them.
#![allow(dead_code)]

pub mod app;
pub mod ci;
pub mod run;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, OnceLock};

use serde_json::Value;

use crate::fake::{Call, FakeAws};
pub use app::{App, after, app, code_hash, queue, small_app, stack, table, topic};
pub(crate) use run::shows;
pub use run::{Run, Running};

/// The stages of most scenarios: `main` is prod, deployed without questions.
const RULES: &str = "version: 1
apps:
  - { name: notes, path: cdk.out, kind: assembly }
stages:
  - { name: prod, branch: main }
";

/// The account's bootstrap bucket, and where the app's stages are kept in it.
pub const BUCKET: &str = "cdk-hnb659fds-assets-111111111111-us-east-1";
const STAGES: &str = "offshoot/notes/notes/";

/// A repository, an AWS account, a machine.
pub struct World {
    folder: tempfile::TempDir,
    pub aws: FakeAws,
    env: Vec<(String, String)>,
}

impl World {
    /// A bootstrapped account and a repository whose branch `main` holds the app, with one stage `prod`.
    pub fn of(app: App) -> World {
        let world = World::empty();
        world.aws.bootstrap_here();
        world.rules(RULES).commit(app)
    }

    /// A machine with an empty repository, and an account that nobody has bootstrapped.
    pub fn empty() -> World {
        offshoot::git::init();
        // not where TMPDIR says: the length of its path decides where messages wrap
        let folder = tempfile::tempdir_in("/tmp").expect("a temporary folder");
        let aws = FakeAws::start_here();
        aws.steps_per_poll(3);
        let world = World { folder, aws, env: Vec::new() };
        for name in ["home", "cache", "notes"] {
            std::fs::create_dir(world.path(name)).expect("a folder");
        }
        let mut options = git2::RepositoryInitOptions::new();
        options.initial_head("main");
        git2::Repository::init_opts(world.repository(), &options).expect("a repository");
        world
    }

    /// A path in the world's own folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The work tree.
    pub fn repository(&self) -> PathBuf {
        self.path("notes")
    }

    /// Another environment variable for every run from now on.
    pub fn with_env(mut self, name: &str, value: &str) -> World {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Writes offshoot.yml, without a commit.
    pub fn rules(self, text: &str) -> World {
        self.write("offshoot.yml", text);
        self
    }

    /// Writes a file of the work tree, without a commit.
    pub fn write(&self, name: &str, text: &str) {
        let path = self.repository().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("its folder");
        std::fs::write(path, text).expect("a file");
    }

    /// The settings of stage `prod`, added to its rule: `apply: approved`.
    pub fn with_rule(self, settings: &str) -> World {
        let rules = RULES.replace("branch: main }", &format!("branch: main, {settings} }}"));
        let world = self.rules(&rules);
        world.save();
        world
    }

    /// The app becomes this, in a new commit.
    pub fn commit(self, app: App) -> World {
        self.change(app);
        self
    }

    /// The same for a world that goes on.
    pub fn change(&self, app: App) {
        app.write(&self.repository().join("cdk.out"));
        self.save();
    }

    /// Commits the whole work tree.
    pub fn save(&self) -> String {
        commit_all(&self.repository())
    }

    /// Makes a branch of what is checked out and goes there.
    pub fn switch_to(&self, branch: &str) {
        let repo = git2::Repository::open(self.repository()).expect("the repository");
        let head = repo.head().expect("a head").peel_to_commit().expect("a commit");
        if repo.find_branch(branch, git2::BranchType::Local).is_err() {
            repo.branch(branch, &head, false).expect("a branch");
        }
        repo.set_head(&format!("refs/heads/{branch}")).expect("the branch");
        repo.checkout_head(Some(git2::build::CheckoutBuilder::new().force())).expect("its files");
    }

    /// The commit that is checked out.
    pub fn head(&self) -> String {
        let repo = git2::Repository::open(self.repository()).expect("the repository");
        repo.head().expect("a head").peel_to_commit().expect("a commit").id().to_string()
    }

    /// Runs the binary in the work tree and waits for its end: `world.run("plan --format json")`.
    pub fn run(&self, line: &str) -> Run {
        self.start(line).end()
    }

    /// Starts the binary in the work tree.
    pub fn start(&self, line: &str) -> Running {
        Running::start(self.command(&line.split_whitespace().collect::<Vec<_>>()), line)
    }

    /// The binary with a clean environment, ready to start.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(run::binary());
        command.args(arguments).current_dir(self.repository()).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", self.path("home")).env("OFFSHOOT_CACHE_DIR", self.path("cache"));
        command.env("OFFSHOOT_POLL_MS", "1,5").envs(self.aws.env());
        command.envs(self.env.iter().map(|(k, v)| (k, v)));
        command
    }

    /// A deploy that ends well; its journal is forgotten.
    pub fn deployed(self) -> World {
        self.run("deploy").done();
        self.aws.clear_journal();
        self
    }

    /// The digest of the plan as it is now.
    pub fn digest(&self) -> String {
        self.plan()["digest"].as_str().expect("a digest").to_owned()
    }

    /// The plan as it is now, as JSON.
    pub fn plan(&self) -> Value {
        self.run("plan --format json").done().json()
    }

    /// Waits until something is so.
    #[track_caller]
    pub fn until(&self, what: &str, so: impl Fn(&FakeAws) -> bool) {
        until(&self.aws, what, so);
    }

    /// The stage's state object in the bucket, where there is one.
    pub fn state(&self) -> Option<Value> {
        self.object("prod.json")
    }

    /// An object of the app's stages in the bucket, as JSON.
    pub fn object(&self, name: &str) -> Option<Value> {
        let bytes = self.aws.object(BUCKET, &format!("{STAGES}{name}"))?;
        serde_json::from_slice(&bytes).ok()
    }

    /// Puts an object of the app's stages into the bucket.
    pub fn put_object(&self, name: &str, value: &Value) {
        self.aws.put_object(BUCKET, &format!("{STAGES}{name}"), value.to_string());
    }

    /// Starts the binary; right after the `n`-th call that `counts` accepts was carried out, and before it is
    /// answered, `then` gets the process id.
    pub fn start_until(
        &self,
        line: &str,
        (n, counts): (usize, impl Fn(&Call) -> bool + Send + 'static),
        then: impl FnOnce(u32) + Send + 'static,
    ) -> Running {
        let pid = Arc::new(OnceLock::new());
        let known = pid.clone();
        self.aws.after(n, counts, move || then(*known.wait()));
        let running = self.start(line);
        pid.set(running.id()).expect("set once");
        running
    }
}

/// Waits until something is so in AWS.
#[track_caller]
pub fn until(aws: &FakeAws, what: &str, so: impl Fn(&FakeAws) -> bool) {
    loop {
        // only requests change anything: the next one is waited for, then it is looked at again
        let (sender, moved) = std::sync::mpsc::channel();
        aws.after(
            aws.journal().len() + 1,
            |_| true,
            move || {
                let _ = sender.send(());
            },
        );
        if so(aws) {
            return;
        }
        let waited = moved.recv_timeout(std::time::Duration::from_secs(30));
        assert!(waited.is_ok() || so(aws), "it never came to this: {what}\n{}", aws.told());
    }
}

impl FakeAws {
    /// The full name of a stack whose name begins so; CloudFormation adds a number to nested ones.
    pub fn full_name(&self, begins: &str) -> String {
        let names = self.stack_names(crate::fake::ACCOUNT, crate::fake::REGION);
        names.into_iter().find(|name| name.starts_with(begins)).expect("such a stack")
    }

    /// The journal as lines, for messages.
    pub fn told(&self) -> String {
        self.journal().iter().map(|call| format!("{call}\n")).collect()
    }
}

/// A call of this operation that is about this stack or object.
pub fn call(operation: &'static str, about: &'static str) -> impl Fn(&Call) -> bool + Send + 'static {
    move |call| {
        call.operation == operation && (call.param("StackName").contains(about) || call.param("Key").contains(about))
    }
}

/// Commits everything in a work tree under a fixed name and time; gives the commit's id.
pub fn commit_all(folder: &Path) -> String {
    let repo = git2::Repository::open(folder).expect("the repository");
    let mut index = repo.index().expect("the index");
    index.add_all(["*"], git2::IndexAddOption::DEFAULT, None).expect("the files");
    index.update_all(["*"], None).expect("the deleted files");
    index.write().expect("the index");
    let tree = repo.find_tree(index.write_tree().expect("a tree")).expect("the tree");
    let time = git2::Time::new(1_790_000_000, 0);
    let who = git2::Signature::new("Somebody", "somebody@example.com", &time).expect("a signature");
    let parent = repo.head().ok().and_then(|head| head.peel_to_commit().ok());
    let parents: Vec<&git2::Commit> = parent.iter().collect();
    repo.commit(Some("HEAD"), &who, &who, "A change", &tree, &parents).expect("a commit").to_string()
}

impl World {
    /// Stage `prod` from main and `staging` from develop, committed.
    pub fn rules_for_two_stages(&self) {
        self.write(
            "offshoot.yml",
            &RULES.replace("branch: main }", "branch: main }\n  - { name: staging, branch: develop }"),
        );
        self.save();
    }

    /// Runs the binary in a folder outside the repository; the line ends where the repository's address follows.
    pub fn run_elsewhere(&self, line: &str) -> Run {
        let address = self.repository().display().to_string();
        let arguments: Vec<&str> = line.split_whitespace().chain([address.as_str()]).collect();
        let mut command = self.command(&arguments);
        command.current_dir(self.path("home"));
        Running::start(command, line).end()
    }
}
