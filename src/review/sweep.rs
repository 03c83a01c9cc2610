//! Previews whose time is over, whose pull request is closed or whose branch is gone are removed.

mod judge;
mod removal;

use std::collections::BTreeSet;

use super::board::Board;
use super::seat::{self, Room, Seat};
use super::spot::{self, Spot};
use super::{Handled, Office, StageResult, report};
use crate::config::{App, GitRef, Stage, StageRule};
use crate::error::{Error, Result};
use crate::forge::event::PushedRef;
use crate::git::Wanted;
use crate::names::{Branch, StageName, safe_stage};
use crate::pipeline::stage::Source;
use crate::pipeline::{self, As, Trust};
use crate::plan::card::{Card, CardState, StageRole, Trouble};
use crate::plan::state::StageState;
use judge::{Origin, Standing, Verdict};

pub use removal::{protected, remove_stage};

/// A schedule's look at every stage of every app that the rules' accounts keep.
pub async fn sweep(office: &Office) -> Result<Handled> {
    let room = default_room(office).await?;
    let mut handled = Handled { notes: room.opened.notes.clone(), ..Handled::default() };
    let mut seen = BTreeSet::new();
    for app in room.opened.config.apps.iter().filter(|app| is_wanted(office, app)) {
        for rule in places(&room.opened.config.stages) {
            let found = match known(office, &room, app, rule).await {
                Ok(found) => found,
                Err(error) => {
                    handled.errors.push(error);
                    continue;
                }
            };
            for (place, name) in found {
                if seen.insert((place, app.name.to_string(), name.clone())) {
                    one(office, &room, app, &name, &mut handled).await;
                }
            }
        }
    }
    if handled.stages.is_empty() && handled.errors.is_empty() {
        handled.notes.push("no stage had to be removed".to_owned());
    }
    Ok(handled)
}

/// A branch or tag was deleted: so is the stage that was made from it.
pub async fn deleted(office: &Office, git_ref: &PushedRef) -> Result<Handled> {
    let git_ref = GitRef::from(git_ref);
    let room = default_room(office).await?;
    let mut handled = Handled { notes: room.opened.notes.clone(), ..Handled::default() };
    let spots = spot::of_ref(office, &room, &git_ref, StageRole::Preview)?;
    if spots.is_empty() {
        handled.notes.push(format!("no rule of offshoot.yml is about {git_ref}"));
    }
    for spot in &spots {
        if spot.stage.rule.is_fixed() {
            handled.notes.push(format!("stage {} has a name of its own and stays", spot.stage.name));
            continue;
        }
        one(office, &room, &spot.app, spot.stage.name.as_str(), &mut handled).await;
    }
    Ok(handled)
}

/// The repository at the tip of its default branch.
async fn default_room(office: &Office) -> Result<Room> {
    let branch = office.github.facts().await?.default_branch;
    let tip = office.github.branch_tip(&branch).await?.ok_or_else(|| {
        Error::failed("review.no_branch", format!("looking at {branch}"), "the default branch does not exist")
            .next("push it, or set another default branch")
    })?;
    seat::room(office, &tip, GitRef::Branch(branch), Trust::Trusted).await
}

fn is_wanted(office: &Office, app: &App) -> bool {
    office.settings.folder.as_ref().is_none_or(|folder| app.path.starts_with(folder))
}

/// One rule for each account, region and identity that the rules name.
fn places(rules: &[StageRule]) -> Vec<&StageRule> {
    let mut found: Vec<&StageRule> = Vec::new();
    for rule in rules {
        if !found.iter().any(|f| f.aws == rule.aws) {
            found.push(rule);
        }
    }
    found
}

/// The names of all stages that are kept where a rule's stages are, with the bucket.
async fn known(office: &Office, room: &Room, app: &App, rule: &StageRule) -> Result<Vec<(String, String)>> {
    // the name only stands for the place
    let stage = Stage { name: StageName::new(safe_stage(&rule.name).as_str()), rule: rule.clone(), git_ref: None };
    let seat = Seat::take(office, room, app, &stage, As::Planner).await?;
    let bucket = seat.desk.home.bucket().to_owned();
    let wanted = |name: &String| office.settings.stage.as_ref().is_none_or(|only| only == name);
    Ok(seat.desk.home.stages().await?.into_iter().filter(wanted).map(|name| (bucket.clone(), name)).collect())
}

/// Looks at one stage, and removes it where its time is over; what goes wrong with it does not stop the others.
async fn one(office: &Office, room: &Room, app: &App, name: &str, handled: &mut Handled) {
    // a stage that no rule could have made is somebody else's
    let Ok(stage) = room.opened.config.stage_existing(name, None) else { return };
    if stage.rule.apps.as_ref().is_some_and(|apps| !apps.contains(&app.name)) {
        return;
    }
    let sweeper = Sweeper { office, room, spot: Spot { app: app.clone(), stage, role: StageRole::Preview } };
    match sweeper.work().await {
        Ok(Swept::Stays(note)) => handled.notes.extend(note),
        Ok(Swept::Removed(result)) => handled.stages.push(*result),
        Err(error) => handled.errors.push(error),
    }
}

