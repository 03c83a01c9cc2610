//! The fake GitHub over plain HTTP and real git: what tests may rely on.

mod clients;
mod pulls;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::forge::{FakeGitHub, Fault};

const REPO: &str = "acme/notes";
const TOKEN: &str = "ghs_job";

/// A fake with a repository whose `main` holds a file, a branch `feature` with another, and a job's token.
struct Forge {
    folder: tempfile::TempDir,
    fake: FakeGitHub,
    main: String,
    head: String,
    pull: u64,
}

const ALL: &[(&str, &str)] = &[
    ("contents", "write"),
    ("pull_requests", "write"),
    ("checks", "write"),
    ("deployments", "write"),
    ("statuses", "write"),
];

fn forge() -> Forge {
    offshoot::git::init();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let fake = FakeGitHub::start(folder.path());
    fake.repo(REPO, fake.bare(REPO));
    fake.role(REPO, "ann", "write");
    fake.actions_token(TOKEN, ALL);
    let main = fake.push_file(REPO, "main", "offshoot.yml", "version: 1\n");
    let head = fake.push_file(REPO, "feature", "app/a.txt", "one\ntwo\n");
    let pull = fake.open("feature", "main", "ann");
    Forge { folder, fake, main, head, pull }
}

/// An answer.
struct Answer {
    status: u16,
    head: String,
    text: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}{}", self.head, self.text))
    }

    fn header(&self, name: &str) -> Option<&str> {
        let is = |line: &&str| line.split_once(':').is_some_and(|(key, _)| key.eq_ignore_ascii_case(name));
        self.head.lines().find(is).and_then(|line| line.split_once(':')).map(|(_, value)| value.trim())
    }
}

impl Forge {
    fn send(&self, (method, path): (&str, &str), headers: &[(&str, &str)], body: &str) -> std::io::Result<Answer> {
        let address = self.fake.server_url().trim_start_matches("http://");
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        let mut text =
            format!("{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\nuser-agent: it\r\n");
        for (name, value) in headers {
            text += &format!("{name}: {value}\r\n");
        }
        stream.write_all(format!("{text}content-length: {}\r\n\r\n{body}", body.len()).as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let (head, text) = answer.split_once("\r\n\r\n").ok_or(std::io::ErrorKind::UnexpectedEof)?;
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status");
        Ok(Answer { status, head: head.to_owned(), text: text.to_owned() })
    }

    /// A request with the job's token, below the repository.
    fn ask(&self, method: &str, path: &str, body: Value) -> Answer {
        self.ask_as(TOKEN, method, path, body)
    }

    fn ask_as(&self, token: &str, method: &str, path: &str, body: Value) -> Answer {
        let text = if body.is_null() { String::new() } else { body.to_string() };
        let bearer = format!("Bearer {token}");
        self.send((method, &format!("/api/v3/repos/{REPO}{path}")), &[("authorization", &bearer)], &text)
            .expect("an answer")
    }

    fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, Value::Null)
    }
}

#[test]
fn a_comment_lives_and_is_reacted_to() {
    let forge = forge();
    let comments = format!("/issues/{}/comments", forge.pull);
    let made = forge.ask("POST", &comments, json!({"body": "hello"}));
    assert_eq!((made.status, &made.json()["user"]["login"]), (201, &json!("github-actions[bot]")));
    let own = format!("/issues/comments/{}", made.json()["id"]);
    let edited = forge.ask("PATCH", &own, json!({"body": "hello again"})).json();
    assert!(edited["updated_at"].as_str() > edited["created_at"].as_str(), "{edited}");
    for status in [201, 200] {
        assert_eq!(forge.ask("POST", &format!("{own}/reactions"), json!({"content": "eyes"})).status, status);
    }
    let reactions = forge.get(&format!("{own}/reactions?content=eyes")).json();
    assert_eq!(forge.fake.reactions(made.json()["id"].as_u64().expect("an id")), ["github-actions[bot] eyes"]);
    let gone = forge.ask("DELETE", &format!("{own}/reactions/{}", reactions[0]["id"]), Value::Null);
    assert_eq!((gone.status, gone.text.as_str()), (204, ""));
    let long = forge.ask("POST", &comments, json!({"body": "x".repeat(65_537)}));
    assert_eq!((long.status, &long.json()["message"]), (422, &json!("Validation Failed")));
    assert_eq!(forge.ask("DELETE", &own, Value::Null).status, 204);
    assert_eq!(forge.get(&own).status, 404);
    assert!(forge.fake.comments(forge.pull).is_empty());
}

