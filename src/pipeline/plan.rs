//! Step 7: compares an assembly with what is deployed, publishes what changed, and prepares change sets; executes nothing.

mod deletions;
mod facts;
mod nested;
mod prepare;
mod publish;
mod survey;
mod waits;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use futures_util::StreamExt;
use futures_util::future::try_join_all;
use futures_util::stream;

use super::progress::Teller;
use crate::assembly::{Assembly, Stack};
use crate::aws::home::{ETag, Home};
use crate::aws::{Aws, home};
use crate::diff::Secrets;
use crate::error::{Error, Result};
use crate::names::{AccountId, AppName, Region, RepositoryId, Revision, StageName};
use crate::plan::state::StageState;
use crate::plan::stored::{Recipe, Rollout, StoredPlan};
use crate::plan::{Plan, StackAction, StackPlan, VERSION};
pub(super) use publish::{zip_once, zips};
use survey::Surveyed;

/// Change sets that are worked out at the same time.
const PARALLEL: usize = 12;

/// What is planned.
#[derive(Clone, Debug)]
pub struct Target {
    pub repository: RepositoryId,
    pub app: AppName,
    pub stage: StageName,
    pub revision: Revision,
    pub dirty: bool,
    pub account: AccountId,
    pub region: Region,
    /// Added to every stack; none unless configured, so that a stack of the `cdk` CLI plans as unchanged.
    pub tags: BTreeMap<String, String>,
    pub rollout: Rollout,
    pub secrets: Secrets,
    pub accounts: Accounts,
}

/// Which accounts the app's stacks may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accounts {
    /// The rule names one: only that.
    Own,
    /// The rule names none.
    Any,
}

/// Where the assembly comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Made from a commit, with its assets beside it.
    Made,
    /// Kept from an earlier deploy: its assets are in the bucket.
    Kept,
}

/// Facts about one bundled function, by the hash of its asset.
#[derive(Clone, Debug, Default)]
pub struct Bundle {
    pub sources: Vec<String>,
}

/// Everything that planning works with.
pub struct Workbench {
    pub aws: Arc<Aws>,
    pub home: Home,
    pub state: Option<(StageState, ETag)>,
    pub cache_dir: PathBuf,
    pub teller: Teller,
    /// Asset hash → what is known of the function bundled into it.
    pub bundles: BTreeMap<String, Bundle>,
    pub origin: Origin,
}

/// Makes the plan of a stage. Writes nothing for stacks that are unchanged.
/// Errors: the assembly is not deployable, wrong account, a stack is busy or belongs to another stage, AWS refuses.
pub async fn plan(target: &Target, assembly: &Assembly, bench: &Workbench) -> Result<StoredPlan> {
    let begun = Instant::now();
    deployable(assembly)?;
    let identity = bench.aws.identity().await?;
    only_own_account(target, assembly)?;
    let planner = Planner { target, assembly, bench, partition: identity.partition.clone() };
    let surveyed = try_join_all((0..assembly.stacks.len()).map(|index| survey::survey(&planner, index))).await?;
    planner.check_owners(&surveyed).await?;
    let waits = waits::waits(&surveyed);
    let changed: Vec<&Surveyed> = surveyed.iter().filter(|s| s.verdict.is_changed()).collect();
    let sizes = if changed.is_empty() { BTreeMap::new() } else { publish::publish(&planner, &changed).await? };
    if !changed.is_empty() {
        bench.teller.step(format!(
            "creating change sets for {} {}",
            changed.len(),
            if changed.len() == 1 { "stack" } else { "stacks" }
        ));
    }
    let prepared = stream::iter(surveyed.iter().enumerate())
        .map(|(index, surveyed)| {
            prepare::prepare(&planner, surveyed, waits.get(index).cloned().unwrap_or_default(), &sizes)
        })
        .buffered(PARALLEL)
        .collect::<Vec<_>>()
        .await;
    let mut stacks: Vec<(StackPlan, Option<Recipe>)> = prepared.into_iter().collect::<Result<_>>()?;
    stacks.extend(deletions::deletions(&planner).await?);
    Ok(planner.seal(stacks, &surveyed, begun))
}

