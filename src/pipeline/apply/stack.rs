//! One stack's way through an apply: recover, prepare, execute, follow to its end, find the root cause.

mod deletion;
mod recovery;

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Context, Freshness, Wait};
use crate::aws::change_sets::{Kind, Made, NAME_PREFIX, NewChangeSet, Standing, stale};
use crate::aws::events::{Follower, Operation, StackEvent};
use crate::aws::stacks::DeployedStack;
use crate::aws::{IfDenied, Session, recover};
use crate::diff::SetChange;
use crate::error::{Error, Result};
use crate::names::Digest;
use crate::pipeline::progress::Progress;
use crate::plan::outcome::{Ended, Failure, StackOutcome};
use crate::plan::stored::{Recipe, Recovery};
use crate::plan::{Action, StackAction, StackPlan};

/// CloudFormation itself gives up sooner; this only keeps a lost operation from being followed for ever.
const LONGEST: Duration = Duration::from_secs(12 * 3600);

/// Carries out one stack's plan; whatever goes wrong is in the outcome.
pub(super) async fn run(context: Arc<Context>, name: String) -> StackOutcome {
    let begun = Instant::now();
    let Some(stack) = context.planned(&name).cloned() else {
        return failed(&name, StackAction::None, begun, &Error::bug("apply.unknown_stack", "applying", name.clone()));
    };
    context.teller.tell(Progress::StackStarted {
        name: name.clone(),
        action: stack.action,
        resources: stack.changes.len(),
    });
    let recipe = context.stored.recipes.get(&name).cloned().unwrap_or_default();
    let mut job = match Job::open(context, stack, recipe).await {
        Ok(job) => job,
        Err((action, error)) => return failed(&name, action, begun, &error),
    };
    match job.carry_out().await {
        Ok(end) => job.outcome(end, begun).await,
        Err(error) => failed(&name, job.stack.action, begun, &error),
    }
}

/// How following an operation ended.
enum End {
    Status(String),
    /// Nothing had to be done after all.
    Nothing,
    Left,
}

struct Job {
    context: Arc<Context>,
    stack: StackPlan,
    recipe: Recipe,
    session: Session,
    token: String,
    /// The operation that was followed last, for the root cause.
    events: Vec<StackEvent>,
}

impl Job {
    async fn open(
        context: Arc<Context>,
        stack: StackPlan,
        recipe: Recipe,
    ) -> std::result::Result<Job, (StackAction, Error)> {
        let session = super::session_of(&context.aws, &context.stored, &stack).await.map_err(|e| (stack.action, e))?;
        let token = format!("offshoot-{}-{}", context.order.run, &Digest::of(&stack.name).as_str()[..8]);
        Ok(Job { context, stack, recipe, session, token, events: Vec::new() })
    }

    async fn carry_out(&mut self) -> Result<End> {
        let taken_up = if self.context.order.freshness == Freshness::Resumed { self.take_up().await? } else { None };
        if self.stack.action == StackAction::Delete {
            return match taken_up {
                Some(end) => Ok(end),
                None => self.delete().await,
            };
        }
        let end = match taken_up {
            Some(end) => end,
            None => self.change().await?,
        };
        // a new stack gets its protection only once it stands; code that a change set does not touch is put right after it
        let more = self.only_settings() || self.recipe.termination_protection || !self.recipe.settle.is_empty();
        if more && matches!(&end, End::Status(status) if recover::is_success(status)) {
            self.settle().await?;
        }
        Ok(end)
    }

    async fn change(&mut self) -> Result<End> {
        self.context.keeper.home().claim(&self.stack.region, &self.stack.name, &self.context.stored.plan.stage).await?;
        if self.only_settings() {
            return Ok(End::Status("UPDATE_COMPLETE".into()));
        }
        let existing = self.recover().await?;
        let Some(change_set) = self.prepared(existing.as_ref()).await? else { return Ok(End::Nothing) };
        if existing.as_ref().is_some_and(|s| s.termination_protection != self.recipe.termination_protection) {
            self.session.set_termination_protection(&self.stack.name, self.recipe.termination_protection).await?;
        }
        self.execute(&change_set).await?;
        let id = match &self.stack.bound.stack_id {
            Some(id) if existing.is_some() => id.clone(),
            _ => self.stack.name.clone(),
        };
        let token = self.token.clone();
        self.follow(&id, &token, self.context.order.wait).await
    }

