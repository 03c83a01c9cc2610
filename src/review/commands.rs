//! Answers the commands of a comment: asks for the rights, does what is asked, reacts and says what came of it.

mod approve;
mod deploy;
mod dispatch;
mod manage;
mod reply;

use super::ask::{About, Answer, Asked};
use super::ground::{Ground, Reach};
use super::rights::{self, Wish};
use super::spot::Spot;
use super::work::Aim;
use super::{Handled, Office, promote, pull, trust};
use crate::command::{self, Command, Found, Target};
use crate::config::Codeowners;
use crate::error::{Error, Result};
use crate::forge::event::CommentAction;
use crate::forge::{AccountKind, Actor, Comment, PullState};
use crate::names::{Digest, Revision};
use crate::pipeline;
use crate::plan::card::Trouble;
use crate::render::reply as say;
use reply::{End, To};

pub use dispatch::dispatch;

/// The code of a refusal that has a sentence of its own.
const LATER: &str = "command.later";

/// A comment on a pull request. Only what a person has just written is a command.
pub async fn comment(
    office: &Office,
    action: CommentAction,
    number: u64,
    comment: &Comment,
    by: &Actor,
) -> Result<Handled> {
    if action != CommentAction::Created {
        return Ok(Handled::note("a comment that is edited or deleted is no command"));
    }
    if comment.author.kind != AccountKind::Person || by.login != comment.author.login {
        return Ok(Handled::note(format!("{} is not a person: their comments are no commands", comment.author.login)));
    }
    let prefix = trust::prefix(office).await?;
    let found = command::read(&comment.body, &prefix);
    if found == Found::Nothing {
        return Ok(Handled::note("the comment has no command"));
    }
    let to = To::Comment(comment.id);
    if reply::is_answered(office, number, &to).await? {
        return Ok(Handled::note("an earlier run has answered this comment"));
    }
    reply::seen(office, &to).await?;
    let answer = match found {
        Found::Nothing => Answer::default(),
        Found::Wrong { line, say } => {
            let error = Error::usage("command.unknown", format!("reading {line}"), say.clone());
            Answer { said: vec![say::unknown(by.login.as_str(), &line, &say)], ..Answer::refused(error) }
        }
        Found::Commands(commands) => {
            let pull = pull::get(office, number).await?;
            let about = About::Pull(Box::new(pull));
            let asked = Asked { office, by, at: comment.created.clone(), prefix, about, plan: None };
            all(&asked, &commands).await
        }
    };
    told(office, number, &to, answer).await
}

/// Does one command after the other; what stands behind one that was not done is not begun.
async fn all(asked: &Asked<'_>, commands: &[Command]) -> Answer {
    let mut whole = Answer::default();
    for command in commands {
        let typed = format!("{} {command}", asked.prefix);
        if !whole.is_done() {
            let why = format!("{typed} was not begun, because the command before it was not done");
            whole.said.push(say::note(asked.to(), &why));
            continue;
        }
        let mut answer = carry_out(asked, command).await.unwrap_or_else(Answer::refused);
        if let Some(error) = answer.error.as_ref().filter(|error| error.code() != LATER) {
            answer.said.insert(0, say::refusal(asked.to(), &typed, &Trouble::of(error)));
        }
        whole = whole.and(answer);
    }
    whole
}

/// Says what came of it on the pull request, and hands it on for the log.
async fn told(office: &Office, number: u64, to: &To, answer: Answer) -> Result<Handled> {
    let end = if answer.is_done() { End::Done } else { End::NotDone };
    let said = reply::joined(&answer.said);
    let mut handled = answer.handled;
    handled.errors.extend(answer.error);
    if let Err(error) = reply::answer(office, number, to, &said, end).await {
        handled.errors.push(error);
    }
    Ok(handled)
}

/// What somebody needs to be allowed for a command.
fn wish(command: &Command, spot: &Spot) -> Wish {
    match command {
        Command::Deploy { .. } | Command::Promote { .. } | Command::Rollback { .. } => Wish::Deploy,
        Command::Remove { .. }
        | Command::Extend { .. }
        | Command::Cancel { .. }
        | Command::Unlock { .. }
        | Command::Retry { .. } => Wish::Manage,
        // owners of changed files are asked by the repository itself, whether the stage's list names them or not
        Command::Approve { revision: None, .. } => match spot.stage.rule.approvals.codeowners {
            Codeowners::Required => Wish::Look,
            Codeowners::Ignore => Wish::Approve,
        },
        Command::Approve { revision: Some(_), .. } => Wish::Trust,
        Command::Help
        | Command::Plan { .. }
        | Command::Outputs { .. }
        | Command::Drift { .. }
        | Command::RevertDrift { .. }
        | Command::Dev { .. }
        | Command::Logs { .. } => Wish::Look,
    }
}

