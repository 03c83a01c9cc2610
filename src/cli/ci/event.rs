//! The event that started the job: read from its file, and what the `command` input makes of it.

use std::io::Read as _;

use super::environment::{AwsCredentials, Environment};
use super::inputs::Inputs;
use super::name_of;
use crate::error::{Error, Result};
use crate::forge::event::{ForgeEvent, PullAction, PushedRef};
use crate::forge::{self, AccountKind, Actor, Login, Origin};
use crate::github::Auth;
use crate::names::Branch;

/// GitHub sends at most 25 MB.
const LARGEST_BYTES: u64 = 32 * 1024 * 1024;

/// The event, with the inputs of the workflow over what it says itself.
pub fn read(environment: &Environment, inputs: &Inputs) -> Result<ForgeEvent> {
    let payload = payload(environment)?;
    let event = forge::event::read(&environment.event_name, &payload)?;
    overridden(event, environment, inputs)
}

fn payload(environment: &Environment) -> Result<String> {
    let path = &environment.event_file;
    let bad = |what: String| {
        Error::usage("ci.event_file", "reading the event of the job", format!("{}: {what}", path.display()))
            .next("leave GITHUB_EVENT_PATH as GitHub Actions sets it")
    };
    let file = std::fs::File::open(path).map_err(|e| bad(e.to_string()))?;
    let mut bytes = Vec::new();
    file.take(LARGEST_BYTES + 1).read_to_end(&mut bytes).map_err(|e| bad(e.to_string()))?;
    if bytes.len() as u64 > LARGEST_BYTES {
        return Err(bad("it is larger than any event of GitHub".to_owned()));
    }
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(bad("it is empty".to_owned()));
    }
    String::from_utf8(bytes).map_err(|_| bad("it is not UTF-8".to_owned()))
}

/// A `command` makes a dispatch of an event that moves or names a branch; of others the rules decide what is done.
fn overridden(event: ForgeEvent, environment: &Environment, inputs: &Inputs) -> Result<ForgeEvent> {
    let command = inputs.command.clone();
    match event {
        ForgeEvent::Dispatch { repo, stage, command: typed, git_ref, by } => {
            let stage = inputs.stage.clone().or(stage);
            Ok(ForgeEvent::Dispatch { repo, stage, command: command.or(typed), git_ref, by })
        }
        event if command.is_none() => Ok(event),
        ForgeEvent::Push { repo, git_ref, after: Some(_), by, .. } => {
            Ok(ForgeEvent::Dispatch { repo, stage: inputs.stage.clone(), command, git_ref, by })
        }
        ForgeEvent::Push { after: None, .. } => Ok(event_without_branch("push")),
        ForgeEvent::Schedule { .. } | ForgeEvent::Other { .. } => Ok(match reference(environment) {
            Some(git_ref) => ForgeEvent::Dispatch {
                repo: environment.repo.clone(),
                stage: inputs.stage.clone(),
                command,
                git_ref,
                by: actor(environment),
            },
            None => event_without_branch(&environment.event_name),
        }),
        event => Err(Error::usage(
            "ci.command_for_event",
            "reading the input `command`",
            format!("on {} the rules of offshoot.yml and the comments decide what is done", name_of(&event)),
        )
        .next("leave `command` out here: it is for push, schedule and workflow_dispatch")),
    }
}

fn event_without_branch(name: &str) -> ForgeEvent {
    let why = "there is no branch or tag to run the command on".to_owned();
    ForgeEvent::Other { name: name.to_owned(), why }
}

fn reference(environment: &Environment) -> Option<PushedRef> {
    let text = environment.git_ref.as_deref()?;
    let branch = text.strip_prefix("refs/heads/").map(|b| PushedRef::Branch(Branch::new(b)));
    branch.or_else(|| text.strip_prefix("refs/tags/").map(|t| PushedRef::Tag(t.to_owned())))
}

