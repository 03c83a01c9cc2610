//! `approve`: a plan by who may approve it, or a stranger's commit by a maintainer.

use super::deploy::{self, Refusal, Want};
use crate::config::ApplyRule;
use crate::error::{Error, Result};
use crate::forge::{Origin, Pull, PullState};
use crate::pipeline::As;
use crate::pipeline::apply::Prune;
use crate::plan::card::{CardState, StageRole};
use crate::render::reply::{self as say, Done};
use crate::review::ask::{About, Answer, Asked};
use crate::review::ground::Ground;
use crate::review::rights::{self, Wish};
use crate::review::seat::Seat;
use crate::review::spot::Spot;
use crate::review::work::Aim;
use crate::review::{Handled, StageResult, approvals, promote, pull, trust};

/// Lets the commit of a fork run. Nothing is kept: the comment itself is what is looked at, now and later.
pub(super) async fn commit(asked: &Asked<'_>, revision: &str) -> Result<Answer> {
    let doing = format!("approving commit {revision}");
    let About::Pull(pull) = &asked.about else {
        return Err(Error::usage("approval.no_pull", doing, "a commit is approved on its pull request")
            .next("write the command as a comment there"));
    };
    rights::demand(asked.office, asked.by, Wish::Trust, None).await?;
    let head = &pull.head.revision;
    if pull.state != PullState::Open {
        let what = format!("pull request #{} is not open", pull.number);
        return Err(Error::refused("review.not_open", doing, what).next("reopen it, then type it again"));
    }
    if pull.origin() == Origin::Own {
        let what = "the pull request is from this repository: its commits need no approval";
        return Err(Error::refused("approval.not_a_fork", doing, what)
            .next(format!("to approve a plan, name its stage: {} approve prod", asked.prefix)));
    }
    if !trust::names(revision, head) {
        let what = if head.as_str().starts_with(&revision.to_ascii_lowercase()) {
            "a stranger can make another commit that begins with these digits: it takes the whole id".to_owned()
        } else {
            format!("the pull request is at {} now", head.short())
        };
        return Err(Error::refused("approval.other_commit", doing, what)
            .next(format!("read what is there now; then type: {} approve {head}", asked.prefix)));
    }
    if !trust::trusted(asked.office, pull).await? {
        let what = "the forge does not show the comment as it was written";
        return Err(Error::transient("approval.not_seen", doing, what).next("type it again in a new comment"));
    }
    let handled = pull::reconcile(asked.office, pull.number, &Default::default(), Aim::Rule).await?;
    Ok(Answer::of(handled).and(Answer::saying(say::done(asked.to(), &Done::Trusted { revision: head.as_str() }))))
}

/// Approves the plans that are shown.
pub(super) async fn stages(ground: &Ground<'_>, spots: &[Spot]) -> Result<Answer> {
    let Some(pull) = ground.pull() else {
        return Err(Error::usage("approval.no_pull", "approving a plan", "a plan is approved on its pull request")
            .next("write the command as a comment there"));
    };
    ground.is_trusted(pull).await?;
    if pull.state == PullState::Closed {
        ground.is_open(pull, "approving a plan")?;
    }
    let asking: Vec<&Spot> = spots.iter().filter(|s| s.stage.rule.apply == ApplyRule::Approved).collect();
    if asking.is_empty() {
        let names: Vec<&str> = spots.iter().map(|s| s.stage.name.as_str()).collect();
        let what = "its rule asks for no approval";
        let next = format!("deploy it with: {} deploy {}", ground.asked.prefix, names.first().unwrap_or(&""));
        return Err(Error::refused("approval.not_needed", format!("approving stage {}", names.join(", ")), what)
            .next(next.trim_end().to_owned()));
    }
    let mut answer = Answer::default();
    for spot in asking {
        answer = answer.and(one(ground, pull, spot).await?);
        if !answer.is_done() {
            break;
        }
    }
    Ok(answer)
}

async fn one(ground: &Ground<'_>, pull: &Pull, spot: &Spot) -> Result<Answer> {
    let Some(board) = ground.board()? else { return Ok(Answer::default()) };
    let office = ground.office();
    // an approval is a right to deploy: where the bucket keeps planners from writing it, only the applier can
    let seat = Seat::take(office, &ground.room, &spot.app, &spot.stage, As::Applier).await?;
    board.seated(&seat);
    let (mut card, plan) = match deploy::shown(ground, pull, spot, &seat, Want::Approve).await {
        Ok(shown) => shown,
        Err(Refusal::Plain(error)) => return Err(error),
        Err(Refusal::PlanAnew(error)) => {
            let anew = deploy::plan_anew(ground, pull, &board, spot).await?;
            return Ok(Answer::of(anew).and(Answer::refused(error)));
        }
    };
    if !plan.has_changes() {
        let why = format!("`{}` is as this commit says", seat.stage());
        return Ok(Answer::saying(say::done(ground.asked.to(), &Done::Nothing { why: &why })));
    }
    card.approvals = approvals::give(office, &seat, &plan, Some(pull), ground.asked.by).await?;
    let missing = card.approvals.missing();
    let offered = promote::is_offer(&card);
    // what is deployed meanwhile, or was, says so itself
    if matches!(card.state, CardState::NeedsApproval | CardState::Planned | CardState::Refused) {
        card.state = if missing == 0 { CardState::Planned } else { CardState::NeedsApproval };
        card.trouble = None;
        if !offered {
            card.why = None;
        }
    }
    let result = StageResult { card, error: None };
    ground.tell(&seat, &result).await?;
    let told = Answer::of(Handled { stages: vec![result], ..Handled::default() });
    if missing == 0 && !offered && spot.role == StageRole::Preview && pull.state == PullState::Open {
        return deploy::one(ground, pull, spot, Prune::Keep).await;
    }
    let done = Done::Approved { stage: seat.stage(), digest: &plan.digest, missing };
    Ok(told.and(Answer::saying(say::done(ground.asked.to(), &done))))
}
