//! One run at a time: the stage's lock is held, expires, is taken over, is lost, is broken by a person.

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::world::run::signal;
use crate::world::{World, app, call, queue, shows, small_app, stack};

/// Somebody's lock; negative: it has expired.
fn lock(host: &str, pid: u32, left_s: i64) -> Value {
    let now = jiff::Timestamp::now().as_second();
    json!({"what": "deploy of prod at 12345678", "run": "other", "host": host, "pid": pid, "since_s": now - 120, "expires_s": now + left_s})
}

fn this_host() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname").expect("a host name").trim().to_owned()
}

#[test]
fn a_lock_that_is_held_refuses_and_says_by_whom() {
    let world = World::of(small_app());
    world.put_object("prod.lock", &lock("elsewhere", 7, 60));
    let run = world.run("deploy --quiet").refused();
    shows!(run.err, @"
    error: locking stage prod: deploy of prod at [commit] holds it (elsewhere, process 7, for 2 min)
    next: wait for it to end; if that run is gone for good: offshoot unlock --stage prod
    ");
    assert_eq!(world.object("prod.lock").expect("still there")["run"], "other");
    assert!(world.aws.calls("cloudformation", "ExecuteChangeSet").is_empty());
}

#[test]
fn an_expired_lock_is_taken_over() {
    let world = World::of(small_app());
    world.put_object("prod.lock", &lock("elsewhere", 7, -1));
    world.run("deploy").done();
    assert!(world.object("prod.lock").is_none());
}

#[test]
fn the_lock_of_a_dead_process_of_this_machine_is_taken_over() {
    let world = World::of(small_app());
    let dead = std::process::Command::new("true")
        .spawn()
        .map(|mut c| {
            let id = c.id();
            let _ = c.wait();
            id
        })
        .expect("a process");
    world.put_object("prod.lock", &lock(&this_host(), dead, 60));
    world.run("deploy").done();
}

#[test]
fn the_lock_of_a_living_process_of_this_machine_is_not() {
    let world = World::of(small_app());
    world.put_object("prod.lock", &lock(&this_host(), std::process::id(), 60));
    world.run("deploy").refused().says("holds it");
}

#[test]
fn a_lock_that_is_not_readable_is_taken_over() {
    let world = World::of(small_app());
    world.put_object("prod.lock", &json!("garbage"));
    world.run("deploy").done();
}

#[test]
fn a_run_that_loses_its_lock_begins_nothing_more() {
    let first = stack("prod-first").has("Queue", queue(30));
    let second = stack("prod-second").has("Queue", queue(30)).depends_on("prod-first");
    let third = stack("prod-third").has("Queue", queue(30));
    let world = World::of(app().stack(first).stack(second).stack(third));
    world.run("plan").done();
    world.aws.set_stuck("prod-third", true);
    let shared = world.aws.state.clone();
    let other = lock("elsewhere", 7, 60);
    let both = |call: &crate::fake::Call| {
        call.operation == "ExecuteChangeSet" && !call.param("StackName").contains("prod-second")
    };
    world.aws.after(2, both, move || {
        let mut state = shared.lock().expect("the state");
        let bucket = state.s3.buckets.get_mut(crate::world::BUCKET).expect("the bucket");
        let object = bucket.objects.get_mut("offshoot/notes/notes/prod.lock").expect("the lock");
        object.body = other.to_string().into_bytes();
        object.etag = "\"other\"".into();
    });
    let running = world.start("deploy");
    let looks = |aws: &crate::fake::FakeAws| {
        aws.calls("s3", "GetObject").iter().filter(|c| c.param("Key").ends_with("prod.lock")).count()
    };
    world.until("the lock is looked at again after the first stack", |aws| looks(aws) >= 3);
    world.aws.set_stuck("prod-third", false);
    let run = running.end().refused();
    run.says("somebody else has taken the lock").says("offshoot stages");
    let executed = world.aws.calls("cloudformation", "ExecuteChangeSet");
    assert!(!executed.iter().any(|call| call.param("StackName") == "prod-second"), "{}", world.aws.told());
    assert_eq!(world.object("prod.lock").expect("still theirs")["run"], "other");
    assert_eq!(world.aws.status("prod-third"), "CREATE_COMPLETE", "what ran is followed to its end");
}

#[test]
fn of_two_deploys_that_race_exactly_one_applies() {
    let world = World::of(small_app());
    let running = world.start_until("deploy", (1, call("PutObject", "prod.lock")), |pid| signal(pid, Signal::STOP));
    world.until("the first holds the lock", |aws| {
        !aws.calls("s3", "PutObject").iter().all(|c| !c.param("Key").ends_with("prod.lock"))
    });
    world.run("deploy").refused().says("deploy of prod at").says("holds it");
    signal(running.id(), Signal::CONT);
    running.end().done();
    let executed = world.aws.calls("cloudformation", "ExecuteChangeSet");
    assert_eq!(executed.len(), 1, "{}", world.aws.told());
}

#[test]
fn many_deploys_at_once_execute_once() {
    let world = World::of(small_app());
    let all: Vec<_> = (0..4).map(|_| world.start("deploy")).collect();
    let codes: Vec<i32> = all.into_iter().map(|running| running.end().code).collect();
    assert!(codes.contains(&0) && codes.iter().all(|code| [0, 3].contains(code)), "{codes:?}\n{}", world.aws.told());
    let executed = world.aws.calls("cloudformation", "ExecuteChangeSet");
    let done = executed.iter().filter(|call| call.outcome == crate::fake::journal::Outcome::Done).count();
    assert_eq!(done, 1, "{}", world.aws.told());
    assert_eq!(world.aws.status("prod-app"), "CREATE_COMPLETE");
}

#[test]
fn unlock_breaks_the_lock_and_says_whose_it_was() {
    let world = World::of(small_app());
    world.put_object("prod.lock", &lock("elsewhere", 7, 60));
    let run = world.run("unlock").done();
    shows!(run.out, @"Stage prod is unlocked. It was held by: deploy of prod at [commit] (elsewhere, process 7).");
    let run = world.run("unlock").done();
    shows!(run.out, @"Stage prod was not locked.");
    world.run("deploy").done();
}

#[test]
fn a_plan_needs_no_lock() {
    let world = World::of(small_app());
    world.put_object("prod.lock", &lock("elsewhere", 7, 60));
    world.run("plan").done();
}
