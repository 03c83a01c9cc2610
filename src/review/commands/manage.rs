//! Commands about a stage as it stands: remove, extend, cancel, unlock, retry, outputs.

use jiff::{SignedDuration, Timestamp, Unit};

use crate::aws::lock::StageLock;
use crate::command::Target;
use crate::config::Protection;
use crate::error::{Error, Result};
use crate::forge::PullState;
use crate::pipeline::{self, As, report as files};
use crate::plan::card::{Card, CardState, StageRole};
use crate::plan::state::StageState;
use crate::render::reply::{self as say, Done};
use crate::review::ask::Answer;
use crate::review::ground::Ground;
use crate::review::seat::{Held, Seat};
use crate::review::spot::{self, Spot};
use crate::review::work::{self, Aim};
use crate::review::{Handled, StageResult, pull, sweep};

/// A preview is never kept longer than this from now.
const MOST: SignedDuration = SignedDuration::from_hours(30 * 24);

async fn seat(ground: &Ground<'_>, spot: &Spot, role: As) -> Result<Seat> {
    Seat::take(ground.office(), &ground.room, &spot.app, &spot.stage, role).await
}

/// The card that is kept, or one that says nothing yet.
async fn card(ground: &Ground<'_>, spot: &Spot, seat: &Seat) -> Result<Card> {
    let number = ground.pull().map_or(0, |pull| pull.number);
    let kept = if number == 0 { None } else { seat.desk.home.card(seat.stage(), number).await? };
    let base = ground.pull().map(|pull| pull.base.revision.as_str()).unwrap_or_default();
    let head = ground.pull().map_or(ground.head.as_str(), |pull| pull.head.revision.as_str());
    Ok(kept.unwrap_or_else(|| spot::blank(ground.office(), &ground.room, spot, number, (head, base))))
}

/// Removes previews; other stages only where the workflow was started by hand.
pub(super) async fn remove(ground: &Ground<'_>, spots: &[Spot]) -> Result<Answer> {
    for spot in spots {
        let stage = spot.stage.name.as_str();
        if spot.stage.rule.protect == Protection::On {
            return Err(sweep::protected(stage));
        }
        if ground.pull().is_some() && spot.outlives_pull() {
            let what = "it is not the preview of this pull request";
            return Err(Error::refused("remove.not_preview", format!("removing stage {stage}"), what)
                .next(format!("type it in a shell: offshoot remove --app {} --stage {stage}", spot.app.name)));
        }
    }
    let mut answer = Answer::default();
    for spot in spots {
        let seat = seat(ground, spot, As::Applier).await?;
        let mut card = card(ground, spot, &seat).await?;
        let held = seat.lock(ground.office(), "removal").await?;
        let removed = remove_locked(ground, seat.clone(), &held, &mut card).await;
        held.lock.release().await;
        let error = removed.err();
        let failed = error.is_some();
        let mut result = work::settle(&mut card, error);
        if failed {
            result.card.state = CardState::RemoveFailed;
        }
        let errors = ground.tell(&seat, &result).await.err().into_iter().collect();
        answer = answer.and(Answer::of(Handled { stages: vec![result], errors, ..Handled::default() }));
    }
    Ok(answer)
}

async fn remove_locked(ground: &Ground<'_>, mut seat: Seat, held: &Held, card: &mut Card) -> Result<()> {
    seat.refresh().await?;
    sweep::remove_stage(ground.office(), &seat, held, card).await?;
    card.why = Some(format!("removed by {}", ground.asked.by.login));
    Ok(())
}

