//! Keeps the stage's state true while stacks end one after another.

use tokio::sync::Mutex;

use super::Marks;
use crate::aws::Session;
use crate::aws::home::{ETag, Home};
use crate::error::Result;
use crate::plan::outcome::{Ended, StackOutcome};
use crate::plan::state::{Approval, DeployedStack, Past, RunMark, StageState};
use crate::plan::stored::StoredPlan;
use crate::plan::{Plan, StackAction, StackPlan, VERSION};

/// The state object, written under its tag after each stack.
pub struct Keeper {
    home: Home,
    inner: Mutex<(StageState, Option<ETag>)>,
}

impl Keeper {
    pub fn new(plan: &Plan, home: Home, found: Option<(StageState, ETag)>) -> Self {
        Keeper::of(&plan.repository, &plan.app, &plan.stage, home, found)
    }

    /// For a stage by its names.
    pub fn of(repository: &str, app: &str, stage: &str, home: Home, found: Option<(StageState, ETag)>) -> Self {
        let (state, tag) = match found {
            Some((state, tag)) => (state, Some(tag)),
            None => (fresh(repository, app, stage), None),
        };
        Keeper { home, inner: Mutex::new((state, tag)) }
    }

    pub fn home(&self) -> &Home {
        &self.home
    }

    /// Marks the run as begun, so that a killed one is found again.
    pub async fn begin(&self, mark: RunMark, approval: Option<Approval>, marks: &Marks) -> Result<()> {
        self.change(|state| {
            state.run = Some(mark);
            // neither what was there nor what will be there: until the end nobody can say what it is made from
            state.content = None;
            // a preview whose creation fails must expire too
            put_marks(state, marks);
            if approval.is_some() {
                state.approved = approval;
            }
        })
        .await
    }

    /// Remembers one stack's end. Only what ended well changes what is known as deployed.
    pub async fn stack_ended(&self, stored: &StoredPlan, outcome: &StackOutcome) -> Result<()> {
        let Some(planned) = stored.plan.stacks.iter().find(|s| s.name == outcome.name) else { return Ok(()) };
        let gone = outcome.action == StackAction::Delete && outcome.ended == Ended::Unchanged;
        if outcome.ended != Ended::Done && !gone {
            return self.remember_begun(stored, planned, outcome).await;
        }
        if outcome.action == StackAction::Delete {
            self.home.release(&planned.region, &planned.name).await?;
            return self
                .change(|state| {
                    state.content = None;
                    state.stacks.remove(&outcome.name);
                })
                .await;
        }
        let recipe = stored.recipes.get(&outcome.name);
        let deployed = DeployedStack {
            account: planned.account.clone(),
            region: planned.region.clone(),
            template: planned.bound.template.clone(),
            settings: planned.bound.settings.clone(),
            fast: Default::default(),
            deploy_role: recipe.and_then(|r| r.deploy_role.as_ref()).map(|r| r.arn.clone()),
            execution_role: recipe.and_then(|r| r.execution_role.clone()),
            depends_on: planned.depends_on.clone(),
        };
        self.change(|state| drop(state.stacks.insert(outcome.name.clone(), deployed))).await
    }

    /// A stack that was begun and did not end well is the stage's all the same: a removal must find it.
    async fn remember_begun(&self, stored: &StoredPlan, planned: &StackPlan, outcome: &StackOutcome) -> Result<()> {
        let begun = matches!(outcome.ended, Ended::Failed | Ended::Running) && !outcome.status.is_empty();
        if !begun || outcome.action != StackAction::Create {
            return Ok(());
        }
        let recipe = stored.recipes.get(&outcome.name);
        let known = DeployedStack {
            account: planned.account.clone(),
            region: planned.region.clone(),
            deploy_role: recipe.and_then(|r| r.deploy_role.as_ref()).map(|r| r.arn.clone()),
            execution_role: recipe.and_then(|r| r.execution_role.clone()),
            depends_on: planned.depends_on.clone(),
            ..DeployedStack::default()
        };
        self.change(|state| {
            state.stacks.entry(outcome.name.clone()).or_insert(known);
        })
        .await
    }

    /// Forgets stacks that the stage had and that neither the app nor CloudFormation knows any more. `plan` must have
    /// been made from the state as it is now: it names every stack that is still there.
    pub async fn forget_gone(&self, plan: &Plan) -> Result<()> {
        let known = self.inner.lock().await.0.stacks.clone();
        let gone = known.iter().filter(|(name, _)| !plan.stacks.iter().any(|s| s.name == **name));
        for (name, stack) in gone {
            self.home.release(&stack.region, name).await?;
            self.change(|state| drop(state.stacks.remove(name))).await?;
        }
        Ok(())
    }

