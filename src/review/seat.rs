//! One stage of one app, with its AWS open: planned, deployed and removed through the pipeline.

use std::time::{Duration, Instant};

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::Office;
use crate::aws::lock::StageLock;
use crate::config::{self, App, GitRef, Stage};
use crate::error::{Error, Result};
use crate::names::Revision;
use crate::pipeline::apply::{Freshness, Order, Prune, Recover, Wait};
use crate::pipeline::event::{About, Event, Place};
use crate::pipeline::hold::{self, Patience};
use crate::pipeline::progress::Stop;
use crate::pipeline::stage::{self, Intent, Opened};
use crate::pipeline::{self, As, Desk, Synthesized, Tools, Trust};
use crate::plan::outcome::Applied;
use crate::plan::state::Approval;
use crate::plan::stored::StoredPlan;

/// Between two looks at whether somebody cancelled the run.
const CANCEL_LOOK: Duration = Duration::from_secs(5);

/// A repository opened at one commit, under the rules of its default branch.
pub struct Room {
    pub event: Event,
    pub opened: Opened,
}

/// Opens the repository at a commit. Errors: the commit is gone, the configuration is invalid.
pub async fn room(office: &Office, revision: &Revision, git_ref: GitRef, trust: Trust) -> Result<Room> {
    let token = office.github.git_token().await?;
    let event = Event {
        place: Place::Forge {
            address: office.settings.address.clone(),
            token: Some(crate::git::Token::new(token)),
            revision: revision.clone(),
            git_ref,
            trust,
        },
        about: About::Commit,
        app: None,
        stage: None,
        config: office.settings.config.clone(),
        own_files: Vec::new(),
        region: office.settings.region.clone(),
        profile: None,
        web_identity: office.settings.web_identity.clone(),
    };
    let opened = stage::open(&event, &office.tools).await?;
    Ok(Room { event, opened })
}

/// One stage of one app.
#[derive(Clone)]
pub struct Seat {
    pub intent: Intent,
    pub desk: Desk,
    event: Event,
}

/// The lock of a stage, and the id of the run that holds it.
pub struct Held {
    pub run: String,
    pub lock: StageLock,
}

impl Seat {
    /// Opens the stage's AWS as planner or applier and reads its state.
    pub async fn take(office: &Office, room: &Room, app: &App, stage: &Stage, role: As) -> Result<Seat> {
        let intent = room.opened.clone().intent(app.clone(), stage.clone());
        let desk = pipeline::desk(&intent, &room.event, role, &office.tools).await?;
        Ok(Seat { intent, desk, event: room.event.clone() })
    }

    /// The same stage with another identity.
    pub async fn again(self, office: &Office, role: As) -> Result<Seat> {
        let desk = pipeline::desk(&self.intent, &self.event, role, &office.tools).await?;
        Ok(Seat { desk, ..self })
    }

    pub fn stage(&self) -> &str {
        self.intent.stage.name.as_str()
    }

    pub fn app(&self) -> &str {
        self.intent.app.name.as_str()
    }

    /// Reads the stage's state again, as after having waited for the lock.
    pub async fn refresh(&mut self) -> Result<()> {
        self.desk.state = self.desk.home.state(self.intent.stage.name.as_str()).await?;
        Ok(())
    }

    /// Waits for the stage as long as the settings say, and locks it.
    pub async fn lock(&self, office: &Office, what: &str) -> Result<Held> {
        let run = hold::run_id();
        let patience = Patience::For(office.settings.patience);
        let lock = hold::take(&self.intent, &self.desk, &run, what, patience, &office.tools.teller).await?;
        Ok(Held { run, lock })
    }

    /// Steps 3 to 7.
    pub async fn plan(&self, office: &Office) -> Result<StoredPlan> {
        let begun = Instant::now();
        let synthesized = pipeline::synthesize(&self.intent, &self.desk, &office.tools).await?;
        let stored = pipeline::plan(&self.intent, &self.desk, &synthesized, &office.tools).await;
        if let Ok(stored) = &stored
            && stored.plan.has_changes()
        {
            self.keep_planned(office, stored, &synthesized).await;
        }
        tracing::debug!(seconds = begun.elapsed().as_secs_f64(), "planned");
        stored
    }

    /// The plan may be executed by a later job, which has no assembly: rollback needs it all the same.
    async fn keep_planned(&self, office: &Office, stored: &StoredPlan, made: &Synthesized) {
        let kept = pipeline::keep_planned(&self.desk.home, self.stage(), &stored.plan.digest, made).await;
        if let Err(error) = kept {
            office.tools.teller.note(format!("a rollback to {} will not be possible: {error}", self.intent.revision));
        }
    }

