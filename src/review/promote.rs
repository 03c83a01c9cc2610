//! Promotes what one stage runs to another one, and rolls a stage back to an assembly that was kept.

mod offer;

use std::collections::BTreeSet;

use futures_util::future::try_join_all;

use super::ask::{Answer, Asked};
use super::ground::{Ground, Reach};
use super::rights::{self, Wish};
use super::seat::{self, Seat};
use super::spot::Spot;
use crate::command::Target;
use crate::config::{GitRef, Source};
use crate::error::{Error, Result};
use crate::names::Revision;
use crate::pipeline::{self, As, Synthesized, Trust, carried};
use crate::plan::card::CardState;
use crate::plan::state::{Past, StageState};
use crate::render::reply::{self as say, Done};
use offer::Offer;

/// Fewer digits of a commit could be those of another one.
const MIN_DIGITS: usize = 7;

/// The card shows a promotion or a rollback, not the pull request's own commit.
pub use offer::is_offer;

/// Deploys to stage `to` what stage `from` runs: the same code, asset for asset.
/// Errors (`promote.…`): `from` has nothing whole to give, or the same commit gives other code now.
pub async fn promote(asked: &Asked<'_>, from: &str, to: &str, app: Option<&str>) -> Result<Answer> {
    let doing = format!("promoting {from} to {to}");
    if from == to {
        return Err(Error::usage("promote.same", doing, "both are the same stage").next("name two stages"));
    }
    let ground = Ground::open(asked).await?;
    let on = |stage: &str| Target { app: app.map(str::to_owned), stage: Some(stage.to_owned()) };
    let (sources, targets) = (ground.chosen(&on(from), Reach::Any)?, ground.chosen(&on(to), Reach::Any)?);
    for spot in &targets {
        rights::demand(asked.office, asked.by, Wish::Deploy, Some(&spot.stage)).await?;
    }
    for spot in &sources {
        rights::demand(asked.office, asked.by, Wish::Look, Some(&spot.stage)).await?;
    }
    if let Some(preview) = sources.iter().chain(&targets).find(|spot| is_preview(spot)) {
        let what = format!("{} is the preview of a pull request", preview.stage.name);
        return Err(Error::refused("promote.preview", doing, what)
            .next(format!("merge the pull request; or deploy it by command there: {} deploy {to}", asked.prefix)));
    }
    let mut answer = Answer::default();
    for target in &targets {
        let Some(source) = sources.iter().find(|s| s.app.name == target.app.name) else { continue };
        answer = answer.and(one(&ground, source, target).await?);
        if !answer.is_done() {
            break;
        }
    }
    Ok(answer)
}

fn is_preview(spot: &Spot) -> bool {
    matches!(spot.stage.rule.source, Source::PullRequest { .. })
}

async fn one(ground: &Ground<'_>, source: &Spot, target: &Spot) -> Result<Answer> {
    let office = ground.office();
    let (from, to) = (source.stage.name.as_str(), target.stage.name.as_str());
    let giver = Seat::take(office, &ground.room, &source.app, &source.stage, As::Planner).await?;
    let state = giver.desk.state.as_ref().map(|(state, _)| state);
    let revision = whole(state, from, to)?;
    let seat = seat_at(ground, target, &revision).await?;
    let made = assembly_for(ground, &giver, &seat, &revision).await?;
    let offer = Offer {
        ground,
        spot: target,
        what: format!("{} {from}, which runs {}", offer::PROMOTES, revision.short()),
        again: format!("{} promote {from} {to}", ground.asked.prefix),
    };
    let answer = offer
        .make(seat, &made, async || {
            let now = giver.desk.home.state(from).await?;
            let now = whole(now.as_ref().map(|(state, _)| state), from, to)?;
            if now == revision {
                return Ok(());
            }
            let what = format!("{from} runs {} by now", now.short());
            Err(Error::refused("promote.moved", format!("promoting {from} to {to}"), what).next("type it again"))
        })
        .await?;
    Ok(with(ground, answer, &Done::Promoted { from, to, revision: revision.as_str() }))
}

/// Says it, where something was deployed.
fn with(ground: &Ground<'_>, answer: Answer, done: &Done<'_>) -> Answer {
    let deployed = answer.handled.stages.iter().any(|s| s.card.state == CardState::Deployed);
    if !deployed || !answer.is_done() {
        return answer;
    }
    answer.and(Answer::saying(say::done(ground.asked.to(), done)))
}

/// What a stage runs, where that is a whole commit and nothing else.
fn whole(state: Option<&StageState>, from: &str, to: &str) -> Result<Revision> {
    let doing = format!("promoting {from} to {to}");
    let refused = |what: &str, next: &str| {
        Err(Error::refused("promote.not_whole", doing.clone(), format!("{from} {what}")).next(next.to_owned()))
    };
    let Some(state) = state else { return refused("has nothing deployed", "deploy it first") };
    if state.run.is_some() {
        return refused("is being deployed, or its last run was killed", "let it finish, or retry it");
    }
    if state.dirty {
        return refused("runs files that are in no commit", "deploy a commit to it first");
    }
    if state.stacks.values().any(|stack| !stack.fast.is_empty()) {
        return refused("runs code that went past CloudFormation", "deploy it as a whole first");
    }
    match &state.revision {
        Some(revision) => Ok(Revision::new(revision.as_str())),
        None => refused("was never deployed as a whole", "deploy it first"),
    }
}

