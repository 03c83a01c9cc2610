//! What is as it should be costs reads only: a plan, and a deploy, of an unchanged commit write nothing to AWS.

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
