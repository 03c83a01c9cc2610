//! Looks at the bare repositories again: pull requests follow their branches, however those were moved.

use git2::Oid;

use super::state::{Pull, PullState, State};
use super::wire::{Refusal, Request};
use super::{git, merge};

impl State {
    /// Brings every open pull request up to date with its branches.
    pub fn sync(&mut self) {
        for at in 0..self.pulls.len() {
            let pull = &self.pulls[at];
            if pull.state != PullState::Open {
                continue;
            }
            let Some(base) = self.repo_by_id(pull.repo).map(|repo| repo.path.clone()) else { continue };
            let fork = pull.head_repo.and_then(|id| self.repo_by_id(id)).map(|repo| repo.path.clone());
            if let Some(from) = fork {
                self.follow_head(at, &from, &base);
            }
            self.test_merge(at, &base);
        }
    }

    fn follow_head(&mut self, at: usize, from: &std::path::Path, base: &std::path::Path) {
        let pull = &self.pulls[at];
        let tip = git::tip(from, &format!("refs/heads/{}", pull.head_ref));
        if tip.as_deref() == Some(&pull.head_sha) {
            return;
        }
        let now = self.now();
        let pull = &mut self.pulls[at];
        pull.updated.clone_from(&now);
        let Some(tip) = tip else {
            // a branch that is deleted takes its pull request with it
            (pull.state, pull.closed) = (PullState::Closed, Some(now));
            return;
        };
        merge::bring(from, &pull.head_ref, base, &format!("refs/pull/{}/head", pull.number));
        pull.previous_sha = Some(std::mem::replace(&mut pull.head_sha, tip));
        // as GitHub does: the base is looked at when the head moves
        if let Some(sha) = git::tip(base, &format!("refs/heads/{}", pull.base_ref)) {
            pull.base_sha = sha;
        }
    }

    fn test_merge(&mut self, at: usize, base: &std::path::Path) {
        let pull = &mut self.pulls[at];
        let Some(tip) = git::tip(base, &format!("refs/heads/{}", pull.base_ref)) else { return };
        let of = (tip, pull.head_sha.clone());
        if of == pull.merge_of {
            return;
        }
        let oids = (Oid::from_str(&of.0), Oid::from_str(&of.1));
        let (Ok(tip), Ok(head)) = oids else { return };
        let made = merge::test_merge(base, tip, head);
        pull.merge_of = of;
        pull.mergeable = made.is_ok();
        pull.merge_sha = made.ok().map(|oid| oid.to_string());
        let reference = format!("refs/pull/{}/merge", pull.number);
        let repo = git::open(base);
        match made {
            Ok(oid) => drop(repo.reference(&reference, oid, true, "test merge")),
            Err(_) => drop(repo.find_reference(&reference).and_then(|mut r| r.delete())),
        }
    }

    /// Merges a pull request into its base branch; gives the new commit.
    pub fn merge_pull(&mut self, at: usize, method: &str, message: &str, by: &str) -> Result<String, Refusal> {
        let refused = || Refusal::new(405, "Pull Request is not mergeable");
        let now = self.now();
        let pull: Pull = self.pulls[at].clone();
        if pull.state != PullState::Open || pull.draft || !pull.mergeable {
            return Err(refused());
        }
        let path = self.repo_by_id(pull.repo).map(|repo| repo.path.clone()).ok_or_else(refused)?;
        let head = Oid::from_str(&pull.head_sha).map_err(|_| refused())?;
        if let Some(tip) = git::tip(&path, &format!("refs/heads/{}", pull.base_ref)) {
            self.pulls[at].base_sha = tip;
        }
        let made =
            merge::merge(&path, &pull.base_ref, head, (method, message), (by, self.clock_s)).map_err(|_| refused())?;
        let pull = &mut self.pulls[at];
        (pull.state, pull.merge_sha) = (PullState::Merged, Some(made.to_string()));
        (pull.closed, pull.merged_by, pull.updated) = (Some(now.clone()), Some(by.to_owned()), now);
        Ok(made.to_string())
    }

    /// `/repositories/ID/…`, where renamed repositories are redirected to, means `/repos/OWNER/NAME/…`.
    pub fn by_number(&self, request: &mut Request) {
        let Some(rest) = request.path.strip_prefix("/repositories/") else { return };
        let (id, rest) = rest.split_once('/').map_or((rest, String::new()), |(id, rest)| (id, format!("/{rest}")));
        if let Some(repo) = id.parse().ok().and_then(|id| self.repo_by_id(id)) {
            request.path = format!("/repos/{}{rest}", repo.full());
        }
    }
}
