//! Answers beside a comment: reactions at a glance, and one short reply that is found again by its marker.

use crate::error::Result;
use crate::forge::{AccountKind, Comment, Reaction};
use crate::github::GitHub;
use crate::render::markdown::escape::length;
use crate::review::{Commenting, Office};

/// Where an answer goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum To {
    /// The comment with this id.
    Comment(u64),
    /// A button under a check: named, since there is no comment.
    Button(String),
}

impl To {
    /// Hidden in the reply, so that a run that is started again finds it.
    fn marker(&self) -> String {
        match self {
            To::Comment(id) => format!("<!-- offshoot:reply {id} -->"),
            To::Button(name) => format!("<!-- offshoot:reply {name} -->"),
        }
    }
}

/// How it went, as the reaction says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Done,
    NotDone,
}

/// A reply stays well below GitHub's limit for a comment.
const MOST_CHARS: usize = 60_000;

/// All that is said in one reply, within GitHub's limit; the first of it is within it by itself.
pub(super) fn joined(parts: &[String]) -> String {
    let mut out = String::new();
    for part in parts {
        if !out.is_empty() && length(&out) + length(part) > MOST_CHARS {
            out.push_str("\nMore was said than fits here; the log of the run has it.\n");
            break;
        }
        if !out.is_empty() {
            out.push('\n');
        }
        out.push_str(part);
    }
    out
}

/// Whether an earlier run has said all there is to say: in words, or, where it was done without any, by its reaction.
pub(super) async fn is_answered(office: &Office, number: u64, to: &To) -> Result<bool> {
    if office.settings.commenting == Commenting::Off {
        return Ok(false);
    }
    if found(office, number, to).await?.is_some() {
        return Ok(true);
    }
    match to {
        To::Comment(id) => office.github.has_reacted(*id, Reaction::Rocket).await,
        To::Button(_) => Ok(false),
    }
}

/// Only what we wrote ourselves counts: a stranger could write the marker too.
async fn found(office: &Office, number: u64, to: &To) -> Result<Option<Comment>> {
    let marker = to.marker();
    let comments = office.github.comments(number).await?;
    let mut marked = comments.into_iter().filter(|c| c.body.starts_with(&marker)).peekable();
    if marked.peek().is_none() {
        return Ok(None);
    }
    let me = office.github.whoami().await?;
    Ok(marked.find(|c| match &me {
        Some(me) => me.login == c.author.login,
        None => c.author.kind == AccountKind::Bot,
    }))
}

/// 👀: seen, and at work.
pub(super) async fn seen(office: &Office, to: &To) -> Result<()> {
    if let (Commenting::On, To::Comment(id)) = (office.settings.commenting, to) {
        office.github.react(*id, Reaction::Eyes).await?;
    }
    Ok(())
}

/// Says it, where there is something to say, and reacts. The reaction comes last: it says that all is done.
pub(super) async fn answer(office: &Office, number: u64, to: &To, said: &str, end: End) -> Result<()> {
    if office.settings.commenting == Commenting::Off {
        return Ok(());
    }
    if !said.is_empty() {
        let body = format!("{}\n{said}\n", to.marker());
        match found(office, number, to).await? {
            Some(comment) if comment.body.trim_end() == body.trim_end() => {}
            Some(comment) => office.github.edit_comment(comment.id, &body).await?,
            None => drop(office.github.create_comment(number, &body).await?),
        }
    }
    let To::Comment(id) = to else { return Ok(()) };
    finish(&office.github, *id, end).await
}

async fn finish(github: &GitHub, comment: u64, end: End) -> Result<()> {
    let reaction = if end == End::Done { Reaction::Rocket } else { Reaction::Confused };
    github.react(comment, reaction).await?;
    github.unreact(comment, Reaction::Eyes).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_left_to_the_log() {
        let parts = vec!["a".repeat(59_000), "b".repeat(2_000), "c".to_owned()];
        let said = joined(&parts);
        assert!(said.ends_with("the log of the run has it.\n"));
        assert!(said.len() < 60_000);
        assert_eq!(joined(&["one\n".to_owned(), "two\n".to_owned()]), "one\n\ntwo\n");
    }

    #[test]
    fn a_reply_is_found_by_the_comment_it_answers() {
        assert_eq!(To::Comment(17).marker(), "<!-- offshoot:reply 17 -->");
    }
}
