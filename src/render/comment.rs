//! The sticky comment of a pull request: a line of state, a table of stages, danger first, details folded, what to type next.

use crate::plan::card::Card;

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

/// The whole comment in at most `limit_chars`. The same cards give the same text, in whatever order they come.
pub fn comment(_cards: &[Card], _frame: &Frame<'_>, _limit_chars: usize) -> String {
    String::new()
}
