//! Tests: when a token is exchanged, with what, how often, and what a refusal says.

use std::sync::Mutex;

use aws_credential_types::provider::ProvideCredentials;

use super::*;
use crate::aws::credentials::Assumed;
use crate::aws::fixture::{Fake, reply};

const ROLE: &str = "arn:aws:iam::111111111111:role/offshoot-apply";

fn jwt(claims: &str) -> String {
    format!("head.{}.signature", base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(claims))
}

fn token() -> String {
    jwt(r#"{"iss":"https://token.actions.githubusercontent.com","sub":"repo:acme/notes:pull_request"}"#)
}

fn identity(role: Option<&str>) -> WebIdentity {
    let fetch: FetchToken = Arc::new(|| Box::pin(async { Ok(token()) }));
    WebIdentity { token: fetch, role: role.map(Role::new), session_name: "offshoot 42/1".into() }
}

fn door(role: Option<&str>, identity: WebIdentity) -> Door {
    Door { role: role.map(Role::new), web_identity: Some(identity), ..Door::default() }
}

fn given(expires: &str) -> (u16, String) {
    let text = format!(
        "<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>ASIA1</AccessKeyId>\
         <SecretAccessKey>secret</SecretAccessKey><SessionToken>session</SessionToken><Expiration>{expires}</Expiration>\
         </Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"
    );
    reply(200, &text)
}

fn refused(code: &str, message: &str) -> (u16, String) {
    reply(
        403,
        &format!("<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"),
    )
}

#[test]
fn the_environment_goes_first_then_the_rule_then_the_action() {
    let nothing = |_: &str| None;
    let entered = |door: &Door| entry(door, nothing).unwrap().map(|(_, role)| role.arn);
    assert_eq!(entered(&door(Some("rule"), identity(Some("action")))).as_deref(), Some("rule"));
    assert_eq!(entered(&door(None, identity(Some("action")))).as_deref(), Some("action"));
    assert_eq!(entered(&Door::default()), None);
    for own in OWN {
        let with = |name: &str| (name == own).then(|| "x".to_owned());
        assert!(entry(&door(Some("rule"), identity(None)), with).unwrap().is_none(), "{own}");
        let empty = |name: &str| (name == own).then(String::new);
        assert!(entry(&door(Some("rule"), identity(None)), empty).unwrap().is_some(), "{own}");
    }
    let named = Door { profile: Some("work".into()), ..door(Some("rule"), identity(None)) };
    assert!(entry(&named, nothing).unwrap().is_none());
}

#[test]
fn a_token_without_a_role_is_an_error_that_names_the_input() {
    let error = entry(&door(None, identity(None)), |_| None).unwrap_err();
    assert_eq!(error.code(), "aws.no_credentials");
    assert!(error.next_step().unwrap().contains("`role-to-assume:`"));
}

#[test]
fn a_workflow_without_credentials_is_told_the_actions_input() {
    let error = |code| Error::failed(code, "asking", "none").next("log in");
    let in_workflow = |name: &str| (name == "GITHUB_ACTIONS").then(|| "true".to_owned());
    assert!(hint(error("aws.no_credentials"), in_workflow).next_step().unwrap().contains("id-token: write"));
    assert_eq!(hint(error("aws.denied"), in_workflow).next_step(), Some("log in"));
    assert_eq!(hint(error("aws.no_credentials"), |_| None).next_step(), Some("log in"));
}

#[tokio::test]
async fn the_call_is_not_signed_and_its_credentials_are_used_until_they_are_old() {
    let fake = Fake::unsigned([given("2020-01-01T00:00:00Z"), given("2099-01-01T00:00:00Z")]).await;
    let fetched = Arc::new(Mutex::new(0));
    let counter = fetched.clone();
    let fetch: FetchToken = Arc::new(move || {
        *counter.lock().unwrap() += 1;
        Box::pin(async { Ok(token()) })
    });
    let identity = WebIdentity { token: fetch, ..identity(None) };
    let exchange = Exchange::new(&fake.aws().base, identity, Role::new(ROLE));
    let held = Assumed::begun(exchange.exchange().await.unwrap(), exchange);
    // the first ones have expired: renewed with a token of their own, then kept
    for _ in 0..3 {
        assert_eq!(held.provide_credentials().await.unwrap().access_key_id(), "ASIA1");
    }
    assert_eq!((fake.asked().len(), *fetched.lock().unwrap()), (2, 2));
    let asked = &fake.asked()[0];
    assert!(asked.contains("Action=AssumeRoleWithWebIdentity") && asked.contains("RoleSessionName=offshoot-42-1"));
    assert!(asked.contains(&format!("WebIdentityToken={}", token())), "{asked}");
}

#[tokio::test]
async fn a_refusal_says_the_role_the_subject_and_where_to_read_and_never_the_token() {
    let refusals = [
        ("AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity"),
        ("InvalidIdentityToken", "No OpenIDConnect provider found in your account"),
    ];
    for (code, message) in refusals {
        let fake = Fake::unsigned([refused(code, message)]).await;
        let exchange = Exchange::new(&fake.aws().base, identity(None), Role::new(ROLE));
        let error = exchange.exchange().await.unwrap_err();
        assert_eq!(error.code(), "aws.role_not_trusted");
        assert_eq!(
            error.to_string(),
            format!("assuming role {ROLE} with the token of token.actions.githubusercontent.com: {code}: {message}")
        );
        let next = error.next_step().unwrap();
        assert!(next.contains(ROLE) && next.contains("repo:acme/notes:pull_request") && next.contains(GUIDE), "{next}");
        assert!(!format!("{error:?}{next}").contains("signature"));
    }
}

#[test]
fn claims_are_read_from_tokens_of_any_form() {
    for odd in ["", "a.b", "a.!!.c", "a..c", &jwt("[]"), &jwt(r#"{"sub":1}"#), &jwt("{\"sub\":\"a\u{202e}b\"}")] {
        assert_eq!(claim(odd, "sub"), None, "{odd}");
    }
    assert_eq!(claim(&token(), "sub").as_deref(), Some("repo:acme/notes:pull_request"));
    assert_eq!(session_name(""), "offshoot");
    assert_eq!(session_name(&"é".repeat(100)).len(), 64);
}