#[test]
fn checks_are_for_apps_and_only_the_latest_is_listed() {
    let forge = forge();
    let sha = &forge.head;
    let check = json!({
        "name": "offshoot: prod", "head_sha": sha, "status": "completed", "conclusion": "action_required", "external_id": "notes/prod",
        "output": {"title": "t", "summary": "s", "annotations": [
            {"path": "app/a.txt", "start_line": 1, "end_line": 1, "annotation_level": "failure", "message": "no"},
        ]},
        "actions": [{"label": "Deploy", "description": "Deploy this plan", "identifier": "deploy"}],
    });
    let first = forge.ask("POST", "/check-runs", check.clone());
    assert_eq!(first.status, 201, "{}", first.text);
    let second = forge.ask("POST", "/check-runs", check.clone()).json();
    let listed = forge.get(&format!("/commits/{sha}/check-runs?check_name=offshoot%3A%20prod")).json();
    assert_eq!((&listed["total_count"], &listed["check_runs"][0]["id"]), (&json!(1), &second["id"]));
    assert_eq!(forge.get(&format!("/commits/{sha}/check-runs?filter=all")).json()["total_count"], 2);
    let own = format!("/check-runs/{}", second["id"]);
    let passed = forge.ask("PATCH", &own, json!({"conclusion": "success"})).json();
    assert_eq!((&passed["status"], &passed["pull_requests"][0]["number"]), (&json!("completed"), &json!(forge.pull)));
    assert_eq!(forge.get(&format!("{own}/annotations")).json()[0]["message"], "no");
    forge.fake.person_token("ghp_ann", "ann", &[]);
    assert_eq!(forge.ask_as("ghp_ann", "POST", "/check-runs", check).status, 403);
    let button = forge.fake.event_button(second["id"].as_u64().expect("an id"), Some("deploy"), "ann");
    assert_eq!(button["requested_action"]["identifier"], "deploy");
}

#[test]
fn deployments_have_the_defaults_that_surprise() {
    let forge = forge();
    let deploy = |more: Value| {
        let mut body =
            json!({"ref": forge.head, "environment": "staging", "auto_merge": false, "required_contexts": []});
        body.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        forge.ask("POST", "/deployments", body).json()["id"].as_u64().expect("an id")
    };
    let set =
        |id: u64, body: Value| assert_eq!(forge.ask("POST", &format!("/deployments/{id}/statuses"), body).status, 201);
    let (old, transient, new) = (deploy(json!({})), deploy(json!({"transient_environment": true})), deploy(json!({})));
    for id in [old, transient] {
        set(id, json!({"state": "success", "auto_inactive": false, "environment_url": "https://example.com"}));
    }
    set(new, json!({"state": "success"}));
    let states: Vec<String> = forge.fake.deployments_of("staging").iter().map(|d| d.state().to_owned()).collect();
    assert_eq!(states, ["inactive", "success", "success"]);
    assert_eq!(forge.ask("DELETE", &format!("/deployments/{new}"), Value::Null).status, 422);
    assert_eq!(forge.get("/deployments?environment=staging").json()[0]["id"], new);
    // its own pending check, and a branch that is behind
    forge.ask("POST", "/check-runs", json!({"name": "own", "head_sha": forge.head}));
    assert_eq!(forge.ask("POST", "/deployments", json!({"ref": forge.head})).status, 409);
    forge.fake.push_file(REPO, "main", "b.txt", "b");
    assert_eq!(forge.ask("POST", "/deployments", json!({"ref": "feature"})).status, 202);
    assert_ne!(forge.fake.tip("feature").as_ref(), Some(&forge.head));
}

