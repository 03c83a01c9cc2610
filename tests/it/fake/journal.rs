//! The journal: every request that arrived, whether it writes, and how it was answered.

use std::collections::BTreeMap;

use super::wire::Request;
use super::{FakeAws, State};

/// How a call was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Done,
    /// With this error code.
    Refused(String),
    /// By an injected fault.
    Faulted(String),
}

/// One request.
#[derive(Clone, Debug)]
pub struct Call {
    /// 1 for the first request since the start.
    pub number: usize,
    pub service: String,
    pub operation: String,
    pub account: String,
    pub region: String,
    /// ARN of who asked.
    pub identity: String,
    pub params: BTreeMap<String, String>,
    /// It would change something.
    pub is_write: bool,
    pub outcome: Outcome,
}

impl Call {
    pub fn of(state: &mut State, request: &Request) -> Self {
        state.arrived += 1;
        let reads = ["Describe", "Get", "List", "Head", "Assume", "Validate", "Detect"];
        Call {
            number: state.arrived,
            service: request.service.clone(),
            operation: request.operation.clone(),
            account: request.account.clone(),
            region: request.region.clone(),
            identity: request.identity.clone(),
            params: request.params(),
            is_write: !reads.iter().any(|verb| request.operation.starts_with(verb)),
            outcome: Outcome::Done,
        }
    }

    /// A parameter, empty when it was not given.
    pub fn param(&self, name: &str) -> &str {
        self.params.get(name).map_or("", String::as_str)
    }
}

impl std::fmt::Display for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.service, self.operation)?;
        for name in ["StackName", "ChangeSetName", "Bucket", "Key", "Name", "FunctionName", "RoleArn"] {
            if !self.param(name).is_empty() {
                write!(f, " {}", self.param(name))?;
            }
        }
        if self.outcome != Outcome::Done {
            write!(f, " {:?}", self.outcome)?;
        }
        Ok(())
    }
}

/// What a test wants done (a child killed, say) right after the n-th request of some kind.
pub struct Hook {
    pub after: usize,
    pub counts: Box<dyn Fn(&Call) -> bool + Send>,
    pub run: Box<dyn FnOnce() + Send>,
}

impl State {
    /// Takes out the hooks whose moment has come.
    pub fn due_hooks(&mut self) -> Vec<Box<dyn FnOnce() + Send>> {
        let journal = &self.journal;
        let (due, later) = std::mem::take(&mut self.hooks)
            .into_iter()
            .partition(|hook| hook.after <= journal.iter().filter(|call| (hook.counts)(call)).count());
        self.hooks = later;
        let due: Vec<Hook> = due;
        due.into_iter().map(|hook| hook.run).collect()
    }
}

impl FakeAws {
    /// Every request since the start or [`Self::clear_journal`].
    pub fn journal(&self) -> Vec<Call> {
        self.state().journal.clone()
    }

    /// The requests that would change something, whether they succeeded or not.
    pub fn writes(&self) -> Vec<Call> {
        self.state().journal.iter().filter(|call| call.is_write).cloned().collect()
    }

    /// The writes that were carried out, lost answers included.
    pub fn carried_out(&self) -> Vec<Call> {
        let done =
            |call: &Call| call.outcome == Outcome::Done || call.outcome == Outcome::Faulted("LostAnswer".to_owned());
        self.writes().into_iter().filter(done).collect()
    }

    /// All requests of one operation; `*` for any.
    pub fn calls(&self, service: &str, operation: &str) -> Vec<Call> {
        let is = |pattern: &str, value: &str| pattern == "*" || pattern == value;
        let matches = |call: &&Call| is(service, &call.service) && is(operation, &call.operation);
        self.state().journal.iter().filter(matches).cloned().collect()
    }

    pub fn clear_journal(&self) {
        self.state().journal.clear();
    }

    /// Runs `hook` once, right after the n-th request in the journal was carried out and before it is answered.
    pub fn after_calls(&self, n: usize, hook: impl FnOnce() + Send + 'static) {
        self.after(n, |_| true, hook);
    }

    /// The same, counting only writes.
    pub fn after_writes(&self, n: usize, hook: impl FnOnce() + Send + 'static) {
        self.after(n, |call| call.is_write, hook);
    }

    /// The same, counting only calls that `counts` accepts.
    pub fn after(
        &self,
        n: usize,
        counts: impl Fn(&Call) -> bool + Send + 'static,
        hook: impl FnOnce() + Send + 'static,
    ) {
        self.state().hooks.push(Hook { after: n, counts: Box::new(counts), run: Box::new(hook) });
    }
}
