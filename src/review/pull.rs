//! A pull request as it is now, and its stages made equal to it: planned, deployed, or removed.

use futures_util::StreamExt;

use super::board::Board;
use super::seat::{self, Room, Seat};
use super::spot::Spot;
use super::work::{self, Aim};
use super::{Code, Handled, Office, StageResult, report, sweep, trust};
use crate::command::Target;
use crate::config::GitRef;
use crate::error::{Error, Result};
use crate::forge::{Origin, Pull, PullState};
use crate::names::Revision;
use crate::pipeline::{As, Trust};
use crate::plan::card::{CLOSED, CardState, StageRole};

/// Stages that are worked on at the same time.
const PARALLEL: usize = 3;
/// A pull request that moves on while it is worked on is looked at again this often.
const ROUNDS: usize = 6;

/// Opens the repository at the pull request's head, under the rules of the default branch.
pub async fn open(office: &Office, pull: &Pull) -> Result<Room> {
    open_at(office, pull, &pull.head.revision).await
}

async fn open_at(office: &Office, pull: &Pull, revision: &Revision) -> Result<Room> {
    let git_ref =
        GitRef::PullRequest { number: pull.number, base: pull.base.branch.clone(), head: pull.head.branch.clone() };
    let trust = if pull.origin() == Origin::Own { Trust::Trusted } else { Trust::Untrusted };
    seat::room(office, revision, git_ref, trust).await
}

/// The pull request with this number. Errors (`review.no_pull`): there is none.
pub async fn get(office: &Office, number: u64) -> Result<Pull> {
    let doing = format!("looking at pull request #{number}");
    office.github.pull(number).await?.ok_or_else(|| {
        Error::failed("review.no_pull", doing, format!("{} has no such pull request", office.repo))
            .next("check the number; a deleted repository takes its pull requests with it")
    })
}

/// Makes the stages equal to the pull request. Whatever event woke us: what counts is how the pull request is now, and
/// when it has moved on at the end, it is done again.
pub async fn reconcile(office: &Office, number: u64, only: &Target, aim: Aim) -> Result<Handled> {
    let mut pull = get(office, number).await?;
    if office.settings.code == Code::Never && !is_to_be_told(office, &pull).await? {
        return Ok(Handled::note(
            "code of a pull request is never run by `pull_request_target`; other events do the work",
        ));
    }
    let mut rounds = 0;
    loop {
        let handled = match pull.state {
            PullState::Open => opened(office, &pull, only, aim).await?,
            PullState::Closed | PullState::Merged => closed(office, &pull).await?,
        };
        rounds += 1;
        let now = get(office, number).await?;
        let moves = |p: &Pull| (p.head.revision.clone(), p.base.branch.clone(), p.state, p.readiness);
        if moves(&now) == moves(&pull) || rounds >= ROUNDS || office.tools.stop.begin_nothing.is_cancelled() {
            return Ok(handled);
        }
        office.tools.teller.note(format!("pull request #{number} has moved on: looking at it again"));
        pull = now;
    }
}

async fn opened(office: &Office, pull: &Pull, only: &Target, aim: Aim) -> Result<Handled> {
    let opened = async {
        let why = distrust(office, pull).await?;
        // what a stranger's commit holds is not even fetched: which stages there are is seen at the base
        let at = if why.is_some() { &pull.base.revision } else { &pull.head.revision };
        Ok((open_at(office, pull, at).await?, why))
    };
    let (room, why) = match opened.await {
        Ok(opened) => opened,
        Err(error) => return untold(office, pull, error).await,
    };
    let board = match Board::new(office, &room, pull) {
        Ok(board) => board,
        Err(error) => return untold(office, pull, error).await,
    };
    let mut handled = Handled { notes: room.opened.notes.clone(), ..Handled::default() };
    if board.spots.is_empty() {
        let what = format!("no rule of offshoot.yml is about pull requests into {}", pull.base.branch);
        handled.notes.push(what);
        return Ok(handled);
    }
    if let Some(why) = why {
        handled.stages = board.spots.iter().map(|spot| waiting(&board, spot, &why)).collect();
    } else {
        let spots = board.spots.iter().filter(|spot| is_meant(spot, only));
        let runs = spots.map(|spot| work::stage(&board, spot, aim));
        handled.stages = futures_util::stream::iter(runs).buffered(PARALLEL).collect().await;
    }
    // a run that was overtaken has nothing to say about a commit that nobody looks at any more
    let overtaken =
        |r: &StageResult| r.error.as_ref().is_some_and(|e| matches!(e.code(), "review.superseded" | "review.closed"));
    handled.stages.retain(|result| !overtaken(result));
    handled.errors.extend(board.tell(&handled.stages).await.err());
    Ok(handled)
}