#[test]
fn lists_have_pages_and_what_is_known_costs_nothing() {
    let forge = forge();
    for n in 0..5 {
        forge.fake.comment(forge.pull, "ann", &format!("comment {n}"));
    }
    let path = format!("/issues/{}/comments?per_page=2", forge.pull);
    let first = forge.get(&path);
    let link = first.header("link").expect("a link").to_owned();
    let next = format!("<{}/repos/{REPO}{path}&page=2>; rel=\"next\"", forge.fake.api_url());
    assert!(link.starts_with(&next), "{link}");
    let last = forge.get(&format!("{path}&page=3"));
    assert_eq!(last.json().as_array().map(Vec::len), Some(1));
    assert!(!last.header("link").expect("a link").contains("next"));
    let (etag, left) = (first.header("etag").expect("a tag"), last.header("x-ratelimit-remaining").expect("a number"));
    let bearer = format!("Bearer {TOKEN}");
    let headers = [("authorization", bearer.as_str()), ("if-none-match", etag)];
    let same = forge.send(("GET", &format!("/repos/{REPO}{path}")), &headers, "").expect("an answer");
    // the links of the other door differ, the list does not
    assert_eq!((same.status, same.header("x-ratelimit-remaining")), (304, Some(left)));
    forge.fake.limit(TOKEN, 0, 60);
    let limited = forge.get(&path);
    assert_eq!((limited.status, limited.header("x-ratelimit-remaining")), (403, Some("0")));
}

#[test]
fn permissions_are_held() {
    let forge = forge();
    let comments = format!("/issues/{}/comments", forge.pull);
    forge.fake.actions_token("ghs_reader", &[("contents", "read"), ("pull_requests", "read")]);
    let denied = forge.ask_as("ghs_reader", "POST", &comments, json!({"body": "b"}));
    assert_eq!((denied.status, &denied.json()["message"]), (403, &json!("Resource not accessible by integration")));
    assert_eq!(denied.header("x-accepted-github-permissions"), Some("issues=write"));
    assert_eq!(forge.ask_as("nonsense", "GET", "", Value::Null).status, 401);
    assert_eq!(forge.send(("GET", &format!("/repos/{REPO}")), &[], "").expect("an answer").status, 404);
    forge.fake.person_token("ghp_stranger", "stranger", &[]);
    assert_eq!(forge.ask_as("ghp_stranger", "GET", "", Value::Null).status, 404);
    forge.fake.role(REPO, "max", "maintain");
    let max = forge.get("/collaborators/max/permission").json();
    assert_eq!((&max["permission"], &max["role_name"]), (&json!("write"), &json!("maintain")));
    assert_eq!(forge.get("/collaborators/stranger/permission").json()["permission"], "none");
    assert_eq!(forge.get("/collaborators/nobody/permission").status, 404);
    forge.fake.team("acme", "platform", &["max"]);
    let team = |token: &str, login: &str| {
        let path = format!("/orgs/acme/teams/platform/memberships/{login}");
        forge.send(("GET", &path), &[("authorization", &format!("token {token}"))], "").expect("an answer").status
    };
    forge.fake.actions_token("ghs_members", &[("members", "read")]);
    assert_eq!([team(TOKEN, "max"), team("ghs_members", "max"), team("ghs_members", "ann")], [403, 200, 404]);
}

#[test]
fn an_app_signs_and_gets_tokens() {
    let forge = forge();
    let keys = forge.fake.app("offshoot", &[("checks", "write"), ("contents", "read")]);
    let now = jiff::Timestamp::now().as_second();
    let sign = |claims: Value| {
        let key = jsonwebtoken::EncodingKey::from_rsa_pem(keys.key_pem.as_bytes()).expect("the key");
        let head = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::RS256);
        format!("Bearer {}", jsonwebtoken::encode(&head, &claims, &key).expect("a token"))
    };
    let ask = |method: &str, path: &str, bearer: &str| {
        forge.send((method, path), &[("authorization", bearer)], "").expect("an answer")
    };
    let fine = sign(json!({"iss": keys.id.to_string(), "iat": now - 60, "exp": now + 500}));
    let found = ask("GET", &format!("/repos/{REPO}/installation"), &fine);
    assert_eq!(found.json()["id"], keys.installation);
    let minted = ask("POST", &format!("/app/installations/{}/access_tokens", keys.installation), &fine);
    assert_eq!(minted.status, 201, "{}", minted.text);
    let token = minted.json()["token"].as_str().expect("a token").to_owned();
    assert!(token.len() > 200 && forge.ask_as(&token, "GET", "/branches/main", Value::Null).status == 200);
    let repos = ask("GET", "/installation/repositories", &format!("Bearer {token}")).json();
    assert_eq!(repos["repositories"][0]["full_name"], REPO);
    for wrong in [
        json!({"iss": keys.client_id, "iat": now - 60, "exp": now + 900}),
        json!({"iss": "7", "iat": now, "exp": now + 60}),
    ] {
        assert_eq!(ask("GET", "/app", &sign(wrong)).status, 401);
    }
    forge.fake.expire_installation_tokens();
    assert_eq!(forge.ask_as(&token, "GET", "", Value::Null).status, 401);
}

