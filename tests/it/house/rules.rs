//! The rules of the house as functions: sources in, breaches out; `house.rs` holds the tables they judge by.

use std::collections::{BTreeMap, BTreeSet};

use super::source::{self, Source};

pub const MAX_FILE_LINES: usize = 420;
pub const MAX_FUNCTION_LINES: usize = 75;

/// One broken rule, with its place and what to do.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Breach {
    pub path: String,
    pub line: usize,
    pub what: String,
}

impl std::fmt::Display for Breach {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.what)
    }
}

fn breach(source: &Source, line: usize, what: impl Into<String>) -> Breach {
    Breach { path: source.path.clone(), line, what: what.into() }
}

/// One allowed edge, from → to, and why.
pub type Edge = (&'static str, &'static str, &'static str);

fn allowed(table: &[Edge], from: &str, to: &str) -> bool {
    table.iter().any(|(f, t, _)| *f == from && *t == to)
}

fn shipped(sources: &[Source]) -> impl Iterator<Item = &Source> {
    sources.iter().filter(|s| !s.for_tests)
}

/// A room imports only the rooms that the table gives it.
pub fn rooms(sources: &[Source], table: &[Edge]) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for source in shipped(sources).filter(|s| s.path != "src/lib.rs") {
        let from = source.room();
        for (line, path) in source.references() {
            let Some(to) = path.first().filter(|to| **to != from) else { continue };
            if !allowed(table, &from, to) {
                breaches.push(breach(source, line, format!("{from} must not import {to}; imports point one way (ARCHITECTURE.md): move the code, or pass the value in")));
            }
        }
    }
    breaches
}

/// The first name below the room that a path leads to: the file or folder there, also where the room's `mod.rs` re-exports it.
fn sibling(path: &[String], modules: &BTreeSet<String>, exports: &BTreeMap<String, String>) -> Option<String> {
    let name = path.get(1)?;
    if modules.contains(name) { Some(name.clone()) } else { exports.get(name).cloned() }
}

/// Edges between the files and folders at the top level of a room, each with its first place.
pub fn edges(sources: &[Source], room: &str) -> BTreeMap<(String, String), (String, usize)> {
    let own: Vec<&Source> = shipped(sources).filter(|s| s.room() == room).collect();
    let modules: BTreeSet<String> = own.iter().filter_map(|s| s.module().get(1).cloned()).collect();
    let exports = own.iter().find(|s| s.module().len() == 1).map(|s| exports(s, &modules)).unwrap_or_default();
    let mut edges = BTreeMap::new();
    for source in &own {
        let Some(from) = source.module().get(1).cloned() else { continue };
        for (line, path) in source.references().into_iter().filter(|(_, p)| p.first().is_some_and(|r| r == room)) {
            let Some(to) = sibling(&path, &modules, &exports).filter(|to| *to != from) else { continue };
            edges.entry((from.clone(), to)).or_insert((source.path.clone(), line));
        }
    }
    edges
}

/// Names that a room's `mod.rs` takes from its own files (`pub use lock::StageLock`), so that `super::StageLock` leads there.
fn exports(root: &Source, modules: &BTreeSet<String>) -> BTreeMap<String, String> {
    let tokens = source::tokens(&root.shipped);
    let mut found = BTreeMap::new();
    let mut module = None;
    let mut in_use = false;
    for pair in tokens.windows(2) {
        let (token, next) = (pair[0].1, pair[1].1);
        match token {
            "use" => (in_use, module) = (true, modules.contains(next).then(|| next.to_owned())),
            ";" => in_use = false,
            word if in_use && source::is_word(word) && next != "::" => {
                if let Some(module) = &module {
                    found.insert(word.to_owned(), module.clone());
                }
            }
            _ => {}
        }
    }
    found
}

/// Files at the top level of a room that import each other in a circle.
pub fn cycles(sources: &[Source], room: &str, known: &[Edge]) -> Vec<Breach> {
    let edges = edges(sources, room);
    let next = |from: &str| {
        edges.keys().filter(|(f, t)| f == from && !allowed(known, f, t)).map(|(_, t)| t.clone()).collect::<Vec<_>>()
    };
    let mut breaches = Vec::new();
    for ((from, to), (path, line)) in &edges {
        if allowed(known, from, to) {
            continue;
        }
        let (mut seen, mut open) = (BTreeSet::new(), vec![to.clone()]);
        while let Some(at) = open.pop() {
            if seen.insert(at.clone()) {
                open.extend(next(&at));
            }
        }
        if seen.contains(from) {
            let what = format!(
                "{room}/{from} and {room}/{to} import each other in a circle; move what they share into one of them or a third file"
            );
            breaches.push(Breach { path: path.clone(), line: *line, what });
        }
    }
    breaches
}

