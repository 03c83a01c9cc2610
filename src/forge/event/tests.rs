//! Small payloads in, events or messages out; the forge's own examples are read by an integration test.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const HEAD: &str = "5bd5f196a46b8222fb7484f05faba41a73cf34bd";
const BASE: &str = "45eee468647309e9e6cdb2a88a3b460a59771fef";
const ZEROS: &str = "0000000000000000000000000000000000000000";

fn ok(name: &str, payload: &Value) -> ForgeEvent {
    read(name, &payload.to_string()).unwrap_or_else(|error| panic!("{error}"))
}

fn why(name: &str, payload: &Value) -> String {
    match ok(name, payload) {
        ForgeEvent::Other { name: same, why } if same == name => why,
        event => panic!("{event:?}"),
    }
}

fn said(name: &str, payload: &str) -> String {
    let error = read(name, payload).expect_err("this payload is wrong");
    assert_eq!(error.code(), "forge.bad_event");
    assert!(error.next_step().is_some());
    error.to_string()
}

fn notes() -> RepoName {
    RepoName { owner: "acme".to_owned(), name: "notes".to_owned() }
}

fn ada() -> Actor {
    Actor { login: Login::new("ada"), kind: AccountKind::Person }
}

/// An event with the repository and sender that all have.
fn event(fields: Value) -> Value {
    let mut whole = json!({
        "repository": { "full_name": "acme/notes", "private": true },
        "sender": { "login": "ada", "type": "User" },
        "installation": { "id": 1 },
    });
    let (Value::Object(all), Value::Object(fields)) = (&mut whole, fields) else { panic!("objects") };
    all.extend(fields);
    whole
}

fn pull_event(action: &str) -> Value {
    let side = |branch: &str, sha: &str| json!({ "ref": branch, "sha": sha, "repo": { "full_name": "acme/notes" } });
    event(json!({ "action": action, "number": 42, "pull_request": {
        "number": 42, "state": "open", "draft": false, "merged": false, "merge_commit_sha": BASE,
        "user": { "login": "ada", "type": "User" }, "head": side("feature/x", HEAD), "base": side("main", BASE),
    } }))
}

fn pull_of(payload: &Value) -> (PullAction, Pull) {
    match ok("pull_request", payload) {
        ForgeEvent::Pull { action, pull, .. } => (action, *pull),
        event => panic!("{event:?}"),
    }
}

fn comment_event(action: &str) -> Value {
    event(json!({ "action": action, "issue": { "number": 42, "pull_request": { "url": "x" } }, "comment": {
        "id": 7, "user": { "login": "ada", "type": "User" }, "body": "/offshoot plan",
        "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-02T00:00:00Z", "html_url": "https://example.com/7",
    } }))
}

#[test]
fn a_push_moves_makes_or_deletes_a_branch_or_tag() {
    let push = |git_ref: &str, before: &str, after: &str| {
        ok("push", &event(json!({ "ref": git_ref, "before": before, "after": after })))
    };
    assert_eq!(
        push("refs/heads/feature/x", BASE, HEAD),
        ForgeEvent::Push {
            repo: notes(),
            git_ref: PushedRef::Branch(Branch::new("feature/x")),
            before: Some(Revision::new(BASE)),
            after: Some(Revision::new(HEAD)),
            by: ada(),
        }
    );
    assert!(
        matches!(push("refs/tags/v1", ZEROS, HEAD), ForgeEvent::Push { git_ref: PushedRef::Tag(tag), before: None, .. } if tag == "v1")
    );
    assert!(matches!(push("refs/heads/x", BASE, ZEROS), ForgeEvent::Push { after: None, .. }));
    assert_eq!(why("push", &event(json!({ "ref": "refs/notes/x" }))), "refs/notes/x is neither a branch nor a tag");
}

