//! The cards of one pull request: kept in the buckets of their stages, read again, and told to the forge.

use std::sync::Mutex;

use tokio::sync::OnceCell;

use super::seat::{Room, Seat};
use super::spot::Spot;
use super::{Code, Office, StageResult, report, spot};
use crate::aws::home::Home;
use crate::config::App;
use crate::error::{Error, Result};
use crate::forge::{Origin, Pull};
use crate::pipeline::{As, changed};
use crate::plan::card::{Card, CardState};

/// All stages of a pull request, with what is known of them in this run.
pub struct Board<'a> {
    pub office: &'a Office,
    pub room: &'a Room,
    pub pull: &'a Pull,
    pub spots: Vec<Spot>,
    places: Vec<Mutex<Place>>,
    /// The files that the pull request changes; nothing where there are more than the forge tells.
    files: OnceCell<Option<Vec<String>>>,
}

/// The forge tells no more changed files of a pull request.
const MOST_FILES: usize = 3_000;

#[derive(Default)]
struct Place {
    /// Where the stage's card is kept; nothing before the stage's AWS was opened, or where it cannot be.
    home: Option<Home>,
    /// Asked once whether its AWS opens, for stages that this run does not work on.
    tried: bool,
    /// As this run last saw or made it.
    card: Option<Card>,
}

impl<'a> Board<'a> {
    /// Errors: two rules claim the same branch.
    pub fn new(office: &'a Office, room: &'a Room, pull: &'a Pull) -> Result<Board<'a>> {
        let spots = spot::of_pull(office, room, pull)?;
        let places = spots.iter().map(|_| Mutex::default()).collect();
        Ok(Board { office, room, pull, spots, places, files: OnceCell::new() })
    }

    /// Whether the pull request can change anything of the app: in a repository of many apps the others cost nothing.
    pub async fn touches(&self, app: &App) -> Result<bool> {
        if changed::concerns(app, &[]) {
            return Ok(true);
        }
        let files = self.files.get_or_try_init(|| async {
            let files = self.office.github.changed_files(self.pull.number).await?;
            Ok::<_, Error>(Some(files).filter(|files| files.len() < MOST_FILES))
        });
        Ok(files.await?.as_ref().is_none_or(|files| changed::concerns(app, files)))
    }

    /// A stage's card as it begins on this pull request.
    pub fn blank(&self, spot: &Spot) -> Card {
        let (head, base) = (self.pull.head.revision.as_str(), self.pull.base.revision.as_str());
        spot::blank(self.office, self.room, spot, self.pull.number, (head, base))
    }

    /// The seat's stage keeps its card where the seat keeps its state.
    pub fn seated(&self, seat: &Seat) {
        self.with(seat.app(), seat.stage(), |place| place.home = Some(seat.desk.home.clone()));
    }

    fn with<T: Default>(&self, app: &str, stage: &str, f: impl FnOnce(&mut Place) -> T) -> T {
        let at = self.spots.iter().position(|s| s.app.name.as_str() == app && s.stage.name.as_str() == stage);
        match at.and_then(|i| self.places.get(i)) {
            Some(place) => f(&mut place.lock().unwrap_or_else(|poisoned| poisoned.into_inner())),
            None => T::default(),
        }
    }

    /// Keeps the card in its bucket, where it says something new, and tells its check and its deployment.
    pub async fn put(&self, card: &Card) -> Result<()> {
        let home = self.with(&card.app, &card.stage, |place| {
            place.card = Some(card.clone());
            place.home.clone()
        });
        let kept = match &home {
            Some(home) => home.card(&card.stage, card.pull).await.unwrap_or_default(),
            None => None,
        };
        // what was told before is told again word by word, so that nothing is written for it
        let known = kept.filter(|kept| same(kept, card));
        if let (Some(home), None) = (&home, &known) {
            home.put_card(card).await?;
        }
        let card = known.as_ref().unwrap_or(card);
        report::check(self.office, card).await?;
        report::deployment(self.office, card).await
    }

    /// All cards as they are kept now; a stage whose bucket cannot be read is shown as this run knows it.
    pub async fn cards(&self) -> Result<Vec<Card>> {
        let mut cards = Vec::new();
        for spot in &self.spots {
            let (app, stage) = (spot.app.name.as_str(), spot.stage.name.as_str());
            let home = match self.with(app, stage, |place| place.home.clone()) {
                Some(home) => Some(home),
                None => self.look_for(spot).await,
            };
            let own = self.with(app, stage, |place| place.card.clone());
            let kept = match home {
                Some(home) => home.card(stage, self.pull.number).await.unwrap_or_else(|error| {
                    tracing::warn!(%error, "reading a card");
                    None
                }),
                None => None,
            };
            cards.extend(kept.or(own));
        }
        Ok(cards)
    }

    /// Opens the AWS of a stage that this run does not work on, only to read its card.
    async fn look_for(&self, spot: &Spot) -> Option<Home> {
        let (app, stage) = (spot.app.name.as_str(), spot.stage.name.as_str());
        let tried = self.with(app, stage, |place| std::mem::replace(&mut place.tried, true));
        // a fork's own run has no AWS at all
        if tried || (self.office.settings.code == Code::Never && self.pull.origin() != Origin::Own) {
            return None;
        }
        let seat = Seat::take(self.office, self.room, &spot.app, &spot.stage, As::Planner).await;
        let home = seat.map(|seat| seat.desk.home).inspect_err(|error| {
            self.office.tools.teller.note(format!("the card of {} cannot be read: {error}", spot.name()));
        });
        let home = home.ok()?;
        self.with(app, stage, |place| place.home = Some(home.clone()));
        Some(home)
    }

    /// Writes the comment from all cards.
    pub async fn comment(&self) -> Result<()> {
        let prefix = &self.room.opened.config.prefix;
        report::comment(self.office, prefix, self.pull.number, async || self.cards().await).await
    }

    /// Says that a stage is worked on. Nobody waits for that to be known: what the forge does not take now, it takes at
    /// the end, and a deploy does not fail for it.
    pub async fn announce(&self, card: &Card) {
        let told = match self.put(card).await {
            Ok(()) => self.comment().await,
            Err(error) => Err(error),
        };
        if let Err(error) = told {
            self.office.tools.teller.note(format!("that {} is worked on could not be told: {error}", card.stage));
        }
    }

    /// Keeps and tells what came of some stages; the first thing that cannot be told is an error, after all was tried.
    pub async fn tell(&self, results: &[StageResult]) -> Result<()> {
        let mut untold = None;
        for result in results {
            if let Err(error) = self.put(&result.card).await {
                untold.get_or_insert(error);
            }
        }
        if let Err(error) = self.comment().await {
            untold.get_or_insert(error);
        }
        untold.map_or(Ok(()), Err)
    }
}

/// Whether two cards say the same: when and by which run it was found does not matter.
fn same(kept: &Card, new: &Card) -> bool {
    let bare = |card: &Card| {
        let mut card = card.clone();
        card.updated.clear();
        if !matches!(card.state, CardState::Planning | CardState::Deploying) {
            card.run_url = None;
        }
        if let Some(plan) = &mut card.plan {
            plan.timings.clear();
        }
        card
    };
    bare(kept) == bare(new)
}
