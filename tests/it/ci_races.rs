//! Jobs that run at the same time, in the wrong order, or are killed: what they leave is as if one had run to its end.

use crate::fake::Call;
use crate::world::ci::{CiWorld, notes};
use crate::world::run::signal;

fn short(sha: &str) -> &str {
    &sha[..8]
}

fn executed_of(world: &CiWorld, stack: &str) -> usize {
    let of = |call: &&Call| call.param("StackName").contains(stack);
    world.aws.calls("cloudformation", "ExecuteChangeSet").iter().filter(of).count()
}

#[test]
fn two_jobs_of_one_opening_leave_one_of_everything() {
    let world = CiWorld::new().deployed();
    let number = world.pull("feature", notes(60));
    let payload = world.forge.event_pull(number, "opened", "ana");
    let both = [(); 2].map(|()| world.job("pull_request", &payload).elsewhere().start());
    for job in both {
        job.end().done();
    }
    let head = world.tip("feature");
    assert_eq!(world.stickies(number).len(), 1);
    assert_eq!(executed_of(&world, "pr-1-app"), 1, "{}", world.aws.told());
    assert_eq!(world.deployments("pr-1"), [format!("{} success https://pr-1.example.com", short(&head))]);
    assert_eq!(
        world.checks(&head),
        ["offshoot / notes / preview: success", "offshoot / notes / prod: action_required"]
    );
    let body = world.sticky(number).body;
    assert!(body.contains("`pr-1` is deployed") && body.contains("needs 1 approval"), "{body}");
}

#[test]
fn two_jobs_of_one_push_edit_one_comment() {
    let world = CiWorld::new().deployed();
    let number = world.pull("feature", notes(60));
    world.on_pull(number, "opened").done();
    let comment = world.sticky(number).id;
    world.forget();
    let head = world.push("feature", notes(90));
    let payload = world.forge.event_pull(number, "synchronize", "ana");
    let all = [(); 3].map(|()| world.job("pull_request", &payload).elsewhere().start());
    for job in all {
        job.end().done();
    }
    assert_eq!(world.sticky(number).id, comment);
    assert_eq!(executed_of(&world, "pr-1-app"), 1, "{}", world.aws.told());
    let deployments = world.deployments("pr-1");
    assert_eq!(deployments.len(), 2, "{deployments:?}");
    assert_eq!(deployments[1], format!("{} success https://pr-1.example.com", short(&head)));
}

#[test]
fn two_deploys_by_comment_execute_one_change_set() {
    let world = CiWorld::new().deployed();
    let number = world.pull("feature", notes(60));
    world.on_pull(number, "opened").done();
    world.says(number, "ben", "/offshoot approve prod").1.done();
    world.forget();
    let jobs = ["ana", "ben"].map(|login| {
        let id = world.forge.comment(number, login, "/offshoot deploy prod");
        let payload = world.forge.event_comment(number, id, "created", login);
        world.job("issue_comment", &payload).elsewhere().start()
    });
    for job in jobs {
        job.end().done();
    }
    assert_eq!(world.executed().len(), 1, "{}", world.aws.told());
    assert!(
        world.sticky(number).body.contains("`prod` are deployed") || world.sticky(number).body.contains("deployed")
    );
}

#[test]
fn the_job_of_an_older_push_deploys_the_newest() {
    let world = CiWorld::new().deployed();
    let number = world.pull("feature", notes(60));
    let old = world.forge.event_pull(number, "opened", "ana");
    let head = world.push("feature", notes(90));
    let new = world.forge.event_pull(number, "synchronize", "ana");
    world.run("pull_request", &new).done();
    world.forget();
    // it comes late, and finds all done
    world.run("pull_request", &old).done();
    assert_eq!((world.forge_writes(), world.aws_writes()), (String::new(), String::new()));
    assert!(world.deployments("pr-1").last().expect("one").starts_with(short(&head)));
}

#[test]
fn closed_and_reopened_while_it_is_removed_ends_with_a_preview() {
    let world = CiWorld::new().deployed();
    let number = world.pull("feature", notes(60));
    world.on_pull(number, "opened").done();
    world.forge.close(number);
    let hub = world.forge.hub();
    let deletes = |call: &Call| call.operation == "DeleteStack";
    world.aws.after(1, deletes, move || hub.reopen(number));
    world.on_pull(number, "closed").done();
    assert_eq!(world.aws.status("pr-1-app"), "CREATE_COMPLETE");
    let body = world.sticky(number).body;
    assert!(body.contains("`pr-1` is deployed"), "{body}");
    assert!(world.deployments("pr-1").last().expect("one").contains("success"));
}

