//! The fake GitHub's pull requests, files and payloads.

use std::process::Command;

use serde_json::{Value, json};

use super::{REPO, TOKEN, forge};
use crate::forge::state::PullState;

#[test]
fn pull_requests_follow_their_branches() {
    let forge = forge();
    let own = format!("/pulls/{}", forge.pull);
    let pull = forge.get(&own).json();
    assert_eq!(
        (&pull["head"]["sha"], &pull["mergeable"], &pull["changed_files"]),
        (&json!(forge.head), &json!(true), &json!(1))
    );
    let pushed = forge.fake.push_file(REPO, "feature", "app/b.txt", "b\n");
    assert_eq!(forge.get(&own).json()["head"]["sha"], pushed);
    let event = forge.fake.event_pull(forge.pull, "synchronize", "ann");
    assert_eq!((&event["before"], &event["after"]), (&json!(forge.head), &json!(pushed)));
    let files = forge.get(&format!("{own}/files")).json();
    assert_eq!(
        (&files[0]["filename"], &files[0]["additions"], &files[1]["filename"]),
        (&json!("app/a.txt"), &json!(2), &json!("app/b.txt"))
    );
    let moved = forge.fake.push_file(REPO, "main", "c.txt", "c\n");
    let compared = forge.get(&format!("/compare/{moved}...feature")).json();
    assert_eq!(
        (&compared["ahead_by"], &compared["behind_by"], &compared["status"]),
        (&json!(2), &json!(1), &json!("diverged"))
    );
    assert_eq!(forge.ask("PUT", &format!("{own}/merge"), json!({"sha": forge.head})).status, 409);
    let merged = forge.ask("PUT", &format!("{own}/merge"), json!({"sha": pushed})).json();
    assert_eq!(forge.fake.tip("main").as_deref(), merged["sha"].as_str());
    assert_eq!(forge.fake.pull_state(forge.pull), PullState::Merged);
    let of = forge.get(&format!("/commits/{}/pulls", merged["sha"].as_str().expect("a commit"))).json();
    assert_eq!(of[0]["number"], forge.pull);
    let push = forge.fake.event_push("main", Some(&moved), merged["sha"].as_str(), "ann");
    assert_eq!((push["commits"].as_array().map(Vec::len), &push["forced"]), (Some(3), &json!(false)));
    assert_eq!(forge.get("/git/ref/heads/feature").json()["object"]["sha"], pushed);
    assert_eq!(forge.get("/git/ref/heads/nothing").status, 404);
}

#[test]
fn forks_may_vanish_and_repositories_move() {
    let forge = forge();
    let fake = &forge.fake;
    fake.fork(REPO, "stranger/notes", fake.bare("stranger/notes"));
    let copied = Command::new("git")
        .args(["push", "-q"])
        .arg(fake.bare("stranger/notes"))
        .args(["refs/heads/main:refs/heads/main"])
        .current_dir(fake.bare(REPO))
        .status();
    assert!(copied.expect("git").success());
    let head = fake.push_file("stranger/notes", "patch", "evil.txt", "x");
    let number = fake.open("stranger:patch", "main", "stranger");
    let own = format!("/pulls/{number}");
    assert_eq!(forge.get(&own).json()["head"]["repo"]["full_name"], "stranger/notes");
    fake.delete_repo("stranger/notes");
    let orphan = forge.get(&own).json();
    assert_eq!(
        (&orphan["head"]["repo"], &orphan["head"]["sha"], &orphan["state"]),
        (&Value::Null, &json!(head), &json!("open"))
    );
    fake.rename(REPO, "papers");
    let moved = forge.get("/branches/main");
    assert_eq!((moved.status, moved.json()["message"].as_str()), (301, Some("Moved Permanently")));
    let there = moved.header("location").expect("a location").trim_start_matches(fake.server_url()).to_owned();
    let bearer = format!("Bearer {TOKEN}");
    let found = forge.send(("GET", &there), &[("authorization", &bearer)], "").expect("an answer");
    assert_eq!((found.status, &found.json()["commit"]["sha"]), (200, &json!(forge.main)));
}

#[test]
fn pull_requests_are_opened_listed_closed_and_reopened() {
    let forge = forge();
    forge.fake.push_file(REPO, "other", "o.txt", "o");
    let made = forge.ask("POST", "/pulls", json!({"head": "other", "base": "main", "title": "T", "draft": true}));
    assert_eq!((made.status, &made.json()["draft"]), (201, &json!(true)));
    assert_eq!(forge.ask("POST", "/pulls", json!({"head": "other", "base": "main", "title": "T"})).status, 422);
    let numbers = |path: &str| -> Vec<u64> {
        forge.get(path).json().as_array().expect("a list").iter().filter_map(|p| p["number"].as_u64()).collect()
    };
    let second = made.json()["number"].as_u64().expect("a number");
    assert_eq!(numbers("/pulls"), [second, forge.pull]);
    assert_eq!(numbers("/pulls?head=acme:other&state=all"), [second]);
    let own = format!("/pulls/{second}");
    assert_eq!(forge.ask("PATCH", &own, json!({"state": "closed"})).json()["state"], "closed");
    assert_eq!(numbers("/pulls"), [forge.pull]);
    assert_eq!(forge.ask("PATCH", &own, json!({"state": "open"})).json()["state"], "open");
    forge.fake.move_branch(REPO, "other", None);
    assert_eq!(forge.fake.pull_state(second), PullState::Closed);
    assert_eq!(forge.ask("PATCH", &own, json!({"state": "open"})).status, 422);
    assert_eq!(forge.fake.event_delete("other", "ann")["ref"], "other");
}

