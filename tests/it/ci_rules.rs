//! What rules and people allow: approvals, stale plans, limits, time, drafts, forks, promotion and rollback.

use crate::world::ci::{CiWorld, REPO, RULES, notes};
use crate::world::shows;

/// A pull request with its preview, whose plan of prod has been seen.
fn seen_with(rules: &str) -> (CiWorld, u64) {
    let world = CiWorld::with_rules(rules).deployed();
    let number = world.pull("feature", notes(60));
    world.on_pull(number, "opened").done();
    world.forget();
    (world, number)
}

fn seen() -> (CiWorld, u64) {
    seen_with(RULES)
}

/// A comment that is refused: what is answered, with the exit code 3.
#[track_caller]
fn refused(world: &CiWorld, number: u64, login: &str, text: &str) -> String {
    let (id, ended) = world.says(number, login, text);
    ended.refused();
    assert_eq!(world.forge.reactions(id), ["github-actions[bot] confused"]);
    world.reply(number, id)
}

#[track_caller]
fn nothing_executed(world: &CiWorld) {
    assert!(world.executed().is_empty(), "{}", world.aws.told());
}

#[test]
fn a_new_plan_dismisses_the_approvals_of_the_old_one() {
    let (world, number) = seen();
    world.says(number, "ben", "/offshoot approve prod").1.done();
    world.push("feature", notes(90));
    world.on_pull(number, "synchronize").done();
    let body = world.sticky(number).body;
    assert!(body.contains("1 approval of an earlier plan"), "{body}");
    world.forget();
    shows!(refused(&world, number, "ana", "/offshoot deploy prod"), @"");
    nothing_executed(&world);
}

#[test]
fn a_plan_of_an_older_head_is_refused_and_made_anew() {
    let (world, number) = seen();
    world.says(number, "ben", "/offshoot approve prod").1.done();
    world.push("feature", notes(90));
    // the job of the push has not come yet
    shows!(refused(&world, number, "ana", "/offshoot deploy prod"), @"");
    nothing_executed(&world);
    assert!(world.sticky(number).body.contains(&world.tip("feature")[..8]));
}

#[test]
fn a_base_that_moved_on_must_be_taken_in_first() {
    let (world, number) = seen();
    world.says(number, "ben", "/offshoot approve prod").1.done();
    world.push_files("main", &[("other.md", "Other.\n")]);
    shows!(refused(&world, number, "ana", "/offshoot deploy prod"), @"");
    nothing_executed(&world);
}

#[test]
fn a_stack_changed_by_hand_makes_the_plan_stale() {
    let (world, number) = seen();
    world.says(number, "ben", "/offshoot approve prod").1.done();
    world.aws.seed_stack(
        "prod-app",
        &serde_json::json!({"Resources": {"Queue": {"Type": "AWS::SQS::Queue", "Properties": {"VisibilityTimeout": 31}}}}),
    );
    shows!(refused(&world, number, "ana", "/offshoot deploy prod"), @"");
    nothing_executed(&world);
}

#[test]
fn two_approvals_are_two_people() {
    let (world, number) = seen_with(&RULES.replace("count: 1", "count: 2"));
    let (id, ended) = world.says(number, "ben", "/offshoot approve prod");
    ended.done();
    shows!(world.reply(number, id), @"");
    world.says(number, "ben", "/offshoot approve prod").1.done();
    refused(&world, number, "ana", "/offshoot deploy prod");
    world.says(number, "dan", "/offshoot approve prod").1.done();
    nothing_executed(&world);
    world.says(number, "ana", "/offshoot deploy prod").1.done();
    assert_eq!(world.executed().len(), 1);
}

#[test]
fn only_deployers_deploy_and_only_those_named_approve() {
    let rules = RULES.replace("approvals: { count: 1 }", "approvals: { from: [\"@dan\"] }, deployers: [\"@ben\"]");
    let (world, number) = seen_with(&rules);
    shows!(refused(&world, number, "ben", "/offshoot approve prod"), @"");
    world.says(number, "dan", "/offshoot approve prod").1.done();
    shows!(refused(&world, number, "ana", "/offshoot deploy prod"), @"");
    nothing_executed(&world);
    world.says(number, "ben", "/offshoot deploy prod").1.done();
    assert_eq!(world.executed().len(), 1);
}

