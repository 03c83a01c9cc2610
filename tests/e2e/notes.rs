//! The main job on examples/notes: a commit becomes a stage, a change shows in the plan and then in the answers, a failure says why.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::cloud::{Account, cloud, root};
use crate::proxy::Proxy;
use crate::repo::{Ran, Repo};

#[test]
fn a_commit_becomes_a_stage_and_the_next_one_changes_exactly_what_it_touches() {
    let Some(cloud) = cloud() else { return };
    let (notes, account) = (Notes::new(), cloud.account());
    let proxy = Proxy::start(cloud.address);

    notes.offshoot(&account, &["deploy", "--yes"]).ends_with(0);
    let url = notes.output(&account, "ApiUrl");
    assert_eq!(get(&account, &format!("{url}/hello")), "Hello from prod");
    let note = r#"{"text":"remember the milk"}"#;
    let posted = account.call("POST", &format!("{url}/notes"), &[("content-type", "application/json")], note);
    assert_eq!(posted.status(), 201, "{}", posted.text());
    assert!(get(&account, &format!("{url}/notes")).contains("remember the milk"));

    notes.repo.edit("src/lib/greeting.ts", "Hello from", "Hello again from");
    notes.repo.commit("Greet people who come back");
    let planned = notes.offshoot(&account, &["plan", "--detailed-exitcode", "--format", "json"]).ends_with(2);
    assert_eq!(changes(&planned.json()), ["prod-notes-api update: modify AWS::Lambda::Function Hello/Resource"]);
    assert_eq!(get(&account, &format!("{url}/hello")), "Hello from prod", "a plan deploys nothing");
    notes.offshoot(&account, &["deploy", "--yes"]).ends_with(0);
    assert_eq!(get(&account, &format!("{url}/hello")), "Hello again from prod");
    assert!(get(&account, &format!("{url}/notes")).contains("remember the milk"), "the table is the same");

    notes.node.breaks();
    proxy.begin(None);
    let arguments = notes.arguments(&["plan", "--detailed-exitcode"]);
    notes.run_at(&account, &proxy.endpoint, &arguments).ends_with(0);
    assert_eq!(proxy.writes(), Vec::<String>::new(), "planning what is deployed writes nothing");
    assert!(!proxy.calls().is_empty(), "it did look");
    proxy.begin(None);
    notes.run_at(&account, &proxy.endpoint, &notes.arguments(&["deploy"])).ends_with(0);
    assert_eq!(proxy.writes(), Vec::<String>::new(), "deploying what is deployed writes nothing");
    notes.repo.edit("src/lib/greeting.ts", "Hello again", "Good evening");
    notes.repo.commit("Only here is Node needed");
    notes.offshoot(&account, &["plan"]).ends_with(1);
    notes.node.works();

    notes.offshoot(&account, &["remove", "--yes"]).ends_with(0);
    assert_eq!(account.picture(), Vec::<String>::new());
    notes.offshoot(&account, &["remove", "--yes"]).ends_with(0).says("nothing to remove");
}

#[test]
fn a_failing_deploy_says_why_leaves_the_old_code_running_and_the_next_commit_recovers() {
    let Some(cloud) = cloud() else { return };
    let (notes, account) = (Notes::new(), cloud.account());
    notes.offshoot(&account, &["deploy", "--yes"]).ends_with(0);
    let hello = format!("{}/hello", notes.output(&account, "ApiUrl"));

    account.ssm("PutParameter", &json!({"Name": "/notes/owner", "Type": "String", "Value": "somebody"}));
    notes.repo.edit("src/lib/greeting.ts", "Hello from", "Not deployable from");
    notes.repo.edit(
        "lib/api-stack.ts",
        "import { HttpApi,",
        "import { StringParameter } from \"aws-cdk-lib/aws-ssm\";\nimport { HttpApi,",
    );
    let parameter = "new StringParameter(this, \"Owner\", { parameterName: \"/notes/owner\", stringValue: \"us\" });";
    notes.repo.edit(
        "lib/api-stack.ts",
        "    new CfnOutput(this, \"ApiId\"",
        &format!("    {parameter}\n    new CfnOutput(this, \"ApiId\""),
    );
    notes.repo.commit("Say who owns the notes");
    let failed = notes.offshoot(&account, &["deploy", "--yes"]).ends_with(1);
    failed.says("Owner").says("already exists").says("UPDATE_ROLLBACK_COMPLETE");
    assert_eq!(get(&account, &hello), "Hello from prod");

    notes.repo.git(&["revert", "--no-edit", "HEAD"]);
    notes.repo.edit("src/lib/greeting.ts", "Hello from", "Recovered in");
    notes.repo.commit("Another greeting");
    notes.offshoot(&account, &["deploy", "--yes"]).ends_with(0);
    assert_eq!(get(&account, &hello), "Recovered in prod");
    notes.offshoot(&account, &["plan", "--detailed-exitcode"]).ends_with(0);
}

