//! Takes a stage away for good: what removal by command, by a closed pull request and by expiry have in common.

use crate::config::Protection;
use crate::error::{Error, Result};
use crate::pipeline::remove::{self, Removal};
use crate::pipeline::{self, apply};
use crate::plan::card::{Card, CardState};
use crate::plan::outcome::{Applied, Ended, StackOutcome};
use crate::review::seat::{Held, Seat};
use crate::review::{Office, report};

/// Removes the stage under its lock: stacks, what is kept, deployments; the card says how it ended. Buckets with objects
/// are emptied only where the rule says `removal: destroy`.
/// Errors: the stage is protected (`stage.protected`), something could not be deleted (`stage.not_removed`).
pub async fn remove_stage(office: &Office, seat: &Seat, held: &Held, card: &mut Card) -> Result<()> {
    if seat.intent.stage.rule.protect == Protection::On {
        return Err(protected(seat.stage()));
    }
    let applied = delete(office, seat, held).await?;
    card.updated = pipeline::now();
    card.applied = Some(applied.clone()).filter(|applied| !applied.stacks.is_empty());
    if !applied.stacks.iter().all(is_gone) {
        card.state = CardState::RemoveFailed;
        return Err(unfinished(&applied));
    }
    card.state = CardState::Removed;
    (card.plan, card.planned, card.trouble) = (None, None, None);
    (card.url, card.expires, card.live_url) = (None, None, None);
    card.outputs.clear();
    // what is gone is gone, told or not
    if let Err(error) = report::retired(office, card).await {
        office.tools.teller.note(format!("that {} is gone could not be told: {error}", card.stage));
    }
    Ok(())
}

/// Errors when a protected stage would be removed.
pub fn protected(stage: &str) -> Error {
    Error::refused("stage.protected", format!("removing stage {stage}"), "the stage is protected")
        .next("take `protect: true` from its rule in offshoot.yml first, in a commit that somebody reviews")
}

/// Deletes what is known of the stage, and what was only planned for it.
async fn delete(office: &Office, seat: &Seat, held: &Held) -> Result<Applied> {
    let stored = pipeline::plan_removal(&seat.intent, &seat.desk, &[]).await?;
    if seat.desk.state.is_none() && stored.plan.stacks.is_empty() {
        return Ok(apply::nothing(&stored.plan));
    }
    let removal = Removal {
        aws: seat.desk.aws.clone(),
        home: seat.desk.home.clone(),
        state: seat.desk.state.clone(),
        teller: office.tools.teller.clone(),
        stop: office.tools.stop.clone(),
        run: held.run.clone(),
    };
    remove::remove(&stored, removal, &held.lock).await
}

fn is_gone(outcome: &StackOutcome) -> bool {
    matches!(outcome.ended, Ended::Done | Ended::Unchanged)
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
    fn what_is_left_is_named() {
        let error = unfinished(&applied(vec![outcome("api", Ended::Done), outcome("data", Ended::Failed)]));
        assert_eq!(error.to_string(), "removing stage pr-42: 1 stack is still there: data");
    }
}
