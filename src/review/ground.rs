//! Where a command is carried out: the repository opened at the commit it is about, and the stages that may be meant.

use super::ask::{About, Asked};
use super::board::Board;
use super::seat::{self, Room, Seat};
use super::spot::{self, Spot};
use super::{Code, Office, StageResult, pull, report, trust};
use crate::command::Target;
use crate::config::{App, GitRef, Stage};
use crate::error::{Error, Result};
use crate::forge::{Origin, Pull, PullState};
use crate::names::Revision;
use crate::pipeline::Trust;
use crate::plan::card::{Approvals, StageRole};

/// The repository as a command sees it.
pub struct Ground<'a> {
    pub asked: &'a Asked<'a>,
    pub room: Room,
    /// What the plans that count are made of: the pull request's head, or the tip of the branch that it went into.
    pub head: Revision,
    spots: Vec<Spot>,
}

/// Which stages a command may reach, and which it means where none is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Those of the pull request; all of them.
    All,
    /// Those of the pull request; its preview, or else the one that it would be merged into.
    One,
    /// Like `One`, and any other stage by its name.
    Any,
}

impl<'a> Ground<'a> {
    /// Opens the repository. Nothing of it is run, and AWS is not asked.
    pub async fn open(asked: &'a Asked<'a>) -> Result<Ground<'a>> {
        let office = asked.office;
        let (room, head) = match &asked.about {
            About::Pull(pull) if pull.state == PullState::Open => {
                (pull::open(office, pull).await?, pull.head.revision.clone())
            }
            About::Pull(pull) => {
                let head = landed(office, pull).await?;
                let git_ref = GitRef::Branch(pull.base.branch.clone());
                (seat::room(office, &head, git_ref, Trust::Trusted).await?, head)
            }
            About::Ref(git_ref, revision) => {
                (seat::room(office, revision, git_ref.clone(), Trust::Trusted).await?, revision.clone())
            }
        };
        let spots = match &asked.about {
            About::Pull(pull) => spot::of_pull(office, &room, pull)?,
            About::Ref(git_ref, _) => spot::of_ref(office, &room, git_ref, StageRole::Target)?,
        };
        Ok(Ground { asked, room, head, spots })
    }

    pub fn office(&self) -> &'a Office {
        self.asked.office
    }

    pub fn pull(&self) -> Option<&'a Pull> {
        match &self.asked.about {
            About::Pull(pull) => Some(pull),
            About::Ref(..) => None,
        }
    }

    pub fn spots(&self) -> &[Spot] {
        &self.spots
    }

    /// The cards of the pull request, where there is one.
    pub fn board(&self) -> Result<Option<Board<'_>>> {
        self.pull().map(|pull| Board::new(self.asked.office, &self.room, pull)).transpose()
    }

    /// The stages that are meant. Errors: there is none of that name here, or it must be said which.
    pub fn chosen(&self, on: &Target, reach: Reach) -> Result<Vec<Spot>> {
        let config = &self.room.opened.config;
        if let Some(app) = &on.app {
            config.app(Some(app))?;
        }
        let of_app = |spot: &&Spot| on.app.as_deref().is_none_or(|app| app == spot.app.name.as_str());
        let here: Vec<Spot> = self.spots.iter().filter(of_app).cloned().collect();
        let Some(name) = &on.stage else { return self.unnamed(here, reach) };
        let named: Vec<Spot> = here.into_iter().filter(|spot| spot.stage.name.as_str() == name).collect();
        if !named.is_empty() {
            return Ok(named);
        }
        let far = reach == Reach::Any || self.pull().is_none();
        let stage = if far { config.stage_existing(name, None)? } else { config.stage_named(name, None)? };
        if far {
            return self.elsewhere(on, &stage);
        }
        let names: Vec<String> = self.names().into_iter().map(|n| format!("`{n}`")).collect();
        let what = if names.is_empty() {
            "this pull request concerns no stage".to_owned()
        } else {
            format!("this pull request is about {}", names.join(" and "))
        };
        Err(Error::refused("stage.other_pull", format!("looking for stage {name}"), what)
            .next("type it on a pull request into the stage's branch, or use `promote`"))
    }

    /// A stage by its name alone, in every app that it deploys.
    fn elsewhere(&self, on: &Target, stage: &Stage) -> Result<Vec<Spot>> {
        let theirs = |app: &&App| stage.rule.apps.as_ref().is_none_or(|apps| apps.contains(&app.name));
        let apps = self.room.opened.config.app(on.app.as_deref())?;
        let spot = |app: &App| Spot { app: app.clone(), stage: stage.clone(), role: StageRole::Target };
        Ok(apps.into_iter().filter(theirs).map(spot).collect())
    }

    fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.spots.iter().map(|spot| spot.stage.name.as_str()).collect();
        names.dedup();
        names
    }

    fn unnamed(&self, here: Vec<Spot>, reach: Reach) -> Result<Vec<Spot>> {
        if here.is_empty() {
            let what = "no rule of offshoot.yml makes a stage of this";
            return Err(Error::refused("stage.none", "choosing the stage", what)
                .next("name the stage, or add a rule in the default branch's offshoot.yml"));
        }
        if reach == Reach::All {
            return Ok(here);
        }
        let previews: Vec<Spot> = here.iter().filter(|spot| spot.role == StageRole::Preview).cloned().collect();
        let meant = if previews.is_empty() { here } else { previews };
        let mut names: Vec<&str> = meant.iter().map(|spot| spot.stage.name.as_str()).collect();
        names.dedup();
        if names.len() > 1 {
            return Err(Error::usage(
                "stage.which",
                "choosing the stage",
                format!("it could be {}", names.join(" or ")),
            )
            .next("name one of them behind the command"));
        }
        Ok(meant)
    }

    /// Why a plan is not executed yet: whose approval is missing. `then` is the command that executes it afterwards.
    pub fn lacking(&self, spot: &Spot, approvals: &Approvals, then: Option<&str>) -> Error {
        let from = match approvals.from.as_slice() {
            [] => "anyone who may write".to_owned(),
            from => from.join(", "),
        };
        let given = u32::try_from(approvals.given.len()).unwrap_or(u32::MAX);
        let mut what = match approvals.needed.saturating_sub(given) {
            0 => "its plan needs approvals of owners of changed files".to_owned(),
            1 => format!("its plan needs 1 more approval, from {from}"),
            more => format!("its plan needs {more} more approvals, from {from}"),
        };
        if !approvals.owners_missing.is_empty() {
            what.push_str(&format!("; these owners have not approved: {}", approvals.owners_missing.join(", ")));
        }
        let stage = &spot.stage.name;
        let then = then.map(|then| format!("; then type again: `{then}`")).unwrap_or_default();
        Error::refused("approval.missing", format!("deploying stage {stage}"), what)
            .next(format!("read the plan; somebody who may then types: `{} approve {stage}`{then}", self.asked.prefix))
    }

    /// The stage is one that the pull request shows, or one of the branch.
    pub fn is_own(&self, spot: &Spot) -> bool {
        self.spots.iter().any(|own| own.app.name == spot.app.name && own.stage.name == spot.stage.name)
    }

    /// Keeps and tells what came of a stage: on the pull request, and where there is none at its deployments.
    pub async fn tell(&self, seat: &Seat, result: &StageResult) -> Result<()> {
        let shown =
            self.spots.iter().any(|own| own.app.name.as_str() == seat.app() && own.stage.name.as_str() == seat.stage());
        match self.board()? {
            Some(board) if shown => {
                board.seated(seat);
                return board.tell(std::slice::from_ref(result)).await;
            }
            // a stage that the pull request does not show still keeps what was planned for it there
            Some(_) => seat.desk.home.put_card(&result.card).await?,
            None => {}
        }
        report::check(self.asked.office, &result.card).await?;
        report::deployment(self.asked.office, &result.card).await
    }

    /// Errors (`review.not_open`): there is nothing to do for a pull request that is closed.
    pub fn is_open(&self, pull: &Pull, doing: &str) -> Result<()> {
        match pull.state {
            PullState::Open => Ok(()),
            PullState::Closed | PullState::Merged => {
                let how = if pull.state == PullState::Merged { "merged" } else { "closed" };
                let what = format!("pull request #{} is {how}", pull.number);
                let next = match pull.state {
                    PullState::Merged => "start the workflow by hand for a stage, or open a new pull request",
                    _ => "reopen it, or start the workflow by hand for a stage",
                };
                Err(Error::refused("review.not_open", doing, what).next(next))
            }
        }
    }

    /// Errors (`trust.missing`): nothing of a stranger's code runs before somebody has said so for this commit.
    pub async fn is_trusted(&self, pull: &Pull) -> Result<()> {
        if pull.state != PullState::Open || pull.origin() == Origin::Own {
            return Ok(());
        }
        let doing = format!("running commit {}", pull.head.revision.short());
        if self.asked.office.settings.code == Code::Never {
            return Err(Error::refused("trust.never", doing, "code of a pull request is never run in this workflow")
                .next("write the command as a comment on the pull request"));
        }
        if trust::trusted(self.asked.office, pull).await? {
            return Ok(());
        }
        let from = match pull.origin() {
            Origin::Fork(fork) => format!("it comes from {fork}, and nobody who may has approved it"),
            _ => "its repository was deleted, and nobody who may has approved it".to_owned(),
        };
        // the whole commit: a stranger can make another one with the same first digits
        let head = &pull.head.revision;
        Err(Error::refused("trust.missing", doing, from)
            .next(format!("read it; then a maintainer types: `{} approve {head}`", self.asked.prefix)))
    }
}

/// Where the work of a pull request that is not open any more is now.
async fn landed(office: &Office, pull: &Pull) -> Result<Revision> {
    if pull.state == PullState::Merged
        && let Some(tip) = office.github.branch_tip(&pull.base.branch).await?
    {
        return Ok(tip);
    }
    Ok(pull.base.revision.clone())
}
