//! offshoot.yml and the command line: every mistake is told with its place and a suggestion, before AWS is asked anything.

use crate::world::{World, shows, small_app};

/// A repository with this offshoot.yml, committed.
fn rules(text: &str) -> World {
    let world = World::of(small_app()).rules(text);
    world.save();
    world
}

#[track_caller]
fn nobody_was_asked(world: &World) {
    assert!(world.aws.journal().is_empty(), "{}", world.aws.told());
}

#[test]
fn a_named_file_that_is_missing() {
    let world = World::of(small_app());
    let run = world.run("plan --config nowhere.yml").wrong();
    shows!(run.err, @"
    error: reading the configuration: nowhere.yml: No such file or directory (os error 2)
    next: check the path given with --config, or write one with `offshoot init`
    ");
    world.run("check --config nowhere.yml").wrong().says("nowhere.yml");
    nobody_was_asked(&world);
}

#[test]
fn text_that_is_no_yaml() {
    let world = rules("version: 1\nstages: [\n");
    let run = world.run("plan").wrong();
    shows!(run.err, @"
    error: reading offshoot.yml: this is not valid YAML: unclosed bracket '['
      at offshoot.yml:2:9
    next: see docs/reference/configuration.md, or start anew with `offshoot init`
    ");
    nobody_was_asked(&world);
}

#[test]
fn an_empty_file() {
    let world = rules("");
    world.run("plan").wrong().says("the file is empty").says("offshoot init");
}

#[test]
fn an_unknown_key() {
    let world = rules("version: 1\nstages:\n  - { name: prod, brunch: main }\n");
    let run = world.run("plan").wrong();
    shows!(run.err, @r#"
    error: reading offshoot.yml: stages[0] says nothing about where it comes from
      at offshoot.yml:3:5
    next: add `branch: main`, `tag: "v*"` or `pull_request: {}`; `offshoot check` lists the other 1
    "#);
    nobody_was_asked(&world);
}

#[test]
fn a_value_of_the_wrong_kind() {
    let world = rules("version: 1\nstages:\n  - { name: prod, branch: main, apply: sometimes }\n");
    let run = world.run("plan").wrong();
    shows!(run.err, @"
    error: reading offshoot.yml: stages[0].apply is `sometimes`, expected `auto`, `approved`, `manual` or `fast`
      at offshoot.yml:3:40
    next: write `auto`, `approved`, `manual` or `fast`
    ");
}

#[test]
fn two_rules_for_one_branch() {
    let world = rules("version: 1\nstages:\n  - { name: prod, branch: main }\n  - { name: live, branch: main }\n");
    let run = world.run("plan").wrong();
    shows!(run.err, @"
    error: reading offshoot.yml: branch `main` belongs to two stages: `prod` on line 3 and `live`
      at offshoot.yml:4:27
    next: keep one of them: a branch, tag or pull request has one stage
    ");
    nobody_was_asked(&world);
}

#[test]
fn two_rules_for_one_stage() {
    let world = rules("version: 1\nstages:\n  - { name: prod, branch: main }\n  - { name: prod, branch: develop }\n");
    let run = world.run("plan").wrong();
    shows!(run.err, @"
    error: reading offshoot.yml: two stages are called `prod`, the first on line 3
      at offshoot.yml:4:13
    next: give each stage a name of its own
    ");
    nobody_was_asked(&world);
}

#[test]
fn check_lists_every_problem_of_the_file() {
    let world = rules("version: 2\nstages:\n  - { name: prod, brunch: main }\n  - { name: 7, branch: develop }\n");
    let run = world.run("check").wrong();
    shows!(run.err, @r#"
    error: reading offshoot.yml: version is 2, expected the number 1
      at offshoot.yml:1:10
    next: write the number 1
    error: reading offshoot.yml: stages[0] says nothing about where it comes from
      at offshoot.yml:3:5
    next: add `branch: main`, `tag: "v*"` or `pull_request: {}`
    error: reading offshoot.yml: stages[0] has no key `brunch`
      at offshoot.yml:3:19
    next: did you mean `branch`?
    error: reading offshoot.yml: stages[1].name: `7` cannot be the name of a stage
      at offshoot.yml:4:13
    next: use letters, digits and single hyphens, beginning with a letter: prod, eu-prod
    "#);
    world.run("plan").wrong().says("`offshoot check` lists the other");
}

#[test]
fn check_says_what_a_valid_file_means() {
    let world = World::of(small_app());
    let run = world.run("check").done();
    shows!(run.out, @"
    offshoot.yml is valid.

    1 app:
      notes (assembly) in cdk.out

    1 stage rule:
      prod ← branch main; applied at once
    ");
    assert_eq!(world.run("check --format json").done().json()["valid"], true);
    nobody_was_asked(&world);
}

#[test]
fn a_branch_that_no_rule_is_about() {
    let world = World::of(small_app());
    world.switch_to("somewhere");
    let run = world.run("plan").wrong();
    shows!(run.err, @"
    error: choosing the stage: no rule of offshoot.yml is about branch somewhere; the stages are prod
    next: add a rule for it under `stages:`, or name a stage with --stage
    ");
}

#[test]
fn a_stage_that_does_not_exist() {
    let world = World::of(small_app());
    world.run("plan --stage prd").wrong().says("prod");
    nobody_was_asked(&world);
}

#[test]
fn an_app_that_does_not_exist() {
    let world = World::of(small_app());
    world.run("plan --app note").wrong().says("notes");
    nobody_was_asked(&world);
}

#[test]
fn a_kind_that_cannot_be_deployed_yet() {
    let world = rules(
        "version: 1\napps:\n  - { name: notes, path: ., kind: sam }\nstages:\n  - { name: prod, branch: main }\n",
    );
    world.run("plan").wrong().says("of kind sam, which offshoot cannot deploy yet");
}

#[test]
fn wrong_usage_of_the_command_line() {
    let world = World::of(small_app());
    world.run("plan --nonsense").wrong().says("--nonsense");
    world.run("dploy").wrong().says("deploy");
    world.run("plan --branch main").wrong().says("--repo");
    world.run("deploy --plan x --fast").wrong().says("cannot be used with");
    world.run("deploy --recover everything").wrong().says("write skip=<LogicalId> or delete");
    world.run("").exits(64);
    nobody_was_asked(&world);
}

#[test]
fn init_writes_a_file_once() {
    let world = World::of(small_app());
    std::fs::remove_file(world.repository().join("offshoot.yml")).expect("removed");
    world.run("init").done().says("Next: offshoot check");
    let again = world.run("init").wrong();
    shows!(again.err, @"
    error: writing offshoot.yml: [world]/notes/offshoot.yml is there already
    next: `offshoot check` tells what is in it; `offshoot init --print` shows a new one
    ");
    world.run("check").done();
}
