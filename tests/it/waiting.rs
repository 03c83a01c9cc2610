//! Stacks whose change set can only be made once another stack is deployed: they wait, and then do what was shown.

use serde_json::json;

use crate::world::{World, app, queue, shows, stack, topic};

fn exporting(name: &str) -> crate::world::app::Stack {
    stack("prod-data").has("Queue", queue(30)).exports(name, json!({"Ref": "Queue"}))
}

#[test]
fn an_import_of_a_new_export_waits_for_it() {
    let world = World::of(
        app().stack(exporting("Queue")).stack(stack("prod-api").imports("News", "Queue").depends_on("prod-data")),
    );
    let plan = world.plan();
    assert_eq!(plan["stacks"][1]["waits_for"], json!(["prod-data"]));
    assert!(plan["stacks"][1]["change_set"].is_null());
    world.run("deploy").done();
    let name = world.aws.stack("prod-api").expect("it").body.resources["News"].properties["DisplayName"].clone();
    assert!(name.as_str().is_some_and(|name| name.contains("prod-data-Queue")), "{name}");
}

#[test]
fn an_import_of_an_export_that_is_there_does_not_wait() {
    let world = World::of(app().stack(exporting("Queue"))).deployed();
    world.change(
        app().stack(exporting("Queue")).stack(stack("prod-api").imports("News", "Queue").depends_on("prod-data")),
    );
    let plan = world.plan();
    assert!(plan["stacks"][1]["change_set"].is_string(), "{plan}");
}

#[test]
fn an_export_that_nobody_exports_fails_with_its_name() {
    let world = World::of(app().stack(stack("prod-api").imports("News", "Nobody")));
    let run = world.run("plan --quiet").failed();
    shows!(run.err, @"
    error: creating a change set for stack prod-api: No export named Nobody found
    next: correct the app, then plan again; CloudFormation's own words are above
    ");
}

#[test]
fn what_waited_shows_no_more_than_was_reviewed() {
    let named = |text: serde_json::Value| json!({"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": text}});
    let data = || stack("prod-data").has("Queue", queue(30));
    let api = |text| stack("prod-api").has("News", named(text)).depends_on("prod-data");
    let world = World::of(app().stack(data()).stack(api(json!("news")))).deployed();
    world.aws.set_recreation("AWS::SNS::Topic", "DisplayName", "Always");
    world.change(app().stack(exporting("Queue")).stack(api(json!({"Fn::ImportValue": "Queue"}))));
    let run = world.run("deploy").failed();
    shows!(run.out, @r#"
    notes → prod
    revision [commit] of notes, account 111111111111, us-east-1

    2 stacks to update.

    ~ prod-data: update
      the template changed
      Outputs
        + ExportQueue  ${Queue}

    ~ prod-api: update (~1)
      the template changed
      waits for what prod-data will export; until then these changes are read from the templates
      ~ News  SNS::Topic
          DisplayName  "news" → ${import Queue}

    notes → prod at [commit]

      updated    prod-data      0.0 s
      failed     prod-api       0.0 s

    prod-api failed
      reason: applying the plan of stack prod-api: CloudFormation would now also replace News (AWS::SNS::Topic), which the
              plan did not show
      state:  as it was
      next:   plan again and look at what changed: offshoot plan

    Outputs
      prod-data.ExportQueue  https://sqs.us-east-1.amazonaws.com/111111111111/prod-data-Queue-[id]

    1 of 2 stacks deployed in 0.0 s, 1 failed, plan [digest].
    "#);
    assert_eq!(world.aws.status("prod-api"), "CREATE_COMPLETE");
    let left = world.aws.change_sets();
    assert!(left.iter().all(|set| set.ends_with("EXECUTE_COMPLETE")), "the one with the surprise is deleted: {left:?}");
}

#[test]
fn a_change_set_that_fails_after_the_wait_is_a_failure_of_that_stack_alone() {
    let world = World::of(
        app()
            .stack(exporting("Queue"))
            .stack(stack("prod-api").imports("News", "Queue").depends_on("prod-data"))
            .stack(stack("prod-web").has("News", topic())),
    );
    world.aws.fail_change_set("prod-api", "Template error: something else");
    world.run("deploy").failed().says("Template error: something else");
    assert_eq!(world.aws.status("prod-data"), "CREATE_COMPLETE");
    assert_eq!(world.aws.status("prod-web"), "CREATE_COMPLETE");
}
