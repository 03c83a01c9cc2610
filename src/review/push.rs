//! A branch or tag moved, a merge queue asks: the stages of that branch are planned and deployed.

use tokio_util::sync::CancellationToken;

use super::board::Board;
use super::seat::{self, Room, Seat};
use super::spot::{self, Spot};
use super::work;
use super::{Handled, Office, StageResult, approvals, report};
use crate::aws::home::Home;
use crate::config::{ApplyRule, GitRef};
use crate::error::{Error, Result};
use crate::forge::{Pull, PullState};
use crate::git::{Limits, Mirror, Remote, Token, Wanted};
use crate::names::{Branch, Revision};
use crate::pipeline::apply::{Freshness, Prune};
use crate::pipeline::{self, As, Trust, kept};
use crate::plan::card::{Card, CardState, StageRole};

/// A pushed branch or tag: plans its stages, and deploys them as their rules say.
pub async fn moved(office: &Office, git_ref: &GitRef, pushed: &Revision) -> Result<Handled> {
    let revision = match git_ref {
        // what counts is where the branch is now; the run of an older push deploys the newer one
        GitRef::Branch(branch) => match office.github.branch_tip(branch).await? {
            Some(tip) => tip,
            None => return Ok(Handled::note(format!("branch {branch} does not exist any more"))),
        },
        GitRef::Tag(tag) => tag_tip(office, tag).await?,
        GitRef::PullRequest { .. } => pushed.clone(),
    };
    let room = seat::room(office, &revision, git_ref.clone(), Trust::Trusted).await?;
    let mut handled = Handled { notes: room.opened.notes.clone(), ..Handled::default() };
    let came_with = came_with(office, git_ref, &revision).await?;
    let spots = spot::of_ref(office, &room, git_ref, StageRole::Target)?;
    if spots.is_empty() {
        handled.notes.push(format!("no rule of offshoot.yml is about {git_ref}"));
    }
    for spot in &spots {
        let push = Push { office, room: &room, spot, pull: came_with.as_ref(), revision: &revision };
        handled.stages.push(push.deploy().await);
    }
    if let Some(pull) = &came_with
        && let Err(error) = Board::new(office, &room, pull)?.comment().await
    {
        handled.errors.push(error);
    }
    Ok(handled)
}

/// The commit that a tag names now: the event of an annotated one names the tag itself, which no check can stand at.
pub async fn tag_tip(office: &Office, tag: &str) -> Result<Revision> {
    let token = Token::new(office.github.git_token().await?);
    let remote = Remote::parse(&office.settings.address)?.with_token(Some(token));
    let mirror = Mirror::open(&office.tools.cache_dir, remote, Limits::default(), CancellationToken::new(), None)?;
    mirror.resolve(&Wanted::Tag(tag.to_owned())).await
}

/// The pull request that was merged as this commit, or whose head it is.
async fn came_with(office: &Office, git_ref: &GitRef, revision: &Revision) -> Result<Option<Pull>> {
    let GitRef::Branch(branch) = git_ref else { return Ok(None) };
    let pulls = office.github.pulls_of(revision).await?;
    let merged = |p: &Pull| p.state == PullState::Merged && p.base.branch == *branch;
    let open = |p: &Pull| p.state == PullState::Open && p.head.branch == *branch && p.head.revision == *revision;
    Ok(pulls.into_iter().find(|p| merged(p) || open(p)))
}

struct Push<'a> {
    office: &'a Office,
    room: &'a Room,
    spot: &'a Spot,
    pull: Option<&'a Pull>,
    revision: &'a Revision,
}