/// Gives a stage more time.
pub(super) async fn extend(ground: &Ground<'_>, spots: &[Spot], by_s: u64) -> Result<Answer> {
    let mut answer = Answer::default();
    for spot in spots {
        let mut seat = seat(ground, spot, As::Applier).await?;
        let held = seat.lock(ground.office(), "extension").await?;
        // whoever deploys writes the state too: only under the lock does it stay
        let extended = match seat.refresh().await {
            Ok(()) => extend_locked(&seat, by_s).await,
            Err(error) => Err(error),
        };
        held.lock.release().await;
        let expires = extended?;
        if let Some(mut card) = kept(ground, &seat).await? {
            card.expires = Some(expires.clone());
            ground.tell(&seat, &StageResult { card, error: None }).await?;
        }
        let done = Done::Extended { stage: seat.stage(), until: &expires };
        answer = answer.and(said(ground, &done));
    }
    Ok(answer)
}

async fn kept(ground: &Ground<'_>, seat: &Seat) -> Result<Option<Card>> {
    match ground.pull() {
        Some(pull) => seat.desk.home.card(seat.stage(), pull.number).await,
        None => Ok(None),
    }
}

async fn extend_locked(seat: &Seat, by_s: u64) -> Result<String> {
    let doing = format!("extending stage {}", seat.stage());
    let Some((state, tag)) = &seat.desk.state else {
        return Err(
            Error::refused("stage.not_deployed", doing, "nothing is deployed").next("deploy it; its time begins then")
        );
    };
    let Some(expires) = &state.expires else {
        return Err(Error::refused("stage.no_expiry", doing, "it does not expire")
            .next("there is nothing to extend; `expires:` in the rule of a stage lets it end"));
    };
    let expires = later(expires, by_s, Timestamp::now());
    let next = StageState { expires: Some(expires.clone()), updated: pipeline::now(), ..state.clone() };
    seat.desk.home.put_state(&next, Some(tag)).await?;
    Ok(expires)
}

/// So much later than it would end, counted from now where that is past, and never later than [`MOST`] from now; what was
/// later than that already stays.
fn later(expires: &str, by_s: u64, now: Timestamp) -> String {
    let then = expires.parse::<Timestamp>().unwrap_or(now);
    let by = SignedDuration::from_secs(i64::try_from(by_s).unwrap_or(i64::MAX));
    let most = now.checked_add(MOST).unwrap_or(now);
    let next = then.max(now).checked_add(by).unwrap_or(most).min(most).max(then);
    next.round(Unit::Second).unwrap_or(next).to_string()
}

/// Asks whoever works on the stage to stop.
pub(super) async fn cancel(ground: &Ground<'_>, spots: &[Spot]) -> Result<Answer> {
    let mut answer = Answer::default();
    for spot in spots {
        let seat = seat(ground, spot, As::Applier).await?;
        let holder = StageLock::holder(&seat.desk.home, seat.stage()).await?;
        if let Some(holder) = &holder {
            seat.desk.home.ask_to_cancel(seat.stage(), &holder.run, ground.asked.by.login.as_str()).await?;
        }
        let why = format!("nobody works on `{}`", seat.stage());
        let done = match holder {
            Some(_) => Done::Cancelling { stage: seat.stage() },
            None => Done::Nothing { why: &why },
        };
        answer = answer.and(said(ground, &done));
    }
    Ok(answer)
}

/// Breaks the stage's lock.
pub(super) async fn unlock(ground: &Ground<'_>, spots: &[Spot]) -> Result<Answer> {
    let mut answer = Answer::default();
    for spot in spots {
        let seat = seat(ground, spot, As::Applier).await?;
        let holder = StageLock::unlock(&seat.desk.home, seat.stage()).await?;
        let why = format!("`{}` is not locked", seat.stage());
        let done = match holder {
            Some(_) => Done::Unlocked { stage: seat.stage() },
            None => Done::Nothing { why: &why },
        };
        answer = answer.and(said(ground, &done));
    }
    Ok(answer)
}

