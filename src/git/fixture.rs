//! Real temporary repositories for the tests of this room, made with the git program.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::{Limits, Mirror, Remote};
use crate::names::Revision;

pub(super) struct Fixture {
    pub dir: TempDir,
}

impl Fixture {
    /// A repository with one commit on `main`: `a.txt`, `src/b.txt`.
    pub fn new() -> Fixture {
        let fixture = Fixture::empty();
        fixture.write("a.txt", "one").write("src/b.txt", "two").commit("first");
        fixture
    }

    pub fn empty() -> Fixture {
        let fixture = Fixture { dir: tempfile::tempdir().unwrap() };
        std::fs::create_dir_all(fixture.repo()).unwrap();
        fixture.git(&["init", "-q", "-b", "main"]);
        fixture
    }

    pub fn repo(&self) -> PathBuf {
        self.dir.path().join("notes")
    }

    pub fn cache(&self) -> PathBuf {
        self.dir.path().join("cache")
    }

    pub fn write(&self, path: &str, text: &str) -> &Fixture {
        let path = self.repo().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
        self
    }

    pub fn link(&self, path: &str, target: &str) -> &Fixture {
        let path = self.repo().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        symlink(target, path).unwrap();
        self
    }

    pub fn commit(&self, message: &str) -> Revision {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "--allow-empty", "-m", message]);
        self.head()
    }

    pub fn head(&self) -> Revision {
        Revision::new(self.git(&["rev-parse", "HEAD"]))
    }

    pub fn git(&self, args: &[&str]) -> String {
        git_in(&self.repo(), args, "")
    }

    /// A commit with exactly these tree entries (`mode type id<TAB>name`), past git's own checks.
    pub fn raw_commit(&self, entries: &[(&str, &str, &[u8])]) -> Revision {
        let mut tree: Vec<u8> = Vec::new();
        for (mode, name, content) in entries {
            let id = match *mode {
                "160000" => git2::Oid::from_bytes(content).unwrap(),
                "40000" => git2::Oid::from_str(std::str::from_utf8(content).unwrap()).unwrap(),
                _ => self.open().blob(content).unwrap(),
            };
            tree.extend(format!("{mode} {name}\0").bytes());
            tree.extend(id.as_bytes());
        }
        let id = self.open().odb().unwrap().write(git2::ObjectType::Tree, &tree).unwrap();
        let commit = self.git(&["commit-tree", &id.to_string(), "-m", "raw"]);
        self.git(&["update-ref", "refs/heads/raw", &commit]);
        Revision::new(commit)
    }

    fn open(&self) -> git2::Repository {
        super::init();
        git2::Repository::open(self.repo()).unwrap()
    }

    pub fn mirror(&self) -> Mirror {
        self.mirror_with(Limits::default())
    }

    pub fn mirror_with(&self, limits: Limits) -> Mirror {
        let remote = Remote::from_path(&self.repo()).unwrap();
        Mirror::open(&self.cache(), remote, limits, CancellationToken::new(), None).unwrap()
    }
}

pub(super) fn git_in(folder: &Path, args: &[&str], input: &str) -> String {
    use std::io::Write as _;
    let mut child = Command::new("git")
        .args(args)
        .current_dir(folder)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .envs([
            ("GIT_AUTHOR_NAME", "t"),
            ("GIT_AUTHOR_EMAIL", "t@example.com"),
            ("GIT_AUTHOR_DATE", "2026-01-01T00:00:00Z"),
        ])
        .envs([("GIT_COMMITTER_NAME", "t"), ("GIT_COMMITTER_EMAIL", "t@example.com")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let out = child.wait_with_output().unwrap();
    assert!(out.status.success(), "git {args:?}");
    String::from_utf8(out.stdout).unwrap().trim().to_owned()
}
