//! GitHub behind its API: who we are to it, what is asked and written; octocrab's types end here.

pub mod oidc;

mod api;
mod auth;
mod cache;
mod checks;
mod comments;
mod deployments;
mod errors;
mod files;
mod limits;
mod line;
mod memory;
mod models;
mod output;
mod pace;
mod people;
mod pulls;
mod reactions;
mod secrets;
mod statuses;
mod text;
mod wire;

#[cfg(test)]
mod fake;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::forge::RepoName;
use crate::names::Branch;

pub use limits::Limits;

/// As whom we speak.
#[derive(Clone)]
pub enum Auth {
    /// `GITHUB_TOKEN`, or a personal token.
    Token(String),
    /// A GitHub App: its id (or client id), its private key as PEM; the installation is looked up.
    App { id: String, key_pem: String },
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Auth::Token(_) => f.write_str("Token"),
            Auth::App { id, .. } => f.debug_struct("App").field("id", id).finish_non_exhaustive(),
        }
    }
}

/// Where GitHub is and as whom we speak.
#[derive(Clone, Debug)]
pub struct Door {
    /// `https://api.github.com`, or `https://ghe.example.com/api/v3`.
    pub api_url: String,
    pub auth: Auth,
}

/// Whether somebody belongs to a team; `Unknown` where the token may not see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Membership {
    Yes,
    No,
    Unknown,
}

/// Whether a write changed anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrote {
    Nothing,
    Created,
    Changed,
}

/// One repository on GitHub. Cheap to clone; clones share their limits, pace and token.
#[derive(Clone)]
pub struct GitHub {
    repo: RepoName,
    shared: Arc<Shared>,
}

struct Shared {
    api: api::Api,
    memory: memory::Memory,
}

impl fmt::Debug for GitHub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GitHub").field("repo", &self.repo.to_string()).finish_non_exhaustive()
    }
}

/// Facts about the repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepoFacts {
    /// Its name now: another one than was asked for where it was renamed.
    pub name: RepoName,
    pub default_branch: Branch,
    pub private: bool,
}

impl GitHub {
    /// Nothing is called yet.
    pub fn connect(door: Door, repo: RepoName) -> Result<GitHub> {
        GitHub::connect_within(door, repo, Limits::default())
    }

    /// The same with other limits of time and patience.
    pub fn connect_within(door: Door, repo: RepoName, limits: Limits) -> Result<GitHub> {
        let base = wire::Base::parse(&door.api_url).ok_or_else(|| {
            Error::usage(
                "forge.bad_address",
                "reading the address of GitHub's API",
                wire::without_userinfo(&door.api_url),
            )
            .next("write it like https://api.github.com or https://ghe.example.com/api/v3")
        })?;
        let identity = match &door.auth {
            Auth::Token(token) => auth::Identity::token(token)?,
            Auth::App { id, key_pem } => auth::Identity::app(id, key_pem)?,
        };
        let api = api::Api::new(base, identity, repo.clone(), limits);
        Ok(GitHub { repo, shared: Arc::new(Shared { api, memory: memory::Memory::default() }) })
    }

    /// The name that was asked for; [`GitHub::facts`] gives the name now.
    pub fn repo(&self) -> &RepoName {
        &self.repo
    }

    pub async fn facts(&self) -> Result<RepoFacts> {
        let repository = self.api().repository().await?;
        Ok(RepoFacts {
            name: self.api().name(),
            default_branch: Branch::new(repository.default_branch),
            private: repository.private,
        })
    }

    /// A token that git can use for HTTPS, valid for at least some minutes.
    pub async fn git_token(&self) -> Result<String> {
        Ok(self.api().token().await?.to_string())
    }

    fn api(&self) -> &api::Api {
        &self.shared.api
    }

    fn memory(&self) -> &memory::Memory {
        &self.shared.memory
    }
}
