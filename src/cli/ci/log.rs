//! The log of a job: what comes from outside is printed where it can start no workflow command.

use std::cell::RefCell;
use std::hash::{BuildHasher as _, RandomState};

use crate::cli::printer::Printer;

/// Whether somebody reads workflow commands from our log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Commands {
    On,
    Off,
}

/// A log in which workflow commands are stopped until [`Log::close`]. All goes to standard error, where the order of
/// lines is certain; the runner reads commands there too.
pub struct Log<'a> {
    printer: &'a Printer,
    commands: Commands,
    /// Ends the stop; nobody outside can guess it. Shown once, and never used again after that.
    stopped: RefCell<String>,
}

impl<'a> Log<'a> {
    /// Opens a folded group; from here on no line is a command.
    pub fn open(printer: &'a Printer, commands: Commands, group: &str) -> Log<'a> {
        let log = Log { printer, commands, stopped: RefCell::new(nonce()) };
        if commands == Commands::On {
            printer.always(&format!("{}\n{}", command("group", &[], group), log.stop()));
        }
        log
    }

    /// The end of the folded group.
    pub fn end_group(&self) {
        self.say(&[command("endgroup", &[], "")]);
    }

    /// A value that is shown as `***` from now on.
    pub fn mask(&self, secret: &str) {
        self.say(&[command("add-mask", &[], secret)]);
    }

    /// Says the last commands; lines are commands again.
    pub fn close(self, last: &[String]) {
        if self.commands == Commands::On {
            let resumed = format!("::{}::", self.stopped.borrow());
            self.printer.always(&lines(&resumed, last));
        }
    }

    /// Commands of ours, with the stop lifted for them alone.
    fn say(&self, commands: &[String]) {
        if self.commands == Commands::On {
            let resumed = format!("::{}::", self.stopped.borrow());
            // the old word stands in the log now, so another one stops
            self.stopped.replace(nonce());
            self.printer.always(&format!("{}\n{}", lines(&resumed, commands), self.stop()));
        }
    }

    fn stop(&self) -> String {
        format!("::stop-commands::{}", self.stopped.borrow())
    }
}

fn lines(first: &str, rest: &[String]) -> String {
    std::iter::once(first).chain(rest.iter().map(String::as_str)).collect::<Vec<_>>().join("\n")
}

/// One workflow command on one line, escaped as the runner unescapes it.
pub fn command(name: &str, properties: &[(&str, &str)], data: &str) -> String {
    let given: Vec<String> = properties
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(key, value)| format!("{key}={}", escape_data(value).replace(':', "%3A").replace(',', "%2C")))
        .collect();
    let space = if given.is_empty() { "" } else { " " };
    format!("::{name}{space}{}::{}", given.join(","), escape_data(data))
}

fn escape_data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// 32 hexadecimal digits that nobody can guess: the keys of the hashers come from the system's random numbers.
pub fn nonce() -> String {
    let half = |n: u8| RandomState::new().hash_one((std::process::id(), n));
    format!("{:016x}{:016x}", half(1), half(2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_escaped() {
        let text = command(
            "error",
            &[("file", "a,b:c.ts"), ("line", "3"), ("title", "50%\nof")],
            "one\r\ntwo: 100%, ::stop::",
        );
        assert_eq!(text, "::error file=a%2Cb%3Ac.ts,line=3,title=50%25%0Aof::one%0D%0Atwo: 100%25, ::stop::");
        assert_eq!(command("endgroup", &[], ""), "::endgroup::");
    }

    #[test]
    fn the_word_that_ends_a_stop_is_never_the_same() {
        let words: std::collections::BTreeSet<String> = (0..100).map(|_| nonce()).collect();
        assert_eq!(words.len(), 100);
        assert!(words.iter().all(|w| w.len() == 32 && w.bytes().all(|b| b.is_ascii_hexdigit())));
    }
}
