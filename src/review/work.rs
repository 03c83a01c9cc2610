//! One stage's way through a review: planned, and where its rule says so deployed, always from what is so now.

use super::board::Board;
use super::seat::{Held, Seat};
use super::spot::Spot;
use super::{Office, StageResult, approvals, report};
use crate::config::{ApplyRule, Drafts};
use crate::error::{Class, Error, Result};
use crate::forge::{Pull, PullState, Readiness};
use crate::pipeline::apply::{Freshness, Prune};
use crate::pipeline::{self, As, kept, report as files};
use crate::plan::Plan;
use crate::plan::card::{Card, CardState, StageRole, Trouble};
use crate::plan::outcome::{Applied, Ended};
use crate::plan::stored::StoredPlan;

/// Why nothing is done for a stage that runs already what the commit says.
pub const UNTOUCHED: &str = "nothing that the app is made from has changed";

/// What is done with a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aim {
    /// What its rule says: deployed at once, or planned and shown; nothing where the pull request cannot change the app.
    Rule,
    /// The same for a stage that a person named, whatever the pull request changes.
    Named,
    /// Planned and shown, whatever its rule says.
    Plan,
}

/// Plans a stage of a pull request, and deploys a preview whose rule is to be deployed at once.
pub async fn stage(board: &Board<'_>, spot: &Spot, aim: Aim) -> StageResult {
    let mut card = board.blank(spot);
    let error = work(board, spot, aim, &mut card).await.err();
    settle(&mut card, error)
}

/// Puts what ended the work into the card.
pub fn settle(card: &mut Card, error: Option<Error>) -> StageResult {
    if let Some(error) = &error {
        card.trouble = Some(Trouble::of(error));
        card.state = match (error.class(), card.state) {
            (Class::Refused, _) => CardState::Refused,
            (_, CardState::Deploying) => CardState::DeployFailed,
            _ => CardState::PlanFailed,
        };
    }
    StageResult { card: card.clone(), error }
}

async fn work(board: &Board<'_>, spot: &Spot, aim: Aim, card: &mut Card) -> Result<()> {
    let at_once = aim != Aim::Plan && is_at_once(board.pull, spot);
    let role = if at_once { As::Applier } else { As::Planner };
    let seat = Seat::take(board.office, board.room, &spot.app, &spot.stage, role).await?;
    board.seated(&seat);
    let before = seat.desk.home.card(seat.stage(), board.pull.number).await?;
    if let Some(before) = &before {
        recall(card, before);
    }
    card.expires = seat.desk.state.as_ref().and_then(|(state, _)| state.expires.clone());
    if spot.role == StageRole::Preview && is_draft(board) && spot.stage.rule.drafts == Drafts::Ignore {
        card.state = CardState::Unchanged;
        card.why = Some("the pull request is a draft".to_owned());
        return Ok(());
    }
    if seat.is_untouched()? {
        return untouched(&seat, card, before).await;
    }
    let lives = spot.role == StageRole::Preview && seat.desk.state.is_some();
    if aim == Aim::Rule && !lives && !board.touches(&spot.app).await? {
        card.state = CardState::Unchanged;
        card.why = Some("the pull request changes nothing that the app is made from".to_owned());
        return Ok(());
    }
    // a check that already says how this commit is does not go back to being worked on
    if before.as_ref().is_none_or(|b| b.head != card.head) {
        report::check(board.office, card).await?;
    }
    if !at_once {
        return plan(board, &seat, spot, card, before.as_ref()).await.map(|_| ());
    }
    seat.has_room().await?;
    let held = seat.lock(board.office, "deploy").await?;
    let done = locked(board, seat, spot, card, &held).await;
    held.lock.release().await;
    done
}

fn is_draft(board: &Board<'_>) -> bool {
    board.pull.readiness == Readiness::Draft
}

/// The rule deploys the pull request's preview without being asked: then nobody has to have read a plan.
pub fn is_at_once(pull: &Pull, spot: &Spot) -> bool {
    let ready = pull.readiness == Readiness::Ready || spot.stage.rule.drafts == Drafts::Deploy;
    pull.state == PullState::Open
        && spot.role == StageRole::Preview
        && ready
        && matches!(spot.stage.rule.apply, ApplyRule::Auto | ApplyRule::Fast)
}

/// What an earlier run knew stays where it is still about the same commit.
fn recall(card: &mut Card, before: &Card) {
    if before.head == card.head {
        card.applied = before.applied.clone();
    }
    card.outputs = before.outputs.clone();
    card.url = before.url.clone();
    card.live_url = before.live_url.clone();
}

/// Nothing that the app is made from differs from what is deployed: no synth, no plan.
async fn untouched(seat: &Seat, card: &mut Card, before: Option<Card>) -> Result<()> {
    if let Some(before) = before.filter(|b| is_settled(b, card)) {
        *card = before;
        return Ok(());
    }
    card.why = Some(UNTOUCHED.to_owned());
    if card.role == StageRole::Target {
        card.state = CardState::Unchanged;
        return Ok(());
    }
    card.state = CardState::Deployed;
    tell_outputs(seat, card).await
}

/// An earlier run said all that is to be said about the same commits.
fn is_settled(before: &Card, card: &Card) -> bool {
    (before.head == card.head && before.base == card.base)
        && matches!(before.state, CardState::Deployed | CardState::Unchanged)
}

/// The outputs as they are now, and the address among them.
pub async fn tell_outputs(seat: &Seat, card: &mut Card) -> Result<()> {
    let Some((state, _)) = &seat.desk.state else { return Ok(()) };
    let outputs = files::outputs_of(&seat.desk.aws, state).await?;
    card.url = super::url::of(&outputs, seat.intent.app.url.as_deref());
    // a card is read by everyone who reads the pull request
    card.outputs = files::redacted(outputs);
    Ok(())
}

