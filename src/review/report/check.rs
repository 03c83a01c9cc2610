//! The check of a stage: its conclusion, remarks at the lines that caused an error, and the buttons under it.

use std::path::{Component, Path};

use super::web;
use crate::error::Result;
use crate::forge::{Annotation, Button, Check, CheckState, Level};
use crate::names::Revision;
use crate::plan::card::{Card, CardState, Trouble};
use crate::render::check::{TITLE_CHARS, check_summary, check_title};
use crate::review::Office;

/// The forge takes 64 KiB of a remark; nobody reads more than this.
const MESSAGE_CHARS: usize = 8_000;

/// So many digits name a plan in a button, whose identifier has room for 20 characters.
const DIGEST_DIGITS: usize = 12;

/// Brings the check of a stage to what its card says, on `card.head`.
pub async fn check(office: &Office, card: &Card) -> Result<()> {
    office.github.put_check(&as_check(card)).await?;
    Ok(())
}

fn as_check(card: &Card) -> Check {
    let state = conclusion(card.state);
    Check {
        name: card.check.clone(),
        revision: Revision::new(card.head.as_str()),
        external_id: format!("{}/{}", card.app, card.stage),
        state,
        title: check_title(card),
        summary: check_summary(card),
        text: None,
        annotations: card.trouble.iter().filter(|_| state == CheckState::Failure).filter_map(annotation).collect(),
        buttons: buttons(card).into_iter().map(|press| press.button(card)).collect(),
        details_url: web(card.run_url.as_deref()),
    }
}

/// A stage with nothing to do counts as passed: a check that a branch requires must not hold up what does not touch it.
fn conclusion(state: CardState) -> CheckState {
    match state {
        CardState::Unchanged | CardState::Removed => CheckState::Neutral,
        CardState::Planned | CardState::Deployed => CheckState::Success,
        CardState::NeedsApproval | CardState::NeedsTrust => CheckState::ActionRequired,
        CardState::Planning | CardState::Deploying => CheckState::InProgress,
        CardState::PlanFailed | CardState::DeployFailed | CardState::RemoveFailed | CardState::Refused => {
            CheckState::Failure
        }
        CardState::Cancelled => CheckState::Cancelled,
    }
}

