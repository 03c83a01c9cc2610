//! A workflow that somebody started by hand: the same commands, for a stage instead of a pull request.

use super::all;
use super::deploy::unless_lacking;
use crate::command::{self, Command, Found};
use crate::config::{ApplyRule, GitRef, Origin, Source, Stage};
use crate::error::{Error, Result};
use crate::forge::Actor;
use crate::forge::event::PushedRef;
use crate::names::Revision;
use crate::pipeline::apply::{Freshness, Prune};
use crate::pipeline::{self, As, kept};
use crate::plan::card::{Card, CardState};
use crate::review::ask::{About, Answer, Asked};
use crate::review::ground::Ground;
use crate::review::seat::{Held, Seat};
use crate::review::spot::{self, Spot};
use crate::review::{Handled, Office, approvals, push, report, trust, work};

/// Does what the inputs say; without a command the branch's stage is deployed.
pub async fn dispatch(
    office: &Office,
    stage: Option<&str>,
    command: Option<&str>,
    git_ref: &PushedRef,
    by: &Actor,
) -> Result<Handled> {
    let prefix = trust::prefix(office).await?;
    let text = command.map(str::trim).filter(|text| !text.is_empty()).unwrap_or("deploy");
    let mut commands = match command::read(&format!("{prefix} {text}"), &prefix) {
        Found::Commands(commands) => commands,
        Found::Wrong { say, .. } => return Err(Error::usage("command.unknown", format!("reading `{text}`"), say)),
        Found::Nothing => {
            let what = "it is no command";
            return Err(Error::usage("command.unknown", format!("reading `{text}`"), what)
                .next("write it as behind the prefix in a comment: deploy, plan, rollback, promote staging prod"));
        }
    };
    commands.iter_mut().for_each(|command| name(command, stage));
    let about = about(office, stage, git_ref).await?;
    let asked = Asked { office, by, at: pipeline::now(), prefix, about, plan: None };
    let answer = all(&asked, &commands).await;
    let mut handled = answer.handled;
    // why something was not done is told as the error that it is
    if answer.error.is_none() {
        handled.notes.extend(answer.said);
    }
    handled.errors.extend(answer.error);
    Ok(handled)
}

/// The `stage` input is the stage of a command that names none.
fn name(command: &mut Command, stage: Option<&str>) {
    let Some(stage) = stage.filter(|stage| !stage.is_empty()) else { return };
    let Some(on) = command.target_mut() else { return };
    if on.stage.is_none() {
        on.stage = Some(stage.to_owned());
    }
}

/// What the stage is made from: the branch that the workflow was started on, or the one that its rule names.
async fn about(office: &Office, stage: Option<&str>, git_ref: &PushedRef) -> Result<About> {
    let started = GitRef::from(git_ref);
    let revision = tip(office, &started).await?;
    let Some(stage) = stage.filter(|stage| !stage.is_empty()) else { return Ok(About::Ref(started, revision)) };
    let asked_room = crate::review::seat::room(office, &revision, started.clone(), pipeline::Trust::Trusted).await?;
    let config = &asked_room.opened.config;
    let own = config.stages_for(&started)?.into_iter().any(|own| own.name.as_str() == stage);
    if own || config.origin == Origin::Discovered {
        return Ok(About::Ref(started, revision));
    }
    let found = config.stage_existing(stage, None)?;
    match of_rule(&found) {
        Made::From(git_ref) => {
            let revision = tip(office, &git_ref).await?;
            Ok(About::Ref(git_ref, revision))
        }
        Made::For(number) => Ok(About::Pull(Box::new(crate::review::pull::get(office, number).await?))),
        Made::Somehow => Ok(About::Ref(started, revision)),
    }
}

/// What a stage's rule says that it is made from.
enum Made {
    From(GitRef),
    For(u64),
    /// One of many branches.
    Somehow,
}

fn of_rule(stage: &Stage) -> Made {
    if let Some(git_ref @ (GitRef::Branch(_) | GitRef::Tag(_))) = &stage.git_ref {
        return Made::From(git_ref.clone());
    }
    let number = || {
        let (head, tail) = stage.rule.name.split_once("{number}")?;
        stage.name.as_str().strip_prefix(head)?.strip_suffix(tail)?.parse().ok()
    };
    match &stage.rule.source {
        Source::PullRequest { .. } => number().map_or(Made::Somehow, Made::For),
        Source::Branch(_) | Source::Tag(_) => Made::Somehow,
    }
}

