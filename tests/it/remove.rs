//! Removing a stage: asked for twice, in reverse order, never a protected one, and what cannot go is said.

use serde_json::{Value, json};

use crate::fake::Fault;
use crate::world::{BUCKET, World, app, queue, shows, small_app, stack, table};

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

/// A bucket of the app, named so that a test can put something into it.
fn bucket(name: &str) -> Value {
    json!({"Type": "AWS::S3::Bucket", "Properties": {"BucketName": name}})
}

/// A deployed stage whose bucket holds more than one page of objects, with old versions and delete markers.
fn full_bucket(rule: &str) -> World {
    let app = app().stack(stack("prod-app").has("Files", bucket("prod-files")).has("Queue", queue(30)));
    let world = World::of(app).with_rule(rule).deployed();
    for n in 0..120 {
        world.aws.put_object("prod-files", &format!("key {n}"), "content");
        world.aws.put_older("prod-files", &format!("key {n}"), "v1", n % 2 == 0);
    }
    world
}

#[test]
fn a_bucket_that_is_not_empty_is_named_with_what_to_do() {
    let world = full_bucket("removal: retain");
    let run = world.run("remove --yes").failed();
    shows!(run.out, @"
    notes → prod at [commit]

      failed     prod-app      0.0 s  DELETE_FAILED

    prod-app failed at Files (AWS::S3::Bucket)
      reason: The bucket you tried to delete is not empty (Service: S3, Status Code: 409, Request ID: fake)
      state:  some resources could not be deleted
      next:   empty bucket prod-files yourself, or write `removal: destroy` into the stage's rule, which lets a removal
              empty it; then `offshoot remove --stage prod` again. `--retain Files` leaves it behind instead

    0 of 1 stack removed in 0.0 s, 1 failed, plan [digest].
    ");
    assert_eq!(world.aws.status("prod-app"), "DELETE_FAILED");
    assert_eq!(world.aws.keys("prod-files").len(), 120, "nothing in it was touched");
    assert!(world.aws.calls("s3", "DeleteObjects").is_empty());
    assert!(world.state().is_some(), "the stage is still known");
}

#[test]
fn where_the_rule_says_destroy_the_bucket_is_emptied_and_the_stack_goes() {
    let world = full_bucket("removal: destroy");
    world.aws.make_bucket("111111111111", "us-east-1", "somebody-elses");
    world.aws.put_object("somebody-elses", "key", "content");
    world.run("remove --yes").done();
    assert_eq!(world.aws.status("prod-app"), "DELETE_COMPLETE");
    assert!(!world.aws.has_bucket("prod-files"));
    assert_eq!(world.aws.keys("somebody-elses"), ["key"]);
    assert!(world.state().is_none());
    let deletes = world.aws.calls("s3", "DeleteObjects");
    assert_eq!(deletes.len(), 3, "240 versions and markers, a hundred at a time: {}", world.aws.told());
}

#[test]
fn a_removal_that_failed_before_is_taken_up_again() {
    let world = full_bucket("removal: retain");
    world.run("remove --yes").failed();
    let world = world.with_rule("removal: destroy");
    world.run("remove --yes").done();
    assert_eq!(world.aws.status("prod-app"), "DELETE_COMPLETE");
    assert!(!world.aws.has_bucket("prod-files"));
}

#[test]
fn a_bucket_that_the_template_retains_stays_as_it_is() {
    let mut kept = bucket("prod-files");
    kept["DeletionPolicy"] = json!("Retain");
    let world = World::of(app().stack(stack("prod-app").has("Files", kept).has("Queue", queue(30))))
        .with_rule("removal: destroy")
        .deployed();
    world.aws.put_object("prod-files", "key", "content");
    world.run("remove --yes").done();
    assert_eq!(world.aws.status("prod-app"), "DELETE_COMPLETE");
    assert_eq!(world.aws.keys("prod-files"), ["key"]);
}

#[test]
fn a_bucket_of_a_nested_stack_is_emptied_too() {
    let inner = stack("inner").has("Files", bucket("prod-files"));
    let world =
        World::of(app().stack(stack("prod-app").nests("Inner", inner))).with_rule("removal: destroy").deployed();
    world.aws.put_object("prod-files", "key", "content");
    world.run("remove --yes").done();
    assert_eq!(world.aws.status("prod-app"), "DELETE_COMPLETE");
    assert!(!world.aws.has_bucket("prod-files"));
}

#[test]
fn a_bucket_that_may_not_be_emptied_says_which_rights_are_missing() {
    let world = full_bucket("removal: destroy");
    world.aws.inject("s3", "ListObjectVersions", Fault::AccessDenied("no".into()), 1);
    let run = world.run("remove --yes").failed();
    run.says("emptying bucket prod-files").says("s3:DeleteObjectVersion");
    assert_eq!(world.aws.keys("prod-files").len(), 120);
}

#[test]
fn a_stage_that_was_only_planned_leaves_no_shells() {
    let world = World::of(small_app());
    world.run("plan").done();
    assert_eq!(world.aws.status("prod-app"), "REVIEW_IN_PROGRESS");
    world.run("remove --yes").done().says("deleted    prod-app");
    assert_eq!(world.aws.stack_names("111111111111", "us-east-1"), ["CDKToolkit"]);
    let left: Vec<String> = world.aws.keys(BUCKET).into_iter().filter(|key| key.starts_with("offshoot/")).collect();
    assert!(left.is_empty(), "nothing is kept of the stage: {left:?}");
}

#[test]
fn shells_beside_deployed_stacks_go_too() {
    let world = two_stacks().deployed();
    let data = stack("prod-data").has("Notes", table("notes")).exports("Notes", json!({"Ref": "Notes"}));
    let api = stack("prod-api").imports("News", "Notes").depends_on("prod-data");
    world.change(app().stack(data).stack(api).stack(stack("prod-more").has("Queue", queue(30))));
    world.run("plan").done();
    world.run("remove --yes").done();
    assert_eq!(world.aws.stack_names("111111111111", "us-east-1"), ["CDKToolkit"]);
}

#[test]
fn a_shell_with_a_change_set_of_somebody_else_stays() {
    let world = World::of(small_app());
    world.run("plan").done();
    for set in &mut world.aws.state().change_sets {
        set.name = "by-hand".to_owned();
    }
    world.run("remove --yes").done();
    assert_eq!(world.aws.status("prod-app"), "REVIEW_IN_PROGRESS");
}

#[test]
fn what_is_kept_for_pull_requests_goes_with_the_stage_but_its_cards() {
    let world = World::of(small_app()).deployed();
    for name in ["prod.approvals/abc.json", "prod.cancel/run", "prod.assemblies/abc.zip", "prod.pulls/7.json"] {
        world.put_object(name, &json!([]));
    }
    world.run("remove --yes").done();
    let left: Vec<String> = world.aws.keys(BUCKET).into_iter().filter(|key| key.starts_with("offshoot/")).collect();
    assert_eq!(left, ["offshoot/notes/notes/prod.pulls/7.json"]);
}

#[test]
fn a_deploy_dismisses_the_approvals_of_other_plans() {
    let world = World::of(small_app());
    let digest = world.digest();
    world.put_object("prod.approvals/other.json", &json!([]));
    world.put_object(&format!("prod.approvals/{digest}.json"), &json!([]));
    world.run("deploy").done();
    assert!(world.object("prod.approvals/other.json").is_none());
    assert!(world.object(&format!("prod.approvals/{digest}.json")).is_some());
}
