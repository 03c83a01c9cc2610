//! The pipeline: event ─ stage ─ checkout ─ changed ─ bundle ─ synth ─ plan ─ apply ─ report; only this file composes the steps.

pub mod event;
pub mod stage;
pub mod checkout;
pub mod carried;
pub mod changed;
pub mod bundle;
pub mod synth;
pub mod plan;
pub mod apply;
pub mod report;
pub mod tidy;
pub mod fast;
pub mod remove;
pub mod hold;
pub mod kept;
pub mod archive;
pub mod progress;
pub mod reading;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use crate::assembly::Assembly;
use crate::aws::home::{ETag, Home};
use crate::aws::lock::StageLock;
use crate::aws::{Aws, Door, IfDenied, Pace, Role};
use crate::config::{Express, GitRef, Stage};
use crate::diff::Secrets;
use crate::error::{Error, Result};
use crate::names::{AccountId, Region};
use crate::plan::outcome::Applied;
use crate::plan::state::{RunMark, StageState};
use crate::plan::stored::{Rollout, StoredPlan};
use apply::{Freshness, Marks, Order};
use changed::{Affected, Facts};
use checkout::{Kind, Tree};
use event::Event;
use plan::{Accounts, Bundle, Origin, Target, Workbench};
use progress::{Stop, Teller};
use stage::{Intent, Source};

pub use crate::toolchain::{SandboxMode, Trust};

/// What every step may use.
#[derive(Clone)]
pub struct Tools {
    pub cache_dir: PathBuf,
    pub teller: Teller,
    pub stop: Stop,
    pub sandbox: SandboxMode,
    pub secrets: Secrets,
    pub pace: Option<Pace>,
}

/// Which of the stage's identities is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum As {
    Planner,
    Applier,
}

/// A stage with its AWS, and what is known of it.
#[derive(Clone)]
pub struct Desk {
    pub aws: Arc<Aws>,
    pub home: Home,
    pub state: Option<(StageState, ETag)>,
    pub account: AccountId,
    pub region: Region,
}

/// An app turned into an assembly.
pub struct Synthesized {
    pub assembly: Assembly,
    pub facts: Facts,
    pub dirty: bool,
    pub notes: Vec<String>,
    pub timings: BTreeMap<String, f64>,
    /// Digest of everything that it was made from; absent where nobody can make the same again.
    pub content: Option<String>,
    pub origin: Origin,
    _held: Held,
}

/// What must stay as long as an assembly is read.
enum Held {
    Tree { _tree: Tree },
    Folder { _folder: tempfile::TempDir },
}

/// Now, RFC 3339.
pub fn now() -> String {
    jiff::Timestamp::now().round(jiff::Unit::Second).map(|t| t.to_string()).unwrap_or_default()
}

/// Opens AWS for a stage and reads its state. Errors: no region, no credentials, wrong account.
pub async fn desk(intent: &Intent, event: &Event, role: As, tools: &Tools) -> Result<Desk> {
    let qualifier = qualifier(intent);
    let aws = Arc::new(Aws::connect(door(&intent.stage, event, role, tools)).await?);
    let identity = aws.identity().await?.clone();
    let account = intent.stage.rule.aws.account.clone().unwrap_or_else(|| identity.account.clone());
    let region = aws.region().clone();
    let (bucket, writer) = match &intent.config.state {
        Some(bucket) => (bucket.clone(), None),
        None => {
            let role = format!(
                "arn:{}:iam::{account}:role/cdk-{qualifier}-file-publishing-role-{account}-{region}",
                identity.partition
            );
            (format!("cdk-{qualifier}-assets-{account}-{region}"), Some(Role::new(role)))
        }
    };
    let session = aws.session(&account, &region, writer.as_ref(), IfDenied::UseOwn).await?;
    let home = Home::new(session, bucket, intent.repository.as_str(), intent.app.name.as_str());
    let state = home.state(intent.stage.name.as_str()).await?;
    Ok(Desk { aws, home, state, account, region })
}

