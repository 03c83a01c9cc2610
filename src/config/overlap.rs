//! Finds stages that would deploy over each other, where the file alone shows it.

use super::check::Problems;
use super::template::Template;
use super::valid::{Source, StageRule};
use super::yaml::Node;

/// Compares every pair of rules once; the later one carries the message.
pub(super) fn check(rules: &[(StageRule, &Node)], problems: &mut Problems) {
    for (at, (later, node)) in rules.iter().enumerate() {
        for (earlier, _) in rules.iter().take(at) {
            same_source(earlier, later, node, problems);
            same_name(earlier, later, node, problems);
        }
    }
}

fn same_source(earlier: &StageRule, later: &StageRule, node: &Node, problems: &mut Problems) {
    if earlier.source != later.source {
        return;
    }
    let (key, said) = match &later.source {
        Source::Branch(pattern) => ("branch", format!("branch `{pattern}`")),
        Source::Tag(pattern) => ("tag", format!("tag `{pattern}`")),
        Source::PullRequest { base: Some(base) } => ("pull_request", format!("pull requests into `{base}`")),
        Source::PullRequest { base: None } => ("pull_request", "every pull request".to_owned()),
    };
    problems.add(
        "config.two_rules_for_branch",
        node.entry(key).map_or(node.at, |e| e.value.at),
        format!("{said} belongs to two stages: `{}` on line {} and `{}`", earlier.name, earlier.line, later.name),
        "keep one of them: a branch, tag or pull request has one stage",
    );
}

fn same_name(earlier: &StageRule, later: &StageRule, node: &Node, problems: &mut Problems) {
    let (a, b) = (Template::of(&earlier.name), Template::of(&later.name));
    let fixed = a.hole.is_none() && b.hole.is_none() && earlier.name.eq_ignore_ascii_case(&later.name);
    // two globs of branches give the names of different branches; a branch and a tag may have the same name
    let holes = a.hole.is_some() && b.hole.is_some() && a.rank() == b.rank() && a.head == b.head && a.tail == b.tail;
    let mixed = holes && (a.hole != b.hole);
    if !fixed && !mixed {
        return;
    }
    let at = node.get("name").map_or(node.at, |name| name.at);
    let what = if fixed {
        format!("two stages are called `{}`, the first on line {}", later.name, earlier.line)
    } else {
        format!("`{}` and `{}` on line {} can give the same name", later.name, earlier.name, earlier.line)
    };
    let next = if fixed { "give each stage a name of its own" } else { "put a word before the braces: \"tag-{tag}\"" };
    problems.add("config.same_name", at, what, next);
}
