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

    /// The repository over HTTP, for those who send `Authorization: <expected>`; gives back its address.
    pub fn serve(&self, expected: &'static str) -> String {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}/notes/.git", listener.local_addr().unwrap());
        let root = self.dir.path().to_owned();
        // ends with the test process
        std::thread::spawn(move || listener.incoming().flatten().for_each(|peer| answer(peer, &root, expected)));
        address
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

/// One request through `git http-backend`, the connection closed after it.
fn answer(mut peer: std::net::TcpStream, root: &Path, expected: &str) {
    use std::io::{BufRead as _, BufReader, Read as _, Write as _};
    let mut reader = BufReader::new(peer.try_clone().unwrap());
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        match line.trim_end() {
            "" => break,
            text => lines.push(text.to_owned()),
        }
    }
    let header = |name: &str| {
        let found = lines.iter().find_map(|l| l.split_once(": ").filter(|(n, _)| n.eq_ignore_ascii_case(name)));
        found.map(|(_, value)| value.to_owned()).unwrap_or_default()
    };
    if header("authorization") != expected {
        let text =
            "HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm=x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        return peer.write_all(text.as_bytes()).unwrap();
    }
    let mut body = vec![0; header("content-length").parse().unwrap_or(0)];
    reader.read_exact(&mut body).unwrap();
    let (method, target) = lines.first().and_then(|l| l.split_once(' ')).unwrap();
    let target = target.split(' ').next().unwrap();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut child = Command::new("git")
        .arg("http-backend")
        .envs([
            ("GIT_PROJECT_ROOT", root.to_str().unwrap()),
            ("GIT_HTTP_EXPORT_ALL", "1"),
            ("REMOTE_ADDR", "127.0.0.1"),
        ])
        .envs([("REQUEST_METHOD", method), ("PATH_INFO", path), ("QUERY_STRING", query)])
        .env("CONTENT_TYPE", header("content-type"))
        .env("HTTP_CONTENT_ENCODING", header("content-encoding"))
        .env("GIT_PROTOCOL", header("git-protocol"))
        .env("CONTENT_LENGTH", body.len().to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&body).unwrap();
    let out = child.wait_with_output().unwrap().stdout;
    let missing = out.starts_with(b"Status: 404");
    let status: &[u8] = if missing { b"HTTP/1.1 404 No\r\n" } else { b"HTTP/1.1 200 OK\r\n" };
    peer.write_all(&[status, b"Connection: close\r\n", &out].concat()).unwrap();
}
