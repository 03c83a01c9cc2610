//! Reactions to comments: what is there already is not written again.

use serde_json::json;

use super::api::At;
use super::comments::WRITE;
use super::errors::Ask;
use super::line::{Repeat, Sent};
use super::models::{ReactionModel, actor};
use super::wire::Method;
use super::{GitHub, Wrote};
use crate::error::Result;
use crate::forge::{Login, Reaction};

/// Who `GITHUB_TOKEN` is, which cannot ask.
const ACTIONS: &str = "github-actions[bot]";

impl GitHub {
    /// Reacts to a comment; what is there already is not written again.
    pub async fn react(&self, comment: u64, reaction: Reaction) -> Result<Wrote> {
        let content = word(reaction);
        if self.memory().reaction(comment, content).is_some() {
            return Ok(Wrote::Nothing);
        }
        let ask = Ask::new(format!("reacting to comment {comment} of {}", self.repo), WRITE);
        let at = At::repo(format!("/issues/comments/{comment}/reactions"));
        let body = json!({ "content": content });
        // GitHub keeps one of each kind by each user, so that asking twice does no harm
        let answer = match self.api().write(&ask, Method::Post, &at, Some(&body), Repeat::Freely).await? {
            Sent::Answer(answer) => answer,
            Sent::Unknown(error) => return Err(error),
        };
        let made: ReactionModel = self.api().parse(&ask, &answer)?;
        self.memory().reacted(comment, content, made.id);
        if made.user.is_some() {
            self.memory().we_are(&actor(made.user).login);
        }
        Ok(if answer.status == 201 { Wrote::Created } else { Wrote::Nothing })
    }

    /// Takes our own reaction back.
    pub async fn unreact(&self, comment: u64, reaction: Reaction) -> Result<Wrote> {
        let content = word(reaction);
        let ask = Ask::new(format!("taking back a reaction to comment {comment} of {}", self.repo), WRITE);
        let ours = match self.memory().reaction(comment, content) {
            Some(id) => Some(id),
            None => self.find_reaction(&ask, comment, content).await?,
        };
        self.memory().unreacted(comment, content);
        let Some(id) = ours else { return Ok(Wrote::Nothing) };
        let at = At::repo(format!("/issues/comments/{comment}/reactions/{id}"));
        let answer = self.api().change(&ask, Method::Delete, &at, None).await?;
        match answer.status {
            404 => Ok(Wrote::Nothing),
            _ if answer.is_fine() => Ok(Wrote::Changed),
            _ => Err(self.api().refused(&ask, &answer)),
        }
    }

    /// Whether we have reacted so, in this run or in an earlier one.
    pub async fn has_reacted(&self, comment: u64, reaction: Reaction) -> Result<bool> {
        let ask = Ask::new(format!("looking at the reactions to comment {comment} of {}", self.repo), WRITE);
        Ok(self.find_reaction(&ask, comment, word(reaction)).await?.is_some())
    }

    async fn find_reaction(&self, ask: &Ask, comment: u64, content: &str) -> Result<Option<u64>> {
        let us = match self.memory().us() {
            Some(us) => us,
            None => self.whoami().await?.map_or_else(|| Login::new(ACTIONS), |us| us.login),
        };
        let at = At::repo(format!("/issues/comments/{comment}/reactions?content={content}&per_page=100"));
        let reactions: Vec<ReactionModel> = match self.api().list(ask, at).await {
            // the comment itself is gone
            Err(error) if error.code() == "forge.not_found" => return Ok(None),
            reactions => reactions?,
        };
        Ok(reactions.into_iter().find(|r| actor(r.user.clone()).login == us).map(|r| r.id))
    }
}

fn word(reaction: Reaction) -> &'static str {
    match reaction {
        Reaction::Eyes => "eyes",
        Reaction::Rocket => "rocket",
        Reaction::Confused => "confused",
    }
}
