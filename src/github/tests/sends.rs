//! Retries, limits, ETags, pages, names and tokens.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use base64::Engine as _;

use super::*;
use crate::github::oidc;

fn app() -> Auth {
    // as secret stores give it out
    Auth::App { id: "Iv23liAbc".to_owned(), key_pem: KEY.replace('\n', "\\n") }
}

#[tokio::test]
async fn a_comment_that_was_made_although_no_answer_came_is_not_made_again() {
    let made = AtomicUsize::new(0);
    let fake = Fake::start(move |seen| match seen.line.split(' ').next() {
        Some("POST") => {
            made.fetch_add(1, Ordering::SeqCst);
            reply(502, "<html>")
        }
        // the list lags behind by one look
        _ if made.load(Ordering::SeqCst) > 0 && seen.nth > 1 => {
            reply(200, json!([comment(5, "hello"), comment(9, "hello\r\n")]))
        }
        _ => reply(200, json!([comment(5, "hello")])),
    })
    .await;
    let github = fake.connect();
    assert_eq!(github.comments(7).await.unwrap().len(), 1);
    assert_eq!(github.create_comment(7, "hello").await.unwrap().id, 9);
    insta::assert_snapshot!(fake.log(), @r"
    GET ~/issues/7/comments?per_page=100
    POST ~/issues/7/comments
    GET ~/issues/7/comments?per_page=100
    GET ~/issues/7/comments?per_page=100
");
}

#[tokio::test]
async fn a_comment_that_was_not_made_is_made_once() {
    let fake = Fake::start(|seen| match (seen.line.as_str(), seen.nth) {
        ("POST /repos/acme/notes/issues/7/comments", 0) => reply(500, "{}"),
        ("POST /repos/acme/notes/issues/7/comments", _) => reply(201, comment(10, "hello")),
        _ => reply(200, json!([])),
    })
    .await;
    assert_eq!(fake.connect().create_comment(7, "hello").await.unwrap().id, 10);
    assert_eq!(fake.writes().len(), 2);
}

#[tokio::test]
async fn reading_is_tried_again_and_ends() {
    let fake = Fake::start(|_| reply(502, "<html>hunter2-secret</html>")).await;
    let error = fake.connect().facts().await.unwrap_err();
    insta::assert_snapshot!(told(&error).replace(&fake.url, "URL"), @r"
    Transient forge.unreachable
    reading the repository acme/notes: URL: GitHub answered with status 502
    → check the address of the API, and try again in some minutes
");
    assert_eq!(fake.seen().len(), 3);
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_given_up() {
    let fake = Fake::start(|_| hang()).await;
    let limits = Limits { answer_within: Duration::from_millis(50), attempts: 2, ..limits() };
    let github = fake.connect_as(Auth::Token(fake::TOKEN.to_owned()), limits);
    let error = github.facts().await.unwrap_err();
    assert_eq!(error.code(), "forge.unreachable");
    assert!(error.what().ends_with("no answer within 0.05 s"), "{error}");
    assert_eq!(fake.seen().len(), 2);
}

#[tokio::test]
async fn nobody_there() {
    let fake = Fake::start(|_| reply(200, "")).await;
    let door = Door { api_url: "http://127.0.0.1:9".to_owned(), auth: Auth::Token(fake::TOKEN.to_owned()) };
    let github = GitHub::connect_within(door, RepoName::parse("acme/notes").unwrap(), limits()).unwrap();
    let error = github.facts().await.unwrap_err();
    insta::assert_snapshot!(told(&error), @r"
    Transient forge.unreachable
    reading the repository acme/notes: http://127.0.0.1:9: Connection refused (os error 111)
    → check the address of the API, and try again in some minutes
");
    drop(fake);
}

#[tokio::test]
async fn a_limit_is_waited_for_as_told_also_for_writes() {
    let fake = Fake::start(|seen| match seen.nth {
        0 => reply(403, json!({ "message": "You have exceeded a secondary rate limit." })).with("retry-after", 1),
        1 => reply(429, json!({ "message": "slow down" })),
        2 => reply(403, json!({ "message": "You have exceeded a secondary rate limit." })),
        _ => reply(201, comment(3, "hi")),
    })
    .await;
    let start = Instant::now();
    assert_eq!(fake.connect().create_comment(7, "hi").await.unwrap().id, 3);
    assert!(start.elapsed() >= Duration::from_secs(1));
    assert_eq!(fake.seen().len(), 4);
}

#[tokio::test]
async fn patience_ends_and_nothing_more_is_sent_meanwhile() {
    let fake = Fake::start(|_| {
        reply(403, json!({ "message": "API rate limit exceeded for hunter2-secret" }))
            .with("x-ratelimit-remaining", 0)
            .with("x-ratelimit-reset", 1_800_000_000)
            .with("date", "Fri, 15 Jan 2027 07:00:00 GMT")
    })
    .await;
    let github = fake.connect();
    let error = github.facts().await.unwrap_err();
    assert_eq!(error.code(), "forge.rate_limited");
    assert_eq!(error.class(), crate::error::Class::Transient);
    let text = told(&error);
    assert!(text.contains("GitHub limits our requests until 20"), "{text}");
    assert!(text.ends_with("Z") && !text.contains("hunter2"), "{text}");
    assert_eq!(github.clone().pull(1).await.unwrap_err().code(), "forge.rate_limited");
    assert_eq!(fake.seen().len(), 1, "a clone knows of the limit");
}

#[tokio::test]
async fn what_did_not_change_is_not_sent_again() {
    let fake = Fake::start(|seen| match seen.headers.get("if-none-match") {
        Some(etag) if etag == "W/\"abc\"" => reply(304, ""),
        _ => reply(200, json!([comment(1, "one")]))
            .with("etag", "W/\"abc\"")
            .with("link", "<https://elsewhere.example/repositories/1/issues/7/comments?page=2>; rel=\"next\""),
    })
    .await;
    let github = fake.connect();
    // both pages are the same here: what counts is that the second is asked for, also after a 304
    let limits = Limits { pages: 2, ..limits() };
    assert_eq!(github.comments(7).await.unwrap().len(), 100);
    let fake_two = fake.connect_as(Auth::Token(fake::TOKEN.to_owned()), limits);
    assert_eq!(fake_two.comments(7).await.unwrap().len(), 2);
    let again = fake_two.comments(7).await.unwrap();
    assert_eq!(again.len(), 2);
    let last: Vec<bool> = fake.seen().iter().rev().take(4).map(|s| s.headers.contains_key("if-none-match")).collect();
    assert_eq!(last, [true, true, false, false]);
}

#[tokio::test]
async fn the_next_page_is_asked_for_with_the_token_and_on_our_host() {
    let fake = Fake::start(|seen| match seen.line.as_str() {
        "GET /api/v3/repos/acme/notes/issues/7/comments?per_page=100" => reply(200, json!([comment(2, "two")])).with(
            "link",
            "<https://ghe.example/api/v3/repositories/1/issues/7/comments?page=2>; rel=\"next\", <https://x/y>; rel=\"last\"",
        ),
        "GET /api/v3/repositories/1/issues/7/comments?page=2" => {
            reply(200, json!([comment(3, "three")])).with("link", "<https://x/y>; rel=\"first\"")
        }
        _ => reply(404, "{}"),
    })
    .await;
    let mut enterprise = fake.clone();
    enterprise.url.push_str("/api/v3/");
    let comments = enterprise.connect().comments(7).await.unwrap();
    assert_eq!(comments.iter().map(|c| c.id).collect::<Vec<_>>(), [2, 3]);
    assert!(fake.seen().iter().all(|s| s.bearer == fake::TOKEN));
    let first = &fake.seen()[0].headers;
    assert_eq!(first["accept"], "application/vnd.github+json");
    assert_eq!(first["x-github-api-version"], "2022-11-28");
}

#[tokio::test]
async fn creations_are_apart_for_all_clones() {
    let fake = Fake::start(|_| reply(201, comment(3, "hi"))).await;
    let limits = Limits { between_creates: Duration::from_millis(60), ..limits() };
    let github = fake.connect_as(Auth::Token(fake::TOKEN.to_owned()), limits);
    let (one, two) = (github.clone(), github.clone());
    let start = Instant::now();
    let (a, b, c) =
        tokio::join!(github.create_comment(1, "hi"), one.create_comment(2, "hi"), two.create_comment(3, "hi"));
    assert!(a.is_ok() && b.is_ok() && c.is_ok());
    assert!(start.elapsed() >= Duration::from_millis(120));
}

/// The repository is `acme/diary` by now.
fn renamed(seen: &Seen) -> Reply {
    match seen.line.as_str() {
        "GET /repos/acme/notes" => reply(301, "{}").with("location", "/repositories/1"),
        "GET /repositories/1" | "GET /repos/acme/diary" => repository("acme/diary"),
        "GET /repos/acme/notes/issues/7/comments?per_page=100" => {
            reply(301, "{}").with("location", "/repositories/1/issues/7/comments?per_page=100")
        }
        "GET /repositories/1/issues/7/comments?per_page=100" => reply(200, json!([comment(1, "old")])),
        line if line.starts_with("GET /repos/acme/notes/git/") => reply(301, "{}").with("location", "/x"),
        "POST /repos/acme/diary/issues/7/comments" => reply(201, comment(2, "new")),
        "PATCH /repos/acme/diary/issues/comments/2" => reply(200, comment(2, "newer")),
        _ => reply(307, "{}").with("location", "/repositories/1/issues/7/comments"),
    }
}

#[tokio::test]
async fn a_renamed_repository_is_written_to_under_its_new_name() {
    let fake = Fake::start(renamed).await;
    let github = fake.connect();
    assert_eq!(github.comments(7).await.unwrap().len(), 1);
    assert_eq!(github.create_comment(7, "new").await.unwrap().id, 2);
    github.edit_comment(2, "newer").await.unwrap();
    assert_eq!(github.facts().await.unwrap().name.to_string(), "acme/diary");
    assert_eq!(github.repo().to_string(), "acme/notes");
    insta::assert_snapshot!(fake.log(), @r"
    GET ~/issues/7/comments?per_page=100
    GET /repositories/1/issues/7/comments?per_page=100
    POST ~/issues/7/comments
    GET ~
    GET /repositories/1
    POST /repos/acme/diary/issues/7/comments
    PATCH /repos/acme/diary/issues/comments/2
    GET /repos/acme/diary
");
}

#[tokio::test]
async fn a_post_that_was_redirected_into_a_list_is_noticed() {
    let fake = Fake::start(|seen| match seen.line.as_str() {
        "POST /repos/acme/notes/issues/7/comments" => {
            reply(301, "{}").with("location", "/repositories/1/issues/7/comments")
        }
        "GET /repositories/1/issues/7/comments" => reply(200, "[]"),
        _ => renamed(seen),
    })
    .await;
    assert_eq!(fake.connect().create_comment(7, "new").await.unwrap().id, 2);
}

/// Installation tokens by number; the first is refused when `refused` says so.
async fn app_server(refuses_first: bool, lives_seconds: i64) -> Fake {
    let minted = Mutex::new(0);
    Fake::start(move |seen| match seen.line.as_str() {
        "GET /repos/acme/notes/installation" => reply(200, json!({ "id": 42 })),
        "POST /app/installations/42/access_tokens" => {
            let mut minted = minted.lock().unwrap();
            *minted += 1;
            let expires = jiff::Timestamp::from_second(jiff::Timestamp::now().as_second() + lives_seconds).unwrap();
            reply(201, json!({ "token": format!("ghs_9_{minted}aaaaaaaaaa"), "expires_at": expires.to_string() }))
        }
        "GET /app" => reply(200, json!({ "slug": "offshoot" })),
        _ if refuses_first && seen.bearer == "ghs_9_1aaaaaaaaaa" => reply(401, json!({ "message": "Bad credentials" })),
        _ => repository("acme/notes"),
    })
    .await
}

#[tokio::test]
async fn a_token_is_minted_once_for_all_who_come_at_once() {
    let fake = app_server(false, 3600).await;
    let github = fake.connect_as(app(), limits());
    let (a, b, c) = tokio::join!(github.facts(), github.facts(), github.git_token());
    assert!(a.is_ok() && b.is_ok());
    assert_eq!(c.unwrap(), "ghs_9_1aaaaaaaaaa");
    assert_eq!(fake.writes().len(), 1);
    assert_eq!(github.whoami().await.unwrap().unwrap().login, Login::new("offshoot[bot]"));
    // what the App signs with
    let signed = fake.writes()[0].bearer.clone();
    let claims = signed.split('.').nth(1).unwrap();
    let claims = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(claims).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!(claims["iss"], "Iv23liAbc");
    let (iat, exp) = (claims["iat"].as_i64().unwrap(), claims["exp"].as_i64().unwrap());
    let now = jiff::Timestamp::now().as_second();
    assert!(iat <= now - 60 && exp - iat <= 600 && exp > now, "{iat} {exp}");
}

#[tokio::test]
async fn a_token_that_is_refused_is_minted_anew_once() {
    let fake = app_server(true, 3600).await;
    let github = fake.connect_as(app(), limits());
    assert!(github.facts().await.is_ok());
    assert_eq!(github.git_token().await.unwrap(), "ghs_9_2aaaaaaaaaa");
    insta::assert_snapshot!(fake.log(), @r"
    GET ~/installation
    POST /app/installations/42/access_tokens
    GET ~
    GET ~/installation
    POST /app/installations/42/access_tokens
    GET ~
");
}

#[tokio::test]
async fn a_token_is_renewed_before_it_expires() {
    let fake = app_server(false, 0).await;
    let github = fake.connect_as(app(), limits());
    github.facts().await.unwrap();
    github.facts().await.unwrap();
    assert_eq!(fake.writes().len(), 2);
}

#[tokio::test]
async fn an_app_that_is_not_installed_says_so() {
    let fake = Fake::start(|_| reply(404, json!({ "message": "Not Found" }))).await;
    let error = fake.connect_as(app(), limits()).facts().await.unwrap_err();
    insta::assert_snapshot!(told(&error), @r"
    Failed forge.not_installed
    signing in to acme/notes as GitHub App Iv23liAbc: the App is not installed on this repository
    → install the App on acme/notes, or check the repository's name
");
}

#[tokio::test]
async fn secrets_stay_out_of_everything_people_read() {
    for status in [400, 401, 403, 404, 409, 410, 422, 451, 500, 503] {
        let fake = Fake::start(move |seen| {
            let message = format!("no: {} and ghs_9_eyJhbGciOi.eyJ.abc and {KEY}", seen.bearer);
            reply(status, json!({ "message": message, "errors": [{ "field": "f", "message": message }] }))
        })
        .await;
        let github = fake.connect();
        let errors = [
            github.facts().await.unwrap_err(),
            github.create_comment(1, "x").await.unwrap_err(),
            github.edit_comment(1, "x").await.unwrap_err(),
        ];
        for error in errors {
            let text = format!("{error} {error:?} {}", error.next_step().unwrap_or_default());
            assert!(!text.contains(fake::TOKEN) && !text.contains("ghs_9"), "{status}: {text}");
        }
    }
    let fake = Fake::start(|_| reply(200, json!({ "full_name": fake::TOKEN, "default_branch": 1 }))).await;
    let error = fake.connect().facts().await.unwrap_err();
    assert_eq!(error.code(), "forge.malformed");
    assert!(!format!("{error:?}").contains(fake::TOKEN));
    let debug = format!("{:?} {:?} {:?}", fake.connect(), Auth::Token(fake::TOKEN.to_owned()), app());
    assert!(!debug.contains(fake::TOKEN) && !debug.contains("PRIVATE"), "{debug}");
}

#[test]
fn what_cannot_work_is_refused_at_once() {
    let connect = |url: &str, auth: Auth| {
        let door = Door { api_url: url.to_owned(), auth };
        told(&GitHub::connect(door, RepoName::parse("acme/notes").unwrap()).unwrap_err())
    };
    let token = || Auth::Token("t".to_owned());
    insta::assert_snapshot!(connect("github.com", token()), @r#"
    Usage forge.bad_address
    reading the address of GitHub's API: "github.com"
    → write it like https://api.github.com or https://ghe.example.com/api/v3
"#);
    insta::assert_snapshot!(connect("https://user:pass@github.com", token()), @r#"
    Usage forge.bad_address
    reading the address of GitHub's API: https://…@github.com
    → write it like https://api.github.com or https://ghe.example.com/api/v3
"#);
    insta::assert_snapshot!(connect("https://api.github.com", Auth::Token(" \n".to_owned())), @r"
    Usage forge.no_token
    reading the GitHub token: the token is empty
    → pass `github-token: ${{ github.token }}` in a workflow, or set GITHUB_TOKEN
");
    insta::assert_snapshot!(connect("https://api.github.com", Auth::App { id: "1".to_owned(), key_pem: "no key".to_owned() }), @r"
    Usage forge.bad_key
    reading the private key of the GitHub App: it is no RSA key in PEM form
    → pass the whole .pem file that GitHub gave you, from BEGIN to END
");
}

#[test]
fn the_futures_may_move_between_threads() {
    fn may_move<T: Send>(_: T) {}
    let door = Door { api_url: "http://127.0.0.1:9".to_owned(), auth: Auth::Token("t".to_owned()) };
    let github = GitHub::connect(door, RepoName::parse("acme/notes").unwrap()).unwrap();
    may_move(github.create_comment(1, "x"));
    may_move(github.put_check(&puts::check(CheckState::Success)));
    may_move(github.put_deployment(&puts::deployment(SHA, DeploymentState::Success)));
    may_move(github.react(1, Reaction::Eyes));
}

#[tokio::test]
async fn an_oidc_token_is_fetched_for_its_audience() {
    let fake = Fake::start(|seen| match seen.nth {
        0 => reply(503, ""),
        _ => reply(200, json!({ "value": "eyJhbGciOi.eyJhdWQ.c2ln" })).with("etag", "\"1\""),
    })
    .await;
    let url = format!("{}/token?api-version=2.0", fake.url);
    let fetch = oidc::fetcher_within(url, "runner-secret".to_owned(), "sts.amazonaws.com/a b".to_owned(), limits());
    assert_eq!(fetch().await.unwrap(), "eyJhbGciOi.eyJhdWQ.c2ln");
    assert_eq!(fetch().await.unwrap(), "eyJhbGciOi.eyJhdWQ.c2ln");
    assert_eq!(fake.seen()[2].line, "GET /token?api-version=2.0&audience=sts.amazonaws.com%2Fa%20b");
    assert_eq!(fake.seen()[2].bearer, "runner-secret");
    assert!(!fake.seen()[2].headers.contains_key("if-none-match"), "tokens are not kept");
}

#[tokio::test]
async fn a_job_without_the_right_is_told_how_to_get_it() {
    let fetch = oidc::fetcher(String::new(), String::new(), "sts.amazonaws.com".to_owned());
    insta::assert_snapshot!(told(&fetch().await.unwrap_err()), @r"
    Failed oidc.not_granted
    asking GitHub Actions for an OIDC token: this job may not have one
    → add `permissions: id-token: write` to the job in the workflow
");
    let fake = Fake::start(|seen| match seen.line.as_str() {
        "GET /a?audience=x" => reply(403, json!({ "message": "no runner-secret" })),
        _ => reply(200, json!({ "value": "not a token" })),
    })
    .await;
    let fetch = |path: &str| {
        oidc::fetcher_within(format!("{}{path}", fake.url), "runner-secret".to_owned(), "x".to_owned(), limits())()
    };
    insta::assert_snapshot!(told(&fetch("/a").await.unwrap_err()), @r"
    Failed oidc.refused
    asking GitHub Actions for an OIDC token: it was refused with status 403: no [secret]
    → add `permissions: id-token: write` to the job in the workflow
");
    insta::assert_snapshot!(told(&fetch("/b").await.unwrap_err()), @r"
    Failed oidc.malformed
    asking GitHub Actions for an OIDC token: the answer holds no JSON web token in `value`
    → add `permissions: id-token: write` to the job in the workflow
");
}
