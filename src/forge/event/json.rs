//! A payload's JSON with its paths, so that what is missing or wrong is named by its JSON pointer.

use serde_json::Value;

use crate::error::{Error, Result};
use crate::forge::RepoName;
use crate::names::{Branch, Revision};

/// The longest value that a message quotes.
const MOST_SHOWN: usize = 60;

/// A whole payload.
pub(super) struct Payload {
    name: String,
    value: Value,
}

/// One value of a payload, and how it was reached.
pub(super) struct Node<'a> {
    payload: &'a Payload,
    value: &'a Value,
    /// `/pull_request/head/sha`; empty for the payload itself.
    path: String,
}

/// A value as messages quote it: short, on one line, without what would end the quotation.
pub(super) fn shown(text: &str) -> String {
    let plain = |c: char| match c {
        '`' => '\'',
        c if c.is_control() => ' ',
        c => c,
    };
    let mut out: String = text.chars().take(MOST_SHOWN).map(plain).collect();
    if text.chars().nth(MOST_SHOWN).is_some() {
        out.push('…');
    }
    out
}

fn bad(name: &str, what: impl Into<String>) -> Error {
    let next = "the payload must be the one that GitHub sent: in a workflow it is the file that GITHUB_EVENT_PATH names, \
                and its event the one in GITHUB_EVENT_NAME";
    Error::usage("forge.bad_event", format!("reading the payload of the event {}", shown(name)), what).next(next)
}

impl Payload {
    pub fn parse(name: &str, text: &str) -> Result<Payload> {
        let text = text.trim_start_matches('\u{feff}');
        if text.trim().is_empty() {
            return Err(bad(name, "it is empty"));
        }
        let value: Value = serde_json::from_str(text).map_err(|error| {
            let whole = error.to_string();
            let place = format!(" at line {} column {}", error.line(), error.column());
            let why = whole.strip_suffix(&place).unwrap_or(&whole);
            bad(name, format!("line {}, column {}: this is not JSON: {why}", error.line(), error.column()))
        })?;
        let payload = Payload { name: name.to_owned(), value };
        if !payload.value.is_object() {
            return Err(payload.root().unlike("an object"));
        }
        Ok(payload)
    }

    pub fn root(&self) -> Node<'_> {
        Node { payload: self, value: &self.value, path: String::new() }
    }
}

impl<'a> Node<'a> {
    /// The event's name.
    pub fn name(&self) -> &'a str {
        &self.payload.name
    }

    /// What stands under a key; nothing where it is missing or null.
    pub fn get(&self, key: &str) -> Option<Node<'a>> {
        let value = self.value.get(key).filter(|value| !value.is_null())?;
        Some(Node { payload: self.payload, value, path: self.below(key) })
    }

    pub fn need(&self, key: &str) -> Result<Node<'a>> {
        self.get(key).ok_or_else(|| match self.value {
            Value::Object(_) => {
                let how = if self.value.get(key).is_some() { "is null" } else { "is missing" };
                bad(self.name(), format!("{} {how}", self.below(key)))
            }
            _ => self.unlike("an object"),
        })
    }

    /// Missing is the same as false: older payloads do not have every flag.
    pub fn flag(&self, key: &str) -> bool {
        self.value.get(key).and_then(Value::as_bool).unwrap_or(false)
    }

    pub fn text(&self) -> Result<&'a str> {
        self.value.as_str().ok_or_else(|| self.unlike("a text"))
    }

    pub fn number(&self) -> Result<u64> {
        self.value.as_u64().ok_or_else(|| self.unlike("a whole number"))
    }

    pub fn repo(&self) -> Result<RepoName> {
        RepoName::parse(self.text()?).ok_or_else(|| self.unlike("owner/name"))
    }

    /// A commit; nothing for the zeros that stand for none.
    pub fn some_revision(&self) -> Result<Option<Revision>> {
        let text = self.text()?;
        let whole = matches!(text.len(), 40 | 64) && text.bytes().all(|b| b.is_ascii_hexdigit());
        if !whole {
            return Err(self.unlike("a commit of 40 hexadecimal digits"));
        }
        Ok(text.bytes().any(|b| b != b'0').then(|| Revision::new(text.to_ascii_lowercase())))
    }

    pub fn revision(&self) -> Result<Revision> {
        self.some_revision()?.ok_or_else(|| self.unlike("a commit"))
    }

    /// With or without `refs/heads/`.
    pub fn branch(&self) -> Result<Branch> {
        self.git_name("refs/heads/", "the name of a branch").map(Branch::new)
    }

    /// With or without `refs/tags/`.
    pub fn tag(&self) -> Result<String> {
        self.git_name("refs/tags/", "the name of a tag").map(str::to_owned)
    }

    fn git_name(&self, folder: &str, expected: &str) -> Result<&'a str> {
        let text = self.text()?;
        let name = text.strip_prefix(folder).unwrap_or(text);
        if is_git_name(name) { Ok(name) } else { Err(self.unlike(expected)) }
    }

    fn below(&self, key: &str) -> String {
        format!("{}/{key}", self.path)
    }

    fn unlike(&self, expected: &str) -> Error {
        let found = match self.value {
            Value::Null => "null".to_owned(),
            Value::Bool(flag) => flag.to_string(),
            Value::Number(number) => number.to_string(),
            Value::String(text) => format!("`{}`", shown(text)),
            Value::Array(_) => "a list".to_owned(),
            Value::Object(_) => "an object".to_owned(),
        };
        let place = if self.path.is_empty() { "it" } else { &self.path };
        bad(self.name(), format!("{place} is {found}, expected {expected}"))
    }
}

/// What git itself allows (`git check-ref-format`): nothing else can have been pushed.
fn is_git_name(name: &str) -> bool {
    let part = |part: &str| !part.is_empty() && !part.starts_with('.') && !part.ends_with(".lock");
    let odd = |c: char| c.is_control() || matches!(c, ' ' | '~' | '^' | ':' | '?' | '*' | '[' | '\\');
    !name.contains(odd)
        && !name.contains("..")
        && !name.contains("@{")
        && !name.ends_with('.')
        && name.split('/').all(part)
}