/// Steps of the pipeline import each other only along the table, and from `mod.rs` only the names given.
pub fn steps(sources: &[Source], table: &[Edge], shared: &[(&str, &str)]) -> Vec<Breach> {
    let edges = edges(sources, "pipeline");
    let modules: BTreeSet<&str> = edges.keys().flat_map(|(f, t)| [f.as_str(), t.as_str()]).collect();
    let own: BTreeSet<String> =
        shipped(sources).filter(|s| s.room() == "pipeline").filter_map(|s| s.module().get(1).cloned()).collect();
    let mut breaches = Vec::new();
    for ((from, to), (path, line)) in edges.iter().filter(|((f, t), _)| !allowed(table, f, t)) {
        let what = format!(
            "step {from} must not import step {to}: only pipeline/mod.rs composes steps; take the value as a parameter, or allow the edge with a reason in tests/it/house.rs"
        );
        breaches.push(Breach { path: path.clone(), line: *line, what });
    }
    for source in shipped(sources).filter(|s| s.room() == "pipeline" && s.module().len() > 1) {
        for (line, path) in source.references().into_iter().filter(|(_, p)| p.first().is_some_and(|r| r == "pipeline"))
        {
            let Some(name) = path.get(1) else { continue };
            if !own.contains(name) && !modules.contains(name.as_str()) && !shared.iter().any(|(n, _)| n == name) {
                breaches.push(breach(
                    source,
                    line,
                    format!("a step must not take `{name}` from pipeline/mod.rs: steps do not call what composes them"),
                ));
            }
        }
    }
    breaches
}

/// Entries of a table of edges that nothing needs any more.
pub fn stale<'a>(table: &'a [Edge], used: &BTreeSet<(String, String)>) -> Vec<&'a Edge> {
    table.iter().filter(|(f, t, _)| !used.contains(&((*f).to_owned(), (*t).to_owned()))).collect()
}

/// Words that only some rooms may name: SDK crates, I/O, other programs.
pub fn words(sources: &[Source], is_meant: impl Fn(&Source) -> bool, starts: &[&str], why: &str) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for source in shipped(sources).filter(|s| is_meant(s)) {
        let tokens = source::tokens(&source.shipped);
        for (i, (at, token)) in tokens.iter().enumerate() {
            let two = tokens
                .get(i + 2)
                .filter(|_| tokens.get(i + 1).is_some_and(|t| t.1 == "::"))
                .map(|t| format!("{token}::{}", t.1));
            let hit = |start: &&&str| {
                two.as_deref() == Some(**start)
                    || (start.ends_with('_') && token.starts_with(**start))
                    || *token == **start
            };
            if let Some(found) = starts.iter().find(hit) {
                breaches.push(breach(source, source.line_of(*at), format!("`{}…` {why}", found.trim_end_matches('_'))));
            }
        }
    }
    breaches
}

/// Files and functions that grew too long; what only tests see does not count.
pub fn sizes(sources: &[Source]) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for source in shipped(sources) {
        let lines = source.shipped_lines();
        if lines > MAX_FILE_LINES {
            breaches.push(breach(
                source,
                1,
                format!(
                    "{lines} lines without its tests, at most {MAX_FILE_LINES}: split it by what its parts are for"
                ),
            ));
        }
        for (name, line, length) in source::functions(&source.shipped) {
            if length > MAX_FUNCTION_LINES {
                breaches.push(breach(
                    source,
                    line,
                    format!("fn {name} has {length} lines, at most {MAX_FUNCTION_LINES}: name its parts"),
                ));
            }
        }
    }
    breaches
}

/// What can end the process: `unwrap`, `expect` and the panicking macros, outside tests.
pub fn panics(sources: &[Source]) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for source in shipped(sources) {
        let tokens = source::tokens(&source.shipped);
        for window in tokens.windows(3) {
            let (at, texts) = (window[0].0, [window[0].1, window[1].1, window[2].1]);
            let found = match texts {
                [".", "unwrap" | "expect", "("] => format!(".{}(", texts[1]),
                ["panic" | "todo" | "unimplemented" | "unreachable", "!", "(" | "[" | "{"] => format!("{}!", texts[0]),
                _ => continue,
            };
            breaches.push(breach(
                source,
                source.line_of(at),
                format!("`{found}` outside tests: give an Error, or make the case impossible by type"),
            ));
        }
    }
    breaches
}

/// Production code that behaves differently under test.
pub fn test_switches(sources: &[Source]) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for source in shipped(sources) {
        let tight: String = source.shipped.split_whitespace().collect::<Vec<_>>().join("");
        let lines = source.shipped.lines().enumerate().filter(|(_, l)| {
            let line: String = l.split_whitespace().collect();
            line.contains("cfg(not(test))") || line.contains("cfg!(test)") || line.contains("cfg_attr(test")
        });
        let found: Vec<usize> = lines.map(|(n, _)| n + 1).collect();
        let spread = found.is_empty() && (tight.contains("cfg(not(test))") || tight.contains("cfg!(test)"));
        for line in found.into_iter().chain(spread.then_some(1)) {
            breaches.push(breach(
                source,
                line,
                "code that knows it is tested: tests use the real code against fake servers",
            ));
        }
    }
    breaches
}

/// Tests that wait for time to pass.
pub fn sleeps(sources: &[Source]) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for source in sources {
        let tokens = source::tokens(&source.code);
        for window in tokens.windows(3) {
            if window[1].1 == "::" && window[2].1 == "sleep" && matches!(window[0].1, "thread" | "time") {
                breaches.push(breach(source, source.line_of(window[0].0), "a test that sleeps is slow or wrong: wait for what is meant (a channel, a process's end), or pause tokio's clock"));
            }
        }
    }
    breaches
}

/// The line that says what a file is for.
pub fn first_lines(sources: &[Source]) -> Vec<Breach> {
    let missing = |s: &&Source| {
        s.text
            .lines()
            .next()
            .and_then(|l| l.strip_prefix("//! "))
            .is_none_or(|l| l.trim().is_empty() || !l.ends_with(['.', '?']))
    };
    shipped(sources)
        .filter(missing)
        .map(|s| breach(s, 1, "the first line must be `//! …`: one whole sentence that says what the file is for"))
        .collect()
}
