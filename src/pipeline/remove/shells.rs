//! Stacks of a stage that were planned and never created: a change set for a new stack leaves an empty shell behind.

use std::collections::BTreeMap;

use crate::aws::stacks::DeployedStack;
use crate::aws::{Aws, Session};
use crate::error::Result;
use crate::pipeline::Desk;
use crate::plan::state;
use crate::plan::stored::{Recipe, StoredPlan};
use crate::plan::{CHANGE_SET_PREFIX, Plan, StackAction};

/// A shell, and how it is reached.
pub(super) struct Shell {
    pub name: String,
    pub known: state::DeployedStack,
    pub deployed: DeployedStack,
}

/// What a plan would have created.
type Wanted = BTreeMap<String, state::DeployedStack>;

/// Finds the shells that the stage's plans have left. The plans only say where to look: what counts is that CloudFormation
/// still calls the stack a shell, that every change set of it is ours, and that no stage has claimed it.
pub(super) async fn find(desk: &Desk, stage: &str) -> Result<Vec<Shell>> {
    let mut wanted = Wanted::new();
    for stored in desk.home.plans(stage).await? {
        collect(&stored.plan, Some(&stored), &mut wanted);
    }
    for card in desk.home.cards(stage).await? {
        if let Some(plan) = &card.plan {
            collect(plan, None, &mut wanted);
        }
    }
    let ours = desk.state.as_ref().map(|(state, _)| &state.stacks);
    wanted.retain(|name, _| !ours.is_some_and(|known| known.contains_key(name)));
    let mut shells = Vec::new();
    for (name, known) in wanted {
        if let Some(deployed) = shell(&desk.aws, &name, &known).await?
            && desk.home.owner(&known.region, &name).await?.is_none()
        {
            shells.push(Shell { name, known, deployed });
        }
    }
    Ok(shells)
}

fn collect(plan: &Plan, stored: Option<&StoredPlan>, wanted: &mut Wanted) {
    for stack in plan.stacks.iter().filter(|s| s.action == StackAction::Create) {
        let recipe: Option<&Recipe> = stored.and_then(|s| s.recipes.get(&stack.name));
        wanted.entry(stack.name.clone()).or_insert_with(|| state::DeployedStack {
            account: stack.account.clone(),
            region: stack.region.clone(),
            deploy_role: recipe.and_then(|r| r.deploy_role.as_ref()).map(|r| r.arn.clone()),
            execution_role: recipe.and_then(|r| r.execution_role.clone()),
            ..state::DeployedStack::default()
        });
    }
}

async fn shell(aws: &Aws, name: &str, known: &state::DeployedStack) -> Result<Option<DeployedStack>> {
    let session: Session = aws.session_of(known).await?;
    let Some(deployed) = session.describe_stack(name).await?.filter(|s| s.status == "REVIEW_IN_PROGRESS") else {
        return Ok(None);
    };
    let all_ours =
        session.change_sets_of(&deployed.id).await?.iter().all(|(_, name)| name.starts_with(CHANGE_SET_PREFIX));
    Ok(all_ours.then_some(deployed))
}
