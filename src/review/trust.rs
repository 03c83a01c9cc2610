//! Whether a stranger's code may run: a maintainer has said so on the pull request, for exactly the commit it has now.

use std::path::{Path, PathBuf};

use super::Office;
use super::rights::{self, Wish};
use crate::command::{self, Command, Found};
use crate::config;
use crate::error::Result;
use crate::forge::{AccountKind, Comment, Origin, Pull};
use crate::names::Revision;
use crate::pipeline::stage::FILE;

/// What a command begins with where nothing is configured.
const PREFIX: &str = "/offshoot";

/// Whether the code of the pull request may run. Nothing is kept of it: a comment that was never edited, by somebody who
/// may say so now, names the commit that the pull request has now. A push therefore takes the trust away.
pub async fn trusted(office: &Office, pull: &Pull) -> Result<bool> {
    if pull.origin() == Origin::Own {
        return Ok(true);
    }
    let prefix = prefix(office).await?;
    let comments = office.github.comments(pull.number).await?;
    for comment in comments.iter().rev().filter(|c| vouches(c, &prefix, &pull.head.revision)) {
        match rights::demand(office, &comment.author, Wish::Trust, None).await {
            Ok(()) => return Ok(true),
            Err(error) if error.code() == "rights.missing" => {}
            Err(error) => return Err(error),
        }
    }
    Ok(false)
}

/// What a command begins with, as the default branch says now. A configuration that cannot be read is told elsewhere:
/// the usual word still reaches us.
pub async fn prefix(office: &Office) -> Result<String> {
    let file = office.settings.config.clone().unwrap_or_else(|| PathBuf::from(FILE));
    let facts = office.github.facts().await?;
    let text = office.github.file(&file.to_string_lossy(), facts.default_branch.as_str()).await?;
    Ok(prefix_of(text.as_deref(), &file))
}

fn prefix_of(text: Option<&str>, file: &Path) -> String {
    let config = text.and_then(|text| config::parse(text, file).ok());
    config.map_or_else(|| PREFIX.to_owned(), |config| config.prefix)
}

/// `said` is that commit, whole: another commit that begins the same is made within a second for seven digits, and for
/// twelve within days, so that a stranger could push one after the approval.
pub fn names(said: &str, commit: &Revision) -> bool {
    !said.is_empty() && commit.as_str().eq_ignore_ascii_case(said)
}

/// The comment says that this commit may run. One that was edited may have said something else when it was read.
fn vouches(comment: &Comment, prefix: &str, head: &Revision) -> bool {
    if comment.author.kind != AccountKind::Person || comment.created != comment.updated {
        return false;
    }
    let Found::Commands(commands) = command::read(&comment.body, prefix) else { return false };
    commands.iter().any(|c| matches!(c, Command::Approve { revision: Some(said), .. } if names(said, head)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_is_named_by_all_of_its_digits() {
        let head = Revision::new("0123456789abcdef0123456789abcdef01234567");
        assert!(names(head.as_str(), &head));
        assert!(names("0123456789ABCDEF0123456789abcdef01234567", &head));
        assert!(!names("0123456", &head));
        assert!(!names("0123456789abcdef0123456789abcdef0123456", &head));
        assert!(!names("0123456789abcdef0123456789abcdef012345678", &head));
        assert!(!names("", &Revision::new("")));
    }

    #[test]
    fn only_a_persons_unedited_comment_with_the_whole_commit_vouches() {
        let head = Revision::new("0123456789abcdef0123456789abcdef01234567");
        let said = |kind, body: String, updated: &str| {
            let author = crate::forge::Actor { login: crate::forge::Login::new("ana"), kind };
            let (created, updated) = ("2026-03-01T10:00:00Z".to_owned(), updated.to_owned());
            vouches(&Comment { id: 1, author, body, created, updated, url: String::new() }, PREFIX, &head)
        };
        let (whole, at) = (format!("/offshoot approve {head}"), "2026-03-01T10:00:00Z");
        assert!(said(AccountKind::Person, whole.clone(), at));
        assert!(!said(AccountKind::Bot, whole.clone(), at));
        assert!(!said(AccountKind::Person, whole.clone(), "2026-03-01T10:00:01Z"));
        assert!(!said(AccountKind::Person, format!("> {whole}"), at));
        // a commit with the same beginning can be made on purpose
        assert!(!said(AccountKind::Person, "/offshoot approve 0123456789ab".to_owned(), at));
    }

    #[test]
    fn the_prefix_is_the_configured_one_and_survives_a_broken_file() {
        let file = Path::new("offshoot.yml");
        assert_eq!(prefix_of(None, file), "/offshoot");
        assert_eq!(prefix_of(Some("version: [\n"), file), "/offshoot");
    }
}
