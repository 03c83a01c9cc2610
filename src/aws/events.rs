//! What happens in a stack while an operation runs: its events, how it ended, and the first resource that failed.

use std::collections::HashSet;

use aws_sdk_cloudformation::types;

use super::{Session, errors};
use crate::error::Result;
use crate::plan::outcome::Failure;

/// One event of a stack, oldest first wherever a list of them is given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StackEvent {
    pub id: String,
    /// Milliseconds since 1970.
    pub at_ms: i64,
    pub logical_id: String,
    pub physical_id: String,
    pub resource_type: String,
    pub status: String,
    pub reason: String,
    pub token: String,
    pub is_stack: bool,
}

/// How far an operation has come.
#[derive(Clone, Debug, PartialEq)]
pub enum Operation {
    /// No event carries the token.
    NotSeen,
    Running,
    /// The stack's last status under this operation.
    Ended(String),
}

const STACK: &str = "AWS::CloudFormation::Stack";
/// Pages (of 100 events) that are read at most for one look.
const MAX_PAGES: usize = 60;

/// Follows one operation of one stack, told apart by its token.
pub struct Follower {
    stack_id: String,
    token: String,
    seen: HashSet<String>,
    pub events: Vec<StackEvent>,
}

impl Follower {
    pub fn new(stack_id: impl Into<String>, token: impl Into<String>) -> Self {
        Follower { stack_id: stack_id.into(), token: token.into(), seen: HashSet::new(), events: Vec::new() }
    }

    /// Reads what is new; returns the number of new events, which stand at the end of `events`.
    pub async fn look(&mut self, session: &Session) -> Result<usize> {
        let mut fresh = Vec::new();
        let mut next = None;
        'pages: for page_number in 0..MAX_PAGES {
            let (page, more) = session.event_page(&self.stack_id, next).await?;
            for event in page {
                if self.seen.contains(&event.id) {
                    break 'pages;
                }
                let ours = event.token == self.token;
                // an older operation begins where another token stands
                if !ours && !event.token.is_empty() && (!fresh.is_empty() || !self.events.is_empty()) {
                    break 'pages;
                }
                if ours {
                    fresh.push(event);
                }
            }
            if more.is_none() || (fresh.is_empty() && self.events.is_empty() && page_number >= 1) {
                break;
            }
            next = more;
        }
        fresh.reverse();
        let count = fresh.len();
        self.seen.extend(fresh.iter().map(|e| e.id.clone()));
        self.events.extend(fresh);
        Ok(count)
    }

    /// Where the operation stands by the events read so far.
    pub fn operation(&self) -> Operation {
        let Some(last) = self.events.iter().rev().find(|e| e.is_stack) else {
            return if self.events.is_empty() { Operation::NotSeen } else { Operation::Running };
        };
        if last.status.ends_with("_IN_PROGRESS") { Operation::Running } else { Operation::Ended(last.status.clone()) }
    }
}

impl Session {
    async fn event_page(&self, stack: &str, next: Option<String>) -> Result<(Vec<StackEvent>, Option<String>)> {
        self.budget.take().await;
        let page = self
            .cloudformation
            .describe_stack_events()
            .stack_name(stack)
            .set_next_token(next)
            .send()
            .await
            .map_err(|e| errors::from_sdk(format!("reading the events of stack {stack}"), e))?;
        let more = page.next_token().map(str::to_owned);
        Ok((page.stack_events().iter().map(|e| stack_event(e, stack)).collect(), more))
    }

    /// The events of a nested stack's last creation or update (or of its last deletion, where that is what failed),
    /// oldest first; its token is not ours. A stack that failed to be created is deleted by its parent's rollback.
    async fn last_operation(&self, stack: &str, failed: &str) -> Result<Vec<StackEvent>> {
        let beginnings: &[&str] = if failed == "DELETE_FAILED" {
            &["DELETE_IN_PROGRESS"]
        } else {
            &["CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS"]
        };
        let mut events = Vec::new();
        let mut next = None;
        for _ in 0..MAX_PAGES {
            let (page, more) = self.event_page(stack, next).await?;
            for event in page {
                let begins = event.is_stack && beginnings.contains(&event.status.as_str());
                events.push(event);
                if begins {
                    events.reverse();
                    return Ok(events);
                }
            }
            if more.is_none() {
                break;
            }
            next = more;
        }
        events.reverse();
        Ok(events)
    }

