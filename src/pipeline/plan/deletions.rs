//! Stacks that the stage has and the app no longer names: planned for deletion, with everything in them.

use std::collections::BTreeSet;

use futures_util::future::try_join_all;

use super::Planner;
use crate::aws::recover;
use crate::diff;
use crate::error::Result;
use crate::plan::StackPlan;
use crate::plan::state::DeployedStack;
use crate::plan::stored::Recipe;

pub(super) async fn deletions(planner: &Planner<'_>) -> Result<Vec<(StackPlan, Option<Recipe>)>> {
    let Some((state, _)) = &planner.bench.state else { return Ok(Vec::new()) };
    let named: BTreeSet<&str> = planner.assembly.stacks.iter().map(|s| s.name.as_str()).collect();
    let gone: Vec<(&String, &DeployedStack)> =
        state.stacks.iter().filter(|(name, _)| !named.contains(name.as_str())).collect();
    let plans = try_join_all(gone.iter().map(|(name, stack)| one(planner, name, stack))).await?;
    let mut plans: Vec<(StackPlan, Option<Recipe>)> = plans.into_iter().flatten().collect();
    // a stack is deleted before the ones it was built on
    let order: Vec<(String, Vec<String>)> =
        gone.iter().map(|(name, s)| ((*name).clone(), s.depends_on.clone())).collect();
    for (plan, _) in &mut plans {
        plan.depends_on =
            order.iter().filter(|(_, on)| on.contains(&plan.name)).map(|(name, _)| name.clone()).collect();
    }
    Ok(plans)
}

async fn one(planner: &Planner<'_>, name: &str, known: &DeployedStack) -> Result<Option<(StackPlan, Option<Recipe>)>> {
    let session = planner.bench.aws.session_of(known).await?;
    let Some(deployed) = session.describe_stack(name).await? else { return Ok(None) };
    // a deletion that failed before is simply tried again
    if deployed.status != "DELETE_FAILED" {
        recover::readiness(Some(&deployed))?;
    }
    let old = diff::parse_template(&session.template_of(&deployed.id).await?)?;
    let why = "the app no longer has this stack; it is deleted with --prune";
    let mut plan = StackPlan::deletion(name, known, why, deployed.id, deployed.last_updated);
    plan.changes = diff::changes_with(Some(&old), None, &|_| None, planner.target.secrets);
    Ok(Some((plan, Some(Recipe::deletion(known, &[])))))
}
