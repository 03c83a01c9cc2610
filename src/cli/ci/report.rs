//! What came of the event, told in the log of the job, and how the step ends.

use super::End;
use crate::cli::printer::Printer;
use crate::error::Class;
use crate::plan::card::{Card, CardState};
use crate::render;
use crate::render::text::clean;
use crate::review::{Handled, StageResult};

/// Everything a person wants to see who opens the log.
pub fn tell(handled: &Handled, printer: &Printer) {
    for note in &handled.notes {
        let mut lines = note.lines().filter(|line| !line.trim().is_empty()).map(clean);
        printer.always(&format!("note: {}", lines.next().unwrap_or_default()));
        lines.for_each(|line| printer.always(&format!("      {line}")));
    }
    for stage in &handled.stages {
        one(stage, printer);
    }
    for error in &handled.errors {
        printer.error(error);
    }
    if handled.stages.is_empty() && handled.notes.is_empty() && handled.errors.is_empty() {
        printer.always("The event concerns no stage.");
    }
}

fn one(stage: &StageResult, printer: &Printer) {
    let card = &stage.card;
    printer.always(&format!("\n{}", headline(card)));
    // a plan that was executed is told by its result
    if let (Some(plan), None) = (&card.plan, &card.applied)
        && plan.has_changes()
    {
        printer.always(&render::terminal::changes(plan, printer.err));
    }
    if let Some(applied) = &card.applied {
        printer.always(&render::outcome::applied(applied, printer.err));
    }
    if let Some(url) = &card.url {
        printer.always(&format!("URL: {}", clean(url)));
    }
    if let Some(error) = &stage.error {
        printer.error(error);
    }
}

fn headline(card: &Card) -> String {
    let why = card.why.as_deref().map(|why| format!(": {}", clean(why))).unwrap_or_default();
    format!("{} → {} {}{why}", clean(&card.app), clean(&card.stage), predicate(card.state))
}

fn predicate(state: CardState) -> &'static str {
    match state {
        CardState::Unchanged => "is unchanged",
        CardState::Planned => "is planned and may be deployed",
        CardState::NeedsApproval => "is planned and waits for approval",
        CardState::NeedsTrust => "waits for a maintainer to approve this commit of a stranger",
        CardState::Planning => "is being planned",
        CardState::Deploying => "is being deployed",
        CardState::Deployed => "is deployed",
        CardState::PlanFailed => "could not be planned",
        CardState::DeployFailed => "could not be deployed",
        CardState::Refused => "is left as it is",
        CardState::Cancelled => "was cancelled",
        CardState::Removed => "is removed",
        CardState::RemoveFailed => "could not be removed",
    }
}

/// How a stage or an error counts for the job; what is worse stands later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    Fine,
    Refused,
    Misused,
    Failed,
}

/// A pull request that waits for people is no failing job; a command that was refused is one.
pub fn end(handled: &Handled) -> End {
    let errors = handled.errors.iter().map(|e| of_class(e.class()));
    let stages = handled.stages.iter().map(verdict);
    match errors.chain(stages).max().unwrap_or(Verdict::Fine) {
        Verdict::Fine => End::Done,
        Verdict::Refused => End::Declined,
        Verdict::Misused => End::Misused,
        Verdict::Failed => End::Failed,
    }
}

fn of_class(class: Class) -> Verdict {
    match class {
        Class::Usage => Verdict::Misused,
        Class::Refused => Verdict::Refused,
        Class::Failed | Class::Transient | Class::Bug => Verdict::Failed,
    }
}

fn verdict(stage: &StageResult) -> Verdict {
    match stage.card.state {
        CardState::NeedsApproval | CardState::NeedsTrust | CardState::Unchanged => Verdict::Fine,
        CardState::PlanFailed | CardState::DeployFailed | CardState::RemoveFailed => {
            // a configuration that cannot be read is told as such
            stage.error.as_ref().map_or(Verdict::Failed, |e| of_class(e.class()).max(Verdict::Misused))
        }
        _ => stage.error.as_ref().map_or(Verdict::Fine, |e| of_class(e.class())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    fn card(state: CardState) -> Card {
        let text = format!(
            r#"{{"version":1,"pull":42,"app":"notes","stage":"prod","role":"target","class":"production","environment":"prod","check":"prod","head":"a","base":"b","updated":"2026-01-01T00:00:00Z","state":{}}}"#,
            serde_json::json!(state)
        );
        serde_json::from_str(&text).expect("a card")
    }

    fn ended(state: CardState, error: Option<Error>) -> End {
        end(&Handled { stages: vec![StageResult { card: card(state), error }], ..Handled::default() })
    }

    #[test]
    fn waiting_for_people_is_no_failure() {
        for state in [CardState::NeedsApproval, CardState::NeedsTrust, CardState::Unchanged, CardState::Planned] {
            assert_eq!(ended(state, None), End::Done, "{state:?}");
        }
        assert_eq!(ended(CardState::Refused, None), End::Done);
        let missing = Error::refused("approval.missing", "deploying prod", "one approval is missing");
        assert_eq!(ended(CardState::NeedsApproval, Some(missing)), End::Done);
    }

    #[test]
    fn what_was_asked_for_and_refused_is_3() {
        let stale = Error::refused("plan.stale", "deploying prod", "the head moved");
        assert_eq!(ended(CardState::Refused, Some(stale)), End::Declined);
    }

    #[test]
    fn failures_are_1_and_wrong_configuration_is_64() {
        assert_eq!(ended(CardState::DeployFailed, None), End::Failed);
        assert_eq!(ended(CardState::DeployFailed, Some(Error::transient("net", "asking", "no answer"))), End::Failed);
        assert_eq!(ended(CardState::PlanFailed, Some(Error::usage("config.region", "planning", "none"))), End::Misused);
        let both = Handled {
            stages: vec![StageResult { card: card(CardState::DeployFailed), error: None }],
            errors: vec![Error::usage("config.yaml", "reading", "bad")],
            ..Handled::default()
        };
        assert_eq!(end(&both), End::Failed);
    }

    #[test]
    fn a_headline_says_state_and_reason_on_one_line() {
        let card = Card { why: Some("one of two\n::error::x".into()), ..card(CardState::NeedsApproval) };
        insta::assert_snapshot!(headline(&card), @r"notes → prod is planned and waits for approval: one of two\n::error::x");
    }
}