async fn carry_out(asked: &Asked<'_>, command: &Command) -> Result<Answer> {
    match command {
        Command::Help => {
            let rows: Vec<(String, &str)> = command::table().iter().map(|usage| (usage.line(), usage.does)).collect();
            let rows = rows.iter().map(|(line, does)| (line.as_str(), *does));
            Ok(Answer::saying(say::help(asked.to(), &asked.prefix, rows)))
        }
        Command::Drift { .. } | Command::RevertDrift { .. } | Command::Dev { .. } | Command::Logs { .. } => {
            let error = Error::refused(LATER, command.word(), "it comes with a later version");
            Ok(Answer { said: vec![say::later(asked.to(), command.word())], ..Answer::refused(error) })
        }
        Command::Promote { from, to, app } => promote::promote(asked, from, to, app.as_deref()).await,
        Command::Approve { revision: Some(revision), .. } => approve::commit(asked, revision).await,
        Command::Plan { on } => staged(asked, command, on, Reach::All).await,
        Command::Deploy { on, .. } | Command::Remove { on } | Command::Extend { on, .. } | Command::Retry { on } => {
            staged(asked, command, on, Reach::One).await
        }
        Command::Approve { on, .. }
        | Command::Outputs { on }
        | Command::Cancel { on }
        | Command::Unlock { on }
        | Command::Rollback { on, .. } => staged(asked, command, on, Reach::Any).await,
    }
}

/// A command about stages: which they are, whether it may be asked for each, and only then AWS.
async fn staged(asked: &Asked<'_>, command: &Command, on: &Target, reach: Reach) -> Result<Answer> {
    let ground = Ground::open(asked).await?;
    let spots = ground.chosen(on, reach)?;
    for spot in &spots {
        rights::demand(asked.office, asked.by, wish(command, spot), Some(&spot.stage)).await?;
    }
    match command {
        Command::Plan { .. } => plan(&ground, &spots, on).await,
        Command::Deploy { prune, .. } => {
            let prune = if *prune { pipeline::apply::Prune::Delete } else { pipeline::apply::Prune::Keep };
            deploy::deploy(&ground, &spots, prune).await
        }
        Command::Approve { .. } => approve::stages(&ground, &spots).await,
        Command::Remove { .. } => manage::remove(&ground, &spots).await,
        Command::Extend { by_s, .. } => manage::extend(&ground, &spots, *by_s).await,
        Command::Cancel { .. } => manage::cancel(&ground, &spots).await,
        Command::Unlock { .. } => manage::unlock(&ground, &spots).await,
        Command::Outputs { .. } => manage::outputs(&ground, &spots).await,
        Command::Retry { .. } => manage::retry(&ground, &spots, on).await,
        Command::Rollback { revision, .. } => promote::rollback(&ground, &spots, revision.as_deref()).await,
        _ => Err(Error::bug("command.lost", "answering a command", "nobody answers it")),
    }
}

async fn plan(ground: &Ground<'_>, spots: &[Spot], on: &Target) -> Result<Answer> {
    let Some(pull) = ground.pull() else { return dispatch::plan(ground, spots).await };
    ground.is_open(pull, "planning for it")?;
    ground.is_trusted(pull).await?;
    pull::reconcile(ground.asked.office, pull.number, on, Aim::Plan).await.map(Answer::of)
}

/// Somebody pressed a button under a check of ours, or asked for the check again.
pub async fn button(
    office: &Office,
    identifier: &str,
    external_id: &str,
    revision: &Revision,
    by: &Actor,
) -> Result<Handled> {
    if by.kind != AccountKind::Person {
        return Ok(Handled::note(format!("{} is not a person: they press no buttons", by.login)));
    }
    let Some((app, stage)) = external_id.split_once('/') else {
        return Ok(Handled::note("the button is not under a check of ours"));
    };
    let on = Target { app: Some(app.to_owned()), stage: Some(stage.to_owned()) };
    // a deploy button stands for the plan that its check showed: `deploy:1a2b3c4d5e6f`
    let (pressed, plan) = match identifier.split_once(':') {
        Some((pressed, plan)) => (pressed, Some(plan.to_owned())),
        None => (identifier, None),
    };
    let command = match pressed {
        "deploy" => Command::Deploy { on, prune: false },
        "cancel" => Command::Cancel { on },
        "plan" | "" | "rerequested" => Command::Plan { on },
        other => return Ok(Handled::note(format!("there is no button {other}"))),
    };
    let pulls = office.github.pulls_of(revision).await?;
    let with = pulls.into_iter().find(|p| p.state == PullState::Open && p.head.revision == *revision);
    let Some(pull) = with else {
        return Ok(Handled::note(format!("no open pull request is at commit {} any more", revision.short())));
    };
    let number = pull.number;
    let prefix = trust::prefix(office).await?;
    let asked = Asked { office, by, at: pipeline::now(), prefix, about: About::Pull(Box::new(pull)), plan };
    let answer = all(&asked, std::slice::from_ref(&command)).await;
    let name = Digest::of_parts([identifier, external_id, revision.as_str(), by.login.as_str()]);
    told(office, number, &To::Button(name.short().to_owned()), answer).await
}
