//! Stacks that the app no longer has: shown as danger, kept unless somebody allows their deletion, deleted in order.

use serde_json::json;

use crate::world::{World, app, queue, shows, stack, table};

fn whole() -> crate::world::App {
    let data = stack("prod-data").has("Notes", table("notes")).exports("Notes", json!({"Ref": "Notes"}));
    app()
        .stack(data)
        .stack(stack("prod-api").imports("News", "Notes").depends_on("prod-data"))
        .stack(stack("prod-web").has("Queue", queue(30)))
}

/// Everything was deployed; the app now has only `prod-web`.
fn shrunk() -> World {
    let world = World::of(whole()).deployed();
    world.change(app().stack(stack("prod-web").has("Queue", queue(30))));
    world
}

#[test]
fn they_are_shown_as_danger() {
    let world = shrunk();
    let run = world.run("plan").done();
    shows!(run.out, @"
    notes → prod
    revision [commit] of notes, account 111111111111, us-east-1

    2 stacks to delete, 1 unchanged.

    DANGER: this plan deletes data and 2 stacks
      - stack prod-data is deleted with 1 resource
      - Notes (AWS::DynamoDB::Table) in prod-data is deleted with its data

    Replaced or removed
      - stack prod-api is deleted with 1 resource

    - prod-api: delete (-1)
      the app no longer has this stack; it is deleted with --prune
      - News  SNS::Topic  deleted

    - prod-data: delete (-1)
      the app no longer has this stack; it is deleted with --prune
      - Notes  DynamoDB::Table  deleted, loses data

    = unchanged: prod-web

    Plan [digest] deletes data and 2 stacks: read it again before you deploy it. To deploy exactly this:
      offshoot deploy --plan [digest] --prune
    ");
}

#[test]
fn they_are_kept_unless_somebody_says_prune() {
    let world = shrunk();
    let run = world.run("deploy").done();
    shows!(run.out, @"
    notes → prod
    revision [commit] of notes, account 111111111111, us-east-1

    2 stacks to delete, 1 unchanged.

    DANGER: this plan deletes data and 2 stacks
      - stack prod-data is deleted with 1 resource
      - Notes (AWS::DynamoDB::Table) in prod-data is deleted with its data

    Replaced or removed
      - stack prod-api is deleted with 1 resource

    - prod-api: delete (-1)
      the app no longer has this stack; it is deleted with --prune
      - News  SNS::Topic  deleted

    - prod-data: delete (-1)
      the app no longer has this stack; it is deleted with --prune
      - Notes  DynamoDB::Table  deleted, loses data

    = unchanged: prod-web

    notes → prod at [commit]

      skipped    prod-api              kept: --prune was not given
      skipped    prod-data             kept: --prune was not given
      unchanged  prod-web

    0 of 2 stacks removed in 0.0 s, 2 skipped, 1 unchanged, plan [digest].
    ");
    assert_eq!(world.aws.status("prod-data"), "CREATE_COMPLETE");
    assert!(world.state().expect("a state")["stacks"]["prod-data"].is_object(), "still the stage's");
}

#[test]
fn with_prune_they_are_deleted_users_first() {
    let world = shrunk();
    world.run("deploy --prune").done().says("prod-api").says("prod-data");
    let deleted: Vec<String> =
        world.aws.calls("cloudformation", "DeleteStack").iter().map(|c| c.param("StackName").to_owned()).collect();
    assert!(deleted.len() == 2 && deleted[0].contains("prod-api") && deleted[1].contains("prod-data"), "{deleted:?}");
    let state = world.state().expect("a state");
    assert_eq!(state["stacks"].as_object().map(|s| s.len()), Some(1), "{state}");
    assert_eq!(world.aws.stack_names("111111111111", "us-east-1"), ["CDKToolkit", "prod-web"]);
    world.aws.clear_journal();
    world.run("deploy --prune").done();
    assert!(world.aws.writes().is_empty(), "{}", world.aws.told());
}

#[test]
fn a_rule_can_allow_it_always() {
    let world = World::of(whole()).with_rule("prune: always").deployed();
    world.change(app().stack(stack("prod-web").has("Queue", queue(30))));
    world.run("deploy").done();
    assert_eq!(world.aws.stack_names("111111111111", "us-east-1"), ["CDKToolkit", "prod-web"]);
}

#[test]
fn nothing_is_deleted_when_an_update_failed() {
    let world = World::of(whole()).deployed();
    world.change(app().stack(stack("prod-web").has("Queue", queue(60))));
    world.aws.fail_resource("prod-web", "Queue", "No more seconds");
    world.run("deploy --prune").failed().says("No more seconds");
    assert!(world.aws.calls("cloudformation", "DeleteStack").is_empty());
}

#[test]
fn a_stack_that_is_gone_already_is_forgotten() {
    let world = shrunk();
    world.aws.with_stack("prod-api", |stack| stack.status = "DELETE_COMPLETE".into());
    world.run("plan").done().says_nothing_of("prod-api");
    world.run("deploy --prune").done();
    assert_eq!(world.aws.stack_names("111111111111", "us-east-1"), ["CDKToolkit", "prod-web"]);
    let state = world.state().expect("a state");
    assert_eq!(state["stacks"].as_object().map(|s| s.len()), Some(1), "{state}");
}