/// The bootstrap qualifier of the app's `cdk.json`, which names the account's bucket and roles. A pull request may not
/// name other ones than the default branch does: approvals and locks would be looked for where it pleases.
fn qualifier(intent: &Intent) -> String {
    let path = intent.app.path.join("cdk.json");
    let bytes = match &intent.source {
        Source::Tree(tree) => std::fs::read(tree.root.join(path)).ok(),
        Source::Mirror(mirror) => {
            mirror.read_file(intent.rules.as_ref().unwrap_or(&intent.revision), &path).ok().flatten()
        }
    };
    let json: Option<serde_json::Value> = bytes.and_then(|b| serde_json::from_slice(&b).ok());
    let found = json.as_ref().and_then(|j| j.get("context")?.get("@aws-cdk/core:bootstrapQualifier")?.as_str());
    found.unwrap_or("hnb659fds").to_owned()
}

fn door(stage: &Stage, event: &Event, role: As, tools: &Tools) -> Door {
    let rule = &stage.rule.aws;
    let role = match role {
        As::Planner => rule.plan_role.as_deref(),
        As::Applier => rule.apply_role.as_deref().or(rule.plan_role.as_deref()),
    };
    Door {
        profile: event.profile.clone().or_else(|| rule.profile.clone()),
        region: event.region.clone().or_else(|| rule.region.clone()),
        role: role.map(Role::new),
        pace: tools.pace,
        web_identity: event.web_identity.clone(),
    }
}

/// Whether the stage runs just what the app is at this commit, so that nothing has to be synthesized, planned or told.
/// Looks at git ids and the state alone. A run that was killed, and uncommitted files on either side, count as touched.
pub fn is_untouched(intent: &Intent, desk: &Desk) -> Result<bool> {
    let Some((state, _)) = &desk.state else { return Ok(false) };
    let dirty = state.dirty || matches!(&intent.source, Source::Tree(tree) if !tree.dirty.is_empty());
    if dirty || state.run.is_some() || state.content.is_none() {
        return Ok(false);
    }
    Ok(state.content == Some(changed::content_key(intent, &desk.account, &desk.region)?))
}

/// What a deploy says about the stage: what it is made from, and how long it lives by its rule.
pub fn marks(intent: &Intent) -> Marks {
    let expires = intent.stage.rule.expires_s.and_then(|s| {
        let lives = jiff::SignedDuration::from_secs(i64::try_from(s).ok()?);
        jiff::Timestamp::now().round(jiff::Unit::Second).ok()?.checked_add(lives).ok()
    });
    let (pull, made_from) = match &intent.stage.git_ref {
        Some(GitRef::PullRequest { number, .. }) => (Some(*number), None),
        Some(git_ref) => (None, Some(git_ref.to_string())),
        None => (None, None),
    };
    Marks { pull, made_from, expires: expires.map(|t| t.to_string()) }
}

/// Steps 3 to 6: files, changed or not, dependencies and bundles, assembly.
pub async fn synthesize(intent: &Intent, desk: &Desk, tools: &Tools) -> Result<Synthesized> {
    let mut timings = BTreeMap::new();
    let begun = Instant::now();
    let tree = checkout::checkout(intent).await?;
    timings.insert("checkout".to_owned(), begun.elapsed().as_secs_f64());
    let begun = Instant::now();
    let affected = changed::changed(intent, &tree, &desk.account, &desk.region, tools)?;
    timings.insert("changed".to_owned(), begun.elapsed().as_secs_f64());
    let mut content = changed::content_key(intent, &desk.account, &desk.region).map(Some)?;
    if tree.dirty {
        content = None;
    }
    let kept = match affected {
        Affected::No(kept) => kept,
        Affected::Yes(room) => {
            let installed = bundle::prepare(intent, &tree, tools).await?;
            timings.extend(installed);
            let work = room.work.clone();
            let written = synth::synth(intent, &tree, room, desk, tools).await.inspect_err(|_| {
                // what a failed synth left is of no use to anybody
                drop(std::fs::remove_dir_all(&work));
            })?;
            timings.extend(written.timings);
            match written.place {
                synth::Place::Keep(room) => changed::keep(room, written.facts)?,
                synth::Place::Once(dir) => {
                    // a folder that git may ignore: the commit does not say what is in it
                    content = content.filter(|_| tree.kind == Kind::Plain);
                    changed::Kept { dir, facts: written.facts }
                }
            }
        }
    };
    let assembly = reading::read_assembly(kept.dir).await?;
    let notes = intent.notes.iter().chain(&tree.notes).chain(&kept.facts.notes).cloned().collect();
    Ok(Synthesized {
        assembly,
        facts: kept.facts,
        dirty: tree.dirty,
        notes,
        timings,
        content,
        origin: Origin::Made,
        _held: Held::Tree { _tree: tree },
    })
}

