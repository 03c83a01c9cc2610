//! What a client learned on the way, so that it need not ask or try again; losing it costs a request, never a mistake.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use tokio::sync::OnceCell;

use crate::forge::{Actor, Login};

/// More than this is forgotten as a whole: a controller lives for months.
const MOST: usize = 2_000;

#[derive(Default)]
pub(super) struct Memory {
    no_checks: AtomicBool,
    /// The newest comment that was seen, by pull request.
    comments: Mutex<HashMap<u64, u64>>,
    /// Our own reactions: the comment and what it is, to its id.
    reactions: Mutex<HashMap<(u64, &'static str), u64>>,
    /// Check runs and deployments that we made, by what tells them apart: lists may not show them yet.
    made: Mutex<HashMap<String, u64>>,
    us: Mutex<Option<Login>>,
    pub whoami: OnceCell<Option<Actor>>,
}

impl Memory {
    /// Check runs are refused to this token: statuses it is.
    pub(super) fn checks_are_refused(&self) {
        if !self.no_checks.swap(true, Ordering::Relaxed) {
            tracing::info!("this token may not make check runs, commit statuses are set instead");
        }
    }

    pub(super) fn may_make_checks(&self) -> bool {
        !self.no_checks.load(Ordering::Relaxed)
    }

    pub(super) fn saw_comment(&self, pull: u64, id: u64) {
        let mut seen = self.comments.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= MOST {
            seen.clear();
        }
        let newest = seen.entry(pull).or_default();
        *newest = id.max(*newest);
    }

    /// 0 where none was seen.
    pub(super) fn newest_comment(&self, pull: u64) -> u64 {
        self.comments.lock().unwrap_or_else(PoisonError::into_inner).get(&pull).copied().unwrap_or_default()
    }

    pub(super) fn reacted(&self, comment: u64, content: &'static str, id: u64) {
        let mut ours = self.reactions.lock().unwrap_or_else(PoisonError::into_inner);
        if ours.len() >= MOST {
            ours.clear();
        }
        ours.insert((comment, content), id);
    }

    pub(super) fn reaction(&self, comment: u64, content: &'static str) -> Option<u64> {
        self.reactions.lock().unwrap_or_else(PoisonError::into_inner).get(&(comment, content)).copied()
    }

    pub(super) fn unreacted(&self, comment: u64, content: &'static str) {
        self.reactions.lock().unwrap_or_else(PoisonError::into_inner).remove(&(comment, content));
    }

    pub(super) fn made(&self, what: String, id: u64) {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if made.len() >= MOST {
            made.clear();
        }
        made.insert(what, id);
    }

    pub(super) fn made_before(&self, what: &str) -> Option<u64> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner).get(what).copied()
    }

    /// As whom GitHub shows what we wrote.
    pub(super) fn we_are(&self, login: &Login) {
        *self.us.lock().unwrap_or_else(PoisonError::into_inner) = Some(login.clone());
    }

    pub(super) fn us(&self) -> Option<Login> {
        self.us.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