    /// After a crash: goes on with an operation of this run that CloudFormation already knows.
    async fn take_up(&mut self) -> Result<Option<End>> {
        let mut known = false;
        // the stack of the plan, and the one that this run may have created in its place
        for id in self.stack.bound.stack_id.iter().chain([&self.stack.name]).cloned().collect::<Vec<_>>() {
            let Some(now) = self.session.describe_stack(&id).await? else { continue };
            known = true;
            let mut follower = Follower::new(&now.id, &self.token);
            follower.look(&self.session).await?;
            if follower.operation() != Operation::NotSeen {
                let token = self.token.clone();
                return self.follow(&now.id, &token, self.context.order.wait).await.map(Some);
            }
        }
        let gone = self.stack.action == StackAction::Delete && !known;
        Ok(gone.then(|| End::Status("DELETE_COMPLETE".into())))
    }

    /// The stack of this name is not the one that the plan was made against.
    fn is_another(&self, now: &DeployedStack) -> bool {
        self.stack.bound.stack_id.as_ref().is_some_and(|planned| *planned != now.id)
    }

    /// The change set to execute: the reviewed one, or one made now for a stack that had to wait. `None`: no change.
    async fn prepared(&self, existing: Option<&DeployedStack>) -> Result<Option<String>> {
        if let Some(id) = &self.stack.change_set {
            let standing = self.session.change_set_standing(&self.stack.name, id).await;
            return match standing? {
                Standing::Available => Ok(Some(id.clone())),
                other => Err(stale(&self.stack.name, &format!("its change set is {other:?}"))),
            };
        }
        let name = format!(
            "{NAME_PREFIX}{}-{}",
            self.context.order.run,
            &self.stack.bound.template.get(..12).unwrap_or("template")
        );
        let kind = if existing.is_some() { Kind::Update } else { Kind::Create };
        let new = NewChangeSet { stack: &self.stack.name, name: &name, kind, recipe: &self.recipe };
        match self.session.make_change_set(&new).await? {
            Made::Ready(set) => match set.changes.iter().find(|c| !self.was_reviewed(c)) {
                None => Ok(Some(set.id)),
                Some(surprise) => {
                    self.session.delete_change_set(&self.stack.name, &set.id).await?;
                    let what = format!(
                        "CloudFormation would now also {} {} ({}), which the plan did not show",
                        doing(surprise),
                        surprise.logical_id,
                        surprise.resource_type
                    );
                    Err(stale(&self.stack.name, &what))
                }
            },
            Made::Empty => Ok(None),
            Made::Refused(reason) => Err(Error::failed(
                "stack.change_set",
                format!("creating a change set for stack {}", self.stack.name),
                reason,
            )
            .next("correct the template, then deploy again")),
        }
    }

    /// A change that destroys something must stand in the plan that was reviewed.
    fn was_reviewed(&self, change: &SetChange) -> bool {
        let destroys = change.action == "Remove" || change.replacement == "True";
        let planned = |c: &crate::plan::Change| {
            c.logical_id == change.logical_id && matches!(c.action, Action::Replace | Action::Remove)
        };
        !destroys || self.stack.changes.iter().any(planned)
    }

    /// There is nothing for a change set: only what CloudFormation does not carry.
    fn only_settings(&self) -> bool {
        let needs_change_set = self.stack.change_set.is_some() || !self.stack.waits_for.is_empty();
        self.stack.changes.is_empty() && !needs_change_set && self.recipe.recovery == Recovery::None
    }

    /// Executes, and is content with having executed before: the answer of the first call may have been lost.
    async fn execute(&self, change_set: &str) -> Result<()> {
        self.context.lock.still_held().await?;
        let Err(error) = self.session.execute_change_set(&self.stack.name, change_set, &self.token).await else {
            return Ok(());
        };
        if error.code() != "plan.stale" {
            return Err(error);
        }
        let mut follower = Follower::new(&self.stack.name, &self.token);
        follower.look(&self.session).await?;
        if follower.operation() == Operation::NotSeen { Err(error) } else { Ok(()) }
    }

    /// What no change set carries: termination protection, and functions that `deploy --fast` had moved past the template.
    async fn settle(&self) -> Result<()> {
        if let Some(now) = self.session.describe_stack(&self.stack.name).await?
            && now.termination_protection != self.recipe.termination_protection
        {
            self.session.set_termination_protection(&self.stack.name, self.recipe.termination_protection).await?;
        }
        self.settle_functions().await
    }