#[test]
fn a_limit_of_previews_is_held_and_said() {
    let (world, _) = seen_with(&RULES.replace("expires: 72h", "limit: 1"));
    let second = world.pull("second", notes(70));
    let ended = world.on_pull(second, "opened");
    ended.refused();
    nothing_executed(&world);
    let body = world.sticky(second).body;
    assert!(body.contains("allows 1 at a time") && body.contains("pr-1"), "{body}");
    assert_eq!(world.checks(&world.tip("second"))[0], "offshoot / notes / preview: failure");
}

#[test]
fn a_preview_whose_time_is_over_is_swept_away_and_an_extended_one_stays() {
    let (world, number) = seen_with(&RULES.replace("expires: 72h", "expires: 1s"));
    let schedule = world.forge.event_schedule("0 6 * * *");
    let (_, ended) = world.says(number, "ana", "/offshoot extend 24h");
    ended.done();
    world.run("schedule", &schedule).done();
    assert_eq!(world.aws.status("pr-1-app"), "CREATE_COMPLETE");
    let second = world.pull("second", notes(70));
    world.on_pull(second, "opened").done();
    let until = std::time::Instant::now() + std::time::Duration::from_millis(1_100);
    while std::time::Instant::now() < until {
        std::thread::yield_now();
    }
    world.run("schedule", &schedule).done().says("pr-2");
    assert_eq!(world.aws.status("pr-2-app"), "DELETE_COMPLETE");
    assert_eq!(world.aws.status("pr-1-app"), "CREATE_COMPLETE");
    let body = world.sticky(second).body;
    assert!(body.contains("`pr-2` is removed") && body.contains("its time was over"), "{body}");
    assert!(world.deployments("pr-2").last().expect("one").contains("inactive"));
}

#[test]
fn a_preview_is_removed_by_command_and_the_target_never() {
    let (world, number) = seen();
    shows!(refused(&world, number, "ana", "/offshoot remove prod"), @"");
    world.says(number, "ana", "/offshoot remove").1.done();
    assert_eq!(world.aws.status("pr-1-app"), "DELETE_COMPLETE");
    assert!(world.sticky(number).body.contains("removed by ana"), "{}", world.sticky(number).body);
    world.says(number, "ana", "/offshoot deploy").1.done();
    assert_eq!(world.aws.status("pr-1-app"), "CREATE_COMPLETE");
}

#[test]
fn a_lock_that_nobody_holds_any_more_is_broken_by_command() {
    let (world, number) = seen();
    let (id, ended) = world.says(number, "ana", "/offshoot unlock prod");
    ended.done();
    shows!(world.reply(number, id), @"");
    let lock = serde_json::json!({"run": "other", "host": "elsewhere", "pid": 7, "what": "deploy of prod",
        "since": "2026-01-01T00:00:00Z", "expires_s": 9_999_999_999_u64});
    world.put_object("prod.lock", &lock);
    world.says(number, "ben", "/offshoot approve prod").1.done();
    let id = world.forge.comment(number, "ana", "/offshoot deploy prod");
    let payload = world.forge.event_comment(number, id, "created", "ana");
    world.job("issue_comment", &payload).env("OFFSHOOT_LOCK_WAIT", "1s").run().refused();
    shows!(world.reply(number, id), @"");
    let (id, ended) = world.says(number, "ana", "/offshoot unlock prod");
    ended.done();
    shows!(world.reply(number, id), @"");
    world.says(number, "ana", "/offshoot deploy prod").1.done();
    assert_eq!(world.executed().len(), 1);
}

