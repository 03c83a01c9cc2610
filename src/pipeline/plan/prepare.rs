//! One stack of the plan: its change set, and the changes classified from it or, where it must wait, from the templates.

use std::collections::BTreeMap;

use super::nested::Pair;
use super::survey::{Surveyed, Verdict};
use super::{Planner, facts, nested};
use crate::aws::change_sets::{Kind, Made, NewChangeSet};
use crate::diff::{self, Secrets, SetChange};
use crate::error::{Error, Result};
use crate::plan::stored::{Recipe, Recovery};
use crate::plan::{Action, Bound, Certainty, Change, StackAction, StackPlan};

/// How deep nested stacks are followed; CloudFormation itself does not go deeper in practice.
const MAX_NESTING: usize = 8;
const NESTED: &str = "AWS::CloudFormation::Stack";

pub(super) async fn prepare(
    planner: &Planner<'_>,
    surveyed: &Surveyed,
    waits_for: Vec<String>,
    sizes: &BTreeMap<String, u64>,
) -> Result<(StackPlan, Option<Recipe>)> {
    let mut plan = blank(planner, surveyed);
    plan.waits_for = waits_for;
    let (kind, why) = match &surveyed.verdict {
        Verdict::Unchanged(why) => {
            plan.why = why.clone();
            return Ok((plan, None));
        }
        Verdict::Create(why) => (Kind::Create, why),
        Verdict::Update(why) => (Kind::Update, why),
    };
    plan.action = if kind == Kind::Create { StackAction::Create } else { StackAction::Update };
    plan.why = why.clone();
    let only_settle =
        !surveyed.recipe.settle.is_empty() && surveyed.old.as_ref().is_some_and(|old| diff::same(old, &surveyed.new));
    let inside = nested::pairs(planner, surveyed).await?;
    let must_wait = !plan.waits_for.is_empty() || surveyed.recipe.recovery != Recovery::None;
    if must_wait {
        plan.changes = from_templates(planner, surveyed, &inside);
    } else if !only_settle {
        match make(planner, surveyed, kind, &inside, &mut plan).await? {
            Outcome::Changes(changes) => plan.changes = changes,
            Outcome::Nothing if protection_differs(surveyed) => plan.why = "termination protection changed".into(),
            Outcome::Nothing if !surveyed.recipe.settle.is_empty() => {
                plan.why = "function code was deployed with --fast and is put right".into();
            }
            Outcome::Nothing => {
                let mut plan = blank(planner, surveyed);
                plan.why = format!("{why}, but CloudFormation sees nothing to do");
                return Ok((plan, None));
            }
        }
    }
    facts::fill(planner, surveyed, sizes, &inside, &mut plan);
    Ok((plan, Some(surveyed.recipe.clone())))
}

/// The one setting that no change set carries.
fn protection_differs(surveyed: &Surveyed) -> bool {
    surveyed.deployed.as_ref().is_some_and(|d| d.termination_protection != surveyed.recipe.termination_protection)
}

enum Outcome {
    Changes(Vec<Change>),
    Nothing,
}

async fn make(
    planner: &Planner<'_>,
    surveyed: &Surveyed,
    kind: Kind,
    inside: &[Pair],
    plan: &mut StackPlan,
) -> Result<Outcome> {
    let name = plan.bound.change_set_name();
    let new = NewChangeSet { stack: &surveyed.name, name: &name, kind, recipe: &surveyed.recipe };
    match surveyed.session.make_change_set(&new).await? {
        Made::Ready(set) => {
            plan.change_set = Some(set.id.clone());
            let secrets = planner.target.secrets;
            let mut changes = diff::classify_with(
                &set.changes,
                surveyed.old.as_ref(),
                Some(&surveyed.new),
                &paths(planner, surveyed),
                &[],
                secrets,
            );
            follow_nested(surveyed, &set.changes, inside, secrets, &mut changes).await?;
            Ok(Outcome::Changes(changes))
        }
        Made::Empty => Ok(Outcome::Nothing),
        Made::Refused(reason) if is_missing_export(&reason) => {
            // an import that the templates did not show: the change set is made when the exporting stack is there
            plan.waits_for = planner
                .assembly
                .stacks
                .get(surveyed.index)
                .map(|s| names_of(planner, &s.depends_on))
                .unwrap_or_default();
            if plan.waits_for.is_empty() {
                return Err(refused(surveyed, &reason));
            }
            Ok(Outcome::Changes(from_templates(planner, surveyed, inside)))
        }
        Made::Refused(reason) => Err(refused(surveyed, &reason)),
    }
}

