//! What is printed where: JSON that follows its schema, Markdown, quiet, colours, files, exit codes, closed pipes.

use std::process::Stdio;

use serde_json::{Value, json};

use crate::world::{World, app, queue, shows, small_app, stack, table};

/// An update with a replacement, a function and an output.
fn update() -> World {
    let with = |timeout_s, name: &str| {
        app().stack(
            stack("prod-app")
                .has("Queue", queue(timeout_s))
                .has("Notes", table(name))
                .function("Api", name)
                .output("Url", json!({"Ref": "Queue"})),
        )
    };
    let world = World::of(with(30, "notes")).deployed();
    world.change(with(60, "notes-2"));
    world
}

#[track_caller]
fn follows(world: &World, schema: &str, value: &Value) {
    let schema = world.run(&format!("schema {schema}")).done().json();
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let errors: Vec<String> = validator.iter_errors(value).map(|e| e.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}\n{value:#}");
}

#[test]
fn a_plan_follows_its_schema() {
    let world = update();
    let plan = world.plan();
    follows(&world, "plan", &plan);
    assert_eq!(plan["version"], 1);
    assert_eq!(plan["stacks"][0]["action"], "update");
    let replaced = plan["stacks"][0]["changes"]
        .as_array()
        .expect("changes")
        .iter()
        .find(|c| c["logical_id"] == "Notes")
        .expect("it");
    assert_eq!((&replaced["action"], &replaced["holds_data"]), (&json!("replace"), &json!(true)));
    assert!(plan["timings"].is_object());
}

#[test]
fn results_follow_their_schema_well_ended_or_not() {
    let world = update();
    let applied = world.run("deploy --format json").done().json();
    follows(&world, "applied", &applied);
    assert_eq!(applied["stacks"][0]["ended"], "done");
    world.change(app().stack(stack("prod-app").has("Queue", queue(90))));
    world.aws.fail_resource("prod-app", "Queue", "No more seconds");
    let applied = world.run("deploy --format json").failed().json();
    follows(&world, "applied", &applied);
    assert_eq!(applied["stacks"][0]["failure"]["logical_id"], "Queue");
    let removed = world.run("remove --yes --format json");
    follows(&world, "applied", &removed.json());
}

#[test]
fn nothing_to_do_is_json_too() {
    let world = World::of(small_app()).deployed();
    let applied = world.run("deploy --format json").done().json();
    follows(&world, "applied", &applied);
    assert_eq!(applied["stacks"][0]["ended"], "unchanged");
}

#[test]
fn the_configuration_follows_its_schema() {
    let world = World::of(small_app());
    let rules = json!({"version": 1, "apps": [{"name": "notes", "path": "cdk.out", "kind": "assembly"}], "stages": [{"name": "prod", "branch": "main"}]});
    follows(&world, "config", &rules);
}

#[test]
fn markdown_for_a_comment() {
    let world = update();
    let run = world.run("plan --format markdown").done();
    shows!(run.out, @r#"
    ### `notes` → `prod`

    **1 stack to update.** Revision `161a8233`, account `111111111111`, `us-east-1`.

    > [!CAUTION]
    > **This plan deletes data.**
    >
    > - ± `Notes` (`AWS::DynamoDB::Table`) in `prod-app` is replaced because TableName changes: the old one is deleted with its data

    | | Stack | Action | Resources | Why |
    |---|---|---|---|---|
    | 🛑 | `prod-app` | update, **deletes data** | ~2 ±1 | the template changed |

    <details><summary>~ <code>prod-app</code>: update (~2 ±1), deletes data</summary>

    | | Resource | Type | |
    |---|---|---|---|
    | ± | `Notes` | `AWS::DynamoDB::Table` | **is replaced because TableName changes: the old one is deleted with its data** |
    | ~ | `Api` | `AWS::Lambda::Function` | is modified |
    | ~ | `Queue` | `AWS::SQS::Queue` | is modified |

    ```diff
    @@ Notes @@
    - TableName: "notes"
    + TableName: "notes-2" (replaces)
    @@ Queue @@
    - VisibilityTimeout: "30"
    + VisibilityTimeout: "60"
    ```

    **Functions**

    | Function | Handler | Runtime | Size | Sources | Environment |
    |---|---|---|---|---|---|
    | `Api` | `index.handler` | `nodejs22.x` | 121 B → 123 B (+2 B) |  |  |

    </details>

    Plan `f358ef3d6103` deletes data: read it again before you deploy it. To deploy exactly this: `offshoot deploy --plan [digest]`
    "#);
    let run = world.run("deploy --format markdown").done();
    shows!(run.out, @"
    ### `notes` → `prod`

    **1 stack deployed in 0.0 s, plan [digest].** Revision `161a8233`.

    | | Stack | Result | Time | |
    |---|---|---|---|---|
    | ✅ | `prod-app` | updated | 0.0 s |  |

    | Stack | Output | Value |
    |---|---|---|
    | `prod-app` | `Url` | <https://sqs.us-east-1.amazonaws.com/111111111111/prod-app-Queue-[id]> |
    ");
}

#[test]
fn quiet_says_only_the_result() {
    let world = World::of(small_app());
    let run = world.run("plan --quiet").done();
    assert!(run.err.is_empty() && run.out.contains("1 stack to create."), "{run:?}");
    let run = world.run("deploy --quiet").done();
    assert!(run.err.is_empty(), "{}", run.err);
    shows!(run.out, @"
    notes → prod at [commit]

      created    prod-app      0.0 s

    1 stack deployed in 0.0 s, plan [digest].
    ");
}

#[test]
fn colours_are_only_where_they_are_wanted() {
    let world = World::of(small_app());
    let colours = |run: crate::world::Run| run.done().out.contains('\u{1b}');
    assert!(!colours(world.run("plan")), "not into a pipe");
    let world = world.with_env("CLICOLOR_FORCE", "1");
    assert!(colours(world.run("plan")));
    assert!(!colours(world.run("plan --no-color")));
    let world = world.with_env("NO_COLOR", "1");
    assert!(!colours(world.run("plan")));
}

#[test]
fn the_detailed_exit_code_tells_whether_there_is_something_to_do() {
    let world = World::of(small_app());
    world.run("plan").exits(0);
    world.run("plan --detailed-exitcode").exits(2);
    world.run("deploy").done();
    world.run("plan --detailed-exitcode").exits(0);
}

#[test]
fn outputs_are_written_to_a_file_and_shown() {
    let world = update();
    let file = world.path("outputs.json");
    world.run(&format!("deploy --outputs-file {}", file.display())).done();
    let written: Value = serde_json::from_str(&std::fs::read_to_string(&file).expect("the file")).expect("JSON");
    let url = world.aws.output("prod-app", "Url").expect("an output");
    assert_eq!(written, json!({"prod-app": {"Url": url}}));
    assert_eq!(world.run("outputs --format json").done().json(), written);
    world.run("outputs").done().says(&url);
    std::fs::remove_file(&file).expect("removed");
    world.run(&format!("deploy --outputs-file {}", file.display())).done();
    assert!(file.is_file(), "also when there was nothing to do");
}

#[test]
fn a_plan_is_shown_again_by_file_and_by_digest() {
    let world = update();
    let file = world.path("plan.json");
    let first = world.run(&format!("plan --out {}", file.display())).done();
    let again = world.run(&format!("show {}", file.display())).done();
    assert_eq!(first.out, again.out);
    let digest = world.digest();
    assert_eq!(world.run(&format!("show {}", &digest[..10])).done().out, first.out);
    let shown = world.run(&format!("show {} --format json", &digest[..10])).done().json();
    assert_eq!(shown["digest"], digest.as_str());
    world.run("show 00000000").wrong().says("stage prod has none of that digest");
    world.run("show nothing.json").wrong().says("there is no such file");
}

#[test]
fn stages_are_listed_by_rule_and_as_deployed() {
    let world = World::of(small_app());
    world.rules_for_two_stages();
    let world = world.deployed();
    let run = world.run("stages").done();
    shows!(run.out, @"
    app    stage    follows         revision  stacks  deployed
    notes  prod     branch main     136cf48a  1       [time]
    notes  staging  branch develop  -         0       not deployed
    ");
    let rows = world.run("stages --format json").done().json();
    assert_eq!(rows[0]["stacks"], 1);
    assert!(world.aws.writes().is_empty(), "{}", world.aws.told());
}

#[test]
fn timings_say_where_the_time_went() {
    let world = World::of(small_app());
    world.run("plan --timings").done().says("Time by step:").says("checkout");
    world.run("deploy --timings").done().says("apply");
}

#[test]
fn a_reader_that_has_gone_away_is_no_trouble() {
    let world = World::of(small_app()).deployed();
    for line in
        [vec!["plan"], vec!["plan", "--format", "json"], vec!["schema"], vec!["completions", "bash"], vec!["--help"]]
    {
        let mut child = world.command(&line).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
        drop(child.stdout.take());
        let ended = child.wait_with_output().expect("its end");
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert_eq!(ended.status.code(), Some(0), "{line:?}: {said}");
        assert!(!said.contains("panicked"), "{line:?}: {said}");
    }
}

#[test]
fn files_that_cannot_be_written_are_told() {
    let world = World::of(small_app());
    world.run("plan --out /nowhere/plan.json").failed().says("/nowhere/plan.json");
    world.run("deploy --outputs-file /dev/full").failed().says("/dev/full");
}
