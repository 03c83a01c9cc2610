//! What is answered to a command where the pull request's own comment has no room for it; every sentence is made here.

use std::collections::BTreeMap;

use crate::command::{self, Command};
use crate::error::{Class, Error};
use crate::names::Revision;
use crate::render::markdown::escape::{code, link_or_code, text};
use crate::render::text::thousands;

/// A reply stays well below GitHub's limit for a comment.
pub(in crate::review) const MOST_CHARS: usize = 60_000;
/// More outputs than this are not listed.
const MOST_OUTPUTS: usize = 200;

/// The command as somebody would type it.
pub(super) fn typed(prefix: &str, command: &Command) -> String {
    format!("{prefix} {command}")
}

/// What every command does.
pub(super) fn help(prefix: &str) -> String {
    let mut out =
        String::from("A command stands on a line of its own.\n\n| Command | What it does | Who may |\n|---|---|---|\n");
    for usage in command::table() {
        let line = code(&format!("{prefix} {}", usage.line()));
        // the table's own sentences hold code, and nothing from outside
        out.push_str(&format!("| {line} | {} | {} |\n", usage.does, usage.who.as_str()));
    }
    out
}

/// A line that is for us and is not understood.
pub(super) fn wrong(line: &str, say: &str, prefix: &str) -> String {
    let help = format!("{prefix} help");
    format!("😕 {} was not understood: {}.\n\n{} lists the commands.", code(line), end(&text(say)), code(&help))
}

/// Why a command was not done, and what to do next.
pub(super) fn refused(command: &str, error: &Error) -> String {
    let verb = if error.class() == Class::Refused { "was refused" } else { "did not work" };
    let what = format!("{}: {}", upper(error.doing()), error.what());
    let mut out = format!("😕 {} {verb}. {}.", code(command), end(&text(&what)));
    if let Some(next) = error.next_step() {
        out.push_str(&format!("\n\n**Next:** {}.", end(&text(next))));
    }
    if error.class() == Class::Bug {
        let ask = "This is a mistake in Offshoot; please report it with the code";
        out.push_str(&format!("\n\n{ask} {}.", code(error.code())));
    }
    out
}

