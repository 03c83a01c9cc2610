//! Check runs: made by apps alone, with buttons and annotations.

use serde_json::{Value, json};

use super::faults::seen;
use super::git;
use super::show::node;
use super::state::{Check, PullState, State};
use super::wire::{Outcome, Refusal, Reply, Request};

const CONCLUSIONS: [&str; 8] =
    ["action_required", "cancelled", "failure", "neutral", "success", "skipped", "stale", "timed_out"];

impl State {
    pub fn show_check(&self, check: &Check) -> Value {
        let Some(repo) = self.repo_by_id(check.repo) else { return Value::Null };
        let (url, page) = (self.repo_url(repo), self.page_url(repo));
        let own = format!("{url}/check-runs/{}", check.id);
        let html = format!("{page}/runs/{}", check.id);
        json!({
            "id": check.id,
            "name": check.name,
            "node_id": node("CR", check.id),
            "head_sha": check.head_sha,
            "external_id": check.external_id,
            "url": own,
            "html_url": html,
            "details_url": check.details_url.as_ref().unwrap_or(&html),
            "status": check.status,
            "conclusion": check.conclusion,
            "started_at": check.started,
            "completed_at": check.completed,
            "output": {
                "title": check.title,
                "summary": check.summary,
                "text": check.text,
                "annotations_count": check.annotations.len(),
                "annotations_url": format!("{own}/annotations"),
            },
            "check_suite": {"id": check.suite},
            "app": self.show_app(&check.app),
            "pull_requests": self.pulls_of_check(check),
        })
    }

    /// Open pull requests with that head, without those of forks.
    fn pulls_of_check(&self, check: &Check) -> Vec<Value> {
        let own = |p: &&super::state::Pull| {
            p.repo == check.repo
                && p.head_repo == Some(check.repo)
                && p.head_sha == check.head_sha
                && p.state == PullState::Open
        };
        let Some(repo) = self.repo_by_id(check.repo) else { return Vec::new() };
        let url = self.repo_url(repo);
        let side = |name: &str, sha: &str| json!({"ref": name, "sha": sha, "repo": {"id": repo.id, "url": url, "name": repo.name}});
        let shown = |p: &super::state::Pull| {
            json!({
                "id": p.id, "number": p.number, "url": format!("{url}/pulls/{}", p.number),
                "head": side(&p.head_ref, &p.head_sha), "base": side(&p.base_ref, &p.base_sha),
            })
        };
        self.pulls.iter().filter(own).map(shown).collect()
    }

    fn check_at(&self, request: &Request) -> Result<usize, Refusal> {
        let (repo, id) = (self.repo_of(request)?.id, request.number("check_run_id"));
        self.checks.iter().position(|c| c.id == id && c.repo == repo).ok_or_else(Refusal::not_found)
    }
}

fn wrong(field: &str, message: impl Into<String>) -> Refusal {
    Refusal::invalid("CheckRun", field, message)
}

/// Refuses what GitHub refuses about the fields of a check run.
fn checked(request: &Request) -> Result<(), Refusal> {
    let json = &request.json;
    if request.flag("status").is_some()
        || json["status"].as_str().is_some_and(|s| !["queued", "in_progress", "completed"].contains(&s))
    {
        return Err(wrong("status", "status is not included in the list"));
    }
    if json["conclusion"].as_str().is_some_and(|c| !CONCLUSIONS.contains(&c)) {
        return Err(wrong("conclusion", "conclusion is not included in the list"));
    }
    if json["status"] == "completed" && json["conclusion"].is_null() {
        return Err(wrong("conclusion", "conclusion is required when status is completed"));
    }
    let actions = json["actions"].as_array().cloned().unwrap_or_default();
    if actions.len() > 3 {
        return Err(wrong("actions", "Only three actions are allowed"));
    }
    for action in &actions {
        for (key, most) in [("label", 20), ("description", 40), ("identifier", 20)] {
            let text = action[key].as_str().ok_or_else(|| wrong("actions", format!("{key} is missing")))?;
            if text.chars().count() > most {
                return Err(wrong("actions", format!("{key} is too long (maximum is {most} characters)")));
            }
        }
    }
    let output = &json["output"];
    for key in ["summary", "text"] {
        if output[key].as_str().is_some_and(|text| text.chars().count() > 65_535) {
            return Err(wrong("output", format!("{key} exceeds a maximum bytesize of 65535")));
        }
    }
    if output["annotations"].as_array().is_some_and(|all| all.len() > 50) {
        return Err(wrong("output", "annotations exceeds a maximum quantity of 50"));
    }
    Ok(())
}

