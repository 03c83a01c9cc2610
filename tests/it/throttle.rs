//! A network and an AWS that misbehave: throttling, errors of theirs, silence, answers that are lost, pages.

use serde_json::json;

use crate::fake::Fault;
use crate::fake::journal::Outcome;
use crate::world::{World, app, queue, shows, small_app, stack};

#[test]
fn throttled_calls_are_made_again() {
    let world = World::of(small_app());
    for operation in
        ["DescribeStacks", "CreateChangeSet", "DescribeChangeSet", "ExecuteChangeSet", "DescribeStackEvents"]
    {
        world.aws.inject("cloudformation", operation, Fault::Throttle, 1);
    }
    world.aws.inject("s3", "PutObject", Fault::Throttle, 1);
    world.run("deploy").done();
    assert_eq!(world.aws.status("prod-app"), "CREATE_COMPLETE");
    assert_eq!(world.aws.faults_left(), 0);
}

#[test]
fn errors_of_aws_are_tried_again() {
    let world = World::of(small_app());
    for (service, operation) in
        [("sts", "GetCallerIdentity"), ("sts", "AssumeRole"), ("s3", "GetObject"), ("cloudformation", "DescribeStacks")]
    {
        world.aws.inject(service, operation, Fault::ServerError(503), 1);
    }
    world.aws.inject("cloudformation", "ExecuteChangeSet", Fault::ServerError(500), 1);
    world.run("deploy").done();
    assert_eq!(world.aws.faults_left(), 0);
}

#[test]
fn an_aws_that_stays_broken_is_told_as_such() {
    let world = World::of(small_app()).with_env("AWS_MAX_ATTEMPTS", "2");
    world.aws.inject("cloudformation", "DescribeStacks", Fault::ServerError(503), 100);
    let run = world.run("plan --quiet").failed();
    shows!(run.err, @"
    error: describing stack prod-app: ServiceUnavailable: The service is unavailable. Please try again.
    next: AWS answers with errors; try again later
    ");
}

#[test]
fn an_account_that_stays_throttled_is_told_as_such() {
    let world = World::of(small_app()).with_env("AWS_MAX_ATTEMPTS", "2");
    world.aws.inject("cloudformation", "CreateChangeSet", Fault::Throttle, 100);
    let run = world.run("plan --quiet").failed();
    shows!(run.err, @"
    error: creating a change set for stack prod-app: Throttling: Rate exceeded
    next: other callers use up the account's API rate; try again in a minute
    ");
}

#[test]
fn broken_connections_are_opened_again() {
    let world = World::of(small_app());
    world.aws.inject("cloudformation", "CreateChangeSet", Fault::Reset, 1);
    world.aws.inject("s3", "PutObject", Fault::Reset, 1);
    world.run("deploy").done();
    assert_eq!(world.aws.faults_left(), 0);
}

#[test]
fn a_lost_answer_to_the_creation_of_a_change_set_makes_no_second_one() {
    let world = World::of(small_app());
    world.aws.inject("cloudformation", "CreateChangeSet", Fault::LostAnswer, 1);
    world.run("deploy").done();
    assert_eq!(world.aws.faults_left(), 0);
    assert_eq!(world.aws.change_sets().len(), 1, "{:?}", world.aws.change_sets());
}

#[test]
fn a_lost_answer_to_the_execution_executes_nothing_twice() {
    let with = |timeout_s| app().stack(stack("prod-app").has("Queue", queue(timeout_s)));
    let world = World::of(with(30));
    world.aws.inject("cloudformation", "ExecuteChangeSet", Fault::LostAnswer, 1);
    world.run("deploy").done();
    world.change(with(60));
    world.aws.inject("cloudformation", "ExecuteChangeSet", Fault::LostAnswer, 1);
    world.run("deploy").done();
    assert_eq!(world.aws.faults_left(), 0);
    assert_eq!(world.aws.status("prod-app"), "UPDATE_COMPLETE");
    let begun = world
        .aws
        .stack("prod-app")
        .expect("it")
        .events
        .iter()
        .filter(|e| e.status == "UPDATE_IN_PROGRESS" && e.logical == "prod-app")
        .count();
    assert_eq!(begun, 1);
}

#[test]
fn lost_answers_to_lock_and_state_do_not_lock_us_out() {
    for key in ["prod.lock", "prod.json", "stacks/us-east-1/prod-app"] {
        let world = World::of(small_app());
        world.aws.inject_when("s3", "PutObject", Fault::LostAnswer, 1, ("Key", key));
        world.run("deploy").done();
        assert_eq!(world.aws.faults_left(), 0, "{key}");
        assert!(world.object("prod.lock").is_none(), "{key}: the lock is given back");
        assert_eq!(world.state().expect("a state")["revision"], world.head().as_str(), "{key}");
    }
}

#[test]
fn lost_answers_to_a_deletion_are_no_trouble() {
    let world = World::of(small_app()).deployed();
    world.aws.inject("cloudformation", "DeleteStack", Fault::LostAnswer, 1);
    world.run("remove --yes").done();
    assert_eq!(world.aws.faults_left(), 0);
    assert_eq!(world.aws.status("prod-app"), "DELETE_COMPLETE");
}

#[test]
fn a_call_that_is_never_answered_is_given_up_and_made_again() {
    let world = World::of(small_app()).with_env("OFFSHOOT_AWS_TIMEOUT_MS", "300");
    world.aws.inject("cloudformation", "DescribeStacks", Fault::Timeout, 1);
    world.aws.inject("cloudformation", "DescribeStacks", Fault::Timeout, 1);
    world.aws.inject("s3", "GetObject", Fault::Timeout, 1);
    world.run("deploy").done();
    assert_eq!(world.aws.faults_left(), 0);
}

#[test]
fn conflicting_writes_of_s3_are_tried_again() {
    let world = World::of(small_app());
    world.aws.inject_when("s3", "PutObject", Fault::Conflict, 2, ("Key", "prod.lock"));
    world.run("deploy").done();
    assert_eq!(world.aws.faults_left(), 0);
}

#[test]
fn every_list_is_read_to_its_end() {
    let many =
        |timeout_s| (0..12).fold(stack("prod-app"), |stack, n| stack.has(&format!("Queue{n:02}"), queue(timeout_s)));
    let world = World::of(app().stack(many(30)));
    world.aws.page_size(2);
    world.run("deploy").done();
    world.change(app().stack(many(60)));
    let plan = world.plan();
    assert_eq!(plan["stacks"][0]["changes"].as_array().map(Vec::len), Some(12));
    world.aws.fail_resource("prod-app", "Queue11", "No more seconds");
    world.run("deploy").failed().says("prod-app failed at Queue11").says("No more seconds");
    world.aws.heal("prod-app");
    world.run("remove --yes").done();
}

#[test]
fn a_throttled_deploy_begins_no_operation_twice() {
    let data = stack("prod-data").has("Queue", queue(30)).exports("Queue", json!({"Ref": "Queue"}));
    let world = World::of(app().stack(data).stack(stack("prod-api").imports("News", "Queue").depends_on("prod-data")));
    for skip in [0, 2, 4, 6] {
        world.aws.inject_after(skip, "cloudformation", "*", Fault::Throttle, 1);
    }
    world.run("deploy").done();
    let executed = world.aws.calls("cloudformation", "ExecuteChangeSet");
    assert_eq!(executed.iter().filter(|call| call.outcome == Outcome::Done).count(), 2, "{}", world.aws.told());
}
