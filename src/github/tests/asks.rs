//! What is read: pull requests, branches, files, people.

use super::*;

fn pull(number: u64, state: &str, more: Value) -> Value {
    let repo = json!({ "full_name": "acme/notes" });
    let mut pull = json!({
        "number": number, "state": state, "draft": false, "merged_at": null, "merge_commit_sha": OTHER,
        "user": { "login": "ada", "type": "User" },
        "base": { "ref": "main", "sha": OTHER, "repo": repo },
        "head": { "ref": "feature/x", "sha": SHA, "repo": repo },
    });
    for (key, value) in more.as_object().unwrap() {
        pull[key] = value.clone();
    }
    pull
}

#[tokio::test]
async fn pull_requests_as_they_are() {
    let fake = Fake::start(|seen| match seen.line.trim_start_matches("GET /repos/acme/notes") {
        "/pulls/1" => reply(200, pull(1, "open", json!({ "draft": true, "user": null }))),
        "/pulls/2" => reply(200, pull(2, "closed", json!({ "merged": true, "merged_at": "2026-11-01T00:00:00Z" }))),
        "/pulls/3" => {
            let head = json!({ "ref": "x", "sha": SHA, "repo": null });
            reply(200, pull(3, "closed", json!({ "merged": false, "head": head })))
        }
        "" => repository("acme/notes"),
        "/pulls?state=open&sort=created&direction=asc&per_page=100" => reply(200, json!([pull(1, "open", json!({}))])),
        "/commits/1111111111111111111111111111111111111111/pulls?per_page=100" => {
            reply(200, json!([pull(2, "closed", json!({ "merged_at": "2026-11-01T00:00:00Z" }))]))
        }
        "/commits/2222222222222222222222222222222222222222/pulls?per_page=100" => {
            reply(422, json!({ "message": "No commit found for SHA" }))
        }
        _ => reply(404, json!({ "message": "Not Found" })),
    })
    .await;
    let github = fake.connect();
    let draft = github.pull(1).await.unwrap().unwrap();
    assert_eq!((draft.state, draft.readiness, draft.merge_revision), (PullState::Open, Readiness::Draft, None));
    assert_eq!(draft.author, Actor { login: Login::new("ghost"), kind: AccountKind::Other });
    let merged = github.pull(2).await.unwrap().unwrap();
    assert_eq!((merged.state, merged.merge_revision.clone()), (PullState::Merged, Some(Revision::new(OTHER))));
    assert_eq!(merged.origin(), Origin::Own);
    let orphan = github.pull(3).await.unwrap().unwrap();
    assert_eq!((orphan.state, orphan.origin()), (PullState::Closed, Origin::DeletedFork));
    assert_eq!(github.pull(4).await.unwrap(), None);
    assert_eq!(github.open_pulls().await.unwrap().len(), 1);
    assert_eq!(github.pulls_of(&Revision::new(SHA)).await.unwrap()[0].state, PullState::Merged);
    assert_eq!(github.pulls_of(&Revision::new(OTHER)).await.unwrap(), []);
}