/// Follows the change sets of nested stacks.
async fn follow_nested(
    surveyed: &Surveyed,
    set: &[SetChange],
    inside: &[Pair],
    secrets: Secrets,
    changes: &mut Vec<Change>,
) -> Result<()> {
    let mut open: Vec<(Vec<String>, SetChange)> = set.iter().map(|c| (Vec::new(), c.clone())).collect();
    let mut followed: Vec<Vec<String>> = Vec::new();
    while let Some((above, change)) = open.pop() {
        let id = change.change_set_id.as_str();
        if id.is_empty() || above.len() >= MAX_NESTING {
            continue;
        }
        let mut within = above.clone();
        within.push(change.logical_id.clone());
        let inner = surveyed.session.change_set(id, id).await?;
        let pair = inside.iter().find(|p| p.within == within);
        let (old, new) = pair.map(|p| (p.old.as_ref(), p.new.as_ref())).unwrap_or_default();
        changes.extend(diff::classify_with(&inner.changes, old, new, &|_| None, &within, secrets));
        open.extend(inner.changes.into_iter().map(|c| (within.clone(), c)));
        followed.push(within);
    }
    // where CloudFormation gives no change set of a nested stack, its templates tell
    for pair in inside.iter().filter(|p| !followed.contains(&p.within)) {
        let found = diff::changes_with(pair.old.as_ref(), pair.new.as_ref(), &|_| None, secrets);
        changes.extend(found.into_iter().map(|change| Change { nested: pair.within.clone(), ..change }));
    }
    // a nested stack whose template changes is updated in place; what it loses is told resource by resource
    for change in changes.iter_mut().filter(|c| c.resource_type == NESTED && c.certainty == Certainty::Possible) {
        if change.action == Action::Replace {
            (change.action, change.certainty, change.fate) = (Action::Modify, Certainty::Certain, None);
        }
    }
    Ok(())
}

fn from_templates(planner: &Planner<'_>, surveyed: &Surveyed, inside: &[Pair]) -> Vec<Change> {
    let stands = surveyed.recipe.recovery != Recovery::DeleteFirst;
    let old = surveyed.old.as_ref().filter(|_| stands);
    let mut changes = diff::changes_with(old, Some(&surveyed.new), &paths(planner, surveyed), planner.target.secrets);
    for pair in inside {
        let old = pair.old.as_ref().filter(|_| stands);
        let found = diff::changes_with(old, pair.new.as_ref(), &|_| None, planner.target.secrets);
        changes.extend(found.into_iter().map(|change| Change { nested: pair.within.clone(), ..change }));
    }
    changes
}

fn paths<'a>(planner: &'a Planner<'_>, surveyed: &'a Surveyed) -> impl Fn(&str) -> Option<String> + 'a {
    let stack = planner.assembly.stacks.get(surveyed.index);
    move |id: &str| stack.and_then(|s| s.construct_path(id))
}

fn is_missing_export(reason: &str) -> bool {
    reason.starts_with("No export named") || reason.contains(": No export named")
}

fn refused(surveyed: &Surveyed, reason: &str) -> Error {
    Error::failed("plan.change_set", format!("creating a change set for stack {}", surveyed.name), reason.to_owned())
        .next("correct the app, then plan again; CloudFormation's own words are above")
}

fn names_of(planner: &Planner<'_>, indexes: &[usize]) -> Vec<String> {
    indexes.iter().filter_map(|i| planner.assembly.stacks.get(*i)).map(|s| s.name.to_string()).collect()
}

fn blank(planner: &Planner<'_>, surveyed: &Surveyed) -> StackPlan {
    let stack = planner.assembly.stacks.get(surveyed.index);
    StackPlan {
        name: surveyed.name.clone(),
        display_name: stack.map(|s| s.display_name.clone()).unwrap_or_default(),
        action: StackAction::None,
        why: String::new(),
        account: surveyed.account.to_string(),
        region: surveyed.region.to_string(),
        change_set: None,
        waits_for: Vec::new(),
        depends_on: stack.map(|s| names_of(planner, &s.depends_on)).unwrap_or_default(),
        changes: Vec::new(),
        iam: Vec::new(),
        network: Vec::new(),
        functions: Vec::new(),
        outputs: Vec::new(),
        bound: Bound {
            stack_id: surveyed.deployed.as_ref().map(|d| d.id.clone()),
            last_updated: surveyed.deployed.as_ref().map(|d| d.last_updated.clone()),
            template: surveyed.template_digest.clone(),
            settings: surveyed.settings_digest.clone(),
            assets: stack.map(|s| s.asset_hashes()).unwrap_or_default(),
        },
    }
}
