//! Stands in for names of `render` that are still being written: `comment::{marker, is_marked}` and `check::*`.

use crate::plan::card::Card;

pub fn marker(repository: &str) -> String {
    format!("<!-- offshoot:comment {} -->", repository.to_ascii_lowercase())
}

pub fn is_marked(body: &str, marker: &str) -> bool {
    body.strip_prefix(marker).is_some_and(|rest| rest.is_empty() || rest.starts_with(['\n', '\r']))
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
