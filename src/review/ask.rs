//! A command as it was asked, by whom and when, and the answer to it.

use super::{Handled, Office};
use crate::config::GitRef;
use crate::error::Error;
use crate::forge::{Actor, Pull};
use crate::names::Revision;
use crate::plan::card::CardState;

/// Who asks, when, and about what.
pub struct Asked<'a> {
    pub office: &'a Office,
    pub by: &'a Actor,
    /// RFC 3339: what was shown later than this was not seen by who asks.
    pub at: String,
    /// `/offshoot`, or as configured.
    pub prefix: String,
    pub about: About,
    /// The beginning of the digest of the plan that the pressed button stood for.
    pub plan: Option<String>,
}

impl Asked<'_> {
    /// Whom the answer is for.
    pub fn to(&self) -> &str {
        self.by.login.as_str()
    }

    /// Whether what was shown at that moment (RFC 3339) could be seen by who asks; a moment that cannot be read could not.
    pub fn saw(&self, shown: &str) -> bool {
        could_see(shown, &self.at)
    }

    /// Whether a plan is the one that the button stood for; a comment stands for what was shown, see [`Self::saw`].
    pub fn means(&self, digest: &str) -> bool {
        self.plan.as_deref().is_none_or(|pressed| digest.starts_with(pressed))
    }
}

/// Both moments are known to the second only, one of them rounded up: a second between them says nothing.
fn could_see(shown: &str, asked: &str) -> bool {
    let read = |text: &str| text.parse::<jiff::Timestamp>().ok();
    match (read(shown), read(asked)) {
        (Some(shown), Some(asked)) => shown.as_second() <= asked.as_second().saturating_add(1),
        _ => false,
    }
}

/// What is asked about.
pub enum About {
    Pull(Box<Pull>),
    /// A branch or tag, where a workflow was started by hand.
    Ref(GitRef, Revision),
}

/// What came of a command.
#[derive(Default)]
pub struct Answer {
    pub handled: Handled,
    /// Markdown, for what the pull request's own comment has no room for.
    pub said: Vec<String>,
    /// Why it was not done.
    pub error: Option<Error>,
}

impl Answer {
    /// Nothing but this is told.
    pub fn saying(text: String) -> Self {
        Answer { said: vec![text], ..Answer::default() }
    }

    /// What the stages say by themselves is enough.
    pub fn of(handled: Handled) -> Self {
        Answer { handled, ..Answer::default() }
    }

    /// It was not done.
    pub fn refused(error: Error) -> Self {
        Answer { error: Some(error), ..Answer::default() }
    }

    /// Both, with the first reason why something was not done.
    pub fn and(mut self, other: Answer) -> Self {
        self.handled.stages.extend(other.handled.stages);
        self.handled.notes.extend(other.handled.notes);
        self.handled.errors.extend(other.handled.errors);
        self.said.extend(other.said);
        match (&self.error, other.error) {
            (None, error) => self.error = error,
            (Some(_), Some(error)) => self.handled.errors.push(error),
            (Some(_), None) => {}
        }
        self
    }

    /// Whether everything went as it was asked.
    pub fn is_done(&self) -> bool {
        use CardState::*;
        let bad = |state| matches!(state, PlanFailed | DeployFailed | Refused | RemoveFailed | Cancelled | NeedsTrust);
        let stages_fine = self.handled.stages.iter().all(|s| s.error.is_none() && !bad(s.card.state));
        self.error.is_none() && self.handled.errors.is_empty() && stages_fine
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Class;

    #[test]
    fn what_was_shown_later_was_not_seen() {
        let asked = "2026-11-24T12:00:00Z";
        assert!(could_see("2026-11-24T11:59:59Z", asked));
        assert!(could_see("2026-11-24T12:00:01Z", asked));
        assert!(!could_see("2026-11-24T12:00:02Z", asked));
        assert!(could_see("2026-11-24T13:00:00+02:00", asked));
        assert!(!could_see("soon", asked));
        assert!(!could_see(asked, ""));
    }

    #[test]
    fn the_first_reason_stays_the_reason() {
        let refused = |what: &str| Answer::refused(Error::new(Class::Refused, "test", "deploying", what));
        let whole = Answer::saying("a".into()).and(refused("first")).and(refused("second"));
        assert!(!whole.is_done());
        assert_eq!(whole.error.unwrap().what(), "first");
        assert_eq!(whole.handled.errors.len(), 1);
        assert!(Answer::saying("a".into()).and(Answer::default()).is_done());
    }
}
