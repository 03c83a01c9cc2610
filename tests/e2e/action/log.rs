//! What GitHub's runner would take for workflow commands in the log of `offshoot ci`: only our own.

use std::process::Command;

use tempfile::TempDir;

use super::wanted;
use crate::repo::{Ran, run};

/// The commands that the runner would obey, by name: a line that begins with `::name …::` or holds `##[name …]`, unless
/// commands are stopped by a word that has not been said yet.
fn commands(log: &str) -> Vec<String> {
    let mut obeyed = Vec::new();
    let mut stopped: Option<String> = None;
    for line in log.lines() {
        let Some((name, data)) = command(line) else { continue };
        match &stopped {
            Some(word) if name == *word => stopped = None,
            Some(_) => {}
            None => {
                if name == "stop-commands" {
                    stopped = Some(data);
                }
                obeyed.push(name);
            }
        }
    }
    assert_eq!(stopped, None, "the log ends with commands stopped");
    obeyed
}

fn command(line: &str) -> Option<(String, String)> {
    let (head, data) = match line.trim().strip_prefix("::") {
        Some(rest) => rest.split_once("::")?,
        None => line.split_once("##[")?.1.split_once(']')?,
    };
    Some((head.split(' ').next()?.to_owned(), data.to_owned()))
}

fn ci(folder: &TempDir, event: &str, more: &[(&str, &str)]) -> Ran {
    let file = folder.path().join("event.json");
    std::fs::write(&file, event).expect("writing");
    let binary = std::env::var_os("OFFSHOOT_BIN").unwrap_or_else(|| env!("CARGO_BIN_EXE_offshoot").into());
    let mut command = Command::new(binary);
    command.arg("ci").env_clear().env("HOME", folder.path()).env("GITHUB_EVENT_PATH", &file);
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.envs([("GITHUB_ACTIONS", "true"), ("CI", "true"), ("GITHUB_EVENT_NAME", "push")]);
    // nothing listens there: no test of this file gets so far
    command.envs([("GITHUB_API_URL", "http://127.0.0.1:9"), ("GITHUB_SERVER_URL", "http://127.0.0.1:9")]);
    command.envs([("GITHUB_REPOSITORY", "acme/notes"), ("GITHUB_TOKEN", "ghs_1")]).envs(more.iter().copied());
    run(&mut command)
}

const OURS: [&str; 5] = ["group", "stop-commands", "endgroup", "stop-commands", "error"];

#[test]
fn text_from_outside_starts_no_command() {
    if !wanted() {
        return;
    }
    let folder = TempDir::new().expect("a temporary folder");
    let long = format!("{} ::add-mask::a ##[add-mask]a", "x".repeat(100));
    let region = ci(&folder, "{}", &[("OFFSHOOT_INPUT_AWS_REGION", &long)]).ends_with(64).says("is no region");
    assert_eq!(commands(&region.err), OURS, "{}", region.err);
    let event = ci(&folder, "{\"ref\": \"\n::add-mask::a\n##[add-mask]a\n", &[]).ends_with(64);
    assert_eq!(commands(&event.err), OURS, "{}", event.err);
    let forged = ci(&folder, r#"{"ref": "refs/heads/x\n::stop-commands::y\n"}"#, &[]).ends_with(64);
    assert_eq!(commands(&forged.err), OURS, "{}", forged.err);
    let other = ci(&folder, "{}", &[("GITHUB_EVENT_NAME", "watch\n::add-mask::a\n::x")]);
    assert!(!commands(&other.err).contains(&"add-mask".to_owned()), "{}", other.err);
    for ran in [region, event, forged, other] {
        assert!(ran.out.is_empty(), "all goes to one stream, so that the order is certain: {}", ran.out);
    }
}

#[test]
fn outside_of_actions_there_are_no_commands() {
    if !wanted() {
        return;
    }
    let folder = TempDir::new().expect("a temporary folder");
    let ran = ci(&folder, "{}", &[("GITHUB_ACTIONS", "")]).ends_with(64);
    assert!(!ran.err.contains("::"), "{}", ran.err);
    let shell = ci(&folder, "{}", &[("GITHUB_ACTIONS", ""), ("GITHUB_EVENT_NAME", "")]).ends_with(64);
    shell.says("GITHUB_EVENT_NAME is not set").says("use `offshoot plan`");
}
