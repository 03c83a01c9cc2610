//! A run that was left or killed at any point goes on with `--resume`: the same end, and nothing executed twice.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::world::run::signal;
use crate::world::{App, World, app, call, queue, shows, small_app, stack, table, topic};

/// Three stacks, one of which waits for another's export, one with a function, and one nested stack.
fn before() -> App {
    let data = stack("prod-data").has("Notes", table("notes")).exports("Notes", json!({"Ref": "Notes"}));
    let web = stack("prod-web").has("News", topic()).nests("Inner", stack("inner").has("Queue", queue(30)));
    app().stack(data).stack(web).stack(stack("prod-old").has("Queue", queue(30)))
}

fn after() -> App {
    let data = stack("prod-data")
        .has("Notes", table("notes"))
        .exports("Notes", json!({"Ref": "Notes"}))
        .has("Queue", queue(30));
    let data = data.exports("Queue", json!({"Ref": "Queue"}));
    let api = stack("prod-api").function("Api", "one").imports("News", "Queue").depends_on("prod-data");
    let web = stack("prod-web").has("News", topic()).nests("Inner", stack("inner").has("Queue", queue(60)));
    app().stack(data).stack(api).stack(web.protected_from_termination())
}

/// What is deployed (the lock of a dead process is nobody's), without what differs from run to run.
fn end_state(world: &World) -> Value {
    let state = world.state().expect("a state");
    let mut stacks = BTreeMap::new();
    for name in world.aws.stack_names("111111111111", "us-east-1") {
        let stack = world.aws.stack(&name).expect("it");
        let resources: Vec<(&String, &str)> = stack.body.resources.iter().map(|(k, r)| (k, r.kind.as_str())).collect();
        let short = if stack.parent.is_some() { "(nested)" } else { name.as_str() };
        stacks.insert(
            short.to_owned(),
            json!([stack.status, resources, stack.body.template, stack.termination_protection]),
        );
    }
    let known: BTreeMap<&String, (&Value, &Value)> = state["stacks"]
        .as_object()
        .expect("stacks")
        .iter()
        .map(|(k, s)| (k, (&s["template"], &s["settings"])))
        .collect();
    json!({"stacks": stacks, "known": known, "revision": state["revision"], "run": state["run"]})
}

/// No operation was begun twice: each stack was executed once, or its token was recognised.
#[track_caller]
fn nothing_twice(world: &World) {
    let mut begun = BTreeMap::new();
    for call in world.aws.carried_out() {
        let begins = ["ExecuteChangeSet", "DeleteStack", "ContinueUpdateRollback", "RollbackStack"]
            .contains(&call.operation.as_str());
        if begins {
            *begun.entry((call.operation.clone(), call.param("StackName").to_owned())).or_insert(0) += 1;
        }
    }
    assert!(begun.values().all(|n| *n == 1), "{begun:?}\n{}", world.aws.told());
}

fn world() -> World {
    let world = World::of(before()).deployed();
    world.change(after());
    world
}

