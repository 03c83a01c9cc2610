//! The fake GitHub and the client that we use: octocrab's own types read what the fake writes.

use octocrab::Octocrab;
use octocrab::models::{AppId, InstallationId};
use serde_json::{Value, json};

use super::{REPO, forge};

#[tokio::test]
async fn octocrab_reads_it_all() {
    let forge = forge();
    let permissions =
        [("pull_requests", "write"), ("contents", "write"), ("checks", "write"), ("deployments", "write")];
    let keys = forge.fake.app("offshoot", &permissions);
    let key = jsonwebtoken::EncodingKey::from_rsa_pem(keys.key_pem.as_bytes()).expect("the key");
    let api = forge.fake.api_url();
    let app =
        Octocrab::builder().base_uri(api).expect("an address").app(AppId(keys.id), key).build().expect("a client");
    let (owner, name) = REPO.split_once('/').expect("owner/name");
    let found = app.apps().get_repository_installation(owner, name).await.expect("an installation");
    let client = app.installation(InstallationId(*found.id)).expect("a client");
    let repo = client.repos(owner, name).get().await.expect("a repository");
    assert_eq!(repo.default_branch.as_deref(), Some("main"));
    let pull = client.pulls(owner, name).get(forge.pull).await.expect("a pull request");
    assert_eq!(pull.head.sha, forge.head);
    let pulls = client.pulls(owner, name).list().send().await.expect("a list");
    assert_eq!(pulls.items.len(), 1);
    let comment = client.issues(owner, name).create_comment(forge.pull, "hello").await.expect("a comment");
    let comments = client.issues(owner, name).list_comments(forge.pull).send().await.expect("a list");
    assert_eq!((comments.items.len(), comments.items[0].id), (1, comment.id));
    let files = client.pulls(owner, name).list_files(forge.pull).await.expect("a list");
    assert_eq!(files.items[0].filename, "app/a.txt");
    let check = json!({"name": "c", "head_sha": forge.head});
    let made: Value = client.post(format!("/repos/{REPO}/check-runs"), Some(&check)).await.expect("a check");
    assert_eq!(made["app"]["slug"], "offshoot");
    let merged = client.pulls(owner, name).merge(forge.pull).send().await.expect("a merge");
    assert_eq!(merged.sha, forge.fake.tip("main"));
}
