//! What is as it should be costs reads only: a plan, and a deploy, of an unchanged commit write nothing to AWS.

use offshoot::diff::Secrets;
use offshoot::names::{AccountId, Region};
use offshoot::pipeline::event::{About, Event, Place};
use offshoot::pipeline::progress::{Stop, Teller};
use offshoot::pipeline::stage::{self, Intent};
use offshoot::pipeline::{SandboxMode, Tools, changed};

use crate::world::{World, app, queue, small_app, stack, topic};

fn three_stacks() -> World {
    let data = stack("prod-data").has("Queue", queue(30)).exports("Queue", serde_json::json!({"Ref": "Queue"}));
    let api = stack("prod-api").function("Api", "one").imports("News", "Queue").depends_on("prod-data");
    World::of(app().stack(data).stack(api).stack(stack("prod-web").has("News", topic()).tag("team", "notes")))
}

#[test]
fn a_plan_of_what_is_deployed_writes_nothing() {
    let world = three_stacks().deployed();
    world.run("plan --detailed-exitcode").done().says("all 3 stacks are deployed as they are in this revision");
    assert!(world.aws.writes().is_empty(), "{}", world.aws.told());
}

#[test]
fn such_a_plan_asks_for_no_more_than_it_needs() {
    let world = three_stacks().deployed();
    world.run("plan").done();
    let count = |service: &str, operation: &str| world.aws.calls(service, operation).len();
    assert_eq!(count("sts", "GetCallerIdentity"), 1);
    assert_eq!(count("sts", "AssumeRole"), 2, "the file role for the state, one deploy role for all stacks");
    assert_eq!(count("s3", "GetObject"), 1, "the state");
    assert_eq!(count("cloudformation", "DescribeStacks"), 3);
    assert_eq!(count("cloudformation", "GetTemplate"), 3);
    assert_eq!(world.aws.journal().len(), 10, "{}", world.aws.told());
}

#[test]
fn a_second_plan_writes_nothing_either() {
    let world = three_stacks().deployed();
    world.run("plan").done();
    world.run("plan").done();
    assert!(world.aws.writes().is_empty(), "{}", world.aws.told());
}

#[test]
fn a_deploy_of_the_deployed_commit_writes_nothing_and_takes_no_lock() {
    let world = three_stacks().deployed();
    world.run("deploy").done().says("all 3 stacks are deployed as they are in this revision");
    assert!(world.aws.writes().is_empty(), "{}", world.aws.told());
}

#[test]
fn a_new_commit_without_changes_is_only_noted_in_the_state() {
    let world = World::of(small_app()).deployed();
    world.write("README.md", "Nothing that is deployed.");
    let commit = world.save();
    world.run("deploy").done();
    assert_eq!(world.state().expect("a state")["revision"], commit.as_str());
    let writes = world.aws.writes();
    assert!(writes.iter().all(|call| call.service == "s3"), "{}", world.aws.told());
    world.aws.clear_journal();
    world.run("deploy").done();
    assert!(world.aws.writes().is_empty(), "{}", world.aws.told());
}

#[test]
fn stacks_that_another_tool_deployed_just_so_are_unchanged_too() {
    let world = World::of(small_app());
    let template = serde_json::to_string_pretty(&stack("prod-app").has("Queue", queue(30)).template()).expect("JSON");
    world.aws.seed(&crate::fake::seed::Seed::new("prod-app", template));
    world.run("plan --detailed-exitcode").done();
    assert!(world.aws.writes().is_empty(), "{}", world.aws.told());
}

#[test]
fn only_the_changed_stack_is_written() {
    let with = |timeout_s| {
        app().stack(stack("prod-one").has("Queue", queue(timeout_s))).stack(stack("prod-two").has("Queue", queue(30)))
    };
    let world = World::of(with(30)).deployed();
    world.change(with(60));
    world.run("deploy").done();
    let touched = |call: &crate::fake::Call| {
        call.param("StackName").contains("prod-two") || call.param("Key").contains("prod-two")
    };
    assert!(!world.aws.writes().iter().any(touched), "{}", world.aws.told());
    assert_eq!(world.aws.status("prod-one"), "UPDATE_COMPLETE");
}

/// What is meant, when somebody looks at the repository from elsewhere.
async fn intent(world: &World) -> Intent {
    let event = Event {
        place: Place::Repository { address: world.repository().display().to_string(), branch: None, revision: None },
        about: About::Commit,
        app: None,
        stage: None,
        config: None,
        own_files: Vec::new(),
        region: None,
        profile: None,
        web_identity: None,
    };
    let tools = Tools {
        cache_dir: world.path("cache"),
        teller: Teller::silent(),
        stop: Stop::default(),
        sandbox: SandboxMode::Auto,
        secrets: Secrets::Redact,
        pace: None,
    };
    stage::decide(&event, &tools).await.expect("an intent")
}

async fn content(world: &World) -> String {
    let (account, region) = (AccountId::new("111111111111"), Region::new("us-east-1"));
    changed::content_key(&intent(world).await, &account, &region).expect("a key")
}

#[tokio::test]
async fn what_a_stage_is_made_from_is_known_without_a_checkout() {
    let world = World::of(small_app());
    world.run_elsewhere("deploy --yes --repo").done();
    let before = content(&world).await;
    assert_eq!(world.state().expect("a state")["content"], before.as_str());
    world.write("README.md", "The app may read it.");
    world.save();
    let after = content(&world).await;
    assert_ne!(before, after);
    world.run_elsewhere("deploy --yes --repo").done();
    assert_eq!(world.state().expect("a state")["content"], after.as_str());
    for setting in ["env: { A: b }", "context: { a: b }", "tags: { a: b }", "prune: always"] {
        let world = World::of(small_app());
        let before = content(&world).await;
        let world = world.with_rule(setting);
        assert_ne!(before, content(&world).await, "{setting}");
    }
}

#[tokio::test]
async fn of_an_app_that_names_its_inputs_nothing_else_counts() {
    let rules = "version: 1\napps:\n  - { name: notes, path: cdk.out, kind: assembly, inputs: [\"lib/**\"] }\nstages:\n  - { name: prod, branch: main }\n";
    let world = World::empty().rules(rules).commit(small_app());
    let before = content(&world).await;
    for beside in ["README.md", "other/app.ts"] {
        world.write(beside, "Not read.");
        world.save();
        assert_eq!(before, content(&world).await, "{beside}");
    }
    world.write("lib/shared.ts", "Read.");
    world.save();
    assert_ne!(before, content(&world).await);
}

#[test]
fn content_that_nobody_can_have_again_is_not_claimed() {
    let world = World::of(small_app());
    world.run_elsewhere("deploy --yes --repo").done();
    assert!(world.state().expect("a state")["content"].is_string());
    // a dirty tree; and a folder of the work tree in which git may ignore a part
    world.write("cdk.out/more.txt", "not committed");
    world.run("deploy --dirty").done();
    assert!(world.state().expect("a state")["content"].is_null());
}
