//! A stack belongs to one stage: a second stage of the app that would deploy the same stack is refused.

use crate::world::{World, app, queue, shows, small_app, stack};

/// `prod` has deployed the stack; `develop`, with the same stack name, is checked out.
fn shared_name() -> World {
    let world = World::of(small_app());
    world.rules_for_two_stages();
    let world = world.deployed();
    world.switch_to("develop");
    world
}

#[test]
fn another_stage_may_not_change_it() {
    let world = shared_name();
    world.change(app().stack(stack("prod-app").has("Queue", queue(60))));
    let run = world.run("deploy").refused();
    shows!(run.err, @"
    error: planning stack prod-app for stage staging: the stack belongs to stage prod, in the same account and region
    next: put the stage into the stack's name, for example `${stage}-api` with `app.node.tryGetContext('stage')`
    ");
    world.run("plan").refused().says("belongs to stage prod");
    assert!(world.aws.writes().is_empty(), "{}", world.aws.told());
}

#[test]
fn another_stage_may_not_adopt_it_unchanged() {
    let world = shared_name();
    world.run("deploy").refused().says("belongs to stage prod");
    assert!(world.aws.writes().is_empty(), "{}", world.aws.told());
    world.run("remove --yes").done().says("Stage staging has nothing deployed");
    assert_eq!(world.aws.status("prod-app"), "CREATE_COMPLETE");
}

#[test]
fn once_it_is_removed_another_stage_may_have_the_name() {
    let world = shared_name();
    world.switch_to("main");
    world.run("remove --yes").done();
    world.switch_to("develop");
    world.run("deploy").done();
    assert_eq!(world.aws.status("prod-app"), "CREATE_COMPLETE");
}

#[test]
fn a_stack_that_another_tool_deployed_belongs_to_the_first_stage_that_takes_it() {
    let world = World::of(small_app());
    world.rules_for_two_stages();
    world.aws.seed_stack("prod-app", &stack("prod-app").has("Queue", queue(30)).template());
    world.run("deploy").done();
    world.switch_to("develop");
    world.change(app().stack(stack("prod-app").has("Queue", queue(60))));
    world.run("deploy").refused().says("belongs to stage prod");
}
