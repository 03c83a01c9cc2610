//! What rules and people allow: approvals, stale plans, limits, time, drafts, forks, promotion and rollback.

use crate::world::ci::{CiWorld, REPO, RULES, notes};
use crate::world::run::signal;
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
    shows!(refused(&world, number, "ana", "/offshoot deploy prod"), @"
    `ana`: `/offshoot deploy prod` was not carried out: its plan needs 1 more approval, from anyone who may write.

    Next: read the plan; somebody who may then types: `/offshoot approve prod`.
    ");
    nothing_executed(&world);
}

#[test]
fn a_plan_of_an_older_head_is_refused_and_made_anew() {
    let (world, number) = seen();
    world.says(number, "ben", "/offshoot approve prod").1.done();
    world.push("feature", notes(90));
    // the job of the push has not come yet
    shows!(refused(&world, number, "ana", "/offshoot deploy prod"), @"
    `ana`: `/offshoot deploy prod` was not carried out: the plan is of commit ba39&#8203;31dc, and what counts now is b778&#8203;ffa9.

    Next: read the plan that is shown now, then type it again.
    ");
    nothing_executed(&world);
    assert!(world.sticky(number).body.contains(&world.tip("feature")[..8]));
}

#[test]
fn a_base_that_moved_on_must_be_taken_in_first() {
    let (world, number) = seen();
    world.says(number, "ben", "/offshoot approve prod").1.done();
    world.push_files("main", &[("other.md", "Other.\n")]);
    shows!(refused(&world, number, "ana", "/offshoot deploy prod"), @"
    `ana`: `/offshoot deploy prod` was not carried out: the base branch main has moved on by 1 commit.

    Next: merge or rebase main, push, and read the new plan.
    ");
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
    shows!(refused(&world, number, "ana", "/offshoot deploy prod"), @"
    `ana`: `/offshoot deploy prod` was not carried out: the stack was updated at [time]; the plan was made against its update of [time].

    Next: plan again and look at what changed: `offshoot plan`.
    ");
    nothing_executed(&world);
}

#[test]
fn two_approvals_are_two_people() {
    let (world, number) = seen_with(&RULES.replace("count: 1", "count: 2"));
    let (id, ended) = world.says(number, "ben", "/offshoot approve prod");
    ended.done();
    shows!(world.reply(number, id), @"`ben`: your approval of plan `[digest]` of `prod` is noted; 1 more is needed.");
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
    shows!(refused(&world, number, "ben", "/offshoot approve prod"), @"
    `ben`: `/offshoot approve prod` was not carried out: @&#8203;ben is not among those who may: @&#8203;dan.

    Next: ask one of them; `approvals.from` of the stage, in offshoot.yml, says who may.
    ");
    world.says(number, "dan", "/offshoot approve prod").1.done();
    shows!(refused(&world, number, "ana", "/offshoot deploy prod"), @"
    `ana`: `/offshoot deploy prod` was not carried out: @&#8203;ana is not among those who may: @&#8203;ben.

    Next: ask one of them; `deployers` of the stage, in offshoot.yml, says who may.
    ");
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
    shows!(refused(&world, number, "ana", "/offshoot remove prod"), @"
    `ana`: `/offshoot remove prod` was not carried out: it is not the preview of this pull request.

    Next: type it in a shell: `offshoot remove --app notes --stage prod`.
    ");
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
    shows!(world.reply(number, id), @"`ana`: there was nothing to do: `prod` is not locked.");
    let now = jiff::Timestamp::now().as_second();
    let lock = serde_json::json!({"what": "deploy of prod at 12345678", "run": "other", "host": "elsewhere", "pid": 7,
        "since_s": now - 120, "expires_s": now + 60});
    world.put_object("prod.lock", &lock);
    world.says(number, "ben", "/offshoot approve prod").1.done();
    let id = world.forge.comment(number, "ana", "/offshoot deploy prod");
    let payload = world.forge.event_comment(number, id, "created", "ana");
    world.job("issue_comment", &payload).env("OFFSHOOT_LOCK_WAIT", "1s").run().refused();
    shows!(world.reply(number, id), @"
    `ana`: `/offshoot deploy prod` was not carried out: deploy of prod at [commit] holds it (elsewhere, process 7, for 2 min).

    Next: wait for it to end; if that run is gone for good: `offshoot unlock --stage prod`.
    ");
    let (id, ended) = world.says(number, "ana", "/offshoot unlock prod");
    ended.done();
    shows!(world.reply(number, id), @"`ana`: the lock of `prod` is taken away.");
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
    shows!(world.sticky(number).body.replace(&head, "[head]"), @"
    <!-- offshoot:comment 9bafbc7c6b38 -->
    **2 stages: `pr-1` and `prod` wait until a maintainer trusts this commit.**

    | | Stage | State | Commit |
    |---|---|---|---|
    | 🔒 | `pr-1` | needs trust | `[commit]` |
    | 🔒 | `prod` | needs trust | `[commit]` |

    `pr-1` and `prod`: it comes from stranger/notes: nothing of it runs before a maintainer approves commit ba39&#8203;31dc.

    **What to type next**

    - `/offshoot approve [head]`: lets the code of this commit run; read it first

    <details><summary>All commands</summary>

    `/offshoot help` lists them. A command stands on a line of its own in a comment and may name a stage: `/offshoot plan prod`.

    </details>
    ");

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
    world.says(number, "dan", &format!("/offshoot approve {next}")).1.done();
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
    let number = world.pull("feature", two);
    let pid = std::sync::Arc::new(std::sync::OnceLock::new());
    let known = pid.clone();
    let (sender, begun) = std::sync::mpsc::channel();
    world.aws.after(
        1,
        |call| call.operation == "ExecuteChangeSet",
        move || {
            signal(*known.wait(), rustix::process::Signal::STOP);
            sender.send(()).expect("the test waits");
        },
    );
    let job = world.job("pull_request", &world.forge.event_pull(number, "opened", "ana")).elsewhere().start();
    pid.set(job.running.id()).expect("set once");
    begun.recv_timeout(std::time::Duration::from_secs(30)).expect("the first stack is begun");
    let (id, ended) = world.says(number, "ben", "/offshoot cancel");
    ended.done();
    shows!(world.reply(number, id), @"`ben`: the run of `pr-1` begins no further stack and ends when those that run are done.");
    signal(job.running.id(), rustix::process::Signal::CONT);
    job.end().done();
    assert_eq!(world.aws.status("pr-1-more"), "REVIEW_IN_PROGRESS");
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
    shows!(refused(&world, number, "ana", "/offshoot deploy prod"), @"
    `ana`: `/offshoot deploy prod` was not carried out: its plan needs approvals of owners of changed files; these owners have not approved: @&#8203;dan: app/stages/pr-1/manifest.json and 17 more files.

    Next: read the plan; somebody who may then types: `/offshoot approve prod`.
    ");
    world.says(number, "dan", "/offshoot approve prod").1.done();
    world.says(number, "ana", "/offshoot deploy prod").1.done();
    assert_eq!(world.executed().len(), 1);
}

#[test]
fn the_buttons_of_a_check_are_commands_of_who_presses_them() {
    let rules = RULES.replace("apply: approved, approvals: { count: 1 }", "apply: manual");
    let (world, number) = seen_with(&rules);
    let check = world.forge.check(&world.tip("feature"), "offshoot / notes / prod").expect("a check");
    // the button knows which plan stood above it
    let deploy = check.actions[1]["identifier"].as_str().expect("a button").to_owned();
    assert!(deploy.starts_with("deploy:"), "{deploy}");
    let press = |login: &str| world.run("check_run", &world.forge.event_button(check.id, Some(&deploy), login));
    press("cleo").refused().says("cleo");
    nothing_executed(&world);
    assert!(world.aws.journal().is_empty(), "{}", world.aws.told());
    press("ana").done();
    assert_eq!(world.executed().len(), 1);
    assert!(world.sticky(number).body.contains("`pr-1` and `prod` are deployed"), "{}", world.sticky(number).body);
    // pressed once more, by a page that has not noticed
    world.forget();
    press("ana").done();
    nothing_executed(&world);
}

#[test]
fn an_app_that_a_pull_request_does_not_touch_costs_nothing() {
    let inputs = "command: sh synth.sh, inputs: [\"shared/**\"] }";
    let world = CiWorld::with_rules(&RULES.replace("command: sh synth.sh }", inputs)).deployed();
    world.push_files("words", &[("README.md", "Only words.\n")]);
    let number = world.forge.open("words", "main", "ana");
    world.on_pull(number, "opened").done();
    assert_eq!(world.aws_writes().lines().filter(|l| !l.contains(".pulls/")).count(), 0, "{}", world.aws_writes());
    assert!(world.aws.status("pr-1-app").is_empty(), "{}", world.aws.told());
    // named, it is deployed all the same
    world.says(number, "ana", "/offshoot deploy pr-1").1.done();
    assert_eq!(world.aws.status("pr-1-app"), "CREATE_COMPLETE");
}
