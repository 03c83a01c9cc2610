//! The table of stages: how each stands, at which commit, with what changes, where it answers and how long it lives.

use crate::plan::card::{Card, CardState};
use crate::render::cards::{self, Apps};
use crate::render::facts;
use crate::render::markdown::escape::{code, link_or_code};
use crate::render::markdown::fit::Budget;

use super::show;

/// An address in the table is at most this long; the outputs have it whole.
const URL_CHARS: usize = 300;

/// The columns that at least one stage has something for.
struct Columns {
    app: bool,
    changes: bool,
    url: bool,
    expires: bool,
}

/// As many rows as fit, in the order of the cards; unchanged stages go first when there is no room.
pub fn table(cards: &[&Card], budget: &mut Budget) -> (String, usize) {
    let columns = Columns {
        app: Apps::of(cards) == Apps::Several,
        changes: cards.iter().any(|c| !changes(c).is_empty()),
        url: cards.iter().any(|c| url(c).is_some()),
        expires: cards.iter().any(|c| c.expires.is_some() && c.state != CardState::Removed),
    };
    let head = head(&columns);
    if cards.is_empty() || !budget.take(&head) {
        return (String::new(), cards.len());
    }
    let mut order: Vec<(usize, &Card)> = cards.iter().copied().enumerate().collect();
    order.sort_by_key(|(i, card)| (cards::rank(card.state), *i));
    let mut rows: Vec<(usize, String)> = Vec::new();
    for (i, card) in order {
        let row = row(card, &columns);
        if budget.take(&row) {
            rows.push((i, row));
        }
    }
    let missing = cards.len() - rows.len();
    rows.sort_by_key(|(i, _)| *i);
    (rows.into_iter().fold(head, |text, (_, row)| text + &row), missing)
}

fn head(columns: &Columns) -> String {
    let all = [
        (true, ""),
        (columns.app, "App"),
        (true, "Stage"),
        (true, "State"),
        (true, "Commit"),
        (columns.changes, "Changes"),
        (columns.url, "URL"),
        (columns.expires, "Expires"),
    ];
    let names: Vec<String> = all.iter().filter(|(there, _)| *there).map(|(_, name)| format!(" {name} |")).collect();
    format!("\n|{}\n|{}\n", names.concat().replacen("  |", " |", 1), "---|".repeat(names.len()))
}

fn row(card: &Card, columns: &Columns) -> String {
    let mut cells = vec![cards::symbol(card.state).to_owned()];
    if columns.app {
        cells.push(show(&card.app));
    }
    cells.extend([show(&card.stage), state(card), code(&facts::revision(&card.head))]);
    if columns.changes {
        cells.push(changes(card));
    }
    if columns.url {
        cells.push(url(card).map(link_or_code).unwrap_or_default());
    }
    if columns.expires {
        let expires = card.expires.as_deref().filter(|_| card.state != CardState::Removed);
        cells.push(expires.map(|time| cards::moment(time).unwrap_or_else(|| show(time))).unwrap_or_default());
    }
    format!("| {} |\n", cells.join(" | "))
}

fn state(card: &Card) -> String {
    let word = cards::word(card.state);
    match card.state {
        CardState::NeedsApproval if card.approvals.needed > 1 => {
            format!(
                "{word} ({} of {})",
                card.approvals.needed.saturating_sub(card.approvals.missing_by_count()),
                card.approvals.needed
            )
        }
        _ => word.to_owned(),
    }
}

/// `±1 🛑` where the plan was not executed yet and destroys something.
fn changes(card: &Card) -> String {
    if matches!(card.state, CardState::Unchanged | CardState::Removed) {
        return String::new();
    }
    let counts = cards::counts(card).replace('-', "−");
    let weight = cards::pending(card).and_then(|p| p.stacks.iter().map(facts::weight).max()).unwrap_or(0);
    let mark = match weight {
        4 => " 🛑",
        3 => " ⚠️",
        2 => " 🔑",
        _ => "",
    };
    format!("{counts}{mark}").trim_start().to_owned()
}

fn url(card: &Card) -> Option<&str> {
    card.url.as_deref().filter(|url| card.state != CardState::Removed && url.len() <= URL_CHARS)
}
