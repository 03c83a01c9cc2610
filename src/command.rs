//! The grammar of pull request comments: which of their lines are commands, and what they ask for.

use crate::config::duration;

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
pub fn read(body: &str, prefix: &str) -> Found {
    let _ = (body, prefix, duration::parse);
    Found::Nothing
}
