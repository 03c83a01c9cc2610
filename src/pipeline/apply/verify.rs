//! Before a stored plan is applied: does everything it is bound to still stand as it did?

use futures_util::future::try_join_all;

use super::Desk;
use crate::aws::change_sets::{Standing, stale};
use crate::error::Result;
use crate::plan::stored::StoredPlan;
use crate::plan::{StackAction, StackPlan};

/// Errors (`plan.stale`) with what moved, before anything is begun.
pub(super) async fn verify(stored: &StoredPlan, desk: &Desk) -> Result<()> {
    let checks = stored.plan.stacks.iter().filter(|s| s.action != StackAction::None).map(|s| one(stored, s, desk));
    try_join_all(checks).await.map(|_| ())
}

async fn one(stored: &StoredPlan, stack: &StackPlan, desk: &Desk) -> Result<()> {
    let session = super::session_of(&desk.aws, stored, stack).await?;
    let now = session.describe_stack(&stack.name).await?;
    let now = now.filter(|s| s.status != "REVIEW_IN_PROGRESS");
    match (&stack.bound.stack_id, &now) {
        (None, Some(_)) => return Err(stale(&stack.name, "the stack was created after the plan was made")),
        (Some(_), None) => return Err(stale(&stack.name, "the stack was deleted after the plan was made")),
        (Some(id), Some(now)) if id != &now.id => {
            return Err(stale(&stack.name, "the stack was deleted and created anew after the plan was made"));
        }
        (Some(_), Some(now)) if stack.bound.last_updated.as_deref() != Some(now.last_updated.as_str()) => {
            let then = stack.bound.last_updated.as_deref().unwrap_or("an unknown time");
            return Err(stale(
                &stack.name,
                &format!(
                    "the stack was updated at {}; the plan was made against its update of {then}",
                    now.last_updated
                ),
            ));
        }
        _ => {}
    }
    let Some(change_set) = &stack.change_set else { return Ok(()) };
    match session.change_set_standing(&stack.name, change_set).await? {
        Standing::Available => Ok(()),
        Standing::Obsolete => Err(stale(
            &stack.name,
            "CloudFormation calls its change set obsolete: the stack was changed after the plan",
        )),
        Standing::Executed => Err(stale(&stack.name, "its change set was executed already")),
        Standing::Gone => Err(stale(&stack.name, "its change set is gone")),
        Standing::Other(status) => Err(stale(&stack.name, &format!("its change set cannot be executed: {status}"))),
    }
}