/// Git without the machine's settings.
fn git(folder: &Path, arguments: &[&str]) -> (bool, String) {
    let mut command = Command::new("git");
    command.args(arguments).current_dir(folder).env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
    command.env("GIT_TERMINAL_PROMPT", "0").env("HOME", folder).env("NO_PROXY", "127.0.0.1");
    for (name, value) in [("GIT_AUTHOR_NAME", "a"), ("GIT_AUTHOR_EMAIL", "a@example.com"), ("GIT_COMMITTER_NAME", "a")]
    {
        command.env(name, value);
    }
    let done = command.env("GIT_COMMITTER_EMAIL", "a@example.com").output().expect("git runs");
    (done.status.success(), String::from_utf8_lossy(&done.stderr).into_owned())
}

#[test]
fn git_clones_fetches_and_pushes_with_a_token() {
    let forge = forge();
    let folder = forge.folder.path();
    let url = |token: &str| forge.fake.clone_url(REPO).replace("http://", &format!("http://x-access-token:{token}@"));
    let (done, said) = git(folder, &["clone", "-q", "--depth", "1", "--filter=blob:none", &url(TOKEN), "clone"]);
    assert!(done, "{said}");
    let clone = folder.join("clone");
    let (done, said) = git(&clone, &["fetch", "-q", "--depth", "1", "origin", &forge.head]);
    assert!(done, "{said}");
    let (done, said) = git(&clone, &["fetch", "-q", "origin", &format!("refs/pull/{}/merge", forge.pull)]);
    assert!(done, "{said}");
    for (token, says) in [("nonsense", "Authentication failed"), ("", "could not read Password")] {
        let (done, said) = git(folder, &["clone", "-q", &url(token), "not"]);
        assert!(!done && (said.contains(says) || said.contains("Authentication failed")), "{said}");
    }
    git(&clone, &["commit", "-q", "--allow-empty", "-m", "more"]);
    forge.fake.actions_token("ghs_reader", &[("contents", "read")]);
    let (done, said) = git(&clone, &["push", "-q", &url("ghs_reader"), "HEAD:main"]);
    assert!(!done && said.contains("403"), "{said}");
    let (done, said) = git(&clone, &["push", "-q", &url(TOKEN), "HEAD:main"]);
    assert!(done, "{said}");
    assert_ne!(forge.fake.tip("main"), Some(forge.main.clone()));
    assert!(!forge.fake.calls("POST git-receive-pack").is_empty());
}

#[test]
fn faults_strike_as_often_as_told() {
    let forge = forge();
    let comments = format!("/issues/{}/comments", forge.pull);
    let write = || forge.ask("POST", &comments, json!({"body": "b"}));
    forge.fake.fault("POST issues/", Fault::Secondary { retry_after_s: 7 });
    let limited = write();
    assert_eq!((limited.status, limited.header("retry-after")), (403, Some("7")));
    forge.fake.fault("POST issues/", Fault::Status(502));
    assert_eq!((write().status, forge.fake.comments(forge.pull).len()), (502, 0));
    forge.fake.fault("POST issues/", Fault::StatusAfterDoing(502));
    assert_eq!((write().status, forge.fake.comments(forge.pull).len()), (502, 1));
    forge.fake.fault("POST issues/", Fault::Duplicate);
    assert_eq!((write().status, forge.fake.comments(forge.pull).len()), (201, 3));
    forge.fake.fault("POST issues/", Fault::Lagging(1));
    assert_eq!(write().status, 201);
    let listed = || forge.get(&comments).json().as_array().map(Vec::len);
    assert_eq!((listed(), listed()), (Some(3), Some(4)));
    forge.fake.fault("GET", Fault::LostAnswer);
    let bearer = format!("Bearer {TOKEN}");
    assert!(forge.send(("GET", &format!("/repos/{REPO}")), &[("authorization", &bearer)], "").is_err());
    let hub = forge.fake.hub();
    forge.fake.after(
        forge.fake.writes().len() + 1,
        |call: &crate::forge::Call| call.is_write,
        move || {
            hub.push_file(REPO, "feature", "late.txt", "late");
        },
    );
    write();
    assert_ne!(forge.fake.tip("feature").as_ref(), Some(&forge.head));
    assert_eq!(forge.fake.faults_left(), 0);
}

