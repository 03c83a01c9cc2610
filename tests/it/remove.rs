//! Removing a stage: asked for twice, in reverse order, never a protected one, and what cannot go is said.

use serde_json::json;

use crate::world::{World, app, queue, shows, small_app, stack, table};

fn two_stacks() -> World {
    let data = stack("prod-data").has("Notes", table("notes")).exports("Notes", json!({"Ref": "Notes"}));
    World::of(app().stack(data).stack(stack("prod-api").imports("News", "Notes").depends_on("prod-data")))
}

#[test]
fn nobody_there_to_confirm_is_a_refusal() {
    let world = two_stacks().deployed();
    let run = world.run("remove").refused();
    shows!(run.out, @"
    notes → prod
    revision [commit] of notes, account 111111111111, us-east-1

    2 stacks to delete.

    DANGER: this plan deletes data and 2 stacks
      - stack prod-data is deleted with 1 resource
      - Notes (AWS::DynamoDB::Table) in prod-data is deleted with its data

    Replaced or removed
      - stack prod-api is deleted with 1 resource

    - prod-api: delete (-1)
      the stage is removed
      - News  SNS::Topic  deleted

    - prod-data: delete (-1)
      the stage is removed
      - Notes  DynamoDB::Table  deleted, loses data
    ");
    shows!(run.err, @"
    error: removing stage prod: nobody is there to confirm it
    next: pass --yes
    ");
    assert!(world.aws.writes().is_empty(), "{}", world.aws.told());
}

#[test]
fn with_yes_everything_goes_users_first() {
    let world = two_stacks().deployed();
    let run = world.run("remove --yes").done();
    shows!(run.out, @"
    notes → prod at [commit]

      deleted    prod-api       0.0 s
      deleted    prod-data      0.0 s

    2 stacks removed in 0.0 s, plan [digest].
    ");
    let deleted: Vec<String> =
        world.aws.calls("cloudformation", "DeleteStack").iter().map(|c| c.param("StackName").to_owned()).collect();
    assert!(deleted.len() == 2 && deleted[0].contains("prod-api") && deleted[1].contains("prod-data"), "{deleted:?}");
    assert_eq!(world.aws.stack_names("111111111111", "us-east-1"), ["CDKToolkit"]);
    let left: Vec<String> =
        world.aws.keys(crate::world::BUCKET).into_iter().filter(|key| key.starts_with("offshoot/")).collect();
    assert!(left.is_empty(), "nothing is kept of the stage: {left:?}");
}

#[test]
fn a_protected_stage_is_not_removed() {
    let world = World::of(small_app()).with_rule("protect: true").deployed();
    let run = world.run("remove --yes").refused();
    shows!(run.err, @"
    error: removing stage prod: the stage is protected
    next: take `protect: true` from its rule in offshoot.yml first, in a commit that somebody reviews
    ");
    assert!(world.aws.journal().is_empty(), "not even AWS is asked: {}", world.aws.told());
}

#[test]
fn a_stage_that_was_never_deployed_has_nothing_to_remove() {
    let world = World::of(small_app());
    let run = world.run("remove --yes").done();
    shows!(run.out, @"Stage prod has nothing deployed: there is nothing to remove.");
    assert!(world.aws.writes().is_empty(), "{}", world.aws.told());
}

#[test]
fn what_cannot_be_deleted_is_told_and_can_be_left_behind() {
    let world = two_stacks().deployed();
    world.aws.fail_resource("prod-data", "Notes", "The table is protected");
    let run = world.run("remove --yes").failed();
    shows!(run.out, @"
    notes → prod at [commit]

      deleted    prod-api       0.0 s
      failed     prod-data      0.0 s  DELETE_FAILED

    prod-data failed at Notes (AWS::DynamoDB::Table)
      reason: The table is protected
      state:  some resources could not be deleted
      next:   fix the cause, then `offshoot remove --stage prod` again; `--retain <LogicalId>` keeps what cannot be deleted

    1 of 2 stacks removed in 0.0 s, 1 failed, plan [digest].
    ");
    assert_eq!(world.aws.status("prod-data"), "DELETE_FAILED");
    assert!(world.state().is_some(), "the stage is still known");
    world.run("remove --yes --retain Notes").done();
    assert_eq!(world.aws.status("prod-data"), "DELETE_COMPLETE");
    assert!(world.state().is_none());
}

#[test]
fn a_stack_with_termination_protection_says_so() {
    let world =
        World::of(app().stack(stack("prod-app").has("Queue", queue(30)).protected_from_termination())).deployed();
    let run = world.run("remove --yes").failed();
    run.says("cannot be deleted while TerminationProtection is enabled");
    assert_eq!(world.aws.status("prod-app"), "CREATE_COMPLETE");
    assert!(world.object("prod.lock").is_none(), "the lock is given back");
}

#[test]
fn a_locked_stage_is_not_removed() {
    let world = two_stacks().deployed();
    let later = jiff::Timestamp::now().as_second() + 60;
    world.put_object(
        "prod.lock",
        &json!({"what": "deploy", "run": "other", "host": "elsewhere", "pid": 1, "since_s": 1, "expires_s": later}),
    );
    world.run("remove --yes").refused().says("holds it");
    assert!(world.aws.calls("cloudformation", "DeleteStack").is_empty());
}

#[test]
fn uncommitted_changes_do_not_matter_to_a_removal() {
    let world = two_stacks().deployed();
    world.write("notes.txt", "not committed");
    world.run("remove --yes").done();
}
