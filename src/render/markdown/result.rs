//! The result of an apply, and an error before one, as Markdown.

use crate::error::{Class, Error};
use crate::plan::outcome::{Applied, Ended, Failure, StackOutcome};

use crate::render::error::causes;
use crate::render::outcome;
use crate::render::text::{clean_lines, seconds, thousands};

use super::escape::{code, fence, length, link_or_code, text};
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
        applied.stacks.iter().filter_map(|s| s.failure.as_ref().map(|f| self::failed(s, f))).collect();
    let moved: Vec<&StackOutcome> = applied.stacks.iter().filter(|s| s.ended != Ended::Unchanged).collect();
    let rows: Vec<String> = moved.iter().map(|stack| row(stack)).collect();
    let outputs: Vec<String> = applied
        .stacks
        .iter()
        .flat_map(|s| {
            s.outputs.iter().map(|(k, v)| format!("| {} | {} | {} |\n", code(&s.name), code(k), link_or_code(v)))
        })
        .collect();
    let notes: Vec<String> = applied.notes.iter().map(|note| format!("- {}\n", text(note))).collect();
    let parts = [
        ("", failures),
        ("\n| | Stack | Result | Time | |\n|---|---|---|---|---|\n", rows),
        ("\n| Stack | Output | Value |\n|---|---|---|\n", outputs),
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

fn row(stack: &StackOutcome) -> String {
    let mark = match stack.ended {
        Ended::Done => "✅",
        Ended::Unchanged => "",
        Ended::Failed => "❌",
        Ended::Skipped => "⏭️",
        Ended::Running => "⏳",
    };
    let time = if stack.ended == Ended::Skipped { String::new() } else { seconds(stack.seconds) };
    format!(
        "| {mark} | {} | {} | {time} | {} |\n",
        code(&stack.name),
        outcome::word(stack),
        text(&outcome::remark(stack))
    )
}

fn failed(stack: &StackOutcome, failure: &Failure) -> String {
    let name = if failure.path.is_empty() { &failure.logical_id } else { &failure.path };
    let place = match (name.is_empty(), failure.resource_type.is_empty()) {
        (true, _) => String::new(),
        (false, true) => format!(" at {}", code(name)),
        (false, false) => format!(" at {} ({})", code(name), code(&failure.resource_type)),
    };
    let mut out = format!("\n**{} failed{place}**\n\n{}", code(&stack.name), reason(&failure.reason));
    if !failure.left.is_empty() {
        out.push_str(&format!("\nState: {}\n", text(&failure.left)));
    }
    if !failure.next.is_empty() {
        out.push_str(&format!("\nNext: {}\n", text(&failure.next)));
    }
    out
}

fn reason(reason: &str) -> String {
    let mut lines = clean_lines(reason);
    let more = lines.len().saturating_sub(REASON_LINES);
    lines.truncate(REASON_LINES);
    if more > 0 {
        lines.push(format!("… and {more} more lines"));
    }
    fence("", &lines, LINE_CHARS)
}

/// An error that ended a run, in at most `limit_chars`.
pub fn failure(error: &Error, limit_chars: usize) -> String {
    let mut out = format!("### Stopped while {}\n\n", text(error.doing()));
    let mut lines = error.what().to_owned();
    for cause in causes(error) {
        lines.push_str(&format!("\nbecause: {cause}"));
    }
    out.push_str(&reason(&lines));
    if let Some(place) = error.place() {
        out.push_str(&format!("\nAt {}\n", code(&place.to_string())));
    }
    if let Some(next) = error.next_step() {
        out.push_str(&format!("\nNext: {}\n", text(next)));
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
