//! Who asks, and whether they may: tokens, the app's signed token, permissions and the primary rate limit.

use serde::Deserialize;
use serde_json::{Value, json};

use super::routes::Need;
use super::state::{App, Kind, Limit, Repo, State, Token};
use super::wire::{Refusal, Request};

/// What an app claims about itself in its token.
#[derive(Debug, Deserialize)]
struct Claims {
    iss: Value,
    iat: i64,
    exp: i64,
}

/// The secret in an Authorization header: Bearer, token, or the password of Basic.
pub fn secret(header: &str) -> Option<String> {
    use base64::Engine;
    let (kind, rest) = header.split_once(' ')?;
    match kind.to_ascii_lowercase().as_str() {
        "bearer" | "token" => Some(rest.trim().to_owned()),
        "basic" => {
            let bytes = base64::engine::general_purpose::STANDARD.decode(rest.trim()).ok()?;
            let text = String::from_utf8(bytes).ok()?;
            text.split_once(':').map(|(_, password)| password.to_owned())
        }
        _ => None,
    }
}

impl State {
    /// The token of a request; nothing where none was sent.
    pub fn identify(&self, header: &str) -> Result<Option<Token>, Refusal> {
        if header.is_empty() {
            return Ok(None);
        }
        let bad = || Refusal::new(401, "Bad credentials");
        let secret = secret(header).ok_or_else(bad)?;
        let token = self.tokens.iter().find(|token| token.secret == secret).ok_or_else(bad)?;
        if token.expires_s.is_some_and(|end| end <= State::real_ms() / 1000) {
            return Err(bad());
        }
        Ok(Some(token.clone()))
    }

