//! What a card comes to in words: state, symbol, the plain sentence about one stage and about all of them.

use crate::plan::card::{Card, CardState};
use crate::plan::{Action, Certainty, Change, Plan, StackAction};

use super::facts::{self, Counts};
use super::text::{clean, count, list, thousands};

/// More clauses than this make a sentence nobody reads.
const CLAUSES: usize = 4;

/// Whether a stage has to be told from one of the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Apps {
    One,
    Several,
}

impl Apps {
    pub fn of(cards: &[&Card]) -> Self {
        let first = cards.first().map(|c| &c.app);
        if cards.iter().all(|c| Some(&c.app) == first) { Apps::One } else { Apps::Several }
    }
}

/// In the order in which they are shown: by app, then what lives for the pull request, then by stage.
pub fn sorted(cards: &[Card]) -> Vec<&Card> {
    let mut sorted: Vec<&Card> = cards.iter().collect();
    sorted.sort_by(|a, b| {
        let key = |c: &Card| (c.app.clone(), c.role, c.stage.clone(), c.pull, c.updated.clone(), c.head.clone());
        key(a).cmp(&key(b))
    });
    sorted
}

/// The stage as people call it and type it: `prod`, with its app where there are several `notes/prod`.
pub fn name(card: &Card, apps: Apps) -> String {
    match apps {
        Apps::One => card.stage.clone(),
        Apps::Several => format!("{}/{}", card.app, card.stage),
    }
}

/// The symbol of a state.
pub fn symbol(state: CardState) -> &'static str {
    match state {
        CardState::Unchanged => "⚪",
        CardState::Planned => "📝",
        CardState::NeedsApproval => "✋",
        CardState::NeedsTrust => "🔒",
        CardState::Planning => "⏳",
        CardState::Deploying => "🚀",
        CardState::Deployed => "✅",
        CardState::PlanFailed | CardState::DeployFailed | CardState::RemoveFailed => "❌",
        CardState::Refused => "⏸️",
        CardState::Cancelled => "🚫",
        CardState::Removed => "🗑️",
    }
}

/// The state in a word or two.
pub fn word(state: CardState) -> &'static str {
    match state {
        CardState::Unchanged => "unchanged",
        CardState::Planned => "planned",
        CardState::NeedsApproval => "needs approval",
        CardState::NeedsTrust => "needs trust",
        CardState::Planning => "planning",
        CardState::Deploying => "deploying",
        CardState::Deployed => "deployed",
        CardState::PlanFailed => "plan failed",
        CardState::DeployFailed => "deploy failed",
        CardState::Refused => "held back",
        CardState::Cancelled => "cancelled",
        CardState::Removed => "removed",
        CardState::RemoveFailed => "removal failed",
    }
}

/// How `n` stages stand, as a predicate: `are deployed`.
fn predicate(state: CardState, n: usize) -> &'static str {
    let (one, many) = match state {
        CardState::Unchanged => ("stays as it is", "stay as they are"),
        CardState::Planned => ("would change", "would change"),
        CardState::NeedsApproval => ("needs approval", "need approval"),
        CardState::NeedsTrust => {
            ("waits until a maintainer trusts this commit", "wait until a maintainer trusts this commit")
        }
        CardState::Planning => ("is being planned", "are being planned"),
        CardState::Deploying => ("is being deployed", "are being deployed"),
        CardState::Deployed => ("is deployed", "are deployed"),
        CardState::PlanFailed => ("could not be planned", "could not be planned"),
        CardState::DeployFailed => ("could not be deployed", "could not be deployed"),
        CardState::Refused => ("is held back", "are held back"),
        CardState::Cancelled => ("was cancelled", "were cancelled"),
        CardState::Removed => ("is removed", "are removed"),
        CardState::RemoveFailed => ("could not be removed", "could not be removed"),
    };
    if n == 1 { one } else { many }
}

