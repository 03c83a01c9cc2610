//! Reads YAML into a tree in which every key and value knows its line and column, within fixed limits.

use std::path::Path;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{DuplicateKeyPolicy, Location, Spanned};

use crate::error::{Error, Result};

/// The largest configuration that is read; a real one has a few kilobytes.
pub const MAX_BYTES: usize = 1_000_000;

const MAX_NODES: usize = 50_000;
const MAX_DEPTH: usize = 64;
/// How many nodes all `*aliases` together may stand for; stops alias bombs long before memory is short.
const MAX_REPLAYED: usize = 20_000;

/// Line and column, both from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct At {
    pub line: usize,
    pub column: usize,
}

/// A value as written, with its place.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub value: Value,
    pub at: At,
}

#[derive(Clone, Debug)]
pub(super) enum Value {
    Null,
    Bool(bool),
    /// The number and the text it was written as: `1.10` names a branch, not 1.1.
    Number(serde_json::Number, String),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub key: String,
    pub at: At,
    pub value: Node,
}

impl Node {
    /// The value of `key`, unless it is missing or written as null.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|e| &e.value).filter(|n| !matches!(n.value, Value::Null))
    }

    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|e| e.key == key)
    }

    pub fn entries(&self) -> &[Entry] {
        if let Value::Map(entries) = &self.value { entries } else { &[] }
    }

    pub fn items(&self) -> &[Node] {
        if let Value::List(items) = &self.value { items } else { &[] }
    }

    /// Text, or the text that a number was written as.
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) | Value::Number(_, text) => Some(text),
            _ => None,
        }
    }

    pub fn count(&self) -> Option<u64> {
        if let Value::Number(number, _) = &self.value { number.as_u64() } else { None }
    }

    pub fn flag(&self) -> Option<bool> {
        if let Value::Bool(flag) = self.value { Some(flag) } else { None }
    }

    /// What the value is, in the words of an error message.
    pub fn kind(&self) -> &'static str {
        match &self.value {
            Value::Null => "nothing",
            Value::Bool(_) => "true or false",
            Value::Number(..) => "a number",
            Value::Text(_) => "text",
            Value::List(_) => "a list",
            Value::Map(_) => "a table of keys",
        }
    }

    /// The same value as JSON.
    pub fn json(&self) -> serde_json::Value {
        match &self.value {
            Value::Null => serde_json::Value::Null,
            Value::Bool(flag) => (*flag).into(),
            Value::Number(number, _) => serde_json::Value::Number(number.clone()),
            Value::Text(text) => text.clone().into(),
            Value::List(items) => items.iter().map(Node::json).collect(),
            Value::Map(entries) => {
                serde_json::Value::Object(entries.iter().map(|e| (e.key.clone(), e.value.json())).collect())
            }
        }
    }
}

/// Reads one YAML document. Repeated keys stay in the tree, so that they are reported together with everything else.
pub(super) fn read(text: &str, file: &Path) -> Result<Node> {
    let doing = format!("reading {}", file.display());
    if text.len() > MAX_BYTES {
        return Err(Error::usage(
            "config.too_large",
            doing,
            format!("the file has {} bytes; at most {MAX_BYTES} are read", text.len()),
        )
        .at(file, 1, 1)
        .next("keep data out of the configuration: the app can read its own files"));
    }
    let tree: Spanned<Tree> =
        serde_saphyr::from_str_with_options(text, options()).map_err(|e| explain(&e, doing, file, text))?;
    Ok(node(tree, text))
}

fn options() -> serde_saphyr::Options {
    let budget = serde_saphyr::budget! {
        max_nodes: MAX_NODES,
        max_events: MAX_NODES * 4,
        max_depth: MAX_DEPTH,
        max_documents: 1,
        max_total_scalar_bytes: MAX_BYTES * 4,
        // one anchor with many aliases is what anchors are for; the limits on what they stand for suffice
        enforce_alias_anchor_ratio: false,
    };
    serde_saphyr::options! {
        budget: budget,
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: MAX_REPLAYED,
            max_replay_stack_depth: 16,
        },
        // `on`, `no` and `y` are words (a branch may be called `on`), an account may begin with 0
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        non_finite_float_policy: serde_saphyr::NonFiniteFloatPolicy::AsString,
        with_snippet: false,
    }
}

fn explain(error: &serde_saphyr::Error, doing: String, file: &Path, text: &str) -> Error {
    let at = error.location().map_or(At { line: 1, column: 1 }, place);
    let line = text.lines().nth(at.line.saturating_sub(1)).unwrap_or_default();
    let (what, next) = in_words(&message(error), line);
    Error::usage("config.yaml", doing, what).at(file, at.line, at.column).next(next)
}

