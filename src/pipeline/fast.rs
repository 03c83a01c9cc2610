//! `deploy --fast`: function code straight to Lambda where nothing but code changed; CloudFormation is put right later.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use futures_util::future::try_join_all;
use serde_json::Value;

use super::apply::Keeper;
use super::plan::{Target, zip_once, zips};
use super::progress::{Progress, Teller};
use crate::assembly::{Assembly, AssetSource, Packaging, Stack};
use crate::aws::functions::Code;
use crate::aws::home::{self, ETag, Home};
use crate::aws::lock::StageLock;
use crate::aws::recover::{self, Readiness};
use crate::aws::{Aws, IfDenied, Role, Session};
use crate::diff;
use crate::error::{Error, Result};
use crate::plan::outcome::{Applied, Ended, StackOutcome};
use crate::plan::state::StageState;
use crate::plan::{StackAction, VERSION};

/// Stands for the code of a function that is being updated: like no other, so that whoever comes after a crash updates it again.
const UNSURE: &str = "?";

/// The tools of a fast deploy.
pub struct FastDesk {
    pub aws: Arc<Aws>,
    pub home: Home,
    pub state: Option<(StageState, ETag)>,
    pub cache_dir: PathBuf,
    pub teller: Teller,
}

/// A function to update.
struct Update {
    logical_id: String,
    hash: String,
    source: PathBuf,
    packaging: Packaging,
}

/// One stack's functions.
struct Work<'a> {
    stack: &'a Stack,
    session: Session,
    updates: Vec<Update>,
}

/// Updates code. Errors (`fast.more_than_code`): something other than code changed, with what it is.
pub async fn fast(target: &Target, assembly: &Assembly, desk: FastDesk, _lock: &StageLock) -> Result<Applied> {
    let begun = Instant::now();
    super::plan::only_own_account(target, assembly)?;
    let looked = try_join_all(assembly.stacks.iter().map(|stack| look(target, stack, &desk))).await?;
    let keeper = Keeper::of(
        target.repository.as_str(),
        target.app.as_str(),
        target.stage.as_str(),
        desk.home.clone(),
        desk.state.clone(),
    );
    let unsure = |work: &Work<'_>| work.updates.iter().map(|u| (u.logical_id.clone(), UNSURE.to_owned())).collect();
    // first: a run that is killed or fails half way leaves functions of which only the state can tell
    remember(&keeper, &looked, looked.iter().map(unsure).collect()).await?;
    let updated = try_join_all(looked.iter().map(|work| carry_out(work, target, &desk))).await?;
    let ended: Vec<StackOutcome> = looked.iter().map(|work| outcome(work, begun)).collect();
    remember(&keeper, &looked, updated).await?;
    Ok(Applied {
        version: VERSION,
        app: target.app.to_string(),
        stage: target.stage.to_string(),
        revision: target.revision.to_string(),
        digest: String::new(),
        stacks: ended,
        notes: vec!["only function code was updated; the next full deploy brings CloudFormation in line".into()],
        timings: BTreeMap::from([("fast".to_owned(), begun.elapsed().as_secs_f64())]),
    })
}

async fn look<'a>(target: &Target, stack: &'a Stack, desk: &FastDesk) -> Result<Work<'a>> {
    let account = stack.account.clone().unwrap_or_else(|| target.account.clone());
    let region = stack.region.clone().unwrap_or_else(|| target.region.clone());
    let partition = desk.aws.identity().await?.partition.clone();
    let fill = |text: &str| crate::assembly::substitute(text, account.as_str(), region.as_str(), &partition);
    let role = stack.roles.deploy.as_ref().map(|r| Role { arn: fill(&r.arn), external_id: r.external_id.clone() });
    let reader = desk.aws.session(&account, &region, role.as_ref(), IfDenied::UseOwn).await?;
    let text = tokio::fs::read_to_string(&stack.template_path)
        .await
        .map_err(|e| Error::io("reading a template", &stack.template_path, e))?;
    let new = diff::parse_template(&text)?;
    let doing = format!("deploying stack {} fast", stack.name);
    let deployed = reader.describe_stack(stack.name.as_str()).await?;
    if let Some(broken) = deployed.as_ref().filter(|d| !matches!(recover::readiness(Some(d)), Ok(Readiness::Updatable)))
    {
        return Err(Error::refused("fast.more_than_code", doing, format!("the stack is {}", broken.status))
            .next("deploy without --fast"));
    }
    if deployed.is_none() {
        return Err(Error::refused("fast.more_than_code", doing, "the stack does not exist yet")
            .next("deploy it once without --fast"));
    }
    if let Some(owner) = desk.home.owner(region.as_str(), stack.name.as_str()).await?
        && owner != target.stage.as_str()
    {
        return Err(home::owned(stack.name.as_str(), &owner, target.stage.as_str()));
    }
    let old = diff::parse_template(&reader.template_of(stack.name.as_str()).await?)?;
    let others = diff::more_than_code(&old, &new);
    if !others.is_empty() {
        let what = format!("more than function code changed: {}", others.join(", "));
        return Err(Error::refused("fast.more_than_code", doing, what).next("deploy without --fast"));
    }
    // updating a function is not among the deployment role's rights: that is the identity's own
    let session = desk.aws.session(&account, &region, None, IfDenied::Fail).await?;
    let moved = desk
        .state
        .as_ref()
        .and_then(|(s, _)| s.stacks.get(stack.name.as_str()))
        .map(|s| s.fast.clone())
        .unwrap_or_default();
    Ok(Work { stack, session, updates: updates(stack, &old, &new, &moved) })
}