#[test]
fn what_is_not_as_described_is_seen() {
    let forge = forge();
    forge.ask("POST", "/check-runs", json!({"name": 7, "head_sha": forge.head}));
    forge.get("/pulls?status=open");
    forge.get("/nothing/here");
    let seen = forge.fake.take_violations().join("\n");
    insta::assert_snapshot!(seen, @r#"
    request POST /repos/acme/notes/check-runs: 7 is not of type "string" at "/name"
    request GET /repos/acme/notes/pulls: there is no query parameter "status"
    GET /repos/acme/notes/nothing/here: the fake knows no such route
    "#);
}

#[test]
fn a_job_gets_its_oidc_token() {
    let forge = forge();
    let env = forge.fake.oidc_env("repo:acme/notes:environment:prod");
    let path = env[0].1.trim_start_matches(forge.fake.server_url()).to_owned() + "&audience=sts.amazonaws.com";
    let bearer = format!("bearer {}", env[1].1);
    let answer = forge.send(("GET", &path), &[("authorization", &bearer)], "").expect("an answer").json();
    let claims = answer["value"].as_str().and_then(|jwt| jwt.split('.').nth(1)).expect("claims");
    use base64::Engine;
    let claims = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(claims).expect("base64");
    let claims: Value = serde_json::from_slice(&claims).expect("JSON");
    assert_eq!(
        (&claims["aud"], &claims["sub"]),
        (&json!("sts.amazonaws.com"), &json!("repo:acme/notes:environment:prod"))
    );
    assert_eq!(forge.send(("GET", &path), &[], "").expect("an answer").status, 401);
}

#[test]
fn a_story_is_played_from_outside() {
    let forge = forge();
    let tell = |verb: &str, body: Value| {
        let answer = forge.send(("POST", &format!("/_control/{verb}")), &[], &body.to_string()).expect("an answer");
        (answer.status, answer.json())
    };
    assert_eq!(tell("role", json!({"repo": REPO, "login": "rae", "role": "read"})), (200, json!({})));
    let (_, comment) = tell("comment", json!({"number": forge.pull, "by": "rae", "body": "/offshoot deploy prod"}));
    let file = forge.folder.path().join("event.json");
    let wanted =
        json!({"event": "issue_comment", "number": forge.pull, "comment": comment["id"], "by": "rae", "file": file});
    let (_, payload) = tell("event", wanted);
    let written: Value = serde_json::from_slice(&std::fs::read(&file).expect("the file")).expect("JSON");
    assert_eq!((&written, &written["comment"]["user"]["login"]), (&payload, &json!("rae")));
    let (_, state) = tell("state", json!({}));
    assert_eq!((&state["comments"][0]["author"], &state["pulls"][0]["state"]), (&json!("rae"), &json!("open")));
    let (status, told) = tell("comment", json!({"by": "rae"}));
    assert_eq!((status, &told["message"]), (400, &json!("number is missing")));
    assert_eq!(tell("nonsense", json!({})).0, 404);
}

#[test]
fn a_hook_may_ask_the_fake_while_a_request_waits() {
    let forge = forge();
    let api = forge.fake.server_url().trim_start_matches("http://").to_owned();
    let (sender, heard) = std::sync::mpsc::channel();
    forge.fake.after(1, "repos/get", move || {
        let mut stream = TcpStream::connect(&api).expect("a connection");
        let request = "GET /rate_limit HTTP/1.1\r\nhost: h\r\nuser-agent: it\r\nconnection: close\r\n\r\n";
        stream.write_all(request.as_bytes()).expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        sender.send(answer).expect("somebody listens");
    });
    assert_eq!(forge.get("").status, 200);
    assert!(heard.recv().expect("an answer").starts_with("HTTP/1.1 200"));
}
