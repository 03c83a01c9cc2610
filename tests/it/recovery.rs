//! Stacks that something left in a failed state: each state has its own way back, and data is never deleted unasked.

use crate::fake::{On, journal::Call};
use crate::world::{World, app, queue, shows, small_app, stack, table, topic};

fn calls(world: &World, operation: &str) -> Vec<Call> {
    world.aws.calls("cloudformation", operation)
}

/// A first deploy that failed and was rolled back.
fn rolled_back(app: crate::world::App) -> World {
    let world = World::of(app);
    world.aws.fail_resource_on(On::Create, "prod-app", "Queue", "No more queues");
    world.run("deploy").failed();
    world.aws.heal("prod-app");
    world
}

#[test]
fn a_creation_that_was_rolled_back_is_deleted_and_created_anew() {
    let world = rolled_back(small_app());
    assert_eq!(world.aws.status("prod-app"), "ROLLBACK_COMPLETE");
    let run = world.run("plan").done();
    shows!(run.out, @"
    notes → prod
    revision [commit] of notes, account 111111111111, us-east-1

    1 stack to create.

    + prod-app: create (+1)
      ROLLBACK_COMPLETE: its creation failed and was rolled back, so the empty stack is deleted first
      + Queue  SQS::Queue

    Plan [digest] is not deployed yet. To deploy exactly this:
      offshoot deploy --plan [digest]
    ");
    world.aws.clear_journal();
    world.run("deploy").done();
    assert_eq!(world.aws.status("prod-app"), "CREATE_COMPLETE");
    assert_eq!(calls(&world, "DeleteStack").len(), 1, "{}", world.aws.told());
}

#[test]
fn data_that_a_failed_creation_left_is_not_deleted_unasked() {
    let both = app()
        .stack(stack("prod-app").has("Notes", table("notes")).has("Queue", crate::world::after(queue(30), &["Notes"])));
    let world = World::of(both);
    world.aws.fail_resource_on(On::Create, "prod-app", "Queue", "No more queues");
    world.aws.fail_resource_on(On::Rollback, "prod-app", "Notes", "The table is in use");
    world.run("deploy").failed();
    assert_eq!(world.aws.status("prod-app"), "ROLLBACK_FAILED");
    world.aws.heal("prod-app");
    world.aws.clear_journal();
    let run = world.run("deploy").failed();
    shows!(run.out, @"
    notes → prod
    revision [commit] of notes, account 111111111111, us-east-1

    1 stack to create.

    + prod-app: create (+2)
      ROLLBACK_FAILED: its creation failed and was rolled back, so the empty stack is deleted first
      + Notes  DynamoDB::Table
      + Queue  SQS::Queue

    notes → prod at [commit]

      failed     prod-app      0.0 s

    prod-app failed
      reason: recovering stack prod-app: its creation failed, but Notes (AWS::DynamoDB::Table) is still in it and holds data
      state:  as it was
      next:   look at it; if the data may go: offshoot deploy --recover delete

    0 of 1 stack deployed in 0.0 s, 1 failed, plan [digest].
    ");
    assert!(calls(&world, "DeleteStack").is_empty(), "{}", world.aws.told());
    world.run("deploy --recover delete").done();
    assert_eq!(world.aws.status("prod-app"), "CREATE_COMPLETE");
}

/// An update that failed, and whose rollback failed too, at `News`.
fn rollback_failed() -> World {
    let with = |timeout_s, name: &str| {
        let mut news = topic();
        news["Properties"]["DisplayName"] = name.into();
        app().stack(stack("prod-app").has("News", news).has("Queue", crate::world::after(queue(timeout_s), &["News"])))
    };
    let world = World::of(with(30, "news")).deployed();
    world.change(with(60, "more news"));
    world.aws.fail_resource_on(On::Update, "prod-app", "Queue", "No more seconds");
    world.aws.fail_resource_on(On::Rollback, "prod-app", "News", "The topic is gone");
    let run = world.run("deploy").failed();
    run.says("No more seconds").says("--recover skip=<LogicalId>");
    assert_eq!(world.aws.status("prod-app"), "UPDATE_ROLLBACK_FAILED");
    world.aws.clear_journal();
    world
}

#[test]
fn a_failed_rollback_is_continued_and_then_the_update_is_made() {
    let world = rollback_failed();
    world.aws.heal("prod-app");
    let run = world.run("plan").done();
    shows!(run.out, @"
    notes → prod
    revision [commit] of notes, account 111111111111, us-east-1

    1 stack to update.

    ~ prod-app: update
      UPDATE_ROLLBACK_FAILED: its last rollback failed and is continued first

    Plan [digest] is not deployed yet. To deploy exactly this:
      offshoot deploy --plan [digest]
    ");
    world.run("deploy").done();
    assert_eq!(world.aws.status("prod-app"), "UPDATE_COMPLETE");
    assert_eq!(calls(&world, "ContinueUpdateRollback").len(), 1);
}

#[test]
fn a_rollback_that_fails_again_says_how_to_leave_the_resource_out() {
    let world = rollback_failed();
    let run = world.run("deploy").failed();
    shows!(run.out, @"
    notes → prod
    revision [commit] of notes, account 111111111111, us-east-1

    1 stack to update.

    ~ prod-app: update
      UPDATE_ROLLBACK_FAILED: its last rollback failed and is continued first

    notes → prod at [commit]

      failed     prod-app      0.0 s

    prod-app failed
      reason: recovering stack prod-app: it ended as UPDATE_ROLLBACK_FAILED: News The topic is gone
      state:  as it was
      next:   fix the cause and deploy again, or leave the resource out: offshoot deploy --recover skip=News

    0 of 1 stack deployed in 0.0 s, 1 failed, plan [digest].
    ");
    assert!(calls(&world, "ExecuteChangeSet").is_empty());
}

#[test]
fn a_resource_is_left_out_of_the_rollback_when_a_person_says_so() {
    let world = rollback_failed();
    world.aws.heal("prod-app");
    world.aws.fail_resource_on(On::Rollback, "prod-app", "News", "The topic is gone");
    world.run("deploy --recover skip=News").done();
    assert_eq!(calls(&world, "ContinueUpdateRollback")[0].param("ResourcesToSkip.member.1"), "News");
    assert_eq!(world.aws.status("prod-app"), "UPDATE_COMPLETE");
}

#[test]
fn an_update_that_was_left_failed_is_rolled_back_first() {
    let world = World::of(small_app()).deployed();
    world.aws.set_status("prod-app", "UPDATE_FAILED", Some("left so by somebody"));
    world.change(app().stack(stack("prod-app").has("Queue", queue(60))));
    world.run("plan").done().says("its last update was left failed and is rolled back first");
    world.run("deploy").done();
    assert_eq!(calls(&world, "RollbackStack").len(), 1);
    assert_eq!(world.aws.status("prod-app"), "UPDATE_COMPLETE");
}

#[test]
fn a_creation_that_was_left_failed_is_rolled_back_deleted_and_made_anew() {
    let news = stack("prod-app").has("News", topic());
    let world = World::of(app().stack(news.clone()));
    world.aws.seed_stack("prod-app", &news.template());
    world.aws.set_status("prod-app", "CREATE_FAILED", Some("left so by somebody"));
    world.run("deploy").done();
    assert_eq!(calls(&world, "RollbackStack").len(), 1);
    assert_eq!(world.aws.status("prod-app"), "CREATE_COMPLETE");
}

#[test]
fn a_shell_that_only_waits_for_its_first_change_set_is_created() {
    let world = World::of(small_app());
    world.run("plan").done();
    assert_eq!(world.aws.status("prod-app"), "REVIEW_IN_PROGRESS");
    world.change(app().stack(stack("prod-app").has("Queue", queue(60))));
    world.run("plan").done().says("+ prod-app: create");
    world.run("deploy").done();
    assert_eq!(world.aws.status("prod-app"), "CREATE_COMPLETE");
}

#[test]
fn a_failed_deletion_must_be_ended_by_a_removal() {
    let world = World::of(small_app()).deployed();
    world.aws.set_status("prod-app", "DELETE_FAILED", Some("The following resource(s) failed to delete: [Queue]."));
    let run = world.run("plan").failed();
    shows!(run.err, @"
    error: looking at stack prod-app: it is DELETE_FAILED: The following resource(s) failed to delete: [Queue].
    next: finish its deletion first, in the CloudFormation console, or with the whole stage:
            offshoot remove --retain <LogicalId>
    ");
    assert!(world.aws.writes().is_empty(), "{}", world.aws.told());
}

#[test]
fn a_busy_stack_is_left_alone() {
    let world = World::of(small_app()).deployed();
    world.aws.set_status("prod-app", "UPDATE_IN_PROGRESS", None);
    world.change(app().stack(stack("prod-app").has("Queue", queue(60))));
    let run = world.run("deploy").refused();
    shows!(run.err, @"
    error: looking at stack prod-app: it is UPDATE_IN_PROGRESS
    next: another operation runs; wait for it to end, then try again
    ");
    assert!(world.aws.writes().is_empty(), "{}", world.aws.told());
}

#[test]
fn a_stack_that_becomes_busy_while_it_is_planned_is_left_alone_too() {
    let world = World::of(small_app()).deployed();
    world.change(app().stack(stack("prod-app").has("Queue", queue(60))));
    let shared = world.aws.state.clone();
    world.aws.after(1, crate::world::call("GetTemplate", "prod-app"), move || {
        shared.lock().expect("the state").stacks.last_mut().expect("a stack").status = "UPDATE_IN_PROGRESS".into();
    });
    world.run("deploy").refused().says("UPDATE_IN_PROGRESS").says("wait until the running operation has ended");
}
