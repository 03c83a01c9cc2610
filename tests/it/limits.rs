//! CloudFormation's limits: told before anything is uploaded, or worked around.

use serde_json::json;

use crate::world::{World, app, queue, shows, small_app, stack};

#[test]
fn five_hundred_and_one_resources() {
    let many = (0..501).fold(stack("prod-app"), |stack, n| stack.has(&format!("Queue{n}"), queue(30)));
    let world = World::of(app().stack(many));
    let run = world.run("plan").failed();
    shows!(run.err, @"
    error: checking the template of prod-app: it has 501 resources; CloudFormation takes 500
    next: split the stack: move part of it into a stack of its own or into a nested stack
    ");
    assert!(world.aws.writes().is_empty(), "{}", world.aws.told());
}

#[test]
fn more_than_a_megabyte() {
    let world = World::of(app().stack(stack("prod-app").has("Queue", queue(30)).section(
        "Metadata",
        "Long",
        json!("x".repeat(1_000_000)),
    )));
    let run = world.run("plan").failed();
    run.says("CloudFormation takes 1000000").says("split the stack");
    assert!(world.aws.writes().is_empty(), "{}", world.aws.told());
}

#[test]
fn too_many_outputs() {
    let many = (0..201)
        .fold(stack("prod-app").has("Queue", queue(30)), |stack, n| stack.output(&format!("Output{n}"), json!("x")));
    let world = World::of(app().stack(many));
    world.run("plan").failed().says("it has 201 outputs; CloudFormation takes 200");
}

#[test]
fn the_limit_of_change_sets_is_made_room_for() {
    let with = |timeout_s| app().stack(stack("prod-app").has("Queue", queue(timeout_s)));
    let world = World::of(with(30)).deployed();
    world.aws.change_set_limit(4);
    for timeout_s in [31, 32, 33, 34, 35, 36] {
        world.change(with(timeout_s));
        world.run("plan").done();
    }
    assert!(world.aws.change_sets().len() <= 4, "{:?}", world.aws.change_sets());
    assert!(!world.aws.calls("cloudformation", "DeleteChangeSet").is_empty());
    world.run("deploy").done();
}

#[test]
fn change_sets_of_others_are_not_thrown_away_for_it() {
    let world = World::of(small_app()).deployed();
    world.aws.change_set_limit(1);
    world.aws.state().change_sets.iter_mut().for_each(|set| set.name = "theirs".into());
    world.change(app().stack(stack("prod-app").has("Queue", queue(60))));
    let run = world.run("plan --quiet").failed();
    shows!(run.err, @"
    error: creating a change set for stack prod-app: LimitExceededException: ChangeSet limit exceeded for stack
           arn:aws:cloudformation:us-east-1:111111111111:stack/prod-app/[uuid]
    ");
    assert_eq!(world.aws.change_sets().len(), 1);
}
