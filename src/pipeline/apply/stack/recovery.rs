//! Brings a stack in a failed state to where it takes a change set, or says what only a person can decide.

use super::{End, Job};
use crate::aws::change_sets::stale;
use crate::aws::stacks::DeployedStack;
use crate::diff::holds_data;
use crate::error::{Error, Result};
use crate::pipeline::apply::Wait;
use crate::plan::stored::Recovery;

impl Job {
    /// Brings a stack in a failed state to where it takes a change set; gives the stack that then exists.
    pub(super) async fn recover(&mut self) -> Result<Option<DeployedStack>> {
        let now = self.session.describe_stack(&self.stack.name).await?.filter(|s| s.status != "REVIEW_IN_PROGRESS");
        let Some(now) = now else { return Ok(None) };
        let role = self.recipe.execution_role.clone();
        let token = format!("{}-recover", self.token);
        let wanted = match self.recipe.recovery {
            Recovery::None => return Ok(Some(now)),
            // what stands there now may be healthy: only the stack that was looked at may go
            Recovery::DeleteFirst if self.is_another(&now) => {
                return Err(stale(&now.name, "the stack was created anew after the plan was made"));
            }
            Recovery::DeleteFirst => return self.delete_first(&now).await,
            Recovery::ContinueRollback if now.status == "UPDATE_ROLLBACK_FAILED" => {
                let skip = &self.context.order.recover.skip;
                self.session.continue_rollback(&now.name, role.as_deref(), &token, skip).await?;
                "UPDATE_ROLLBACK_COMPLETE"
            }
            Recovery::RollBack if matches!(now.status.as_str(), "CREATE_FAILED" | "UPDATE_FAILED") => {
                self.session.roll_back(&now.name, role.as_deref(), &token).await?;
                if now.status == "CREATE_FAILED" { "ROLLBACK_COMPLETE" } else { "UPDATE_ROLLBACK_COMPLETE" }
            }
            // a killed run had begun it
            Recovery::ContinueRollback if now.status.ends_with("_IN_PROGRESS") => "UPDATE_ROLLBACK_COMPLETE",
            Recovery::RollBack if now.status == "ROLLBACK_IN_PROGRESS" => "ROLLBACK_COMPLETE",
            Recovery::RollBack if now.status.ends_with("_IN_PROGRESS") => "UPDATE_ROLLBACK_COMPLETE",
            Recovery::ContinueRollback | Recovery::RollBack => return Ok(Some(now)),
        };
        match self.follow(&now.id, &token, Wait::ForEnd).await? {
            End::Status(status) if status == "ROLLBACK_COMPLETE" && status == wanted => self.delete_first(&now).await,
            End::Status(status) if status == wanted => self.session.describe_stack(&now.id).await,
            End::Status(status) => {
                let cause = self.session.root_cause(&self.events).await?.unwrap_or_default();
                let what = format!("it ended as {status}: {} {}", cause.path, cause.reason);
                Err(Error::failed("stack.recovery", format!("recovering stack {}", now.name), what).next(format!(
                    "fix the cause and deploy again, or leave the resource out: offshoot deploy --recover skip={}",
                    cause.logical_id
                )))
            }
            End::Nothing | End::Left => Err(Error::failed(
                "run.left",
                format!("recovering stack {}", now.name),
                "the run was left while it went on",
            )
            .next("offshoot deploy --resume")),
        }
    }

    /// Deletes a stack whose creation was rolled back, unless something that holds data is left in it.
    async fn delete_first(&mut self, now: &DeployedStack) -> Result<Option<DeployedStack>> {
        let left = self.session.resources_of(&now.id).await?;
        let data = left.iter().find(|r| r.status != "DELETE_COMPLETE" && holds_data(&r.resource_type));
        if let Some(kept) = data.filter(|_| !self.context.order.recover.delete_data) {
            let what = format!(
                "its creation failed, but {} ({}) is still in it and holds data",
                kept.logical_id, kept.resource_type
            );
            return Err(Error::refused("stack.holds_data", format!("recovering stack {}", now.name), what)
                .next("look at it; if the data may go: offshoot deploy --recover delete"));
        }
        let token = format!("{}-delete", self.token);
        self.context.lock.still_held().await?;
        self.session.delete_stack(&now.id, self.recipe.execution_role.as_deref(), &token, &[]).await?;
        match self.follow(&now.id, &token, Wait::ForEnd).await? {
            End::Status(status) if status == "DELETE_COMPLETE" => Ok(None),
            End::Status(status) => Err(Error::failed(
                "stack.recovery",
                format!("deleting the failed stack {}", now.name),
                format!("it ended as {status}"),
            )
            .next("delete it in the CloudFormation console, then deploy again")),
            End::Nothing | End::Left => Err(Error::failed(
                "run.left",
                format!("deleting the failed stack {}", now.name),
                "the run was left while it went on",
            )
            .next("offshoot deploy --resume")),
        }
    }
}