fn upper(sentence: &str) -> String {
    let mut chars = sentence.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

fn end(sentence: &str) -> &str {
    sentence.trim_end_matches('.')
}

/// A command that was not begun, because one before it in the same comment was not done.
pub(super) fn not_begun(command: &str) -> String {
    format!("{} was not begun: the command before it was not done.", code(command))
}

/// The outputs of a stage, already without secrets.
pub(super) fn outputs(stage: &str, outputs: &BTreeMap<String, BTreeMap<String, String>>) -> String {
    let row = |stack: &str, name: &str, value: &str| {
        format!("| {} | {} | {} |\n", code(stack), code(name), link_or_code(value))
    };
    let rows: Vec<String> = outputs.iter().flat_map(|(s, of)| of.iter().map(|(n, v)| row(s, n, v))).collect();
    if rows.is_empty() {
        return format!("Stage {} has no outputs.", code(stage));
    }
    let head = "| Stack | Output | Value |\n|---|---|---|\n";
    let mut out = format!("Outputs of stage {}, as deployed now:\n\n{head}", code(stage));
    let mut shown = 0;
    for row in rows.iter().take(MOST_OUTPUTS) {
        if out.len() + row.len() > MOST_CHARS {
            break;
        }
        out.push_str(row);
        shown += 1;
    }
    if shown < rows.len() {
        let left = thousands((rows.len() - shown) as u64);
        out.push_str(&format!("\n{left} more are left out; {} shows all.\n", code("offshoot outputs")));
    }
    out
}

/// Nothing is deployed there.
pub(super) fn nothing_deployed(stage: &str) -> String {
    format!("Stage {} has nothing deployed.", code(stage))
}

/// `holder`: what it was doing, and where.
pub(super) fn unlocked(stage: &str, holder: Option<(&str, &str)>) -> String {
    match holder {
        None => format!("Stage {} was not locked.", code(stage)),
        Some((what, host)) => {
            format!("Stage {} is unlocked. It was held by: {} ({}).", code(stage), text(what), code(host))
        }
    }
}

/// `holder`: what it is doing.
pub(super) fn cancelling(stage: &str, holder: Option<&str>) -> String {
    match holder {
        None => format!("Nobody works on stage {} now.", code(stage)),
        Some(what) => format!(
            "The run that works on stage {} ({}) was asked to stop: what it has begun goes on to its end, nothing new \
             begins.",
            code(stage),
            text(what)
        ),
    }
}

pub(super) fn extended(stage: &str, expires: &str) -> String {
    format!("Stage {} lives until {}.", code(stage), text(expires))
}

pub(super) fn trusts(head: &Revision) -> String {
    format!("Commit {} of this pull request may run now; a push takes that away again.", code(head.short()))
}

/// The plan asks for nothing.
pub(super) fn nothing_to_deploy(stage: &str) -> String {
    format!("Stage {} is as this commit says: there is nothing to deploy.", code(stage))
}

/// The same command was carried out already.
pub(super) fn deployed_already(stage: &str) -> String {
    format!("Stage {} runs this commit already.", code(stage))
}

/// An approval was counted; `missing` more are needed. `next` deploys the plan.
pub(super) fn approved(stage: &str, missing: u32, next: Option<&str>) -> String {
    let stage = code(stage);
    match (missing, next) {
        (0, Some(next)) => {
            format!("The plan of stage {stage} has the approvals it needs. Deploy it with {}.", code(next))
        }
        (0, None) => {
            format!("The plan of stage {stage} has the approvals it needs. Type its command again to deploy it.")
        }
        (1, _) => format!("The plan of stage {stage} needs 1 more approval."),
        (more, _) => format!("The plan of stage {stage} needs {more} more approvals."),
    }
}

/// All that is said in one reply, within GitHub's limit.
pub(super) fn joined(parts: &[String]) -> String {
    let mut out = String::new();
    for part in parts {
        if !out.is_empty() && out.len() + part.len() > MOST_CHARS {
            out.push_str("\n\nMore was said than fits here.");
            break;
        }
        if !out.is_empty() {
            out.push_str("\n\n");
        }
        out.push_str(part);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_lists_every_command() {
        let help = help("/offshoot");
        for usage in command::table() {
            assert!(help.contains(&format!("`/offshoot {}", usage.word)), "{} is missing", usage.word);
        }
        assert!(help.len() < 8_000);
    }

    #[test]
    fn a_refusal_says_why_and_what_next() {
        let error = Error::refused(
            "rights.missing",
            "deploying stage prod",
            "@mallory may read acme/notes, and prod is deployed by @acme/platform",
        )
        .next("ask one of them to type it.");
        insta::assert_snapshot!(refused("/offshoot deploy prod", &error), @"");
    }

    #[test]
    fn a_command_with_markup_in_it_stays_text() {
        insta::assert_snapshot!(wrong("/offshoot deplyo `<b>@acme`", "did you mean `deploy`?", "/offshoot"), @"");
    }

    #[test]
    fn outputs_are_a_table() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let one = BTreeMap::from([pair("Url", "https://abc.example.com/"), pair("Key", "(secret)")]);
        let stacks = BTreeMap::from([("prod-notes-api".to_owned(), one)]);
        insta::assert_snapshot!(outputs("prod", &stacks), @"");
        insta::assert_snapshot!(outputs("prod", &BTreeMap::new()), @"");
    }

    #[test]
    fn many_outputs_are_cut_with_their_number() {
        let many = (0..450).map(|i| (format!("Output{i:03}"), "x".repeat(300))).collect();
        let said = outputs("prod", &BTreeMap::from([("stack".to_owned(), many)]));
        assert!(said.len() < MOST_CHARS + 1_000);
        assert!(said.contains("more are left out"), "{}", &said[said.len() - 200..]);
    }
}
