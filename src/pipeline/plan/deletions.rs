//! Stacks that the stage has and the app no longer names: planned for deletion, with everything in them.

use std::collections::BTreeSet;

use futures_util::future::try_join_all;

use super::Planner;
use crate::aws::{IfDenied, Role, recover};
use crate::diff;
use crate::error::Result;
use crate::names::{AccountId, Region};
use crate::plan::state::DeployedStack;
use crate::plan::stored::{Recipe, RoleRef};
use crate::plan::{Bound, StackAction, StackPlan};

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
    let (account, region) = (AccountId::new(&known.account), Region::new(&known.region));
    let role = known.deploy_role.as_deref().map(Role::new);
    let session = planner.bench.aws.session(&account, &region, role.as_ref(), IfDenied::UseOwn).await?;
    let Some(deployed) = session.describe_stack(name).await? else { return Ok(None) };
    // a deletion that failed before is simply tried again
    if deployed.status != "DELETE_FAILED" {
        recover::readiness(Some(&deployed))?;
    }
    let old = diff::parse_template(&session.template_of(&deployed.id).await?)?;
    let changes = diff::changes_with(Some(&old), None, &|_| None, planner.target.secrets);
    let plan = StackPlan {
        name: name.to_owned(),
        display_name: String::new(),
        action: StackAction::Delete,
        why: "the app no longer has this stack; it is deleted with --prune".into(),
        account: known.account.clone(),
        region: known.region.clone(),
        change_set: None,
        waits_for: Vec::new(),
        depends_on: Vec::new(),
        changes,
        iam: Vec::new(),
        network: Vec::new(),
        functions: Vec::new(),
        outputs: Vec::new(),
        bound: Bound { stack_id: Some(deployed.id), last_updated: Some(deployed.last_updated), ..Bound::default() },
    };
    let recipe = Recipe {
        deploy_role: known.deploy_role.clone().map(|arn| RoleRef { arn, external_id: None }),
        execution_role: known.execution_role.clone(),
        ..Recipe::default()
    };
    Ok(Some((plan, Some(recipe))))
}
