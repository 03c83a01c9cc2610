//! Roles assumed with the token of another identity provider (GitHub's OIDC), without any AWS key.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, future};
use base64::Engine as _;
use futures_util::future::BoxFuture;

use super::{Door, Role, errors};
use crate::error::{Error, Result};

/// Fetches a fresh token: a JWT for the audience `sts.amazonaws.com`.
pub type FetchToken = Arc<dyn Fn() -> BoxFuture<'static, Result<String>> + Send + Sync>;

/// Where to read about the role and its trust policy.
const GUIDE: &str = "docs/guides/github-action.md";

/// An identity elsewhere that AWS trusts.
#[derive(Clone)]
pub struct WebIdentity {
    /// A token lives for minutes only, so each role gets its own.
    pub token: FetchToken,
    /// The role for stages that name none.
    pub role: Option<Role>,
    /// Stands in CloudTrail: `offshoot-<run id>`.
    pub session_name: String,
}

impl fmt::Debug for WebIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebIdentity").field("role", &self.role).finish_non_exhaustive()
    }
}

/// Credentials that the environment itself names. Files of a home folder that nobody named and an instance's own role do
/// not count: whoever sets up a web identity means it, also on a runner that happens to be an EC2 instance.
const OWN: [&str; 5] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_PROFILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
];

/// The identity and the role to enter with, where the environment holds no credentials of its own; else its own are
/// used as ever, and only the role of the stage's rule is assumed with them. Errors (`aws.no_credentials`): a token could
/// be had, and nobody says for which role.
pub(super) fn entry(door: &Door, variable: impl Fn(&str) -> Option<String>) -> Result<Option<(WebIdentity, Role)>> {
    let Some(identity) = &door.web_identity else { return Ok(None) };
    let own = OWN.iter().any(|name| variable(name).is_some_and(|v| !v.trim().is_empty()));
    if own || door.profile.is_some() {
        return Ok(None);
    }
    match door.role.as_ref().or(identity.role.as_ref()) {
        Some(role) => Ok(Some((identity.clone(), role.clone()))),
        None => Err(Error::failed(
            "aws.no_credentials",
            "choosing the AWS role",
            "there are no AWS credentials, and neither the action nor the stage's rule names a role",
        )
        .next(format!(
            "give the action `role-to-assume:`, or write `aws: {{ plan_role: …, apply_role: … }}` for the stage; see {GUIDE}"
        ))),
    }
}

/// In a workflow that has no credentials the way to them is the action's, not a developer's.
pub(super) fn hint(error: Error, variable: impl Fn(&str) -> Option<String>) -> Error {
    if error.code() != "aws.no_credentials" || variable("GITHUB_ACTIONS").as_deref() != Some("true") {
        return error;
    }
    error.next(format!(
        "give the action `role-to-assume:` and the job `permissions: {{ id-token: write }}`; see {GUIDE}"
    ))
}

/// One role, and what it is exchanged for.
#[derive(Clone, Debug)]
pub(super) struct Exchange {
    sts: aws_sdk_sts::Client,
    identity: WebIdentity,
    role: Role,
}

impl Exchange {
    pub fn new(base: &SdkConfig, identity: WebIdentity, role: Role) -> Exchange {
        Exchange { sts: aws_sdk_sts::Client::new(base), identity, role }
    }

    /// Fetches a token and exchanges it; the call is not signed. Errors: no token to be had, AWS does not trust it
    /// (`aws.role_not_trusted`).
    pub async fn exchange(&self) -> Result<Credentials> {
        let token = (self.identity.token)().await?;
        let arn = &self.role.arn;
        let doing = format!("assuming role {arn} with the token of {}", issuer(&token));
        let answer = self
            .sts
            .assume_role_with_web_identity()
            .role_arn(arn)
            .role_session_name(session_name(&self.identity.session_name))
            .web_identity_token(&token)
            .send()
            .await
            .map_err(|e| explain(errors::from_sdk(&doing, e), arn, &token))?;
        let Some(given) = answer.credentials() else {
            return Err(Error::failed("aws.error", doing, "AWS gave no credentials")
                .next("check AWS_ENDPOINT_URL: something other than AWS may have answered"));
        };
        let expiry = SystemTime::try_from(*given.expiration()).ok();
        let session = Some(given.session_token().to_owned());
        Ok(Credentials::new(given.access_key_id(), given.secret_access_key(), session, expiry, "web identity"))
    }
}

impl ProvideCredentials for Exchange {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        let exchange = async { self.exchange().await.map_err(CredentialsError::provider_error) };
        future::ProvideCredentials::new(exchange)
    }
}

/// What STS takes as a session name.
fn session_name(wish: &str) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || "_=,.@-".contains(c) { c } else { '-' };
    let name: String = wish.chars().map(safe).take(64).collect();
    if name.len() < 2 { "offshoot".to_owned() } else { name }
}

/// Says what must be put right where AWS does not trust the token.
fn explain(error: Error, arn: &str, token: &str) -> Error {
    let untrusted = ["AccessDenied", "InvalidIdentityToken", "IDPRejectedClaim", "ExpiredToken"];
    if !untrusted.iter().any(|code| error.what().starts_with(code)) {
        return error;
    }
    let subject = claim(token, "sub");
    let whose = subject.as_ref().map_or_else(|| "this repository's".to_owned(), |s| format!("this run's `{s}`"));
    let next = format!(
        "let the trust policy of {arn} name the provider token.actions.githubusercontent.com, the audience sts.amazonaws.com and {whose} as `sub`; see {GUIDE}"
    );
    Error::failed("aws.role_not_trusted", error.doing(), error.what()).next(next)
}

fn issuer(token: &str) -> String {
    let host = claim(token, "iss").and_then(|iss| iss.strip_prefix("https://").map(str::to_owned));
    host.unwrap_or_else(|| "the identity provider".to_owned())
}

/// A claim of the token, for people to read: what nobody signed is never decided upon. Not the token itself: it is a secret.
fn claim(token: &str, name: &str) -> Option<String> {
    let middle = token.split('.').nth(1)?;
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(middle.trim_end_matches('=')).ok()?;
    let claims: serde_json::Value = serde_json::from_slice(&bytes).ok()?;
    let text = claims.get(name)?.as_str()?;
    let readable = text.len() <= 256 && text.chars().all(|c| c.is_ascii_graphic() && c != '`');
    readable.then(|| text.to_owned())
}

#[cfg(test)]
mod tests;
