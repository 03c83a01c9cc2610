//! Deletes one stack: a shell that was only planned, a stack, and one whose full buckets stand in the way.

use std::time::{Duration, Instant};

use super::{End, Job};
use crate::aws::buckets::FullBucket;
use crate::aws::change_sets::stale;
use crate::aws::{IfDenied, Session};
use crate::error::{Error, Result};
use crate::pipeline::progress::Progress;
use crate::plan::outcome::Failure;
use crate::plan::stored::Deletion;

/// Something may write into a bucket while it is emptied: logs, for example.
const ATTEMPTS: usize = 3;
/// Millions of objects take their time; what is left then is left to the next removal.
const LONGEST: Duration = Duration::from_secs(3600);

impl Job {
    pub(super) async fn delete(&mut self) -> Result<End> {
        let Some(now) = self.session.describe_stack(&self.stack.name).await? else { return Ok(End::Nothing) };
        if self.is_another(&now) {
            return Err(stale(&now.name, "the stack was deleted and created anew after the plan was made"));
        }
        if self.recipe.deletion == Deletion::OnlyShell && now.status != "REVIEW_IN_PROGRESS" {
            return Err(stale(&now.name, "it was only planned before, and now it is deployed"));
        }
        // CloudFormation takes the list only where a deletion has failed before, and only resources that it knows
        let retain = if now.status == "DELETE_FAILED" { self.retained(&now.id).await? } else { Vec::new() };
        let mut end = self.delete_once(&now.id, &self.token.clone(), &retain).await?;
        for attempt in 1..ATTEMPTS {
            if self.recipe.deletion != Deletion::EmptyBuckets || !is_failed(&end) {
                break;
            }
            let full = self.session.full_buckets(&now.id).await?;
            if full.is_empty() {
                break;
            }
            for bucket in &full {
                self.empty(bucket).await?;
            }
            // an operation of its own: under the old token CloudFormation takes it for the one that failed
            let token = format!("{}-{attempt}", self.token);
            end = self.delete_once(&now.id, &token, &self.retained(&now.id).await?).await?;
        }
        Ok(end)
    }

    async fn delete_once(&mut self, stack: &str, token: &str, retain: &[String]) -> Result<End> {
        self.context.lock.still_held().await?;
        self.session.delete_stack(stack, self.recipe.execution_role.as_deref(), token, retain).await?;
        self.follow(stack, token, self.context.order.wait).await
    }

    async fn retained(&self, stack: &str) -> Result<Vec<String>> {
        if self.recipe.retain.is_empty() {
            return Ok(Vec::new());
        }
        let known = self.session.resources_of(stack).await?;
        Ok(known.into_iter().map(|r| r.logical_id).filter(|id| self.recipe.retain.contains(id)).collect())
    }

    /// Deletes every version of everything in a bucket, as long as the stage is ours and nobody asks to stop.
    async fn empty(&self, bucket: &FullBucket) -> Result<()> {
        self.context.teller.tell(Progress::Step(format!("emptying bucket {} of {}", bucket.name, self.stack.name)));
        let session = self.session_for_buckets().await?;
        let begun = Instant::now();
        let doing = || format!("emptying bucket {}", bucket.name);
        while begun.elapsed() < LONGEST {
            self.context.lock.still_held().await?;
            if self.context.stop.begin_nothing.is_cancelled() {
                return Err(Error::failed("run.left", doing(), "the run was stopped before it was empty")
                    .next("remove the stage again: it goes on where this one stopped"));
            }
            if session.empty_some(&bucket.name).await? == 0 {
                return Ok(());
            }
        }
        Err(Error::transient("bucket.slow", doing(), "an hour was not enough")
            .next("remove the stage again: it goes on where this one stopped"))
    }

    /// What lies in an app's buckets is not among the deployment role's rights: that is the identity's own, where it
    /// belongs to the account.
    async fn session_for_buckets(&self) -> Result<Session> {
        let own = self.context.aws.session(&self.session.account, &self.session.region, None, IfDenied::Fail).await;
        match own {
            Err(error) if error.code() == "aws.wrong_account" => Ok(self.session.clone()),
            other => other,
        }
    }

    /// What to do next about a deletion that full buckets keep from ending well.
    pub(super) async fn explain_full_buckets(&self, failure: &mut Failure) {
        let id = self.stack.bound.stack_id.as_deref().unwrap_or(&self.stack.name);
        // the failure is told all the same
        let Ok(full) = self.session.full_buckets(id).await else { return };
        if full.is_empty() {
            return;
        }
        let names: Vec<&str> = full.iter().map(|b| b.name.as_str()).collect();
        let ids: Option<Vec<String>> =
            full.iter().map(|b| b.logical_id.as_ref().map(|id| format!("--retain {id}"))).collect();
        let or = ids.map(|ids| format!(". `{}` leaves it behind instead", ids.join(" "))).unwrap_or_default();
        let stage = &self.context.stored.plan.stage;
        let it = if full.len() == 1 { "bucket" } else { "buckets" };
        failure.next = match self.recipe.deletion {
            Deletion::EmptyBuckets => format!(
                "something goes on writing to {it} {}: stop it, then `offshoot remove --stage {stage}` again",
                names.join(", ")
            ),
            _ => format!(
                "empty {it} {} yourself, or write `removal: destroy` into the stage's rule, which lets a removal empty it; then `offshoot remove --stage {stage}` again{or}",
                names.join(", "),
            ),
        };
    }
}

fn is_failed(end: &End) -> bool {
    matches!(end, End::Status(status) if status == "DELETE_FAILED")
}