#[tokio::test]
async fn a_repository_that_is_not_there_is_not_a_missing_pull_request() {
    let fake = Fake::start(|_| reply(404, json!({ "message": "Not Found" }))).await;
    let github = fake.connect();
    insta::assert_snapshot!(told(&github.pull(4).await.unwrap_err()), @r"
    Failed forge.not_found
    reading the repository acme/notes: GitHub does not know it, or hides it from us: Not Found
    → check the name, and give the workflow `permissions: contents: read`, or the token or GitHub App the same permission
");
    assert!(github.branch_tip(&Branch::new("x")).await.is_err());
    assert!(github.file("offshoot.yml", "main").await.is_err());
    assert!(github.permission(&Login::new("ada")).await.is_err());
}

#[tokio::test]
async fn branches_and_files() {
    let text = "dmVyc2lvbjog\nMQo=\n";
    let fake = Fake::start(move |seen| match seen.line.trim_start_matches("GET /repos/acme/notes") {
        "" => repository("acme/notes"),
        "/git/ref/heads/feature/%C3%A4%23" => reply(200, json!({ "object": { "sha": SHA } })),
        "/git/ref/heads/begin" => reply(200, json!([{ "object": { "sha": SHA } }])),
        "/git/ref/heads/empty" => reply(409, json!({ "message": "Git Repository is empty." })),
        "/compare/main...feature%2Fx?per_page=1" => reply(200, json!({ "behind_by": 3 })),
        "/contents/a%20b/offshoot.yml?ref=feature%2Fx" => {
            reply(200, json!({ "type": "file", "encoding": "base64", "content": text, "size": 11 }))
        }
        "/contents/folder?ref=main" => reply(200, json!([])),
        "/contents/sub?ref=main" => reply(200, json!({ "type": "submodule" })),
        "/contents/large?ref=main" => {
            reply(200, json!({ "type": "file", "encoding": "none", "content": "", "size": 2_000_000 }))
        }
        "/pulls/7/files?per_page=100" => {
            reply(200, json!([{ "filename": "b" }, { "filename": "c", "previous_filename": "a" }, { "filename": "a" }]))
        }
        _ => reply(404, json!({ "message": "Not Found" })),
    })
    .await;
    let github = fake.connect();
    let tip = async |name: &str| github.branch_tip(&Branch::new(name)).await.unwrap();
    assert_eq!(tip("feature/ä#").await, Some(Revision::new(SHA)));
    assert_eq!(tip("begin").await, None);
    assert_eq!(tip("empty").await, None);
    assert_eq!(tip("gone").await, None);
    assert_eq!(github.behind("main", "feature/x").await.unwrap(), 3);
    assert_eq!(github.file("a b/offshoot.yml", "feature/x").await.unwrap().as_deref(), Some("version: 1\n"));
    assert_eq!(github.file("folder", "main").await.unwrap(), None);
    assert_eq!(github.file("sub", "main").await.unwrap(), None);
    assert_eq!(github.file("none", "main").await.unwrap(), None);
    insta::assert_snapshot!(told(&github.file("large", "main").await.unwrap_err()), @r"
    Failed forge.file_too_large
    reading large of acme/notes at main: it has 2000000 bytes, more than GitHub shows
    → make the file smaller than 1 MB
");
    assert_eq!(github.changed_files(7).await.unwrap(), ["a", "b", "c"]);
}

#[tokio::test]
async fn people() {
    let fake = Fake::start(|seen| {
        let line = seen.line.trim_start_matches("GET ");
        if line == "/repos/acme/notes" {
            return repository("acme/notes");
        }
        match line.rsplit('/').find(|part| *part != "permission").unwrap() {
            "maintainer" => reply(200, json!({ "permission": "write", "role_name": "maintain" })),
            "custom" => reply(200, json!({ "permission": "write", "role_name": "release-manager" })),
            "old" => reply(200, json!({ "permission": "read" })),
            "active" => reply(200, json!({ "state": "active" })),
            "invited" => reply(200, json!({ "state": "pending" })),
            "hidden" | "user" => reply(403, json!({ "message": "Resource not accessible by integration" })),
            _ => reply(404, json!({ "message": "Not Found" })),
        }
    })
    .await;
    let github = fake.connect();
    let may = async |name: &str| github.permission(&Login::new(name)).await.unwrap();
    assert_eq!(may("maintainer").await, Permission::Maintain);
    assert_eq!(may("custom").await, Permission::Write);
    assert_eq!(may("old").await, Permission::Read);
    assert_eq!(may("stranger[bot]").await, Permission::None);
    let member = async |name: &str| github.is_member("acme", "platform", &Login::new(name)).await.unwrap();
    assert_eq!(member("active").await, Membership::Yes);
    assert_eq!(member("invited").await, Membership::No);
    assert_eq!(member("stranger").await, Membership::No);
    assert_eq!(member("hidden").await, Membership::Unknown);
    assert_eq!(github.whoami().await.unwrap(), None);
    assert_eq!(github.whoami().await.unwrap(), None);
    assert_eq!(fake.seen().iter().filter(|s| s.line == "GET /user").count(), 1);
    let error = github.permission(&Login::new("hidden")).await.unwrap_err();
    assert_eq!(error.code(), "forge.forbidden");
}
