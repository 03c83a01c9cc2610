//! Remarks that GitHub shows on top of a run, and at the line of a file that caused an error.

use std::path::{Component, Path};

use super::log::command;
use crate::error::Class;
use crate::plan::card::{Card, CardState, Trouble};
use crate::review::Handled;

/// GitHub shows no more of one step.
const MOST: usize = 10;
/// A longer message is cut: the log and the summary have it whole.
const MESSAGE_CHARS: usize = 4_000;
const TITLE_CHARS: usize = 200;

/// The workflow commands that make the annotations; errors first, at most ten.
pub fn of(handled: &Handled) -> Vec<String> {
    let general = handled.errors.iter().map(|e| (level(e.class()), one("", &Trouble::of(e))));
    let stages = handled.stages.iter().filter_map(|stage| {
        let name = format!("{} → {}: ", stage.card.app, stage.card.stage);
        match (&stage.error, of_card(&stage.card)) {
            (Some(error), _) => Some((level(error.class()), one(&name, &Trouble::of(error)))),
            (None, Some(trouble)) => Some(("error", one(&name, &trouble))),
            (None, None) => None,
        }
    });
    let mut all: Vec<(&str, Remark)> = general.chain(stages).collect();
    // what a rule says no to is no defect
    all.sort_by_key(|(level, _)| *level != "error");
    all.iter().take(MOST).map(|(level, remark)| remark.command(level)).collect()
}

fn level(class: Class) -> &'static str {
    if class == Class::Refused { "warning" } else { "error" }
}

/// What went wrong with a stage, where no error says it: a stack that CloudFormation could not deploy.
fn of_card(card: &Card) -> Option<Trouble> {
    let failed = matches!(card.state, CardState::PlanFailed | CardState::DeployFailed | CardState::RemoveFailed);
    if !failed {
        return None;
    }
    if let Some(trouble) = &card.trouble {
        return Some(trouble.clone());
    }
    let stacks = card.applied.iter().flat_map(|a| &a.stacks);
    let (stack, failure) = stacks.filter_map(|s| Some((s, s.failure.as_ref()?))).next()?;
    Some(Trouble {
        doing: format!("deploying stack {}", stack.name),
        what: if failure.logical_id.is_empty() {
            failure.reason.clone()
        } else {
            format!("{} ({}): {}", failure.logical_id, failure.resource_type, failure.reason)
        },
        next: Some(failure.next.clone()).filter(|n| !n.is_empty()),
        ..Trouble::default()
    })
}

struct Remark {
    title: String,
    message: String,
    /// File, line, column.
    place: Option<(String, String, String)>,
}

fn one(stage: &str, trouble: &Trouble) -> Remark {
    let mut message = trouble.what.clone();
    let place = trouble.place.as_ref().and_then(|(file, line, column)| {
        let file = in_repository(file)?;
        Some((file, line.to_string(), column.to_string()))
    });
    if let (None, Some((file, line, column))) = (&place, &trouble.place) {
        message.push_str(&format!("\nat {file}:{line}:{column}"));
    }
    if let Some(next) = &trouble.next {
        message.push_str(&format!("\nNext: {next}"));
    }
    Remark {
        title: cut(&format!("{stage}{}", trouble.doing), TITLE_CHARS),
        message: cut(&message, MESSAGE_CHARS),
        place,
    }
}

/// GitHub knows files of the repository alone.
fn in_repository(file: &str) -> Option<String> {
    let inside = Path::new(file).components().all(|c| matches!(c, Component::Normal(_) | Component::CurDir));
    inside.then(|| file.trim_start_matches("./").to_owned()).filter(|f| !f.is_empty())
}

fn cut(text: &str, chars: usize) -> String {
    // control characters other than line ends could deceive whoever reads the log
    let clean: String = text.chars().filter(|c| *c == '\n' || !c.is_control()).collect();
    if clean.chars().count() <= chars {
        return clean;
    }
    clean.chars().take(chars.saturating_sub(1)).chain(['…']).collect()
}

impl Remark {
    fn command(&self, level: &str) -> String {
        let (file, line, column) = match &self.place {
            Some((file, line, column)) => (file.as_str(), line.as_str(), column.as_str()),
            None => ("", "", ""),
        };
        command(level, &[("file", file), ("line", line), ("col", column), ("title", &self.title)], &self.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    fn handled(errors: Vec<Error>) -> Vec<String> {
        of(&Handled { errors, ..Handled::default() })
    }

    #[test]
    fn an_error_stands_at_its_line() {
        let errors = vec![
            Error::refused("plan.stale", "applying the plan", "the branch moved").next("plan again"),
            Error::usage("config.unknown_key", "reading offshoot.yml", "unknown key \"brnach\", 100% wrong")
                .at("offshoot.yml", 7, 5)
                .next("write \"branch\""),
            Error::failed("synth.typescript", "reading the app's TypeScript", "expected \";\"\n::add-mask::x").at(
                "/home/runner/.cache/offshoot/bin/app.ts",
                3,
                7,
            ),
        ];
        insta::assert_snapshot!(handled(errors).join("\n"), @r#"
        ::error file=offshoot.yml,line=7,col=5,title=reading offshoot.yml::unknown key "brnach", 100%25 wrong%0ANext: write "branch"
        ::error title=reading the app's TypeScript::expected ";"%0A::add-mask::x%0Aat /home/runner/.cache/offshoot/bin/app.ts:3:7
        ::warning title=applying the plan::the branch moved%0ANext: plan again
        "#);
    }

    #[test]
    fn at_most_ten() {
        let error = |n: usize| Error::failed("x", format!("step {n}"), "it broke");
        assert_eq!(handled((0..30).map(error).collect()).len(), MOST);
    }

    #[test]
    fn a_long_message_is_cut() {
        let text = handled(vec![Error::failed("x", "reading", "é".repeat(10_000))]).join("");
        assert!(text.chars().count() < 4_200 && text.ends_with('…'), "{}", text.len());
    }
}
