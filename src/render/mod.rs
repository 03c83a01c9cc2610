//! Every sentence that people read, as pure functions: terminal, Markdown, JSON.

pub mod style;
pub mod text;
pub mod value;
pub mod facts;
pub mod terminal;
pub mod markdown;
pub mod cards;
pub mod comment;
pub mod check;
pub mod reply;
pub mod summary;
pub mod outcome;
pub mod error;
pub mod progress;
pub mod lists;
pub mod json;

#[cfg(test)]
pub mod samples;

pub use style::{Colour, Detail, Style};