#[test]
fn events_of_closing_reopening_and_pushing_in_any_order_end_as_the_pull_request_is() {
    let world = CiWorld::new().deployed();
    let number = world.pull("feature", notes(60));
    let opened = world.forge.event_pull(number, "opened", "ana");
    world.run("pull_request", &opened).done();
    world.forge.close(number);
    let closed = world.forge.event_pull(number, "closed", "ana");
    world.forge.reopen(number);
    let reopened = world.forge.event_pull(number, "reopened", "ana");
    let head = world.push("feature", notes(90));
    let pushed = world.forge.event_pull(number, "synchronize", "ana");
    let all = [&reopened, &pushed, &closed, &opened].map(|e| world.job("pull_request", e).elsewhere().start());
    for job in all {
        job.end().done();
    }
    assert_eq!(world.aws.status("pr-1-app"), "UPDATE_COMPLETE");
    assert_eq!(executed_of(&world, "pr-1-app"), 2, "{}", world.aws.told());
    assert!(world.deployments("pr-1").last().expect("one").starts_with(&format!("{} success", short(&head))));
    assert_eq!(world.stickies(number).len(), 1);
}

#[test]
fn closed_while_it_is_deployed_ends_without_a_preview() {
    let world = CiWorld::new().deployed();
    let number = world.pull("feature", notes(60));
    let opened = world.forge.event_pull(number, "opened", "ana");
    let hub = world.forge.hub();
    let executes = |call: &Call| call.operation == "ExecuteChangeSet" && call.param("StackName").contains("pr-1");
    world.aws.after(1, executes, move || hub.close(number));
    world.run("pull_request", &opened).done();
    // whoever comes last leaves nothing, also without the event of the closing
    assert_eq!(world.aws.status("pr-1-app"), "DELETE_COMPLETE");
    assert!(world.sticky(number).body.contains("`pr-1` is removed"), "{}", world.sticky(number).body);
    assert!(world.deployments("pr-1").last().expect("one").contains("inactive"));
}

#[test]
fn pushed_to_while_it_is_deployed_ends_with_the_newest() {
    let world = CiWorld::new().deployed();
    let number = world.pull("feature", notes(60));
    let opened = world.forge.event_pull(number, "opened", "ana");
    // the next commit lies ready
    let next = world.push("next", notes(90));
    let hub = world.forge.hub();
    let executes = |call: &Call| call.operation == "ExecuteChangeSet" && call.param("StackName").contains("pr-1");
    let moved = next.clone();
    world.aws.after(1, executes, move || hub.move_branch(crate::world::ci::REPO, "feature", Some(&moved)));
    world.run("pull_request", &opened).done();
    assert_eq!(world.aws.status("pr-1-app"), "UPDATE_COMPLETE");
    assert!(world.deployments("pr-1").last().expect("one").starts_with(&format!("{} success", short(&next))));
    assert!(world.sticky(number).body.contains(short(&next)));
}

/// Kills the job of an opening right after the n-th call that counts; then the job runs again.
fn killed_after(n: usize, counts: impl Fn(&Call) -> bool + Send + 'static) -> (CiWorld, u64) {
    let world = CiWorld::new().deployed();
    let number = world.pull("feature", notes(60));
    let payload = world.forge.event_pull(number, "opened", "ana");
    let pid = std::sync::Arc::new(std::sync::OnceLock::new());
    let known = pid.clone();
    world.aws.after(n, counts, move || signal(*known.wait(), rustix::process::Signal::KILL));
    let job = world.job("pull_request", &payload).start();
    pid.set(job.running.id()).expect("set once");
    assert_eq!(job.end().run.code, -1);
    world.forge.clear_journal();
    world.run("pull_request", &payload).done();
    (world, number)
}

#[test]
fn a_job_killed_while_it_deploys_is_continued_by_the_next() {
    let executes = |call: &Call| call.operation == "ExecuteChangeSet" && call.param("StackName").contains("pr-1");
    let (world, number) = killed_after(1, executes);
    let head = world.tip("feature");
    assert_eq!(executed_of(&world, "pr-1-app"), 1, "{}", world.aws.told());
    assert_eq!(world.aws.status("pr-1-app"), "CREATE_COMPLETE");
    assert_eq!(world.deployments("pr-1"), [format!("{} success https://pr-1.example.com", short(&head))]);
    assert_eq!(
        world.checks(&head),
        ["offshoot / notes / preview: success", "offshoot / notes / prod: action_required"]
    );
    assert!(world.sticky(number).body.contains("`pr-1` is deployed"), "{}", world.sticky(number).body);
}

#[test]
fn a_job_killed_before_it_deploys_is_done_again() {
    let creates = |call: &Call| call.operation == "CreateChangeSet" && call.param("StackName").contains("pr-1");
    let (world, number) = killed_after(1, creates);
    assert_eq!(executed_of(&world, "pr-1-app"), 1, "{}", world.aws.told());
    assert!(world.sticky(number).body.contains("`pr-1` is deployed"));
}