/// Keeps the assembly of what the stage runs now, so that it can be gone back to, and throws away those that are no longer
/// in the stage's history. Called under the lock, after a deploy. What cannot be kept is no failure of the deploy: the
/// sentence says it.
pub async fn keep_assembly(home: &Home, stage: &str, revision: &str, made: &Synthesized) -> Option<String> {
    let kept = match (made.dirty, pack(made).await) {
        (true, _) => Ok(()),
        (false, Ok(zip)) => keep(home, stage, revision, zip).await,
        (false, Err(error)) => Err(error),
    };
    kept.err().map(|e| format!("stage {stage} cannot be rolled back to {revision} later: {e}"))
}

async fn pack(made: &Synthesized) -> Result<Vec<u8>> {
    let texts = reading::read_texts(made.assembly.dir.clone()).await?;
    let beside = archive::Beside { facts: made.facts.clone(), content: made.content.clone() };
    tokio::task::spawn_blocking(move || archive::pack(&texts, &beside))
        .await
        .map_err(|e| Error::bug("archive.task", "packing the assembly", e.to_string()))?
}

async fn keep(home: &Home, stage: &str, revision: &str, zip: Vec<u8>) -> Result<()> {
    let Some((state, _)) = home.state(stage).await? else { return Ok(()) };
    // neither a deploy that did not end well, nor one that changed nothing, nor one of files that nobody has committed
    let is_now = state.history.first().is_some_and(|now| now.revision == revision);
    if !is_now || state.dirty {
        return Ok(());
    }
    home.put_assembly(stage, revision, zip).await?;
    for old in home.assemblies(stage).await? {
        if !state.history.iter().any(|past| past.revision == old) {
            home.drop_assembly(stage, &old).await?;
        }
    }
    Ok(())
}

/// Keeps the assembly of a plan that somebody else may execute later, from another machine: what they deploy can be
/// gone back to only if it is there.
pub async fn keep_planned(home: &Home, stage: &str, digest: &str, made: &Synthesized) -> Result<()> {
    if home.has_planned(stage, digest).await? {
        return Ok(());
    }
    home.put_planned(stage, digest, pack(made).await?).await
}

/// The plan with this digest was executed: its assembly becomes the revision's. What cannot be kept is no failure of the
/// deploy: the sentence says it.
pub async fn keep_executed(home: &Home, stage: &str, digest: &str, revision: &str) -> Option<String> {
    let kept = async {
        if let Some(zip) = home.planned(stage, digest).await? {
            keep(home, stage, revision, zip).await?;
        }
        home.drop_planned(stage).await
    };
    let kept: Result<()> = kept.await;
    kept.err().map(|e| format!("stage {stage} cannot be rolled back to {revision} later: {e}"))
}

/// The assembly that a stage ran at a revision (the whole commit id), as it was kept; `home` is that stage's own. Errors
/// (`assembly.not_kept`): there is none.
pub async fn kept_assembly(home: &Home, stage: &str, revision: &str, tools: &Tools) -> Result<Synthesized> {
    let begun = Instant::now();
    let Some(bytes) = home.assembly(stage, revision).await? else {
        let kept = home.assemblies(stage).await?.join(", ");
        let what = if kept.is_empty() { "none is kept of it".to_owned() } else { format!("these are kept: {kept}") };
        return Err(Error::usage(
            "assembly.not_kept",
            format!("looking for the assembly of stage {stage} at {revision}"),
            what,
        )
        .next("deploy that commit again instead"));
    };
    let parent = tools.cache_dir.join("assemblies");
    let unpacked = tokio::task::spawn_blocking(move || archive::unpack(&bytes, &parent))
        .await
        .map_err(|e| Error::bug("archive.task", "unpacking the kept assembly", e.to_string()))??;
    let assembly = reading::read_assembly(unpacked.dir).await?;
    Ok(Synthesized {
        assembly,
        notes: unpacked.beside.facts.notes.clone(),
        facts: unpacked.beside.facts,
        dirty: false,
        timings: BTreeMap::from([("kept".to_owned(), begun.elapsed().as_secs_f64())]),
        content: unpacked.beside.content,
        origin: Origin::Kept,
        _held: Held::Folder { _folder: unpacked.folder },
    })
}