    /// The app that signed a request.
    pub fn app_of(&self, request: &Request) -> Result<App, Refusal> {
        let bad = |why: &str| Refusal::new(401, why);
        let jwt =
            secret(request.header("authorization")).ok_or_else(|| bad("A JSON web token could not be decoded"))?;
        let mut rules = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::RS256);
        rules.validate_aud = false;
        rules.leeway = 0;
        for app in &self.apps {
            let Some(pem) = &app.public_pem else { continue };
            let key = jsonwebtoken::DecodingKey::from_rsa_pem(pem.as_bytes()).expect("the app's public key");
            let Ok(read) = jsonwebtoken::decode::<Claims>(&jwt, &key, &rules) else { continue };
            let claims = read.claims;
            let issuer = claims.iss.as_str().map_or_else(|| claims.iss.to_string(), str::to_owned);
            if issuer != app.id.to_string() && issuer != app.client_id {
                return Err(bad("'Issuer' claim ('iss') must be the app's id or client id"));
            }
            if claims.exp - State::real_ms() / 1000 > 600 {
                return Err(bad("'Expiration time' claim ('exp') is too far in the future"));
            }
            if claims.iat > State::real_ms() / 1000 {
                return Err(bad(
                    "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued",
                ));
            }
            return Ok(app.clone());
        }
        Err(bad("A JSON web token could not be decoded"))
    }

    /// Refuses what the token's permissions, or its owner's role, do not allow.
    pub fn permit(&self, request: &Request, repo: Option<&Repo>, needs: &[Need]) -> Result<(), Refusal> {
        let Some(token) = &request.token else {
            return match repo {
                Some(repo) if !repo.private && needs.iter().all(|need| need.1 == "read") => Ok(()),
                Some(_) if request.is_write() => Err(Refusal::new(401, "Requires authentication")),
                Some(_) => Err(Refusal::not_found()),
                None if needs.is_empty() => Ok(()),
                None => Err(Refusal::new(401, "Requires authentication")),
            };
        };
        let denied = |level: &Need| {
            let who = if token.app.is_some() { "integration" } else { "personal access token" };
            Refusal::new(403, format!("Resource not accessible by {who}"))
                .header("x-accepted-github-permissions", format!("{}={}", level.0, level.1))
        };
        if let (Some(repo), Some(repos)) = (repo, &token.repos)
            && !repos.contains(&repo.id)
        {
            // of others, only what everybody may read
            let reads = needs.iter().find(|need| need.1 == "write").filter(|_| request.is_write());
            return match reads {
                _ if repo.private => Err(Refusal::not_found()),
                Some(need) => Err(denied(need)),
                None => Ok(()),
            };
        }
        if let Some(permissions) = &token.permissions {
            let has = |need: &Need| match permissions.get(need.0).map(String::as_str) {
                Some("write" | "admin") => true,
                Some("read") => need.1 == "read",
                _ => false,
            };
            if let Some(first) = needs.first().filter(|_| !needs.iter().any(has)) {
                return Err(denied(first));
            }
        }
        match repo {
            Some(repo) if token.app.is_none() => self.permit_person(&token.login, repo, needs),
            _ => Ok(()),
        }
    }

    /// Refuses what a person's role in the repository does not allow.
    fn permit_person(&self, login: &str, repo: &Repo, needs: &[Need]) -> Result<(), Refusal> {
        let (permission, _) = self.role(repo, login);
        if permission == "none" {
            return Err(Refusal::not_found());
        }
        let reader = |need: &Need| need.1 == "read" || matches!(need.0, "issues" | "pull_requests");
        let writer = matches!(permission.as_str(), "write" | "admin");
        if needs.is_empty() || writer || needs.iter().any(reader) {
            return Ok(());
        }
        Err(Refusal::new(403, "Must have push access to repository."))
    }

    /// Counts a request against the token's primary limit, or refuses it.
    pub fn count(&mut self, request: &Request) -> Result<(), Refusal> {
        let Some(asked) = &request.token else { return Ok(()) };
        let Some(token) = self.tokens.iter_mut().find(|token| token.secret == asked.secret) else { return Ok(()) };
        let rate = &mut token.rate;
        if rate.reset_s <= State::real_ms() / 1000 {
            *rate = Limit::full(rate.limit);
        }
        if rate.remaining == 0 {
            let who = if token.app.is_some() { "installation" } else { "user" };
            return Err(Refusal::new(403, format!("API rate limit exceeded for {who} ID 1.")));
        }
        rate.remaining -= 1;
        Ok(())
    }

    /// Gives a request back that cost nothing: 304.
    pub fn give_back(&mut self, request: &Request) {
        let Some(asked) = &request.token else { return };
        if let Some(token) = self.tokens.iter_mut().find(|token| token.secret == asked.secret) {
            token.rate.remaining += 1;
        }
    }

    /// The headers about the primary limit.
    pub fn rate_headers(&self, request: &Request) -> Vec<(String, String)> {
        let rate = self.rate(request);
        [
            ("x-ratelimit-limit", rate.limit.to_string()),
            ("x-ratelimit-remaining", rate.remaining.to_string()),
            ("x-ratelimit-used", (rate.limit - rate.remaining.min(rate.limit)).to_string()),
            ("x-ratelimit-reset", rate.reset_s.to_string()),
            ("x-ratelimit-resource", "core".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec()
    }

    pub fn rate(&self, request: &Request) -> Limit {
        let asked = request.token.as_ref();
        let token = asked.and_then(|asked| self.tokens.iter().find(|token| token.secret == asked.secret));
        token.map_or_else(|| Limit::full(60), |token| token.rate.clone())
    }

    /// A token for an installation, valid for an hour.
    pub fn mint(&mut self, app: &App, body: &Value) -> Token {
        let wanted = body.get("permissions").and_then(Value::as_object);
        let narrowed =
            wanted.map(|w| w.iter().map(|(k, v)| (k.clone(), v.as_str().unwrap_or("read").to_owned())).collect());
        let names = body.get("repositories").and_then(Value::as_array);
        let repos = names.map(|names| {
            let wanted = |repo: &&Repo| names.iter().any(|name| name.as_str() == Some(repo.name.as_str()));
            self.repos.iter().filter(wanted).map(|repo| repo.id).collect()
        });
        // of the stateless form, far longer than 40 characters
        let n = self.id();
        let secret = format!("ghs_{}_{}.{n}", app.id, "eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9".repeat(6));
        let login = self.account(&format!("{}[bot]", app.slug), Kind::Bot).login;
        let token = Token {
            secret,
            login,
            app: Some(app.slug.clone()),
            permissions: Some(narrowed.unwrap_or_else(|| app.permissions.clone())),
            repos,
            expires_s: Some(State::real_ms() / 1000 + 3600),
            rate: Limit::full(5000),
        };
        self.tokens.push(token.clone());
        token
    }
}

impl Limit {
    /// A fresh hour.
    pub fn full(limit: u64) -> Limit {
        Limit { limit, remaining: limit, reset_s: State::real_ms() / 1000 + 3600 }
    }

    pub fn json(&self) -> Value {
        let used = self.limit - self.remaining.min(self.limit);
        json!({"limit": self.limit, "remaining": self.remaining, "reset": self.reset_s, "used": used, "resource": "core"})
    }
}
