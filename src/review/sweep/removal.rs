//! Takes a stage away for good, or finds room for a new one: what removal, expiry and limits have in common.

use std::collections::BTreeSet;

use futures_util::future::try_join_all;

use crate::config::{Protection, Removal as Policy};
use crate::error::{Error, Result};
use crate::pipeline::remove::{self, Removal};
use crate::pipeline::{self, hold};
use crate::plan::card::{Card, CardState};
use crate::plan::outcome::{Applied, Ended, StackOutcome};
use crate::review::seat::{Held, Seat};
use crate::review::spot::Spot;
use crate::review::{Office, report};

/// How often a deletion is tried again with what could not be deleted left behind.
const ROUNDS: usize = 3;

/// Removes the stage under its lock: stacks, what is kept, deployments; the card says how it ended. What holds data and
/// cannot be deleted is left behind where the rule says `removal: retain`.
/// Errors: the stage is protected (`stage.protected`), something could not be deleted (`stage.not_removed`).
pub async fn remove_stage(office: &Office, seat: &Seat, held: &Held, card: &mut Card) -> Result<()> {
    if seat.intent.stage.rule.protect == Protection::On {
        return Err(protected(seat.stage()));
    }
    let applied = delete(office, &mut seat.clone(), held).await?;
    card.updated = pipeline::now();
    if let Some(applied) = &applied
        && !applied.stacks.iter().all(is_gone)
    {
        card.state = CardState::RemoveFailed;
        card.applied = Some(applied.clone());
        return Err(unfinished(applied));
    }
    card.state = CardState::Removed;
    card.applied = applied;
    (card.plan, card.planned, card.trouble) = (None, None, None);
    (card.url, card.expires, card.live_url) = (None, None, None);
    card.outputs.clear();
    report::retired(office, card).await
}

/// Errors when a protected stage would be removed.
pub fn protected(stage: &str) -> Error {
    Error::refused("stage.protected", format!("removing stage {stage}"), "the stage is protected")
        .next("take `protect: true` from its rule in offshoot.yml first, in a commit that somebody reviews")
}

/// Deletes until everything is gone or nothing more can be; nothing where nothing was deployed.
async fn delete(office: &Office, seat: &mut Seat, held: &Held) -> Result<Option<Applied>> {
    let mut left_behind = BTreeSet::new();
    let mut before: Option<Applied> = None;
    for round in 0..=ROUNDS {
        let known = seat.desk.state.clone();
        let retain: Vec<String> = left_behind.iter().cloned().collect();
        let stored = pipeline::plan_removal(&seat.intent, &seat.desk, &retain).await?;
        if known.is_none() && stored.plan.stacks.is_empty() {
            return Ok(before);
        }
        let removal = Removal {
            aws: seat.desk.aws.clone(),
            home: seat.desk.home.clone(),
            state: known,
            teller: office.tools.teller.clone(),
            stop: office.tools.stop.clone(),
            // each try is an operation of its own: CloudFormation would take the same name for the one that failed
            run: if round == 0 { held.run.clone() } else { hold::run_id() },
        };
        let applied = together(before.take(), remove::remove(&stored, removal, &held.lock).await?);
        if applied.stacks.iter().all(is_gone) {
            return Ok(Some(applied));
        }
        seat.refresh().await?;
        let stuck = stuck(seat, &stored.plan, &applied).await?;
        let retains = seat.intent.stage.rule.removal == Policy::Retain;
        if !retains || stuck.is_subset(&left_behind) {
            return Ok(Some(applied));
        }
        let names = stuck.iter().cloned().collect::<Vec<_>>().join(", ");
        office.tools.teller.note(format!("what holds data and could not be deleted stays: {names}"));
        left_behind.extend(stuck);
        before = Some(applied);
    }
    Ok(before)
}

fn is_gone(outcome: &StackOutcome) -> bool {
    matches!(outcome.ended, Ended::Done | Ended::Unchanged)
}

