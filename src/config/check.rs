//! Compares the tree as written with the table of keys and collects every problem with its place.

use std::path::PathBuf;

use super::keys::{Key, Need, Shape};
use super::suggest::{any_of, nearest};
use super::texts::Wrong;
use super::yaml::{At, Entry, Node, Value};
use crate::error::Error;

/// More than this many problems help nobody.
const MAX_PROBLEMS: usize = 100;

/// All that is wrong with one file.
pub(super) struct Problems {
    file: PathBuf,
    found: Vec<Error>,
}

impl Problems {
    pub fn new(file: PathBuf) -> Self {
        Problems { file, found: Vec::new() }
    }

    /// Adds a problem, unless the very same one is there already (defaults are seen once per stage).
    pub fn add(&mut self, code: &'static str, at: At, what: impl Into<String>, next: impl Into<String>) {
        let what = what.into();
        let error = Error::usage(code, format!("reading {}", self.file.display()), what)
            .at(&self.file, at.line, at.column)
            .next(next);
        // what fits a default to a stage says something else for each stage, but there is one line to mend
        let by_stage = matches!(code, "config.role_account" | "config.unknown_app");
        let same = |e: &Error| e.code() == code && e.place() == error.place() && (by_stage || e.what() == error.what());
        if self.found.len() < MAX_PROBLEMS && !self.found.iter().any(same) {
            self.found.push(error);
        }
    }

    pub fn wrong(&mut self, at: At, path: &str, wrong: Wrong) {
        self.add("config.value", at, format!("{path}: {}", wrong.what), wrong.next);
    }

    /// In the order of the file.
    pub fn into_errors(mut self) -> Vec<Error> {
        self.found.sort_by_key(|e| e.place().map(|p| (p.line, p.column)));
        self.found
    }
}

/// Checks a table: its own keys, then what stands under them. `path` is how people find it: `stages[0].aws`.
pub(super) fn table(node: &Node, keys: &'static [Key], path: &str, problems: &mut Problems) {
    let Value::Map(entries) = &node.value else {
        mismatch(node, "a table of keys", path, problems);
        return;
    };
    repeated(entries, path, problems);
    for entry in entries {
        match keys.iter().find(|key| key.name == entry.key) {
            Some(_) if matches!(entry.value.value, Value::Null) => {}
            Some(key) => shape(&entry.value, &key.shape, &join(path, key.name), problems),
            None => unknown(entry, keys, path, problems),
        }
    }
    for key in keys.iter().filter(|key| key.need == Need::Required && node.get(key.name).is_none()) {
        let place = if path.is_empty() { "the file".to_owned() } else { path.to_owned() };
        problems.add(
            "config.missing_key",
            node.at,
            format!("{place} has no `{}`", key.name),
            format!("add {}", example(key)),
        );
    }
}

fn example(key: &Key) -> String {
    match key.name {
        "version" => "`version: 1` as the first line".to_owned(),
        name => format!("`{name}: …`: {}", lower_first(key.about.trim_end_matches('.'))),
    }
}

fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|c| c.to_lowercase().chain(chars).collect()).unwrap_or_default()
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

fn repeated(entries: &[Entry], path: &str, problems: &mut Problems) {
    let mut seen = std::collections::HashMap::new();
    for entry in entries {
        if let Some(first) = seen.insert(entry.key.as_str(), entry.at.line) {
            problems.add(
                "config.duplicate_key",
                entry.at,
                format!("`{}` is written twice, first on line {first}", join(path, &entry.key)),
                "keep one of them",
            );
        }
    }
}

/// Words from other tools, and what they are called here.
const SYNONYMS: [(&str, &str); 10] = [
    ("environment", "env"),
    ("account_id", "account"),
    ("branches", "branch"),
    ("pr", "pull_request"),
    ("pull_requests", "pull_request"),
    ("ttl", "expires"),
    ("dir", "path"),
    ("type", "kind"),
    ("role", "apply_role"),
    ("protected", "protect"),
];

fn unknown(entry: &Entry, keys: &'static [Key], path: &str, problems: &mut Problems) {
    let word = entry.key.as_str();
    let names = || keys.iter().map(|key| key.name);
    let synonym = SYNONYMS.iter().find(|(other, _)| *other == word).map(|(_, name)| *name);
    let deeper = keys.iter().find(|key| match key.shape {
        Shape::Table(inner) => inner.iter().any(|k| k.name == word),
        _ => false,
    });
    let next = if let Some(name) = synonym.filter(|name| names().any(|n| n == *name)) {
        format!("did you mean `{name}`?")
    } else if let Some(table) = deeper {
        format!("write it under `{}:`", table.name)
    } else if let Some(name) = nearest(word, names()) {
        format!("did you mean `{name}`?")
    } else {
        format!("the keys here are {}", any_of(names()).replace(" or ", " and "))
    };
    let word = short(word);
    let what =
        if path.is_empty() { format!("there is no key `{word}`") } else { format!("{path} has no key `{word}`") };
    problems.add("config.unknown_key", entry.at, what, next);
}

/// Keeps a message readable whatever was written.
fn short(text: &str) -> String {
    let mut out: String = text.chars().take(80).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(80).is_some() {
        out.push('…');
    }
    out
}

