//! A temporary git repository, and the tools run in it with a clean environment.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::cloud::{Account, REGION};

/// How a command ended.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Ran {
    #[track_caller]
    pub fn ends_with(self, code: i32) -> Ran {
        assert_eq!(self.code, code, "exit code\n── standard output\n{}\n── standard error\n{}", self.out, self.err);
        self
    }

    #[track_caller]
    pub fn says(self, text: &str) -> Ran {
        let all = format!("{}\n{}", self.out, self.err);
        assert!(
            all.contains(text),
            "expected {text:?} in\n── standard output\n{}\n── standard error\n{}",
            self.out,
            self.err
        );
        self
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e} in {}", self.out))
    }
}

/// A work tree with a `main` branch, and a home folder of its own.
pub struct Repo {
    scratch: TempDir,
}

impl Repo {
    pub fn new() -> Repo {
        let repo = Repo {
            scratch: TempDir::with_prefix_in("repo-", env!("CARGO_TARGET_TMPDIR")).expect("a temporary folder"),
        };
        std::fs::create_dir_all(repo.dir()).expect("a folder");
        std::fs::create_dir_all(repo.home()).expect("a folder");
        repo.git(&["init", "--quiet", "--initial-branch=main"]);
        repo
    }

    /// With a copy of a folder in it, without what is installed or built there.
    pub fn of(folder: &Path) -> Repo {
        let repo = Repo::new();
        let skip = ["node_modules", "cdk.out", ".offshoot"];
        copy(folder, &repo.dir(), &|name| !skip.iter().any(|s| OsStr::new(s) == name));
        repo.commit("First");
        repo
    }

    pub fn dir(&self) -> PathBuf {
        self.scratch.path().join("app")
    }

    pub fn home(&self) -> PathBuf {
        self.scratch.path().join("home")
    }

    pub fn write(&self, path: &str, text: &str) {
        let path = self.dir().join(path);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(path, text).expect("writing");
    }

    /// Replaces a text that must be there.
    #[track_caller]
    pub fn edit(&self, path: &str, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.dir().join(path)).expect("a file to edit");
        assert!(text.contains(from), "{path} has no {from:?}");
        self.write(path, &text.replace(from, to));
    }

    pub fn git(&self, arguments: &[&str]) {
        let ran = run(self.command("git").args(arguments));
        assert_eq!(ran.code, 0, "git {arguments:?}: {}", ran.err);
    }

    pub fn commit(&self, message: &str) {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "--message", message]);
    }

    /// A program in the work tree that knows nothing of this machine's settings.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.dir()).env_clear().stdin(Stdio::null());
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", self.home());
        command.envs([("GIT_CONFIG_GLOBAL", "/dev/null"), ("GIT_CONFIG_NOSYSTEM", "1"), ("LANG", "C.UTF-8")]);
        for who in ["AUTHOR", "COMMITTER"] {
            command.env(format!("GIT_{who}_NAME"), "Test").env(format!("GIT_{who}_EMAIL"), "test@example.invalid");
        }
        // where npm finds its packages is this machine's matter
        let own = std::env::vars_os()
            .filter(|(name, _)| name.to_string_lossy().to_ascii_lowercase().starts_with("npm_config_"));
        command.envs(own);
        if let Some(npmrc) = std::env::home_dir().map(|h| h.join(".npmrc")).filter(|f| f.is_file()) {
            command.env("NPM_CONFIG_USERCONFIG", npmrc);
        }
        command
    }

    /// A program with the account's credentials, which talks to `endpoint`.
    pub fn aws_command(&self, program: impl AsRef<OsStr>, account: &Account, endpoint: &str) -> Command {
        let mut command = self.command(program);
        command.envs([
            ("AWS_ENDPOINT_URL", endpoint),
            ("AWS_REGION", REGION),
            ("AWS_ACCESS_KEY_ID", &account.id),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
        ]);
        command.envs([("AWS_EC2_METADATA_DISABLED", "true"), ("CDK_DISABLE_CLI_TELEMETRY", "true")]);
        command
    }

    pub fn offshoot_command(&self, account: &Account, endpoint: &str, arguments: &[&str]) -> Command {
        // another build can be tested without building it here
        let binary = std::env::var_os("OFFSHOOT_BIN").unwrap_or_else(|| env!("CARGO_BIN_EXE_offshoot").into());
        let mut command = self.aws_command(binary, account, endpoint);
        // the emulator's stacks end in milliseconds
        command.env("OFFSHOOT_CACHE_DIR", &account.cloud.cache).env("OFFSHOOT_POLL_MS", "20,200").args(arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// `offshoot` with these arguments, straight to the emulator.
    pub fn offshoot(&self, account: &Account, arguments: &[&str]) -> Ran {
        self.offshoot_at(account, &account.cloud.endpoint, arguments)
    }

    pub fn offshoot_at(&self, account: &Account, endpoint: &str, arguments: &[&str]) -> Ran {
        run(&mut self.offshoot_command(account, endpoint, arguments))
    }
}

pub fn run(command: &mut Command) -> Ran {
    let child =
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    finish(child)
}

pub fn finish(child: Child) -> Ran {
    let output = child.wait_with_output().expect("waiting for a child");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ran { code: output.status.code().unwrap_or(-1), out: text(&output.stdout), err: text(&output.stderr) }
}

/// Copies what `wanted` says yes to, by file name.
pub fn copy(from: &Path, to: &Path, wanted: &dyn Fn(&OsStr) -> bool) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).unwrap_or_else(|e| panic!("{}: {e}", from.display())).flatten() {
        let target = to.join(entry.file_name());
        match entry.file_type() {
            _ if !wanted(&entry.file_name()) => {}
            Ok(kind) if kind.is_dir() => copy(&entry.path(), &target, wanted),
            _ => drop(std::fs::copy(entry.path(), target).expect("copying a file")),
        }
    }
}
