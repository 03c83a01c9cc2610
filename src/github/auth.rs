//! As whom we speak: a token that was given, or the tokens of a GitHub App's installation, made and renewed here.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use octocrab::jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::errors::Ask;
use super::line::Line;
use super::wire::{Base, GITHUB_JSON, Method, Request};
use crate::error::{Error, Result};
use crate::forge::RepoName;

/// Tokens live for an hour; git may use one for minutes after it was handed out.
const RENEW_BEFORE: Duration = Duration::from_secs(300);

pub(super) struct Identity {
    way: Way,
    /// Held while a token is made: who comes meanwhile waits for it, and makes none of their own.
    minted: Mutex<Option<Minted>>,
}

enum Way {
    Token(Arc<str>),
    App(App),
}

struct App {
    id: String,
    key: EncodingKey,
}

struct Minted {
    token: Arc<str>,
    renew_at: Instant,
}

#[derive(Serialize)]
struct Claims<'a> {
    iat: i64,
    exp: i64,
    iss: &'a str,
}

#[derive(Deserialize)]
struct Installation {
    id: u64,
}

#[derive(Deserialize)]
struct InstallationToken {
    token: String,
    expires_at: String,
}

impl Identity {
    pub(super) fn token(token: &str) -> Result<Identity> {
        let token = token.trim();
        if token.is_empty() || !token.chars().all(|c| c.is_ascii_graphic()) {
            let what =
                if token.is_empty() { "the token is empty" } else { "the token holds characters that no token has" };
            return Err(Error::usage("forge.no_token", "reading the GitHub token", what)
                .next("pass `github-token: ${{ github.token }}` in a workflow, or set GITHUB_TOKEN"));
        }
        Ok(Identity { way: Way::Token(token.into()), minted: Mutex::new(None) })
    }

    /// The key may have its line breaks as `\n`, which is how many secret stores give it out.
    pub(super) fn app(id: &str, key_pem: &str) -> Result<Identity> {
        let pem = key_pem.trim().replace("\\n", "\n");
        let key = EncodingKey::from_rsa_pem(pem.as_bytes()).map_err(|_| {
            Error::usage("forge.bad_key", "reading the private key of the GitHub App", "it is no RSA key in PEM form")
                .next("pass the whole .pem file that GitHub gave you, from BEGIN to END")
        })?;
        let id = id.trim();
        if id.is_empty() {
            return Err(Error::usage("forge.bad_key", "reading the id of the GitHub App", "it is empty")
                .next("pass the App id or the client id of the App's page on GitHub"));
        }
        Ok(Identity { way: Way::App(App { id: id.to_owned(), key }), minted: Mutex::new(None) })
    }

    /// What to look at where GitHub does not know us.
    pub(super) fn advice(&self) -> &'static str {
        match self.way {
            Way::Token(_) => {
                "check the token, it may be expired or revoked; in a workflow pass `github-token: ${{ github.token }}`"
            }
            Way::App(_) => "check the id and private key of the GitHub App, and the clock of this machine",
        }
    }

    /// A token for GitHub's interface and for git.
    pub(super) async fn current(&self, line: &Line, base: &Base, repo: &RepoName) -> Result<Arc<str>> {
        let app = match &self.way {
            Way::Token(token) => {
                line.secrets.keep(token);
                return Ok(token.clone());
            }
            Way::App(app) => app,
        };
        let mut minted = self.minted.lock().await;
        if let Some(held) = minted.as_ref().filter(|held| held.renew_at > Instant::now()) {
            return Ok(held.token.clone());
        }
        let made = app.mint(line, base, repo).await?;
        let token = made.token.clone();
        *minted = Some(made);
        Ok(token)
    }

    /// GitHub refused the token: whether asking again with a new one makes sense.
    pub(super) async fn renews_after(&self, refused: &str) -> bool {
        if matches!(self.way, Way::Token(_)) {
            return false;
        }
        let mut minted = self.minted.lock().await;
        // somebody else may have renewed it already
        minted.take_if(|held| &*held.token == refused);
        true
    }

    /// What the App itself, not its installation, signs its requests with; nothing where we are no App.
    pub(super) fn as_app(&self) -> Option<Result<Arc<str>>> {
        match &self.way {
            Way::Token(_) => None,
            Way::App(app) => Some(app.sign()),
        }
    }
}

impl App {
    fn sign(&self) -> Result<Arc<str>> {
        let now = Timestamp::now().as_second();
        // a minute ago, and less than the ten minutes that are allowed: clocks differ
        let claims = Claims { iat: now - 60, exp: now + 9 * 60, iss: &self.id };
        encode(&Header::new(Algorithm::RS256), &claims, &self.key).map(Arc::from).map_err(|e| {
            Error::usage("forge.bad_key", "signing in as the GitHub App", e.to_string())
                .next("pass the whole .pem file that GitHub gave you, from BEGIN to END")
        })
    }

    async fn mint(&self, line: &Line, base: &Base, repo: &RepoName) -> Result<Minted> {
        let doing = format!("signing in to {repo} as GitHub App {}", self.id);
        let find = Ask::new(&doing, "metadata: read");
        let path = format!("{}/repos/{repo}/installation", base.path);
        let answer = line.ask(&doing, Request::get(path, self.sign()?)).await?;
        if answer.status == 404 {
            return Err(Error::failed("forge.not_installed", doing, "the App is not installed on this repository")
                .next(format!("install the App on {repo}, or check the repository's name")));
        }
        let installation: Installation = line.words().read(&find, &answer)?;
        let request = Request {
            method: Method::Post,
            path: format!("{}/app/installations/{}/access_tokens", base.path, installation.id),
            accept: GITHUB_JSON,
            bearer: self.sign()?,
            if_none_match: None,
            body: Some(json!({})),
        };
        // a token too many does no harm: this may be repeated
        let answer = line.ask(&doing, request).await?;
        let made: InstallationToken = line.words().read(&find, &answer)?;
        line.secrets.keep(&made.token);
        let now = answer.date.unwrap_or_else(|| Timestamp::now().as_second());
        let expires: Timestamp =
            made.expires_at.parse().map_err(|_| line.words().malformed(&find, "expires_at is no time"))?;
        let lives = Duration::from_secs(u64::try_from(expires.as_second().saturating_sub(now)).unwrap_or_default());
        let renew_at = Instant::now() + lives.saturating_sub(RENEW_BEFORE.min(lives / 2));
        Ok(Minted { token: made.token.into(), renew_at })
    }
}