/// What the stacks give out, without secrets.
pub(super) async fn outputs(ground: &Ground<'_>, spots: &[Spot]) -> Result<Answer> {
    let mut cards = Vec::new();
    for spot in spots {
        let seat = seat(ground, spot, As::Planner).await?;
        let Some((state, _)) = &seat.desk.state else { continue };
        let outputs = files::redacted(files::outputs_of(&seat.desk.aws, state).await?);
        let blank = spot::blank(ground.office(), &ground.room, spot, 0, (ground.head.as_str(), ""));
        cards.push(Card { outputs, ..blank });
    }
    if cards.is_empty() {
        let names: Vec<String> = spots.iter().map(|spot| format!("`{}`", spot.stage.name)).collect();
        return Ok(said(ground, &Done::Nothing { why: &format!("nothing runs on {}", names.join(" and ")) }));
    }
    Ok(Answer::saying(say::outputs(ground.asked.to(), &cards)))
}

fn said(ground: &Ground<'_>, done: &Done<'_>) -> Answer {
    Answer::saying(say::done(ground.asked.to(), done))
}

/// Goes on with what was killed, and does again what the pull request or the branch asks for.
pub(super) async fn retry(ground: &Ground<'_>, spots: &[Spot], on: &Target) -> Result<Answer> {
    let Some(pull) = ground.pull() else {
        return super::dispatch::deploy(ground, spots, pipeline::apply::Prune::Keep).await;
    };
    ground.is_trusted(pull).await?;
    let mut answer = Answer::default();
    if pull.state == PullState::Open {
        for spot in spots.iter().filter(|spot| spot.role == StageRole::Target) {
            answer = answer.and(resume(ground, spot).await?);
        }
    }
    if !answer.is_done() {
        return Ok(answer);
    }
    let only = if pull.state == PullState::Open { meant(spots, on) } else { Target::default() };
    Ok(answer.and(Answer::of(pull::reconcile(ground.office(), pull.number, &only, Aim::Rule).await?)))
}

/// What a command without a stage means, as the driver understands it.
fn meant(spots: &[Spot], on: &Target) -> Target {
    let stage = on.stage.clone().or_else(|| spots.first().map(|spot| spot.stage.name.to_string()));
    Target { app: on.app.clone(), stage }
}

/// The run of a stage of the base branch that was killed, if there is one.
async fn resume(ground: &Ground<'_>, spot: &Spot) -> Result<Answer> {
    let mut seat = seat(ground, spot, As::Applier).await?;
    let was_killed = seat.desk.state.as_ref().is_some_and(|(state, _)| state.run.is_some());
    if !was_killed {
        return Ok(Answer::default());
    }
    let held = seat.lock(ground.office(), "resumed deploy").await?;
    let resumed = match seat.refresh().await {
        Ok(()) => seat.resume(ground.office(), &held).await,
        Err(error) => Err(error),
    };
    held.lock.release().await;
    let Some(applied) = resumed? else { return Ok(Answer::default()) };
    let mut card = card(ground, spot, &seat).await?;
    card.state = if files::is_failure(&applied) { CardState::DeployFailed } else { CardState::Deployed };
    (card.trouble, card.why) = (None, Some("the run that was killed went on".to_owned()));
    card.applied = Some(files::readable(applied));
    card.updated = pipeline::now();
    let result = StageResult { card, error: None };
    ground.tell(&seat, &result).await?;
    Ok(Answer::of(Handled { stages: vec![result], ..Handled::default() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_extension_counts_from_the_end_or_from_now_and_is_bounded() {
        let now: Timestamp = "2026-11-24T12:00:00Z".parse().unwrap();
        let day = 24 * 3600;
        assert_eq!(later("2026-11-25T12:00:00Z", day, now), "2026-11-26T12:00:00Z");
        assert_eq!(later("2026-11-20T12:00:00Z", day, now), "2026-11-25T12:00:00Z");
        assert_eq!(later("2026-11-25T12:00:00Z", 90 * day, now), "2026-12-24T12:00:00Z");
        assert_eq!(later("2027-06-01T00:00:00Z", day, now), "2027-06-01T00:00:00Z");
        assert_eq!(later("soon", u64::MAX, now), "2026-12-24T12:00:00Z");
    }
}
