//! The grammar of pull request comments: which of their lines are commands, and what they ask for.

mod display;
mod lines;
mod parse;
mod usage;

pub use usage::{Usage, Who, table};

use lines::Lines;

/// What a comment asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    Help,
    Plan {
        on: Target,
    },
    Deploy {
        on: Target,
        prune: bool,
    },
    Remove {
        on: Target,
    },
    Drift {
        on: Target,
    },
    RevertDrift {
        on: Target,
    },
    Promote {
        from: String,
        to: String,
        app: Option<String>,
    },
    /// To this revision (at least seven digits), or the one before.
    Rollback {
        on: Target,
        revision: Option<String>,
    },
    /// Seconds.
    Extend {
        on: Target,
        by_s: u64,
    },
    Cancel {
        on: Target,
    },
    Retry {
        on: Target,
    },
    Unlock {
        on: Target,
    },
    /// A plan of the stage; or, with a commit, the code of a stranger.
    Approve {
        on: Target,
        revision: Option<String>,
    },
    Dev {
        on: Target,
    },
    Outputs {
        on: Target,
    },
    Logs {
        on: Target,
    },
}

/// Which stage is meant; nothing is what the pull request itself has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Target {
    pub app: Option<String>,
    pub stage: Option<String>,
}

/// What was found in a comment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// No line is for us.
    Nothing,
    /// In the order of the comment, at most [`MOST`].
    Commands(Vec<Command>),
    /// A line is for us and is not understood: the line, and a sentence on what to write.
    Wrong { line: String, say: String },
}

/// More commands than this in one comment are refused.
pub const MOST: usize = 5;

/// Reads a comment. `prefix` is `/offshoot`, or what the configuration says.
///
/// A command is a line that begins with the prefix, without any indentation, outside of quotes, code blocks and HTML comments.
/// One line that is not understood makes the whole comment [`Found::Wrong`]: nothing of it is done.
pub fn read(body: &str, prefix: &str) -> Found {
    let mut commands = Vec::new();
    for line in Lines::of(body) {
        let Some(arguments) = lines::after_prefix(&line, prefix) else { continue };
        let wrong = |say: String| Found::Wrong { line: parse::shown(line.trim_end(), LINE_SHOWN), say };
        match parse::command(arguments, prefix) {
            Ok(_) if commands.len() == MOST => {
                return wrong(format!(
                    "A comment may hold at most {MOST} commands; write the others in another comment."
                ));
            }
            Ok(command) => commands.push(command),
            Err(say) => return wrong(say),
        }
    }
    if commands.is_empty() { Found::Nothing } else { Found::Commands(commands) }
}

/// How much of a wrong line is told back, in characters.
const LINE_SHOWN: usize = 200;

/// The field `on` of whichever command it is, borrowed as the command is.
macro_rules! target_of {
    ($command:expr) => {
        match $command {
            Command::Help | Command::Promote { .. } => None,
            Command::Plan { on }
            | Command::Deploy { on, .. }
            | Command::Remove { on }
            | Command::Drift { on }
            | Command::RevertDrift { on }
            | Command::Rollback { on, .. }
            | Command::Extend { on, .. }
            | Command::Cancel { on }
            | Command::Retry { on }
            | Command::Unlock { on }
            | Command::Approve { on, .. }
            | Command::Dev { on }
            | Command::Outputs { on }
            | Command::Logs { on } => Some(on),
        }
    };
}

impl Command {
    /// The word that it begins with: `deploy`.
    pub fn word(&self) -> &'static str {
        match self {
            Command::Help => "help",
            Command::Plan { .. } => "plan",
            Command::Deploy { .. } => "deploy",
            Command::Remove { .. } => "remove",
            Command::Drift { .. } => "drift",
            Command::RevertDrift { .. } => "revert-drift",
            Command::Promote { .. } => "promote",
            Command::Rollback { .. } => "rollback",
            Command::Extend { .. } => "extend",
            Command::Cancel { .. } => "cancel",
            Command::Retry { .. } => "retry",
            Command::Unlock { .. } => "unlock",
            Command::Approve { .. } => "approve",
            Command::Dev { .. } => "dev",
            Command::Outputs { .. } => "outputs",
            Command::Logs { .. } => "logs",
        }
    }

    /// The stage it is about; nothing for `help` and `promote`, which have none and two.
    pub fn target(&self) -> Option<&Target> {
        target_of!(self)
    }

    /// The same, to be filled in.
    pub fn target_mut(&mut self) -> Option<&mut Target> {
        target_of!(self)
    }
}

#[cfg(test)]
mod tests;
