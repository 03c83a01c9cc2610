//! A stored plan whose world has moved is refused with what moved, never adjusted, and nothing is begun.

use crate::world::{Run, World, app, queue, shows, small_app, stack};

/// A deployed queue, and a stored plan that changes it, in a file outside the repository.
fn planned_update() -> World {
    let world = World::of(small_app()).deployed();
    world.change(app().stack(stack("prod-app").has("Queue", queue(60))));
    store(&world);
    world
}

fn store(world: &World) {
    let file = world.path("plan.json");
    world.run(&format!("plan --quiet --out {}", file.display())).done();
    world.aws.clear_journal();
}

fn deploy_it(world: &World) -> Run {
    world.run(&format!("deploy --plan {}", world.path("plan.json").display()))
}

#[track_caller]
fn nothing_was_begun(world: &World) {
    assert!(world.aws.writes().iter().all(|call| call.param("Key").ends_with("prod.lock")), "{}", world.aws.told());
}

#[test]
fn a_stack_that_was_updated_meanwhile() {
    let world = planned_update();
    world.aws.touch_stack("prod-app");
    let run = deploy_it(&world).refused();
    shows!(run.err, @"
    error: applying the plan of stack prod-app: the stack was updated at [time]; the plan was made against
           its update of [time]
    next: plan again and look at what changed: offshoot plan
    ");
    nothing_was_begun(&world);
}

#[test]
fn a_stack_that_was_deleted_meanwhile() {
    let world = planned_update();
    world.aws.with_stack("prod-app", |stack| stack.status = "DELETE_COMPLETE".into());
    deploy_it(&world).refused().says("the stack was deleted after the plan was made");
    nothing_was_begun(&world);
}

#[test]
fn a_stack_that_was_deleted_and_created_anew() {
    let world = planned_update();
    world.aws.with_stack("prod-app", |stack| stack.status = "DELETE_COMPLETE".into());
    world.aws.seed_stack("prod-app", &stack("prod-app").has("Queue", queue(30)).template());
    deploy_it(&world).refused().says("the stack was deleted and created anew after the plan was made");
    nothing_was_begun(&world);
}

#[test]
fn a_stack_that_somebody_else_created_meanwhile() {
    let world = World::of(small_app());
    store(&world);
    world.aws.with_stack("prod-app", |stack| stack.status = "DELETE_COMPLETE".into());
    world.aws.seed_stack("prod-app", &stack("prod-app").has("Queue", queue(90)).template());
    deploy_it(&world).refused().says("the stack was created after the plan was made");
    nothing_was_begun(&world);
}

#[test]
fn a_plan_that_was_deployed_already() {
    let world = planned_update();
    deploy_it(&world).done();
    world.aws.clear_journal();
    deploy_it(&world).refused().says("the stack was updated at").says("plan again");
    nothing_was_begun(&world);
}

#[test]
fn a_change_set_that_is_gone() {
    let world = planned_update();
    world.aws.state().change_sets.iter_mut().for_each(|set| set.gone = true);
    deploy_it(&world).refused().says("its change set is gone");
    nothing_was_begun(&world);
}

#[test]
fn a_change_set_that_cloudformation_calls_obsolete() {
    let world = planned_update();
    world.aws.with_stack("prod-app", |stack| stack.generation += 1);
    deploy_it(&world).refused().says("CloudFormation calls its change set obsolete");
    nothing_was_begun(&world);
}

#[test]
fn a_file_that_somebody_edited() {
    let world = planned_update();
    let path = world.path("plan.json");
    let text = std::fs::read_to_string(&path).expect("the plan");
    assert!(text.contains("\"recreate\": \"never\""), "{text}");
    std::fs::write(&path, text.replace("\"recreate\": \"never\"", "\"recreate\": \"always\"")).expect("edited");
    deploy_it(&world).refused().says("its content does not give its digest").says("make a new plan");
    assert!(world.aws.writes().is_empty(), "{}", world.aws.told());
}

#[test]
fn a_file_in_which_somebody_exchanged_the_role() {
    let world = planned_update();
    let path = world.path("plan.json");
    let text = std::fs::read_to_string(&path).expect("the plan");
    assert!(text.contains("cdk-hnb659fds-cfn-exec-role"), "{text}");
    std::fs::write(&path, text.replace("cdk-hnb659fds-cfn-exec-role", "administrator")).expect("edited");
    deploy_it(&world).refused().says("its content does not give its digest");
    assert!(world.aws.writes().is_empty(), "{}", world.aws.told());
}

#[test]
fn a_file_in_which_somebody_exchanged_the_change_set() {
    let world = planned_update();
    let path = world.path("plan.json");
    let text = std::fs::read_to_string(&path).expect("the plan");
    let other = text.replace(":changeSet/offshoot-", ":changeSet/another-");
    assert_ne!(text, other);
    std::fs::write(&path, other).expect("edited");
    deploy_it(&world).refused().says("its content does not give its digest");
    assert!(world.aws.writes().is_empty(), "{}", world.aws.told());
}

#[test]
fn a_file_that_is_no_plan() {
    let world = World::of(small_app());
    std::fs::write(world.path("plan.json"), "{}").expect("written");
    deploy_it(&world).wrong().says("missing field").says("make a new one: offshoot plan --out FILE");
}

#[test]
fn a_plan_of_a_newer_offshoot() {
    let world = planned_update();
    let path = world.path("plan.json");
    let text = std::fs::read_to_string(&path).expect("the plan").replacen("\"version\": 1", "\"version\": 2", 1);
    std::fs::write(&path, text).expect("edited");
    deploy_it(&world).wrong().says("it has format version 2, this offshoot reads 1");
}

#[test]
fn a_plan_of_another_stage() {
    let world = World::of(small_app());
    world.rules_for_two_stages();
    store(&world);
    world.switch_to("develop");
    let run = deploy_it(&world).refused();
    run.says("it is of stage prod, this is stage staging").says("name the right stage with --stage");
    assert!(world.aws.writes().is_empty(), "{}", world.aws.told());
}

#[test]
fn a_stage_that_was_deployed_while_the_plan_was_made() {
    let world = World::of(small_app()).deployed();
    world.change(app().stack(stack("prod-app").has("Queue", queue(60))));
    let state = world.state().expect("a state");
    world.aws.clear_journal();
    let moved = {
        let mut moved = state.clone();
        moved["updated"] = "2026-01-01T00:00:00Z".into();
        moved
    };
    let shared = world.aws.state.clone();
    world.aws.after(1, crate::world::call("CreateChangeSet", "prod-app"), move || {
        let mut state = shared.lock().expect("the state");
        let bucket = state.s3.buckets.get_mut(crate::world::BUCKET).expect("the bucket");
        let object = bucket.objects.get_mut("offshoot/notes/notes/prod.json").expect("the state");
        object.body = moved.to_string().into_bytes();
        object.etag = "\"moved\"".into();
    });
    world.run("deploy").refused().says("another run deployed this stage while the plan was made");
    assert!(world.aws.calls("cloudformation", "ExecuteChangeSet").is_empty());
    assert!(world.object("prod.lock").is_none(), "the lock is given back");
}
