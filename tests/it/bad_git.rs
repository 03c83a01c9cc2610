//! Repositories in which there is nothing to deploy, or something that was not committed.

use crate::world::{World, app, queue, shows, small_app, stack};

#[test]
fn no_repository() {
    let world = World::of(small_app());
    let mut command = world.command(&["plan"]);
    command.current_dir(world.path("home"));
    let run = crate::world::Running::start(command, "plan").end().wrong();
    shows!(run.err, @"
    error: reading the work tree: [world]/home is in no git repository
    next: name a git repository with --repo, or go into one; a private one also looks missing without a token
    ");
    assert!(world.aws.journal().is_empty());
}

#[test]
fn a_repository_without_commits() {
    let world = World::empty();
    let run = world.run("plan").wrong();
    shows!(run.err, @"
    error: reading the work tree: [world]/notes has no commits yet
    next: make a first commit
    ");
}

#[test]
fn an_address_that_is_no_repository() {
    let world = World::of(small_app());
    let nowhere = world.path("nowhere").display().to_string();
    world.run(&format!("plan --repo {nowhere}")).wrong().says("there is no folder").says("name an existing folder");
}

#[test]
fn a_branch_that_does_not_exist() {
    let world = World::of(small_app());
    let run = world.run_elsewhere("plan --branch mian --repo");
    assert!([1, 64].contains(&run.code), "{}", run.code);
    shows!(run.err, @r#"
    error: looking up branch "mian": [world]/notes has no such branch
    next: did you mean main?
    "#);
    assert!(world.aws.journal().is_empty());
}

#[test]
fn a_commit_that_does_not_exist() {
    let world = World::of(small_app());
    let run = world.run_elsewhere("plan --rev 0123456789012345678901234567890123456789 --repo");
    assert!([1, 64].contains(&run.code), "{}", run.code);
    run.says("01234567");
}

#[test]
fn an_empty_repository_elsewhere() {
    let world = World::empty();
    let run = world.run_elsewhere("plan --repo");
    assert!([1, 64].contains(&run.code), "{}", run.code);
    shows!(run.err, @"
    error: looking up the default branch: [world]/notes has no commits yet
    next: push a first commit
    ");
}

#[test]
fn changes_that_are_not_committed_are_refused() {
    let world = World::of(small_app());
    app().stack(stack("prod-app").has("Queue", queue(60))).write(&world.repository().join("cdk.out"));
    let run = world.run("plan").refused();
    shows!(run.err, @"
    error: reading the work tree: not as in commit [commit]: cdk.out/manifest.json, cdk.out/prod-app.assets.json,
           cdk.out/prod-app.template.json
    next: commit the changes, or pass --dirty to take them along
    ");
    assert!(world.aws.journal().is_empty());
}

#[test]
fn with_dirty_they_are_taken_along_and_said() {
    let world = World::of(small_app());
    world.write("notes.txt", "not committed");
    let run = world.run("plan --dirty").done();
    shows!(run.out, @"
    notes → prod
    revision [commit] of notes with uncommitted changes, account 111111111111, us-east-1

    1 stack to create.

    + prod-app: create (+1)
      the stack does not exist
      + Queue  SQS::Queue

    note: the work tree is dirty, not as in commit [commit]: notes.txt

    Plan [digest] is not deployed yet. To deploy exactly this:
      offshoot deploy --plan [digest] --dirty
    ");
    world.run("deploy --dirty").done();
    assert_eq!(world.state().expect("a state")["dirty"], true);
}

#[test]
fn a_detached_head_needs_the_name_of_the_stage() {
    let world = World::of(small_app());
    let repo = git2::Repository::open(world.repository()).expect("the repository");
    repo.set_head_detached(repo.head().expect("a head").target().expect("a commit")).expect("detached");
    world.run("plan").wrong().says("is on no branch").says("--stage");
    world.run("plan --stage prod").done();
}
