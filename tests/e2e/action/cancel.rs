//! A job that is cancelled: SIGINT, 7.5 s later SIGTERM, and 2.5 s after that it is killed.

use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use tempfile::TempDir;

use super::wanted;

/// What GitHub leaves between its second signal and the end.
const LEFT: Duration = Duration::from_millis(2_500);

#[test]
fn a_cancelled_job_leaves_in_time_and_says_so() {
    if !wanted() {
        return;
    }
    let folder = TempDir::new().expect("a temporary folder");
    // a GitHub that takes every connection and never answers
    let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", silent.local_addr().expect("an address"));
    let event = json!({
        "ref": "refs/heads/main", "before": "1".repeat(40), "after": "2".repeat(40),
        "repository": {"full_name": "acme/notes", "name": "notes", "owner": {"login": "acme"}, "default_branch": "main"},
        "sender": {"login": "ann", "type": "User"},
    });
    let (file, summary) = (folder.path().join("event.json"), folder.path().join("summary.md"));
    std::fs::write(&file, event.to_string()).expect("writing");
    let binary = std::env::var_os("OFFSHOOT_BIN").unwrap_or_else(|| env!("CARGO_BIN_EXE_offshoot").into());
    let mut command = Command::new(binary);
    command.arg("ci").env_clear().env("HOME", folder.path()).env("GITHUB_EVENT_PATH", &file);
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("GITHUB_STEP_SUMMARY", &summary);
    command.envs([("GITHUB_ACTIONS", "true"), ("CI", "true"), ("GITHUB_EVENT_NAME", "push")]);
    command.envs([("GITHUB_REPOSITORY", "acme/notes"), ("GITHUB_TOKEN", "ghs_1")]);
    command.env("GITHUB_API_URL", &url).env("GITHUB_SERVER_URL", &url).stdin(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("offshoot");
    let pid = Pid::from_child(&child);
    let held = silent.accept().expect("a call of GitHub, which is work that may hang");

    kill_process(pid, Signal::INT).expect("a signal");
    let mut log = BufReader::new(child.stderr.take().expect("its log"));
    let mut said = String::new();
    while !said.contains("Stopping") {
        assert!(log.read_line(&mut said).expect("a line") > 0, "it ended without a word: {said}");
    }
    kill_process(pid, Signal::TERM).expect("a signal");
    let asked = Instant::now();
    log.read_to_string(&mut said).expect("the rest");
    let ended = child.wait().expect("its end");
    assert!(asked.elapsed() < LEFT, "it took {:?}: {said}", asked.elapsed());
    assert_eq!(ended.code(), Some(1), "{said}");
    assert!(said.contains("the job was cancelled"), "{said}");
    let text = std::fs::read_to_string(&summary).expect("a summary");
    assert!(text.contains("the job was cancelled"), "{text}");
    drop(held);
}