#[test]
fn a_push_without_sender_is_by_its_pusher() {
    let mut payload =
        event(json!({ "ref": "refs/heads/x", "created": true, "after": HEAD, "pusher": { "name": "ci[bot]" } }));
    payload["sender"] = Value::Null;
    let ForgeEvent::Push { by, before, .. } = ok("push", &payload) else { panic!("a push") };
    assert_eq!((by.login.as_str(), by.kind, before), ("ci[bot]", AccountKind::Bot, None));
}

#[test]
fn a_pull_request_is_read_with_all_its_actions() {
    for (word, wanted) in [
        ("opened", PullAction::Opened),
        ("synchronize", PullAction::Synchronize),
        ("reopened", PullAction::Reopened),
        ("ready_for_review", PullAction::ReadyForReview),
        ("converted_to_draft", PullAction::ConvertedToDraft),
        ("edited", PullAction::Edited),
        ("closed", PullAction::Closed),
        ("labeled", PullAction::Else),
        ("something new", PullAction::Else),
    ] {
        assert_eq!(pull_of(&pull_event(word)).0, wanted);
    }
    let (_, pull) = pull_of(&pull_event("opened"));
    let side = |branch: &str, sha: &str| Side {
        branch: Branch::new(branch),
        revision: Revision::new(sha),
        repo: Some(notes()),
    };
    let wanted = Pull {
        number: 42,
        author: ada(),
        state: PullState::Open,
        readiness: Readiness::Ready,
        base: side("main", BASE),
        head: side("feature/x", HEAD),
        merge_revision: None,
    };
    assert_eq!(pull, wanted);
    assert!(matches!(ok("pull_request_target", &pull_event("opened")), ForgeEvent::Pull { .. }));
}

#[test]
fn a_pull_request_may_be_merged_closed_a_draft_or_of_somebody_gone() {
    let changed = |fields: Value| {
        let mut payload = pull_event("closed");
        let (Some(pull), Value::Object(fields)) = (payload["pull_request"].as_object_mut(), fields) else { panic!() };
        pull.extend(fields);
        pull_of(&payload).1
    };
    let merged = changed(json!({ "state": "closed", "merged": true }));
    assert_eq!((merged.state, merged.merge_revision), (PullState::Merged, Some(Revision::new(BASE))));
    assert_eq!(changed(json!({ "state": "closed" })).state, PullState::Closed);
    assert_eq!(changed(json!({ "draft": true })).readiness, Readiness::Draft);
    let gone = changed(json!({ "user": null, "head": { "ref": "x", "sha": HEAD, "repo": null, "user": null } }));
    assert_eq!(gone.origin(), crate::forge::Origin::DeletedFork);
    assert_eq!(gone.author, Actor { login: Login::new("ghost"), kind: AccountKind::Other });
    let fork = changed(
        json!({ "head": { "ref": "main", "sha": HEAD, "repo": { "full_name": "eve/notes" } }, "base": { "ref": "main", "sha": BASE } }),
    );
    assert!(matches!(fork.origin(), crate::forge::Origin::Fork(repo) if repo.owner == "eve"));
}

#[test]
fn a_comment_counts_on_pull_requests_only() {
    let ForgeEvent::Comment { action, number, comment, by, .. } = ok("issue_comment", &comment_event("created")) else {
        panic!()
    };
    assert_eq!((action, number, comment.id, comment.body.as_str()), (CommentAction::Created, 42, 7, "/offshoot plan"));
    assert_eq!((comment.author, by), (ada(), ada()));
    assert!(comment.created < comment.updated);
    assert!(matches!(
        ok("issue_comment", &comment_event("deleted")),
        ForgeEvent::Comment { action: CommentAction::Deleted, .. }
    ));
    assert_eq!(why("issue_comment", &comment_event("pinned")), "a comment was pinned; only what it says matters");
    let mut issue = comment_event("created");
    issue["issue"]["pull_request"] = Value::Null;
    assert_eq!(why("issue_comment", &issue), "#42 is an issue; commands are read on pull requests");
}

