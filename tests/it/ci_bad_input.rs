//! What can be wrong with an event, a token, a repository or the forge: a clear sentence where people look, nothing half-done.

use serde_json::json;

use crate::forge::Fault;
use crate::world::ci::{ALL, CiWorld, REPO, RULES, notes};
use crate::world::shows;

fn nothing_written(world: &CiWorld) {
    assert_eq!((world.forge_writes(), world.aws_writes()), (String::new(), String::new()));
}

/// A world with a pull request that no job has seen.
fn unseen() -> (CiWorld, u64) {
    let world = CiWorld::new().deployed();
    let number = world.pull("feature", notes(60));
    world.forget();
    (world, number)
}

#[test]
fn an_event_file_that_is_none() {
    let (world, number) = unseen();
    let job = || world.job("pull_request", &world.forge.event_pull(number, "opened", "ana"));
    job().event_file(b"").run().wrong().says("it is empty");
    job().event_file(b"{\"action\":").run().wrong().says("reading");
    job().event_file(b"\xff\xfe").run().wrong().says("it is not UTF-8");
    job().event_file(b"[]").run().wrong().says("reading");
    job().event_file(b"{\"action\":\"opened\"}").run().wrong().says("reading");
    job().env("GITHUB_EVENT_PATH", "/nowhere/event.json").run().wrong().says("/nowhere/event.json");
    job().without("GITHUB_EVENT_NAME").run().wrong().says("GITHUB_EVENT_NAME is not set");
    job().without("GITHUB_REPOSITORY").run().wrong().says("GITHUB_REPOSITORY is not set");
    let ended = job().env("GITHUB_EVENT_NAME", "nonsense").run().done();
    ended.says("nonsense");
    nothing_written(&world);
}

#[test]
fn a_token_that_is_missing_wrong_or_may_not() {
    let (world, number) = unseen();
    let job = || world.job("pull_request", &world.forge.event_pull(number, "opened", "ana"));
    job().without("GITHUB_TOKEN").run().wrong().says("there is no token for GitHub");
    let ended = job().env("GITHUB_TOKEN", "ghs_nonsense").run();
    assert!([1, 3, 64].contains(&ended.run.code), "{:?}", ended.run);
    ended.says("token");
    nothing_written(&world);
    let may: Vec<(&str, &str)> = ALL.iter().copied().filter(|(name, _)| *name != "pull_requests").collect();
    world.forge.actions_token("ghs_less", &[&may[..], &[("pull_requests", "read")]].concat());
    let ended = job().env("GITHUB_TOKEN", "ghs_less").run();
    assert!([1, 3].contains(&ended.run.code), "{:?}", ended.run);
    ended.says("pull-requests: write");
    assert!(world.stickies(number).is_empty());
}

#[test]
fn a_branch_that_was_deleted_before_its_job() {
    let (world, number) = unseen();
    let tip = world.tip("feature");
    let push = world.forge.event_push("feature", None, Some(&tip), "ana");
    let opened = world.forge.event_pull(number, "opened", "ana");
    world.forge.move_branch(REPO, "feature", None);
    world.run("push", &push).done().says("branch feature does not exist any more");
    // its pull request is closed with it: there is no preview to remove
    world.run("pull_request", &opened).done();
    assert!(world.executed().is_empty());
    assert_eq!(world.aws.status("pr-1-app"), "");
}

#[test]
fn a_head_that_was_forced_away_before_its_job() {
    let (world, number) = unseen();
    let old = world.forge.event_pull(number, "opened", "ana");
    world.forge.move_branch(REPO, "feature", Some(&world.tip("main")));
    let head = world.push("feature", notes(75));
    world.run("pull_request", &old).done();
    assert!(world.deployments("pr-1").last().expect("one").starts_with(&format!("{} success", &head[..8])));
}

#[test]
fn a_repository_that_was_renamed() {
    let (world, number) = unseen();
    let opened = world.forge.event_pull(number, "opened", "ana");
    world.forge.rename(REPO, "papers");
    let ended = world.run("pull_request", &opened);
    assert!([0, 1].contains(&ended.run.code), "{:?}", ended.run);
    if ended.run.code == 1 {
        ended.says("moved");
    }
}

#[test]
fn a_comment_of_a_megabyte() {
    let (world, number) = unseen();
    let long = "/offshoot deploy prod\n".repeat(50_000);
    let id = world.forge.comment(number, "ana", "/offshoot help");
    let mut payload = world.forge.event_comment(number, id, "created", "ana");
    payload["comment"]["body"] = json!(long);
    let ended = world.run("issue_comment", &payload);
    assert!([0, 64].contains(&ended.run.code), "{:?}", ended.run.code);
    assert!(world.executed().is_empty());
    assert!(world.forge.comments(number).iter().all(|c| c.body.len() < 66_000));
    payload["comment"]["body"] = json!("x".repeat(1_000_000));
    world.run("issue_comment", &payload).done().says("no command");
}