/// What people look at first has the lowest number.
pub fn rank(state: CardState) -> u8 {
    match state {
        CardState::DeployFailed | CardState::RemoveFailed => 0,
        CardState::PlanFailed => 1,
        CardState::NeedsTrust => 2,
        CardState::NeedsApproval => 3,
        CardState::Refused | CardState::Cancelled => 4,
        CardState::Planned => 5,
        CardState::Deploying => 6,
        CardState::Planning => 7,
        CardState::Deployed => 8,
        CardState::Removed => 9,
        CardState::Unchanged => 10,
    }
}

/// Whether anything went wrong.
pub fn has_failed(card: &Card) -> bool {
    matches!(card.state, CardState::PlanFailed | CardState::DeployFailed | CardState::RemoveFailed)
}

/// The plan that would be executed next: what it destroys has not happened yet.
pub fn pending(card: &Card) -> Option<&Plan> {
    let waits = matches!(
        card.state,
        CardState::Planned
            | CardState::NeedsApproval
            | CardState::Planning
            | CardState::Deploying
            | CardState::DeployFailed
            | CardState::Refused
            | CardState::Cancelled
    );
    card.plan.as_ref().filter(|plan| waits && plan.has_changes())
}

/// What a plan would change, what is dangerous instead of everything else: `1 replacement that loses data and 1 removal`.
pub fn difference(plan: &Plan) -> String {
    let changes = || plan.stacks.iter().filter(|s| s.action != StackAction::Delete).flat_map(|s| &s.changes);
    let of = |action: Action, certainty: Certainty, loses: bool| {
        let picked = |c: &&Change| c.action == action && c.certainty == certainty && c.loses_data() == loses;
        changes().filter(picked).count()
    };
    let mut parts = Vec::new();
    for (action, noun) in [(Action::Replace, "replacement"), (Action::Remove, "removal")] {
        for loses in [true, false] {
            for (certainty, word) in [(Certainty::Certain, ""), (Certainty::Possible, "possible ")] {
                let n = of(action, certainty, loses);
                if n > 0 {
                    let that = match (loses, n) {
                        (true, 1) => " that loses data",
                        (true, _) => " that lose data",
                        _ => "",
                    };
                    parts.push((!loses, format!("{}{that}", count(n, &format!("{word}{noun}")))));
                }
            }
        }
    }
    let deleted: Vec<_> = plan.stacks.iter().filter(|s| s.action == StackAction::Delete).collect();
    if !deleted.is_empty() {
        let loses = deleted.iter().any(|s| s.changes.iter().any(Change::loses_data));
        let data = if loses { " with data" } else { "" };
        parts.push((!loses, format!("{}{data} deleted", count(deleted.len(), "stack"))));
    }
    if parts.is_empty() {
        return facts::actions(plan);
    }
    parts.sort_by_key(|(harmless, _)| *harmless);
    list(&parts.into_iter().map(|(_, text)| text).collect::<Vec<_>>())
}

/// Added, modified and so on over all stacks: `+2 ~1`.
pub fn counts(card: &Card) -> String {
    let plan = card.plan.as_ref();
    plan.map(|p| Counts::of(p.stacks.iter().flat_map(|s| &s.changes)).symbols()).unwrap_or_default()
}

/// What is said of a stage after its name: `is deployed`, `would change: 1 replacement that loses data, needs 1 approval`.
pub fn clause(card: &Card) -> String {
    let what = card.plan.as_ref().filter(|p| p.has_changes()).map(difference);
    let change = what.map_or_else(|| "would change".to_owned(), |what| format!("would change: {what}"));
    match card.state {
        CardState::Planned => change,
        CardState::NeedsApproval => match card.approvals.missing() {
            0 => format!("{change}, needs approval"),
            n => format!("{change}, needs {}", count(n as usize, "approval")),
        },
        state => predicate(state, 1).to_owned(),
    }
}