#[test]
fn files_come_as_json_and_raw() {
    let forge = forge();
    let file = forge.get("/contents/app/a.txt?ref=feature").json();
    assert_eq!((&file["encoding"], &file["content"]), (&json!("base64"), &json!("b25lCnR3bwo=\n")));
    let bearer = format!("Bearer {TOKEN}");
    let headers = [("authorization", bearer.as_str()), ("accept", "application/vnd.github.raw+json")];
    let raw = forge.send(("GET", &format!("/repos/{REPO}/contents/offshoot.yml")), &headers, "").expect("an answer");
    assert_eq!(raw.text, "version: 1\n");
    assert_eq!(forge.get("/contents/app?ref=feature").json()[0]["path"], "app/a.txt");
    assert_eq!(forge.get("/contents/app/a.txt").status, 404);
}

#[test]
fn statuses_reviews_and_merge_groups_are_told() {
    let forge = forge();
    let status = json!({"state": "pending", "context": "offshoot/prod", "description": "d", "target_url": "https://example.com"});
    for state in ["pending", "success"] {
        let mut body = status.clone();
        body["state"] = json!(state);
        assert_eq!(forge.ask("POST", &format!("/statuses/{}", forge.head), body).status, 201);
    }
    let combined = forge.get(&format!("/commits/{}/status", forge.head)).json();
    assert_eq!((&combined["state"], &combined["total_count"]), (&json!("success"), &json!(1)));
    assert_eq!(forge.get("/commits/feature/statuses").json().as_array().map(Vec::len), Some(2));
    assert_eq!(forge.get("/commits/feature").json()["files"][0]["filename"], "app/a.txt");
    let review = forge.fake.review(forge.pull, "rae", "APPROVED");
    assert_eq!(forge.get(&format!("/pulls/{}/reviews", forge.pull)).json()[0]["commit_id"], json!(forge.head));
    assert_eq!(forge.fake.event_review(review)["review"]["state"], "approved");
    let group = forge.fake.event_merge_group(forge.pull, &forge.head, "main");
    let name = format!("refs/heads/gh-readonly-queue/main/pr-{}-{}", forge.pull, forge.main);
    assert_eq!(group["merge_group"]["head_ref"], name);
}

#[test]
fn the_payloads_we_make_have_the_fields_of_githubs_own() {
    let forge = forge();
    let examples: Vec<Value> = serde_json::from_str(crate::forge::PAYLOADS).expect("JSON");
    let fake = &forge.fake;
    let comment = fake.comment(forge.pull, "ann", "/offshoot plan");
    fake.app("offshoot", &[]);
    forge.ask("POST", "/check-runs", json!({"name": "c", "head_sha": forge.head}));
    let check = fake.checks(&forge.head)[0].id;
    let made = [
        ("pull_request", fake.event_pull(forge.pull, "opened", "ann")),
        ("push", fake.event_push("main", None, Some(&forge.main), "ann")),
        ("issue_comment", fake.event_comment(forge.pull, comment, "created", "ann")),
        ("merge_group", fake.event_merge_group(forge.pull, &forge.head, "main")),
        ("check_run", fake.event_button(check, Some("deploy"), "ann")),
        ("delete", fake.event_delete("feature", "ann")),
        ("create", fake.event_create("feature", "ann")),
        ("workflow_dispatch", fake.event_dispatch("main", json!({"stage": "prod"}), "ann")),
    ];
    let keys = |value: &Value| -> std::collections::BTreeSet<String> {
        value.as_object().map(|fields| fields.keys().cloned().collect()).unwrap_or_default()
    };
    let mut missing = Vec::new();
    for (event, payload) in made {
        // what every example of the event has, we have
        let of: Vec<&Value> = examples.iter().filter(|e| e["event"] == event).map(|e| &e["payload"]).collect();
        for part in ["", "pull_request", "comment", "issue", "merge_group", "check_run", "head_commit"] {
            let at = |value: &Value| if part.is_empty() { keys(value) } else { keys(&value[part]) };
            let all = of.iter().map(|e| at(e)).reduce(|a, b| a.intersection(&b).cloned().collect()).unwrap_or_default();
            let known = at(&payload);
            missing.extend(all.difference(&known).map(|key| format!("{event}.{part}.{key}")));
        }
    }
    assert_eq!(missing, Vec::<String>::new());
}

#[test]
fn the_example_payloads_are_there() {
    let all: Vec<Value> = serde_json::from_str(crate::forge::PAYLOADS).expect("JSON");
    let of = |event: &str| all.iter().filter(|e| e["event"] == event).count();
    assert_eq!(["pull_request", "push", "issue_comment", "merge_group", "check_run"].map(of), [29, 7, 9, 2, 9]);
}
