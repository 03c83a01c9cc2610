//! What failed, never folded: root cause, place, the state that is left, the next command and the run's log.

use crate::plan::card::{Card, CardState, Trouble};
use crate::plan::outcome::{Ended, Failure};
use crate::render::cards::{self, Apps};
use crate::render::markdown::escape::{advice, code, link, text};
use crate::render::markdown::fit::Budget;
use crate::render::markdown::result::{self, Words};
use crate::render::text::first;

use super::show;
use super::turns::{Group, Item, in_turns};

/// The failures of all stages, and how many found no room.
pub fn failures(cards: &[&Card], budget: &mut Budget) -> (String, usize) {
    let apps = Apps::of(cards);
    let mut groups: Vec<Group> = Vec::new();
    let mut told: Vec<(CardState, &Trouble)> = Vec::new();
    for card in cards {
        groups.push(Group { heading: String::new(), items: of_stacks(card, cards.len(), apps) });
        let Some(trouble) = shown_trouble(card) else { continue };
        if told.contains(&(card.state, trouble)) {
            continue;
        }
        told.push((card.state, trouble));
        let same = |c: &&&Card| c.state == card.state && shown_trouble(c) == Some(trouble);
        let names: Vec<String> = cards.iter().filter(same).map(|c| show(&cards::name(c, apps))).collect();
        let item = |words| of_trouble(&names, card, trouble, words);
        groups.push(Group {
            heading: String::new(),
            items: vec![Item { full: item(Words::Most), short: Some(item(Words::Few)) }],
        });
    }
    in_turns("", &groups, budget)
}

/// The stacks that failed; only where the failure is how the stage stands now.
fn of_stacks(card: &Card, stages: usize, apps: Apps) -> Vec<Item> {
    if !shows_stacks(card) {
        return Vec::new();
    }
    let lead = if stages > 1 { format!("{}: ", show(&cards::name(card, apps))) } else { String::new() };
    let stacks = card.applied.iter().flat_map(|a| &a.stacks).filter(|s| s.ended == Ended::Failed);
    stacks
        .filter_map(|stack| {
            let failure = stack.failure.as_ref()?;
            let failure = &Failure { next: without_shell(&failure.next), ..failure.clone() };
            let block = |words| format!("{}{}", result::failed(&lead, stack, failure, words), log(card));
            Some(Item { full: block(Words::Most), short: Some(block(Words::Few)) })
        })
        .collect()
}

/// In a pull request nobody types `offshoot deploy` into a shell; what to type stands at the end.
pub fn without_shell(next: &str) -> String {
    let again = |command: &str| matches!(command, "deploy" | "deploy --resume" | "remove");
    match (next.rsplit_once(": offshoot "), next.strip_prefix("offshoot ")) {
        (_, Some(command)) if again(command) => "try again".to_owned(),
        (Some((before, command)), _) if again(command) => match before.strip_suffix(", then") {
            Some(first) => format!("{first}, then try again"),
            None => format!("{before}: try again"),
        },
        _ => next.to_owned(),
    }
}

fn shows_stacks(card: &Card) -> bool {
    matches!(card.state, CardState::DeployFailed | CardState::RemoveFailed | CardState::Cancelled)
        && card.applied.iter().flat_map(|a| &a.stacks).any(|s| s.failure.is_some())
}

/// The error that is told here: the stacks' own reasons say more.
fn shown_trouble(card: &Card) -> Option<&Trouble> {
    card.trouble.as_ref().filter(|_| cards::has_failed(card) && !shows_stacks(card))
}

fn of_trouble(names: &[String], card: &Card, trouble: &Trouble, words: Words) -> String {
    let verb = match card.state {
        CardState::PlanFailed => "planned",
        CardState::RemoveFailed => "removed",
        _ => "deployed",
    };
    format!("{}{}", block(&format!("{} could not be {verb}", first(names, 5)), trouble, words), log(card))
}

/// An error under a heading: what was being done, what was found, where, and what to do next.
pub fn block(heading: &str, trouble: &Trouble, words: Words) -> String {
    let doing = if trouble.doing.is_empty() { String::new() } else { format!(": {}", text(&trouble.doing)) };
    format!("\n**{heading}**{doing}\n\n{}{}", result::reason(&said(trouble), words), after(trouble))
}

/// What was found, and because of what; a cause that was said already is left out.
fn said(trouble: &Trouble) -> String {
    let mut said = trouble.what.clone();
    for cause in trouble.causes.iter().take(16) {
        if !cause.trim().is_empty() && !said.contains(cause.trim()) {
            said.push_str(&format!("\nbecause: {cause}"));
        }
    }
    said
}

/// Place, next step and code.
fn after(trouble: &Trouble) -> String {
    let mut out = String::new();
    if let Some((file, line, column)) = &trouble.place {
        out.push_str(&format!("\nAt {}\n", code(&format!("{file}:{line}:{column}"))));
    }
    if let Some(next) = &trouble.next {
        out.push_str(&format!("\nNext: {}\n", advice(&without_shell(next))));
    }
    if !trouble.code.is_empty() {
        out.push_str(&format!("\nCode: {}\n", code(&trouble.code)));
    }
    out
}

fn log(card: &Card) -> String {
    card.run_url.as_deref().map(|url| format!("\n{}\n", link("The whole log", url))).unwrap_or_default()
}
