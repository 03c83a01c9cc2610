//! `deploy`: executes exactly the plan that was shown when the command was written, or says what has moved since.

use crate::config::{ApplyRule, GitRef};
use crate::error::{Error, Result};
use crate::forge::{Pull, PullState};
use crate::pipeline::apply::{Freshness, Prune};
use crate::pipeline::{As, kept};
use crate::plan::Plan;
use crate::plan::card::{Card, CardState, StageRole};
use crate::plan::stored::StoredPlan;
use crate::render::reply::{self as say, Done};
use crate::review::ask::Answer;
use crate::review::board::Board;
use crate::review::ground::Ground;
use crate::review::seat::{Held, Seat};
use crate::review::spot::Spot;
use crate::review::work::{self, Aim};
use crate::review::{Handled, StageResult, approvals, promote, pull, push};

use super::dispatch;

/// Why a plan is not executed, and whether a new one helps.
pub(super) enum Refusal {
    Plain(Error),
    /// What was shown does not stand any more: a new plan is made and shown.
    PlanAnew(Error),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        match error.code() {
            "plan.stale" | "plan.missing" | "plan.tampered" | "plan.other" => Refusal::PlanAnew(error),
            _ => Refusal::Plain(error),
        }
    }
}

/// Deploys the stages one after the other; the first that is refused ends it.
pub(super) async fn deploy(ground: &Ground<'_>, spots: &[Spot], prune: Prune) -> Result<Answer> {
    let Some(pull) = ground.pull() else { return dispatch::deploy(ground, spots, prune).await };
    ground.is_trusted(pull).await?;
    let mut answer = Answer::default();
    for spot in spots {
        answer = answer.and(one(ground, pull, spot, prune).await?);
        if !answer.is_done() {
            break;
        }
    }
    Ok(answer)
}

/// Deploys one stage of the pull request.
pub(super) async fn one(ground: &Ground<'_>, pull: &Pull, spot: &Spot, prune: Prune) -> Result<Answer> {
    if pull.state == PullState::Closed || spot.role == StageRole::Preview {
        ground.is_open(pull, &format!("deploying stage {}", spot.stage.name))?;
    }
    if work::is_at_once(pull, spot) && prune == Prune::Keep {
        return pull::reconcile(ground.office(), pull.number, &only(spot), Aim::Named).await.map(Answer::of);
    }
    if pull.state == PullState::Merged && spot.stage.rule.apply != ApplyRule::Manual {
        return Ok(unless_lacking(ground, spot, landed(ground, pull).await?));
    }
    let Some(board) = ground.board()? else { return Ok(Answer::default()) };
    Deploy { ground, pull, board: &board, spot, prune }.run().await
}

fn only(spot: &Spot) -> crate::command::Target {
    crate::command::Target { app: Some(spot.app.name.to_string()), stage: Some(spot.stage.name.to_string()) }
}

/// A deploy that ends with approvals missing was not done.
pub(super) fn unless_lacking(ground: &Ground<'_>, spot: &Spot, handled: Handled) -> Answer {
    let lacking = handled.stages.iter().find(|s| s.error.is_none() && s.card.state == CardState::NeedsApproval);
    let error = lacking.map(|result| ground.lacking(spot, &result.card.approvals, None));
    Answer { error, ..Answer::of(handled) }
}

/// What was merged is deployed as the push of the merge would: at once, or when its plan has its approvals.
async fn landed(ground: &Ground<'_>, pull: &Pull) -> Result<Handled> {
    push::moved(ground.office(), &GitRef::Branch(pull.base.branch.clone()), &ground.head).await
}

struct Deploy<'a> {
    ground: &'a Ground<'a>,
    pull: &'a Pull,
    board: &'a Board<'a>,
    spot: &'a Spot,
    prune: Prune,
}

/// What may be executed now, or why there is nothing to.
enum Bound {
    Ready(Box<(Card, StoredPlan)>),
    Nothing(String),
}

