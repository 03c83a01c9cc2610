//! A job of an example workflow, run by `act`, and what it left: outputs, summary, log.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

use crate::cloud::root;
use crate::repo::{Ran, run};

/// How a job ended.
#[derive(Debug)]
pub struct Job {
    pub code: i32,
    lines: Vec<Value>,
    raw: String,
}

impl Job {
    #[track_caller]
    pub fn ends_with(self, result: &str) -> Job {
        let found = self.lines.iter().find_map(|l| l["jobResult"].as_str());
        assert_eq!(found, Some(result), "how the job ended; its log:\n{}", self.log());
        assert_eq!(self.code == 0, result == "success", "{}", self.raw);
        self
    }

    /// An output of the step that uses the Action.
    #[track_caller]
    pub fn output(&self, name: &str) -> String {
        let is = |l: &&Value| l["command"] == "set-output" && l["name"] == name && outer(l);
        let found = self.lines.iter().rev().find(is).unwrap_or_else(|| panic!("no output {name}: {}", self.log()));
        found["arg"].as_str().expect("a text").to_owned()
    }

    pub fn summary(&self) -> String {
        let found = self.lines.iter().find(|l| l["command"] == "summary" && outer(l));
        found.and_then(|l| l["content"].as_str()).unwrap_or_default().to_owned()
    }

    /// What the steps printed, and what act says about them.
    pub fn log(&self) -> String {
        let lines: Vec<&str> = self.lines.iter().filter_map(|l| l["msg"].as_str()).map(str::trim_end).collect();
        if lines.is_empty() { self.raw.clone() } else { lines.join("\n") }
    }

    /// No job of the workflow was for this event.
    pub fn is_skipped(&self) -> bool {
        self.code == 0 && !self.lines.iter().any(|l| l["stage"] == "Main")
    }
}

/// Of the step itself, not of one that the composite action is made of.
fn outer(line: &Value) -> bool {
    line["stepID"].as_array().is_some_and(|ids| ids.len() == 1)
}

/// What a job is started with.
pub struct Start<'a> {
    pub event: &'a str,
    pub workflow: &'a str,
    pub payload: Value,
    pub actor: &'a str,
    pub token: &'a str,
}

/// Runs a job in `folder`, with these variables for its steps.
pub fn job(folder: PathBuf, start: &Start<'_>, variables: &[(String, String)]) -> Job {
    static INSTALLED: OnceLock<()> = OnceLock::new();
    let rig = root().join("rigs/action.sh");
    INSTALLED.get_or_init(|| {
        let done = Command::new(&rig).arg("install").status().expect("rigs/action.sh");
        assert!(done.success(), "rigs/action.sh install");
    });
    std::fs::create_dir_all(&folder).expect("a folder");
    let payload = folder.with_extension("json");
    std::fs::write(&payload, start.payload.to_string()).expect("writing");
    let binary = std::env::var_os("OFFSHOOT_BIN").unwrap_or_else(|| env!("CARGO_BIN_EXE_offshoot").into());
    let mut command = Command::new(&rig);
    command.args(["run", start.event, start.workflow]).arg(&payload).args(["--json", "--actor", start.actor]);
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", &folder);
    command.env("ACT_RUN", &folder).env("OFFSHOOT_BIN", binary).env("GITHUB_TOKEN", start.token);
    command.envs(variables.iter().map(|(k, v)| (k, v))).stdin(Stdio::null());
    let Ran { code, out, err } = run(&mut command);
    let lines = out.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    Job { code, lines, raw: format!("{out}\n{err}") }
}
