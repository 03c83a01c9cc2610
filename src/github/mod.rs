//! GitHub behind its API: who we are to it, what is asked and written; octocrab's types end here.

pub mod oidc;

use crate::error::{Error, Result};
use crate::forge::{Actor, Check, Comment, Deployment, Login, Permission, Pull, Reaction, RepoName};
use crate::names::{Branch, Revision};

/// As whom we speak.
#[derive(Clone)]
pub enum Auth {
    /// `GITHUB_TOKEN`, or a personal token.
    Token(String),
    /// A GitHub App: its id (or client id), its private key as PEM; the installation is looked up.
    App { id: String, key_pem: String },
}

/// Where GitHub is and as whom we speak.
#[derive(Clone)]
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

/// One repository on GitHub. Cheap to clone.
#[derive(Clone)]
pub struct GitHub {
    repo: RepoName,
}

fn stub<T>() -> Result<T> {
    Err(Error::bug("stub", "speaking to GitHub", "not written yet"))
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
    pub fn connect(_door: Door, repo: RepoName) -> Result<GitHub> {
        Ok(GitHub { repo })
    }

    pub fn repo(&self) -> &RepoName {
        &self.repo
    }

    pub async fn facts(&self) -> Result<RepoFacts> {
        stub()
    }

    /// A token that git can use for HTTPS, valid for at least some minutes.
    pub async fn git_token(&self) -> Result<String> {
        stub()
    }

    /// Nothing where the branch does not exist.
    pub async fn branch_tip(&self, _branch: &Branch) -> Result<Option<Revision>> {
        stub()
    }

    /// Nothing where there is no such pull request.
    pub async fn pull(&self, _number: u64) -> Result<Option<Pull>> {
        stub()
    }

    pub async fn open_pulls(&self) -> Result<Vec<Pull>> {
        stub()
    }

    /// The pull requests that a commit came in with.
    pub async fn pulls_of(&self, _revision: &Revision) -> Result<Vec<Pull>> {
        stub()
    }

    /// How many commits of `base` are not in `head`.
    pub async fn behind(&self, _base: &str, _head: &str) -> Result<u64> {
        stub()
    }

    pub async fn permission(&self, _login: &Login) -> Result<Permission> {
        stub()
    }

    pub async fn is_member(&self, _organization: &str, _team: &str, _login: &Login) -> Result<Membership> {
        stub()
    }

    /// Oldest first.
    pub async fn comments(&self, _number: u64) -> Result<Vec<Comment>> {
        stub()
    }

    pub async fn create_comment(&self, _number: u64, _body: &str) -> Result<Comment> {
        stub()
    }

    pub async fn edit_comment(&self, _id: u64, _body: &str) -> Result<()> {
        stub()
    }

    pub async fn delete_comment(&self, _id: u64) -> Result<()> {
        stub()
    }

    /// Reacts to a comment; what is there already is not written again.
    pub async fn react(&self, _comment: u64, _reaction: Reaction) -> Result<Wrote> {
        stub()
    }

    /// Takes our own reaction back.
    pub async fn unreact(&self, _comment: u64, _reaction: Reaction) -> Result<Wrote> {
        stub()
    }

    /// A file's text at a branch or commit; nothing where there is none.
    pub async fn file(&self, _path: &str, _at: &str) -> Result<Option<String>> {
        stub()
    }

    /// The files that a pull request changes (at most 3,000).
    pub async fn changed_files(&self, _number: u64) -> Result<Vec<String>> {
        stub()
    }

    /// Makes the check run be so; where the token may not make check runs, a commit status of the same name.
    pub async fn put_check(&self, _check: &Check) -> Result<Wrote> {
        stub()
    }

    /// Makes the newest deployment of the environment be so: one deployment per environment and revision.
    pub async fn put_deployment(&self, _deployment: &Deployment) -> Result<Wrote> {
        stub()
    }

    /// Marks all deployments of the environment inactive; `description` at most 140 characters.
    pub async fn retire_environment(&self, _environment: &str, _description: &str) -> Result<Wrote> {
        stub()
    }

    /// Ourselves, where the token can tell; nothing for tokens that cannot (`GITHUB_TOKEN`).
    pub async fn whoami(&self) -> Result<Option<Actor>> {
        stub()
    }
}
