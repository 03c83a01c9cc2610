//! `deploy --fast`: code alone goes straight to Lambda; anything else is refused; the next full deploy settles it.

use crate::fake::{ACCOUNT, REGION};
use crate::world::{World, app, queue, shows, stack};

fn with(code: &str) -> crate::world::App {
    app().stack(stack("prod-app").has("Queue", queue(30)).function("Api", code))
}

/// What Lambda runs as `Api`.
fn running_code(world: &World) -> String {
    let name = world.aws.stack("prod-app").expect("it").body.resources["Api"].physical.clone();
    let zip = world.aws.function(ACCOUNT, REGION, &name).expect("the function").code;
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(zip)).expect("a zip");
    std::io::read_to_string(archive.by_name("index.js").expect("the file")).expect("its text")
}

#[test]
fn code_goes_straight_to_lambda() {
    let world = World::of(with("one")).deployed();
    world.change(with("two"));
    let run = world.run("deploy --fast").done();
    shows!(run.out, @"
    notes → prod at [commit]

      updated    prod-app      0.0 s

    note: only function code was updated; the next full deploy brings CloudFormation in line

    1 stack deployed.
    ");
    assert_eq!(running_code(&world), "two");
    let cloudformation = world.aws.writes().into_iter().filter(|call| call.service == "cloudformation").count();
    assert_eq!(cloudformation, 0, "{}", world.aws.told());
    assert_eq!(world.state().expect("a state")["stacks"]["prod-app"]["fast"]["Api"], crate::world::code_hash("two"));
}

#[test]
fn more_than_code_is_refused_before_anything_is_written() {
    let world = World::of(with("one")).deployed();
    world.change(app().stack(stack("prod-app").has("Queue", queue(60)).function("Api", "two")));
    let run = world.run("deploy --fast").refused();
    shows!(run.err, @"
    error: deploying stack prod-app fast: more than function code changed: Queue
    next: deploy without --fast
    ");
    assert_eq!(running_code(&world), "one");
    assert!(world.aws.calls("lambda", "UpdateFunctionCode").is_empty());
    assert!(world.object("prod.lock").is_none(), "the lock is given back");
}

#[test]
fn a_protected_stage_is_refused() {
    let world = World::of(with("one")).with_rule("protect: true").deployed();
    world.change(with("two"));
    world.run("deploy --fast").refused().says("the stage is protected").says("deploy without --fast");
    assert!(world.aws.writes().is_empty(), "{}", world.aws.told());
}

#[test]
fn a_stage_with_review_is_refused() {
    let world = World::of(with("one")).deployed().with_rule("apply: approved");
    world.change(with("two"));
    world.run("deploy --fast").refused().says("its rule is `apply: approved`, so every change is reviewed");
}

#[test]
fn a_stack_that_does_not_exist_is_refused() {
    let world = World::of(with("one"));
    world.run("deploy --fast").refused().says("the stack does not exist yet").says("deploy it once without --fast");
}

#[test]
fn the_next_full_deploy_brings_cloudformation_in_line() {
    let world = World::of(with("one")).deployed();
    world.change(with("two"));
    world.run("deploy --fast").done();
    world.run("deploy").done();
    assert_eq!(running_code(&world), "two");
    assert!(world.state().expect("a state")["stacks"]["prod-app"]["fast"].is_null());
    world.aws.clear_journal();
    world.run("plan --detailed-exitcode").done();
    assert!(world.aws.writes().is_empty(), "{}", world.aws.told());
}

#[test]
fn going_back_to_the_deployed_template_puts_the_code_back() {
    let world = World::of(with("one")).deployed();
    world.change(with("two"));
    world.run("deploy --fast").done();
    world.change(with("one"));
    world.run("plan").done().says("function code was deployed with --fast and is put right");
    world.run("deploy").done();
    assert_eq!(running_code(&world), "one");
    assert!(world.state().expect("a state")["stacks"]["prod-app"]["fast"].is_null());
}

#[test]
fn code_is_put_back_beside_a_change_set_too() {
    let world = World::of(with("one")).deployed();
    world.change(with("two"));
    world.run("deploy --fast").done();
    world.change(app().stack(stack("prod-app").has("Queue", queue(60)).function("Api", "one")));
    world.run("deploy").done();
    assert_eq!(running_code(&world), "one");
    assert!(world.state().expect("a state")["stacks"]["prod-app"]["fast"].is_null());
}

#[test]
fn a_second_fast_deploy_of_the_same_code_does_nothing() {
    let world = World::of(with("one")).deployed();
    world.change(with("two"));
    world.run("deploy --fast").done();
    world.aws.clear_journal();
    world.run("deploy --fast").done();
    assert!(world.aws.calls("lambda", "UpdateFunctionCode").is_empty(), "{}", world.aws.told());
}

#[test]
fn a_function_that_is_being_updated_is_waited_for() {
    let world = World::of(with("one")).deployed();
    world.change(with("two"));
    let name = world.aws.stack("prod-app").expect("it").body.resources["Api"].physical.clone();
    world.aws.function_busy(ACCOUNT, REGION, &name, 5);
    world.run("deploy --fast").done();
    assert_eq!(running_code(&world), "two");
}
