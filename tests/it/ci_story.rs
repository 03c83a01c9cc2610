//! The life of a pull request: what people read, what the forge shows and what AWS was asked, from opened to closed.

use crate::world::ci::{CiWorld, notes};
use crate::world::shows;

fn short(sha: &str) -> &str {
    &sha[..8]
}

#[test]
fn a_first_push_asks_for_an_approval_and_deploys_nothing() {
    let world = CiWorld::new();
    let ended = world.pushed("main").done().says("waits for approval");
    assert!(world.executed().is_empty(), "{}", world.aws.told());
    assert_eq!(ended.outputs["stage"], "prod");
    assert_eq!(ended.outputs["has-changes"], "true");
    assert_eq!(world.checks(&world.tip("main")), ["offshoot / notes / prod: action_required"]);
    assert!(world.deployments("prod").is_empty());
}

#[test]
fn an_opened_pull_request_gets_its_preview_and_one_comment() {
    let world = CiWorld::new().deployed();
    let number = world.pull("feature", notes(60));
    let head = world.tip("feature");
    let ended = world.on_pull(number, "opened").done();
    assert_eq!(world.aws.status("pr-1-app"), "CREATE_COMPLETE");
    assert_eq!(
        world.checks(&head),
        ["offshoot / notes / preview: success", "offshoot / notes / prod: action_required"]
    );
    assert_eq!(world.deployments("pr-1"), [format!("{} success https://pr-1.example.com", short(&head))]);
    assert_eq!(ended.outputs["stage"], "pr-1");
    assert_eq!(ended.outputs["stage-url"], "https://pr-1.example.com");
    shows!(world.sticky(number).body, @r#"
    <!-- offshoot:comment 9bafbc7c6b38 -->
    **2 stages: `pr-1` is deployed; `prod` would change: 1 stack to update, needs 1 approval.**

    | | Stage | State | Commit | Changes | URL | Expires |
    |---|---|---|---|---|---|---|
    | ✅ | `pr-1` | deployed | `[commit]` | +1 | <https://pr-1.example.com> | [time] |
    | ✋ | `prod` | needs approval | `[commit]` | ~1 |  |  |

    `prod`: 1 approval missing, from anyone who may write here.

    <details><summary><b><code>pr-1</code></b>: 1 stack deployed</summary>

    Plan `[digest]` of commit `[commit]` on base `[commit]`, account `111111111111`, `us-east-1`.

    | | Stack | Action | Resources | Why |
    |---|---|---|---|---|
    | 🌱 | `pr-1-app` | create | +1 | the stack does not exist |

    <details open><summary>+ <code>pr-1-app</code>: create (+1)</summary>

    | | Resource | Type | |
    |---|---|---|---|
    | + | `Queue` | `AWS::SQS::Queue` | is added |

    </details>

    **Outputs now**

    | Stack | Output | Value |
    |---|---|---|
    | `pr-1-app` | `Url` | <https://pr-1.example.com> |

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

    - `/offshoot approve prod`: approves exactly this plan; asked of anyone who may write here
    - `/offshoot deploy prod`: deploys it, once approved
    - `/offshoot extend 24h`: keeps the preview a day longer
    - `/offshoot remove`: removes the preview now; closing the pull request does it too

    <details><summary>All commands</summary>

    `/offshoot help` lists them. A command stands on a line of its own in a comment and may name a stage: `/offshoot plan prod`.

    </details>
    "#);
}

#[test]
fn a_second_push_edits_the_same_comment() {
    let world = CiWorld::new().deployed();
    let number = world.pull("feature", notes(60));
    world.on_pull(number, "opened").done();
    let first = world.sticky(number);
    let head = world.push("feature", notes(90));
    world.on_pull(number, "synchronize").done();
    let second = world.sticky(number);
    assert_eq!(second.id, first.id);
    assert_ne!(second.body, first.body);
    assert!(second.body.contains(short(&head)), "{}", second.body);
    let deployments = world.deployments("pr-1");
    assert_eq!(deployments.len(), 2);
    assert_eq!(deployments[1], format!("{} success https://pr-1.example.com", short(&head)));
    assert!(deployments[0].contains("inactive"), "{deployments:?}");
}

#[test]
fn a_run_that_finds_nothing_new_writes_nothing() {
    let world = CiWorld::new().deployed();
    let number = world.pull("feature", notes(60));
    world.on_pull(number, "opened").done();
    for action in ["synchronize", "reopened"] {
        world.forget();
        world.on_pull(number, action).done();
        assert_eq!(world.forge_writes(), "", "{action}");
        assert_eq!(world.aws_writes(), "", "{action}");
    }
}

#[test]
fn who_may_not_write_may_not_deploy() {
    let world = CiWorld::new().deployed();
    let number = world.pull("feature", notes(60));
    world.on_pull(number, "opened").done();
    world.forget();
    let (id, _) = world.says(number, "cleo", "/offshoot deploy prod");
    assert_eq!(world.aws.journal().len(), 0, "{}", world.aws.told());
    assert_eq!(world.forge.reactions(id), ["github-actions[bot] confused"]);
    shows!(world.reply(number, id), @"
    `cleo`: `/offshoot deploy prod` was not carried out: @&#8203;cleo has only read access to acme/notes, and it takes write access.

    Next: ask somebody with write access to acme/notes.
    ");
}

/// A pull request with its preview, whose plan of prod ana has seen.
fn seen() -> (CiWorld, u64) {
    let world = CiWorld::new().deployed();
    let number = world.pull("feature", notes(60));
    world.on_pull(number, "opened").done();
    world.forget();
    (world, number)
}

#[test]
fn the_reviewed_change_set_is_executed_and_no_other() {
    let (world, number) = seen();
    let reviewed: Vec<String> = world.change_sets("prod-app");
    assert_eq!(reviewed.len(), 1, "{reviewed:?}");

    let (id, ended) = world.says(number, "ana", "/offshoot deploy prod");
    ended.refused();
    assert_eq!(world.forge.reactions(id), ["github-actions[bot] confused"]);
    shows!(world.reply(number, id), @"
    `ana`: `/offshoot deploy prod` was not carried out: its plan needs 1 more approval, from anyone who may write.

    Next: read the plan; somebody who may then types: /offshoot approve prod.
    ");

    let (id, ended) = world.says(number, "ana", "/offshoot approve prod");
    ended.refused();
    shows!(world.reply(number, id), @"
    `ana`: `/offshoot approve prod` was not carried out: @&#8203;ana is the author of the pull request, who does not approve it.

    Next: ask somebody else to look at the plan and approve it.
    ");

    let (id, ended) = world.says(number, "ben", "/offshoot approve prod");
    ended.done();
    assert_eq!(world.forge.reactions(id), ["github-actions[bot] rocket"]);
    shows!(world.reply(number, id), @"`ben`: plan `[digest]` of `prod` is approved and may be deployed.");
    assert!(world.executed().is_empty());

    let (id, ended) = world.says(number, "ana", "/offshoot deploy prod");
    ended.done();
    assert_eq!(world.forge.reactions(id), ["github-actions[bot] rocket"]);
    assert_eq!(world.executed(), reviewed);
    assert_eq!(world.made_change_sets(), 0, "{}", world.aws.told());
    assert_eq!(world.deployments("prod").len(), 2);
    shows!(world.sticky(number).body, @r#"
    <!-- offshoot:comment 9bafbc7c6b38 -->
    **2 stages: `pr-1` and `prod` are deployed.**

    | | Stage | State | Commit | Changes | URL | Expires |
    |---|---|---|---|---|---|---|
    | ✅ | `pr-1` | deployed | `[commit]` | +1 | <https://pr-1.example.com> | [time] |
    | ✅ | `prod` | deployed | `[commit]` | ~1 | <https://prod.example.com> |  |

    `prod`: approved by `@ben`.

    <details><summary><b><code>pr-1</code></b>: 1 stack deployed</summary>

    Plan `[digest]` of commit `[commit]` on base `[commit]`, account `111111111111`, `us-east-1`.

    | | Stack | Action | Resources | Why |
    |---|---|---|---|---|
    | 🌱 | `pr-1-app` | create | +1 | the stack does not exist |

    <details open><summary>+ <code>pr-1-app</code>: create (+1)</summary>

    | | Resource | Type | |
    |---|---|---|---|
    | + | `Queue` | `AWS::SQS::Queue` | is added |

    </details>

    **Outputs now**

    | Stack | Output | Value |
    |---|---|---|
    | `pr-1-app` | `Url` | <https://pr-1.example.com> |

    </details>

    <details><summary><b><code>prod</code></b>: 1 stack deployed</summary>

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

    **Outputs now**

    | Stack | Output | Value |
    |---|---|---|
    | `prod-app` | `Url` | <https://prod.example.com> |

    </details>

    **What to type next**

    - `/offshoot extend 24h`: keeps the preview a day longer
    - `/offshoot remove`: removes the preview now; closing the pull request does it too

    <details><summary>All commands</summary>

    `/offshoot help` lists them. A command stands on a line of its own in a comment and may name a stage: `/offshoot plan prod`.

    </details>
    "#);

    // the job of the same comment, started once more
    world.forget();
    world.heard(number, id, "ana").done();
    assert_eq!((world.forge_writes(), world.aws_writes()), (String::new(), String::new()));

    // merged: what the branch says is deployed already
    let merged = world.forge.merge(number, "merge", "ben");
    world.forget();
    world.pushed("main").done();
    assert!(world.executed().is_empty(), "{}", world.aws.told());
    assert_eq!(world.checks(&merged), ["offshoot / notes / prod: neutral"]);
}

#[test]
fn what_was_approved_is_executed_when_it_is_merged() {
    let (world, number) = seen();
    let reviewed = world.change_sets("prod-app");
    world.says(number, "ben", "/offshoot approve prod").1.done();
    world.forge.merge(number, "merge", "ben");
    world.forget();
    world.pushed("main").done();
    assert_eq!(world.executed(), reviewed);
    assert_eq!(world.made_change_sets(), 0, "{}", world.aws.told());
    assert_eq!(world.sticky(number).body.matches("offshoot approve").count(), 0);
}

#[test]
fn what_was_not_approved_waits_after_the_merge_and_is_approved_then() {
    let (world, number) = seen();
    let merged = world.forge.merge(number, "squash", "ben");
    world.pushed("main").done().says("waits for approval");
    assert!(world.executed().is_empty());
    assert_eq!(world.checks(&merged), ["offshoot / notes / prod: action_required"]);
    world.on_pull(number, "closed").done();
    let (id, ended) = world.says(number, "ben", "/offshoot approve prod");
    ended.done();
    shows!(world.reply(number, id), @"`ben`: plan `[digest]` of `prod` is approved and may be deployed.");
    world.forget();
    world.says(number, "ben", "/offshoot deploy prod").1.done();
    assert_eq!(world.executed().len(), 1, "{}", world.aws.told());
    shows!(world.sticky(number).body, @r#"
    <!-- offshoot:comment 9bafbc7c6b38 -->
    **2 stages: `pr-1` is removed; `prod` is deployed.**

    | | Stage | State | Commit | Changes | URL |
    |---|---|---|---|---|---|
    | 🗑️ | `pr-1` | removed | `[commit]` |  |  |
    | ✅ | `prod` | deployed | `[commit]` | ~1 | <https://prod.example.com> |

    `prod`: approved by `@ben`.

    <details><summary><b><code>prod</code></b>: 1 stack deployed</summary>

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

    **Outputs now**

    | Stack | Output | Value |
    |---|---|---|
    | `prod-app` | `Url` | <https://prod.example.com> |

    </details>

    <details><summary>All commands</summary>

    `/offshoot help` lists them. A command stands on a line of its own in a comment and may name a stage: `/offshoot plan prod`.

    </details>
    "#);
}

#[test]
fn closing_removes_the_preview() {
    let (world, number) = seen();
    let head = world.tip("feature");
    world.forge.close(number);
    world.on_pull(number, "closed").done();
    assert_eq!(world.aws.status("pr-1-app"), "DELETE_COMPLETE");
    assert_eq!(world.deployments("pr-1"), [format!("{} inactive", short(&head))]);
    shows!(world.sticky(number).body, @r#"
    <!-- offshoot:comment 9bafbc7c6b38 -->
    **2 stages: `pr-1` is removed; `prod` was cancelled.**

    | | Stage | State | Commit | Changes |
    |---|---|---|---|---|
    | 🗑️ | `pr-1` | removed | `[commit]` |  |
    | 🚫 | `prod` | cancelled | `[commit]` | ~1 |

    `prod`: the pull request was closed without merging.

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

    <details><summary>All commands</summary>

    `/offshoot help` lists them. A command stands on a line of its own in a comment and may name a stage: `/offshoot plan prod`.

    </details>
    "#);
    // once more, nothing is left to do
    world.forget();
    world.on_pull(number, "closed").done();
    assert_eq!(world.forge_writes(), "");
    let locks = |line: &str| line.contains(".lock");
    assert!(world.aws_writes().lines().all(locks), "{}", world.aws_writes());
}

#[test]
fn a_reopened_pull_request_gets_its_preview_again() {
    let (world, number) = seen();
    let comment = world.sticky(number).id;
    world.forge.close(number);
    world.on_pull(number, "closed").done();
    world.forge.reopen(number);
    world.on_pull(number, "reopened").done();
    assert_eq!(world.aws.status("pr-1-app"), "CREATE_COMPLETE");
    assert_eq!(world.sticky(number).id, comment);
    assert!(world.deployments("pr-1").last().expect("one").contains("success"));
}