/// The stage with the repository at that commit.
async fn seat_at(ground: &Ground<'_>, spot: &Spot, revision: &Revision) -> Result<Seat> {
    let office = ground.office();
    let git_ref = match (&spot.stage.git_ref, &ground.room.opened.git_ref) {
        (Some(git_ref), _) | (None, Some(git_ref)) => git_ref.clone(),
        (None, None) => GitRef::Branch(office.github.facts().await?.default_branch),
    };
    // what a stage runs was allowed to run there; who may deploy it here has said so
    let room = seat::room(office, revision, git_ref, Trust::Trusted).await?;
    Seat::take(office, &room, &spot.app, &spot.stage, As::Applier).await
}

/// The kept assembly where it says nothing of the stage it was made for; else the same commit made for the other stage,
/// as long as all code in it is what runs already.
async fn assembly_for(ground: &Ground<'_>, giver: &Seat, seat: &Seat, revision: &Revision) -> Result<Synthesized> {
    let tools = &ground.office().tools;
    let kept = pipeline::kept_assembly(&giver.desk.home, giver.stage(), revision.as_str(), tools).await;
    let kept = match kept {
        Ok(kept) => Some(kept),
        Err(error) if error.code() == "assembly.not_kept" => None,
        Err(error) => return Err(error),
    };
    let runs = match &kept {
        Some(kept) => carried::code_of(&kept.assembly),
        None => BTreeSet::new(),
    };
    if let Some(mut kept) = kept
        && is_free(giver, seat, &kept)
        && carried::is_neutral(&kept.assembly, giver.stage()).await?
    {
        // what it was made from says which stage that was
        kept.content = None;
        return Ok(kept);
    }
    let made = pipeline::synthesize(&seat.intent, &seat.desk, tools).await?;
    let mut other: Vec<String> = carried::code_of(&made.assembly).difference(&runs).cloned().collect();
    if !other.is_empty() {
        let templates = templates(giver).await?;
        other.retain(|hash| !templates.iter().any(|template| template.contains(hash.as_str())));
    }
    if other.is_empty() {
        return Ok(made);
    }
    let shown: Vec<&str> = other.iter().take(5).map(|hash| hash.get(..12).unwrap_or(hash)).collect();
    let more = other.len().saturating_sub(shown.len());
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let what = format!(
        "commit {} gives code for {} that {} does not run: {}{more}",
        revision.short(),
        seat.stage(),
        giver.stage(),
        shown.join(", ")
    );
    Err(Error::refused("promote.other_code", format!("promoting {} to {}", giver.stage(), seat.stage()), what)
        .next("the app builds other code for each stage, or not the same code twice; deploy the commit itself instead"))
}

/// No stack of the assembly would be one that the giving stage has, and none is meant for another place.
fn is_free(giver: &Seat, seat: &Seat, kept: &Synthesized) -> bool {
    let Some((state, _)) = &giver.desk.state else { return false };
    kept.assembly.stacks.iter().all(|stack| {
        let account = stack.account.as_ref().unwrap_or(&seat.desk.account);
        let region = stack.region.as_ref().unwrap_or(&seat.desk.region);
        let theirs = state.stacks.get(stack.name.as_str());
        let same = theirs.is_some_and(|s| s.account == account.as_str() && s.region == region.as_str());
        // assets are kept in the bucket of their account and region alone
        let at_hand = giver.desk.account == seat.desk.account && giver.desk.region == seat.desk.region;
        !same && at_hand && *account == seat.desk.account
    })
}

/// The deployed templates of a stage, which name the code that it runs.
async fn templates(giver: &Seat) -> Result<Vec<String>> {
    let Some((state, _)) = &giver.desk.state else { return Ok(Vec::new()) };
    let texts = state.stacks.iter().map(async |(name, known)| {
        let session = giver.desk.aws.session_of(known).await?;
        session.template_of(name).await
    });
    try_join_all(texts).await
}

/// Brings stages back to what they ran before: the assembly as it was kept, nothing is built.
/// Errors (`rollback.unknown`): that is not kept, with what is.
pub async fn rollback(ground: &Ground<'_>, spots: &[Spot], revision: Option<&str>) -> Result<Answer> {
    let mut answer = Answer::default();
    for spot in spots {
        answer = answer.and(back(ground, spot, revision).await?);
        if !answer.is_done() {
            break;
        }
    }
    Ok(answer)
}

