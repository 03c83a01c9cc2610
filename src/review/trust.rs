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

/// Fewer digits of a commit could be met on purpose.
const MIN_DIGITS: usize = 7;
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

/// `revision` is the beginning of that commit, and long enough to mean it.
pub fn names(revision: &str, commit: &Revision) -> bool {
    revision.len() >= MIN_DIGITS && commit.as_str().starts_with(&revision.to_ascii_lowercase())
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
    fn a_commit_is_named_by_at_least_seven_of_its_digits() {
        let head = Revision::new("0123456789abcdef0123456789abcdef01234567");
        assert!(names("0123456", &head));
        assert!(names("0123456789ABCDEF", &head));
        assert!(names(head.as_str(), &head));
        assert!(!names("012345", &head));
        assert!(!names("0123457", &head));
        assert!(!names("", &head));
        assert!(!names("0123456789abcdef0123456789abcdef012345678", &head));
    }

    #[test]
    fn the_prefix_is_the_configured_one_and_survives_a_broken_file() {
        let file = Path::new("offshoot.yml");
        assert_eq!(prefix_of(None, file), "/offshoot");
        assert_eq!(prefix_of(Some("version: [\n"), file), "/offshoot");
    }
}
