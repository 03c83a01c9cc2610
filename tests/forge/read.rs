//! What tests read: what people would see on the pull request now.

use super::Hub;
use super::state::{Check, Comment, Deployment, Pull, Reaction, Status};

impl Hub {
    /// All comments of a pull request, oldest first, hidden ones too.
    pub fn comments(&self, number: u64) -> Vec<Comment> {
        self.state().comments.iter().filter(|c| c.number == number).cloned().collect()
    }

    /// The comments of one account.
    pub fn comments_by(&self, number: u64, login: &str) -> Vec<Comment> {
        self.comments(number).into_iter().filter(|c| c.author == login).collect()
    }

    /// The body of the only comment that contains a text; the test fails where there is none or more than one.
    #[track_caller]
    pub fn comment_with(&self, number: u64, text: &str) -> Comment {
        let mut found: Vec<Comment> = self.comments(number).into_iter().filter(|c| c.body.contains(text)).collect();
        assert_eq!(found.len(), 1, "comments with {text:?}: {found:#?}");
        found.remove(0)
    }

    pub fn pull(&self, number: u64) -> Pull {
        let mut state = self.state();
        state.sync();
        state.pulls[state.pull_numbered(number)].clone()
    }

    /// All check runs of a commit, oldest first.
    pub fn checks(&self, sha: &str) -> Vec<Check> {
        self.state().checks.iter().filter(|c| c.head_sha == sha).cloned().collect()
    }

    /// The newest check run of that name.
    pub fn check(&self, sha: &str, name: &str) -> Option<Check> {
        self.checks(sha).into_iter().rfind(|c| c.name == name)
    }

    /// All deployments, oldest first.
    pub fn deployments(&self) -> Vec<Deployment> {
        self.state().deployments.clone()
    }

    /// Those of one environment.
    pub fn deployments_of(&self, environment: &str) -> Vec<Deployment> {
        self.deployments().into_iter().filter(|d| d.environment == environment).collect()
    }

    /// Reactions to a comment as `login content`, oldest first.
    pub fn reactions(&self, comment: u64) -> Vec<String> {
        let told = |r: &Reaction| format!("{} {}", r.author, r.content);
        self.state().reactions.iter().filter(|r| r.comment == comment).map(told).collect()
    }

    /// All commit statuses of a commit, oldest first.
    pub fn statuses(&self, sha: &str) -> Vec<Status> {
        self.state().statuses.iter().filter(|s| s.sha == sha).cloned().collect()
    }

    /// The tip of a branch of the home repository.
    pub fn tip(&self, branch: &str) -> Option<String> {
        let state = self.state();
        let path = state.repo_by_id(state.home)?.path.clone();
        super::git::tip(&path, &format!("refs/heads/{branch}"))
    }
}