    /// Brings functions back to the template's code, where CloudFormation believes that they never left it.
    async fn settle_functions(&self) -> Result<()> {
        if self.recipe.settle.is_empty() {
            return Ok(());
        }
        // updating a function is not among the deployment role's rights: that is the identity's own, as in a fast deploy
        let own = self.context.aws.session(&self.session.account, &self.session.region, None, IfDenied::Fail).await?;
        let resources = self.session.resources_of(&self.stack.name).await?;
        for code in &self.recipe.settle {
            let Some(found) = resources.iter().find(|r| r.logical_id == code.logical_id) else { continue };
            let object = crate::aws::functions::Code::Object { bucket: &code.bucket, key: &code.key };
            own.update_code(&found.physical_id, object).await?;
        }
        Ok(())
    }

    /// Follows an operation to its end, telling each event once.
    async fn follow(&mut self, stack: &str, token: &str, wait: Wait) -> Result<End> {
        let mut follower = Follower::new(stack, token);
        let begun = Instant::now();
        let mut quiet = 0;
        let leave = self.context.stop.leave.clone();
        loop {
            let fresh = follower.look(&self.session).await?;
            let from = follower.events.len().saturating_sub(fresh);
            for event in follower.events.iter().skip(from) {
                self.tell(event);
            }
            if let Operation::Ended(status) = follower.operation() {
                self.events = follower.events;
                return Ok(End::Status(status));
            }
            if wait == Wait::No || leave.is_cancelled() {
                return Ok(End::Left);
            }
            if begun.elapsed() > LONGEST {
                return Err(Error::transient(
                    "stack.slow",
                    format!("following stack {stack}"),
                    "it has not ended after twelve hours",
                )
                .next("offshoot deploy --resume"));
            }
            quiet = if fresh > 0 { 0 } else { quiet + 1 };
            tokio::select! {
                () = tokio::time::sleep(self.session.pace.pause(quiet)) => {}
                () = leave.cancelled() => {}
            }
        }
    }

    fn tell(&self, event: &StackEvent) {
        self.context.teller.tell(Progress::Resource {
            stack: self.stack.name.clone(),
            logical_id: event.logical_id.clone(),
            resource_type: event.resource_type.clone(),
            status: event.status.clone(),
            reason: event.reason.clone(),
        });
    }

    async fn outcome(&self, end: End, begun: Instant) -> StackOutcome {
        let mut outcome = super::at_rest(&self.stack, Ended::Done, None);
        outcome.seconds = begun.elapsed().as_secs_f64();
        match end {
            End::Nothing => outcome.ended = Ended::Unchanged,
            End::Left => outcome.ended = Ended::Running,
            End::Status(status) => {
                outcome.status = status.clone();
                let good = if self.stack.action == StackAction::Delete {
                    status == "DELETE_COMPLETE"
                } else {
                    recover::is_success(&status)
                };
                let settled = self.only_settings();
                if !good && !settled {
                    outcome.ended = Ended::Failed;
                    outcome.failure = Some(self.failure(&status).await);
                } else if self.stack.action != StackAction::Delete {
                    // outputs are a service to the reader: their absence does not make a deployed stack a failure
                    let now = self.session.describe_stack(&self.stack.name).await.ok().flatten();
                    outcome.outputs = now.map(|s| s.outputs).unwrap_or_default();
                }
            }
        }
        outcome
    }

    async fn failure(&self, status: &str) -> Failure {
        let cause = self.session.root_cause(&self.events).await.ok().flatten();
        let mut failure =
            cause.unwrap_or_else(|| Failure { reason: format!("the stack ended as {status}"), ..Failure::default() });
        let change = self.stack.changes.iter().find(|c| c.logical_id == failure.logical_id);
        if let Some(change) = change {
            failure.path = change.path.clone();
        }
        (failure.left, failure.next) = recover::aftermath(status, &self.context.stored.plan.stage);
        if status == "DELETE_FAILED" {
            self.explain_full_buckets(&mut failure).await;
        }
        failure
    }
}

fn doing(change: &SetChange) -> &'static str {
    if change.action == "Remove" { "remove" } else { "replace" }
}

/// An outcome for an error of a call, not of a resource.
fn failed(name: &str, action: StackAction, begun: Instant, error: &Error) -> StackOutcome {
    StackOutcome {
        name: name.to_owned(),
        action,
        ended: Ended::Failed,
        status: String::new(),
        seconds: begun.elapsed().as_secs_f64(),
        outputs: Default::default(),
        failure: Some(Failure {
            reason: error.to_string(),
            left: "as it was".to_owned(),
            next: error.next_step().unwrap_or("fix the cause, then deploy again").to_owned(),
            ..Failure::default()
        }),
        because: None,
    }
}
