//! Every example payload of GitHub through `offshoot ci`: each ends in words, with the code that the table of events says.

use std::collections::BTreeMap;
use std::sync::Mutex;

use serde_json::Value;

use crate::forge::PAYLOADS;
use crate::world::ci::{CiWorld, Job, RULES, SYNTH, TOKEN};
use crate::world::{app, queue, stack};

/// Ends that a job may have.
const CODES: &[i32] = &[0, 1, 3, 64];

fn examples() -> Vec<(usize, String, Value)> {
    let all: Vec<Value> = serde_json::from_str(PAYLOADS).expect("JSON");
    let of = |e: Value| (e["event"].as_str().expect("an event").to_owned(), e["payload"].clone());
    all.into_iter().enumerate().map(|(n, e)| (n, of(e))).map(|(n, (event, payload))| (n, event, payload)).collect()
}

/// What a payload is called in the table: its event, and its action.
fn title(event: &str, payload: &Value) -> String {
    match payload["action"].as_str() {
        Some(action) => format!("{event}.{action}"),
        None => event.to_owned(),
    }
}

/// Without what differs from payload to payload.
fn told(line: &str) -> String {
    let word = |word: &str| {
        let bare = word.trim_matches(|c: char| !c.is_ascii_alphanumeric() && c != '#' && c != '@');
        let hex =
            bare.len() >= 7 && bare.bytes().all(|b| b.is_ascii_hexdigit()) && bare.bytes().any(|b| b.is_ascii_digit());
        let kind = match bare.chars().next() {
            _ if hex => "[commit]",
            Some('#') => "#N",
            Some('@') => "@NAME",
            _ => return word.to_owned(),
        };
        word.replace(bare, kind)
    };
    line.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

/// One world per repository that the payloads name; it holds `main` and `master` and what else they may look for.
fn drive(repos: &[String], jobs: Vec<(String, String, Value)>) -> BTreeMap<String, BTreeMap<String, usize>> {
    let table: Mutex<BTreeMap<String, BTreeMap<String, usize>>> = Mutex::default();
    let jobs = Mutex::new(jobs);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let world = CiWorld::new();
                // one who may everything everywhere; a job's own token is good for its repository alone
                world.forge.person_token(TOKEN, "dan", &[]);
                for repo in repos {
                    world.forge.repo(repo, world.forge.bare(repo));
                    world.forge.role(repo, "dan", "admin");
                    world.push_files_to(repo, "main", &[("offshoot.yml", RULES), ("README.md", "Theirs.\n")]);
                    world.push_files_to(repo, "main", &[("app/synth.sh", SYNTH)]);
                    // all of them share one account, so that the stacks say whose they are
                    let own = |timeout_s: u32| {
                        let name = repo.replace('/', "-");
                        move |stage: &str| app().stack(stack(&format!("{stage}-{name}")).has("Queue", queue(timeout_s)))
                    };
                    world.push_to(repo, "main", own(30));
                    world.push_files_to(repo, "master", &[("offshoot.yml", RULES)]);
                    world.forge.set_home(repo);
                    for branch in ["first", "changes"] {
                        world.push_to(repo, branch, own(60));
                        world.forge.open(branch, "main", "dan");
                    }
                }
                loop {
                    let Some((event, repo, payload)) = jobs.lock().expect("the jobs").pop() else { break };
                    let title = title(&event, &payload);
                    let ended = job(&world, &event, &repo, &payload).run();
                    let text = format!("{}{}", ended.run.out, ended.run.err);
                    assert!(CODES.contains(&ended.run.code), "{title} ended with {}\n{text}", ended.run.code);
                    assert!(!text.contains("panicked"), "{title}\n{text}");
                    let says =
                        |line: &&str| line.starts_with("note: ") || line.starts_with("error: ") || line.contains(" → ");
                    let line = text.lines().find(says).unwrap_or("(nothing)");
                    let line = told(line).replace(world.forge.server_url(), "[forge]");
                    let row = format!("{} {line}", ended.run.code);
                    *table.lock().expect("the table").entry(title).or_default().entry(row).or_insert(0) += 1;
                }
            });
        }
    });
    table.into_inner().expect("the table")
}

