//! Routes of the fake's own, for stories that a shell script plays: `POST /_control/VERB` with a JSON body.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use serde_json::{Map, Value, json};

use super::Hub;
use super::state::{Check, Comment, Deployment, Pull};
use super::wire::{Content, Refusal, Reply, Request};

/// The words of a request's body.
struct Words(Map<String, Value>);

impl Words {
    fn text(&self, key: &str) -> &str {
        self.0.get(key).and_then(Value::as_str).unwrap_or_else(|| panic!("{key} is missing"))
    }

    fn or<'a>(&'a self, key: &str, default: &'a str) -> &'a str {
        self.0.get(key).and_then(Value::as_str).unwrap_or(default)
    }

    fn number(&self, key: &str) -> u64 {
        self.0.get(key).and_then(Value::as_u64).unwrap_or_else(|| panic!("{key} is missing"))
    }

    fn texts(&self, key: &str) -> Vec<&str> {
        self.0.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
    }

    /// `{"contents": "write"}`.
    fn permissions(&self) -> Vec<(&str, &str)> {
        let given = self.0.get("permissions").and_then(Value::as_object);
        given.into_iter().flatten().filter_map(|(k, v)| Some((k.as_str(), v.as_str()?))).collect()
    }
}

pub fn serve(hub: &Hub, request: &Request) -> Reply {
    let verb = request.path.trim_start_matches("/_control/").to_owned();
    let words = Words(request.json.as_object().cloned().unwrap_or_default());
    let done = catch_unwind(AssertUnwindSafe(|| act(hub, &verb, &words)));
    match done {
        Ok(Some(value)) => Reply::of(200, Content::Json(value)),
        Ok(None) => Refusal::new(404, format!("there is no {verb}")).into_reply(),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            Refusal::new(400, text.unwrap_or_else(|| "that went wrong".to_owned())).into_reply()
        }
    }
}

/// What is done and has nothing to tell; false: it is none of these.
fn silent(hub: &Hub, verb: &str, words: &Words) -> bool {
    match verb {
        "public" => hub.make_public(words.text("name")),
        "rename" => hub.rename(words.text("name"), words.text("to")),
        "delete_repo" => hub.delete_repo(words.text("name")),
        "user" => hub.user(words.text("login")),
        "role" => hub.role(words.text("repo"), words.text("login"), words.text("role")),
        "team" => hub.team(words.text("org"), words.text("slug"), &words.texts("members")),
        "token" => match words.or("login", "github-actions[bot]") {
            "github-actions[bot]" => hub.actions_token(words.text("secret"), &words.permissions()),
            person => hub.person_token(words.text("secret"), person, &words.permissions()),
        },
        "draft" => hub.draft(words.number("number"), words.0.get("draft").is_none_or(|d| d == true)),
        "close" => hub.close(words.number("number")),
        "reopen" => hub.reopen(words.number("number")),
        "move_branch" => {
            let to = words.0.get("to").and_then(Value::as_str);
            hub.move_branch(words.text("repo"), words.text("branch"), to);
        }
        _ => return false,
    }
    true
}

fn act(hub: &Hub, verb: &str, words: &Words) -> Option<Value> {
    if silent(hub, verb, words) {
        return Some(json!({}));
    }
    let table = |env: Vec<(String, String)>| json!(env.into_iter().collect::<BTreeMap<_, _>>());
    let answer = match verb {
        "repo" => {
            let name = words.text("name");
            let path = words.0.get("path").and_then(Value::as_str).map_or_else(|| hub.bare(name), PathBuf::from);
            hub.repo(name, &path);
            json!({"path": path, "clone_url": hub.clone_url(name)})
        }
        "fork" => {
            let path = hub.bare(words.text("name"));
            hub.fork(words.text("of"), words.text("name"), &path);
            json!({"path": path})
        }
        "app" => {
            let keys = hub.app(words.text("slug"), &words.permissions());
            json!({"id": keys.id, "client_id": keys.client_id, "installation": keys.installation, "key_pem": keys.key_pem})
        }
        "open" => json!({"number": hub.open(words.text("head"), words.text("base"), words.text("author"))}),
        "merge" => json!({"sha": hub.merge(words.number("number"), words.or("method", "merge"), words.text("by"))}),
        "comment" => json!({"id": hub.comment(words.number("number"), words.text("by"), words.text("body"))}),
        "review" => json!({"id": hub.review(words.number("number"), words.text("by"), words.or("state", "APPROVED"))}),
        "push_file" => {
            let text = words.text("text");
            json!({"sha": hub.push_file(words.text("repo"), words.text("branch"), words.text("path"), text)})
        }
        "event" => event(hub, words)?,
        "oidc" => table(hub.oidc_env(words.text("subject"))),
        "env" => table(hub.env(words.text("repo"), words.text("token"))),
        "state" => dump(hub),
        "journal" => json!(hub.journal().iter().map(ToString::to_string).collect::<Vec<_>>()),
        "violations" => json!(hub.violations()),
        _ => return None,
    };
    Some(answer)
}

