//! Apps that are programs: run without secrets, within limits, and what they do wrong is told in their own words.

use crate::world::{App, World, app, queue, shows, small_app, stack};

const RULES: &str = "version: 1
apps:
  - { name: notes, path: ., kind: cdk, timeout: 2s }
stages:
  - { name: prod, branch: main, env: { LEVEL: debug } }
";

/// A program that copies the assembly beside it to where the toolkit wants it.
const COPIES: &str = "require('fs').cpSync(__dirname + '/assembly', process.env.CDK_OUTDIR, { recursive: true });\n";

/// An app whose program `app.js` is this text; the assembly that it may copy is that of `assembly`.
fn program(text: &str, assembly: App) -> World {
    let world = World::of(small_app()).rules(RULES);
    std::fs::remove_dir_all(world.repository().join("cdk.out")).expect("removed");
    assembly.write(&world.repository().join("assembly"));
    world.write("app.js", text);
    world.write("cdk.json", "{ \"app\": \"node app.js\" }\n");
    world.write(".gitignore", "cdk.out\nruns\n");
    world.save();
    world
}

#[track_caller]
fn nothing_was_written(world: &World) {
    assert!(world.aws.writes().is_empty(), "{}", world.aws.told());
}

#[test]
fn its_assembly_is_deployed() {
    let world = program(COPIES, small_app());
    world.run("deploy").done();
    assert_eq!(world.aws.status("prod-app"), "CREATE_COMPLETE");
}

#[test]
fn an_unchanged_commit_is_planned_without_starting_it_again() {
    let counts = format!("require('fs').appendFileSync(__dirname + '/runs', 'x');\n{COPIES}");
    let world = program(&counts, small_app()).with_env("OFFSHOOT_SANDBOX", "off");
    world.run("deploy").done();
    let runs = || std::fs::read_to_string(world.repository().join("runs")).expect("it ran").len();
    assert_eq!(runs(), 1);
    world.aws.clear_journal();
    world.run("plan --detailed-exitcode").done();
    assert_eq!(runs(), 1);
    nothing_was_written(&world);
    world.write("README.md", "Another commit.");
    world.save();
    world.run("plan").done();
    assert_eq!(runs(), 2);
}

#[test]
fn it_sees_its_stage_and_no_secrets() {
    let shows = format!(
        "{COPIES}require('fs').writeFileSync(process.env.CDK_OUTDIR + '/seen.json', JSON.stringify(process.env));\n"
    );
    let world = program(&shows, small_app()).with_env("GITHUB_TOKEN", "ghs_secret").with_env("MY_PASSWORD", "secret");
    world.run("plan").done();
    let kept = std::fs::read_dir(world.path("cache/assemblies")).expect("kept").flatten().next().expect("one").path();
    let seen = std::fs::read_to_string(kept.join("seen.json")).expect("the environment");
    let seen: serde_json::Value = serde_json::from_str(&seen).expect("JSON");
    assert_eq!((seen["STAGE"].as_str(), seen["LEVEL"].as_str()), (Some("prod"), Some("debug")));
    assert_eq!(seen["CDK_DEFAULT_ACCOUNT"], "111111111111");
    for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "GITHUB_TOKEN", "MY_PASSWORD"] {
        assert!(seen[name].is_null(), "{name}");
    }
}