/// A stage with an account deploys into no other, whatever the app asks for.
pub(super) fn only_own_account(target: &Target, assembly: &Assembly) -> Result<()> {
    if target.accounts == Accounts::Any {
        return Ok(());
    }
    let other =
        assembly.stacks.iter().find_map(|s| s.account.as_ref().filter(|a| **a != target.account).map(|a| (s, a)));
    let Some((stack, account)) = other else { return Ok(()) };
    let what = format!("the app puts it into account {account}, and the stage's account is {}", target.account);
    Err(Error::refused("aws.wrong_account", format!("planning stack {}", stack.name), what)
        .next("take `env` from the stack, or take `aws: { account: … }` from the stage's rule where several accounts are meant"))
}

/// What the parts of planning share.
struct Planner<'a> {
    target: &'a Target,
    assembly: &'a Assembly,
    bench: &'a Workbench,
    partition: String,
}

impl Planner<'_> {
    /// Account and region of a stack: its own, else the stage's.
    fn environment(&self, stack: &Stack) -> (AccountId, Region) {
        let account = stack.account.clone().unwrap_or_else(|| self.target.account.clone());
        (account, stack.region.clone().unwrap_or_else(|| self.target.region.clone()))
    }

    fn fill(&self, stack: &Stack, text: &str) -> String {
        let (account, region) = self.environment(stack);
        crate::assembly::substitute(text, account.as_str(), region.as_str(), &self.partition)
    }

    /// A stack that another stage of the app has deployed is refused, before anything is written.
    async fn check_owners(&self, surveyed: &[Surveyed]) -> Result<()> {
        let stage = self.target.stage.as_str();
        let ours = self.bench.state.as_ref().map(|(s, _)| s);
        let unknown = surveyed.iter().filter(|s| !ours.is_some_and(|o| o.stacks.contains_key(&s.name)));
        try_join_all(unknown.map(|s| async move {
            match self.bench.home.owner(s.region.as_str(), &s.name).await? {
                Some(owner) if owner != stage => Err(home::owned(&s.name, &owner, stage)),
                _ => Ok(()),
            }
        }))
        .await
        .map(|_| ())
    }

    fn seal(&self, stacks: Vec<(StackPlan, Option<Recipe>)>, surveyed: &[Surveyed], begun: Instant) -> StoredPlan {
        let target = self.target;
        let mut notes: Vec<String> = self.assembly.warnings.clone();
        for note in surveyed.iter().filter_map(|s| s.session.note.clone()) {
            if !notes.contains(&note) {
                notes.push(note);
            }
        }
        let mut recipes = BTreeMap::new();
        let mut plans = Vec::with_capacity(stacks.len());
        for (plan, recipe) in stacks {
            if let Some(recipe) = recipe.filter(|_| plan.action != StackAction::None) {
                recipes.insert(plan.name.clone(), recipe);
            }
            plans.push(plan);
        }
        let plan = Plan {
            version: VERSION,
            app: target.app.to_string(),
            stage: target.stage.to_string(),
            repository: target.repository.to_string(),
            revision: target.revision.to_string(),
            dirty: target.dirty,
            account: target.account.to_string(),
            region: target.region.to_string(),
            digest: String::new(),
            stacks: plans,
            notes,
            timings: BTreeMap::from([("plan".to_owned(), begun.elapsed().as_secs_f64())]),
        };
        StoredPlan::seal(plan, recipes)
    }
}

/// What the app itself said must not be deployed is not deployed.
fn deployable(assembly: &Assembly) -> Result<()> {
    if let Some(first) = assembly.errors.first() {
        let more = assembly.errors.len().saturating_sub(1);
        let what = if more == 0 { first.clone() } else { format!("{first} (and {more} more)") };
        return Err(Error::failed(
            "synth.app_error",
            "reading the assembly",
            format!("the app reports an error: {what}"),
        )
        .next("correct it in the app; constructs report such errors with Annotations.addError"));
    }
    if let Some(missing) = assembly.missing.first() {
        let what = match assembly.missing.len() {
            1 => format!("the context value {} is missing", missing.key),
            count => format!("{count} context values are missing, the first is {}", missing.key),
        };
        return Err(Error::failed("synth.missing_context", "reading the assembly", what)
            .next("run `npx cdk synth` once with credentials and commit cdk.context.json"));
    }
    if assembly.stacks.is_empty() {
        return Err(Error::failed("synth.no_stacks", "reading the assembly", "the app has no stacks")
            .next("add a stack to the app"));
    }
    Ok(())
}