impl Deploy<'_> {
    async fn run(&self) -> Result<Answer> {
        let office = self.ground.office();
        let seat = Seat::take(office, &self.ground.room, &self.spot.app, &self.spot.stage, As::Applier).await?;
        self.board.seated(&seat);
        match self.execute(seat).await {
            Ok(answer) => Ok(answer),
            Err(Refusal::Plain(error)) => Err(error),
            Err(Refusal::PlanAnew(error)) => {
                let anew = plan_anew(self.ground, self.pull, self.board, self.spot).await?;
                Ok(Answer::of(anew).and(Answer::refused(error)))
            }
        }
    }

    async fn execute(&self, mut seat: Seat) -> Result<Answer, Refusal> {
        // asked before the lock, so that a refusal waits for nobody
        if let Bound::Nothing(said) = self.bound(&seat).await? {
            return Ok(Answer::saying(said));
        }
        let held = seat.lock(self.ground.office(), "deploy").await?;
        let done = match seat.refresh().await {
            Ok(()) => self.locked(seat, &held).await,
            Err(error) => Err(error.into()),
        };
        held.lock.release().await;
        done
    }

    /// Under the lock everything is looked at again: the pull request, the card, the approvals.
    async fn locked(&self, mut seat: Seat, held: &Held) -> Result<Answer, Refusal> {
        let office = self.ground.office();
        seat.catch_up(office, held).await?;
        let (mut card, stored) = match self.bound(&seat).await? {
            Bound::Nothing(said) => return Ok(Answer::saying(said)),
            Bound::Ready(ready) => *ready,
        };
        (card.trouble, card.why, card.run_url) = (None, None, office.settings.run_url.clone());
        card.state = CardState::Deploying;
        self.board.announce(&card).await;
        let done = work::deploy(office, seat, &stored, Freshness::Stored, &mut card, held, self.prune).await;
        let result = match done {
            Ok(()) => StageResult { card, error: None },
            Err(error) if error.code() == "plan.stale" => return Err(Refusal::PlanAnew(error)),
            Err(error) => work::settle(&mut card, Some(error)),
        };
        // what is deployed is deployed, told or not
        let untold = self.board.tell(std::slice::from_ref(&result)).await.err();
        let errors = untold.into_iter().collect();
        Ok(Answer::of(Handled { stages: vec![result], errors, ..Handled::default() }))
    }

    /// The plan that was shown, if it still stands.
    async fn bound(&self, seat: &Seat) -> Result<Bound, Refusal> {
        if let Some(said) = self.has_it(seat) {
            return Ok(Bound::Nothing(said));
        }
        let (mut card, plan) = shown(self.ground, self.pull, self.spot, seat, Want::Deploy).await?;
        if !plan.has_changes() {
            return Ok(Bound::Nothing(self.nothing(&format!("`{}` is as this commit says", seat.stage()))));
        }
        let stored = kept::fetch(&seat.desk, seat.stage(), &plan.digest).await?;
        kept::is_for(&stored, &plan.digest, &seat.intent, &seat.desk)?;
        if self.spot.stage.rule.apply == ApplyRule::Approved {
            card.approvals = approvals::of(self.ground.office(), seat, &plan, Some(self.pull)).await?;
            if !card.approvals.is_enough() {
                card.state = CardState::NeedsApproval;
                let error = self.ground.lacking(self.spot, &card.approvals, None);
                self.board.tell(&[StageResult { card, error: None }]).await?;
                return Err(Refusal::Plain(error));
            }
        }
        Ok(Bound::Ready(Box::new((card, stored))))
    }

    fn nothing(&self, why: &str) -> String {
        say::done(self.ground.asked.to(), &Done::Nothing { why })
    }

    /// The stage runs the commit already: the command was carried out before, or need not be.
    fn has_it(&self, seat: &Seat) -> Option<String> {
        let (state, _) = seat.desk.state.as_ref()?;
        let has = state.revision.as_deref() == Some(self.ground.head.as_str()) && !state.dirty && state.run.is_none();
        (has && self.prune == Prune::Keep)
            .then(|| self.nothing(&format!("`{}` runs this commit already", seat.stage())))
    }
}

