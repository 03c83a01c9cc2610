//! Deployments and their statuses, with the defaults that surprise people: automatic merges, required contexts, automatic inactivity.

use serde_json::{Value, json};

use super::faults::seen;
use super::show::node;
use super::state::{Deployment, DeploymentStatus, Repo, State};
use super::wire::{Content, Outcome, Refusal, Reply, Request};
use super::{git, merge};

impl State {
    pub fn show_deployment(&self, deployment: &Deployment) -> Value {
        let url = self.repo_by_id(deployment.repo).map(|repo| self.repo_url(repo)).unwrap_or_default();
        let own = format!("{url}/deployments/{}", deployment.id);
        let mut shown = json!({
            "url": own,
            "id": deployment.id,
            "node_id": node("DE", deployment.id),
            "sha": deployment.sha,
            "ref": deployment.git_ref,
            "task": deployment.task,
            "payload": deployment.payload,
            "original_environment": deployment.environment,
            "environment": deployment.environment,
            "description": deployment.description,
            "creator": self.show_user(&deployment.creator),
            "created_at": deployment.created,
            "updated_at": deployment.updated,
            "statuses_url": format!("{own}/statuses"),
            "repository_url": url,
            "transient_environment": deployment.transient,
            "production_environment": deployment.production,
        });
        if let Some(app) = &deployment.app {
            shown["performed_via_github_app"] = self.show_app(app);
        }
        shown
    }

    pub fn show_deployment_status(&self, deployment: &Deployment, status: &DeploymentStatus) -> Value {
        let url = self.repo_by_id(deployment.repo).map(|repo| self.repo_url(repo)).unwrap_or_default();
        let own = format!("{url}/deployments/{}", deployment.id);
        json!({
            "url": format!("{own}/statuses/{}", status.id),
            "id": status.id,
            "node_id": node("DES", status.id),
            "state": status.state,
            "creator": self.show_user(&status.creator),
            "description": status.description,
            "environment": deployment.environment,
            "target_url": status.log_url,
            "created_at": status.created,
            "updated_at": status.created,
            "deployment_url": own,
            "repository_url": url,
            "environment_url": status.environment_url,
            "log_url": status.log_url,
        })
    }

    fn deployment_at(&self, request: &Request) -> Result<usize, Refusal> {
        let (repo, id) = (self.repo_of(request)?.id, request.number("deployment_id"));
        self.deployments.iter().position(|d| d.id == id && d.repo == repo).ok_or_else(Refusal::not_found)
    }
}

pub fn list(state: &mut State, request: &Request) -> Outcome {
    let repo = state.repo_of(request)?.id;
    let is = |name: &str, value: &str| request.query(name).is_none_or(|wanted| wanted == "none" || wanted == value);
    let mut found = Vec::new();
    for d in state.deployments.iter_mut().filter(|d| d.repo == repo) {
        let wanted =
            is("sha", &d.sha) && is("ref", &d.git_ref) && is("task", &d.task) && is("environment", &d.environment);
        if seen(&mut d.hidden) && wanted {
            found.push(d.clone());
        }
    }
    found.reverse();
    Ok(Reply::list(found.iter().map(|d| state.show_deployment(d)).collect()))
}

pub fn create(state: &mut State, request: &Request) -> Outcome {
    let repo = state.repo_of(request)?;
    let git_ref = request.text("ref").unwrap_or_default().to_owned();
    let wrong = |field: &str, message: &str| Refusal::invalid("Deployment", field, message);
    if request.text("description").is_some_and(|text| text.chars().count() > 140) {
        return Err(wrong("description", "description is too long (maximum is 140 characters)"));
    }
    let sha = git::resolve_in(&repo.path, &git_ref)
        .ok_or_else(|| Refusal::new(422, format!("No ref found for: {git_ref}")))?;
    if request.flag("auto_merge") != Some(false)
        && let Some(reply) = auto_merge(state, &repo, &git_ref)
    {
        return Ok(reply);
    }
    contexts(state, &repo, &sha, &request.json["required_contexts"])?;
    let environment = request.owned("environment").unwrap_or_else(|| "production".to_owned());
    let now = state.now();
    let deployment = Deployment {
        id: state.id(),
        repo: repo.id,
        sha,
        git_ref,
        task: request.owned("task").unwrap_or_else(|| "deploy".to_owned()),
        payload: request.json.get("payload").cloned().unwrap_or_else(|| json!({})),
        production: request.flag("production_environment").unwrap_or(environment == "production"),
        transient: request.flag("transient_environment").unwrap_or(false),
        environment,
        description: request.owned("description"),
        creator: request.login().to_owned(),
        app: request.app(),
        created: now.clone(),
        updated: now,
        statuses: Vec::new(),
        hidden: 0,
    };
    state.deployments.push(deployment.clone());
    Ok(Reply::created(state.show_deployment(&deployment)))
}

/// `auto_merge` defaults to true: a branch that is behind gets the default branch merged into it, and no deployment.
fn auto_merge(state: &mut State, repo: &Repo, branch: &str) -> Option<Reply> {
    let default = git::default_branch(&repo.path);
    let found = git::open(&repo.path);
    let tip =
        |name: &str| found.find_reference(&format!("refs/heads/{name}")).ok()?.peel_to_commit().ok().map(|c| c.id());
    let (head, base) = (tip(branch)?, tip(&default)?);
    if git::contains(&found, head, base) {
        return None;
    }
    let _ = state.now();
    let message = format!("Merge {default} into {branch}");
    Some(match merge::merge(&repo.path, branch, base, ("merge", &message), ("web-flow", state.clock_s)) {
        Ok(_) => Reply::of(
            202,
            Content::Json(json!({"message": format!("Auto-merged {default} into {branch} on deployment.")})),
        ),
        Err(_) => Refusal::new(409, format!("Conflict merging {default} into {branch}.")).into_reply(),
    })
}