#[test]
fn a_deploy_that_is_left_is_taken_up_again() {
    let world = World::of(small_app());
    world.aws.steps_per_poll(1);
    let run = world.run("deploy --no-wait").done();
    shows!(run.out, @"
    notes → prod
    revision [commit] of notes, account 111111111111, us-east-1

    1 stack to create.

    + prod-app: create (+1)
      the stack does not exist
      + Queue  SQS::Queue

    notes → prod at [commit]

      running    prod-app      0.0 s  AWS goes on with it

    0 of 1 stack deployed in 0.0 s, 1 still running, plan [digest].
    ");
    assert_eq!(world.aws.status("prod-app"), "CREATE_IN_PROGRESS");
    assert!(world.state().expect("a state")["run"]["id"].is_string());
    let run = world.run("deploy --resume").done();
    shows!(run.out, @"
    notes → prod at [commit]

      created    prod-app      0.0 s

    1 stack deployed in 0.0 s, plan [digest].
    ");
    shows!(run.err, @"
    note: going on with the run of [time]
        0.0 s  prod-app  create
        0.0 s  prod-app  CREATE_IN_PROGRESS (AWS::CloudFormation::Stack): User Initiated
        0.0 s  prod-app  CREATE_COMPLETE (AWS::CloudFormation::Stack)
    ");
    assert_eq!(world.aws.status("prod-app"), "CREATE_COMPLETE");
    let state = world.state().expect("a state");
    assert!(state["run"].is_null() && state["revision"] == world.head().as_str(), "{state}");
    nothing_twice(&world);
}

#[test]
fn without_waiting_only_what_can_begin_begins() {
    let world = World::of(
        app()
            .stack(stack("prod-one").has("Queue", queue(30)))
            .stack(stack("prod-two").has("Queue", queue(30)).depends_on("prod-one")),
    );
    world.aws.steps_per_poll(1);
    let run = world.run("deploy --no-wait").done();
    run.says("prod-one still runs");
    world.run("deploy --resume").done();
    assert_eq!(world.aws.status("prod-two"), "CREATE_COMPLETE");
    nothing_twice(&world);
}

#[test]
fn nothing_to_resume_is_a_plain_deploy() {
    let world = World::of(small_app());
    world.run("deploy --resume").done();
    assert_eq!(world.aws.status("prod-app"), "CREATE_COMPLETE");
}

#[test]
fn a_newer_commit_is_deployed_after_the_resumed_run() {
    let world = World::of(small_app());
    world.aws.steps_per_poll(1);
    world.run("deploy --no-wait").done();
    world.change(app().stack(stack("prod-app").has("Queue", queue(60))));
    world.run("deploy --resume").done();
    assert_eq!(world.aws.status("prod-app"), "UPDATE_COMPLETE");
    assert_eq!(world.state().expect("a state")["revision"], world.head().as_str());
}

#[test]
fn a_plain_deploy_says_that_a_run_was_left() {
    let world = World::of(small_app());
    world.run("plan").done();
    world.aws.set_stuck("prod-app", true);
    world.run("deploy --no-wait").done();
    world.run("deploy").refused().says("CREATE_IN_PROGRESS");
}

#[test]
fn a_run_that_failed_while_nobody_watched_is_told_by_resume() {
    let world = World::of(small_app());
    world.aws.steps_per_poll(1);
    world.aws.fail_resource("prod-app", "Queue", "No more queues");
    world.run("deploy --no-wait").done();
    world.run("deploy --resume").failed().says("prod-app failed at Queue").says("No more queues");
    nothing_twice(&world);
}

/// How many writes an undisturbed deploy of [`after`] makes, and what it leads to.
fn undisturbed() -> (usize, Value) {
    static ONCE: OnceLock<(usize, Value)> = OnceLock::new();
    let look = || {
        let world = world();
        world.run("deploy --prune").done();
        (world.aws.writes().len(), end_state(&world))
    };
    ONCE.get_or_init(look).clone()
}

/// Kills the deploy right after its `n`-th write was carried out and before it learns of it, then resumes.
fn killed_at(n: usize, wanted: &Value) {
    let world = world();
    let run = world
        .start_until("deploy --prune", (n, |call: &crate::fake::Call| call.is_write), |pid| signal(pid, Signal::KILL))
        .end();
    assert_eq!(run.code, -1, "write {n}: it was killed");
    let run = world.run("deploy --resume --prune");
    assert_eq!(run.code, 0, "write {n}:\n{}\n{}\n{}", run.out, run.err, world.aws.told());
    assert_eq!(&end_state(&world), wanted, "write {n}:\n{}", world.aws.told());
    nothing_twice(&world);
}

#[test]
fn killed_after_any_write_it_comes_to_the_same_end() {
    let (writes, wanted) = undisturbed();
    assert!(writes > 20, "{writes}");
    // the number of writes varies by one or two with the order in which stacks end
    for n in (1..=writes - 2).filter(|n| n % 2 == 1) {
        killed_at(n, &wanted);
    }
}

#[test]
fn killed_after_any_other_write_too() {
    let (writes, wanted) = undisturbed();
    for n in (1..=writes - 2).filter(|n| n % 2 == 0) {
        killed_at(n, &wanted);
    }
}

#[test]
fn killed_while_a_stack_is_followed() {
    let (_, wanted) = undisturbed();
    for n in [1, 3, 6] {
        let world = world();
        world.aws.steps_per_poll(1);
        let polled = call("DescribeStackEvents", "");
        let run = world.start_until("deploy --prune", (n, polled), |pid| signal(pid, Signal::KILL)).end();
        assert_eq!(run.code, -1);
        world.run("deploy --resume --prune").done();
        assert_eq!(end_state(&world), wanted, "poll {n}:\n{}", world.aws.told());
        nothing_twice(&world);
    }
}

#[test]
fn killed_twice() {
    let (_, wanted) = undisturbed();
    let world = world();
    let executes = |call: &crate::fake::Call| call.operation == "ExecuteChangeSet";
    world.start_until("deploy --prune", (1, executes), |pid| signal(pid, Signal::KILL)).end();
    world.start_until("deploy --resume --prune", (2, executes), |pid| signal(pid, Signal::KILL)).end();
    world.run("deploy --resume --prune").done();
    assert_eq!(end_state(&world), wanted, "{}", world.aws.told());
    nothing_twice(&world);
}

#[test]
fn killed_in_a_recovery() {
    let world = World::of(small_app());
    world.aws.fail_resource("prod-app", "Queue", "No more queues");
    world.run("deploy").failed();
    world.aws.heal("prod-app");
    world.aws.clear_journal();
    world.start_until("deploy", (1, call("DeleteStack", "prod-app")), |pid| signal(pid, Signal::KILL)).end();
    world.run("deploy --resume").done();
    assert_eq!(world.aws.status("prod-app"), "CREATE_COMPLETE");
    nothing_twice(&world);
}

#[test]
fn killed_after_a_recovery_the_new_stack_stays() {
    let world = World::of(small_app());
    world.aws.fail_resource("prod-app", "Queue", "No more queues");
    world.run("deploy").failed();
    world.aws.heal("prod-app");
    world.aws.clear_journal();
    world.start_until("deploy", (1, call("ExecuteChangeSet", "prod-app")), |pid| signal(pid, Signal::KILL)).end();
    world.run("deploy --resume").done();
    assert_eq!(world.aws.status("prod-app"), "CREATE_COMPLETE");
    nothing_twice(&world);
}

#[test]
fn a_removal_that_was_killed_is_ended_by_another() {
    let world = World::of(before()).deployed();
    world.start_until("remove --yes", (1, call("DeleteStack", "")), |pid| signal(pid, Signal::KILL)).end();
    world.run("remove --yes").done();
    assert_eq!(world.aws.stack_names("111111111111", "us-east-1"), ["CDKToolkit"]);
    assert!(world.state().is_none());
}