#[test]
fn bots_are_known_by_type_or_name() {
    for (login, kind, wanted) in [
        ("ada", json!("User"), AccountKind::Person),
        ("renovate", json!("Bot"), AccountKind::Bot),
        ("github-actions[bot]", json!("User"), AccountKind::Bot),
        ("acme", json!("Organization"), AccountKind::Other),
        ("mona", Value::Null, AccountKind::Other),
    ] {
        let mut payload = comment_event("created");
        payload["sender"] = json!({ "login": login, "type": kind });
        let ForgeEvent::Comment { by, .. } = ok("issue_comment", &payload) else { panic!() };
        assert_eq!(by.kind, wanted, "{login}");
    }
}

#[test]
fn the_other_events() {
    let group = json!({ "head_sha": HEAD, "base_sha": BASE, "base_ref": "refs/heads/main" });
    assert_eq!(
        ok("merge_group", &event(json!({ "action": "checks_requested", "merge_group": group }))),
        ForgeEvent::MergeGroup {
            repo: notes(),
            revision: Revision::new(HEAD),
            base: Branch::new("main"),
            base_revision: Revision::new(BASE)
        }
    );
    assert_eq!(
        why("merge_group", &event(json!({ "action": "destroyed" }))),
        "the group was destroyed; it asks for nothing"
    );
    let check = |action: &str| {
        event(
            json!({ "action": action, "check_run": { "head_sha": HEAD, "external_id": "notes/pr-42" }, "requested_action": { "identifier": "deploy" } }),
        )
    };
    let button = |identifier: &str| ForgeEvent::Button {
        repo: notes(),
        identifier: identifier.to_owned(),
        external_id: "notes/pr-42".to_owned(),
        revision: Revision::new(HEAD),
        by: ada(),
    };
    assert_eq!(ok("check_run", &check("requested_action")), button("deploy"));
    assert_eq!(ok("check_run", &check("rerequested")), button("plan"));
    assert_eq!(why("check_run", &check("completed")), "a check was completed; only its buttons matter");
    let deleted = |kind: &str| event(json!({ "ref": "feature/x", "ref_type": kind }));
    assert_eq!(
        ok("delete", &deleted("branch")),
        ForgeEvent::Deleted { repo: notes(), git_ref: PushedRef::Branch(Branch::new("feature/x")) }
    );
    assert_eq!(
        ok("delete", &deleted("tag")),
        ForgeEvent::Deleted { repo: notes(), git_ref: PushedRef::Tag("feature/x".to_owned()) }
    );
    assert_eq!(
        ok("schedule", &json!({ "schedule": "0 6 * * *" })),
        ForgeEvent::Schedule { repo: None, cron: "0 6 * * *".to_owned() }
    );
    assert_eq!(why("star", &json!({})), "Offshoot has nothing to do for this event");
}

