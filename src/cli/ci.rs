//! `offshoot ci`: does what an event of GitHub means for the stages of its repository, as a step of a job.

mod annotations;
mod environment;
mod event;
mod inputs;
mod log;
mod outputs;
mod report;
mod summary;

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use self::environment::{AwsCredentials, Environment, Files, Get};
use self::inputs::Inputs;
use self::log::{Commands, Log};
use super::End;
use super::common::Common;
use super::printer::Printer;
use super::tell::Watch;
use crate::aws::{Pace, WebIdentity};
use crate::error::{Error, Result};
use crate::forge::event::ForgeEvent;
use crate::github::{Auth, Door, GitHub, Limits, oidc};
use crate::review::{self, Code, Handled, Office, Settings};

/// What AWS wants to read in a token that a role is assumed with.
const AUDIENCE: &str = "sts.amazonaws.com";

/// GitHub kills a cancelled job 2.5 s after its second signal: less, so that what there is can still be written.
const LEAVING: Duration = Duration::from_millis(1_500);

#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to do with the stage (plan, deploy, remove, drift …), where the event does not say it by itself: on push, schedule and workflow_dispatch
    #[arg(long, value_name = "COMMAND")]
    command: Option<String>,
    /// Only apps in this folder of the repository
    #[arg(long, value_name = "FOLDER")]
    working_directory: Option<String>,
    /// The AWS role that is assumed with the job's OpenID Connect token, for stages that name no role
    #[arg(long, value_name = "ARN")]
    role_to_assume: Option<String>,
    /// Whether anything is written on pull requests
    #[arg(long, value_name = "true|false")]
    comment: Option<bool>,
}

pub async fn run(common: &Common, args: Args, printer: &Printer) -> Result<End> {
    let get = |name: &str| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
    // outside of Actions nobody understands workflow commands
    let commands = if get("GITHUB_ACTIONS").as_deref() == Some("true") { Commands::On } else { Commands::Off };
    let log = Log::open(printer, commands, "Offshoot at work");
    let files = Files::read(&get);
    let watch = Watch::start(printer.clone(), common.format);
    let worked = work(common, &args, &get, &log, &watch).await;
    watch.end().await;
    log.end_group();
    let mut handled = worked.unwrap_or_else(|error| Handled { errors: vec![error], ..Handled::default() });
    if let Err(error) = write(&handled, &files) {
        handled.errors.push(error);
    }
    report::tell(&handled, printer);
    log.close(&annotations::of(&handled));
    Ok(report::end(&handled))
}

async fn work(common: &Common, args: &Args, get: Get<'_>, log: &Log<'_>, watch: &Watch) -> Result<Handled> {
    let environment = Environment::read(get)?;
    let inputs = Inputs::read(common, args, get)?;
    let event = event::read(&environment, &inputs)?;
    if event::has_no_rights(&event, &environment) {
        return Ok(Handled { notes: event::what_a_maintainer_does(&event), ..Handled::default() });
    }
    let office = office(common, environment, inputs, watch)?;
    if let Some(secret) = office_secret(&office).await? {
        log.mask(&secret);
    }
    tokio::select! {
        handled = review::handle(&office.0, &event) => handled,
        () = left(office.0.tools.stop.leave.clone()) => Err(
            Error::failed("run.cancelled", "working", "the job was cancelled")
                .next("run the job again: it goes on where this one stopped"),
        ),
    }
}

/// What a job that is cancelled may still do after its second signal.
async fn left(leave: CancellationToken) {
    leave.cancelled().await;
    tokio::time::sleep(LEAVING).await;
}

/// Whether the token that git gets is one that GitHub does not know as a secret of the job.
enum Minted {
    ByUs,
    ByGitHub,
}

fn office(common: &Common, environment: Environment, inputs: Inputs, watch: &Watch) -> Result<(Office, Minted)> {
    if let (AwsCredentials::InEnvironment, Some(role)) = (environment.aws, &inputs.role) {
        return Err(two_identities(&role.arn));
    }
    let web_identity = match (&environment.id_token, &inputs.role) {
        (Some(source), role) => Some(WebIdentity {
            token: oidc::fetcher(source.url.clone(), source.bearer.clone(), AUDIENCE.to_owned()),
            role: role.clone(),
            session_name: environment.session_name(),
        }),
        (None, None) => None,
        (None, Some(role)) => return Err(no_id_token(&role.arn)),
    };
    let minted = match environment.auth {
        Auth::App { .. } => Minted::ByUs,
        Auth::Token(_) => Minted::ByGitHub,
    };
    let settings = Settings {
        address: environment.address(),
        config: inputs.config,
        stage: inputs.stage,
        folder: inputs.folder,
        region: inputs.region,
        web_identity,
        commenting: inputs.commenting,
        run_url: environment.run_url(),
        patience: environment.patience,
        code: if environment.event_name == "pull_request_target" { Code::Never } else { Code::MayRun },
    };
    let door = Door { api_url: environment.api_url, auth: environment.auth };
    let tools = common.tools(watch.teller(), watch.stop())?;
    let github = GitHub::connect_within(door, environment.repo.clone(), limits(tools.pace))?;
    Ok((Office { github, repo: environment.repo, tools, settings }, minted))
}

/// A forge that answers in milliseconds is not waited for either; what it says about limits counts as ever.
fn limits(pace: Option<Pace>) -> Limits {
    let usual = Limits::default();
    match pace {
        None => usual,
        Some(pace) => Limits { between_creates: pace.first, first_pause: pace.first, ..usual },
    }
}

fn no_id_token(role: &str) -> Error {
    let what = format!("this job gets no OpenID Connect token to assume {role} with");
    Error::usage("ci.no_id_token", "reading the job's environment", what)
        .next("give the job `permissions: id-token: write`; without `role-to-assume` the credentials of the environment are used")
}

fn two_identities(role: &str) -> Error {
    let what = format!("the environment holds AWS credentials, and `role-to-assume` names {role}");
    Error::usage("ci.two_identities", "reading the job's environment", what)
        .next("leave out one of them: the step that sets credentials, or `role-to-assume`")
}

/// The installation token of an App: in no log, wherever it may turn up.
async fn office_secret((office, minted): &(Office, Minted)) -> Result<Option<String>> {
    match minted {
        Minted::ByUs => office.github.git_token().await.map(Some),
        Minted::ByGitHub => Ok(None),
    }
}

/// Outputs and the job summary: written also when everything went wrong.
fn write(handled: &Handled, files: &Files) -> Result<()> {
    let markdown = summary::whole(handled);
    let file = files.put_markdown(&markdown)?;
    outputs::write(files.output.as_deref(), &outputs::of(handled, file.as_deref()))?;
    summary::append(files.summary.as_deref(), &markdown)
}

/// The event whose name and payload were read; nothing to do with its meaning.
fn name_of(event: &ForgeEvent) -> &'static str {
    match event {
        ForgeEvent::Push { .. } => "push",
        ForgeEvent::Pull { .. } => "pull_request",
        ForgeEvent::Comment { .. } => "issue_comment",
        ForgeEvent::MergeGroup { .. } => "merge_group",
        ForgeEvent::Button { .. } => "check_run",
        ForgeEvent::Deleted { .. } => "delete",
        ForgeEvent::Schedule { .. } => "schedule",
        ForgeEvent::Dispatch { .. } => "workflow_dispatch",
        ForgeEvent::Other { .. } => "another event",
    }
}
