//! What a run tells while it goes on, and how it is asked to stop.

use tokio::sync::mpsc::UnboundedSender;
use tokio_util::sync::CancellationToken;

use crate::plan::StackAction;
use crate::plan::outcome::StackOutcome;

/// One thing that happened, for whoever watches.
#[derive(Clone, Debug)]
pub enum Progress {
    /// A step begins: `bundling 4 functions`.
    Step(String),
    /// Something people should know.
    Note(String),
    StackStarted {
        name: String,
        action: StackAction,
        resources: usize,
    },
    /// A resource moved on.
    Resource {
        stack: String,
        logical_id: String,
        resource_type: String,
        status: String,
        reason: String,
    },
    StackEnded(Box<StackOutcome>),
}

/// The watcher's end of a run; sending to nobody is fine.
#[derive(Clone, Debug)]
pub struct Teller(Option<UnboundedSender<Progress>>);

impl Teller {
    pub fn new(to: UnboundedSender<Progress>) -> Self {
        Teller(Some(to))
    }

    pub fn silent() -> Self {
        Teller(None)
    }

    pub fn tell(&self, progress: Progress) {
        if let Some(to) = &self.0 {
            // nobody listens any more: the run goes on all the same
            let _ = to.send(progress);
        }
    }

    pub fn step(&self, what: impl Into<String>) {
        self.tell(Progress::Step(what.into()));
    }

    pub fn note(&self, what: impl Into<String>) {
        self.tell(Progress::Note(what.into()));
    }
}

/// Two ways to stop: begin nothing new, or leave at once what runs to CloudFormation.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    /// First Ctrl-C: what runs is finished, nothing new begins.
    pub begin_nothing: CancellationToken,
    /// Second Ctrl-C: leave; CloudFormation goes on by itself.
    pub leave: CancellationToken,
}
