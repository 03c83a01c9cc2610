//! Removes a stage: its stacks in reverse order of dependence, then what is kept about it.

mod shells;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::apply::{self, Desk, Freshness, Order};
use super::progress::{Stop, Teller};
use crate::aws::Aws;
use crate::aws::home::{ETag, Home};
use crate::aws::lock::StageLock;
use crate::config::Removal as Policy;
use crate::diff;
use crate::error::{Error, Result};
use crate::plan::outcome::{Applied, Ended};
use crate::plan::state::StageState;
use crate::plan::stored::{Deletion, Recipe, StoredPlan};
use crate::plan::{Plan, StackPlan, VERSION};

/// Which stage is removed, and how.
#[derive(Clone, Copy, Debug)]
pub struct Wish<'a> {
    pub repository: &'a str,
    pub app: &'a str,
    pub stage: &'a str,
    /// Resources that are left behind where CloudFormation could not delete them before.
    pub retain: &'a [String],
    /// Of the stage's rule: whether buckets that stand in the way are emptied.
    pub policy: Policy,
}

/// What would be removed: every stack that the stage's state names and that is still there, and what was only planned.
/// A stage without a state may have left shells of stacks too.
pub async fn plan_removal(wish: &Wish<'_>, desk: &super::Desk) -> Result<StoredPlan> {
    let mut stacks = Vec::new();
    let mut recipes = BTreeMap::new();
    let aws = &desk.aws;
    let deletion = if wish.policy == Policy::Destroy { Deletion::EmptyBuckets } else { Deletion::Plain };
    let nothing = BTreeMap::new();
    let state = desk.state.as_ref().map(|(state, _)| state);
    let known_stacks = state.map_or(&nothing, |s| &s.stacks);
    for (name, known) in known_stacks {
        let session = aws.session_of(known).await?;
        let Some(deployed) = session.describe_stack(name).await? else { continue };
        let old = diff::parse_template(&session.template_of(&deployed.id).await?)?;
        let mut plan = StackPlan::deletion(name, known, "the stage is removed", deployed.id, deployed.last_updated);
        plan.changes = diff::changes(Some(&old), None, &|_| None);
        plan.depends_on =
            known_stacks.iter().filter(|(_, s)| s.depends_on.contains(name)).map(|(n, _)| n.clone()).collect();
        stacks.push(plan);
        recipes.insert(name.clone(), Recipe { deletion, ..Recipe::deletion(known, wish.retain) });
    }
    for shell in shells::find(desk, wish.stage).await? {
        let (known, deployed) = (&shell.known, shell.deployed);
        let why = "it was planned and never created";
        stacks.push(StackPlan::deletion(&shell.name, known, why, deployed.id, deployed.last_updated));
        recipes.insert(shell.name, Recipe { deletion: Deletion::OnlyShell, ..Recipe::deletion(known, &[]) });
    }
    let plan = Plan {
        version: VERSION,
        app: wish.app.to_owned(),
        stage: wish.stage.to_owned(),
        repository: wish.repository.to_owned(),
        revision: state.and_then(|s| s.revision.clone()).unwrap_or_default(),
        dirty: false,
        account: aws.identity().await?.account.to_string(),
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
    /// As it was when the removal was planned; none where the stage was never deployed.
    pub state: Option<(StageState, ETag)>,
    pub teller: Teller,
    pub stop: Stop,
    pub run: String,
}

/// Deletes the stacks; the stage's state goes with the last one, and stays where something could not be deleted.
pub async fn remove(stored: &StoredPlan, removal: Removal, lock: &StageLock) -> Result<Applied> {
    let Removal { aws, home, state, teller, stop, run } = removal;
    let stage = stored.plan.stage.clone();
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
    if home.state(&stage).await?.map(|(_, tag)| tag) != state.as_ref().map(|(_, tag)| tag.clone()) {
        return Err(Error::refused(
            "plan.stale",
            format!("removing stage {stage}"),
            "another run has changed the stage meanwhile",
        )
        .next("look at it again: offshoot remove"));
    }
    let claims: Vec<(String, String)> =
        state.iter().flat_map(|(s, _)| &s.stacks).map(|(name, s)| (s.region.clone(), name.clone())).collect();
    let desk = Desk { aws, home: home.clone(), state, teller, stop };
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