enum Swept {
    /// With what people should know of it.
    Stays(Option<String>),
    Removed(Box<StageResult>),
}

struct Sweeper<'a> {
    office: &'a Office,
    room: &'a Room,
    spot: Spot,
}

impl Sweeper<'_> {
    async fn work(&self) -> Result<Swept> {
        let planner = Seat::take(self.office, self.room, &self.spot.app, &self.spot.stage, As::Planner).await?;
        let Some((state, _)) = &planner.desk.state else { return Ok(Swept::Stays(None)) };
        let why = match self.verdict(state).await? {
            Verdict::Stays => return Ok(Swept::Stays(None)),
            Verdict::Noted(note) => return Ok(Swept::Stays(Some(note))),
            Verdict::Goes(why) => why,
        };
        let pull = state.pull;
        let mut seat = planner.again(self.office, As::Applier).await?;
        let held = match seat.lock(self.office, "removal").await {
            Ok(held) => held,
            // whoever works on it now may have a reason; the next sweep looks again
            Err(error) if error.code() == "lock.held" => return Ok(Swept::Stays(Some(error.to_string()))),
            Err(error) => return Err(error),
        };
        let mut card = self.card(&seat, pull).await;
        let removed = async {
            seat.refresh().await?;
            let now = match &seat.desk.state {
                Some((state, _)) => self.verdict(state).await?,
                None => Verdict::Stays,
            };
            if !matches!(now, Verdict::Goes(_)) {
                return Ok(false);
            }
            remove_stage(self.office, &seat, &held, &mut card).await.map(|()| true)
        };
        let removed = removed.await;
        held.lock.release().await;
        let error = match removed {
            Ok(false) => return Ok(Swept::Stays(None)),
            Ok(true) => None,
            Err(error) => {
                card.state = CardState::RemoveFailed;
                card.trouble = Some(Trouble::of(&error));
                Some(error)
            }
        };
        card.why = Some(why);
        let mut result = StageResult { card, error };
        if let Err(error) = self.tell(&seat, &result).await {
            result.error.get_or_insert(error);
        }
        Ok(Swept::Removed(Box::new(result)))
    }

    async fn verdict(&self, state: &StageState) -> Result<Verdict> {
        let rule = &self.spot.stage.rule;
        let standing = match judge::origin(state, rule) {
            Origin::Pull(number) => match self.office.github.pull(number).await? {
                Some(pull) => Standing::Pull(number, Some(pull.state)),
                None => Standing::Pull(number, None),
            },
            Origin::Ref(GitRef::Branch(branch)) => self.branch(branch).await?,
            Origin::Ref(GitRef::Tag(tag)) => match self.has_tag(&tag).await? {
                true => Standing::Alive(None),
                false => Standing::Gone(format!("tag {tag}")),
            },
            Origin::Ref(GitRef::PullRequest { .. }) | Origin::Unknown => Standing::Alive(None),
        };
        Ok(judge::verdict(state, rule, &standing, &pipeline::now()))
    }

    async fn branch(&self, branch: Branch) -> Result<Standing> {
        Ok(match self.office.github.branch_tip(&branch).await? {
            Some(tip) => Standing::Alive(Some((branch, tip))),
            None => Standing::Gone(format!("branch {branch}")),
        })
    }

    async fn has_tag(&self, tag: &str) -> Result<bool> {
        let Source::Mirror(mirror) = &self.room.opened.source else { return Ok(true) };
        match mirror.resolve(&Wanted::Tag(tag.to_owned())).await {
            Ok(_) => Ok(true),
            Err(error) if matches!(error.code(), "git.unknown_tag" | "git.empty") => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The card that its pull request shows, or one for the log alone.
    async fn card(&self, seat: &Seat, pull: Option<u64>) -> Card {
        let number = pull.unwrap_or(0);
        let revision = seat.desk.state.as_ref().and_then(|(state, _)| state.revision.clone()).unwrap_or_default();
        let kept = match pull {
            Some(number) => seat.desk.home.card(seat.stage(), number).await.unwrap_or_default(),
            None => None,
        };
        kept.unwrap_or_else(|| spot::blank(self.office, self.room, &self.spot, number, (&revision, "")))
    }

    /// On the pull request that the stage was made for, or else only what its deployments say.
    async fn tell(&self, seat: &Seat, result: &StageResult) -> Result<()> {
        if result.card.pull == 0 {
            return report::deployment(self.office, &result.card).await;
        }
        let Some(pull) = self.office.github.pull(result.card.pull).await? else { return Ok(()) };
        let board = Board::new(self.office, self.room, &pull)?;
        board.seated(seat);
        board.tell(std::slice::from_ref(result)).await
    }
}
