//! Comments on pull requests: read, written once, edited and deleted.

use serde_json::json;

use super::GitHub;
use super::api::{At, Created};
use super::errors::Ask;
use super::models::CommentModel;
use super::wire::Method;
use crate::error::Result;
use crate::forge::Comment;

pub(super) const WRITE: &str = "pull-requests: write";

impl GitHub {
    /// Oldest first.
    pub async fn comments(&self, number: u64) -> Result<Vec<Comment>> {
        let ask =
            Ask::new(format!("reading the comments of pull request #{number} of {}", self.repo), "pull-requests: read");
        let comments: Vec<CommentModel> =
            self.api().list(&ask, At::repo(format!("/issues/{number}/comments?per_page=100"))).await?;
        let mut comments: Vec<Comment> = comments.into_iter().map(Comment::from).collect();
        comments.sort_by_key(|comment| comment.id);
        if let Some(last) = comments.last() {
            self.memory().saw_comment(number, last.id);
        }
        Ok(comments)
    }

    pub async fn create_comment(&self, number: u64, body: &str) -> Result<Comment> {
        let ask = Ask::new(format!("commenting on pull request #{number} of {}", self.repo), WRITE);
        let before = self.memory().newest_comment(number);
        // ours is one with the same text that was not there when somebody last looked
        let look = || async move {
            let comments = self.comments(number).await?;
            Ok(comments.into_iter().rev().find(|c| c.id > before && same_text(&c.body, body)))
        };
        let at = At::repo(format!("/issues/{number}/comments"));
        let comment = match self.api().create(&ask, &at, &json!({ "body": body }), look).await? {
            Created::Before(comment) => comment,
            Created::Answer(answer) => self.api().parse::<CommentModel>(&ask, &answer)?.into(),
        };
        self.memory().we_are(&comment.author.login);
        self.memory().saw_comment(number, comment.id);
        Ok(comment)
    }

    pub async fn edit_comment(&self, id: u64, body: &str) -> Result<()> {
        let ask = Ask::new(format!("editing comment {id} of {}", self.repo), WRITE);
        let at = At::repo(format!("/issues/comments/{id}"));
        let answer = self.api().change(&ask, Method::Patch, &at, Some(&json!({ "body": body }))).await?;
        if answer.is_fine() { Ok(()) } else { Err(self.api().refused(&ask, &answer)) }
    }

    /// A comment that is gone already is fine.
    pub async fn delete_comment(&self, id: u64) -> Result<()> {
        let ask = Ask::new(format!("deleting comment {id} of {}", self.repo), WRITE);
        let answer = self.api().change(&ask, Method::Delete, &At::repo(format!("/issues/comments/{id}")), None).await?;
        if answer.is_fine() || answer.status == 404 { Ok(()) } else { Err(self.api().refused(&ask, &answer)) }
    }
}

/// GitHub may give line ends and the space around a text back in its own way.
pub(super) fn same_text(theirs: &str, ours: &str) -> bool {
    theirs.trim().lines().map(str::trim_end).eq(ours.trim().lines().map(str::trim_end))
}
