//! What a test puts into the fake before, and what people do beside the API.

use std::collections::BTreeMap;
use std::path::Path;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::KeyPair as _;
use base64::Engine;

use super::state::{App, Kind, Limit, PullState, Repo, State, Team, Token};
use super::{Hub, git};

/// A GitHub App as its owner knows it.
#[derive(Clone, Debug)]
pub struct AppKeys {
    pub id: u64,
    pub client_id: String,
    pub slug: String,
    pub installation: u64,
    /// The private key, PEM (PKCS#8).
    pub key_pem: String,
}

fn table(permissions: &[(&str, &str)]) -> BTreeMap<String, String> {
    permissions.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let lines: Vec<String> =
        text.as_bytes().chunks(64).map(|l| String::from_utf8_lossy(l).into_owned() + "\n").collect();
    format!("-----BEGIN {label}-----\n{}-----END {label}-----\n", lines.concat())
}

impl State {
    fn add_repo(&mut self, full: &str, path: &Path, fork_of: Option<u64>) -> u64 {
        let (owner, name) = full.split_once('/').expect("owner/name");
        let kind = if fork_of.is_some() { Kind::User } else { Kind::Organization };
        let owner = self.account(owner, kind).login;
        if !path.exists() {
            let mut options = git2::RepositoryInitOptions::new();
            options.bare(true).initial_head("main");
            git2::Repository::init_opts(path, &options).expect("a bare repository");
        }
        let id = 700_000_000 + self.repos.len() as u64;
        let repo = Repo {
            id,
            owner,
            name: name.to_owned(),
            old_names: Vec::new(),
            path: path.to_owned(),
            private: true,
            fork_of,
            roles: BTreeMap::new(),
        };
        self.repos.push(repo);
        if self.home == 0 {
            self.home = id;
        }
        id
    }

    pub fn repo_mut(&mut self, full: &str) -> &mut Repo {
        self.repos
            .iter_mut()
            .find(|repo| repo.full().eq_ignore_ascii_case(full))
            .unwrap_or_else(|| panic!("no repository {full}"))
    }

    pub fn pull_numbered(&self, number: u64) -> usize {
        self.pulls.iter().position(|pull| pull.number == number).unwrap_or_else(|| panic!("no pull request #{number}"))
    }

    pub fn add_token(&mut self, secret: &str, login: &str, app: Option<String>, permissions: &[(&str, &str)]) {
        let limit = if app.as_deref() == Some("github-actions") { 1000 } else { 5000 };
        let narrowed = app.is_some() || !permissions.is_empty();
        // a job's token is for its own repository
        let own = app.as_deref() == Some("github-actions") && self.home != 0;
        let repos = own.then(|| vec![self.home]);
        self.tokens.retain(|token| token.secret != secret);
        self.tokens.push(Token {
            secret: secret.to_owned(),
            login: login.to_owned(),
            app,
            permissions: narrowed.then(|| {
                let mut all = table(permissions);
                all.entry("metadata".to_owned()).or_insert_with(|| "read".to_owned());
                all
            }),
            repos,
            expires_s: None,
            rate: Limit::full(limit),
        });
    }
}

impl Hub {
    /// A repository, private, kept in a bare git folder (made where there is none). The first one is the home of all
    /// helpers that name no repository; its owner is an organization, unless `user` made it a person before.
    pub fn repo(&self, full: &str, path: impl AsRef<Path>) {
        self.state().add_repo(full, path.as_ref(), None);
    }

    /// A fork; its owner is a person.
    pub fn fork(&self, of: &str, full: &str, path: impl AsRef<Path>) {
        let mut state = self.state();
        let parent = state.repo_named(of).map(|repo| repo.id).unwrap_or_else(|| panic!("no repository {of}"));
        let id = state.add_repo(full, path.as_ref(), Some(parent));
        let owner = full.split('/').next().unwrap_or_default().to_owned();
        state.repos.iter_mut().filter(|repo| repo.id == id).for_each(|repo| {
            repo.roles.insert(owner.to_lowercase(), ("admin".to_owned(), "admin".to_owned()));
            repo.private = false;
        });
    }

    /// Everybody may read it.
    pub fn make_public(&self, full: &str) {
        self.state().repo_mut(full).private = false;
    }

    /// It is called otherwise from now on; the old name redirects.
    pub fn rename(&self, full: &str, name: &str) {
        let mut state = self.state();
        let repo = state.repo_mut(full);
        repo.old_names.push(full.to_lowercase());
        repo.name = name.to_owned();
    }

    /// It is gone; pull requests from it keep their commits but have no head repository.
    pub fn delete_repo(&self, full: &str) {
        let mut state = self.state();
        state.sync();
        let id = state.repo_mut(full).id;
        state.repos.retain(|repo| repo.id != id);
        state.pulls.iter_mut().filter(|p| p.head_repo == Some(id)).for_each(|p| p.head_repo = None);
    }

    /// Which repository helpers mean that name none.
    pub fn set_home(&self, full: &str) {
        let mut state = self.state();
        state.home = state.repo_mut(full).id;
    }