/// Functions whose code is not what Lambda runs, by template and by what earlier fast deploys did.
fn updates(stack: &Stack, old: &Value, new: &Value, moved: &BTreeMap<String, String>) -> Vec<Update> {
    let mut updates = Vec::new();
    for asset in &stack.files {
        let AssetSource::Path { path, packaging } = &asset.source else { continue };
        for id in diff::functions_with_asset(new, &asset.hash) {
            let runs = moved
                .get(&id)
                .cloned()
                .or_else(|| diff::function_code(old, &id).map(|(_, key)| key))
                .unwrap_or_default();
            if !runs.contains(&asset.hash) {
                updates.push(Update {
                    logical_id: id,
                    hash: asset.hash.clone(),
                    source: path.clone(),
                    packaging: *packaging,
                });
            }
        }
    }
    updates
}

async fn carry_out(work: &Work<'_>, target: &Target, desk: &FastDesk) -> Result<Vec<(String, String)>> {
    if work.updates.is_empty() {
        return Ok(Vec::new());
    }
    let resources = work.session.resources_of(work.stack.name.as_str()).await?;
    let cache = zips(&desk.cache_dir, target.repository.as_str());
    desk.teller.tell(Progress::StackStarted {
        name: work.stack.name.to_string(),
        action: StackAction::Update,
        resources: work.updates.len(),
    });
    let jobs = work.updates.iter().map(|update| {
        let (resources, cache) = (&resources, &cache);
        async move {
            let found = resources.iter().find(|r| r.logical_id == update.logical_id).ok_or_else(|| {
                Error::failed(
                    "fast.no_function",
                    "looking for the deployed function",
                    format!("{} is not in the stack", update.logical_id),
                )
                .next("deploy without --fast")
            })?;
            let zip = zip_of(update, cache).await?;
            work.session.update_code(&found.physical_id, Code::Zip(&zip)).await?;
            desk.teller.tell(Progress::Resource {
                stack: work.stack.name.to_string(),
                logical_id: update.logical_id.clone(),
                resource_type: "AWS::Lambda::Function".into(),
                status: "UPDATE_COMPLETE".into(),
                reason: String::new(),
            });
            Ok::<_, Error>((update.logical_id.clone(), update.hash.clone()))
        }
    });
    try_join_all(jobs).await
}

async fn zip_of(update: &Update, cache: &Path) -> Result<PathBuf> {
    if update.packaging == Packaging::File {
        return Ok(update.source.clone());
    }
    zip_once(&update.source, &cache.join(format!("{}.zip", update.hash)), cache).await
}

fn outcome(work: &Work<'_>, begun: Instant) -> StackOutcome {
    StackOutcome {
        name: work.stack.name.to_string(),
        action: if work.updates.is_empty() { StackAction::None } else { StackAction::Update },
        ended: if work.updates.is_empty() { Ended::Unchanged } else { Ended::Done },
        status: String::new(),
        seconds: begun.elapsed().as_secs_f64(),
        outputs: BTreeMap::new(),
        failure: None,
        because: None,
    }
}

/// The state says which functions run past their template.
async fn remember(keeper: &Keeper, looked: &[Work<'_>], updated: Vec<Vec<(String, String)>>) -> Result<()> {
    for (work, functions) in looked.iter().zip(&updated).filter(|(_, functions)| !functions.is_empty()) {
        keeper.fast(work.stack.name.as_str(), &work.session, functions).await?;
    }
    Ok(())
}