/// Our words for what the parser says often; its own for the rest.
fn in_words(message: &str, line: &str) -> (String, &'static str) {
    let said = |text: &str| message.contains(text);
    if said("Documents") || said("multiple documents") {
        return ("the file holds more than one YAML document".to_owned(), "remove the line `---` and what follows it");
    }
    if said("alias replay") || said("alias expansion") || said("Alias") {
        let what = format!("the aliases of this file stand for more than {MAX_REPLAYED} values");
        return (what, "write it out with fewer anchors and aliases");
    }
    if said("recursion limit") || said("Depth") {
        return (format!("this is nested more than {MAX_DEPTH} levels deep"), "write it with fewer levels");
    }
    if said("budget breached") {
        return (
            "the file holds too much once its aliases are written out".to_owned(),
            "keep data out of the configuration",
        );
    }
    if said("expected string scalar") {
        return (
            "a key is not plain text".to_owned(),
            "write `key: value`; if a list or text is meant, put it in quotes",
        );
    }
    let next = if line.trim_start_matches(' ').starts_with('\t') || said("found a tab") {
        "indent with spaces: YAML does not allow tabs there"
    } else {
        "see docs/reference/configuration.md, or start anew with `offshoot init`"
    };
    (format!("this is not valid YAML: {message}"), next)
}

/// The parser's own words without the place, which stands in front of the message already.
fn message(error: &serde_saphyr::Error) -> String {
    let text = error.without_snippet().to_string();
    let text = text.lines().next().unwrap_or_default();
    let cut = [" at line ", " (line ", "line "].iter().filter_map(|mark| text.find(mark)).filter(|at| *at > 0).min();
    let text = cut.and_then(|cut| text.get(..cut)).unwrap_or(text);
    text.trim_end_matches([',', ':', ' ']).to_owned()
}

fn place(location: Location) -> At {
    At { line: (location.line() as usize).max(1), column: (location.column() as usize).max(1) }
}

/// What serde sees; becomes [`Node`] once the source text is at hand.
enum Tree {
    Null,
    Bool(bool),
    Number(serde_json::Number),
    Text(String),
    List(Vec<Spanned<Tree>>),
    Map(Vec<(Spanned<String>, Spanned<Tree>)>),
}

fn node(tree: Spanned<Tree>, text: &str) -> Node {
    // where it is written, not where an alias stands: that is the place to mend
    let at = place(tree.defined);
    let value = match tree.value {
        Tree::Null => Value::Null,
        Tree::Bool(flag) => Value::Bool(flag),
        Tree::Number(number) => {
            let written = written(tree.defined, text).unwrap_or_else(|| number.to_string());
            Value::Number(number, written)
        }
        Tree::Text(text) => Value::Text(text),
        Tree::List(items) => Value::List(items.into_iter().map(|item| node(item, text)).collect()),
        Tree::Map(entries) => Value::Map(
            entries
                .into_iter()
                .map(|(key, value)| Entry { at: place(key.defined), key: key.value, value: node(value, text) })
                .collect(),
        ),
    };
    Node { value, at }
}

fn written(location: Location, text: &str) -> Option<String> {
    let span = location.span();
    let from = usize::try_from(span.byte_offset()?).ok()?;
    let to = from.checked_add(usize::try_from(span.byte_len()?).ok()?)?;
    text.get(from..to).map(|slice| slice.trim().to_owned()).filter(|slice| !slice.is_empty())
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TreeVisitor)
    }
}

struct TreeVisitor;

impl<'de> Visitor<'de> for TreeVisitor {
    type Value = Tree;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Null)
    }

    fn visit_none<E>(self) -> Result<Tree, E> {
        Ok(Tree::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Tree, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Tree, E> {
        Ok(Tree::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Tree, E> {
        Ok(Tree::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Tree, E> {
        Ok(Tree::Number(value.into()))
    }

    fn visit_i128<E>(self, value: i128) -> Result<Tree, E> {
        Ok(serde_json::Number::from_i128(value).map_or_else(|| Tree::Text(value.to_string()), Tree::Number))
    }

    fn visit_u128<E>(self, value: u128) -> Result<Tree, E> {
        Ok(serde_json::Number::from_u128(value).map_or_else(|| Tree::Text(value.to_string()), Tree::Number))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Tree, E> {
        Ok(serde_json::Number::from_f64(value).map_or_else(|| Tree::Text(value.to_string()), Tree::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Tree, E> {
        Ok(Tree::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Tree, E> {
        Ok(Tree::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Tree, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Tree::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Tree, A::Error> {
        let mut map = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            map.push(entry);
        }
        Ok(Tree::Map(map))
    }
}