impl Push<'_> {
    fn blank(&self) -> Card {
        let base = self.pull.map(|p| p.base.revision.to_string()).unwrap_or_default();
        let number = self.pull.map_or(0, |p| p.number);
        // the stage of a branch is the preview of the pull request that comes from it
        let role =
            if self.pull.is_some_and(|p| p.state == PullState::Open) { StageRole::Preview } else { self.spot.role };
        let spot = Spot { role, ..self.spot.clone() };
        spot::blank(self.office, self.room, &spot, number, (self.revision.as_str(), &base))
    }

    async fn deploy(&self) -> StageResult {
        let mut card = self.blank();
        let mut home = None;
        let error = self.work(&mut card, &mut home).await.err();
        let mut result = work::settle(&mut card, error);
        let overtaken = result.error.as_ref().is_some_and(|e| e.code() == "review.superseded");
        let told = if overtaken { Ok(()) } else { self.tell(&result.card).await };
        let kept = match &home {
            Some(home) if card.pull != 0 && !overtaken => self.keep(home, &card).await,
            _ => Ok(()),
        };
        if let (None, Err(error)) = (&result.error, told.and(kept)) {
            result.error = Some(error);
        }
        result
    }

    /// Where the pull request has deployed already what was merged, that stays what its comment says.
    async fn keep(&self, home: &Home, card: &Card) -> Result<()> {
        let before = home.card(&card.stage, card.pull).await?;
        let merged = self.pull.is_some_and(|p| p.state == PullState::Merged) && card.state == CardState::Unchanged;
        let before = before.filter(|b| merged && b.state == CardState::Deployed);
        let Some(before) = before else { return home.put_card(card).await };
        let why = format!("merged as `{}`, which changes nothing more", self.revision.short());
        home.put_card(&Card { why: Some(why), updated: card.updated.clone(), ..before }).await
    }

    /// The check and the deployment are told at the commit; the card is kept where a pull request shows it.
    async fn tell(&self, card: &Card) -> Result<()> {
        report::check(self.office, card).await?;
        report::deployment(self.office, card).await
    }

    async fn work(&self, card: &mut Card, home: &mut Option<Home>) -> Result<()> {
        let rule = self.spot.stage.rule.apply;
        let role = if rule == ApplyRule::Manual { As::Planner } else { As::Applier };
        let mut seat = Seat::take(self.office, self.room, &self.spot.app, &self.spot.stage, role).await?;
        *home = Some(seat.desk.home.clone());
        if seat.is_untouched()? {
            card.state = CardState::Unchanged;
            card.why = Some(work::UNTOUCHED.to_owned());
            return work::tell_outputs(&seat, card).await;
        }
        self.tell(card).await?;
        if rule == ApplyRule::Manual {
            return self.plan(&seat, card).await.map(|_| ());
        }
        let held = seat.lock(self.office, "deploy").await?;
        let done = match seat.refresh().await {
            Ok(()) => self.locked(seat, card, &held).await,
            Err(error) => Err(error),
        };
        held.lock.release().await;
        done
    }

    async fn plan(&self, seat: &Seat, card: &mut Card) -> Result<crate::plan::stored::StoredPlan> {
        let stored = seat.plan(self.office).await?;
        card.planned = Some(pipeline::now());
        card.plan = Some(stored.plan.clone());
        card.approvals = approvals::of(self.office, seat, &stored.plan, self.pull).await?;
        card.state = if stored.plan.has_changes() { CardState::Planned } else { CardState::Unchanged };
        Ok(stored)
    }

    async fn locked(&self, mut seat: Seat, card: &mut Card, held: &seat::Held) -> Result<()> {
        self.still_there().await?;
        seat.catch_up(self.office, held).await?;
        let stored = self.plan(&seat, card).await?;
        if !stored.plan.has_changes() && kept::is_recorded(&stored.plan, &seat.desk) {
            return Ok(());
        }
        let asks = self.spot.stage.rule.apply == ApplyRule::Approved && stored.plan.has_changes();
        if asks && !card.approvals.is_enough() {
            card.state = CardState::NeedsApproval;
            return Ok(());
        }
        card.state = CardState::Deploying;
        self.tell(card).await?;
        work::deploy(self.office, seat, &stored, Freshness::JustPlanned, card, held, Prune::Keep).await
    }

    /// Errors (`review.superseded`): the branch has moved on while the lock was waited for.
    async fn still_there(&self) -> Result<()> {
        let Some(GitRef::Branch(branch)) = &self.room.opened.git_ref else { return Ok(()) };
        let tip = self.office.github.branch_tip(branch).await?;
        if tip.as_ref() == Some(self.revision) {
            return Ok(());
        }
        let what = match tip {
            Some(tip) => format!("{branch} is at {} now", tip.short()),
            None => format!("{branch} was deleted"),
        };
        Err(Error::refused("review.superseded", format!("deploying {}", self.spot.name()), what)
            .next("the run of the newer push deploys it"))
    }
}

/// A merge queue asks: the base branch's stages are planned at the revision that it would become.
pub async fn queued(office: &Office, base: &Branch, revision: &Revision) -> Result<Handled> {
    let git_ref = GitRef::Branch(base.clone());
    let room = seat::room(office, revision, git_ref.clone(), Trust::Trusted).await?;
    let spots = spot::of_ref(office, &room, &git_ref, StageRole::Target)?;
    let mut handled = Handled { notes: room.opened.notes.clone(), ..Handled::default() };
    for spot in &spots {
        let push = Push { office, room: &room, spot, pull: None, revision };
        let mut card = push.blank();
        let planned = async {
            push.tell(&card).await?;
            let seat = Seat::take(office, &room, &spot.app, &spot.stage, As::Planner).await?;
            push.plan(&seat, &mut card).await
        };
        let error = planned.await.err();
        let result = work::settle(&mut card, error);
        handled.errors.extend(push.tell(&result.card).await.err());
        handled.stages.push(result);
    }
    previews_pass(office, &room, revision).await?;
    Ok(handled)
}

/// A branch may require the check of previews, which a merge queue has none of.
async fn previews_pass(office: &Office, room: &Room, revision: &Revision) -> Result<()> {
    let any = room.opened.config.stages.iter().any(|r| matches!(r.source, crate::config::Source::PullRequest { .. }));
    let Some(Some(base)) = any.then(|| room.opened.git_ref.clone()) else { return Ok(()) };
    for mut spot in spot::of_ref(office, room, &base, StageRole::Preview)? {
        spot.role = StageRole::Preview;
        let mut card = spot::blank(office, room, &spot, 0, (revision.as_str(), ""));
        card.state = CardState::Unchanged;
        card.why = Some("a merge queue has no preview".to_owned());
        report::check(office, &card).await?;
    }
    Ok(())
}
