//! The one place that writes: results on standard output, everything else on standard error.

use std::io::Write;

use crate::error::Error;
use crate::render::{self, Style};

/// Knows about colour, width and quiet.
#[derive(Clone, Debug)]
pub struct Printer {
    pub out: Style,
    pub err: Style,
    /// A block of progress may be drawn again and again.
    pub live: bool,
    pub quiet: bool,
}

impl Printer {
    /// A result. A reader that has gone away (`| head`) is fine.
    pub fn out(&self, text: &str) {
        let mut out = std::io::stdout().lock();
        let newline = if text.ends_with('\n') || text.is_empty() { "" } else { "\n" };
        let _ = write!(out, "{text}{newline}").and_then(|()| out.flush());
    }

    /// Something on the way; nothing when quiet.
    pub fn say(&self, text: &str) {
        if !self.quiet {
            self.always(text);
        }
    }

    /// Said even when quiet: questions, warnings of a stop.
    pub fn always(&self, text: &str) {
        let mut err = std::io::stderr().lock();
        let newline = if text.ends_with('\n') { "" } else { "\n" };
        let _ = write!(err, "{text}{newline}");
    }

    /// Written as it is, for the live block.
    pub fn raw(&self, text: &str) {
        let mut err = std::io::stderr().lock();
        let _ = write!(err, "{text}").and_then(|()| err.flush());
    }

    pub fn error(&self, error: &Error) {
        let mut err = std::io::stderr().lock();
        let _ = write!(err, "{}", render::error::error(error, self.err));
    }
}