#[test]
fn a_repository_without_rules() {
    let world = CiWorld::new();
    world.remove_file("main", "offshoot.yml");
    let number = world.pull("feature", notes(60));
    let ended = world.on_pull(number, "opened");
    assert!([0, 64].contains(&ended.run.code), "{:?}", ended.run);
    ended.says("offshoot.yml");
    assert!(world.executed().is_empty());
}

#[test]
fn rules_that_are_invalid_are_told_at_their_line() {
    let world = CiWorld::new().deployed();
    world.push_files("main", &[("offshoot.yml", &RULES.replace("apply: approved", "aply: approved"))]);
    let number = world.pull("feature", notes(60));
    world.forget();
    let ended = world.on_pull(number, "opened").wrong();
    ended.says("::error file=offshoot.yml,line=5,col=");
    assert_eq!(world.aws_writes(), "");
    shows!(world.sticky(number).body, @"
    <!-- offshoot:comment 9bafbc7c6b38 -->
    ### Stopped while reading offshoot.yml

    ```
    stages[0] has no key `aply`
    ```

    At `offshoot.yml:5:33`

    Next: did you mean `apply`?

    Nothing is planned or deployed for this pull request as long as that is so. The next push, or the next command in a comment, looks again.
    ");
    // once they are right, the same comment says what is so
    let id = world.sticky(number).id;
    world.push_files("main", &[("offshoot.yml", RULES)]);
    world.on_pull(number, "synchronize").done();
    assert_eq!(world.sticky(number).id, id);
    assert!(world.sticky(number).body.contains("`pr-1` is deployed"));
}

#[test]
fn a_pull_request_cannot_change_the_rules_for_itself() {
    let world = CiWorld::new().deployed();
    world.push_files("feature", &[("offshoot.yml", &RULES.replace("apply: approved", "apply: auto"))]);
    let number = world.pull("feature", notes(60));
    world.on_pull(number, "opened").done();
    world.forget();
    world.says(number, "ana", "/offshoot deploy prod").1.refused();
    assert!(world.executed().is_empty());
}

#[test]
fn a_fork_that_was_deleted() {
    let world = CiWorld::new().deployed();
    let number = world.fork(notes(60));
    world.forge.delete_repo("stranger/notes");
    let payload = world.forge.event_pull(number, "synchronize", "stranger");
    world.run("pull_request_target", &payload).done();
    assert!(world.aws.journal().is_empty(), "{}", world.aws.told());
    let body = world.sticky(number).body;
    assert!(body.contains("its repository was deleted"), "{body}");
    world.forge.close(number);
    world.run("pull_request_target", &world.forge.event_pull(number, "closed", "stranger")).done();
}

#[test]
fn a_comment_that_was_written_though_the_forge_said_otherwise() {
    for fault in [Fault::StatusAfterDoing(502), Fault::LostAnswer, Fault::Duplicate, Fault::Lagging(2)] {
        let (world, number) = unseen();
        world.forge.fault("POST issues/1/comments", fault.clone());
        world.on_pull(number, "opened").done();
        assert_eq!(world.forge.faults_left(), 0, "{fault:?}");
        world.on_pull(number, "synchronize").done();
        let body = world.sticky(number).body;
        assert!(body.contains("`pr-1` is deployed"), "{fault:?}\n{body}");
    }
}

#[test]
fn deployments_and_checks_that_were_made_though_the_forge_said_otherwise() {
    for fault in [Fault::StatusAfterDoing(502), Fault::LostAnswer] {
        let (world, number) = unseen();
        world.forge.fault("POST check-runs", fault.clone());
        world.forge.fault("POST /deployments", fault.clone());
        world.on_pull(number, "opened").done();
        assert_eq!(world.forge.faults_left(), 0, "{fault:?}");
        assert_eq!(world.deployments("pr-1").len(), 1, "{fault:?}");
        assert_eq!(world.forge.checks(&world.tip("feature")).len(), 2, "{fault:?}");
    }
}

#[test]
fn a_limit_that_is_over_in_a_second() {
    let (world, number) = unseen();
    world.forge.fault("POST issues/1/comments", Fault::Secondary { retry_after_s: 1 });
    world.on_pull(number, "opened").done();
    assert_eq!(world.forge.faults_left(), 0);
    assert!(world.sticky(number).body.contains("`pr-1` is deployed"));
}

#[test]
fn a_forge_that_is_not_there_for_a_moment() {
    let (world, number) = unseen();
    world.forge.fault_times("GET", Fault::Status(502), 2);
    world.forge.fault("PATCH", Fault::Reset);
    world.on_pull(number, "opened").done();
    assert!(world.sticky(number).body.contains("`pr-1` is deployed"));
}

#[test]
fn a_forge_that_stays_away_fails_the_job_and_the_next_one_says_all() {
    let (world, number) = unseen();
    world.forge.fault_times("issues/1/comments", Fault::Status(503), 1_000);
    world.on_pull(number, "opened").failed().says("503");
    assert_eq!(world.aws.status("pr-1-app"), "CREATE_COMPLETE");
    world.forge.clear_faults();
    world.on_pull(number, "synchronize").done();
    assert!(world.sticky(number).body.contains("`pr-1` is deployed"));
    assert_eq!(world.executed().len(), 1);
}

#[test]
fn a_stack_that_fails_is_told_with_its_cause() {
    let world = CiWorld::new().deployed();
    world.aws.fail_resource("pr-1-app", "Queue", "Resource limit exceeded");
    let number = world.pull("feature", notes(60));
    world.on_pull(number, "opened").failed();
    shows!(world.sticky(number).body, @r#"
    <!-- offshoot:comment 9bafbc7c6b38 -->
    **2 stages: `pr-1` could not be deployed; `prod` would change: 1 stack to update, needs 1 approval.**

    | | Stage | State | Commit | Changes | Expires |
    |---|---|---|---|---|---|
    | ❌ | `pr-1` | deploy failed | `[commit]` | +1 | [time] |
    | ✋ | `prod` | needs approval | `[commit]` | ~1 |  |

    **`pr-1`: `pr-1-app` failed at `Queue` (`AWS::SQS::Queue`)**

    ```
    Resource limit exceeded
    ```

    State: its creation was rolled back: nothing runs

    Next: fix the cause, then deploy again; the empty stack is deleted and created anew

    [The whole log](<http://[forge]/acme/notes/actions/runs/7000000001/attempts/1>)

    `prod`: 1 approval missing, from anyone who may write here.

    <details><summary><b><code>pr-1</code></b>: 1 stack to create</summary>

    Plan `[digest]` of commit `[commit]` on base `[commit]`, account `111111111111`, `us-east-1`.

    **Last deploy**

    | | Stack | Result | |
    |---|---|---|---|
    | ❌ | `pr-1-app` | failed | ROLLBACK\_COMPLETE |

    | | Stack | Action | Resources | Why |
    |---|---|---|---|---|
    | 🌱 | `pr-1-app` | create | +1 | the stack does not exist |

    <details open><summary>+ <code>pr-1-app</code>: create (+1)</summary>

    | | Resource | Type | |
    |---|---|---|---|
    | + | `Queue` | `AWS::SQS::Queue` | is added |

    **Outputs**

    | Output | Before | After |
    |---|---|---|
    | `Url` |  | <https://pr-1.example.com> |

    </details>

    </details>

    <details><summary><b><code>prod</code></b>: 1 stack to update</summary>

    Plan `[digest]` of commit `[commit]` on base `[commit]`, account `111111111111`, `us-east-1`.

    | | Stack | Action | Resources | Why |
    |---|---|---|---|---|
    |  | `prod-app` | update | ~1 | the template changed |

    <details open><summary>~ <code>prod-app</code>: update (~1)</summary>

    | | Resource | Type | |
    |---|---|---|---|
    | ~ | `Queue` | `AWS::SQS::Queue` | is modified |

    ```diff
    @@ Queue @@
    - VisibilityTimeout: "30"
    + VisibilityTimeout: "60"
    ```

    </details>

    </details>

    **What to type next**

    - `/offshoot retry pr-1`: tries the same commit again
    - `/offshoot approve prod`: approves exactly this plan; asked of anyone who may write here
    - `/offshoot deploy prod`: deploys it, once approved

    <details><summary>All commands</summary>

    `/offshoot help` lists them. A command stands on a line of its own in a comment and may name a stage: `/offshoot plan prod`.

    </details>
    "#);
    assert_eq!(world.checks(&world.tip("feature"))[0], "offshoot / notes / preview: failure");
    assert!(world.deployments("pr-1")[0].contains("failure"));
    // the same event once more, when the cause is gone
    world.aws.heal("pr-1-app");
    world.on_pull(number, "opened").done();
    assert_eq!(world.aws.status("pr-1-app"), "CREATE_COMPLETE");
}

#[test]
fn without_comments_only_checks_and_deployments_are_told() {
    let (world, number) = unseen();
    let payload = world.forge.event_pull(number, "opened", "ana");
    world.job("pull_request", &payload).env("OFFSHOOT_INPUT_COMMENT", "false").run().done();
    assert!(world.forge.comments(number).is_empty());
    assert_eq!(world.deployments("pr-1").len(), 1);
}