/// What holds data in the stacks that could not be deleted, and stands there because its deletion failed.
async fn stuck(seat: &Seat, plan: &crate::plan::Plan, applied: &Applied) -> Result<BTreeSet<String>> {
    let Some((state, _)) = &seat.desk.state else { return Ok(BTreeSet::new()) };
    let failed = applied.stacks.iter().filter(|s| s.status == "DELETE_FAILED");
    let found =
        try_join_all(failed.filter_map(|s| Some((s, state.stacks.get(&s.name)?))).map(async |(outcome, known)| {
            let session = seat.desk.aws.session_of(known).await?;
            Ok::<_, Error>((outcome.name.as_str(), session.resources_of(&outcome.name).await?))
        }))
        .await?;
    let holds_data = |stack: &str, id: &str| {
        let planned = plan.stacks.iter().find(|s| s.name == stack);
        planned.is_some_and(|s| s.changes.iter().any(|c| c.logical_id == id && c.holds_data))
    };
    let mut stuck = BTreeSet::new();
    for (stack, resources) in found {
        let failed = resources.into_iter().filter(|r| r.status == "DELETE_FAILED" && holds_data(stack, &r.logical_id));
        stuck.extend(failed.map(|r| r.logical_id));
    }
    Ok(stuck)
}

/// What two tries came to: the later word on each stack, and those that the first one had already done.
fn together(before: Option<Applied>, now: Applied) -> Applied {
    let Some(before) = before else { return now };
    let done = before.stacks.into_iter().filter(|s| is_gone(s) && !now.stacks.iter().any(|n| n.name == s.name));
    let stacks = done.chain(now.stacks.iter().cloned()).collect();
    Applied { stacks, ..now }
}

fn unfinished(applied: &Applied) -> Error {
    let left: Vec<&str> = applied.stacks.iter().filter(|s| !is_gone(s)).map(|s| s.name.as_str()).collect();
    let count = if left.len() == 1 { "1 stack is".to_owned() } else { format!("{} stacks are", left.len()) };
    Error::failed(
        "stage.not_removed",
        format!("removing stage {}", applied.stage),
        format!("{count} still there: {}", left.join(", ")),
    )
    .next("correct what is named there, then remove it again")
}

/// Errors (`stage.limit`): the rule's stages are as many as it allows, and this one is not among them.
pub async fn room_for(_office: &Office, seat: &Seat, spot: &Spot) -> Result<()> {
    let rule = &spot.stage.rule;
    let Some(limit) = rule.limit else { return Ok(()) };
    let mut others = Vec::new();
    for name in seat.desk.home.stages().await? {
        let same = seat.intent.config.stage_existing(&name, None).is_ok_and(|stage| stage.rule.name == rule.name);
        if same && name == seat.stage() {
            return Ok(());
        }
        if same {
            others.push(name);
        }
    }
    if (others.len() as u64) < u64::from(limit) {
        return Ok(());
    }
    others.sort();
    Err(Error::refused(
        "stage.limit",
        format!("making room for stage {}", seat.stage()),
        format!("the rule `{}` allows {limit} at a time, and there are {}", rule.name, others.join(", ")),
    )
    .next("remove one of them (close its pull request, or type the remove command there), or raise `limit`"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::plan::StackAction;

    fn outcome(name: &str, ended: Ended) -> StackOutcome {
        StackOutcome {
            name: name.into(),
            action: StackAction::Delete,
            ended,
            status: String::new(),
            seconds: 1.0,
            outputs: BTreeMap::new(),
            failure: None,
            because: None,
        }
    }

    fn applied(stacks: Vec<StackOutcome>) -> Applied {
        Applied {
            version: 1,
            app: "notes".into(),
            stage: "pr-42".into(),
            revision: String::new(),
            digest: String::new(),
            stacks,
            notes: Vec::new(),
            timings: BTreeMap::new(),
        }
    }

    #[test]
    fn a_second_try_keeps_what_the_first_one_did() {
        let first = applied(vec![outcome("api", Ended::Done), outcome("data", Ended::Failed)]);
        let both = together(Some(first), applied(vec![outcome("data", Ended::Done)]));
        let names: Vec<(&str, Ended)> = both.stacks.iter().map(|s| (s.name.as_str(), s.ended)).collect();
        assert_eq!(names, [("api", Ended::Done), ("data", Ended::Done)]);
    }

    #[test]
    fn what_is_left_is_named() {
        let error = unfinished(&applied(vec![outcome("api", Ended::Done), outcome("data", Ended::Failed)]));
        assert_eq!(error.to_string(), "removing stage pr-42: 1 stack is still there: data");
    }
}
