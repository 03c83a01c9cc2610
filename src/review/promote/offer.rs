//! A plan of something else than the pull request's own commit: shown, approved and executed as the stage's rule says.

use crate::config::ApplyRule;
use crate::error::{Error, Result};
use crate::pipeline::apply::{Freshness, Prune};
use crate::pipeline::{self, Synthesized, kept};
use crate::plan::card::{Card, CardState};
use crate::plan::stored::StoredPlan;
use crate::render::markdown;
use crate::render::reply::{self as say, Done};
use crate::review::ask::Answer;
use crate::review::ground::Ground;
use crate::review::seat::{Held, Seat};
use crate::review::spot::{self, Spot};
use crate::review::{Handled, StageResult, approvals, work};

/// A plan in a reply leaves room for what is said beside it.
const PLAN_CHARS: usize = 50_000;

/// How the card of a promotion says what it is.
pub(super) const PROMOTES: &str = "promotes";
/// The same of a rollback.
pub(super) const ROLLS_BACK: &str = "rolls back to";

/// The card shows a promotion or a rollback, not the pull request's own commit.
pub fn is_offer(card: &Card) -> bool {
    card.offer.is_some()
}

/// What is offered to a stage.
pub(super) struct Offer<'a> {
    pub ground: &'a Ground<'a>,
    pub spot: &'a Spot,
    /// What it is, as a sentence's end: `promotes staging, which runs 0123abcd`.
    pub what: String,
    /// The command that executes it once it has been read and approved.
    pub again: String,
}

impl Offer<'_> {
    /// Plans the assembly for the stage, and executes the plan where the rule lets it. `still` looks once more, under the
    /// lock, whether it is to be done at all.
    pub async fn make<F>(&self, mut seat: Seat, made: &Synthesized, still: F) -> Result<Answer>
    where
        F: AsyncFn() -> Result<()>,
    {
        let held = seat.lock(self.ground.office(), "deploy").await?;
        let done = async {
            seat.refresh().await?;
            still().await?;
            self.locked(seat, made, &held).await
        };
        let done = done.await;
        held.lock.release().await;
        done
    }

    async fn locked(&self, seat: Seat, made: &Synthesized, held: &Held) -> Result<Answer> {
        let office = self.ground.office();
        if seat.desk.state.as_ref().is_some_and(|(state, _)| state.run.is_some()) {
            let what = "an earlier run of it was killed and is not finished";
            return Err(Error::refused("run.unfinished", format!("deploying stage {}", seat.stage()), what)
                .next(format!("finish it first: `{} retry {}`", self.ground.asked.prefix, seat.stage())));
        }
        let stored = pipeline::plan(&seat.intent, &seat.desk, made, &office.tools).await?;
        if !stored.plan.has_changes() && kept::is_recorded(&stored.plan, &seat.desk) {
            let why = format!("`{}` runs that already", seat.stage());
            return Ok(Answer::saying(say::done(self.ground.asked.to(), &Done::Nothing { why: &why })));
        }
        let mut card = self.card(&seat, &stored).await?;
        let barred = self.barred(&seat, &stored, &mut card).await?;
        card.planned.get_or_insert_with(pipeline::now);
        if let Some(error) = barred {
            return self.shown(&seat, card, error).await;
        }
        card.state = CardState::Deploying;
        let home_seat = seat.clone();
        self.ground.tell(&home_seat, &StageResult { card: card.clone(), error: None }).await?;
        let done = work::deploy(office, seat, &stored, Freshness::JustPlanned, &mut card, held, Prune::Keep).await;
        let mut result = work::settle(&mut card, done.err());
        if result.card.state == CardState::Deployed {
            let (home, stage) = (&home_seat.desk.home, home_seat.stage());
            let untold = pipeline::keep_assembly(home, stage, &stored.plan.revision, made).await;
            untold.into_iter().for_each(|note| office.tools.teller.note(note));
        }
        result.card.why.get_or_insert_with(|| self.what.clone());
        let errors = self.ground.tell(&home_seat, &result).await.err().into_iter().collect();
        let said = result.card.applied.as_ref().map(|applied| markdown::applied(applied, PLAN_CHARS));
        let mut answer = Answer::of(Handled { stages: vec![result], errors, ..Handled::default() });
        answer.said.extend(said.filter(|_| !self.ground.is_own(self.spot)));
        Ok(answer)
    }

    /// The card with the new plan, which a plan of the same digest was shown before, if one was.
    async fn card(&self, seat: &Seat, stored: &StoredPlan) -> Result<Card> {
        let (pull, base) = match self.ground.pull() {
            Some(pull) => (pull.number, pull.base.revision.as_str()),
            None => (0, ""),
        };
        let before = if pull == 0 { None } else { seat.desk.home.card(seat.stage(), pull).await? };
        let revision = stored.plan.revision.as_str();
        let mut card = spot::blank(self.ground.office(), &self.ground.room, self.spot, pull, (revision, base));
        let same = before.filter(|b| b.plan.as_ref().is_some_and(|p| p.digest == stored.plan.digest));
        // nothing as long as nobody was shown it
        card.planned = same.and_then(|before| before.planned);
        card.plan = Some(stored.plan.clone());
        card.why = Some(self.what.clone());
        let prefix = self.ground.asked.prefix.as_str();
        card.offer = Some(self.again.trim_start_matches(prefix).trim().to_owned());
        Ok(card)
    }

    /// What stands between the plan and its execution, if anything does.
    async fn barred(&self, seat: &Seat, stored: &StoredPlan, card: &mut Card) -> Result<Option<Error>> {
        let doing = format!("deploying stage {}", seat.stage());
        if !stored.plan.has_changes() {
            return Ok(None);
        }
        match seat.intent.stage.rule.apply {
            ApplyRule::Auto | ApplyRule::Fast => Ok(None),
            ApplyRule::Manual => {
                if card.planned.as_deref().is_some_and(|planned| self.ground.asked.saw(planned)) {
                    return Ok(None);
                }
                card.state = CardState::Planned;
                Ok(Some(
                    Error::refused("plan.none", doing, "its plan was not shown before")
                        .next(format!("read the plan, then type it again: `{}`", self.again)),
                ))
            }
            ApplyRule::Approved => {
                card.approvals = approvals::of(self.ground.office(), seat, &stored.plan, self.ground.pull()).await?;
                if card.approvals.is_enough() {
                    return Ok(None);
                }
                card.state = CardState::NeedsApproval;
                Ok(Some(self.ground.lacking(self.spot, &card.approvals, Some(&self.again))))
            }
        }
    }

    /// The plan waits: it is kept where an approval finds it, and told where people read it.
    async fn shown(&self, seat: &Seat, card: Card, error: Error) -> Result<Answer> {
        let text = card.plan.as_ref().map(|plan| markdown::plan_with(plan, PLAN_CHARS, &self.again));
        let result = StageResult { card, error: None };
        self.ground.tell(seat, &result).await?;
        let mut answer = Answer::of(Handled { stages: vec![result], ..Handled::default() });
        answer.said.extend(text.filter(|_| !self.ground.is_own(self.spot)));
        Ok(answer.and(Answer::refused(error)))
    }
}