/// `required_contexts` defaults to all there are, one's own pending check included.
fn contexts(state: &State, repo: &Repo, sha: &str, required: &Value) -> Result<(), Refusal> {
    let named: Option<Vec<&str>> = required.as_array().map(|all| all.iter().filter_map(Value::as_str).collect());
    let wanted = |context: &str| named.as_ref().is_none_or(|named| named.contains(&context));
    let statuses = state.newest_statuses(repo, sha).into_iter().map(|s| (s.context.as_str(), s.state == "success"));
    let checks = state.checks.iter().filter(|c| c.repo == repo.id && c.head_sha == sha);
    let passed = |c: &super::state::Check| matches!(c.conclusion.as_deref(), Some("success" | "neutral" | "skipped"));
    let all: Vec<(&str, bool)> = statuses.chain(checks.map(|c| (c.name.as_str(), passed(c)))).collect();
    let absent = named.iter().flatten().any(|name| !all.iter().any(|(known, _)| known == name));
    if absent || all.iter().any(|(context, fine)| wanted(context) && !fine) {
        let message = "Conflict: Commit status checks failed for ";
        return Err(Refusal::new(409, format!("{message}{sha}.")));
    }
    Ok(())
}

pub fn get(state: &mut State, request: &Request) -> Outcome {
    let at = state.deployment_at(request)?;
    Ok(Reply::ok(state.show_deployment(&state.deployments[at])))
}

pub fn delete(state: &mut State, request: &Request) -> Outcome {
    let at = state.deployment_at(request)?;
    let only = state.deployments.iter().filter(|d| d.repo == state.deployments[at].repo).count() == 1;
    if !only && state.deployments[at].state() != "inactive" {
        return Err(Refusal::new(
            422,
            "We cannot delete an active deployment unless it is the only deployment in a given repository.",
        ));
    }
    state.deployments.remove(at);
    Ok(Reply::gone())
}

pub fn statuses(state: &mut State, request: &Request) -> Outcome {
    let at = state.deployment_at(request)?;
    let deployment = &state.deployments[at];
    Ok(Reply::list(deployment.statuses.iter().rev().map(|s| state.show_deployment_status(deployment, s)).collect()))
}

pub fn set(state: &mut State, request: &Request) -> Outcome {
    let at = state.deployment_at(request)?;
    let wrong = |field: &str, message: &str| Refusal::invalid("DeploymentStatus", field, message);
    let given = request.text("state").unwrap_or_default().to_owned();
    if !["error", "failure", "inactive", "in_progress", "queued", "pending", "success"].contains(&given.as_str()) {
        return Err(wrong("state", "state is not included in the list"));
    }
    if request.text("description").is_some_and(|text| text.chars().count() > 140) {
        return Err(wrong("description", "description is too long (maximum is 140 characters)"));
    }
    for key in ["environment_url", "log_url", "target_url"] {
        if request
            .text(key)
            .is_some_and(|url| !url.is_empty() && !url.starts_with("http://") && !url.starts_with("https://"))
        {
            return Err(wrong(key, "must use http(s) scheme"));
        }
    }
    let now = state.now();
    let status = DeploymentStatus {
        id: state.id(),
        state: given.clone(),
        description: request.owned("description").unwrap_or_default(),
        environment_url: request.owned("environment_url").unwrap_or_default(),
        log_url: request.owned("log_url").or_else(|| request.owned("target_url")).unwrap_or_default(),
        creator: request.login().to_owned(),
        created: now.clone(),
        automatic: false,
    };
    if let Some(environment) = request.owned("environment") {
        state.deployments[at].environment = environment;
    }
    state.deployments[at].statuses.push(status.clone());
    state.deployments[at].updated.clone_from(&now);
    if given == "success" && request.flag("auto_inactive") != Some(false) {
        retire_older(state, at, &now);
    }
    let deployment = &state.deployments[at];
    Ok(Reply::created(state.show_deployment_status(deployment, &status)))
}

/// `auto_inactive`: older deployments of the environment become inactive, unless they are transient or production.
fn retire_older(state: &mut State, at: usize, now: &str) {
    let new = state.deployments[at].clone();
    let older = |d: &Deployment| {
        d.repo == new.repo
            && d.environment == new.environment
            && d.id < new.id
            && !d.transient
            && !d.production
            && d.state() != "inactive"
    };
    for n in 0..state.deployments.len() {
        if !older(&state.deployments[n]) {
            continue;
        }
        let id = state.id();
        let last = state.deployments[n].statuses.last().cloned();
        state.deployments[n].statuses.push(DeploymentStatus {
            id,
            state: "inactive".to_owned(),
            description: String::new(),
            environment_url: last.as_ref().map(|s| s.environment_url.clone()).unwrap_or_default(),
            log_url: last.as_ref().map(|s| s.log_url.clone()).unwrap_or_default(),
            creator: new.creator.clone(),
            created: now.to_owned(),
            automatic: true,
        });
        state.deployments[n].updated = now.to_owned();
    }
}