    /// Ends the run: the revision counts as deployed when every stack is as planned.
    pub async fn end(&self, stored: &StoredPlan, outcomes: &[StackOutcome], marks: &Marks) -> Result<()> {
        let plan = &stored.plan;
        let removal = plan.stacks.iter().all(|s| s.action == StackAction::Delete);
        let running = outcomes.iter().any(|o| o.ended == Ended::Running);
        let whole = outcomes
            .iter()
            .all(|o| matches!(o.ended, Ended::Done | Ended::Unchanged) || o.action == StackAction::Delete);
        let settled = whole && !outcomes.iter().any(|o| o.ended == Ended::Failed);
        let known = self.inner.lock().await.0.stacks.clone();
        for stack in plan.stacks.iter().filter(|s| s.action == StackAction::None && !known.contains_key(&s.name)) {
            self.home.claim(&stack.region, &stack.name, &plan.stage).await?;
        }
        self.change(|state| {
            if !running {
                state.run = None;
            }
            if whole && !removal {
                state.revision = Some(plan.revision.clone());
                state.dirty = plan.dirty;
                put_marks(state, marks);
                state.content = stored.content.clone().filter(|_| settled && !plan.dirty);
                remember(state, plan);
            }
            for stack in &plan.stacks {
                if stack.action == StackAction::None && !state.stacks.contains_key(&stack.name) {
                    state.stacks.insert(stack.name.clone(), adopted(stack));
                }
            }
        })
        .await?;
        // only now: a run that is killed before its mark is gone is resumed by its plan
        if plan.has_changes() && !running {
            self.home.drop_plans(&plan.stage).await?;
            self.home.drop_approvals(&plan.stage, Some(&plan.digest)).await?;
        }
        Ok(())
    }

    /// Remembers functions that get new code without CloudFormation, by the hash of the code.
    pub async fn fast(&self, stack: &str, session: &Session, functions: &[(String, String)]) -> Result<()> {
        let place = (session.account.to_string(), session.region.to_string());
        let (is_ours, stage) = {
            let inner = self.inner.lock().await;
            (inner.0.stacks.contains_key(stack), inner.0.stage.clone())
        };
        if !is_ours {
            // another stage's stack is not ours to update, nor to remove later because we once did
            self.home.claim(&place.1, stack, &stage).await?;
        }
        self.change(|state| {
            // what runs is not what its template says any more: the next plan has to look
            state.content = None;
            let stack = state.stacks.entry(stack.to_owned()).or_default();
            (stack.account, stack.region) = place;
            stack.fast.extend(functions.iter().cloned());
        })
        .await
    }

    async fn change(&self, change: impl FnOnce(&mut StageState)) -> Result<()> {
        let mut inner = self.inner.lock().await;
        let before = inner.0.clone();
        change(&mut inner.0);
        if inner.0 == before {
            return Ok(());
        }
        inner.0.updated = crate::pipeline::now();
        let tag = self.home.put_state(&inner.0, inner.1.as_ref()).await?;
        inner.1 = Some(tag);
        Ok(())
    }
}

/// The time to live moves on with each deploy and never back: somebody may have extended it further.
fn put_marks(state: &mut StageState, marks: &Marks) {
    if marks.pull.is_some() {
        state.pull = marks.pull;
    }
    if marks.made_from.is_some() {
        state.made_from.clone_from(&marks.made_from);
    }
    let moment = |text: &Option<String>| text.as_ref().and_then(|t| t.parse::<jiff::Timestamp>().ok());
    if moment(&marks.expires) > moment(&state.expires) {
        state.expires.clone_from(&marks.expires);
    }
}

/// A commit that changed nothing in AWS is nothing to go back to; uncommitted files cannot be had again.
fn remember(state: &mut StageState, plan: &Plan) {
    if !plan.dirty && (plan.has_changes() || state.history.is_empty()) {
        let (revision, digest) = (plan.revision.clone(), plan.digest.clone());
        state.remember(Past { revision, at: crate::pipeline::now(), digest });
    }
}

/// A stack that was already as it should be (deployed by the `cdk` CLI, say) belongs to the stage from now on.
fn adopted(stack: &crate::plan::StackPlan) -> DeployedStack {
    DeployedStack {
        account: stack.account.clone(),
        region: stack.region.clone(),
        template: stack.bound.template.clone(),
        settings: stack.bound.settings.clone(),
        depends_on: stack.depends_on.clone(),
        ..DeployedStack::default()
    }
}

fn fresh(repository: &str, app: &str, stage: &str) -> StageState {
    StageState {
        version: VERSION,
        repository: repository.to_owned(),
        app: app.to_owned(),
        stage: stage.to_owned(),
        ..StageState::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(expires: Option<&str>) -> StageState {
        StageState { expires: expires.map(str::to_owned), ..StageState::default() }
    }

    #[test]
    fn a_deploy_moves_the_time_to_live_on_and_never_back() {
        let (early, late) = ("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z");
        let cases = [
            (None, Some(early), Some(early)),
            (Some(early), Some(late), Some(late)),
            (Some(late), Some(early), Some(late)),
            (Some(early), None, Some(early)),
            (Some("someday"), Some(early), Some(early)),
            (None, None, None),
        ];
        for (before, marked, after) in cases {
            let mut state = at(before);
            put_marks(&mut state, &Marks { expires: marked.map(str::to_owned), ..Marks::default() });
            assert_eq!(state.expires.as_deref(), after, "{before:?} {marked:?}");
        }
    }

    #[test]
    fn what_a_command_line_does_not_know_of_a_preview_stays() {
        let mut state = at(None);
        put_marks(&mut state, &Marks { pull: Some(7), made_from: Some("branch x".into()), expires: None });
        put_marks(&mut state, &Marks::default());
        assert_eq!((state.pull, state.made_from.as_deref()), (Some(7), Some("branch x")));
    }

    #[test]
    fn history_is_bounded_and_says_nothing_twice() {
        let mut state = StageState::default();
        for n in 0..14 {
            for _ in 0..2 {
                state.remember(Past { revision: n.to_string(), at: String::new(), digest: "d".into() });
            }
        }
        let revisions: Vec<&str> = state.history.iter().map(|p| p.revision.as_str()).collect();
        assert_eq!(revisions, ["13", "12", "11", "10", "9", "8", "7", "6", "5", "4"]);
    }
}