fn actor(environment: &Environment) -> Actor {
    let login = environment.actor.clone().unwrap_or_default();
    let kind = if login.ends_with("[bot]") { AccountKind::Bot } else { AccountKind::Person };
    Actor { login: Login::new(login), kind }
}

/// A pull request of a fork on the event `pull_request`: GitHub gives such a job no secrets, no identity for AWS and a
/// token that may only read, so that nothing can be planned, nor said on the pull request.
pub fn has_no_rights(event: &ForgeEvent, environment: &Environment) -> bool {
    let ForgeEvent::Pull { pull, .. } = event else { return false };
    // GitHub treats Dependabot's own branches as those of a fork
    let is_distrusted = pull.origin() != Origin::Own || environment.actor.as_deref() == Some("dependabot[bot]");
    environment.event_name == "pull_request"
        && is_distrusted
        && environment.id_token.is_none()
        && environment.aws == AwsCredentials::None
        && matches!(environment.auth, Auth::Token(_))
}

/// What such a job can still say: who has to do what.
pub fn what_a_maintainer_does(event: &ForgeEvent) -> Vec<String> {
    let ForgeEvent::Pull { pull, action, .. } = event else { return Vec::new() };
    let whose = match pull.origin() {
        Origin::Fork(repo) => format!("the fork {repo}"),
        Origin::DeletedFork => "a fork that does not exist any more".to_owned(),
        Origin::Own => "this repository".to_owned(),
    };
    let number = pull.number;
    let first = format!(
        "Pull request #{number} comes from {whose}: GitHub gives this job no secrets, no AWS identity and a token that may only read, so nothing was planned."
    );
    if *action == PullAction::Closed {
        return vec![format!("{first} If it had a preview stage, the job of the next schedule or command removes it.")];
    }
    if pull.origin() == Origin::Own {
        let next = "Somebody who may write comments `/offshoot plan` on the pull request: a job on issue_comment, which has the rights, plans it.";
        let first = format!(
            "Pull request #{number} is Dependabot's: GitHub gives this job no secrets, no AWS identity and a token that may only read, so nothing was planned."
        );
        return vec![first, next.to_owned()];
    }
    let next = format!(
        "A maintainer reads the code and then comments `/offshoot approve {}` on the pull request: a job on issue_comment, which has the rights, plans that commit. A new push needs a new approval.",
        pull.head.revision
    );
    vec![first, next]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forge::{Pull, PullState, Readiness, RepoName, Side};
    use crate::names::Revision;
    use crate::review::Commenting;

    fn environment(more: &[(&str, &str)]) -> Environment {
        let job = [
            ("GITHUB_EVENT_NAME", "pull_request"),
            ("GITHUB_EVENT_PATH", "/nowhere/event.json"),
            ("GITHUB_REPOSITORY", "acme/notes"),
            ("GITHUB_REF", "refs/heads/main"),
            ("GITHUB_ACTOR", "octocat"),
            ("GITHUB_TOKEN", "ghs_1"),
        ];
        let all = [&job, more].concat();
        let get = |name: &str| all.iter().rev().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned());
        Environment::read(&get).expect("a job")
    }

    fn inputs(command: Option<&str>) -> Inputs {
        Inputs {
            command: command.map(str::to_owned),
            stage: Some("prod".to_owned()),
            config: None,
            folder: None,
            region: None,
            role: None,
            commenting: Commenting::On,
        }
    }

    fn repo(owner: &str) -> RepoName {
        RepoName { owner: owner.to_owned(), name: "notes".to_owned() }
    }

    fn pull(from: Option<&str>) -> ForgeEvent {
        let side = |repo: Option<RepoName>| Side { branch: Branch::new("b"), revision: Revision::new("c0ffee"), repo };
        let by = Actor { login: Login::new("stranger"), kind: AccountKind::Person };
        let pull = Pull {
            number: 7,
            author: by.clone(),
            state: PullState::Open,
            readiness: Readiness::Ready,
            base: side(Some(repo("acme"))),
            head: side(from.map(repo)),
            merge_revision: None,
        };
        ForgeEvent::Pull { repo: repo("acme"), action: PullAction::Opened, pull: Box::new(pull), by }
    }

    fn schedule() -> ForgeEvent {
        ForgeEvent::Schedule { repo: None, cron: "0 6 * * *".to_owned() }
    }

    #[test]
    fn a_command_makes_a_dispatch_of_a_schedule() {
        let made = overridden(schedule(), &environment(&[]), &inputs(Some("drift"))).expect("an event");
        let by = Actor { login: Login::new("octocat"), kind: AccountKind::Person };
        let wanted = ForgeEvent::Dispatch {
            repo: repo("acme"),
            stage: Some("prod".to_owned()),
            command: Some("drift".to_owned()),
            git_ref: PushedRef::Branch(Branch::new("main")),
            by,
        };
        assert_eq!(made, wanted);
        assert_eq!(overridden(schedule(), &environment(&[]), &inputs(None)).expect("an event"), schedule());
    }

    #[test]
    fn what_is_typed_into_the_workflow_wins_over_nothing_and_loses_to_the_input() {
        let typed = || ForgeEvent::Dispatch {
            repo: repo("acme"),
            stage: Some("staging".to_owned()),
            command: Some("plan".to_owned()),
            git_ref: PushedRef::Tag("v1".to_owned()),
            by: Actor { login: Login::new("octocat"), kind: AccountKind::Person },
        };
        let command = |given: Option<&str>| match overridden(typed(), &environment(&[]), &inputs(given)) {
            Ok(ForgeEvent::Dispatch { command, .. }) => command.expect("a command"),
            other => panic!("{other:?}"),
        };
        assert_eq!(command(None), "plan");
        assert_eq!(command(Some("deploy")), "deploy");
    }

    #[test]
    fn a_pull_request_takes_no_command() {
        let error = overridden(pull(Some("acme")), &environment(&[]), &inputs(Some("deploy"))).expect_err("refused");
        assert_eq!(error.code(), "ci.command_for_event");
    }

    #[test]
    fn a_fork_without_rights_is_told_what_a_maintainer_does() {
        assert!(has_no_rights(&pull(Some("stranger")), &environment(&[])));
        assert!(has_no_rights(&pull(None), &environment(&[])));
        assert!(!has_no_rights(&pull(Some("acme")), &environment(&[])));
        assert!(has_no_rights(&pull(Some("acme")), &environment(&[("GITHUB_ACTOR", "dependabot[bot]")])));
        assert!(!has_no_rights(&pull(Some("stranger")), &environment(&[("GITHUB_EVENT_NAME", "pull_request_target")])));
        assert!(!has_no_rights(&pull(Some("stranger")), &environment(&[("AWS_ACCESS_KEY_ID", "1")])));
        insta::assert_snapshot!(what_a_maintainer_does(&pull(Some("stranger"))).join("\n"), @r"
        Pull request #7 comes from the fork stranger/notes: GitHub gives this job no secrets, no AWS identity and a token that may only read, so nothing was planned.
        A maintainer reads the code and then comments `/offshoot approve c0ffee` on the pull request: a job on issue_comment, which has the rights, plans that commit. A new push needs a new approval.
        ");
    }

    #[test]
    fn an_event_file_that_is_of_no_use_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("event.json");
        let said = |bytes: Option<&[u8]>| {
            if let Some(bytes) = bytes {
                std::fs::write(&file, bytes).expect("writing");
            }
            let job = environment(&[("GITHUB_EVENT_PATH", &file.to_string_lossy())]);
            payload(&job).expect_err("of no use").to_string().replace(&*file.to_string_lossy(), "event.json")
        };
        let all = [said(None), said(Some(b" ")), said(Some(b"\xff"))];
        insta::assert_snapshot!(all.join("\n"), @r"
        reading the event of the job: event.json: No such file or directory (os error 2)
        reading the event of the job: event.json: it is empty
        reading the event of the job: event.json: it is not UTF-8
        ");
    }
}
