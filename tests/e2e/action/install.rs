//! The installer of the Action against a server of releases.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use tempfile::TempDir;

use super::wanted;
use crate::cloud::root;
use crate::http::Message;
use crate::repo::{Ran, run};

/// A server of files that writes down what it was asked for.
struct Releases {
    url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Releases {
    fn of(files: Vec<(String, Vec<u8>)>) -> Releases {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let book = asked.clone();
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let Ok(Some(request)) = Message::read_request(&mut stream) else { continue };
                let path = request.target().1.to_owned();
                let found = files.iter().find(|(name, _)| *name == path).map(|(_, body)| body.as_slice());
                let status = if found.is_some() { "200 OK" } else { "404 Not Found" };
                let body = found.unwrap_or_default();
                book.lock().unwrap().push(path);
                let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
                let _ = std::io::Write::write_all(&mut stream, &[head.as_bytes(), body].concat());
            }
        });
        Releases { url, asked }
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }
}

/// A runner's folders, and the installer run in them.
struct Runner {
    scratch: TempDir,
}

impl Runner {
    fn new() -> Runner {
        let scratch = TempDir::with_prefix_in("runner-", env!("CARGO_TARGET_TMPDIR")).expect("a temporary folder");
        for folder in ["temp", "tools"] {
            std::fs::create_dir(scratch.path().join(folder)).expect("a folder");
        }
        Runner { scratch }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    /// How the installer ended, and the `bin` that it gave.
    fn install(&self, variables: &[(&str, &str)]) -> (Ran, Option<String>) {
        let output = self.at("output");
        std::fs::write(&output, "").expect("writing");
        let mut command = Command::new(root().join("action/install.sh"));
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("GITHUB_OUTPUT", &output).env("RUNNER_TEMP", self.at("temp"));
        command.env("RUNNER_TOOL_CACHE", self.at("tools")).envs(variables.iter().copied());
        let ran = run(&mut command);
        let text = std::fs::read_to_string(&output).expect("the outputs");
        let bin = text.lines().find_map(|l| l.strip_prefix("bin=")).map(str::to_owned);
        (ran, bin)
    }
}

const PROGRAM: &str = "#!/bin/sh\necho offshoot of a test\n";

fn target() -> &'static str {
    if cfg!(target_arch = "aarch64") { "aarch64-unknown-linux-gnu" } else { "x86_64-unknown-linux-gnu" }
}

/// The two files of a release, as they lie on the server.
fn release(version: &str, checksum: Option<&str>) -> Vec<(String, Vec<u8>)> {
    let scratch = TempDir::new().expect("a temporary folder");
    std::fs::write(scratch.path().join("offshoot"), PROGRAM).expect("writing");
    let packed = Command::new("tar").args(["-czf", "a.tgz", "offshoot"]).current_dir(&scratch).status().expect("tar");
    assert!(packed.success());
    let archive = std::fs::read(scratch.path().join("a.tgz")).expect("an archive");
    let summed = run(Command::new("sha256sum").arg("a.tgz").current_dir(&scratch));
    let sum = checksum.unwrap_or_else(|| summed.out.split(' ').next().expect("a checksum"));
    let name = format!("offshoot-{}.tar.gz", target());
    let path = format!("/acme/offshoot/releases/download/v{version}/{name}");
    vec![(path.clone(), archive), (format!("{path}.sha256"), format!("{sum}  {name}\n").into_bytes())]
}

#[test]
fn a_release_is_fetched_once_checked_and_kept_by_version() {
    if !wanted() {
        return;
    }
    let releases = Releases::of([release("1.2.3", None), release("1.3.0-rc.1", None)].concat());
    let runner = Runner::new();
    let of = [("GITHUB_SERVER_URL", releases.url.as_str()), ("OFFSHOOT_ACTION_REPOSITORY", "acme/offshoot")];
    let at_tag = [&of[..], &[("OFFSHOOT_ACTION_REF", "v1.2.3")]].concat();
    let (ran, bin) = runner.install(&at_tag);
    ran.ends_with(0);
    let bin = bin.expect("where it is");
    assert_eq!(std::fs::read_to_string(&bin).expect("the program"), PROGRAM);
    run(&mut Command::new(&bin)).ends_with(0).says("offshoot of a test");
    assert!(Path::new(&bin).starts_with(runner.at("tools").join("offshoot/1.2.3")), "{bin}");
    assert_eq!(releases.asked().len(), 2, "the archive and its checksum");
    // what was kept is not asked for again
    let (again, kept) = runner.install(&at_tag);
    again.ends_with(0);
    assert_eq!(kept.as_deref(), Some(bin.as_str()));
    assert!(releases.asked().is_empty());
    // an input wins over the tag
    let (other, newer) = runner.install(&[&at_tag[..], &[("OFFSHOOT_INPUT_VERSION", "v1.3.0-rc.1")]].concat());
    other.ends_with(0);
    assert!(newer.is_some_and(|b| b.contains("1.3.0-rc.1")));
    let left = std::fs::read_dir(runner.at("temp")).expect("the folder").count();
    assert_eq!(left, 0, "nothing is left behind");
}

#[test]
fn a_release_that_is_wrong_or_missing_is_refused_in_words() {
    if !wanted() {
        return;
    }
    let releases = Releases::of(release("1.2.3", Some(&"0".repeat(64))));
    let runner = Runner::new();
    let of = [("GITHUB_SERVER_URL", releases.url.as_str()), ("OFFSHOOT_ACTION_REPOSITORY", "acme/offshoot")];
    let with = |more: &[(&'static str, &'static str)]| runner.install(&[&of[..], more].concat());
    let (ran, bin) = with(&[("OFFSHOOT_INPUT_VERSION", "1.2.3")]);
    ran.ends_with(1).says("is not what its checksum says");
    assert_eq!(bin, None);
    with(&[("OFFSHOOT_INPUT_VERSION", "9.9.9")]).0.ends_with(1).says("Is there such a release?");
    with(&[("OFFSHOOT_INPUT_VERSION", "../../x")]).0.ends_with(1).says("is no version");
    with(&[("OFFSHOOT_ACTION_REPOSITORY", "")]).0.ends_with(1).says("needs OFFSHOOT_BIN");
    let forged = with(&[("OFFSHOOT_INPUT_VERSION", "1\n::set-output name=bin::/bin/false")]).0.ends_with(1);
    assert!(!forged.err.contains("\n::set-output"), "{}", forged.err);
    assert!(!runner.at("tools/offshoot/1.2.3").join("x64.complete").exists());
}

#[test]
fn a_program_that_is_already_there_is_taken_as_it_is() {
    if !wanted() {
        return;
    }
    let runner = Runner::new();
    let (ran, bin) = runner.install(&[("OFFSHOOT_BIN", "/bin/sh")]);
    ran.ends_with(0);
    assert_eq!(bin.as_deref(), Some("/bin/sh"));
    runner.install(&[("OFFSHOOT_BIN", "/nowhere/offshoot")]).0.ends_with(1).says("which is no program");
}