    /// Step 8, under the lock.
    pub async fn apply(
        &self,
        office: &Office,
        stored: &StoredPlan,
        freshness: Freshness,
        approval: Option<Approval>,
        held: &Held,
        prune: Prune,
    ) -> Result<Applied> {
        // asked again: another new stage may have found the same room meanwhile, and commands come this way alone
        self.has_room().await?;
        let order = self.order(held.run.clone(), freshness, approval, prune);
        let tools = self.cancellable(office);
        let watching = self.watch(held, tools.stop.begin_nothing.clone());
        let applied = pipeline::execute(stored, &order, &self.intent, self.desk.clone(), &tools, &held.lock).await;
        watching.abort();
        let applied = applied?;
        if !applied.failed() {
            let home = &self.desk.home;
            let untold = pipeline::keep_executed(home, self.stage(), &stored.plan.digest, &stored.plan.revision).await;
            if let Some(untold) = untold {
                office.tools.teller.note(untold);
            }
        }
        Ok(applied)
    }

    /// Errors (`stage.limit`): the rule's stages are as many as it allows, and this one is not among them.
    pub async fn has_room(&self) -> Result<()> {
        let rule = &self.intent.stage.rule;
        let Some(limit) = rule.limit.filter(|_| self.desk.state.is_none()) else { return Ok(()) };
        let mut others = Vec::new();
        for name in self.desk.home.stages().await? {
            let same = self.intent.config.stage_existing(&name, None).is_ok_and(|stage| stage.rule.name == rule.name);
            if same && name == self.stage() {
                return Ok(());
            }
            if same {
                others.push(name);
            }
        }
        if (others.len() as u64) < u64::from(limit) {
            return Ok(());
        }
        others.sort();
        Err(Error::refused(
            "stage.limit",
            format!("making room for stage {}", self.stage()),
            format!("the rule `{}` allows {limit} at a time, and there are {}", rule.name, others.join(", ")),
        )
        .next("remove one of them (close its pull request, or type the remove command there), or raise `limit`"))
    }

    /// The tools with a stop of the stage's own: cancelling one stage leaves the others alone.
    fn cancellable(&self, office: &Office) -> Tools {
        let stop = &office.tools.stop;
        let stop = Stop { begin_nothing: stop.begin_nothing.child_token(), leave: stop.leave.clone() };
        Tools { stop, ..office.tools.clone() }
    }

    /// Looks now and then whether somebody asked this run to stop.
    fn watch(&self, held: &Held, stop: CancellationToken) -> JoinHandle<()> {
        let (home, stage, run) = (self.desk.home.clone(), self.stage().to_owned(), held.run.clone());
        let pause = CANCEL_LOOK.min(self.desk.aws.pace().most * 4);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(pause).await;
                // a question that is not answered is asked again
                if let Ok(Some(_)) = home.cancel_asked(&stage, &run).await {
                    stop.cancel();
                    return;
                }
            }
        })
    }

    /// Whether nothing that the app is made from differs from what the stage runs.
    pub fn is_untouched(&self) -> Result<bool> {
        pipeline::is_untouched(&self.intent, &self.desk)
    }

    /// Goes on with a run of the stage that was killed, if there is one; under the lock.
    pub async fn resume(&self, office: &Office, held: &Held) -> Result<Option<Applied>> {
        let Some(mark) = self.desk.state.as_ref().and_then(|(state, _)| state.run.clone()) else { return Ok(None) };
        let order = self.order(mark.id.clone(), Freshness::Resumed, None, Prune::Keep);
        pipeline::resume(&mark, &order, &self.intent, &self.desk, &office.tools, &held.lock).await.map(Some)
    }

    /// Finishes what a killed run left, under the lock, and reads the state as it is then. That it failed is only told:
    /// what follows looks for itself.
    pub async fn catch_up(&mut self, office: &Office, held: &Held) -> Result<()> {
        if self.resume(office, held).await?.is_some_and(|applied| applied.failed()) {
            office.tools.teller.note("the run that was killed before went on, and failed");
        }
        self.refresh().await
    }

    fn order(&self, run: String, freshness: Freshness, approval: Option<Approval>, prune: Prune) -> Order {
        let always = self.intent.stage.rule.prune == config::Prune::Always;
        Order {
            run,
            freshness,
            prune: if always { Prune::Delete } else { prune },
            wait: Wait::ForEnd,
            recover: Recover::default(),
            approval,
            marks: pipeline::marks(&self.intent),
        }
    }
}
