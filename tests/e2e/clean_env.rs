//! The app's program runs without a single secret of the environment that Offshoot itself was given.

use crate::cloud::{Account, cloud, say};
use crate::repo::{Repo, run};

const SECRETS: [(&str, &str); 5] = [
    ("AWS_SECRET_ACCESS_KEY", "sentinel-aws-key"),
    ("GITHUB_TOKEN", "sentinel-github-token"),
    ("OFFSHOOT_GIT_TOKEN", "sentinel-git-token"),
    ("MY_TOKEN", "sentinel-own-token"),
    ("DATABASE_URL", "postgres://user:sentinel-password@localhost/notes"),
];

/// An app without any library: it writes what it can see into its one template.
const APP: &str = r#"
const { readFileSync, readdirSync, writeFileSync } = require("node:fs");
const { join } = require("node:path");
const seen = { own: process.env, parent: "", all: {} };
const environ = (pid) => { try { return readFileSync(`/proc/${pid}/environ`, "latin1"); } catch (error) { return `unreadable: ${error.code}`; } };
seen.parent = environ(process.ppid);
for (const pid of readdirSync("/proc").filter((name) => /^[0-9]+$/.test(name))) {
  const text = environ(pid); // only what would be a find: all of it together is larger than a template may be
  seen.all[pid] = text.includes("sentinel") ? text : `${text.length} bytes`;
}
const out = process.env.CDK_OUTDIR ?? "cdk.out";
const template = {
  Metadata: { Seen: JSON.stringify(seen) },
  Resources: { Queue: { Type: "AWS::SQS::Queue" } },
};
writeFileSync(join(out, "seen.template.json"), JSON.stringify(template));
const artifact = { type: "aws:cloudformation:stack", environment: "aws://unknown-account/unknown-region", properties: { templateFile: "seen.template.json" } };
writeFileSync(join(out, "manifest.json"), JSON.stringify({ version: "48.0.0", artifacts: { seen: artifact } }));
"#;

#[test]
fn the_apps_program_sees_no_secret_of_its_caller() {
    let Some(cloud) = cloud() else { return };
    let account = cloud.account();
    let seen = seen_by_the_app(&account, "auto");
    no_secret(&seen["own"]);
    assert!(seen["own"]["CDK_OUTDIR"].is_string(), "the app ran as the toolkit runs it: {seen}");
    if std::process::Command::new("bwrap")
        .args(["--ro-bind", "/", "/", "--proc", "/proc", "--unshare-pid", "true"])
        .status()
        .is_ok_and(|s| s.success())
    {
        no_secret(&seen["parent"]);
        no_secret(&seen["all"]);
    } else {
        say("bubblewrap does not work here: what the app sees of other processes is not checked");
    }
}

#[test]
fn the_apps_program_gets_no_secret_without_the_sandbox_either() {
    let Some(cloud) = cloud() else { return };
    let seen = seen_by_the_app(&cloud.account(), "off");
    no_secret(&seen["own"]);
    // root may read everything of every process; others may not once we are not dumpable
    if !rustix::process::getuid().is_root() {
        no_secret(&seen["parent"]);
    }
}

fn seen_by_the_app(account: &Account, sandbox: &str) -> serde_json::Value {
    let repo = Repo::new();
    repo.write("cdk.json", r#"{"app": "node app.js"}"#);
    repo.write("app.js", APP);
    repo.write(
        "offshoot.yml",
        "version: 1\napps:\n  - name: seen\n    path: .\nstages:\n  - name: prod\n    branch: main\n",
    );
    repo.commit("An app that looks around");
    let mut command =
        repo.offshoot_command(account, &account.cloud.endpoint, &["deploy", "--yes", "--sandbox", sandbox]);
    run(command.envs(SECRETS)).ends_with(0);
    let template: serde_json::Value =
        serde_json::from_str(&account.template("seen")).expect("the template as it was written");
    serde_json::from_str(template["Metadata"]["Seen"].as_str().expect("what was seen")).expect("JSON")
}

#[track_caller]
fn no_secret(seen: &serde_json::Value) {
    let text = seen.to_string();
    for (name, value) in SECRETS {
        let word = value.split(['/', '@', ':']).find(|part| part.starts_with("sentinel")).unwrap_or(value);
        assert!(!text.contains(word), "the app sees {name}");
    }
}
