//! Plans that were made before: fetched from the stage's bucket, and checked to be what they are taken for.

use super::Desk;
use super::stage::Intent;
use crate::error::{Error, Result};
use crate::plan::Plan;
use crate::plan::stored::StoredPlan;

/// The stage's stored plan with that digest.
pub async fn fetch(desk: &Desk, stage: &str, digest: &str) -> Result<StoredPlan> {
    let Some(text) = desk.home.plan(stage, digest).await? else {
        return Err(Error::usage(
            "plan.missing",
            format!("looking for the plan {digest}"),
            format!("stage {stage} has none of that digest in bucket {}", desk.home.bucket()),
        )
        .next("make one: offshoot plan"));
    };
    let stored = StoredPlan::parse(&text, digest)?;
    // the key is only a name: what was asked for, read and approved is the content
    if !stored.plan.digest.starts_with(digest) {
        return Err(Error::refused(
            "plan.tampered",
            format!("reading the plan {digest}"),
            format!("under this name lies the plan {}", stored.plan.digest),
        )
        .next("somebody put another plan in its place; make a new one: offshoot plan"));
    }
    Ok(stored)
}

/// Keeps a plan in the stage's bucket, unless it lies there as it is.
pub async fn keep(stored: &StoredPlan, desk: &Desk, stage: &str) -> Result<()> {
    let digest = &stored.plan.digest;
    let bare = |plan: &StoredPlan| {
        let mut bare = plan.clone();
        // how long it took says nothing about what is planned
        bare.plan.timings.clear();
        serde_json::to_string(&bare).ok()
    };
    let there = desk.home.plan_of(stage, digest).await?;
    let same = there.and_then(|text| StoredPlan::parse(&text, digest).ok()).map(|kept| bare(&kept));
    if same.is_some() && same == Some(bare(stored)) {
        return Ok(());
    }
    let text = serde_json::to_string(stored).map_err(|e| Error::bug("plan.json", "writing the plan", e.to_string()))?;
    desk.home.put_plan(stage, digest, &text).await
}

/// Errors (`plan.other`): it was made for something else.
pub fn is_for(stored: &StoredPlan, name: &str, intent: &Intent, desk: &Desk) -> Result<()> {
    let plan = &stored.plan;
    let checks = [
        ("repository", plan.repository.as_str(), intent.repository.as_str()),
        ("app", plan.app.as_str(), intent.app.name.as_str()),
        ("stage", plan.stage.as_str(), intent.stage.name.as_str()),
        ("account", plan.account.as_str(), desk.account.as_str()),
        ("region", plan.region.as_str(), desk.region.as_str()),
    ];
    match checks.iter().find(|(_, planned, here)| planned != here) {
        None => Ok(()),
        Some((what, planned, here)) => Err(Error::refused(
            "plan.other",
            format!("applying the plan {name}"),
            format!("it is of {what} {planned}, this is {what} {here}"),
        )
        .next("name the right stage with --stage, or make a plan for this one")),
    }
}

/// The state already says that the stage runs this commit, so that not even a note has to be written.
pub fn is_recorded(plan: &Plan, desk: &Desk) -> bool {
    desk.state.as_ref().is_some_and(|(state, _)| {
        let all = plan.stacks.iter().all(|s| state.stacks.contains_key(&s.name));
        all && state.revision.as_deref() == Some(plan.revision.as_str())
            && state.dirty == plan.dirty
            && state.run.is_none()
    })
}
