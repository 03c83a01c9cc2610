//! The life of a pull request in the example workflows, unchanged, with a fake GitHub and an emulated AWS.

use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::act::{Job, Start, job};
use crate::cloud::{Account, REGION, cloud};
use crate::forge::FakeGitHub;

const REPO: &str = "acme/notes";
const TOKEN: &str = "ghs_job";

/// What the `permissions:` of the examples give, and nothing more.
const PERMISSIONS: &[(&str, &str)] =
    &[("contents", "read"), ("pull_requests", "write"), ("checks", "write"), ("deployments", "write")];

const RULES: &str = r#"
version: 1
apps:
  - name: notes
    path: .
    url: Url
stages:
  - name: prod
    branch: main
  - name: "pr-{number}"
    pull_request: { base: main }
    expires: 72h
    limit: 3
"#;

/// An app without any library: one stack with a queue, named after its stage.
const APP: &str = r#"
const { writeFileSync } = require("node:fs");
const { join } = require("node:path");
const out = process.env.CDK_OUTDIR, stage = process.env.STAGE;
const template = {
  Resources: { Queue: { Type: "AWS::SQS::Queue", Properties: { QueueName: `${stage}-notes`, VisibilityTimeout: 30 } } },
  Outputs: { Url: { Value: `https://${stage}.notes.example` } },
};
writeFileSync(join(out, "notes.template.json"), JSON.stringify(template));
const properties = { templateFile: "notes.template.json", stackName: `${stage}-notes` };
const artifact = { type: "aws:cloudformation:stack", environment: "aws://unknown-account/unknown-region", properties };
writeFileSync(join(out, "manifest.json"), JSON.stringify({ version: "48.0.0", artifacts: { notes: artifact } }));
"#;

/// A repository with an app on the fake GitHub, and an account for its stages.
struct Town {
    scratch: TempDir,
    github: FakeGitHub,
    account: Account,
    jobs: std::cell::Cell<usize>,
}