/// What the plan is wanted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Want {
    Deploy,
    /// Also that of a promotion or a rollback, which is about another commit.
    Approve,
}

/// The card and its plan, if that is what the person saw who asks, and nothing moved since.
pub(super) async fn shown(
    ground: &Ground<'_>,
    pull: &Pull,
    spot: &Spot,
    seat: &Seat,
    want: Want,
) -> Result<(Card, Plan), Refusal> {
    let office = ground.office();
    let doing = format!("looking for the plan of stage {}", seat.stage());
    let again = "read the plan that is shown now, then type it again";
    let now = pull::get(office, pull.number).await?;
    if now.state != pull.state {
        let what = format!("pull request #{} was closed or opened again meanwhile", pull.number);
        return Err(Refusal::Plain(Error::refused("review.moved", doing, what).next("look at it as it is now")));
    }
    let card = seat.desk.home.card(seat.stage(), pull.number).await?;
    let Some((card, plan)) = card.and_then(|card| card.plan.clone().map(|plan| (card, plan))) else {
        let error = Error::refused("plan.none", doing, "no plan of it was shown yet").next(again);
        return Err(Refusal::PlanAnew(error));
    };
    let head = match now.state {
        PullState::Open => now.head.revision.clone(),
        PullState::Closed | PullState::Merged => ground.head.clone(),
    };
    let offered = want == Want::Approve && (!ground.is_own(spot) || promote::is_offer(&card));
    if !offered && card.head != head.as_str() {
        let planned = card.head.get(..8).unwrap_or(&card.head);
        let what = format!("the plan is of commit {planned}, and what counts now is {}", head.short());
        return Err(Refusal::PlanAnew(Error::refused("plan.stale", doing, what).next(again)));
    }
    if !offered && now.state == PullState::Open && spot.role == StageRole::Target {
        base_stands(ground, &now, &card, &doing).await?;
    }
    let seen = card.planned.as_deref().is_some_and(|planned| ground.asked.saw(planned));
    let seen = seen && ground.asked.means(&plan.digest);
    if !seen {
        let what = "the plan that is shown was made after this was written";
        return Err(Refusal::Plain(Error::refused("plan.newer", doing, what).next(again)));
    }
    Ok((card, plan))
}

/// A stage of the base branch must not lose what the base branch has and the head has not.
async fn base_stands(ground: &Ground<'_>, now: &Pull, card: &Card, doing: &str) -> Result<(), Refusal> {
    let github = &ground.office().github;
    let base = &now.base.branch;
    let Some(tip) = github.branch_tip(base).await? else {
        let what = format!("the base branch {base} was deleted");
        return Err(Refusal::Plain(
            Error::refused("plan.stale", doing, what).next("let the pull request go into a branch that exists"),
        ));
    };
    let behind = github.behind(tip.as_str(), now.head.revision.as_str()).await?;
    if behind > 0 {
        let commits = if behind == 1 { "1 commit".to_owned() } else { format!("{behind} commits") };
        let what = format!("the base branch {base} has moved on by {commits}");
        let next = format!("merge or rebase {base}, push, and read the new plan");
        return Err(Refusal::Plain(Error::refused("plan.behind", doing, what).next(next)));
    }
    if card.base != now.base.revision.as_str() {
        let then = card.base.get(..8).unwrap_or(&card.base);
        let what = format!("the plan was made when {base} was at {then}; it is at {} now", now.base.revision.short());
        return Err(Refusal::PlanAnew(
            Error::refused("plan.stale", doing, what).next("read the plan that is shown now, then type it again"),
        ));
    }
    Ok(())
}

/// Makes a new plan of the stage and shows it.
pub(super) async fn plan_anew(ground: &Ground<'_>, pull: &Pull, board: &Board<'_>, spot: &Spot) -> Result<Handled> {
    if pull.state != PullState::Open {
        return landed(ground, pull).await;
    }
    let result = work::stage(board, spot, Aim::Plan).await;
    board.tell(std::slice::from_ref(&result)).await?;
    Ok(Handled { stages: vec![result], ..Handled::default() })
}
