//! The journal: every request that arrived, who sent it, whether it writes, and how it was answered.

use std::collections::BTreeMap;

use serde_json::Value;

use super::wire::Request;
use super::{Hub, State};

/// How a call was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Done,
    /// With this message.
    Refused(String),
    /// By an injected fault.
    Faulted(String),
}

/// One request.
#[derive(Clone, Debug)]
pub struct Call {
    /// 1 for the first request since the start.
    pub number: usize,
    /// Real time of arrival.
    pub at_ms: i64,
    pub method: String,
    /// As sent, without `/api/v3` and query.
    pub path: String,
    pub query: BTreeMap<String, String>,
    /// `/repos/{owner}/{repo}/pulls`, or empty.
    pub template: String,
    /// GitHub's name of the operation, such as `issues/create-comment`; `git/fetch`, `git/push`; or empty.
    pub operation: String,
    /// Who asked; empty without a token.
    pub login: String,
    pub headers: BTreeMap<String, String>,
    /// The JSON body.
    pub body: Value,
    /// It would change something.
    pub is_write: bool,
    /// 0 where no answer was given.
    pub status: u16,
    pub outcome: Outcome,
}

impl Call {
    pub fn of(state: &mut State, request: &Request, template: &str, operation: &str) -> Call {
        state.arrived += 1;
        let mut headers = request.headers.clone();
        headers.remove("authorization");
        Call {
            number: state.arrived,
            at_ms: State::real_ms(),
            method: request.method.clone(),
            path: request.path.clone(),
            query: request.query.clone(),
            template: template.to_owned(),
            operation: operation.to_owned(),
            login: request.login().to_owned(),
            headers,
            body: request.json.clone(),
            is_write: request.is_write() && operation != "git/fetch",
            status: 0,
            outcome: Outcome::Done,
        }
    }
}

impl std::fmt::Display for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.method, self.path)?;
        for (n, (key, value)) in self.query.iter().enumerate() {
            write!(f, "{}{key}={value}", if n == 0 { '?' } else { '&' })?;
        }
        write!(f, " {}", self.status)?;
        match &self.outcome {
            Outcome::Done => Ok(()),
            Outcome::Refused(message) => write!(f, " ({message})"),
            Outcome::Faulted(fault) => write!(f, " [{fault}]"),
        }
    }
}

/// What a test wants done (a branch moved, say) right after the n-th request of some kind.
pub struct Hook {
    pub after: usize,
    pub counts: Box<dyn super::faults::Matches>,
    pub run: Box<dyn FnOnce() + Send>,
}

impl State {
    /// Takes out the hooks whose moment has come.
    pub fn due_hooks(&mut self) -> Vec<Box<dyn FnOnce() + Send>> {
        let journal = &self.journal;
        let (due, later): (Vec<Hook>, Vec<Hook>) = std::mem::take(&mut self.hooks)
            .into_iter()
            .partition(|hook| hook.after <= journal.iter().filter(|call| hook.counts.matches(call)).count());
        self.hooks = later;
        due.into_iter().map(|hook| hook.run).collect()
    }
}

impl Hub {
    /// Every request since the start or [`Self::clear_journal`].
    pub fn journal(&self) -> Vec<Call> {
        self.state().journal.clone()
    }

    /// The journal as lines, for messages and snapshots.
    pub fn told(&self) -> String {
        self.journal().iter().map(|call| format!("{call}\n")).collect()
    }

    /// The requests that would change something, whether they succeeded or not. Tokens of an installation do not count.
    pub fn writes(&self) -> Vec<Call> {
        let counts = |call: &&Call| call.is_write && call.operation != "apps/create-installation-access-token";
        self.state().journal.iter().filter(counts).cloned().collect()
    }

    /// All requests that match.
    pub fn calls(&self, matcher: impl super::faults::Matches) -> Vec<Call> {
        self.state().journal.iter().filter(|call| matcher.matches(call)).cloned().collect()
    }

    /// The shortest time between two requests that created something people are told about (GitHub wants a second).
    pub fn shortest_gap_ms(&self) -> Option<i64> {
        let loud = ["issues/create-comment", "pulls/create", "pulls/create-review"];
        let state = self.state();
        let at: Vec<i64> =
            state.journal.iter().filter(|c| loud.contains(&c.operation.as_str())).map(|c| c.at_ms).collect();
        at.windows(2).map(|pair| pair[1] - pair[0]).min()
    }

    pub fn clear_journal(&self) {
        self.state().journal.clear();
    }

    /// Runs `hook` once, right after the n-th matching request in the journal was carried out and before it is answered.
    pub fn after(&self, n: usize, matcher: impl super::faults::Matches, hook: impl FnOnce() + Send + 'static) {
        self.state().hooks.push(Hook { after: n, counts: Box::new(matcher), run: Box::new(hook) });
    }
}