impl Town {
    fn new(account: Account) -> Town {
        offshoot::git::init();
        let scratch = TempDir::with_prefix_in("town-", env!("CARGO_TARGET_TMPDIR")).expect("a temporary folder");
        let github = FakeGitHub::start(scratch.path());
        github.repo(REPO, github.bare(REPO));
        github.make_public(REPO);
        github.role(REPO, "ann", "write");
        github.actions_token(TOKEN, PERMISSIONS);
        for (path, text) in [("offshoot.yml", RULES), ("cdk.json", r#"{"app": "node app.js"}"#), ("app.js", APP)] {
            github.push_file(REPO, "main", path, text);
        }
        Town { scratch, github, account, jobs: std::cell::Cell::new(0) }
    }

    /// With credentials of AWS in the environment: `act` has no OpenID Connect.
    fn run(&self, event: &str, workflow: &str, payload: Value, by: &str) -> Job {
        let aws = [
            ("AWS_ENDPOINT_URL", self.account.cloud.endpoint.as_str()),
            ("AWS_REGION", REGION),
            ("AWS_ACCESS_KEY_ID", &self.account.id),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
            ("AWS_EC2_METADATA_DISABLED", "true"),
        ];
        self.run_with(&aws, Start { event, workflow, payload, actor: by, token: TOKEN })
    }

    fn run_with(&self, variables: &[(&str, &str)], start: Start<'_>) -> Job {
        self.jobs.set(self.jobs.get() + 1);
        let api = self.github.api_url();
        let own = [("GITHUB_API_URL", api.as_str()), ("GITHUB_SERVER_URL", self.github.server_url())];
        let cache = self.scratch.path().join("cache");
        let cache = [("OFFSHOOT_CACHE_DIR", cache.to_str().expect("UTF-8")), ("OFFSHOOT_POLL_MS", "20,200")];
        let all = own.iter().chain(&cache).chain(variables).map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        job(self.scratch.path().join(format!("job-{}", self.jobs.get())), &start, &all.collect::<Vec<_>>())
    }

    fn stacks(&self) -> Vec<String> {
        self.account.stacks().iter().filter_map(|s| s.stack_name().map(str::to_owned)).collect()
    }
}

#[test]
fn a_pull_request_lives_in_the_example_workflows() {
    let Some(cloud) = cloud() else { return };
    let town = Town::new(cloud.account());
    let tip = town.github.tip("main").expect("a commit");

    // a push to main deploys prod; a later step sees where it is
    let payload = town.github.event_push("main", None, Some(&tip), "ann");
    let pushed = town.run("push", "deploy-on-push.yml", payload, "ann").ends_with("success");
    assert_eq!(pushed.output("stage"), "prod");
    assert_eq!(pushed.output("has-changes"), "true");
    assert_eq!(pushed.output("changes-count"), "1");
    assert_eq!(pushed.output("plan-digest").len(), 64, "{}", pushed.output("plan-digest"));
    assert_eq!(pushed.output("stage-url"), "https://prod.notes.example");
    let outputs: Value = serde_json::from_str(&pushed.output("outputs-json")).expect("JSON");
    assert_eq!(outputs, json!({"prod-notes": {"Url": "https://prod.notes.example"}}));
    let stages: Value = serde_json::from_str(&pushed.output("stages-json")).expect("JSON");
    assert_eq!((&stages[0]["stage"], &stages[0]["state"]), (&json!("prod"), &json!("deployed")));
    assert!(pushed.log().contains("prod answers at https://prod.notes.example"), "{}", pushed.log());
    assert!(pushed.summary().contains("prod"), "{}", pushed.summary());
    assert_eq!(std::fs::read_to_string(pushed.output("markdown-file")).ok(), None, "act takes its folders away");
    assert_eq!(town.stacks(), ["prod-notes"]);
    assert!(!town.github.deployments_of("prod").is_empty());

    // a pull request gets its preview, and one comment
    town.github.push_file(REPO, "feature", "app.js", &APP.replace("VisibilityTimeout: 30", "VisibilityTimeout: 60"));
    let number = town.github.open("feature", "main", "ann");
    let preview = format!("pr-{number}");
    let payload = town.github.event_pull(number, "opened", "ann");
    let opened = town.run("pull_request", "pull-requests.yml", payload, "ann").ends_with("success");
    assert!(town.stacks().contains(&format!("{preview}-notes")), "{:?}", town.stacks());
    let names: Value = serde_json::from_str(&opened.output("stages-json")).expect("JSON");
    let names: Vec<&str> = names.as_array().expect("a list").iter().filter_map(|s| s["stage"].as_str()).collect();
    assert!(names.contains(&preview.as_str()) && names.contains(&"prod"), "{names:?}");
    let comments = town.github.comments(number);
    assert_eq!(comments.len(), 1, "one comment");
    assert!(comments[0].body.contains(&preview), "{}", comments[0].body);
    let head = town.github.tip("feature").expect("a commit");
    assert!(!town.github.checks(&head).is_empty());

    // the same event again changes nothing
    let payload = town.github.event_pull(number, "synchronize", "ann");
    town.run("pull_request", "pull-requests.yml", payload, "ann").ends_with("success");
    assert_eq!(town.github.comments(number).len(), 1);

    // of comments, only commands start a job; the one who asks is answered
    let talk = town.github.comment(number, "ann", "Looks good to me");
    let payload = town.github.event_comment(number, talk, "created", "ann");
    let idle = town.run("issue_comment", "pull-requests.yml", payload, "ann");
    assert!(idle.is_skipped(), "{}", idle.log());
    let wish = town.github.comment(number, "ann", "/offshoot plan prod");
    let payload = town.github.event_comment(number, wish, "created", "ann");
    town.run("issue_comment", "pull-requests.yml", payload, "ann").ends_with("success");
    assert_eq!(town.github.reactions(wish), ["github-actions[bot] rocket"]);

    // who may not, is refused, and the job says so
    let wish = town.github.comment(number, "mallory", "/offshoot deploy prod");
    let payload = town.github.event_comment(number, wish, "created", "mallory");
    let refused = town.run("issue_comment", "pull-requests.yml", payload, "mallory").ends_with("failure");
    assert!(refused.log().contains("exit status 3"), "{}", refused.log());
    assert_eq!(town.github.reactions(wish), ["github-actions[bot] confused"]);

    // closing takes the preview away
    town.github.close(number);
    let payload = town.github.event_pull(number, "closed", "ann");
    town.run("pull_request", "pull-requests.yml", payload, "ann").ends_with("success");
    assert_eq!(town.stacks(), ["prod-notes"]);
}

#[test]
fn every_example_workflow_runs() {
    let Some(cloud) = cloud() else { return };
    let town = Town::new(cloud.account());
    let tip = town.github.tip("main").expect("a commit");
    let first = town.github.event_push("main", None, Some(&tip), "ann");
    town.run("push", "all-in-one.yml", first, "ann").ends_with("success");
    assert_eq!(town.stacks(), ["prod-notes"]);
    town.github.push_file(REPO, "feature", "app.js", &APP.replace("VisibilityTimeout: 30", "VisibilityTimeout: 60"));
    let number = town.github.open("feature", "main", "ann");

    let inputs = json!({"command": "plan", "stage": "prod"});
    let payload = town.github.event_dispatch("main", inputs, "ann");
    let planned = town.run("workflow_dispatch", "dispatch.yml", payload, "ann").ends_with("success");
    assert_eq!((planned.output("stage").as_str(), planned.output("has-changes").as_str()), ("prod", "false"));

    let head = town.github.tip("feature").expect("a commit");
    let payload = town.github.event_merge_group(number, &head, "main");
    town.run("merge_group", "merge-queue.yml", payload, "ann").ends_with("success");
    assert!(!town.github.checks(&head).is_empty(), "the queue is told about its commit");

    let payload = town.github.event_schedule("17 * * * *");
    town.run("schedule", "schedule.yml", payload, "ann").ends_with("success");
    assert_eq!(town.stacks(), ["prod-notes"]);
}

#[test]
fn nothing_of_a_fork_is_run() {
    let Some(cloud) = cloud() else { return };
    let town = Town::new(cloud.account());
    let fork = "stranger/notes";
    let (from, to) = (town.github.bare(REPO), town.github.bare(fork));
    let cloned = Command::new("git").args(["clone", "--quiet", "--bare"]).args([&from, &to]).status().expect("git");
    assert!(cloned.success());
    town.github.fork(REPO, fork, to);
    let hostile = "require('node:fs').writeFileSync('/tmp/offshoot-stranger-was-here', '')";
    town.github.push_file(fork, "evil", "app.js", hostile);
    let number = town.github.open("stranger:evil", "main", "stranger");

    // `pull_request`: no secrets, no identity; the job says who does what next
    let payload = town.github.event_pull(number, "opened", "stranger");
    let start =
        Start { event: "pull_request", workflow: "pull-requests.yml", payload, actor: "stranger", token: TOKEN };
    let told = town.run_with(&[], start).ends_with("success");
    assert!(told.summary().contains("/offshoot approve"), "{}", told.summary());
    assert!(told.log().contains("A maintainer reads the code"), "{}", told.log());
    assert!(town.github.comments(number).is_empty());

    // `pull_request_target`: the rights are there, and nothing but words comes of them
    let payload = town.github.event_pull(number, "opened", "stranger");
    town.run("pull_request_target", "forks.yml", payload, "stranger").ends_with("success");
    let comments = town.github.comments(number);
    assert_eq!(comments.len(), 1);
    assert!(comments[0].body.contains("/offshoot approve"), "{}", comments[0].body);
    assert!(town.stacks().is_empty(), "{:?}", town.stacks());
    assert!(!std::path::Path::new("/tmp/offshoot-stranger-was-here").exists());
}