#[test]
fn a_draft_is_planned_and_deployed_when_it_is_ready() {
    let world = CiWorld::new().deployed();
    let number = world.pull("feature", notes(60));
    world.forge.draft(number, true);
    world.on_pull(number, "opened").done();
    nothing_executed(&world);
    assert!(world.sticky(number).body.contains("the pull request is a draft"), "{}", world.sticky(number).body);
    world.forge.draft(number, false);
    world.on_pull(number, "ready_for_review").done();
    assert_eq!(world.aws.status("pr-1-app"), "CREATE_COMPLETE");
}

#[test]
fn a_forks_own_job_says_what_a_maintainer_does_and_touches_nothing() {
    let world = CiWorld::new().deployed();
    let number = world.fork(notes(60));
    let payload = world.forge.event_pull(number, "opened", "stranger");
    let job = world.job("pull_request", &payload).without("AWS_ACCESS_KEY_ID").without("AWS_SECRET_ACCESS_KEY");
    job.run().done().says("/offshoot approve").says(&world.head_of(number));
    assert_eq!((world.aws.journal().len(), world.forge_writes().as_str()), (0, ""));
}

#[test]
fn a_strangers_code_runs_only_at_the_commit_that_was_approved() {
    let world = CiWorld::new().deployed();
    let number = world.fork(notes(60));
    let head = world.head_of(number);
    world.run("pull_request_target", &world.forge.event_pull(number, "opened", "stranger")).done();
    assert!(world.aws.journal().is_empty(), "{}", world.aws.told());
    shows!(world.sticky(number).body.replace(&head, "[head]"), @"");

    let wrong = refused(&world, number, "ana", "/offshoot approve 0123456789");
    assert!(wrong.contains(&head[..12]), "{wrong}");
    refused(&world, number, "stranger", &format!("/offshoot approve {head}"));
    assert!(world.aws.journal().is_empty(), "{}", world.aws.told());

    world.says(number, "ana", &format!("/offshoot approve {head}")).1.done();
    assert_eq!(world.aws.status("pr-1-app"), "CREATE_COMPLETE");
    assert!(world.sticky(number).body.contains("`pr-1` is deployed"), "{}", world.sticky(number).body);

    // a push takes it away
    world.forget();
    let next = world.push_to("stranger/notes", "patch", notes(90));
    world.run("pull_request_target", &world.forge.event_pull(number, "synchronize", "stranger")).done();
    assert!(world.aws_writes().is_empty(), "{}", world.aws_writes());
    refused(&world, number, "ana", "/offshoot deploy");
    nothing_executed(&world);
    world.says(number, "dan", &format!("/offshoot approve {}", &next[..12])).1.done();
    assert_eq!(world.executed().len(), 1);
}

#[test]
fn pull_request_target_runs_nothing_of_our_own_either() {
    let world = CiWorld::new().deployed();
    let number = world.pull("feature", notes(60));
    world.run("pull_request_target", &world.forge.event_pull(number, "opened", "ana")).done().says("never run");
    assert!(world.aws.journal().is_empty(), "{}", world.aws.told());
    assert_eq!(world.forge_writes(), "");
}

const STAGES: &str = "version: 1
apps:
  - { name: notes, path: app, kind: assembly, command: sh synth.sh }
