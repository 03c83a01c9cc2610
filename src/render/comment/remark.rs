//! What is to be said of a stage beside its row: why it waits, who approved, where to watch it.

use crate::plan::card::{Approvals, Card, CardState};
use crate::render::cards::{self, Apps};
use crate::render::markdown::escape::{advice, code_within, link};
use crate::render::markdown::fit::Budget;
use crate::render::text::{count, first};

use super::failure::without_shell;
use super::show;
use super::turns::{Group, Item, in_turns};

/// One paragraph for each stage that has something to say, or for several that say the same; and how many found no room.
pub fn remarks(cards: &[&Card], budget: &mut Budget) -> (String, usize) {
    let apps = Apps::of(cards);
    let mut said: Vec<(String, Vec<String>)> = Vec::new();
    for card in cards {
        let (sentences, name) = (sentences(card).join(" "), show(&cards::name(card, apps)));
        match said.iter_mut().find(|(text, _)| *text == sentences) {
            _ if sentences.is_empty() => {}
            Some((_, names)) => names.push(name),
            None => said.push((sentences, vec![name])),
        }
    }
    let paragraph = |(text, names): &(String, Vec<String>)| Item::new(format!("\n{}: {text}\n", first(names, 5)));
    let groups: Vec<Group> =
        said.iter().map(|one| Group { heading: String::new(), items: vec![paragraph(one)] }).collect();
    in_turns("", &groups, budget)
}

fn sentences(card: &Card) -> Vec<String> {
    if card.state == CardState::Unchanged {
        return Vec::new();
    }
    let mut out: Vec<String> = card.why.iter().map(|why| stop(&advice(&one_line(why)))).collect();
    let held = matches!(card.state, CardState::Refused | CardState::Cancelled);
    if let Some(trouble) = card.trouble.as_ref().filter(|_| held) {
        if card.why.is_none() {
            out.push(stop(&advice(&one_line(&trouble.what))));
        }
        out.extend(trouble.next.iter().map(|next| format!("Next: {}", stop(&advice(&one_line(&without_shell(next)))))));
    }
    let said = approvals(card);
    // after a sentence of its own it begins like one
    out.extend(
        said.into_iter()
            .map(|s| if card.why.is_some() || held { s.replacen("approved by", "Approved by", 1) } else { s }),
    );
    if matches!(card.state, CardState::Planning | CardState::Deploying) {
        out.extend(card.run_url.as_deref().map(|url| format!("{}.", link("Watch the run", url))));
    }
    if card.state != CardState::Removed {
        out.extend(card.live_url.as_deref().map(|url| format!("{}.", link("Live session", url))));
    }
    out
}

/// Lines of a program's text as one sentence.
pub fn one_line(text: &str) -> String {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}

fn stop(text: &str) -> String {
    if text.ends_with(['.', '!', '?', '…']) { text.to_owned() } else { format!("{text}.") }
}

/// Who gave one, how many are missing and from whom, how many do not count any more.
fn approvals(card: &Card) -> Vec<String> {
    let approvals = &card.approvals;
    let asked = matches!(
        card.state,
        CardState::NeedsApproval
            | CardState::Planned
            | CardState::Refused
            | CardState::Deploying
            | CardState::Deployed
            | CardState::DeployFailed
    );
    if !asked {
        return Vec::new();
    }
    let mut out = Vec::new();
    let by: Vec<String> = approvals.given.iter().map(|a| code_within(&a.by, 80)).collect();
    match (approvals.missing_by_count(), by.is_empty()) {
        (0, true) => {}
        (0, false) => out.push(format!("approved by {}.", first(&by, 5))),
        (n, true) => out.push(format!("{} missing, from {}.", count(n as usize, "approval"), from(approvals))),
        (n, false) => out.push(format!("approved by {}; {n} more missing, from {}.", first(&by, 5), from(approvals))),
    }
    if !approvals.owners_missing.is_empty() {
        let lines: Vec<String> = approvals.owners_missing.iter().map(|line| code_within(line, 200)).collect();
        out.push(format!("Owners of changed files have not approved: {}.", first(&lines, 5)));
    }
    if approvals.dismissed > 0 {
        let verb = if approvals.dismissed == 1 { "does" } else { "do" };
        let given = count(approvals.dismissed as usize, "approval");
        out.push(format!("{given} of an earlier plan {verb} not count for this one."));
    }
    out
}

/// From whom approvals are asked.
pub fn from(approvals: &Approvals) -> String {
    let names: Vec<String> = approvals.from.iter().map(|name| code_within(name, 80)).collect();
    match names.is_empty() {
        true => "anyone who may write here".to_owned(),
        false => first(&names, 5).replace(" and ", " or "),
    }
}
