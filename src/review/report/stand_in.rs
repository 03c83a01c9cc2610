//! Stands in for names of `render` that are still being written: `comment::{marker, is_marked}` and `check::*`.

use crate::plan::card::Card;

pub fn marker() -> String {
    "<!-- offshoot -->".to_owned()
}

pub fn is_marked(body: &str) -> bool {
    body.starts_with(&marker())
}

pub fn check_title(card: &Card) -> String {
    format!("{:?}", card.state)
}

pub fn check_summary(card: &Card) -> String {
    card.why.clone().unwrap_or_default()
}

pub fn deployment_description(card: &Card) -> String {
    card.why.clone().unwrap_or_default()
}