#[test]
fn a_run_started_by_hand_has_a_stage_and_a_command() {
    let dispatch =
        |inputs: Value| match ok("workflow_dispatch", &event(json!({ "ref": "refs/heads/main", "inputs": inputs }))) {
            ForgeEvent::Dispatch { stage, command, git_ref, .. } => (stage, command, git_ref),
            event => panic!("{event:?}"),
        };
    let main = || PushedRef::Branch(Branch::new("main"));
    assert_eq!(
        dispatch(json!({ "stage": "prod", "command": " plan " })),
        (Some("prod".to_owned()), Some("plan".to_owned()), main())
    );
    assert_eq!(dispatch(json!({ "stage": "" })), (None, None, main()));
    assert_eq!(dispatch(Value::Null), (None, None, main()));
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    let without = |path: &str, value: Option<Value>| {
        let mut payload = pull_event("opened");
        match value {
            Some(value) => *payload.pointer_mut(path).expect("a field") = value,
            None => {
                let (parent, key) = path.rsplit_once('/').expect("a path");
                payload.pointer_mut(parent).and_then(Value::as_object_mut).map(|map| map.remove(key)).expect("a field");
            }
        }
        said("pull_request", &payload.to_string())
    };
    let all = [
        said("push", ""),
        said("push", "{\n  \"ref\": nope\n}"),
        said("push", "{\"ref\": \"refs/heads/main\""),
        said("push", "[1]"),
        said("push", &"[".repeat(100_000)),
        said("push", &event(json!({ "ref": "refs/heads/a b", "before": BASE, "after": HEAD })).to_string()),
        said("push", &event(json!({ "ref": "refs/heads/x", "before": BASE, "after": "HEAD" })).to_string()),
        without("/action", None),
        without("/pull_request", Some(json!("x"))),
        without("/pull_request/number", Some(json!(-1))),
        without("/pull_request/head/sha", None),
        without("/pull_request/head/sha", Some(json!(ZEROS))),
        without("/pull_request/head/repo/full_name", Some(json!("../x/y"))),
        without("/pull_request/base", Some(Value::Null)),
        without("/repository", Some(json!([]))),
        said("issue_comment", "{\"action\":\"created\"}"),
        said("a\nname", "{"),
    ];
    insta::assert_snapshot!(all.join("\n"), @r##"
    reading the payload of the event push: it is empty
    reading the payload of the event push: line 2, column 11: this is not JSON: expected ident
    reading the payload of the event push: line 1, column 25: this is not JSON: EOF while parsing an object
    reading the payload of the event push: it is a list, expected an object
    reading the payload of the event push: line 1, column 128: this is not JSON: recursion limit exceeded
    reading the payload of the event push: /ref is `refs/heads/a b`, expected the name of a branch
    reading the payload of the event push: /after is `HEAD`, expected a commit of 40 hexadecimal digits
    reading the payload of the event pull_request: /action is missing
    reading the payload of the event pull_request: /pull_request is `x`, expected an object
    reading the payload of the event pull_request: /pull_request/number is -1, expected a whole number
    reading the payload of the event pull_request: /pull_request/head/sha is missing
    reading the payload of the event pull_request: /pull_request/head/sha is `0000000000000000000000000000000000000000`, expected a commit
    reading the payload of the event pull_request: /pull_request/head/repo/full_name is `../x/y`, expected owner/name
    reading the payload of the event pull_request: /pull_request/base is null
    reading the payload of the event pull_request: /repository is a list, expected an object
    reading the payload of the event issue_comment: /issue is missing
    reading the payload of the event a name: line 1, column 1: this is not JSON: EOF while parsing an object
    "##);
}

#[test]
fn a_huge_payload_is_read() {
    let mut payload = comment_event("created");
    payload["comment"]["body"] = json!("x".repeat(1_000_000));
    payload["more"] = json!(vec![json!({ "a": [1, 2, 3] }); 10_000]);
    assert!(
        matches!(ok("issue_comment", &payload), ForgeEvent::Comment { comment, .. } if comment.body.len() == 1_000_000)
    );
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in ".{0,200}") {
        let _ = read("push", &text);
    }

    #[test]
    fn a_payload_with_anything_in_one_place_is_read_or_refused(
        at in 0_usize..40,
        put in prop_oneof![Just(Value::Null), Just(json!([])), Just(json!({})), Just(json!(0)), Just(json!("")), Just(json!("\u{0}/..")), Just(json!(true))],
    ) {
        for (name, payload) in [("pull_request", pull_event("opened")), ("issue_comment", comment_event("created"))] {
            let mut paths = Vec::new();
            walk(&payload, String::new(), &mut paths);
            let mut payload = payload;
            if let Some(value) = paths.get(at % paths.len()).and_then(|path| payload.pointer_mut(path)) {
                *value = put.clone();
            }
            if let Err(error) = read(name, &payload.to_string()) {
                prop_assert!(error.what().starts_with('/') || error.what().starts_with("it is"), "{}", error);
            }
        }
    }
}

fn walk(value: &Value, path: String, paths: &mut Vec<String>) {
    for (key, inner) in value.as_object().into_iter().flatten() {
        walk(inner, format!("{path}/{key}"), paths);
    }
    paths.push(path);
}