stages:
  - { name: prod, branch: main, apply: manual }
  - { name: staging, branch: develop }
  - { name: \"pr-{number}\", pull_request: { base: main } }
";

#[test]
fn what_staging_runs_is_promoted_to_prod_and_rolled_back() {
    let world = CiWorld::with_rules(STAGES);
    let dispatch = |stage: &str, command: &str| {
        let inputs = serde_json::json!({"stage": stage, "command": command});
        world.run("workflow_dispatch", &world.forge.event_dispatch("main", inputs, "ana"))
    };
    dispatch("prod", "deploy").done();
    assert_eq!(world.aws.status("prod-app"), "CREATE_COMPLETE");
    world.push("develop", notes(90));
    world.pushed("develop").done();
    assert_eq!(world.aws.status("staging-app"), "CREATE_COMPLETE");
    world.forget();
    dispatch("", "promote staging prod").refused();
    nothing_executed(&world);
    let number = world.pull("feature", notes(60));
    world.on_pull(number, "opened").done();
    world.forget();
    // the first time it is shown, the second time it was read
    let (id, ended) = world.says(number, "ana", "/offshoot promote staging prod");
    ended.refused();
    let said = world.reply(number, id);
    assert!(said.contains("promote staging prod"), "{said}");
    nothing_executed(&world);
    world.says(number, "ana", "/offshoot promote staging prod").1.done();
    assert_eq!(world.executed().len(), 1, "{}", world.aws.told());
    let timeout = |stack: &str| {
        world.aws.stack(stack).expect("it").body.template["Resources"]["Queue"]["Properties"]["VisibilityTimeout"]
            .clone()
    };
    assert_eq!(timeout("prod-app"), 90);
    world.says(number, "ana", "/offshoot rollback prod").1.refused();
    world.says(number, "ana", "/offshoot rollback prod").1.done();
    assert_eq!(timeout("prod-app"), 30);
}

#[test]
fn a_merge_queue_gets_its_checks() {
    let (world, number) = seen();
    let head = world.push("gh-readonly-queue/main/pr-1", notes(60));
    world.run("merge_group", &world.forge.event_merge_group(number, &head, "main")).done();
    nothing_executed(&world);
    assert_eq!(world.checks(&head), ["offshoot / notes / preview: neutral", "offshoot / notes / prod: success"]);
}

#[test]
fn the_stage_of_a_branch_goes_with_its_branch() {
    let rules = RULES.replace("name: prod,", "name: \"{branch}\", branch: \"staging*\" }\n  - { name: prod,");
    let world = CiWorld::with_rules(&rules).deployed();
    world.push("staging", notes(60));
    world.pushed("staging").done();
    assert_eq!(world.aws.status("staging-app"), "CREATE_COMPLETE");
    world.forge.move_branch(REPO, "staging", None);
    world.run("delete", &world.forge.event_delete("staging", "ana")).done();
    assert_eq!(world.aws.status("staging-app"), "DELETE_COMPLETE");
    assert!(world.deployments("staging").last().expect("one").contains("inactive"));
}

#[test]
fn a_deploy_is_cancelled_while_it_runs() {
    let two = |stage: &str| {
        notes(60)(stage).stack(
            crate::world::stack(&format!("{stage}-more"))
                .has("Queue", crate::world::queue(5))
                .depends_on(&format!("{stage}-app")),
        )
    };
    let world = CiWorld::new().deployed();
    world.aws.steps_per_poll(0);
    let number = world.pull("feature", two);
    let job = world.job("pull_request", &world.forge.event_pull(number, "opened", "ana")).start();
    world.until("the first stack is begun", |aws| !aws.calls("cloudformation", "ExecuteChangeSet").is_empty());
    let (id, ended) = world.says(number, "ben", "/offshoot cancel");
    ended.done();
    shows!(world.reply(number, id), @"");
    world.until("the run has seen it", |aws| {
        aws.calls("s3", "GetObject")
            .iter()
            .any(|c| c.param("Key").contains(".cancel/") && c.outcome == crate::fake::journal::Outcome::Done)
    });
    world.aws.steps_per_poll(3);
    job.end();
    assert_eq!(world.executed().len(), 1, "{}", world.aws.told());
    let body = world.sticky(number).body;
    assert!(body.contains("cancelled by ben"), "{body}");
}

#[test]
fn owners_of_changed_files_are_asked() {
    let rules = RULES.replace("approvals: { count: 1 }", "approvals: { count: 1, codeowners: true }");
    let world = CiWorld::with_rules(&rules);
    world.push_files("main", &[("CODEOWNERS", "/app/ @dan\n")]);
    let world = world.deployed();
    let number = world.pull("feature", notes(60));
    world.on_pull(number, "opened").done();
    world.forget();
    world.says(number, "ben", "/offshoot approve prod").1.done();
    shows!(refused(&world, number, "ana", "/offshoot deploy prod"), @"");
    world.says(number, "dan", "/offshoot approve prod").1.done();
    world.says(number, "ana", "/offshoot deploy prod").1.done();
    assert_eq!(world.executed().len(), 1);
}
