//! Every example payload of GitHub through `offshoot ci`: each ends in words, with the code that the table of events says.

use std::collections::BTreeMap;
use std::sync::Mutex;

use serde_json::Value;

use crate::forge::PAYLOADS;
use crate::world::ci::{CiWorld, Job, RULES, TOKEN};

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
    let queue = Mutex::new(jobs);
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
                    world.push_files_to(repo, "master", &[("offshoot.yml", RULES)]);
                    world.forge.set_home(repo);
                    for branch in ["first", "changes"] {
                        world.push_files_to(repo, branch, &[("more.md", "More.\n")]);
                        world.forge.open(branch, "main", "dan");
                    }
                }
                loop {
                    let Some((event, repo, payload)) = queue.lock().expect("the queue").pop() else { break };
                    let title = title(&event, &payload);
                    let ended = job(&world, &event, &repo, &payload).run();
                    let text = format!("{}{}", ended.run.out, ended.run.err);
                    assert!(CODES.contains(&ended.run.code), "{title} ended with {}\n{text}", ended.run.code);
                    assert!(!text.contains("panicked"), "{title}\n{text}");
                    let says = |line: &&str| line.starts_with("note: ") || line.starts_with("error: ");
                    let line = text.lines().find(says).unwrap_or("(nothing)");
                    let row = format!("{} {}", ended.run.code, told(line));
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
    insta::assert_snapshot!(lines, @"");
}
