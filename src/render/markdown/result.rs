//! The result of an apply, and an error before one, as Markdown.

use std::collections::BTreeMap;

use crate::error::{Class, Error};
use crate::plan::outcome::{Applied, Ended, Failure, StackOutcome};

use crate::render::error::causes;
use crate::render::facts;
use crate::render::outcome;
use crate::render::text::{clean_lines, count, seconds, thousands};

use super::escape::{advice, code, fence, length, link_or_code, text};
use super::fit::{Budget, chop};
use super::title;

/// A reason shows at most so many lines, a line at most so many characters.
const REASON_LINES: usize = 40;
const LINE_CHARS: usize = 1_000;

/// The result of an apply in at most `limit_chars`: failures first, then the stacks, then the outputs.
pub fn applied(applied: &Applied, limit_chars: usize) -> String {
    let revision: String = applied.revision.chars().take(8).collect();
    let head = format!(
        "### {}\n\n**{}.** Revision {}.\n",
        title(&applied.app, &applied.stage),
        text(&outcome::summary(applied)),
        code(&revision)
    );
    let mut budget = Budget::new(limit_chars, &head);
    let failures: Vec<String> =
        applied.stacks.iter().filter_map(|s| s.failure.as_ref().map(|f| self::failed("", s, f, Words::Most))).collect();
    let moved: Vec<&StackOutcome> = applied.stacks.iter().filter(|s| s.ended != Ended::Unchanged).collect();
    let rows: Vec<String> = moved.iter().map(|stack| row(stack)).collect();
    let (outputs, hidden) = own_output_rows(applied.stacks.iter().map(|s| (&s.name, &s.outputs)));
    let mut notes: Vec<String> = applied.notes.iter().map(|note| format!("- {}\n", text(note))).collect();
    if hidden > 0 {
        notes.push(format!("- {} that only stacks read left out of the table.\n", count(hidden, "output")));
    }
    let parts = [
        ("", failures),
        ("\n| | Stack | Result | Time | |\n|---|---|---|---|---|\n", rows),
        (OUTPUTS, outputs),
        ("\n**Notes**\n\n", notes),
    ];
    let mut out = head;
    let mut left = 0;
    for (heading, lines) in parts {
        let (taken, missing) = budget.take_lines(heading, &lines);
        out.push_str(&taken);
        left += missing;
    }
    if left > 0 {
        out.push_str(&format!("\n**Shortened to fit:** {} lines are left out.\n", thousands(left as u64)));
    }
    if length(&out) <= limit_chars {
        out
    } else {
        chop(&format!("{}.\n", text(&outcome::summary(applied))), limit_chars)
    }
}

/// The head of the table of outputs.
pub(in crate::render) const OUTPUTS: &str = "\n| Stack | Output | Value |\n|---|---|---|\n";

/// The outputs of one stack as rows of [`OUTPUTS`].
pub(in crate::render) fn output_rows(stack: &str, outputs: &BTreeMap<String, String>) -> Vec<String> {
    outputs.iter().map(|(k, v)| format!("| {} | {} | {} |\n", code(stack), code(k), link_or_code(v))).collect()
}

/// The outputs that are for people, and how many there are besides, which only stacks read.
pub(in crate::render) fn own_output_rows<'a>(
    stacks: impl Iterator<Item = (&'a String, &'a BTreeMap<String, String>)>,
) -> (Vec<String>, usize) {
    let mut hidden = 0;
    let mut rows = Vec::new();
    for (stack, all) in stacks {
        let mut own = all.clone();
        own.retain(|name, _| !facts::is_between_stacks(name));
        hidden += all.len() - own.len();
        rows.extend(output_rows(stack, &own));
    }
    (rows, hidden)
}

fn mark(ended: Ended) -> &'static str {
    match ended {
        Ended::Done => "✅",
        Ended::Unchanged => "",
        Ended::Failed => "❌",
        Ended::Skipped => "⏭️",
        Ended::Running => "⏳",
    }
}

/// The head of [`timeless_row`]'s table.
pub(in crate::render) const RESULTS: &str = "\n| | Stack | Result | |\n|---|---|---|---|\n";

/// What became of the stack, without how long it took.
pub(in crate::render) fn timeless_row(stack: &StackOutcome) -> String {
    format!(
        "| {} | {} | {} | {} |\n",
        mark(stack.ended),
        code(&stack.name),
        outcome::word(stack),
        text(&outcome::remark(stack))
    )
}

fn row(stack: &StackOutcome) -> String {
    let mark = mark(stack.ended);
    let time = if stack.ended == Ended::Skipped { String::new() } else { seconds(stack.seconds) };
    format!(
        "| {mark} | {} | {} | {time} | {} |\n",
        code(&stack.name),
        outcome::word(stack),
        text(&outcome::remark(stack))
    )
}

/// How much of what a program or AWS said is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::render) enum Words {
    Most,
    Few,
}

impl Words {
    fn lines_and_chars(self) -> (usize, usize) {
        match self {
            Words::Most => (REASON_LINES, LINE_CHARS),
            Words::Few => (4, 300),
        }
    }
}

/// Root cause, state and next step of a stack that failed; `lead` stands before its name.
pub(in crate::render) fn failed(lead: &str, stack: &StackOutcome, failure: &Failure, words: Words) -> String {
    let name = if failure.path.is_empty() { &failure.logical_id } else { &failure.path };
    let place = match (name.is_empty(), failure.resource_type.is_empty()) {
        (true, _) => String::new(),
        (false, true) => format!(" at {}", code(name)),
        (false, false) => format!(" at {} ({})", code(name), code(&failure.resource_type)),
    };
    let mut out = format!("\n**{lead}{} failed{place}**\n\n{}", code(&stack.name), reason(&failure.reason, words));
    if !failure.left.is_empty() {
        out.push_str(&format!("\nState: {}\n", text(&failure.left)));
    }
    if !failure.next.is_empty() {
        out.push_str(&format!("\nNext: {}\n", advice(&failure.next)));
    }
    out
}

/// What a program or AWS said, in a fence.
pub(in crate::render) fn reason(reason: &str, words: Words) -> String {
    let (most, columns) = words.lines_and_chars();
    let mut lines = clean_lines(reason);
    let more = lines.len().saturating_sub(most);
    lines.truncate(most);
    if more > 0 {
        lines.push(format!("… and {} more", count(more, "line")));
    }
    fence("", &lines, columns)
}

/// An error that ended a run, in at most `limit_chars`.
pub fn failure(error: &Error, limit_chars: usize) -> String {
    let mut out = format!("### Stopped while {}\n\n", text(error.doing()));
    let mut lines = error.what().to_owned();
    for cause in causes(error) {
        lines.push_str(&format!("\nbecause: {cause}"));
    }
    out.push_str(&reason(&lines, Words::Most));
    if let Some(place) = error.place() {
        out.push_str(&format!("\nAt {}\n", code(&place.to_string())));
    }
    if let Some(next) = error.next_step() {
        out.push_str(&format!("\nNext: {}\n", advice(next)));
    }
    if error.class() == Class::Bug {
        out.push_str(&format!(
            "\nThis is a mistake in Offshoot; please report it with the code {}.\n",
            code(error.code())
        ));
    }
    if length(&out) <= limit_chars {
        out
    } else {
        chop(&format!("{}: {}\n", text(error.doing()), text(error.what())), limit_chars)
    }
}
