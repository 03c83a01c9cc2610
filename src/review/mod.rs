//! What an event of the forge means for stages: which are planned, deployed or removed, and what is told about it.

pub mod approvals;
pub mod ask;
pub mod board;
pub mod commands;
pub mod ground;
pub mod promote;
pub mod pull;
pub mod push;
pub mod report;
pub mod rights;
pub mod seat;
pub mod spot;
pub mod sweep;
pub mod trust;
pub mod url;
pub mod work;

use std::path::PathBuf;
use std::time::Duration;

use crate::aws::WebIdentity;
use crate::command::Target;
use crate::config::GitRef;
use crate::error::{Error, Result};
use crate::forge::RepoName;
use crate::forge::event::{ForgeEvent, PullAction, PushedRef};
use crate::github::GitHub;
use crate::names::Region;
use crate::pipeline::Tools;
use crate::plan::card::Card;
use work::Aim;

/// Whether anything is written on pull requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Commenting {
    On,
    Off,
}

/// How this way in wants things done.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where git fetches from: `https://github.com/acme/notes.git`.
    pub address: String,
    /// The `config` input: a path in the repository.
    pub config: Option<PathBuf>,
    /// Only this stage.
    pub stage: Option<String>,
    /// Only apps in this folder.
    pub folder: Option<PathBuf>,
    pub region: Option<Region>,
    pub web_identity: Option<WebIdentity>,
    pub commenting: Commenting,
    /// Where this run can be watched.
    pub run_url: Option<String>,
    /// How long a stage that somebody else works on is waited for.
    pub patience: Duration,
    /// `pull_request_target`: code of a pull request is never run here, only talked about.
    pub code: Code,
}

/// Whether code of pull requests may be run in this place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    MayRun,
    Never,
}

/// One repository, with everything that is needed to work on it.
#[derive(Clone)]
pub struct Office {
    pub github: GitHub,
    pub repo: RepoName,
    pub tools: Tools,
    pub settings: Settings,
}

/// What came of one stage.
#[derive(Debug)]
pub struct StageResult {
    /// `pull` is 0 where no pull request is concerned.
    pub card: Card,
    /// What ended the work on it before its end; also in the card, as data.
    pub error: Option<Error>,
}

/// What came of an event.
#[derive(Debug, Default)]
pub struct Handled {
    pub stages: Vec<StageResult>,
    /// Sentences for the log and the job summary.
    pub notes: Vec<String>,
    /// What is no stage's fault: the configuration, the forge.
    pub errors: Vec<Error>,
}

impl Handled {
    /// Nothing was done, and why.
    pub fn note(text: impl Into<String>) -> Self {
        Handled { notes: vec![text.into()], ..Handled::default() }
    }
}

/// Does what the event means. Errors that belong to a stage or to the event are in the result and are told on the
/// pull request as well; an `Err` is something that could not be told there.
pub async fn handle(office: &Office, event: &ForgeEvent) -> Result<Handled> {
    match event {
        ForgeEvent::Push { git_ref, after: Some(after), .. } => push::moved(office, &git_ref.into(), after).await,
        ForgeEvent::Push { git_ref, after: None, .. } => {
            Ok(Handled::note(format!("{} was deleted", GitRef::from(git_ref))))
        }
        ForgeEvent::Pull { action: PullAction::Else, pull, .. } => {
            Ok(Handled::note(format!("this change of pull request #{} says nothing about stages", pull.number)))
        }
        ForgeEvent::Pull { pull, .. } => pull::reconcile(office, pull.number, &Target::default(), Aim::Rule).await,
        ForgeEvent::MergeGroup { revision, base, .. } => push::queued(office, base, revision).await,
        ForgeEvent::Other { name, why } => Ok(Handled::note(format!("{name}: {why}"))),
        ForgeEvent::Comment { action, number, comment, by, .. } => {
            commands::comment(office, *action, *number, comment, by).await
        }
        ForgeEvent::Button { identifier, external_id, revision, by, .. } => {
            commands::button(office, identifier, external_id, revision, by).await
        }
        ForgeEvent::Deleted { git_ref, .. } => sweep::deleted(office, git_ref).await,
        ForgeEvent::Schedule { .. } => sweep::sweep(office).await,
        ForgeEvent::Dispatch { stage, command, git_ref, by, .. } => {
            commands::dispatch(office, stage.as_deref(), command.as_deref(), git_ref, by).await
        }
    }
}

impl From<&PushedRef> for GitRef {
    fn from(pushed: &PushedRef) -> Self {
        match pushed {
            PushedRef::Branch(branch) => GitRef::Branch(branch.clone()),
            PushedRef::Tag(tag) => GitRef::Tag(tag.clone()),
        }
    }
}
