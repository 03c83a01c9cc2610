//! What to type next: the exact commands for the states that the stages are in, and a folded line about the others.

use crate::plan::StackAction;
use crate::plan::card::{CLOSED, Card, CardState, StageRole};
use crate::plan::outcome::Ended;
use crate::render::cards::{self, Apps};
use crate::render::markdown::escape::code_within;
use crate::render::text::{clean, count, first};

use super::remark::from;

/// More lines than this are not read; what is urgent stands first.
const MOST_LINES: usize = 6;
/// So many stages are named for one command; the others are counted.
const MOST: usize = 3;
/// A command is shown whole unless a name in it is hostile.
const COMMAND_CHARS: usize = 160;

/// One command and what it does.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Step {
    command: String,
    about: String,
}

/// The commands, and a folded line of help. Stages that want the same share a line.
pub fn foot(cards: &[&Card], prefix: &str) -> String {
    let apps = Apps::of(cards);
    let mut order: Vec<&Card> = cards.to_vec();
    order.sort_by_key(|c| cards::rank(c.state));
    let mut lines: Vec<(String, Vec<String>)> = Vec::new();
    for step in order.into_iter().flat_map(|card| of(card, apps)) {
        match lines.iter_mut().find(|(about, _)| *about == step.about) {
            Some((_, commands)) if commands.contains(&step.command) => {}
            Some((_, commands)) => commands.push(step.command),
            None => lines.push((step.about, vec![step.command])),
        }
    }
    let mut out = String::new();
    for (i, (about, commands)) in lines.iter().take(MOST_LINES).enumerate() {
        let show = |command: &String| code_within(&format!("{prefix} {command}"), COMMAND_CHARS);
        let commands: Vec<String> = commands.iter().map(show).collect();
        out.push_str(if i == 0 { "\n**What to type next**\n\n" } else { "" });
        out.push_str(&format!("- {}: {about}\n", first(&commands, MOST)));
    }
    out + &help(prefix)
}

fn help(prefix: &str) -> String {
    let of = |words: &str| code_within(&format!("{prefix} {words}"), COMMAND_CHARS);
    format!(
        "\n<details><summary>All commands</summary>\n\n{} lists them. A command stands on a line of its own in a comment \
         and may name a stage: {}.\n\n</details>\n",
        of("help"),
        of("plan prod")
    )
}

fn of(card: &Card, apps: Apps) -> Vec<Step> {
    let stage = clean(&cards::name(card, apps));
    let step = |command: String, about: &str| Step { command, about: about.to_owned() };
    let retry = || step(format!("retry {stage}"), "tries the same commit again");
    let plan = || step(format!("plan {stage}"), "makes a new plan");
    match card.state {
        CardState::Removed => Vec::new(),
        CardState::Unchanged if card.expires.is_none() => Vec::new(),
        CardState::Planned => vec![execute(card, &stage, "deploys exactly this plan")],
        CardState::NeedsApproval => {
            let about = format!("approves exactly this plan; asked of {}", from(&card.approvals));
            vec![step(format!("approve {stage}"), &about), execute(card, &stage, "deploys it, once approved")]
        }
        // the whole commit: a stranger can make another one with the same first digits
        CardState::NeedsTrust => {
            vec![step(format!("approve {}", clean(&card.head)), "lets the code of this commit run; read it first")]
        }
        CardState::Planning => vec![step(format!("cancel {stage}"), "stops it")],
        CardState::Deploying => vec![step(format!("cancel {stage}"), "begins no further stack")],
        CardState::Deployed | CardState::Unchanged => deployed(card, &stage),
        CardState::PlanFailed | CardState::DeployFailed => vec![retry()],
        CardState::Refused => match code(card) {
            c if c.starts_with("lock.") => {
                vec![retry(), step(format!("unlock {stage}"), "takes the lock away from a run that is gone")]
            }
            c if c.starts_with("plan.") || c.starts_with("approval.") => vec![plan()],
            // it was closed or pushed to meanwhile: nothing is asked of anybody
            c if c.starts_with("review.") => Vec::new(),
            c if c.contains("draft") => vec![deploy(card, &stage, "deploys exactly this plan")],
            _ => vec![retry()],
        },
        CardState::Cancelled if card.why.as_deref() == Some(CLOSED) => Vec::new(),
        CardState::Cancelled => vec![plan(), retry()],
        CardState::RemoveFailed => vec![step(format!("remove {stage}"), "tries the removal again")],
    }
}

fn code(card: &Card) -> &str {
    card.trouble.as_ref().map_or("", |t| t.code.as_str())
}

/// A promotion or a rollback is executed by its own command: `deploy` is about the commit of the pull request.
fn execute(card: &Card, stage: &str, about: &str) -> Step {
    match &card.offer {
        Some(command) => Step { command: clean(command), about: about.to_owned() },
        None => deploy(card, stage, about),
    }
}

/// What is deleted is deleted only when the command says so too.
fn deploy(card: &Card, stage: &str, about: &str) -> Step {
    let deletes = card.plan.iter().flat_map(|p| &p.stacks).any(|s| s.action == StackAction::Delete);
    let (prune, more) = if deletes { (" --prune", ", with the stacks that it deletes") } else { ("", "") };
    Step { command: format!("deploy {stage}{prune}"), about: format!("{about}{more}") }
}

fn deployed(card: &Card, stage: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let outcomes = card.applied.iter().flat_map(|a| &a.stacks);
    let kept = outcomes.filter(|s| s.action == StackAction::Delete && s.ended == Ended::Skipped).count();
    if kept > 0 {
        let about = format!("also deletes {} that the app no longer has", count(kept, "stack"));
        steps.push(Step { command: format!("deploy {stage} --prune"), about });
    }
    if card.role == StageRole::Preview {
        if card.expires.is_some() {
            steps.push(Step { command: "extend 24h".into(), about: "keeps the preview a day longer".into() });
        }
        let about = "removes the preview now; closing the pull request does it too";
        steps.push(Step { command: "remove".into(), about: about.into() });
    }
    steps
}