/// How all stages stand, in one plain sentence without its full stop; `show` makes a name presentable.
pub fn sentence(cards: &[&Card], show: impl Fn(&str) -> String) -> String {
    let apps = Apps::of(cards);
    let (same, moving): (Vec<&Card>, Vec<&Card>) = cards.iter().partition(|c| c.state == CardState::Unchanged);
    if cards.is_empty() {
        return "No stage is concerned".to_owned();
    }
    let names = |cards: &[&Card]| list(&cards.iter().map(|c| show(&name(c, apps))).collect::<Vec<_>>());
    if moving.is_empty() {
        return match same.len() {
            n if n <= CLAUSES => format!("Nothing to deploy: {} {}", names(&same), predicate(CardState::Unchanged, n)),
            n => format!("Nothing to deploy: all {} stay as they are", count(n, "stage")),
        };
    }
    let mut clauses: Vec<String> = if moving.len() > CLAUSES {
        tally(&moving)
    } else {
        let mut groups: Vec<(String, Vec<&Card>)> = Vec::new();
        for card in &moving {
            let clause = clause(card);
            match groups.iter_mut().find(|(c, _)| *c == clause) {
                Some((_, cards)) => cards.push(card),
                None => groups.push((clause, vec![card])),
            }
        }
        let plural = |clause: &str, cards: &[&Card]| match cards {
            [one, _, ..] if clause == predicate(one.state, 1) => predicate(one.state, cards.len()).to_owned(),
            [one, _, ..] => {
                clause.replacen("needs", if one.state == CardState::NeedsApproval { "need" } else { "needs" }, 1)
            }
            _ => clause.to_owned(),
        };
        groups.iter().map(|(clause, cards)| format!("{} {}", names(cards), plural(clause, cards))).collect()
    };
    match same.len() {
        0 => {}
        n if n <= CLAUSES && moving.len() <= CLAUSES => {
            clauses.push(format!("{} {}", names(&same), predicate(CardState::Unchanged, n)));
        }
        n => clauses.push(format!("{} {}", thousands(n as u64), predicate(CardState::Unchanged, n))),
    }
    let lead = if cards.len() > 1 { format!("{}: ", count(cards.len(), "stage")) } else { String::new() };
    format!("{lead}{}", clauses.join("; "))
}

/// How many stages stand how, what needs a person first.
fn tally(cards: &[&Card]) -> Vec<String> {
    let mut states: Vec<CardState> = Vec::new();
    for card in cards {
        if !states.contains(&card.state) {
            states.push(card.state);
        }
    }
    states.sort_by_key(|state| (rank(*state), word(*state)));
    let tell = |state: &CardState| {
        let n = cards.iter().filter(|c| c.state == *state).count();
        format!("{} {}", thousands(n as u64), predicate(*state, n))
    };
    let mut clauses: Vec<String> = states.iter().map(tell).collect();
    let losing = cards.iter().filter(|c| pending(c).is_some_and(|p| !facts::destroys(p).is_empty())).count();
    if losing > 0 {
        clauses.push(format!("deploying {} of them deletes data or stacks", thousands(losing as u64)));
    }
    clauses
}

/// One line without anything that deceives, of at most `chars` UTF-16 units.
pub fn plain(text: &str, chars: usize) -> String {
    let text = clean(text);
    if text.encode_utf16().count() <= chars {
        return text;
    }
    let mut used = 1;
    let head: String = text
        .chars()
        .take_while(|c| {
            used += c.len_utf16();
            used <= chars
        })
        .collect();
    if chars == 0 { head } else { format!("{head}…") }
}

/// `2026-11-30 14:00 UTC` of an RFC 3339 time in UTC; nothing for what is none.
pub fn moment(time: &str) -> Option<String> {
    let (day, clock) = time.strip_suffix('Z')?.split_once('T')?;
    let clock = clock.get(..5)?;
    let plain = |text: &str| text.chars().all(|c| c.is_ascii_digit() || matches!(c, '-' | ':'));
    (day.len() == 10 && plain(day) && plain(clock)).then(|| format!("{day} {clock} UTC"))
}
