//! Who lets a plan run: by the stage's rule at once, after an approval of exactly this plan, or only by hand.

use crate::world::{World, app, queue, shows, small_app, stack};

#[test]
fn auto_deploys_without_a_question() {
    let world = World::of(small_app()).with_rule("apply: auto");
    world.run("deploy").done();
    assert_eq!(world.aws.status("prod-app"), "CREATE_COMPLETE");
}

#[test]
fn approved_shows_the_plan_and_refuses_until_it_is_approved() {
    let world = World::of(small_app()).with_rule("apply: approved");
    let run = world.run("deploy").refused();
    shows!(run.out, @"
    notes → prod
    revision [commit] of notes, account 111111111111, us-east-1

    1 stack to create.

    + prod-app: create (+1)
      the stack does not exist
      + Queue  SQS::Queue
    ");
    shows!(run.err, @"
    · publishing 1 asset
    · creating change sets for 1 stack
    error: checking approvals: stage prod has the rule `apply: approved`, and this plan was not approved
    next: read the plan, then: offshoot deploy --approve [digest]
    ");
    assert_eq!(world.aws.status("prod-app"), "REVIEW_IN_PROGRESS");
    assert!(world.state().is_none() && world.object("prod.lock").is_none());
}

#[test]
fn an_approval_of_the_plan_runs_it_and_is_remembered() {
    let world = World::of(small_app()).with_rule("apply: approved");
    let digest = world.digest();
    world.run(&format!("deploy --approve {}", &digest[..12])).done();
    let approved = &world.state().expect("a state")["approved"];
    assert_eq!(approved["digest"], digest.as_str());
    assert_eq!(approved["by"], "arn:aws:iam::111111111111:user/developer");
}

#[test]
fn an_approval_of_another_plan_counts_for_nothing() {
    let world = World::of(small_app()).with_rule("apply: approved");
    let digest = world.digest();
    world.change(app().stack(stack("prod-app").has("Queue", queue(60))));
    let run = world.run(&format!("deploy --approve {}", &digest[..12])).refused();
    run.says("approved was").says("look at the plan as it is now");
    assert_eq!(world.aws.status("prod-app"), "REVIEW_IN_PROGRESS");
}

#[test]
fn a_few_digits_are_not_enough() {
    let world = World::of(small_app()).with_rule("apply: approved");
    let digest = world.digest();
    world.run(&format!("deploy --approve {}", &digest[..5])).refused();
    assert!(world.aws.calls("cloudformation", "ExecuteChangeSet").is_empty());
}

#[test]
fn manual_wants_a_stored_plan_or_an_approval() {
    let world = World::of(small_app()).with_rule("apply: manual");
    world.run("deploy").refused().says("apply: manual").says("offshoot deploy --approve");
    let digest = world.digest();
    world.run(&format!("deploy --plan {}", &digest[..12])).done();
    assert_eq!(world.aws.status("prod-app"), "CREATE_COMPLETE");
}

#[test]
fn a_stored_plan_alone_is_no_approval() {
    let world = World::of(small_app()).with_rule("apply: approved");
    let digest = world.digest();
    world.run(&format!("deploy --plan {}", &digest[..12])).refused().says("this plan was not approved");
    world.run(&format!("deploy --plan {0} --approve {0}", &digest[..12])).done();
}

#[test]
fn two_approvals_cannot_come_from_one_command_line() {
    let world = World::of(small_app()).with_rule("apply: approved, approvals: { count: 2 }");
    let digest = world.digest();
    let run = world.run(&format!("deploy --approve {}", &digest[..12])).refused();
    run.says("needs 2 approvals").says("approve it on the pull request");
    assert!(world.aws.calls("cloudformation", "ExecuteChangeSet").is_empty());
}

#[test]
fn nothing_to_do_needs_no_approval() {
    let world = World::of(small_app()).deployed().with_rule("apply: approved");
    world.run("deploy").done();
}
