//! Asks a person before something that cannot be taken back; never where nobody can answer.

use std::io::{BufRead, IsTerminal};

use super::printer::Printer;

/// The answer to a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    Yes,
    No,
    /// Nobody is there to ask.
    Nobody,
}

/// Asks on the terminal; only `y` or `yes` is a yes.
pub fn ask(question: &str, printer: &Printer) -> Answer {
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return Answer::Nobody;
    }
    printer.raw(&format!("{question} [y/N] "));
    let mut line = String::new();
    match std::io::stdin().lock().read_line(&mut line) {
        Ok(_) if matches!(line.trim(), "y" | "Y" | "yes" | "Yes") => Answer::Yes,
        _ => Answer::No,
    }
}
