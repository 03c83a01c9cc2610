//! Deploys: from a commit to stacks, in the order they need, and what is known of the stage afterwards.

use crate::world::{BUCKET, World, app, queue, shows, small_app, stack, topic};
use offshoot::pipeline::{archive, reading};
use serde_json::json;

#[test]
fn a_first_deploy_creates_everything_and_remembers_it() {
    let world = World::of(small_app());
    let run = world.run("deploy").done();
    shows!(run.out, @"
    notes → prod
    revision [commit] of notes, account 111111111111, us-east-1

    1 stack to create.

    + prod-app: create (+1)
      the stack does not exist
      + Queue  SQS::Queue

    notes → prod at [commit]

      created    prod-app      0.0 s

    1 stack deployed in 0.0 s, plan [digest].
    ");
    shows!(run.err, @"
    · publishing 1 asset
    · creating change sets for 1 stack
        0.0 s  prod-app  create
        0.0 s  prod-app  CREATE_IN_PROGRESS (AWS::CloudFormation::Stack): User Initiated
        0.0 s  prod-app  CREATE_COMPLETE (AWS::CloudFormation::Stack)
    ");
    assert_eq!(world.aws.status("prod-app"), "CREATE_COMPLETE");
    let state = world.state().expect("a state");
    assert_eq!(state["revision"], world.head().as_str());
    assert_eq!(state["stacks"]["prod-app"]["region"], "us-east-1");
    assert!(state["run"].is_null(), "{state}");
    assert!(world.object("prod.lock").is_none(), "the lock is given back");
}

#[test]
fn stacks_are_deployed_in_the_order_they_depend_on_each_other() {
    let data = stack("prod-data").has("Queue", queue(30)).exports("Queue", json!({"Ref": "Queue"}));
    let api = stack("prod-api").imports("News", "Queue").depends_on("prod-data");
    let world = World::of(app().stack(api).stack(data).stack(stack("prod-web").has("News", topic())));
    let run = world.run("deploy").done();
    shows!(run.out, @"
    notes → prod
    revision [commit] of notes, account 111111111111, us-east-1

    3 stacks to create.

    + prod-data: create (+1)
      the stack does not exist
      + Queue  SQS::Queue
      Outputs
        + ExportQueue  ${Queue}

    + prod-api: create (+1)
      the stack does not exist
      waits for what prod-data will export; until then these changes are read from the templates
      + News  SNS::Topic

    + prod-web: create (+1)
      the stack does not exist
      + News  SNS::Topic

    notes → prod at [commit]

      created    prod-data      0.0 s
      created    prod-api       0.0 s
      created    prod-web       0.0 s

    Outputs
      prod-data.ExportQueue  https://sqs.us-east-1.amazonaws.com/111111111111/prod-data-Queue-[id]

    3 stacks deployed in 0.0 s, plan [digest].
    ");
    let executed: Vec<String> =
        world.aws.calls("cloudformation", "ExecuteChangeSet").iter().map(|c| c.param("StackName").to_owned()).collect();
    let place = |name: &str| executed.iter().position(|s| s == name);
    assert!(place("prod-data") < place("prod-api"), "{executed:?}");
}

#[test]
fn independent_stacks_are_deployed_side_by_side() {
    let world = World::of((0..4).fold(app(), |app, n| app.stack(stack(&format!("prod-{n}")).has("Queue", queue(30)))));
    world.aws.steps_per_poll(1);
    world.run("deploy").done().says("4 stacks deployed");
    let journal = world.aws.journal();
    let last_begin = journal.iter().rposition(|c| c.operation == "ExecuteChangeSet").expect("an execution");
    let first_end = journal.iter().position(|c| {
        c.operation == "PutObject" && c.param("Key").ends_with("prod.json") && c.number > journal[last_begin].number
    });
    assert!(first_end.is_some_and(|end| end > last_begin), "{}", world.aws.told());
}

#[test]
fn functions_are_published_once_and_only_when_they_are_not_there() {
    let world = World::of(app().stack(stack("prod-app").function("Api", "one").function("Job", "two")));
    world.run("deploy").done();
    let is_asset = |key: &str| key.ends_with(".zip") && !key.starts_with("offshoot/");
    let uploads =
        |world: &World| world.aws.calls("s3", "PutObject").iter().filter(|c| is_asset(c.param("Key"))).count();
    assert_eq!(uploads(&world), 2);
    world.aws.clear_journal();
    world.change(app().stack(stack("prod-app").function("Api", "one").function("Job", "three")));
    world.run("deploy").done();
    assert_eq!(uploads(&world), 1, "{}", world.aws.told());
}

#[test]
fn the_zip_that_is_published_holds_the_code() {
    let world = World::of(app().stack(stack("prod-app").function("Api", "exports.handler = () => 42")));
    world.run("deploy").done();
    let key = format!("{}.zip", crate::world::code_hash("exports.handler = () => 42"));
    let state = world.aws.state();
    let zip = &state.s3.buckets["cdk-hnb659fds-assets-111111111111-us-east-1"].objects[&key].body;
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(zip)).expect("a zip");
    let code = std::io::read_to_string(archive.by_name("index.js").expect("the file")).expect("its text");
    assert_eq!(code, "exports.handler = () => 42");
}

#[test]
fn tags_parameters_roles_and_protection_reach_cloudformation() {
    let with = stack("prod-app")
        .has("Queue", queue(30))
        .tag("team", "notes")
        .parameter("Size", json!({"Type": "String"}), Some("small"))
        .protected_from_termination();
    let world = World::of(app().stack(with)).with_rule("tags: { owner: platform }");
    world.run("deploy").done();
    let stack = world.aws.stack("prod-app").expect("the stack");
    assert_eq!(
        stack.body.tags.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>(),
        ["owner=platform", "team=notes"]
    );
    assert_eq!(stack.body.parameters["Size"].value, "small");
    assert!(stack.termination_protection);
    let role = "arn:aws:iam::111111111111:role/cdk-hnb659fds-cfn-exec-role-111111111111-us-east-1";
    assert_eq!(stack.body.role.as_deref(), Some(role));
    world.aws.clear_journal();
    world.run("plan --detailed-exitcode").done();
    assert!(world.aws.writes().is_empty(), "{}", world.aws.told());
}

#[test]
fn a_parameter_without_a_value_of_the_app_keeps_the_deployed_one() {
    let with = |timeout_s| {
        let size = json!({"Type": "String", "Default": "small"});
        app().stack(stack("prod-app").has("Queue", queue(timeout_s)).parameter("Size", size, None))
    };
    let world = World::of(with(30)).deployed();
    world.aws.with_stack("prod-app", |stack| stack.body.parameters.get_mut("Size").expect("it").value = "large".into());
    world.change(with(60));
    world.run("deploy").done();
    assert_eq!(world.aws.stack("prod-app").expect("it").body.parameters["Size"].value, "large");
}

#[test]
fn a_stored_plan_is_executed_as_it_was_reviewed() {
    let world = World::of(small_app());
    world.run("plan --out plan.json --quiet").done();
    std::fs::rename(world.repository().join("plan.json"), world.path("plan.json")).expect("moved");
    world.aws.clear_journal();
    let file = world.path("plan.json");
    world.run(&format!("deploy --plan {}", file.display())).done();
    assert!(world.aws.calls("cloudformation", "CreateChangeSet").is_empty(), "{}", world.aws.told());
    assert_eq!(world.aws.status("prod-app"), "CREATE_COMPLETE");
}

#[test]
fn a_stored_plan_is_found_by_the_first_digits_of_its_digest() {
    let world = World::of(small_app());
    let digest = world.digest();
    world.run(&format!("deploy --plan {}", &digest[..8])).done().says("1 stack deployed");
    world.run("deploy --plan 0123456789").wrong().says("stage prod has none of that digest").says("offshoot plan");
    world.run("deploy --plan nowhere.json").wrong().says("there is no such file");
}

#[test]
fn a_branch_of_a_repository_elsewhere_is_deployed_from_its_address() {
    let world = World::of(small_app());
    world.rules_for_two_stages();
    world.switch_to("develop");
    world.change(app().stack(stack("staging-app").has("Queue", queue(30))));
    let run = world.run_elsewhere("deploy --branch develop --repo");
    run.done().says("→ staging");
    assert_eq!(world.aws.status("staging-app"), "CREATE_COMPLETE");
    assert_eq!(world.aws.status("prod-app"), "");
}

#[test]
fn a_stage_of_another_branch_is_refused() {
    let world = World::of(small_app());
    world.rules_for_two_stages();
    world.run("deploy --stage staging").refused().says("stage staging is not made from branch main");
    assert!(world.aws.journal().is_empty());
}

#[test]
fn the_state_says_what_the_stage_ran_and_until_when_it_lives() {
    let world = World::of(small_app()).with_rule("expires: 2d").deployed();
    let first = world.head();
    let begun = jiff::Timestamp::now();
    let state = world.state().expect("a state");
    let expires: jiff::Timestamp = state["expires"].as_str().expect("a time").parse().expect("RFC 3339");
    let hours = expires.duration_since(begun).as_hours();
    assert!((47..=48).contains(&hours), "{hours}");
    assert_eq!(state["history"].as_array().map(Vec::len), Some(1));

    world.write("README.md", "Nothing to go back to.");
    world.save();
    world.run("deploy").done();
    assert_eq!(world.state().expect("a state")["history"].as_array().map(Vec::len), Some(1));

    world.change(app().stack(stack("prod-app").has("Queue", queue(31))));
    world.run("deploy").done();
    let state = world.state().expect("a state");
    let revisions: Vec<&str> =
        state["history"].as_array().expect("a list").iter().filter_map(|p| p["revision"].as_str()).collect();
    assert_eq!(revisions, [world.head(), first]);
}

#[test]
fn what_a_review_has_written_into_the_state_stays() {
    let world = World::of(small_app()).deployed();
    let mut state = world.state().expect("a state");
    state["pull"] = json!(7);
    state["expires"] = json!("2099-01-01T00:00:00Z");
    world.put_object("prod.json", &state);
    world.write("offshoot.yml", "version: 1\napps:\n  - { name: notes, path: cdk.out, kind: assembly }\nstages:\n  - { name: prod, branch: main, expires: 2d }\n");
    world.change(app().stack(stack("prod-app").has("Queue", queue(31))));
    world.run("deploy").done();
    let after = world.state().expect("a state");
    for name in ["pull", "expires"] {
        assert_eq!(after[name], state[name], "{name}");
    }
    assert_eq!(after["made_from"], "branch main");
}

#[test]
fn a_deploy_that_fails_says_no_content_and_expires_all_the_same() {
    let world = World::of(small_app());
    world.run_elsewhere("deploy --yes --repo").done();
    assert!(world.state().expect("a state")["content"].is_string());
    let world = world.with_rule("expires: 2d");
    world.change(app().stack(stack("prod-app").has("Queue", queue(31))));
    world.aws.fail_resource("prod-app", "Queue", "No");
    world.run_elsewhere("deploy --yes --repo").failed();
    let state = world.state().expect("a state");
    assert!(state["content"].is_null() && state["expires"].is_string(), "{state}");
}

/// What is kept of the stage's assemblies, by revision.
fn kept(world: &World) -> Vec<String> {
    let keys = world.aws.keys(BUCKET);
    let names = keys.iter().filter_map(|k| k.strip_prefix("offshoot/notes/notes/prod.assemblies/"));
    names.map(|name| name.trim_end_matches(".zip").to_owned()).collect()
}

#[tokio::test]
async fn the_assembly_is_kept_without_its_assets_and_reads_the_same() {
    let inner = stack("inner").has("Queue", queue(30));
    let world = World::of(app().stack(stack("prod-app").nests("Inner", inner).function("Api", "one"))).deployed();
    assert_eq!(kept(&world), [world.head()]);
    let key = format!("offshoot/notes/notes/prod.assemblies/{}.zip", world.head());
    let zip = world.aws.object(BUCKET, &key).expect("the zip");
    let unpacked = archive::unpack(&zip, &world.path("cache")).expect("an assembly");
    let before = reading::read_assembly(world.repository().join("cdk.out")).await.expect("the app's own");
    let after = reading::read_assembly(unpacked.dir.clone()).await.expect("the kept one");
    assert_eq!(before.stacks.len(), after.stacks.len());
    for (old, new) in before.stacks.iter().zip(&after.stacks) {
        assert_eq!((&old.name, &old.roles, old.asset_hashes()), (&new.name, &new.roles, new.asset_hashes()));
        let text = |stack: &offshoot::assembly::Stack| std::fs::read(&stack.template_path).expect("a template");
        assert_eq!(text(old), text(new));
    }
    let names: Vec<String> = std::fs::read_dir(&unpacked.dir)
        .expect("the folder")
        .map(|entry| entry.expect("a file").file_name().to_string_lossy().into_owned())
        .collect();
    assert!(names.iter().any(|n| n.contains("nested")), "the nested template is in it: {names:?}");
    assert!(!names.iter().any(|n| n.starts_with("asset.")), "no asset is in it: {names:?}");
}

#[test]
fn ten_assemblies_are_kept_and_a_failed_deploy_keeps_none() {
    let world = World::of(small_app()).deployed();
    let first = world.head();
    for seconds in 31..41 {
        world.change(app().stack(stack("prod-app").has("Queue", queue(seconds))));
        world.run("deploy").done();
    }
    let kept_now = kept(&world);
    assert!(kept_now.len() == 10 && !kept_now.contains(&first), "{kept_now:?}");
    let state = world.state().expect("a state");
    assert_eq!(state["history"].as_array().map(Vec::len), Some(10));

    world.change(app().stack(stack("prod-app").has("Queue", queue(50))));
    world.aws.fail_resource("prod-app", "Queue", "No");
    world.run("deploy").failed();
    assert_eq!(kept(&world), kept_now);
}

#[test]
fn uncommitted_files_are_not_kept_under_the_name_of_a_commit() {
    let world = World::of(small_app()).deployed();
    let key = format!("offshoot/notes/notes/prod.assemblies/{}.zip", world.head());
    let before = world.aws.object(BUCKET, &key);
    app().stack(stack("prod-app").has("Queue", queue(31))).write(&world.repository().join("cdk.out"));
    world.run("deploy --dirty").done();
    assert_eq!(world.aws.object(BUCKET, &key), before);
}
