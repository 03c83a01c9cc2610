//! What GitHub's refusals mean: the class and code of an error, in GitHub's own words where it has some, and what to do.

use serde::Deserialize;
use serde_json::Value;

use super::secrets::Secrets;
use super::wire::Answer;
use crate::error::{Error, Result};

/// What is being done, and the permission that it takes, as a workflow names it.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    pub doing: String,
    pub needs: &'static str,
}

impl Ask {
    pub(super) fn new(doing: impl Into<String>, needs: &'static str) -> Self {
        Ask { doing: doing.into(), needs }
    }
}

/// What GitHub writes about a refusal.
#[derive(Debug, Default, Deserialize)]
struct Refusal {
    #[serde(default)]
    message: String,
    #[serde(default)]
    errors: Value,
}

impl Answer {
    pub(super) fn is_fine(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// GitHub's message; nothing where the answer is not GitHub's.
    pub(super) fn message(&self) -> String {
        let refusal: Refusal = serde_json::from_str(&self.body).unwrap_or_default();
        let fields = fields(&refusal.errors);
        if fields.is_empty() { refusal.message } else { format!("{}: {}", refusal.message, fields.join("; ")) }
    }
}

/// What is wrong with which field, in one line each.
fn fields(errors: &Value) -> Vec<String> {
    let one = |error: &Value| {
        let text = |key: &str| error.get(key).and_then(Value::as_str);
        match (error.as_str(), text("field"), text("message"), text("code")) {
            (Some(plain), ..) => Some(plain.to_owned()),
            (_, Some(field), Some(message), _) => Some(format!("{field}: {message}")),
            (_, Some(field), None, Some(code)) => Some(format!("{field} is {}", code.replace('_', " "))),
            (_, None, Some(message), _) => Some(message.to_owned()),
            (_, None, None, Some(code)) => Some(code.replace('_', " ")),
            _ => None,
        }
    };
    errors.as_array().map(|list| list.iter().take(10).filter_map(one).collect()).unwrap_or_default()
}

/// Makes errors; holds what they must not tell.
pub(super) struct Words<'a> {
    pub secrets: &'a Secrets,
    pub origin: &'a str,
    /// What to look at where GitHub does not know us.
    pub credentials: &'a str,
}

impl Words<'_> {
    /// The body of a success, read.
    pub(super) fn read<T: for<'de> Deserialize<'de>>(&self, ask: &Ask, answer: &Answer) -> Result<T> {
        if !answer.is_fine() {
            return Err(self.refused(ask, answer));
        }
        serde_json::from_str(&answer.body).map_err(|e| self.malformed(ask, &e.to_string()))
    }

    pub(super) fn malformed(&self, ask: &Ask, why: &str) -> Error {
        let what = format!("{} answered with something else than expected: {}", self.origin, self.secrets.clean(why));
        Error::failed("forge.malformed", &ask.doing, what)
            .next("check the address of the API; GitHub Enterprise's ends in /api/v3")
    }

    /// An answer that is not a success, in class, code and words.
    pub(super) fn refused(&self, ask: &Ask, answer: &Answer) -> Error {
        let message = self.secrets.clean(&answer.message());
        let said = |plain: &str| if message.is_empty() { plain.to_owned() } else { format!("{plain}: {message}") };
        let doing = &ask.doing;
        match answer.status {
            401 => Error::failed("forge.unauthorized", doing, said("GitHub does not accept our credentials"))
                .next(self.credentials),
            403 if message.contains("archived") => Error::failed("forge.forbidden", doing, said("GitHub refuses it"))
                .next("unarchive the repository, or remove it from what Offshoot looks after"),
            403 => Error::failed("forge.forbidden", doing, said("GitHub refuses it")).next(permission(ask)),
            404 | 410 => Error::failed("forge.not_found", doing, said("GitHub does not know it, or hides it from us"))
                .next(format!("check the name, and {}", permission(ask))),
            300..400 => {
                Error::failed("forge.moved", doing, format!("GitHub has it somewhere else now ({})", answer.status))
                    .next("check whether the repository was renamed or transferred")
            }
            409 => Error::failed("forge.conflict", doing, said("it conflicts with what is there"))
                .next("run it again: what is there is looked at first"),
            422 | 400 => Error::failed("forge.invalid", doing, said("GitHub does not accept the request"))
                .next("correct what GitHub names; if it is nothing of yours, report it as a bug"),
            500.. => self.unreachable(doing, &said(&format!("GitHub answered with status {}", answer.status))),
            status => Error::failed("forge.refused", doing, said(&format!("GitHub answered with status {status}")))
                .next("run it again; if it stays, look at what GitHub, or a proxy on the way, says about this status"),
        }
    }

    pub(super) fn unreachable(&self, doing: &str, why: &str) -> Error {
        let error =
            Error::transient("forge.unreachable", doing, format!("{}: {}", self.origin, self.secrets.clean(why)));
        error.next(match self.origin {
            "https://api.github.com" => "try again in some minutes; https://www.githubstatus.com tells of outages",
            _ => "check the address of the API, and try again in some minutes",
        })
    }

    pub(super) fn rate_limited(&self, doing: &str, until: &str, message: &str) -> Error {
        let message = self.secrets.clean(message);
        let message = if message.is_empty() { message } else { format!(" ({message})") };
        Error::transient("forge.rate_limited", doing, format!("GitHub limits our requests until {until}{message}"))
            .next(format!("try again after {until}"))
    }
}

