//! Branches and pull requests, as they are now.

use super::GitHub;
use super::api::At;
use super::errors::Ask;
use super::models::{ChangedFile, Compared, GitRef, PullModel};
use super::text::{escape, escape_path};
use crate::error::Result;
use crate::forge::Pull;
use crate::names::{Branch, Revision};

const READ_PULLS: &str = "pull-requests: read";
const READ_CODE: &str = "contents: read";

impl GitHub {
    /// Nothing where the branch does not exist.
    pub async fn branch_tip(&self, branch: &Branch) -> Result<Option<Revision>> {
        let ask = Ask::new(format!("reading the branch {branch} of {}", self.repo), READ_CODE);
        // not /branches/…: that one redirects to another branch where one was renamed
        let at = At::repo(format!("/git/ref/heads/{}", escape_path(branch.as_str())));
        let answer = self.api().get(&ask, &at).await?;
        match answer.status {
            // a repository without any commit
            409 => Ok(None),
            404 => self.api().repository().await.map(|_| None),
            // several branches whose names only begin so
            200 if answer.body.trim_start().starts_with('[') => Ok(None),
            _ => {
                let found: GitRef = self.api().parse(&ask, &answer)?;
                Ok(Some(Revision::new(found.object.sha)))
            }
        }
    }

    /// Nothing where there is no such pull request.
    pub async fn pull(&self, number: u64) -> Result<Option<Pull>> {
        let ask = Ask::new(format!("reading pull request #{number} of {}", self.repo), READ_PULLS);
        match self.api().find(&ask, &At::repo(format!("/pulls/{number}"))).await? {
            Some(answer) => Ok(Some(self.api().parse::<PullModel>(&ask, &answer)?.into())),
            None => Ok(None),
        }
    }

    pub async fn open_pulls(&self) -> Result<Vec<Pull>> {
        let ask = Ask::new(format!("listing the open pull requests of {}", self.repo), READ_PULLS);
        // oldest first: one that is opened meanwhile does not move others to another page
        let at = At::repo("/pulls?state=open&sort=created&direction=asc&per_page=100");
        let pulls: Vec<PullModel> = self.api().list(&ask, at).await?;
        Ok(pulls.into_iter().map(Pull::from).collect())
    }

    /// The pull requests that a commit came in with.
    pub async fn pulls_of(&self, revision: &Revision) -> Result<Vec<Pull>> {
        let ask = Ask::new(format!("listing the pull requests of {} in {}", revision.short(), self.repo), READ_PULLS);
        let at = At::repo(format!("/commits/{}/pulls?per_page=100", escape(revision.as_str())));
        let answer = self.api().get(&ask, &at).await?;
        if answer.status == 422 {
            // GitHub does not know the commit
            return Ok(Vec::new());
        }
        let pulls: Vec<PullModel> = self.api().parse(&ask, &answer)?;
        Ok(pulls.into_iter().map(Pull::from).collect())
    }

    /// How many commits of `base` are not in `head`.
    pub async fn behind(&self, base: &str, head: &str) -> Result<u64> {
        let ask = Ask::new(format!("comparing {base} with {head} in {}", self.repo), READ_CODE);
        let at = At::repo(format!("/compare/{}...{}?per_page=1", escape(base), escape(head)));
        let compared: Compared = self.api().read(&ask, &at).await?;
        Ok(compared.behind_by)
    }

    /// The files that a pull request changes (at most 3,000); of a renamed one the old name too.
    pub async fn changed_files(&self, number: u64) -> Result<Vec<String>> {
        let ask = Ask::new(format!("listing the files of pull request #{number} of {}", self.repo), READ_PULLS);
        let files: Vec<ChangedFile> =
            self.api().list(&ask, At::repo(format!("/pulls/{number}/files?per_page=100"))).await?;
        let mut names: Vec<String> =
            files.into_iter().flat_map(|file| file.previous_filename.into_iter().chain([file.filename])).collect();
        names.sort_unstable();
        names.dedup();
        Ok(names)
    }
}