/// What caused the error, at its line; nothing where that is no file of the repository.
fn annotation(trouble: &Trouble) -> Option<Annotation> {
    let (file, line, _) = trouble.place.as_ref()?;
    let mut path = Vec::new();
    for part in Path::new(file).components() {
        match part {
            Component::Normal(name) => path.push(name.to_str()?),
            Component::CurDir => {}
            // elsewhere on the machine that ran it
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    let mut message = trouble.what.clone();
    for cause in &trouble.causes {
        message.push_str(&format!("\nbecause: {cause}"));
    }
    if let Some(next) = &trouble.next {
        message.push_str(&format!("\nnext: {next}"));
    }
    Some(Annotation {
        path: if path.is_empty() { return None } else { path.join("/") },
        line: (*line).max(1),
        level: Level::Failure,
        title: clip(&trouble.doing, TITLE_CHARS),
        message: clip(&message, MESSAGE_CHARS),
    })
}

/// The first `most` characters; what was cut off shows as `…`.
fn clip(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

/// A button, in the order in which they stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Press {
    Plan,
    Deploy,
    Cancel,
}

impl Press {
    fn button(self, card: &Card) -> Button {
        let (label, description, identifier) = match self {
            Press::Plan => ("Plan", "Plan this commit again", "plan"),
            Press::Deploy => ("Deploy", "Execute exactly this plan", "deploy"),
            Press::Cancel => ("Cancel", "Ask the run to begin nothing new", "cancel"),
        };
        let mut identifier = identifier.to_owned();
        // whoever presses it means the plan that they see, not one that is made meanwhile
        if let (Press::Deploy, Some(plan)) = (self, &card.plan) {
            identifier.push(':');
            identifier.push_str(plan.digest.get(..DIGEST_DIGITS).unwrap_or(&plan.digest));
        }
        Button { label: label.to_owned(), description: description.to_owned(), identifier }
    }
}

/// What can be pressed. The forge shows buttons only under a check that is finished, and every run finishes its own. So
/// Cancel is of use where somebody else's run stands in the way (the lock is held); while a run is at work it is sent
/// too, for a forge that shows it then.
fn buttons(card: &Card) -> Vec<Press> {
    let has_plan = card.plan.as_ref().is_some_and(|plan| plan.has_changes());
    let is_locked = card.trouble.as_ref().is_some_and(|t| t.code == "lock.held");
    match card.state {
        CardState::Planned if has_plan => vec![Press::Plan, Press::Deploy],
        CardState::NeedsApproval if has_plan && card.approvals.is_enough() => vec![Press::Plan, Press::Deploy],
        CardState::Refused if is_locked => vec![Press::Plan, Press::Cancel],
        CardState::Planning | CardState::Deploying => vec![Press::Cancel],
        // a stranger's code is approved by its commit, in a comment; what is gone is not planned here
        CardState::NeedsTrust | CardState::Removed | CardState::RemoveFailed => vec![],
        CardState::Unchanged
        | CardState::Planned
        | CardState::NeedsApproval
        | CardState::Deployed
        | CardState::PlanFailed
        | CardState::DeployFailed
        | CardState::Refused
        | CardState::Cancelled => vec![Press::Plan],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::card::Approvals;
    use crate::plan::state::Approval;
    use crate::review::report::samples::{ALL, card, planned};

    #[test]
    fn each_state_has_its_conclusion_and_its_buttons() {
        let lines: Vec<String> = ALL
            .into_iter()
            .map(|state| {
                let card = planned(state);
                let pressed: Vec<String> = as_check(&card).buttons.into_iter().map(|b| b.identifier).collect();
                format!("{state:?}: {:?} [{}]", conclusion(state), pressed.join(" "))
            })
            .collect();
        insta::assert_snapshot!(lines.join("\n"), @"
        Unchanged: Neutral [plan]
        Planned: Success [plan deploy:1a2b3c4d5e6f]
        NeedsApproval: ActionRequired [plan]
        NeedsTrust: ActionRequired []
        Planning: InProgress [cancel]
        Deploying: InProgress [cancel]
        Deployed: Success [plan]
        PlanFailed: Failure [plan]
        DeployFailed: Failure [plan]
        Refused: Failure [plan]
        Cancelled: Cancelled [plan]
        Removed: Neutral []
        RemoveFailed: Failure []
        ");
    }

    #[test]
    fn what_is_cut_says_so() {
        assert_eq!(clip("länger", 6), "länger");
        assert_eq!(clip("länger", 4), "län…");
    }

    #[test]
    fn buttons_fit_what_the_forge_takes() {
        let card = planned(CardState::Planned);
        for button in [Press::Plan, Press::Deploy, Press::Cancel].map(|press| press.button(&card)) {
            assert!(button.label.chars().count() <= 20, "{button:?}");
            assert!(button.description.chars().count() <= 40, "{button:?}");
            assert!(button.identifier.chars().count() <= 20, "{button:?}");
        }
    }

    #[test]
    fn deploy_is_offered_only_for_a_plan_that_may_be_deployed() {
        assert_eq!(buttons(&card(CardState::Planned)), [Press::Plan], "there is no plan to execute");
        let approval = |by: &str| Approval { digest: String::new(), by: by.to_owned(), at: String::new() };
        let mut held = planned(CardState::NeedsApproval);
        held.approvals = Approvals { needed: 2, given: vec![approval("@ana")], ..Approvals::default() };
        assert_eq!(buttons(&held), [Press::Plan]);
        held.approvals.given.push(approval("@ben"));
        assert_eq!(buttons(&held), [Press::Plan, Press::Deploy]);
        held.approvals.owners_missing = vec!["@acme/data: stacks/table.ts".to_owned()];
        assert_eq!(buttons(&held), [Press::Plan]);
    }

    #[test]
    fn a_run_that_stands_in_the_way_can_be_cancelled() {
        let mut locked = card(CardState::Refused);
        locked.trouble = Some(Trouble { code: "lock.held".to_owned(), ..Trouble::default() });
        assert_eq!(buttons(&locked), [Press::Plan, Press::Cancel]);
    }

    fn remark_at(file: &str, line: usize) -> Option<Annotation> {
        let mut failed = card(CardState::PlanFailed);
        failed.trouble = Some(Trouble {
            code: "synth.failed".to_owned(),
            doing: "synthesizing notes".to_owned(),
            what: "the app ended with exit code 1".to_owned(),
            causes: vec!["TypeError: table is undefined".to_owned()],
            next: Some("run it here: npx cdk synth".to_owned()),
            place: Some((file.to_owned(), line, 7)),
        });
        as_check(&failed).annotations.pop()
    }

    #[test]
    fn an_error_with_a_place_is_a_remark_at_that_line() {
        assert_eq!(
            remark_at("./bin/app.ts", 12),
            Some(Annotation {
                path: "bin/app.ts".to_owned(),
                line: 12,
                level: Level::Failure,
                title: "synthesizing notes".to_owned(),
                message: "the app ended with exit code 1\nbecause: TypeError: table is undefined\n\
                          next: run it here: npx cdk synth"
                    .to_owned(),
            })
        );
        assert_eq!(remark_at("offshoot.yml", 0).map(|a| a.line), Some(1));
    }

    #[test]
    fn files_outside_the_repository_get_no_remark() {
        for file in ["/home/runner/x.ts", "../x.ts", "a/../../x.ts", "", "."] {
            assert_eq!(remark_at(file, 1), None, "{file}");
        }
    }

    #[test]
    fn a_check_is_found_again_by_app_and_stage() {
        let check = as_check(&planned(CardState::Planned));
        assert_eq!((check.name.as_str(), check.external_id.as_str()), ("offshoot: prod", "notes/prod"));
        assert_eq!(check.details_url.as_deref(), Some("https://github.com/acme/notes/actions/runs/7"));
        assert_eq!(check.revision.as_str(), "9f8e7d6c5b4a39281706f5e4d3c2b1a098765432");
    }
}