#[test]
fn a_mistake_in_typescript_is_told_with_its_place() {
    let Some(cloud) = cloud() else { return };
    let (notes, account) = (Notes::new(), cloud.account());
    notes.repo.edit("lib/stage.ts", "export ", "export const broken: = 3;\nexport ");
    notes.repo.commit("A mistake in the app");
    let app = notes.offshoot(&account, &["plan"]).ends_with(1);
    app.says("reading the app's TypeScript").says("at lib/stage.ts:").says("next: correct the source");
    notes.repo.git(&["revert", "--no-edit", "HEAD"]);
    notes.repo.edit("src/functions/hello.ts", "export ", "const x = {;\nexport ");
    notes.repo.commit("A mistake in a function");
    let function = notes.offshoot(&account, &["plan"]).ends_with(1);
    function.says("bundling prod-notes-api/Hello").says("src/functions/hello.ts:");
}

/// examples/notes in a repository of its own, deployed by address as the stage of `main`.
struct Notes {
    repo: Repo,
    node: Node,
}

impl Notes {
    fn new() -> Notes {
        let repo = Repo::of(&root().join("examples/notes"));
        let node = Node::in_folder(repo.home().join("bin"));
        Notes { repo, node }
    }

    fn arguments<'a>(&self, command: &[&'a str]) -> Vec<&'a str> {
        [command, &["--repo", ".", "--branch", "main"]].concat()
    }

    fn offshoot(&self, account: &Account, command: &[&str]) -> Ran {
        self.run_at(account, &account.cloud.endpoint, &self.arguments(command))
    }

    fn run_at(&self, account: &Account, endpoint: &str, arguments: &[&str]) -> Ran {
        let mut command = self.repo.offshoot_command(account, endpoint, arguments);
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::iter::once(self.node.folder.clone()).chain(std::env::split_paths(&path));
        command.env("PATH", std::env::join_paths(folders).expect("a path"));
        crate::repo::run(&mut command)
    }

    fn output(&self, account: &Account, key: &str) -> String {
        let outputs = self.offshoot(account, &["outputs", "--format", "json"]).ends_with(0).json();
        let stacks = outputs.as_object().expect("stacks");
        let found = stacks.values().find_map(|stack| stack.get(key)?.as_str());
        found.unwrap_or_else(|| panic!("no output {key} in {outputs}")).to_owned()
    }
}

/// A `node` before the real one that can be broken without looking any different from outside.
struct Node {
    folder: PathBuf,
    real: PathBuf,
}

impl Node {
    fn in_folder(folder: PathBuf) -> Node {
        std::fs::create_dir_all(&folder).expect("a folder");
        let path = std::env::var_os("PATH").unwrap_or_default();
        let real = std::env::split_paths(&path).map(|p| p.join("node")).find(|p| p.is_file()).expect("node on PATH");
        let node = Node { folder, real };
        node.works();
        node
    }

    fn works(&self) {
        self.write("exec");
    }

    fn breaks(&self) {
        self.write("exit");
    }

    /// Same size, same time: to whoever looks, it is the same program.
    fn write(&self, verb: &str) {
        let file = self.folder.join("node");
        std::fs::write(&file, format!("#!/bin/sh\n{verb} {} \"$@\"\n", self.real.display())).expect("writing");
        std::fs::set_permissions(&file, PermissionsExt::from_mode(0o755)).expect("making it a program");
        let opened = std::fs::File::options().write(true).open(&file).expect("opening");
        opened
            .set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_600_000_000))
            .expect("setting its time");
    }
}

fn get(account: &Account, url: &str) -> String {
    let answer = account.call("GET", url, &[], "");
    assert_eq!(answer.status(), 200, "GET {url}: {}", answer.text());
    answer.text().trim_end().to_owned()
}

/// One line per change of a JSON plan.
fn changes(plan: &Value) -> Vec<String> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let text = |value: &Value, key: &str| value[key].as_str().unwrap_or_default().to_owned();
    let of_stack = |stack: Value| {
        let head = format!("{} {}", text(&stack, "name"), text(&stack, "action"));
        list(&stack["changes"]).into_iter().map(move |c| {
            let path = text(&c, "path");
            let path = path.split_once('/').map_or(path.as_str(), |(_, rest)| rest).to_owned();
            format!("{head}: {} {} {path}", text(&c, "action"), text(&c, "type"))
        })
    };
    list(&plan["stacks"]).into_iter().flat_map(of_stack).collect()
}
