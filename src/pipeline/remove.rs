//! Removes a stage: its stacks in reverse order of dependence, then what is kept about it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::apply::{self, Desk, Freshness, Order};
use super::progress::{Stop, Teller};
use crate::aws::Aws;
use crate::aws::home::{ETag, Home};
use crate::aws::lock::StageLock;
use crate::diff;
use crate::error::{Error, Result};
use crate::plan::outcome::{Applied, Ended};
use crate::plan::state::StageState;
use crate::plan::stored::{Recipe, StoredPlan};
use crate::plan::{Plan, StackPlan, VERSION};

/// What would be removed: every stack that the stage's state names and that is still there.
pub async fn plan_removal(state: &StageState, aws: &Aws, retain: &[String]) -> Result<StoredPlan> {
    let mut stacks = Vec::new();
    let mut recipes = BTreeMap::new();
    let identity = aws.identity().await?.clone();
    for (name, known) in &state.stacks {
        let session = aws.session_of(known).await?;
        let Some(deployed) = session.describe_stack(name).await? else { continue };
        let old = diff::parse_template(&session.template_of(&deployed.id).await?)?;
        let mut plan = StackPlan::deletion(name, known, "the stage is removed", deployed.id, deployed.last_updated);
        plan.changes = diff::changes(Some(&old), None, &|_| None);
        plan.depends_on =
            state.stacks.iter().filter(|(_, s)| s.depends_on.contains(name)).map(|(n, _)| n.clone()).collect();
        stacks.push(plan);
        recipes.insert(name.clone(), Recipe::deletion(known, retain));
    }
    let plan = Plan {
        version: VERSION,
        app: state.app.clone(),
        stage: state.stage.clone(),
        repository: state.repository.clone(),
        revision: state.revision.clone().unwrap_or_default(),
        dirty: false,
        account: identity.account.to_string(),
        region: aws.region().to_string(),
        digest: String::new(),
        stacks,
        notes: Vec::new(),
        timings: BTreeMap::new(),
    };
    Ok(StoredPlan::seal(plan, recipes))
}

/// The tools of a removal.
pub struct Removal {
    pub aws: Arc<Aws>,
    pub home: Home,
    pub state: (StageState, ETag),
    pub teller: Teller,
    pub stop: Stop,
    pub run: String,
}

/// Deletes the stacks; the stage's state goes with the last one, and stays where something could not be deleted.
pub async fn remove(stored: &StoredPlan, removal: Removal, lock: &StageLock) -> Result<Applied> {
    let Removal { aws, home, state, teller, stop, run } = removal;
    let stage = state.0.stage.clone();
    let order = Order {
        run,
        freshness: Freshness::JustPlanned,
        prune: apply::Prune::Delete,
        wait: apply::Wait::ForEnd,
        recover: apply::Recover::default(),
        approval: None,
        marks: apply::Marks::default(),
    };
    // somebody may have deployed while the question stood there: what they made was not in it
    if home.state(&stage).await?.map(|(_, tag)| tag).as_ref() != Some(&state.1) {
        return Err(Error::refused(
            "plan.stale",
            format!("removing stage {stage}"),
            "another run has changed the stage meanwhile",
        )
        .next("look at it again: offshoot remove"));
    }
    let claims: Vec<(String, String)> =
        state.0.stacks.iter().map(|(name, s)| (s.region.clone(), name.clone())).collect();
    let desk = Desk { aws, home: home.clone(), state: Some(state), teller, stop };
    let applied = apply::apply(stored, &order, desk, lock).await?;
    let all_gone = applied.stacks.iter().all(|s| matches!(s.ended, Ended::Done | Ended::Unchanged));
    if all_gone {
        for (region, name) in claims {
            home.release(&region, &name).await?;
        }
        home.forget(&stage).await?;
    }
    Ok(applied)
}
