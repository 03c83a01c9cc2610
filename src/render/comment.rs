//! The sticky comment of a pull request: a line of state, a table of stages, danger first, details folded, what to type next.

mod turns;
mod table;
mod danger;
mod failure;
mod remark;
mod section;
mod next;
mod body;

use crate::names::Digest;
use crate::plan::card::{Card, CardState};

use super::cards;
use super::markdown::escape::{code_within, length};
use super::markdown::fit::{Budget, chop};
use super::markdown::stack::Fold;

pub(super) use body::{Layout, Table, body, whole};
pub(super) use failure::block;

/// A stage's name has at most 40 characters; with its app it should not have more than this.
const NAME_CHARS: usize = 100;

/// What the comment needs to know beside the cards.
#[derive(Clone, Debug)]
pub struct Frame<'a> {
    /// `/offshoot`.
    pub prefix: &'a str,
    /// Hidden, finds the comment again: see [`marker`].
    pub marker: &'a str,
    /// Where the whole text can be seen when the comment is shortened: the job summary.
    pub full_url: Option<&'a str>,
}

/// The hidden first line by which the comment of a repository (`owner/name`) is found again.
pub fn marker(repository: &str) -> String {
    // the forge ignores case
    format!("<!-- offshoot:comment {} -->", Digest::of(repository.to_ascii_lowercase()).short())
}

/// Whether a comment is the one with this marker. Only its very beginning counts: a comment that quotes ours, or a name
/// that looks like a marker, is none.
pub fn is_marked(body: &str, marker: &str) -> bool {
    body.strip_prefix(marker).is_some_and(|rest| rest.is_empty() || rest.starts_with(['\n', '\r']))
}

/// The whole comment in at most `limit_chars`. The same cards give the same text, in whatever order they come.
pub fn comment(cards: &[Card], frame: &Frame<'_>, limit_chars: usize) -> String {
    let cards = cards::sorted(cards);
    let head = format!("{}\n**{}.**\n", frame.marker, cards::sentence(&cards, show));
    let foot = next::foot(&cards, frame.prefix);
    let whole = whole(&cards, frame.full_url);
    let mut budget = Budget::new(limit_chars, &format!("{head}{foot}{whole}"));
    // an unchanged preview still has an address
    let has_more = |c: &&Card| c.state != CardState::Unchanged || c.url.is_some() || c.expires.is_some();
    let body = match cards.iter().any(has_more) {
        true => body(&cards, &mut budget, Layout { table: Table::Shown, sections: Fold::Closed, whole: &whole }),
        false => String::new(),
    };
    let text = format!("{head}{body}{foot}");
    if length(&text) <= limit_chars {
        return text;
    }
    // nobody is helped by half a table
    let shorter = [format!("{head}\nToo long for this place. {whole}\n"), head, frame.marker.to_owned()];
    shorter.into_iter().find(|text| length(text) <= limit_chars).unwrap_or_else(|| chop(frame.marker, limit_chars))
}

/// A stage's name as it is shown.
fn show(name: &str) -> String {
    code_within(name, NAME_CHARS)
}

#[cfg(test)]
mod tests;