/// Plans and puts the plan on the card, with the approvals it has and lacks.
pub async fn plan(
    board: &Board<'_>,
    seat: &Seat,
    spot: &Spot,
    card: &mut Card,
    before: Option<&Card>,
) -> Result<StoredPlan> {
    let stored = seat.plan(board.office).await?;
    show(card, &stored.plan, before);
    if !stored.plan.has_changes() {
        let deployed = before.is_some_and(|b| b.state == CardState::Deployed && b.head == card.head);
        card.state = if deployed { CardState::Deployed } else { CardState::Unchanged };
        return Ok(stored);
    }
    card.approvals = approvals::of(board.office, seat, &stored.plan, Some(board.pull)).await?;
    let asks = spot.stage.rule.apply == ApplyRule::Approved;
    card.state = if asks && !card.approvals.is_enough() { CardState::NeedsApproval } else { CardState::Planned };
    if spot.role == StageRole::Preview && is_draft(board) {
        card.why = Some("the pull request is a draft: deployed when it is ready for review, or by command".to_owned());
    }
    Ok(stored)
}

/// A plan that says the same about the same commits was shown when it was shown first.
fn show(card: &mut Card, plan: &Plan, before: Option<&Card>) {
    let known = before.filter(|b| {
        b.head == card.head && b.base == card.base && b.plan.as_ref().is_some_and(|p| p.digest == plan.digest)
    });
    card.planned = Some(known.and_then(|b| b.planned.clone()).unwrap_or_else(pipeline::now));
    if let Some(before) = before.filter(|b| b.plan.as_ref().is_some_and(|p| p.digest != plan.digest)) {
        let given = u32::try_from(before.approvals.given.len()).unwrap_or(u32::MAX);
        card.approvals.dismissed = before.approvals.dismissed.saturating_add(given);
    }
    card.plan = Some(plan.clone());
}

/// Under the lock: what was true before may not be any more.
async fn locked(board: &Board<'_>, mut seat: Seat, spot: &Spot, card: &mut Card, held: &Held) -> Result<()> {
    seat.refresh().await?;
    still_wanted(board).await?;
    // another run may have deployed this very commit while the lock was waited for
    let before = seat.desk.home.card(seat.stage(), board.pull.number).await?;
    if seat.is_untouched()? {
        return untouched(&seat, card, before).await;
    }
    seat.catch_up(board.office, held).await?;
    let stored = plan(board, &seat, spot, card, before.as_ref()).await?;
    if !stored.plan.has_changes() && kept::is_recorded(&stored.plan, &seat.desk) {
        if let Some(before) = before.filter(|b| is_settled(b, card)) {
            *card = before;
            return Ok(());
        }
        card.state = CardState::Deployed;
        tell_outputs(&seat, card).await?;
        return Ok(());
    }
    card.state = CardState::Deploying;
    board.announce(card).await;
    deploy(board.office, seat, &stored, Freshness::JustPlanned, card, held, Prune::Keep).await
}

/// Executes a plan and puts what came of it on the card.
pub async fn deploy(
    office: &Office,
    mut seat: Seat,
    stored: &StoredPlan,
    freshness: Freshness,
    card: &mut Card,
    held: &Held,
    prune: Prune,
) -> Result<()> {
    card.state = CardState::Deploying;
    let approval = card.approvals.given.first().cloned();
    let applied = seat.apply(office, stored, freshness, approval, held, prune).await?;
    let cancelled = seat.desk.home.cancel_asked(seat.stage(), &held.run).await.unwrap_or_default();
    outcome(card, applied, cancelled);
    seat.refresh().await?;
    if let Some((state, _)) = &seat.desk.state {
        card.expires = state.expires.clone();
        tell_outputs(&seat, card).await?;
    }
    Ok(())
}

fn outcome(card: &mut Card, applied: Applied, cancelled: Option<String>) {
    let began_all = !applied.stacks.iter().any(|s| s.ended == Ended::Skipped);
    card.state = match (applied.failed(), &cancelled) {
        (true, Some(by)) if !applied.stacks.iter().any(|s| s.ended == Ended::Failed) => {
            card.why = Some(format!("cancelled by {by}"));
            CardState::Cancelled
        }
        (true, _) if pruned_only(&applied) => CardState::Deployed,
        (true, _) => CardState::DeployFailed,
        (false, _) => CardState::Deployed,
    };
    if began_all && card.state == CardState::Deployed {
        card.why = None;
    }
    card.applied = Some(files::readable(applied));
}

/// Stacks that the app no longer names are kept without `--prune`: that is no failure.
fn pruned_only(applied: &Applied) -> bool {
    !files::is_failure(applied)
}

/// The pull request as it is now: closed meanwhile, or pushed to.
async fn still_wanted(board: &Board<'_>) -> Result<()> {
    let doing = format!("deploying for pull request #{}", board.pull.number);
    let now = board.office.github.pull(board.pull.number).await?;
    let Some(now) = now.filter(|now| now.state == PullState::Open) else {
        return Err(Error::refused("review.closed", doing, "the pull request was closed meanwhile")
            .next("reopen it to get its preview back"));
    };
    if now.head.revision != board.pull.head.revision {
        let what = format!("commit {} was pushed meanwhile", now.head.revision.short());
        return Err(Error::refused("review.superseded", doing, what).next("the newer commit is deployed instead"));
    }
    Ok(())
}