/// Writes the payload of an event to a file, and gives it back.
fn event(hub: &Hub, words: &Words) -> Option<Value> {
    let by = words.or("by", "octocat");
    let sha = |key: &str| words.0.get(key).and_then(Value::as_str);
    let payload = match words.text("event") {
        "pull_request" | "pull_request_target" => hub.event_pull(words.number("number"), words.text("action"), by),
        "push" => hub.event_push(words.text("branch"), sha("before"), sha("after"), by),
        "issue_comment" => {
            hub.event_comment(words.number("number"), words.number("comment"), words.or("action", "created"), by)
        }
        "merge_group" => hub.event_merge_group(words.number("number"), words.text("head"), words.or("base", "main")),
        "check_run" => hub.event_button(words.number("check"), sha("identifier"), by),
        "delete" => hub.event_delete(words.text("branch"), by),
        "create" => hub.event_create(words.text("branch"), by),
        "workflow_dispatch" => {
            let inputs = words.0.get("inputs").cloned().unwrap_or_else(|| json!({}));
            hub.event_dispatch(words.or("branch", "main"), inputs, by)
        }
        "schedule" => hub.event_schedule(words.or("cron", "0 6 * * *")),
        "pull_request_review" => hub.event_review(words.number("review")),
        _ => return None,
    };
    if let Some(file) = sha("file") {
        let text = serde_json::to_string_pretty(&payload).expect("JSON");
        std::fs::write(file, text).unwrap_or_else(|error| panic!("{file}: {error}"));
    }
    Some(payload)
}

/// What people would look at.
fn dump(hub: &Hub) -> Value {
    let state = hub.state();
    let pull = |p: &Pull| {
        json!({
            "number": p.number, "state": format!("{:?}", p.state).to_lowercase(), "draft": p.draft, "author": p.author,
            "head": p.head_ref, "head_sha": p.head_sha, "base": p.base_ref, "base_sha": p.base_sha, "merge_sha": p.merge_sha,
        })
    };
    let comment = |c: &Comment| {
        let reactions: Vec<String> = state
            .reactions
            .iter()
            .filter(|r| r.comment == c.id)
            .map(|r| format!("{} {}", r.author, r.content))
            .collect();
        json!({
            "id": c.id, "number": c.number, "author": c.author, "body": c.body, "created": c.created, "updated": c.updated,
            "reactions": reactions,
        })
    };
    let check = |c: &Check| {
        json!({
            "id": c.id, "name": c.name, "head_sha": c.head_sha, "status": c.status, "conclusion": c.conclusion,
            "title": c.title, "summary": c.summary, "text": c.text, "actions": c.actions, "annotations": c.annotations,
            "external_id": c.external_id, "details_url": c.details_url, "app": c.app,
        })
    };
    let deployment = |d: &Deployment| {
        let last = d.statuses.last();
        json!({
            "id": d.id, "environment": d.environment, "sha": d.sha, "ref": d.git_ref, "state": d.state(),
            "states": d.statuses.iter().map(|s| s.state.clone()).collect::<Vec<_>>(),
            "url": last.map(|s| s.environment_url.clone()), "description": last.map(|s| s.description.clone()),
            "transient": d.transient, "production": d.production,
        })
    };
    json!({
        "pulls": state.pulls.iter().map(pull).collect::<Vec<_>>(),
        "comments": state.comments.iter().map(comment).collect::<Vec<_>>(),
        "checks": state.checks.iter().map(check).collect::<Vec<_>>(),
        "deployments": state.deployments.iter().map(deployment).collect::<Vec<_>>(),
        "statuses": state.statuses.iter().map(|s| json!({
            "sha": s.sha, "context": s.context, "state": s.state, "description": s.description,
        })).collect::<Vec<_>>(),
        "violations": state.violations,
    })
}
