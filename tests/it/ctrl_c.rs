//! Ctrl-C once: what runs is finished, nothing new begins. Twice: it is left to CloudFormation, and can be resumed.

use crate::world::{World, app, queue, shows, small_app, stack};

/// Two stacks, the second behind the first; the first is in the works and does not get on.
fn halfway() -> World {
    let second = stack("prod-second").has("Queue", queue(30)).depends_on("prod-first");
    let world = World::of(app().stack(stack("prod-first").has("Queue", queue(30))).stack(second));
    world.run("plan").done();
    world.aws.set_stuck("prod-first", true);
    world
}

#[test]
fn once_finishes_what_runs_and_begins_nothing_new() {
    let world = halfway();
    let running = world.start("deploy");
    world.until("the first stack runs", |aws| aws.status("prod-first") == "CREATE_IN_PROGRESS");
    running.interrupt();
    running.until_it_says("Stopping");
    world.aws.set_stuck("prod-first", false);
    let run = running.end().failed();
    shows!(run.out, @"
    notes → prod
    revision [commit] of notes, account 111111111111, us-east-1

    2 stacks to create.

    + prod-first: create (+1)
      the stack does not exist
      + Queue  SQS::Queue

    + prod-second: create (+1)
      the stack does not exist
      + Queue  SQS::Queue

    notes → prod at [commit]

      created    prod-first       0.0 s
      skipped    prod-second             not begun: the run was stopped

    1 of 2 stacks deployed in 0.0 s, 1 skipped, plan [digest].
    ");
    assert_eq!(world.aws.status("prod-first"), "CREATE_COMPLETE");
    assert_eq!(world.aws.status("prod-second"), "REVIEW_IN_PROGRESS");
    assert!(world.object("prod.lock").is_none(), "the lock is given back");
    world.run("deploy").done();
    assert_eq!(world.aws.status("prod-second"), "CREATE_COMPLETE");
}

#[test]
fn twice_leaves_it_to_cloudformation() {
    let world = halfway();
    let running = world.start("deploy");
    world.until("the first stack runs", |aws| aws.status("prod-first") == "CREATE_IN_PROGRESS");
    running.interrupt();
    running.until_it_says("Stopping");
    running.interrupt();
    running.until_it_says("Leaving");
    let run = running.end().failed();
    shows!(run.out, @"
    notes → prod
    revision [commit] of notes, account 111111111111, us-east-1

    2 stacks to create.

    + prod-first: create (+1)
      the stack does not exist
      + Queue  SQS::Queue

    + prod-second: create (+1)
      the stack does not exist
      + Queue  SQS::Queue

    notes → prod at [commit]

      running    prod-first       0.0 s  AWS goes on with it
      skipped    prod-second             not begun: prod-first still runs

    0 of 2 stacks deployed in 0.0 s, 1 skipped, 1 still running, plan [digest].
    ");
    assert_eq!(world.aws.status("prod-first"), "CREATE_IN_PROGRESS");
    assert!(world.state().expect("a state")["run"]["id"].is_string(), "the run can be taken up");
    assert!(world.object("prod.lock").is_none(), "the lock is given back");
    world.aws.set_stuck("prod-first", false);
    world.run("deploy --resume").done();
    assert_eq!(world.aws.status("prod-second"), "CREATE_COMPLETE");
    let executed = world.aws.calls("cloudformation", "ExecuteChangeSet");
    assert_eq!(executed.len(), 2, "{}", world.aws.told());
}

#[test]
fn three_times_ends_at_once() {
    let world = halfway();
    let running = world.start("deploy");
    world.until("the first stack runs", |aws| aws.status("prod-first") == "CREATE_IN_PROGRESS");
    world.aws.inject("*", "*", crate::fake::Fault::Timeout, 1000);
    running.interrupt();
    running.until_it_says("Stopping");
    running.interrupt();
    running.until_it_says("Leaving");
    running.interrupt();
    running.end().exits(130);
}

#[test]
fn a_plan_simply_ends() {
    let world = World::of(small_app());
    world.aws.slow_change_set("prod-app", 1_000_000);
    world.aws.steps_per_poll(1);
    let running = world.start("plan");
    world.until("the change set is made", |aws| !aws.calls("cloudformation", "DescribeChangeSet").is_empty());
    running.interrupt();
    let run = running.end().failed();
    shows!(run.err, @"
    · publishing 1 asset
    · creating change sets for 1 stack
    Stopping: what runs is finished, nothing new begins. Ctrl-C again to leave it to CloudFormation.
    error: working: stopped by Ctrl-C
    next: nothing was deployed; run the command again when you like
    ");
}

#[test]
fn a_deploy_that_still_plans_simply_ends() {
    let world = World::of(small_app());
    world.aws.slow_change_set("prod-app", 1_000_000);
    world.aws.steps_per_poll(1);
    let running = world.start("deploy");
    world.until("the change set is made", |aws| !aws.calls("cloudformation", "DescribeChangeSet").is_empty());
    running.interrupt();
    running.end().failed().says("nothing was deployed");
    assert!(world.object("prod.lock").is_none() && world.state().is_none());
}