fn job(world: &CiWorld, event: &str, repo: &str, payload: &Value) -> Job {
    world.job(event, payload).env("GITHUB_REPOSITORY", repo)
}

#[test]
fn every_example_payload_ends_in_words() {
    let examples = examples();
    let name = |payload: &Value| payload["repository"]["full_name"].as_str().map(str::to_owned);
    let mut repos: Vec<String> = examples.iter().filter_map(|(_, _, payload)| name(payload)).collect();
    repos.sort();
    repos.dedup();
    let jobs = examples
        .into_iter()
        .map(|(_, event, payload)| {
            let repo = name(&payload).unwrap_or_else(|| "acme/notes".to_owned());
            (event, repo, payload)
        })
        .collect();
    let table = drive(&repos, jobs);
    let mut lines = String::new();
    for (title, rows) in &table {
        for (row, times) in rows {
            lines.push_str(&format!("{title} ×{times}: {row}\n"));
        }
    }
    insta::assert_snapshot!(lines, @r#"
    check_run.completed ×3: 0 note: check_run: a check was completed; only its buttons matter
    check_run.created ×3: 0 note: check_run: a check was created; only its buttons matter
    check_run.requested_action ×1: 0 note: the button is not under a check of ours
    check_run.rerequested ×2: 0 note: the button is not under a check of ours
    check_suite.completed ×4: 0 note: check_suite: Offshoot has nothing to do for this event
    check_suite.requested ×3: 0 note: check_suite: Offshoot has nothing to do for this event
    check_suite.rerequested ×2: 0 note: check_suite: Offshoot has nothing to do for this event
    create ×5: 0 note: create: Offshoot has nothing to do for this event
    delete ×4: 0 note: no rule of offshoot.yml is about tag simple-tag
    issue_comment.created ×5: 0 note: issue_comment: #N is an issue; commands are read on pull requests
    issue_comment.deleted ×2: 0 note: issue_comment: #N is an issue; commands are read on pull requests
    issue_comment.edited ×2: 0 note: issue_comment: #N is an issue; commands are read on pull requests
    merge_group.checks_requested ×2: 1 error: fetching commit [commit]: [forge]/octo-org/octo-repo.git does not have it: fatal: remote error:
    ping ×4: 0 note: ping: Offshoot has nothing to do for this event
    pull_request.assigned ×2: 0 note: this change of pull request #N says nothing about stages
    pull_request.closed ×2: 0 notes → pr-2 is deployed
    pull_request.converted_to_draft ×3: 0 notes → pr-2 is deployed
    pull_request.labeled ×2: 0 note: this change of pull request #N says nothing about stages
    pull_request.locked ×2: 0 note: this change of pull request #N says nothing about stages
    pull_request.opened ×4: 0 notes → pr-2 is deployed
    pull_request.ready_for_review ×3: 0 notes → pr-2 is deployed
    pull_request.reopened ×2: 0 notes → pr-2 is deployed
    pull_request.review_request_removed ×1: 0 note: this change of pull request #N says nothing about stages
    pull_request.review_requested ×1: 0 note: this change of pull request #N says nothing about stages
    pull_request.synchronize ×1: 0 notes → pr-2 is deployed
    pull_request.unassigned ×2: 0 note: this change of pull request #N says nothing about stages
    pull_request.unlabeled ×2: 0 note: this change of pull request #N says nothing about stages
    pull_request.unlocked ×2: 0 note: this change of pull request #N says nothing about stages
    pull_request_review.dismissed ×1: 0 note: pull_request_review: Offshoot has nothing to do for this event
    pull_request_review.submitted ×3: 0 note: pull_request_review: Offshoot has nothing to do for this event
    push ×2: 0 note: no rule of offshoot.yml is about branch master
    push ×4: 0 note: tag simple-tag was deleted
    push ×1: 64 error: looking up tag "simple-tag": [forge]/Codertocat/Hello-World.git has no such tag
    workflow_dispatch ×1: 3 error: choosing the stage: no rule of offshoot.yml makes a stage of this
    workflow_dispatch ×1: 3 error: deploying stage prod: @NAME has no access to octo-org/octo-repo, and it takes write access
    "#);
}