fn permission(ask: &Ask) -> String {
    format!("give the workflow `permissions: {}`, or the token or GitHub App the same permission", ask.needs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(status: u16, body: &str) -> String {
        let secrets = Secrets::default();
        secrets.keep("hunter2");
        let words = Words { secrets: &secrets, origin: "https://api.github.com", credentials: "check the token" };
        let ask = Ask::new("commenting on pull request #7 of acme/notes", "pull-requests: write");
        let error = words.refused(&ask, &Answer { status, body: body.into(), ..Answer::default() });
        format!("{:?} {}\n{error}\n→ {}", error.class(), error.code(), error.next_step().unwrap_or("-"))
    }

    #[test]
    fn each_refusal_says_what_to_do() {
        insta::assert_snapshot!(told(401, r#"{"message":"Bad credentials hunter2","documentation_url":"…"}"#), @r"
    Failed forge.unauthorized
    commenting on pull request #7 of acme/notes: GitHub does not accept our credentials: Bad credentials [secret]
    → check the token
");
        insta::assert_snapshot!(told(403, r#"{"message":"Resource not accessible by integration"}"#), @r"
    Failed forge.forbidden
    commenting on pull request #7 of acme/notes: GitHub refuses it: Resource not accessible by integration
    → give the workflow `permissions: pull-requests: write`, or the token or GitHub App the same permission
");
        insta::assert_snapshot!(told(403, r#"{"message":"Repository was archived so is read-only."}"#), @r"
    Failed forge.forbidden
    commenting on pull request #7 of acme/notes: GitHub refuses it: Repository was archived so is read-only.
    → unarchive the repository, or remove it from what Offshoot looks after
");
        insta::assert_snapshot!(told(404, r#"{"message":"Not Found"}"#), @r"
    Failed forge.not_found
    commenting on pull request #7 of acme/notes: GitHub does not know it, or hides it from us: Not Found
    → check the name, and give the workflow `permissions: pull-requests: write`, or the token or GitHub App the same permission
");
        insta::assert_snapshot!(told(422, r#"{"message":"Validation Failed","errors":[{"resource":"IssueComment","field":"body","code":"missing_field"},{"field":"data","code":"unprocessable","message":"body is too long (maximum is 65536 characters)"},"plain words"]}"#), @r"
    Failed forge.invalid
    commenting on pull request #7 of acme/notes: GitHub does not accept the request: Validation Failed: body is missing field; data: body is too long (maximum is 65536 characters); plain words
    → correct what GitHub names; if it is nothing of yours, report it as a bug
");
        insta::assert_snapshot!(told(409, r#"{"message":"Conflict: Commit status checks failed for main."}"#), @r"
    Failed forge.conflict
    commenting on pull request #7 of acme/notes: it conflicts with what is there: Conflict: Commit status checks failed for main.
    → run it again: what is there is looked at first
");
        insta::assert_snapshot!(told(502, "<html><title>Unicorn!</title>"), @r"
    Transient forge.unreachable
    commenting on pull request #7 of acme/notes: https://api.github.com: GitHub answered with status 502
    → try again in some minutes; https://www.githubstatus.com tells of outages
");
        insta::assert_snapshot!(told(301, r#"{"message":"Moved Permanently"}"#), @r"
    Failed forge.moved
    commenting on pull request #7 of acme/notes: GitHub has it somewhere else now (301)
    → check whether the repository was renamed or transferred
");
        insta::assert_snapshot!(told(451, r#"{"message":"Repository access blocked"}"#), @r"
    Failed forge.refused
    commenting on pull request #7 of acme/notes: GitHub answered with status 451: Repository access blocked
    → run it again; if it stays, look at what GitHub, or a proxy on the way, says about this status
");
    }
}