    pub fn user(&self, login: &str) {
        self.state().account(login, Kind::User);
    }

    /// `name[bot]`.
    pub fn bot(&self, login: &str) {
        self.state().account(login, Kind::Bot);
    }

    pub fn organization(&self, login: &str) {
        self.state().account(login, Kind::Organization);
    }

    /// A person's role in a repository: `admin`, `maintain`, `write`, `triage`, `read` or `none`.
    pub fn role(&self, full: &str, login: &str, role: &str) {
        let permission = match role {
            "maintain" => "write",
            "triage" => "read",
            other => other,
        };
        self.custom_role(full, login, permission, role);
    }

    /// A role of the organization's own: what it may, and what it is called.
    pub fn custom_role(&self, full: &str, login: &str, permission: &str, role: &str) {
        let mut state = self.state();
        state.account(login, Kind::User);
        state.repo_mut(full).roles.insert(login.to_lowercase(), (permission.to_owned(), role.to_owned()));
    }

    pub fn team(&self, org: &str, slug: &str, members: &[&str]) {
        let mut state = self.state();
        for login in members {
            state.account(login, Kind::User);
        }
        let members = members.iter().map(|login| login.to_lowercase()).collect();
        state.teams.retain(|team| !(team.org == org && team.slug == slug));
        state.teams.push(Team { org: org.to_owned(), slug: slug.to_owned(), members, invited: Default::default() });
    }

    /// Invited, and not yet a member.
    pub fn invite(&self, org: &str, slug: &str, login: &str) {
        let mut state = self.state();
        state.account(login, Kind::User);
        let teams = state.teams.iter_mut().filter(|team| team.org == org && team.slug == slug);
        teams.for_each(|team| {
            team.invited.insert(login.to_lowercase());
        });
    }

    /// A `GITHUB_TOKEN` of the home repository with the `permissions:` of its job: `[("pull_requests", "write")]`; metadata can always be read.
    pub fn actions_token(&self, secret: &str, permissions: &[(&str, &str)]) {
        self.state().add_token(secret, "github-actions[bot]", Some("github-actions".to_owned()), permissions);
    }

    /// A person's token; without permissions it may all that the person may.
    pub fn person_token(&self, secret: &str, login: &str, permissions: &[(&str, &str)]) {
        let mut state = self.state();
        state.account(login, Kind::User);
        state.add_token(secret, login, None, permissions);
    }

    /// A GitHub App, installed for the owner of the home repository on all repositories.
    pub fn app(&self, slug: &str, permissions: &[(&str, &str)]) -> AppKeys {
        let key = KeyPair::generate(KeySize::Rsa2048).expect("a key");
        let private = AsDer::<aws_lc_rs::encoding::Pkcs8V1Der<'_>>::as_der(&key).expect("a private key");
        let public =
            AsDer::<aws_lc_rs::encoding::PublicKeyX509Der<'_>>::as_der(key.public_key()).expect("a public key");
        let mut state = self.state();
        let owner = state.repo_by_id(state.home).map(|repo| repo.owner.clone()).expect("a repository first");
        state.account(&format!("{slug}[bot]"), Kind::Bot);
        let id = 900_000 + state.apps.len() as u64;
        let mut permissions = table(permissions);
        permissions.entry("metadata".to_owned()).or_insert_with(|| "read".to_owned());
        let app = App {
            id,
            client_id: format!("Iv23lifake{id}"),
            slug: slug.to_owned(),
            owner,
            installation: 60_000_000 + id,
            public_pem: Some(pem("PUBLIC KEY", public.as_ref())),
            permissions,
        };
        state.apps.push(app.clone());
        AppKeys {
            id,
            client_id: app.client_id,
            slug: app.slug,
            installation: app.installation,
            key_pem: pem("PRIVATE KEY", private.as_ref()),
        }
    }

    /// The token runs out now; its bearer gets 401.
    pub fn expire(&self, secret: &str) {
        self.state().tokens.iter_mut().filter(|t| t.secret == secret).for_each(|t| t.expires_s = Some(0));
    }

    /// All tokens that were minted for installations run out now.
    pub fn expire_installation_tokens(&self) {
        self.state().tokens.iter_mut().filter(|t| t.expires_s.is_some()).for_each(|t| t.expires_s = Some(0));
    }

    /// How many requests the token has left, and in how many seconds it gets new ones.
    pub fn limit(&self, secret: &str, remaining: u64, reset_in_s: i64) {
        let reset_s = State::real_ms() / 1000 + reset_in_s;
        for token in self.state().tokens.iter_mut().filter(|t| t.secret == secret) {
            token.rate.remaining = remaining;
            token.rate.reset_s = reset_s;
        }
    }

    /// Moments begin here (seconds since 1970), and each is one second later than the one before.
    pub fn freeze(&self, at_s: i64) {
        let mut state = self.state();
        (state.frozen, state.clock_s) = (true, at_s);
    }

