//! A command as people would type it, after the prefix; reading it again gives the same command.

use std::fmt::{Display, Formatter, Result};

use super::{Command, Target, parse};
use crate::config::duration;

impl Display for Command {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(self.word())?;
        match self {
            Command::Extend { by_s, .. } => write!(f, " {}", duration::show(*by_s))?,
            Command::Rollback { revision: Some(revision), .. } | Command::Approve { revision: Some(revision), .. } => {
                write!(f, " {revision}")?;
            }
            Command::Promote { from, to, app } => {
                write!(f, " {from} {to}")?;
                if let Some(app) = app {
                    write!(f, " --app {app}")?;
                }
            }
            _ => {}
        }
        self.target().map_or(Ok(()), |target| write!(f, "{target}"))?;
        if matches!(self, Command::Deploy { prune: true, .. }) { f.write_str(" --prune") } else { Ok(()) }
    }
}

impl Display for Target {
    /// With a blank before it, or nothing at all.
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match (&self.app, &self.stage) {
            (None, None) => Ok(()),
            (Some(app), None) => write!(f, " --app {app}"),
            (Some(app), Some(stage)) => write!(f, " {app}/{stage}"),
            // where a commit or a time may stand too, a stage that looks like one says what it is
            (None, Some(stage)) if parse::is_commit(stage) || parse::is_time(stage) => write!(f, " --stage {stage}"),
            (None, Some(stage)) => write!(f, " {stage}"),
        }
    }
}