async fn back(ground: &Ground<'_>, spot: &Spot, revision: Option<&str>) -> Result<Answer> {
    let stage = spot.stage.name.as_str();
    let seat = Seat::take(ground.office(), &ground.room, &spot.app, &spot.stage, As::Planner).await?;
    let Some((state, _)) = &seat.desk.state else {
        return Err(Error::refused("stage.not_deployed", format!("rolling back stage {stage}"), "nothing is deployed")
            .next("deploy it first"));
    };
    let past = choose(state, stage, revision)?.clone();
    let revision = Revision::new(past.revision.as_str());
    let made = pipeline::kept_assembly(&seat.desk.home, stage, revision.as_str(), &ground.office().tools).await?;
    let runs = state.revision.clone();
    let seat = seat_at(ground, spot, &revision).await?;
    let offer = Offer {
        ground,
        spot,
        what: format!("{} {}, deployed at {}", offer::ROLLS_BACK, revision.short(), past.at),
        again: format!("{} rollback {} {stage}", ground.asked.prefix, revision.short()),
    };
    let home = seat.desk.home.clone();
    let answer = offer
        .make(seat, &made, async || {
            let now = home.state(stage).await?.and_then(|(state, _)| state.revision);
            if now == runs {
                return Ok(());
            }
            let what = "another run has deployed it meanwhile";
            Err(Error::refused("rollback.moved", format!("rolling back stage {stage}"), what)
                .next("look at what it runs now, then type it again"))
        })
        .await?;
    Ok(with(ground, answer, &Done::RolledBack { stage, revision: revision.as_str() }))
}

/// `named` is the beginning of that commit, and long enough to mean it: all of them were deployed here before.
fn begins(revision: &str, named: &str) -> bool {
    named.len() >= MIN_DIGITS && revision.starts_with(&named.to_ascii_lowercase())
}

/// What a stage goes back to: the commit that is named, or the last other one that it ran.
fn choose<'a>(state: &'a StageState, stage: &str, revision: Option<&str>) -> Result<&'a Past> {
    let found = match revision {
        Some(named) => state.history.iter().find(|past| begins(&past.revision, named)),
        None => state.history.iter().find(|past| Some(&past.revision) != state.revision.as_ref()),
    };
    found.ok_or_else(|| {
        let kept: Vec<String> = state
            .history
            .iter()
            .map(|past| format!("{} ({})", past.revision.get(..8).unwrap_or(&past.revision), past.at))
            .collect();
        let what = match (revision, kept.is_empty()) {
            (_, true) => "nothing is kept of what it ran before".to_owned(),
            (Some(named), false) => format!("{named} is not among what is kept: {}", kept.join(", ")),
            (None, false) => format!("it ran nothing else that is kept: {}", kept.join(", ")),
        };
        Error::refused("rollback.unknown", format!("rolling back stage {stage}"), what)
            .next("name one of those, or deploy an older commit by reverting to it in git")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::state::{DeployedStack, RunMark};

    fn state() -> StageState {
        let past = |digit: &str, at: &str| Past { revision: digit.repeat(40), at: at.into(), digest: String::new() };
        StageState {
            stage: "prod".into(),
            revision: Some("b".repeat(40)),
            history: vec![past("b", "2026-11-24T10:00:00Z"), past("a", "2026-11-23T10:00:00Z")],
            ..StageState::default()
        }
    }

    #[test]
    fn a_rollback_goes_to_what_ran_before_or_to_what_is_named() {
        let state = state();
        assert_eq!(choose(&state, "prod", None).unwrap().revision, "a".repeat(40));
        assert_eq!(choose(&state, "prod", Some("bbbbbbb")).unwrap().revision, "b".repeat(40));
        let error = choose(&state, "prod", Some("ccccccc")).unwrap_err();
        insta::assert_snapshot!(error.what(), @"ccccccc is not among what is kept: bbbbbbbb (2026-11-24T10:00:00Z), aaaaaaaa (2026-11-23T10:00:00Z)");
        let error = choose(&StageState::default(), "prod", None).unwrap_err();
        assert_eq!(error.what(), "nothing is kept of what it ran before");
    }

    #[test]
    fn only_a_whole_commit_is_promoted() {
        let refused = |state: Option<&StageState>| whole(state, "staging", "prod").unwrap_err().what().to_owned();
        assert_eq!(whole(Some(&state()), "staging", "prod").unwrap().as_str(), "b".repeat(40));
        assert_eq!(refused(None), "staging has nothing deployed");
        assert_eq!(refused(Some(&StageState { dirty: true, ..state() })), "staging runs files that are in no commit");
        assert_eq!(refused(Some(&StageState { revision: None, ..state() })), "staging was never deployed as a whole");
        let run = RunMark { id: "1".into(), plan: String::new(), started: String::new() };
        let running = StageState { run: Some(run), ..state() };
        assert_eq!(refused(Some(&running)), "staging is being deployed, or its last run was killed");
        let mut fast = state();
        let stack = DeployedStack { fast: [("F".to_owned(), "h".to_owned())].into(), ..DeployedStack::default() };
        fast.stacks.insert("api".into(), stack);
        assert_eq!(refused(Some(&fast)), "staging runs code that went past CloudFormation");
    }
}
