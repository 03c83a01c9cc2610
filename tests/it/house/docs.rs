//! The reference pages are complete and say nothing that is not there: commands, error codes, variables, the index.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use clap::CommandFactory as _;

use super::source::{self, Source};
use super::{WORDS, house, root};

fn page(name: &str) -> String {
    std::fs::read_to_string(root().join("docs").join(name)).unwrap_or_else(|e| panic!("docs/{name}: {e}"))
}

#[track_caller]
fn same(of: &str, page: &str, wanted: &BTreeSet<String>, found: &BTreeSet<String>) {
    let missing: Vec<&String> = wanted.difference(found).collect();
    let stale: Vec<&String> = found.difference(wanted).collect();
    assert!(
        missing.is_empty() && stale.is_empty(),
        "{of} in docs/{page}:\n  missing, write them: {missing:?}\n  not in the source, remove them: {stale:?}"
    );
}

/// `## Heading` → the text below it, up to the next heading of the same or a higher level.
fn sections(text: &str) -> BTreeMap<String, String> {
    let mut sections = BTreeMap::new();
    let mut heading = String::new();
    for line in text.lines() {
        match line.strip_prefix("## ") {
            Some(new) => heading = new.trim_matches('`').to_owned(),
            None => sections.entry(heading.clone()).or_insert_with(String::new).push_str(&format!("{line}\n")),
        }
    }
    sections
}

/// What stands in backquotes in the first column of a section's tables, without the value's name: `--out FILE` → `--out`.
fn first_column(section: &str) -> BTreeSet<String> {
    let rows =
        section.lines().filter_map(|l| l.strip_prefix("| `")).filter_map(|l| l.split_once('`')).map(|(name, _)| name);
    rows.map(|name| name.split([' ', '=']).next().unwrap_or(name).to_owned()).collect()
}

/// Options and arguments as they are typed: `--out`, `PLAN`.
fn arguments(command: &clap::Command, global: bool) -> BTreeSet<String> {
    let of = |argument: &clap::Arg| match argument.get_long() {
        Some(long) => format!("--{long}"),
        None => argument
            .get_value_names()
            .and_then(|n| n.first())
            .map_or_else(|| argument.get_id().to_string().to_uppercase(), ToString::to_string),
    };
    let meant = |a: &&clap::Arg| {
        a.is_global_set() == global && !a.is_hide_set() && !["help", "version"].contains(&a.get_id().as_str())
    };
    command.get_arguments().filter(meant).map(of).collect()
}

#[test]
fn every_command_and_option_is_documented() {
    let command = offshoot::cli::Cli::command();
    let text = page("reference/cli.md");
    let sections = sections(&text);
    let empty = String::new();
    let section = |name: &str| sections.get(name).unwrap_or(&empty);
    same(
        "the common options",
        "reference/cli.md",
        &arguments(&command, true),
        &first_column(section("Common options")),
    );
    let mut commands = BTreeSet::new();
    for sub in command.get_subcommands().filter(|c| c.get_name() != "help" && !c.is_hide_set()) {
        let name = format!("offshoot {}", sub.get_name());
        same(&name, "reference/cli.md", &arguments(sub, false), &first_column(section(&name)));
        commands.insert(name);
    }
    let documented = sections.keys().filter(|h| h.starts_with("offshoot ")).cloned().collect();
    same("the commands", "reference/cli.md", &commands, &documented);
}

#[test]
fn every_error_code_is_documented() {
    let wanted = codes(&house());
    assert!(wanted.len() > 50, "the search for codes finds too little: {wanted:?}");
    let text = page("reference/errors.md");
    let found: BTreeSet<String> = text
        .lines()
        .filter_map(|l| l.strip_prefix("| `"))
        .filter_map(|l| l.split_once('`'))
        .map(|(c, _)| c.to_owned())
        .collect();
    same("the error codes", "reference/errors.md", &wanted, &found);
}