    /// The first failure among `events`, followed into nested stacks. `None` when nothing failed.
    pub async fn root_cause(&self, events: &[StackEvent]) -> Result<Option<Failure>> {
        let mut events = events.to_vec();
        let mut above: Vec<String> = Vec::new();
        // nested stacks go at most this deep in practice; the bound only keeps a loop from running away
        for _ in 0..8 {
            let Some(first) = first_failure(&events) else { return Ok(None) };
            let nested = first.resource_type == STACK && !first.is_stack && !first.physical_id.is_empty();
            let mut failure = Failure {
                logical_id: first.logical_id.clone(),
                resource_type: first.resource_type.clone(),
                path: above.iter().map(String::as_str).chain([first.logical_id.as_str()]).collect::<Vec<_>>().join("/"),
                reason: first.reason.clone(),
                ..Failure::default()
            };
            if first.is_stack {
                failure.resource_type = STACK.to_owned();
            }
            if !nested {
                return Ok(Some(failure));
            }
            above.push(first.logical_id.clone());
            let inner = self.last_operation(&first.physical_id, &first.status).await?;
            if first_failure(&inner).is_none() {
                return Ok(Some(failure));
            }
            events = inner;
        }
        Ok(None)
    }
}

/// The earliest resource that failed by itself, else what the stack says of itself.
fn first_failure(events: &[StackEvent]) -> Option<&StackEvent> {
    let failed = |e: &&StackEvent| e.status.ends_with("_FAILED") && !is_aftermath(&e.reason);
    events.iter().filter(failed).find(|e| !e.is_stack).or_else(|| {
        events.iter().find(|e| {
            e.is_stack && (e.status.ends_with("_FAILED") || e.status.contains("ROLLBACK")) && !e.reason.is_empty()
        })
    })
}

/// Reasons of resources that were only stopped because another one failed.
fn is_aftermath(reason: &str) -> bool {
    let reason = reason.to_ascii_lowercase();
    ["resource creation cancelled", "resource update cancelled", "resource deletion cancelled"]
        .iter()
        .any(|t| reason.contains(t))
}

fn stack_event(event: &types::StackEvent, asked: &str) -> StackEvent {
    let physical_id = event.physical_resource_id().unwrap_or_default().to_owned();
    let resource_type = event.resource_type().unwrap_or_default().to_owned();
    let is_stack = resource_type == STACK
        && (event.stack_id() == Some(physical_id.as_str())
            || event.stack_name() == event.logical_resource_id()
            || physical_id == asked);
    StackEvent {
        id: event.event_id().unwrap_or_default().to_owned(),
        at_ms: event.timestamp().and_then(|t| t.to_millis().ok()).unwrap_or(0),
        logical_id: event.logical_resource_id().unwrap_or_default().to_owned(),
        physical_id,
        resource_type,
        status: event.resource_status().map(|s| s.as_str().to_owned()).unwrap_or_default(),
        reason: event.resource_status_reason().unwrap_or_default().to_owned(),
        token: event.client_request_token().unwrap_or_default().to_owned(),
        is_stack,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(logical_id: &str, status: &str, reason: &str) -> StackEvent {
        StackEvent {
            logical_id: logical_id.into(),
            status: status.into(),
            reason: reason.into(),
            is_stack: logical_id == "Stack",
            ..StackEvent::default()
        }
    }

    #[test]
    fn the_root_cause_is_the_first_that_failed_by_itself() {
        let events = [
            event("Stack", "UPDATE_IN_PROGRESS", "User Initiated"),
            event("A", "CREATE_FAILED", "Resource creation cancelled"),
            event("B", "CREATE_FAILED", "already exists"),
            event("C", "UPDATE_FAILED", "Resource update cancelled"),
            event("Stack", "UPDATE_ROLLBACK_IN_PROGRESS", "The following resource(s) failed: [B]"),
        ];
        assert_eq!(first_failure(&events).unwrap().logical_id, "B");
        assert_eq!(first_failure(&events[4..]).unwrap().logical_id, "Stack");
        assert!(first_failure(&events[..1]).is_none());
    }
}