#[test]
fn it_ends_with_an_error() {
    let world = program("console.error('Error: the table needs a name'); process.exit(1);\n", small_app());
    let run = world.run("plan --quiet").failed();
    shows!(run.err, @"
    error: running the app: `node app.js` ended with exit code 1
             Error: the table needs a name
    next: correct the app; npx cdk synth shows the same error
    ");
    nothing_was_written(&world);
}

#[test]
fn it_throws() {
    let world = program("function table() { throw new Error('the table needs a name'); }\ntable();\n", small_app());
    world.run("plan").failed().says("the table needs a name").says("app.js:1");
    nothing_was_written(&world);
}

#[test]
fn it_hangs() {
    let world = program("console.error('waiting for nobody'); setInterval(() => {}, 1000);\n", small_app());
    let run = world.run("plan --quiet").failed();
    shows!(run.err, @"
    error: running the app: `node app.js` was still running after 2 s
             waiting for nobody
    next: look for something that it waits for, or allow more time
    ");
    nothing_was_written(&world);
}

#[test]
fn it_writes_no_assembly() {
    let world = program("console.log('hello');\n", small_app());
    let run = world.run("plan --quiet").failed();
    shows!(run.err, @"
    error: running the app: `node app.js` ended well but wrote no assembly (no manifest.json)
             hello
    next: check that the app makes an App and calls synth(), and that it does not set outdir itself
    ");
    nothing_was_written(&world);
}

#[test]
fn it_writes_garbage() {
    let world =
        program("require('fs').writeFileSync(process.env.CDK_OUTDIR + '/manifest.json', 'garbage');\n", small_app());
    world.run("plan").failed().says("manifest.json").says("this is not what an assembly holds here");
    nothing_was_written(&world);
}

#[test]
fn it_prints_garbage_beside_a_good_assembly() {
    let world = program(&format!("console.log('\\u0000\\u001b[31m' + 'x'.repeat(1000000));\n{COPIES}"), small_app());
    world.run("plan").done().says("1 stack to create.").says_nothing_of("xxxxxxxx");
}

#[test]
fn it_names_a_path_outside_its_assembly() {
    let world = program(COPIES, small_app());
    let path = world.repository().join("assembly/prod-app.assets.json");
    let text = std::fs::read_to_string(&path).expect("the assets");
    world
        .write("assembly/prod-app.assets.json", &text.replace("\"prod-app.template.json\"", "\"../../../etc/passwd\""));
    world.save();
    world.run("plan").failed().says("lies outside the assembly");
    nothing_was_written(&world);
}

#[test]
fn its_packages_are_not_installed() {
    let world = program(&format!("require('aws-cdk-lib');\n{COPIES}"), small_app());
    let run = world.run("plan --quiet").failed();
    shows!(run.err, @"
    error: running the app: the package aws-cdk-lib is not installed
    next: run npm ci (or yarn, pnpm, bun install) in the app's folder
    ");
    nothing_was_written(&world);
}

#[test]
fn its_program_is_not_there() {
    let world = program(COPIES, small_app());
    world.write("cdk.json", "{ \"app\": \"no-such-program app.js\" }\n");
    world.save();
    world.run("plan").failed().says("no-such-program").says("is not installed");
    world.write("cdk.json", "{ \"app\": \"node gone.js\" }\n");
    world.save();
    world.run("plan").failed().says("gone.js");
    nothing_was_written(&world);
}

#[test]
fn its_cdk_json_is_no_json() {
    let world = program(COPIES, small_app());
    world.write("cdk.json", "{ \"app\": ");
    world.save();
    world.run("plan").says("cdk.json");
    nothing_was_written(&world);
}

#[test]
fn it_asks_for_context_that_is_then_looked_up() {
    let key = "ssm:account=111111111111:parameterName=/size:region=us-east-1";
    let asks = format!(
        "const fs = require('fs');\n{COPIES}const context = JSON.parse(process.env.CDK_CONTEXT_JSON || '{{}}');\nif (!context['{key}']) {{
  const file = process.env.CDK_OUTDIR + '/manifest.json';
  const manifest = JSON.parse(fs.readFileSync(file));
  manifest.missing = [{{ key: '{key}', provider: 'ssm', props: {{ account: '111111111111', region: 'us-east-1', parameterName: '/size' }} }}];
  fs.writeFileSync(file, JSON.stringify(manifest));
}}\n"
    );
    let world = program(&asks, app().stack(stack("prod-app").has("Queue", queue(30))));
    world.aws.put_parameter("111111111111", "us-east-1", "/size", "large");
    world.run("plan").done().says("looking up 1 value in AWS");
    assert!(!world.aws.calls("ssm", "GetParameter").is_empty(), "{}", world.aws.told());
}
