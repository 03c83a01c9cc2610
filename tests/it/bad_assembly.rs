//! Assemblies that cannot be deployed: what is wrong in them is told before AWS is written to.

use serde_json::json;

use crate::world::{World, app, queue, shows, small_app, stack};

/// The small app, with one of its files spoilt.
fn with_file(name: &str, text: &str) -> World {
    let world = World::of(small_app());
    world.write(&format!("cdk.out/{name}"), text);
    world.save();
    world
}

#[track_caller]
fn nothing_was_written(world: &World) {
    assert!(world.aws.writes().is_empty(), "{}", world.aws.told());
}

#[test]
fn a_manifest_that_is_no_json() {
    let world = with_file("manifest.json", "{ \"version\": ");
    let run = world.run("plan").failed();
    shows!(run.err, @"
    error: reading the cloud assembly: this is not what an assembly holds here: EOF while parsing a value
      at [world]/notes/cdk.out/manifest.json:1:13
    next: run the app's own synth and look at what it writes; delete its output folder if it is half written
    ");
    nothing_was_written(&world);
}

#[test]
fn a_manifest_of_another_shape() {
    let world = with_file("manifest.json", "{ \"version\": \"48.0.0\", \"artifacts\": [] }");
    world.run("plan").failed().says("manifest.json").says("this is not what an assembly holds here");
}

#[test]
fn no_manifest_at_all() {
    let world = World::of(small_app());
    std::fs::remove_file(world.repository().join("cdk.out/manifest.json")).expect("removed");
    world.save();
    let run = world.run("plan").failed();
    shows!(run.err, @"
    error: reading the cloud assembly: [world]/notes/cdk.out/cdk.out/manifest.json cannot be read
      because: reading the assembly: [world]/notes/cdk.out/cdk.out/manifest.json: No such file or directory (os
               error 2)
    next: the app has to call app.synth(), or run to its end; check the `app` command in cdk.json
    ");
    nothing_was_written(&world);
}

#[test]
fn a_template_that_is_missing() {
    let world = World::of(small_app());
    std::fs::remove_file(world.repository().join("cdk.out/prod-app.template.json")).expect("removed");
    world.save();
    world.run("plan").failed().says("prod-app.template.json");
    nothing_was_written(&world);
}

#[test]
fn a_template_that_is_no_template() {
    let world = with_file("prod-app.template.json", "{ \"Resources\": ");
    world.run("plan").failed().says("template");
    nothing_was_written(&world);
}

#[test]
fn a_newer_schema_is_a_warning() {
    let world = World::of(small_app().schema("99.0.0"));
    let run = world.run("plan").done();
    shows!(run.out, @"
    notes → prod
    revision [commit] of notes, account 111111111111, us-east-1

    1 stack to create.

    + prod-app: create (+1)
      the stack does not exist
      + Queue  SQS::Queue

    note: the app's CDK library writes assembly schema 99.0.0, newer than the 55 this version of Offshoot knows; what is new
          in it is ignored

    Plan [digest] is not deployed yet. To deploy exactly this:
      offshoot deploy --plan [digest]
    ");
}

#[test]
fn a_path_outside_the_assembly() {
    let world = World::of(small_app());
    let path = world.repository().join("cdk.out/prod-app.assets.json");
    let text = std::fs::read_to_string(&path).expect("the assets");
    world.write("cdk.out/prod-app.assets.json", &text.replace("\"prod-app.template.json\"", "\"../../secret\""));
    world.save();
    let run = world.run("plan").failed();
    shows!(run.err, @"
    error: reading the cloud assembly: [world]/notes/cdk.out/prod-app.assets.json names ../../secret, which lies
           outside the assembly
    next: let the app copy its assets into its output folder (asset staging must not be disabled)
    ");
    nothing_was_written(&world);
}

#[test]
fn context_that_the_app_misses() {
    let world = World::of(small_app().misses("availability-zones:account=111111111111:region=us-east-1"));
    let run = world.run("plan").failed();
    shows!(run.err, @"
    error: reading the assembly: 1 context values are missing, first
           availability-zones:account=111111111111:region=us-east-1
    next: run `npx cdk synth` once with credentials and commit cdk.context.json
    ");
    nothing_was_written(&world);
}

#[test]
fn an_error_that_the_app_reports() {
    let world = World::of(
        app().stack(stack("prod-app").has("Queue", queue(30)).reports("error", "The queue must be encrypted")),
    );
    let run = world.run("plan").failed();
    shows!(run.err, @"
    error: reading the assembly: the app reports an error: prod-app: The queue must be encrypted
    next: correct it in the app; constructs report such errors with Annotations.addError
    ");
    nothing_was_written(&world);
}

#[test]
fn a_warning_that_the_app_reports() {
    let world = World::of(
        app().stack(stack("prod-app").has("Queue", queue(30)).reports("warning", "The queue is not encrypted")),
    );
    world.run("plan").done().says("The queue is not encrypted");
}

#[test]
fn an_app_without_stacks() {
    let world = World::of(app());
    world.run("plan").failed().says("the app has no stacks");
    nothing_was_written(&world);
}

#[test]
fn stacks_that_depend_on_each_other_in_a_circle() {
    let one = stack("prod-one").has("Queue", queue(30)).depends_on("prod-two");
    let world = World::of(app().stack(one).stack(stack("prod-two").has("Queue", queue(30)).depends_on("prod-one")));
    let run = world.run("plan").failed();
    shows!(run.err, @"
    error: ordering the app's stacks: these stacks depend on each other in a circle: prod-one, prod-two
    next: remove one of the dependencies between them (addDependency, or a reference across stacks)
    ");
    nothing_was_written(&world);
}

#[test]
fn a_template_that_cloudformation_finds_malformed() {
    let topic = json!({"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": {"Ref": "Nothing"}}});
    let world = World::of(app().stack(stack("prod-app").has("News", topic)));
    world.run("plan").failed().says("Unresolved resource dependencies [Nothing]");
}

#[test]
fn a_container_image_is_not_published_yet() {
    let world = World::of(small_app());
    let path = world.repository().join("cdk.out/prod-app.assets.json");
    let mut assets: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(&path).expect("it")).expect("JSON");
    assets["dockerImages"]["abc"] = json!({"source": {"directory": "asset.abc"}, "destinations": {"here": {"repositoryName": "r", "imageTag": "abc"}}});
    world.write("cdk.out/prod-app.assets.json", &assets.to_string());
    world.save();
    world.run("plan").failed().says("has to be built with docker").says("npx cdk publish-assets");
    nothing_was_written(&world);
}