fn mismatch(node: &Node, expected: &str, path: &str, problems: &mut Problems) {
    if path.is_empty() {
        let next = "begin with `version: 1`; see docs/reference/configuration.md";
        problems.add("config.type", node.at, format!("the file is {}, expected {expected}", node.kind()), next);
        return;
    }
    let next = match &node.value {
        Value::List(_) => format!("write {expected} in place of the list"),
        Value::Bool(_) if expected.starts_with("true") => format!("write {expected}"),
        Value::Bool(flag) => format!("write {expected}; if the text {flag} is meant, put it in quotes: \"{flag}\""),
        Value::Text(text) if matches!(text.as_str(), "yes" | "no" | "on" | "off" | "True" | "False") => {
            "write true or false".to_owned()
        }
        _ => format!("write {expected}"),
    };
    problems.add("config.type", node.at, format!("{path} is {}, expected {expected}", node.kind()), next);
}

fn shape(node: &Node, expected: &'static Shape, path: &str, problems: &mut Problems) {
    match expected {
        Shape::Text(rule) => match node.text() {
            Some("") => problems.add(
                "config.value",
                node.at,
                format!("{path} is empty"),
                format!("write {}, or remove the key", rule.name),
            ),
            Some(text) => {
                if let Err(wrong) = (rule.check)(text) {
                    problems.wrong(node.at, path, Wrong { what: short_value(wrong.what, text), ..wrong });
                }
            }
            None => mismatch(node, rule.name, path, problems),
        },
        Shape::OneOf(words) => one_of(node, words, path, problems),
        Shape::Switch if node.flag().is_some() => {}
        Shape::Switch => mismatch(node, "true or false", path, problems),
        Shape::Count { min, max } => count(node, *min, *max, path, problems),
        Shape::List(item) => {
            if !matches!(node.value, Value::List(_)) {
                mismatch(node, "a list", path, problems);
            }
            for (at, entry) in node.items().iter().enumerate() {
                shape(entry, item, &format!("{path}[{at}]"), problems);
            }
        }
        Shape::Names(judge) => names(node, *judge, path, problems),
        Shape::Open(judge) => open(node, *judge, path, problems),
        Shape::Table(keys) => table(node, keys, path, problems),
    }
}

/// A value of a thousand letters is quoted only in part.
fn short_value(what: String, text: &str) -> String {
    if text.chars().nth(80).is_some() { what.replace(text, &short(text)) } else { what }
}

fn one_of(node: &Node, words: &'static [&'static str], path: &str, problems: &mut Problems) {
    let Some(text) = node.text() else {
        mismatch(node, &any_of(words.iter().copied()), path, problems);
        return;
    };
    if words.contains(&text) {
        return;
    }
    let next = match nearest(text, words.iter().copied()) {
        Some(word) => format!("did you mean `{word}`?"),
        None => format!("write {}", any_of(words.iter().copied())),
    };
    problems.add(
        "config.value",
        node.at,
        format!("{path} is `{}`, expected {}", short(text), any_of(words.iter().copied())),
        next,
    );
}

fn count(node: &Node, min: u64, max: u64, path: &str, problems: &mut Problems) {
    let expected = if min == max { format!("the number {min}") } else { format!("a whole number from {min} to {max}") };
    match (&node.value, node.count()) {
        (_, Some(number)) if (min..=max).contains(&number) => {}
        (Value::Number(_, text), _) => {
            problems.add(
                "config.value",
                node.at,
                format!("{path} is {}, expected {expected}", short(text)),
                format!("write {expected}"),
            );
        }
        _ => mismatch(node, &expected, path, problems),
    }
}

fn names(node: &Node, judge: fn(&str, &str) -> Result<(), Wrong>, path: &str, problems: &mut Problems) {
    let Value::Map(entries) = &node.value else {
        mismatch(node, "a table of names and texts", path, problems);
        return;
    };
    repeated(entries, path, problems);
    for entry in entries {
        match &entry.value.value {
            Value::Text(text) | Value::Number(_, text) => {
                if let Err(wrong) = judge(&entry.key, text) {
                    problems.add(code_of(&wrong), entry.at, format!("{path}: {}", wrong.what), wrong.next);
                }
            }
            // null takes a default away; true and false are given as these words
            Value::Null | Value::Bool(_) => {}
            _ => mismatch(&entry.value, "a text", &join(path, &entry.key), problems),
        }
    }
}

fn open(node: &Node, judge: fn(&str, &str) -> Result<(), Wrong>, path: &str, problems: &mut Problems) {
    let Value::Map(entries) = &node.value else {
        mismatch(node, "a table of names and values", path, problems);
        return;
    };
    repeated(entries, path, problems);
    for entry in entries {
        if let Err(wrong) = judge(&entry.key, entry.value.text().unwrap_or_default()) {
            problems.add(code_of(&wrong), entry.at, format!("{path}: {}", wrong.what), wrong.next);
        }
        nested(&entry.value, &join(path, &entry.key), problems);
    }
}

/// Values below an open table may have any shape, but keys are unique there too.
fn nested(node: &Node, path: &str, problems: &mut Problems) {
    repeated(node.entries(), path, problems);
    for entry in node.entries() {
        nested(&entry.value, &join(path, &entry.key), problems);
    }
    for (at, item) in node.items().iter().enumerate() {
        nested(item, &format!("{path}[{at}]"), problems);
    }
}

fn code_of(wrong: &Wrong) -> &'static str {
    if wrong.what.contains("looks like a secret") { "config.secret" } else { "config.value" }
}