/// Takes over the fields that were sent.
fn write(check: &mut Check, request: &Request, now: &str) {
    let set = |to: &mut Option<String>, value: &Value| {
        if let Some(text) = value.as_str() {
            *to = Some(text.to_owned());
        }
    };
    let json = &request.json;
    if let Some(name) = request.owned("name") {
        check.name = name;
    }
    if let Some(id) = request.owned("external_id") {
        check.external_id = id;
    }
    set(&mut check.details_url, &json["details_url"]);
    if let Some(status) = request.owned("status") {
        if status != "completed" {
            (check.conclusion, check.completed) = (None, None);
        }
        check.status = status;
    }
    if let Some(conclusion) = request.owned("conclusion") {
        (check.conclusion, check.status) = (Some(conclusion), "completed".to_owned());
        check.completed = Some(request.owned("completed_at").unwrap_or_else(|| now.to_owned()));
    }
    set(&mut check.started, &json["started_at"]);
    if check.started.is_none() && check.status != "queued" {
        check.started = Some(now.to_owned());
    }
    if let Some(output) = json["output"].as_object() {
        for (to, key) in [(&mut check.title, "title"), (&mut check.summary, "summary"), (&mut check.text, "text")] {
            set(to, output.get(key).unwrap_or(&Value::Null));
        }
        check.annotations.extend(output.get("annotations").and_then(Value::as_array).cloned().unwrap_or_default());
    }
    if let Some(actions) = json["actions"].as_array() {
        check.actions.clone_from(actions);
    }
    check.writes += 1;
}

pub fn create(state: &mut State, request: &Request) -> Outcome {
    let repo = state.repo_of(request)?;
    let app = request.app().ok_or_else(|| Refusal::new(403, "You must authenticate via a GitHub App."))?;
    checked(request)?;
    let (Some(name), Some(sha)) = (request.owned("name"), request.owned("head_sha")) else {
        return Err(wrong("name", "name and head_sha are required"));
    };
    if sha.len() != 40 || git::resolve_in(&repo.path, &sha).as_deref() != Some(&sha) {
        return Err(Refusal::new(422, format!("No commit found for SHA: {sha}")));
    }
    let suite = state.checks.iter().find(|c| c.repo == repo.id && c.head_sha == sha && c.app == app).map(|c| c.suite);
    let (suite, now) = (suite.unwrap_or_else(|| state.id()), state.now());
    let mut check = Check {
        id: state.id(),
        repo: repo.id,
        suite,
        app,
        name,
        head_sha: sha,
        external_id: String::new(),
        details_url: None,
        status: "queued".to_owned(),
        conclusion: None,
        started: None,
        completed: None,
        title: None,
        summary: None,
        text: None,
        annotations: Vec::new(),
        actions: Vec::new(),
        writes: 0,
        hidden: 0,
    };
    write(&mut check, request, &now);
    state.checks.push(check.clone());
    Ok(Reply::created(state.show_check(&check)))
}

pub fn get(state: &mut State, request: &Request) -> Outcome {
    let at = state.check_at(request)?;
    Ok(Reply::ok(state.show_check(&state.checks[at])))
}

pub fn update(state: &mut State, request: &Request) -> Outcome {
    let at = state.check_at(request)?;
    let app = request.app().ok_or_else(|| Refusal::new(403, "You must authenticate via a GitHub App."))?;
    if state.checks[at].app != app {
        return Err(Refusal::new(
            403,
            "Invalid app_id - check run can only be modified by the GitHub App that created it.",
        ));
    }
    checked(request)?;
    let now = state.now();
    write(&mut state.checks[at], request, &now);
    Ok(Reply::ok(state.show_check(&state.checks[at])))
}

/// By default only the latest run of each name and app.
pub fn of_ref(state: &mut State, request: &Request) -> Outcome {
    let repo = state.repo_of(request)?;
    let spec = request.param("ref");
    let sha = git::resolve_in(&repo.path, spec)
        .ok_or_else(|| Refusal::new(422, format!("No commit found for SHA: {spec}")))?;
    let app_id = request.query("app_id").map(str::to_owned);
    let apps = state.apps.clone();
    let by = |slug: &str| apps.iter().find(|app| app.slug == slug).map(|app| app.id.to_string());
    let (name, status) = (request.query("check_name"), request.query("status"));
    let mut found: Vec<Check> = Vec::new();
    for check in state.checks.iter_mut().filter(|c| c.repo == repo.id && c.head_sha == sha) {
        let wanted = name.is_none_or(|name| check.name == name)
            && status.is_none_or(|status| check.status == status)
            && app_id.as_ref().is_none_or(|id| by(&check.app).as_ref() == Some(id));
        if seen(&mut check.hidden) && wanted {
            found.push(check.clone());
        }
    }
    found.sort_by_key(|check| std::cmp::Reverse(check.id));
    if request.query("filter") != Some("all") {
        let mut known = std::collections::BTreeSet::new();
        found.retain(|check| known.insert((check.name.clone(), check.app.clone())));
    }
    Ok(Reply::list_in("check_runs", found.iter().map(|check| state.show_check(check)).collect()))
}

pub fn annotations(state: &mut State, request: &Request) -> Outcome {
    let at = state.check_at(request)?;
    let check = &state.checks[at];
    let page = state.repo_by_id(check.repo).map(|repo| state.page_url(repo)).unwrap_or_default();
    let shown = |sent: &Value| {
        let path = sent["path"].as_str().unwrap_or_default();
        json!({
            "path": path,
            "blob_href": format!("{page}/blob/{}/{}", check.head_sha, git::quoted(path)),
            "start_line": sent["start_line"],
            "end_line": sent["end_line"],
            "start_column": sent.get("start_column"),
            "end_column": sent.get("end_column"),
            "annotation_level": sent["annotation_level"],
            "title": sent.get("title"),
            "message": sent["message"],
            "raw_details": sent.get("raw_details"),
        })
    };
    Ok(Reply::list(check.annotations.iter().map(shown).collect()))
}
