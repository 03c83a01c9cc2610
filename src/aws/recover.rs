//! What a stack's status means for the next deploy: go on, recover first, wait, or ask a person.

use super::stacks::DeployedStack;
use crate::error::{Error, Result};
use crate::plan::stored::Recovery;

/// What a plan can do with a stack as it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// There is nothing to update: a change set of type CREATE.
    Absent,
    Updatable,
    /// It must be recovered before it takes a change set; the recovery is part of the apply.
    After(Recovery),
}

/// By CloudFormation's status. Errors: the stack is busy, or only a person can decide.
pub fn readiness(stack: Option<&DeployedStack>) -> Result<Readiness> {
    let Some(stack) = stack else { return Ok(Readiness::Absent) };
    let doing = format!("looking at stack {}", stack.name);
    match stack.status.as_str() {
        "REVIEW_IN_PROGRESS" | "DELETE_COMPLETE" => Ok(Readiness::Absent),
        "ROLLBACK_COMPLETE" | "ROLLBACK_FAILED" => Ok(Readiness::After(Recovery::DeleteFirst)),
        "CREATE_FAILED" | "UPDATE_FAILED" => Ok(Readiness::After(Recovery::RollBack)),
        "UPDATE_ROLLBACK_FAILED" => Ok(Readiness::After(Recovery::ContinueRollback)),
        "DELETE_FAILED" => Err(Error::failed("stack.delete_failed", doing, format!("it is DELETE_FAILED: {}", stack.status_reason))
            .next("finish its deletion first, in the CloudFormation console, or with the whole stage: offshoot remove --retain <LogicalId>")),
        status if status.ends_with("_IN_PROGRESS") => {
            Err(Error::refused("stack.busy", doing, format!("it is {status}")).next("another operation runs; wait for it to end, then try again"))
        }
        _ => Ok(Readiness::Updatable),
    }
}

/// The words for a plan's `why`.
pub fn recovery_words(recovery: Recovery, status: &str) -> Option<&'static str> {
    match (recovery, status) {
        (Recovery::None, _) => None,
        (Recovery::DeleteFirst, _) => {
            Some("its creation failed and was rolled back, so the empty stack is deleted first")
        }
        (Recovery::ContinueRollback, _) => Some("its last rollback failed and is continued first"),
        (Recovery::RollBack, "CREATE_FAILED") => Some("its creation was left failed and is rolled back first"),
        (Recovery::RollBack, _) => Some("its last update was left failed and is rolled back first"),
    }
}

/// The stack ended well.
pub fn is_success(status: &str) -> bool {
    matches!(status, "CREATE_COMPLETE" | "UPDATE_COMPLETE" | "IMPORT_COMPLETE" | "DELETE_COMPLETE")
}

/// What state a failed operation left, and what to do next. `stage` is for the command to type.
pub fn aftermath(status: &str, stage: &str) -> (String, String) {
    let (left, next) = match status {
        "UPDATE_ROLLBACK_COMPLETE" => ("rolled back: it runs what it ran before", "fix the cause, then deploy again"),
        "ROLLBACK_COMPLETE" => (
            "its creation was rolled back: nothing runs",
            "fix the cause, then deploy again; the empty stack is deleted and created anew",
        ),
        "ROLLBACK_FAILED" => (
            "its creation failed and so did the rollback: some resources may be left",
            "fix the cause, then deploy again; what is left of the stack is deleted and it is created anew",
        ),
        "UPDATE_ROLLBACK_FAILED" => (
            "the rollback failed too: it is between two versions",
            "fix the cause, then deploy again: the rollback is continued first; `--recover skip=<LogicalId>` leaves a resource out",
        ),
        "CREATE_FAILED" | "UPDATE_FAILED" => {
            ("left failed, not rolled back", "fix the cause, then deploy again; it is rolled back first")
        }
        "DELETE_FAILED" => ("some resources could not be deleted", ""),
        _ => ("", "look at the stack's events, then deploy again"),
    };
    if status == "DELETE_FAILED" {
        return (
            left.to_owned(),
            format!(
                "fix the cause, then `offshoot remove --stage {stage}` again; `--retain <LogicalId>` keeps what cannot be deleted"
            ),
        );
    }
    (left.to_owned(), next.to_owned())
}
