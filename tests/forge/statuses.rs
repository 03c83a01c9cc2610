//! Commit statuses, and all of them taken together.

use serde_json::{Value, json};

use super::git;
use super::show::node;
use super::state::{Repo, State, Status};
use super::wire::{Outcome, Refusal, Reply, Request};

impl State {
    fn show_status(&self, status: &Status) -> Value {
        let url = self.repo_by_id(status.repo).map(|repo| self.repo_url(repo)).unwrap_or_default();
        json!({
            "url": format!("{url}/statuses/{}", status.sha),
            "avatar_url": format!("{}/avatars/1", self.endpoint),
            "id": status.id,
            "node_id": node("SC", status.id),
            "state": status.state,
            "description": status.description,
            "target_url": status.target_url,
            "context": status.context,
            "created_at": status.created,
            "updated_at": status.created,
            "creator": self.show_user(&status.creator),
        })
    }

    /// The statuses of a commit, newest first.
    fn statuses_of(&self, repo: &Repo, sha: &str) -> Vec<&Status> {
        self.statuses.iter().rev().filter(|s| s.repo == repo.id && s.sha == sha).collect()
    }

    /// The newest status of every context.
    pub fn newest_statuses(&self, repo: &Repo, sha: &str) -> Vec<&Status> {
        let mut known = std::collections::BTreeSet::new();
        self.statuses_of(repo, sha).into_iter().filter(|s| known.insert(s.context.clone())).collect()
    }
}

fn found(repo: &Repo, spec: &str) -> Result<String, Refusal> {
    git::resolve_in(&repo.path, spec).ok_or_else(|| Refusal::new(422, format!("No commit found for SHA: {spec}")))
}

pub fn create(state: &mut State, request: &Request) -> Outcome {
    let repo = state.repo_of(request)?;
    let sha = found(&repo, request.param("sha"))?;
    let wrong = |field: &str, message: &str| Refusal::invalid("Status", field, message);
    let given = request.text("state").unwrap_or_default();
    if !["error", "failure", "pending", "success"].contains(&given) {
        return Err(wrong("state", "state is not included in the list"));
    }
    if request.text("description").is_some_and(|text| text.chars().count() > 140) {
        return Err(wrong("description", "description is too long (maximum is 140 characters)"));
    }
    let status = Status {
        id: state.id(),
        repo: repo.id,
        sha,
        context: request.owned("context").unwrap_or_else(|| "default".to_owned()),
        state: given.to_owned(),
        description: request.owned("description"),
        target_url: request.owned("target_url"),
        creator: request.login().to_owned(),
        created: state.now(),
    };
    let before = |s: &&Status| s.repo == status.repo && s.sha == status.sha && s.context == status.context;
    if state.statuses.iter().filter(before).count() >= 1000 {
        return Err(wrong("base", "This SHA and context has reached the maximum number of statuses."));
    }
    state.statuses.push(status.clone());
    Ok(Reply::created(state.show_status(&status)))
}

pub fn of_ref(state: &mut State, request: &Request) -> Outcome {
    let repo = state.repo_of(request)?;
    let sha = found(&repo, request.param("ref"))?;
    Ok(Reply::list(state.statuses_of(&repo, &sha).into_iter().map(|s| state.show_status(s)).collect()))
}

pub fn combined(state: &mut State, request: &Request) -> Outcome {
    let repo = state.repo_of(request)?;
    let sha = found(&repo, request.param("ref"))?;
    let newest = state.newest_statuses(&repo, &sha);
    let any = |wanted: &[&str]| newest.iter().any(|s| wanted.contains(&s.state.as_str()));
    let whole = if any(&["error", "failure"]) {
        "failure"
    } else if newest.is_empty() || any(&["pending"]) {
        "pending"
    } else {
        "success"
    };
    let url = state.repo_url(&repo);
    let statuses: Vec<Value> = newest.iter().map(|s| state.show_status(s)).collect();
    Ok(Reply::ok(json!({
        "state": whole,
        "statuses": statuses,
        "sha": sha,
        "total_count": newest.len(),
        "repository": state.show_repo(&repo),
        "commit_url": format!("{url}/commits/{sha}"),
        "url": format!("{url}/commits/{sha}/status"),
    })))
}