async fn tip(office: &Office, git_ref: &GitRef) -> Result<Revision> {
    let doing = format!("looking for {git_ref}");
    match git_ref {
        GitRef::Branch(branch) => office.github.branch_tip(branch).await?.ok_or_else(|| {
            Error::failed("git.unknown_branch", doing, format!("{} has no such branch", office.repo))
                .next("start the workflow on a branch that exists")
        }),
        GitRef::Tag(tag) => push::tag_tip(office, tag).await,
        GitRef::PullRequest { .. } => Err(Error::bug("dispatch.pull", doing, "a workflow is started on a branch")),
    }
}

/// Plans the stages and shows the plans in the log.
pub(super) async fn plan(ground: &Ground<'_>, spots: &[Spot]) -> Result<Answer> {
    let mut handled = Handled::default();
    for spot in spots {
        let mut card = blank(ground, spot)?;
        let planned = async {
            let seat = Seat::take(ground.office(), &ground.room, &spot.app, &spot.stage, As::Planner).await?;
            show(ground, &seat, &mut card).await.map(drop)
        };
        let error = planned.await.err();
        handled.stages.push(work::settle(&mut card, error));
    }
    Ok(Answer::of(handled))
}

/// Deploys what the branch says. Where the rule wants a command, this is one.
pub(super) async fn deploy(ground: &Ground<'_>, spots: &[Spot], prune: Prune) -> Result<Answer> {
    let About::Ref(git_ref, revision) = &ground.asked.about else { return Ok(Answer::default()) };
    let manual = spots.iter().any(|spot| spot.stage.rule.apply == ApplyRule::Manual);
    if !manual && prune == Prune::Keep && spots.len() == ground.spots().len() {
        let handled = push::moved(ground.office(), git_ref, revision).await?;
        return Ok(told(ground, spots, handled));
    }
    let mut handled = Handled::default();
    for spot in spots {
        let mut card = blank(ground, spot)?;
        let error = one(ground, spot, prune, &mut card).await.err();
        let result = work::settle(&mut card, error);
        handled.errors.extend(report::check(ground.office(), &result.card).await.err());
        handled.errors.extend(report::deployment(ground.office(), &result.card).await.err());
        handled.stages.push(result);
    }
    Ok(told(ground, spots, handled))
}

fn told(ground: &Ground<'_>, spots: &[Spot], handled: Handled) -> Answer {
    match spots.first() {
        Some(spot) => unless_lacking(ground, spot, handled),
        None => Answer::of(handled),
    }
}

/// Errors (`stage.other_branch`): the stage is not made from what the workflow was started on.
fn blank(ground: &Ground<'_>, spot: &Spot) -> Result<Card> {
    let own = ground.spots().iter().any(|s| s.stage.name == spot.stage.name && s.app.name == spot.app.name);
    let discovered = ground.room.opened.config.origin == Origin::Discovered;
    match &ground.asked.about {
        About::Ref(git_ref, _) if !own && !discovered => {
            let what = format!("stage {} is not made from {git_ref}", spot.stage.name);
            Err(Error::refused("stage.other_branch", "choosing the stage", what)
                .next("start the workflow on the stage's branch"))
        }
        _ => Ok(spot::blank(ground.office(), &ground.room, spot, 0, (ground.head.as_str(), ""))),
    }
}

async fn show(ground: &Ground<'_>, seat: &Seat, card: &mut Card) -> Result<crate::plan::stored::StoredPlan> {
    let stored = seat.plan(ground.office()).await?;
    card.planned = Some(pipeline::now());
    card.plan = Some(stored.plan.clone());
    card.state = if stored.plan.has_changes() { CardState::Planned } else { CardState::Unchanged };
    if stored.plan.has_changes() && seat.intent.stage.rule.apply == ApplyRule::Approved {
        card.approvals = approvals::of(ground.office(), seat, &stored.plan, None).await?;
        if !card.approvals.is_enough() {
            card.state = CardState::NeedsApproval;
        }
    }
    Ok(stored)
}

async fn one(ground: &Ground<'_>, spot: &Spot, prune: Prune, card: &mut Card) -> Result<()> {
    let mut seat = Seat::take(ground.office(), &ground.room, &spot.app, &spot.stage, As::Applier).await?;
    let held = seat.lock(ground.office(), "deploy").await?;
    let done = match seat.refresh().await {
        Ok(()) => locked(ground, seat, &held, prune, card).await,
        Err(error) => Err(error),
    };
    held.lock.release().await;
    done
}

async fn locked(ground: &Ground<'_>, mut seat: Seat, held: &Held, prune: Prune, card: &mut Card) -> Result<()> {
    seat.catch_up(ground.office(), held).await?;
    let stored = show(ground, &seat, card).await?;
    if !stored.plan.has_changes() && kept::is_recorded(&stored.plan, &seat.desk) {
        return Ok(());
    }
    if card.state == CardState::NeedsApproval {
        return Ok(());
    }
    work::deploy(ground.office(), seat, &stored, Freshness::JustPlanned, card, held, prune).await
}