    /// Opens a pull request in the home repository; `head` is `branch` or, from a fork, `owner:branch`.
    pub fn open(&self, head: &str, base: &str, author: &str) -> u64 {
        let mut state = self.state();
        state.account(author, Kind::User);
        let repo = state.repo_by_id(state.home).expect("a repository first").clone();
        let at = state.open_pull(&repo, head, base, author, &format!("Change from {head}")).expect("a pull request");
        state.pulls[at].number
    }

    pub fn draft(&self, number: u64, draft: bool) {
        let mut state = self.state();
        let at = state.pull_numbered(number);
        state.pulls[at].draft = draft;
    }

    pub fn close(&self, number: u64) {
        let mut state = self.state();
        let at = state.pull_numbered(number);
        state.set_open(at, false).expect("it can be closed");
    }

    pub fn reopen(&self, number: u64) {
        let mut state = self.state();
        let at = state.pull_numbered(number);
        state.set_open(at, true).expect("it can be opened again");
    }

    /// Merges by `merge`, `squash` or `rebase`; gives the commit on the base branch.
    pub fn merge(&self, number: u64, method: &str, by: &str) -> String {
        let mut state = self.state();
        state.sync();
        let at = state.pull_numbered(number);
        let message = format!("Merge pull request #{number}");
        state.merge_pull(at, method, &message, by).expect("it can be merged")
    }

    /// Somebody writes a comment; gives its id.
    pub fn comment(&self, number: u64, login: &str, body: &str) -> u64 {
        let mut state = self.state();
        let kind = if login.ends_with("[bot]") { Kind::Bot } else { Kind::User };
        state.account(login, kind);
        let repo = state.pulls[state.pull_numbered(number)].repo;
        state.add_comment((repo, number), login, None, body).id
    }

    pub fn edit_comment(&self, id: u64, body: &str) {
        let mut state = self.state();
        let now = state.now();
        for comment in state.comments.iter_mut().filter(|c| c.id == id) {
            (comment.body, comment.updated) = (body.to_owned(), now.clone());
        }
    }

    pub fn remove_comment(&self, id: u64) {
        self.state().comments.retain(|comment| comment.id != id);
    }

    /// A review: `APPROVED`, `CHANGES_REQUESTED` or `COMMENTED`; gives its id.
    pub fn review(&self, number: u64, login: &str, kind: &str) -> u64 {
        let mut state = self.state();
        state.account(login, Kind::User);
        let at = state.pull_numbered(number);
        state.add_review(at, login, "", kind).id
    }

    /// Moves a branch of a repository, or makes it; without a commit it is deleted.
    pub fn move_branch(&self, full: &str, branch: &str, to: Option<&str>) {
        let mut state = self.state();
        let repo = git::open(&state.repo_mut(full).path);
        let name = format!("refs/heads/{branch}");
        match to {
            Some(sha) => {
                let oid = git2::Oid::from_str(sha).expect("a commit id");
                repo.reference(&name, oid, true, "pushed").expect("a branch");
            }
            None => repo.find_reference(&name).and_then(|mut r| r.delete()).expect("a branch to delete"),
        }
        state.sync();
    }

    /// Commits a file on top of a branch, as a push would bring it; gives the commit. A new branch begins at `main`.
    pub fn push_file(&self, full: &str, branch: &str, path: &str, text: &str) -> String {
        let mut state = self.state();
        let now = state.now();
        let at_s = state.clock_s;
        let repo = git::open(&state.repo_mut(full).path);
        let tip = |name: &str| repo.find_reference(&format!("refs/heads/{name}")).ok()?.peel_to_commit().ok();
        let parent = tip(branch).or_else(|| tip("main"));
        let tree = parent.as_ref().map(|commit| commit.tree().expect("its tree"));
        let mut index = git2::Index::new().expect("an index");
        if let Some(tree) = &tree {
            index.read_tree(tree).expect("the tree");
        }
        let blob = repo.blob(text.as_bytes()).expect("a blob");
        let zero = git2::IndexTime::new(0, 0);
        let entry = git2::IndexEntry {
            ctime: zero,
            mtime: zero,
            dev: 0,
            ino: 0,
            mode: 0o100_644,
            uid: 0,
            gid: 0,
            file_size: 0,
            id: blob,
            flags: 0,
            flags_extended: 0,
            path: path.as_bytes().to_vec(),
        };
        index.add(&entry).expect("an entry");
        let tree = repo.find_tree(index.write_tree_to(&repo).expect("a tree")).expect("the tree");
        let who =
            git2::Signature::new("Somebody", "somebody@example.com", &git2::Time::new(at_s, 0)).expect("a signature");
        let parents: Vec<&git2::Commit<'_>> = parent.iter().collect();
        let message = format!("{path} at {now}");
        let made = repo.commit(None, &who, &who, &message, &tree, &parents).expect("a commit");
        repo.reference(&format!("refs/heads/{branch}"), made, true, "pushed").expect("a branch");
        drop((tree, parents));
        state.sync();
        made.to_string()
    }

    /// Whether a pull request is open, closed or merged.
    pub fn pull_state(&self, number: u64) -> PullState {
        let mut state = self.state();
        state.sync();
        state.pulls[state.pull_numbered(number)].state
    }
}