/// Whether a command is about this stage.
pub fn is_meant(spot: &Spot, only: &Target) -> bool {
    only.app.as_deref().is_none_or(|app| app == spot.app.name.as_str())
        && only.stage.as_deref().is_none_or(|stage| stage == spot.stage.name.as_str())
}

/// `pull_request_target` runs nothing: it only says of a stranger's pull request what it waits for.
async fn is_to_be_told(office: &Office, pull: &Pull) -> Result<bool> {
    Ok(pull.state == PullState::Open && pull.origin() != Origin::Own && !trust::trusted(office, pull).await?)
}

/// Why nothing of the pull request may run, if nothing may.
async fn distrust(office: &Office, pull: &Pull) -> Result<Option<String>> {
    let from = match pull.origin() {
        Origin::Own => return Ok(None),
        Origin::Fork(fork) => format!("it comes from {fork}"),
        Origin::DeletedFork => "its repository was deleted".to_owned(),
    };
    if office.settings.code == Code::MayRun && trust::trusted(office, pull).await? {
        return Ok(None);
    }
    Ok(Some(format!("{from}: nothing of it runs before a maintainer approves commit {}", pull.head.revision.short())))
}

fn waiting(board: &Board<'_>, spot: &Spot, why: &str) -> StageResult {
    let mut card = board.blank(spot);
    card.state = CardState::NeedsTrust;
    card.why = Some(why.to_owned());
    StageResult { card, error: None }
}

/// Nothing can be done: said on the pull request, and in the log.
async fn untold(office: &Office, pull: &Pull, error: Error) -> Result<Handled> {
    report::trouble(office, pull, &error).await?;
    Ok(Handled { errors: vec![error], ..Handled::default() })
}

/// Removes the previews; what was planned for other stages is not said any more.
async fn closed(office: &Office, pull: &Pull) -> Result<Handled> {
    // the head of a fork may be gone, and which apps there are is seen at the base as well
    let room = match open(office, pull).await {
        Ok(room) => room,
        Err(_) => open_at(office, pull, &pull.base.revision).await?,
    };
    let board = Board::new(office, &room, pull)?;
    let mut handled = Handled { notes: room.opened.notes.clone(), ..Handled::default() };
    for spot in board.spots.iter().filter(|spot| spot.role == StageRole::Preview) {
        if !is_of_pull(spot) {
            continue;
        }
        let mut card = board.blank(spot);
        let error = remove(&board, spot, &mut card).await.err();
        let failed = error.is_some();
        let mut result = work::settle(&mut card, error);
        if failed {
            result.card.state = CardState::RemoveFailed;
        }
        handled.stages.push(result);
    }
    for card in left_over(&board).await {
        handled.stages.push(StageResult { card, error: None });
    }
    // reopened meanwhile: the next round says what is so then
    handled.stages.retain(|r| r.error.as_ref().is_none_or(|e| e.code() != "review.reopened"));
    handled.errors.extend(board.tell(&handled.stages).await.err());
    Ok(handled)
}

/// The stage of a branch lives as long as its branch.
fn is_of_pull(spot: &Spot) -> bool {
    matches!(spot.stage.git_ref, Some(GitRef::PullRequest { .. }))
}

async fn remove(board: &Board<'_>, spot: &Spot, card: &mut crate::plan::card::Card) -> Result<()> {
    let office = board.office;
    let mut seat = Seat::take(office, board.room, &spot.app, &spot.stage, As::Applier).await?;
    board.seated(&seat);
    let before = seat.desk.home.card(seat.stage(), board.pull.number).await?;
    if let (None, Some(before)) = (&seat.desk.state, before.filter(|b| b.state == CardState::Removed)) {
        *card = before;
        return Ok(());
    }
    let held = seat.lock(office, "removal").await?;
    let removed = async {
        seat.refresh().await?;
        if get(office, board.pull.number).await?.state == PullState::Open {
            let doing = format!("removing stage {}", spot.stage.name);
            return Err(Error::refused("review.reopened", doing, "the pull request was opened again"));
        }
        sweep::remove_stage(office, &seat, &held, card).await
    };
    let removed = removed.await;
    held.lock.release().await;
    removed
}

/// Cards of the base branch's stages: with a pull request that was not merged, nothing of them will be deployed.
async fn left_over(board: &Board<'_>) -> Vec<crate::plan::card::Card> {
    let cards = board.cards().await.unwrap_or_default();
    let open = |state| {
        use CardState::*;
        matches!(state, Planned | NeedsApproval | NeedsTrust | Planning | PlanFailed | Refused)
    };
    let targets = cards.into_iter().filter(|c| c.role == StageRole::Target && open(c.state));
    let merged = board.pull.state == PullState::Merged;
    targets
        .filter(|_| !merged)
        .map(|mut card| {
            card.state = CardState::Cancelled;
            card.why = Some(CLOSED.to_owned());
            card
        })
        .collect()
}