/// What a removal of the stage would delete; `retain` names resources that are left behind where CloudFormation could not
/// delete them before. A stage that was never deployed may have left shells of stacks that were planned.
pub async fn plan_removal(intent: &Intent, desk: &Desk, retain: &[String]) -> Result<StoredPlan> {
    let wish = remove::Wish {
        repository: intent.repository.as_str(),
        app: intent.app.name.as_str(),
        stage: intent.stage.name.as_str(),
        retain,
        policy: intent.stage.rule.removal,
    };
    remove::plan_removal(&wish, desk).await
}

/// Step 7 for an assembly; a plan that asks for something is kept in the stage's bucket.
pub async fn plan(intent: &Intent, desk: &Desk, synthesized: &Synthesized, tools: &Tools) -> Result<StoredPlan> {
    let target = target(intent, desk, synthesized, tools);
    let bundles =
        synthesized.facts.functions.iter().map(|(hash, sources)| (hash.clone(), Bundle { sources: sources.clone() }));
    let bench = Workbench {
        aws: desk.aws.clone(),
        home: desk.home.clone(),
        state: desk.state.clone(),
        cache_dir: tools.cache_dir.clone(),
        teller: tools.teller.clone(),
        bundles: bundles.collect(),
        origin: synthesized.origin,
    };
    let mut stored = plan::plan(&target, &synthesized.assembly, &bench).await?;
    stored.content = synthesized.content.clone();
    stored.plan.notes.splice(0..0, synthesized.notes.iter().cloned());
    stored.plan.timings.extend(synthesized.timings.clone());
    if stored.plan.has_changes() {
        kept::keep(&stored, desk, intent.stage.name.as_str()).await?;
    }
    Ok(stored)
}

/// What a plan or a fast deploy is about.
pub fn target(intent: &Intent, desk: &Desk, synthesized: &Synthesized, tools: &Tools) -> Target {
    Target {
        repository: intent.repository.clone(),
        app: intent.app.name.clone(),
        stage: intent.stage.name.clone(),
        revision: intent.revision.clone(),
        dirty: synthesized.dirty,
        account: desk.account.clone(),
        region: desk.region.clone(),
        tags: intent.stage.rule.tags.clone(),
        rollout: if intent.stage.rule.express == Express::On { Rollout::Express } else { Rollout::Standard },
        secrets: tools.secrets,
        accounts: if intent.stage.rule.aws.account.is_some() { Accounts::Own } else { Accounts::Any },
    }
}

/// Step 8, under the lock: nobody may have deployed since we looked; then the plan is executed.
pub async fn execute(
    stored: &StoredPlan,
    order: &Order,
    intent: &Intent,
    desk: Desk,
    tools: &Tools,
    lock: &StageLock,
) -> Result<Applied> {
    let seen = desk.state.as_ref().map(|(_, tag)| tag.clone());
    let state = desk.home.state(intent.stage.name.as_str()).await?;
    if order.freshness == Freshness::JustPlanned && state.as_ref().map(|(_, tag)| tag.clone()) != seen {
        return Err(Error::refused(
            "plan.stale",
            "applying the plan",
            "another run deployed this stage while the plan was made",
        )
        .next("deploy again: a new plan is made"));
    }
    apply::apply(stored, order, apply_desk(desk.aws, desk.home, state, tools), lock).await
}

/// Goes on with a run that was killed; `order.run` is the run's own id.
pub async fn resume(
    mark: &RunMark,
    order: &Order,
    intent: &Intent,
    desk: &Desk,
    tools: &Tools,
    lock: &StageLock,
) -> Result<Applied> {
    tools.teller.note(format!("going on with the run of {}", mark.started));
    let stage = intent.stage.name.as_str();
    let stored = kept::fetch(desk, stage, &mark.plan).await?;
    kept::is_for(&stored, &mark.plan, intent, desk)?;
    let state = desk.home.state(stage).await?;
    apply::apply(&stored, order, apply_desk(desk.aws.clone(), desk.home.clone(), state, tools), lock).await
}

fn apply_desk(aws: Arc<Aws>, home: Home, state: Option<(StageState, ETag)>, tools: &Tools) -> apply::Desk {
    apply::Desk { aws, home, state, teller: tools.teller.clone(), stop: tools.stop.clone() }
}
