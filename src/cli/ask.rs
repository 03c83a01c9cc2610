//! Asks a person before something that cannot be taken back; never where nobody can answer.

use std::io::{BufRead, IsTerminal};

use super::printer::Printer;
use crate::pipeline::progress::Stop;

/// The answer to a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    Yes,
    No,
    /// Nobody is there to ask.
    Nobody,
}

/// Asks on the terminal; only `y` or `yes` is a yes, and Ctrl-C is a no.
pub async fn ask(question: &str, printer: &Printer, stop: &Stop) -> Answer {
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return Answer::Nobody;
    }
    printer.raw(&format!("{question} [y/N] "));
    let read = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line).map(|_| line)
    });
    tokio::select! {
        line = read => match line {
            Ok(Ok(line)) if matches!(line.trim(), "y" | "Y" | "yes" | "Yes") => Answer::Yes,
            _ => Answer::No,
        },
        () = stop.begin_nothing.cancelled() => Answer::No,
    }
}