/// Codes that are given to `Error`'s constructors, and, for codes that go through a variable, every literal of the same families.
fn codes(sources: &[Source]) -> BTreeSet<String> {
    const CONSTRUCTORS: [&str; 6] = ["new", "usage", "refused", "failed", "transient", "bug"];
    let mut codes = BTreeSet::new();
    for source in sources.iter().filter(|s| !s.for_tests) {
        let tokens = source::tokens(&source.shipped);
        for (i, window) in tokens.windows(4).enumerate() {
            if window[0].1 != "Error"
                || window[1].1 != "::"
                || !CONSTRUCTORS.contains(&window[2].1)
                || window[3].1 != "("
            {
                continue;
            }
            let (from, to) = first_argument(&tokens[i + 3..], usize::from(window[2].1 == "new"), source.shipped.len());
            codes.extend(
                source
                    .literals
                    .iter()
                    .filter(|(at, _)| (from..to).contains(at))
                    .map(|(_, text)| text.clone())
                    .filter(|t| is_code(t)),
            );
        }
    }
    let families: BTreeSet<String> =
        codes.iter().filter_map(|c| c.split_once('.')).map(|(family, _)| family.to_owned()).collect();
    for source in sources.iter().filter(|s| !s.for_tests) {
        for (at, text) in &source.literals {
            let ships = !source.is_in_tests(*at);
            let known = text.split_once('.').is_some_and(|(family, _)| families.contains(family));
            if ships
                && known
                && is_code(text)
                && !Path::new(text).extension().is_some_and(|e| {
                    ["json", "yml", "yaml", "rs", "md", "lock", "txt", "config"].iter().any(|x| e == *x)
                })
            {
                codes.insert(text.clone());
            }
        }
    }
    codes
}

/// From the first byte of the n-th argument to its comma.
fn first_argument(tokens: &[(usize, &str)], n: usize, length: usize) -> (usize, usize) {
    let (mut depth, mut commas, mut from) = (0_i32, 0, tokens[0].0);
    for (at, token) in tokens {
        match *token {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth -= 1,
            "," if depth == 1 => {
                if commas == n {
                    return (from, *at);
                }
                commas += 1;
                from = *at;
            }
            _ => {}
        }
        if depth == 0 {
            return (from, *at);
        }
    }
    (from, length)
}

fn is_code(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'.')
        && !text.starts_with('.')
        && !text.ends_with('.')
}

#[test]
fn every_variable_is_documented() {
    let ours = |text: &str| {
        let prefixed =
            ["OFFSHOOT_", "AWS_", "CDK_", "XDG_"].iter().any(|p| text.starts_with(p) && text.len() > p.len());
        prefixed && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
    };
    let sources = house();
    // rooms of words read no variables; a name there only looks like one
    let literals = sources
        .iter()
        .filter(|s| !s.for_tests && !WORDS.contains(&s.room().as_str()))
        .flat_map(|s| s.literals.iter().filter(|(at, _)| !s.is_in_tests(*at)));
    let wanted: BTreeSet<String> = literals.map(|(_, text)| text.clone()).filter(|t| ours(t)).collect();
    let text = page("reference/environment.md");
    let found: BTreeSet<String> = text.split('`').map(str::to_owned).filter(|t| ours(t)).collect();
    let missing: Vec<&String> = wanted.difference(&found).collect();
    assert!(missing.is_empty(), "docs/reference/environment.md does not tell what these are for: {missing:?}");
    let stale: Vec<&String> = found.difference(&wanted).filter(|v| v.starts_with("OFFSHOOT_")).collect();
    assert!(stale.is_empty(), "docs/reference/environment.md names variables that nothing reads: {stale:?}");
}

#[test]
fn every_exit_code_is_documented() {
    use offshoot::error::Class;
    let text = page("reference/exit-codes.md");
    let documented: BTreeSet<String> = first_column(&text);
    let classes = [Class::Usage, Class::Refused, Class::Failed, Class::Transient, Class::Bug];
    let mut wanted: BTreeSet<String> = classes.iter().map(|c| c.exit_code().to_string()).collect();
    // done, changes exist, ended by the third Ctrl-C
    wanted.extend(["0", "2", "130"].map(str::to_owned));
    same("the exit codes", "reference/exit-codes.md", &wanted, &documented);
}

#[test]
fn the_index_names_every_page() {
    let index = page("README.md");
    let mut pages = BTreeSet::new();
    for folder in ["guides", "concepts", "reference"] {
        for entry in std::fs::read_dir(root().join("docs").join(folder)).expect("a folder of docs").flatten() {
            pages.insert(format!("{folder}/{}", entry.file_name().to_string_lossy()));
        }
    }
    let missing: Vec<&String> = pages.iter().filter(|p| !index.contains(&format!("({p})"))).collect();
    assert!(missing.is_empty(), "docs/README.md does not lead to: {missing:?}");
}

#[test]
fn the_search_for_codes_understands_what_people_write() {
    let text = "//! A.\nfn f() {\n    Error::usage(\"git.one\", doing, \"not.this\");\n    Error::new(\n        Class::Failed,\n        if x { \"git.two\" } else { \"git.three\" },\n        a);\n    let code = \"git.four\";\n    read(\"git.json\");\n}\n#[cfg(test)]\nmod tests {\n    fn t() { Error::bug(\"git.five\", a, b) }\n}\n";
    let found = codes(&[Source::new("src/git/mod.rs", text)]);
    assert_eq!(found.into_iter().collect::<Vec<_>>(), ["git.four", "git.one", "git.three", "git.two"]);
}
