//! The payloads that webhooks and Actions' event files would hold now.

use git2::Oid;
use serde_json::{Value, json};

use super::show::join;
use super::state::{Kind, Repo, State};
use super::{Hub, git};

const NOTHING: &str = "0000000000000000000000000000000000000000";

impl State {
    /// Repository, sender, organization and installation, as in every payload.
    fn payload(&mut self, repo: u64, by: &str, own: Value) -> Value {
        let kind = if by.ends_with("[bot]") { Kind::Bot } else { Kind::User };
        self.account(by, kind);
        let Some(repo) = self.repo_by_id(repo).cloned() else { return own };
        let mut payload = own;
        join(&mut payload, json!({"repository": self.show_repo(&repo), "sender": self.show_user(by)}));
        if self.find_account(&repo.owner).is_some_and(|account| account.kind == Kind::Organization) {
            let owner = self.show_user(&repo.owner);
            let api = self.api();
            payload["organization"] = json!({
                "login": repo.owner, "id": owner["id"], "node_id": owner["node_id"], "url": format!("{api}/orgs/{}", repo.owner),
                "repos_url": format!("{api}/orgs/{}/repos", repo.owner), "events_url": format!("{api}/orgs/{}/events", repo.owner),
                "avatar_url": owner["avatar_url"], "description": "",
            });
        }
        if let Some(app) = self.apps.iter().find(|app| app.public_pem.is_some()) {
            payload["installation"] = json!({"id": app.installation, "node_id": "MDIzOkludGVncmF0aW9u"});
        }
        payload
    }

    fn home_repo(&self) -> Repo {
        self.repo_by_id(self.home).expect("a repository first").clone()
    }
}

/// `main` → `refs/heads/main`.
fn full_ref(name: &str) -> String {
    if name.starts_with("refs/") { name.to_owned() } else { format!("refs/heads/{name}") }
}

impl Hub {
    /// `pull_request`: opened, synchronize, reopened, ready_for_review, converted_to_draft, edited, closed, labeled, ….
    pub fn event_pull(&self, number: u64, action: &str, by: &str) -> Value {
        let mut state = self.state();
        state.sync();
        let pull = state.pulls[state.pull_numbered(number)].clone();
        let mut own = json!({"action": action, "number": number, "pull_request": state.show_whole_pull(&pull)});
        if action == "synchronize" {
            own["before"] = json!(pull.previous_sha.as_deref().unwrap_or(NOTHING));
            own["after"] = json!(pull.head_sha);
        }
        if action == "edited" {
            own["changes"] = json!({"title": {"from": "Another title"}});
        }
        if action == "labeled" {
            own["label"] = json!({"id": 1, "name": pull.labels.last(), "color": "ededed", "default": false});
        }
        state.payload(pull.repo, by, own)
    }

    /// `push` to a branch (or `refs/tags/…`) of the home repository; `None`: it was not there before, or is gone after.
    pub fn event_push(&self, branch: &str, before: Option<&str>, after: Option<&str>, by: &str) -> Value {
        let mut state = self.state();
        state.sync();
        let repo = state.home_repo();
        let git = git::open(&repo.path);
        let oid =
            |sha: Option<&str>| sha.and_then(|sha| Oid::from_str(sha).ok()).filter(|oid| git.find_commit(*oid).is_ok());
        let (old, new) = (oid(before), oid(after));
        let commits: Vec<Oid> = match (old, new) {
            (Some(old), Some(new)) => git::between(&git, old, new),
            (None, Some(new)) => vec![new],
            _ => Vec::new(),
        };
        let forced = matches!((old, new), (Some(old), Some(new)) if !git::contains(&git, new, old));
        let shown: Vec<Value> = commits.iter().map(|oid| state.show_pushed(&repo, *oid)).collect();
        let (before, after) = (before.unwrap_or(NOTHING), after.unwrap_or(NOTHING));
        let own = json!({
            "ref": full_ref(branch),
            "before": before,
            "after": after,
            "created": before == NOTHING,
            "deleted": after == NOTHING,
            "forced": forced,
            "base_ref": null,
            "compare": format!("{}/compare/{before}...{after}", state.page_url(&repo)),
            "commits": shown,
            "head_commit": new.map_or(Value::Null, |oid| state.show_pushed(&repo, oid)),
            "pusher": {"name": by, "email": format!("{by}@example.com")},
        });
        state.payload(repo.id, by, own)
    }

    /// `issue_comment` on a pull request: created, edited or deleted.
    pub fn event_comment(&self, number: u64, comment: u64, action: &str, by: &str) -> Value {
        let mut state = self.state();
        state.sync();
        let pull = state.pulls[state.pull_numbered(number)].clone();
        let repo = state.repo_by_id(pull.repo).expect("its repository").clone();
        let found = state.comments.iter().find(|c| c.id == comment).expect("that comment").clone();
        let shown = state.show_pull(&pull);
        let url = format!("{}/issues/{number}", state.repo_url(&repo));
        let mut issue = json!({
            "url": url, "repository_url": state.repo_url(&repo), "labels_url": format!("{url}/labels{{/name}}"),
            "comments_url": format!("{url}/comments"), "events_url": format!("{url}/events"), "id": pull.id + 1,
            "comments": state.comments.iter().filter(|c| c.number == number).count(),
            "pull_request": {
                "url": shown["url"], "html_url": shown["html_url"], "diff_url": shown["diff_url"],
                "patch_url": shown["patch_url"], "merged_at": shown["merged_at"],
            },
        });
        let same = [
            "html_url",
            "node_id",
            "number",
            "title",
            "user",
            "labels",
            "state",
            "locked",
            "assignee",
            "assignees",
            "milestone",
            "created_at",
            "updated_at",
            "closed_at",
            "author_association",
            "active_lock_reason",
            "draft",
            "body",
        ];
        for key in same {
            issue[key] = shown[key].clone();
        }
        let mut own = json!({"action": action, "issue": issue, "comment": state.show_comment(&found)});
        if action == "edited" {
            own["changes"] = json!({"body": {"from": "What it said before"}});
        }
        state.payload(pull.repo, by, own)
    }

    /// `merge_group`, checks_requested: a merge queue made `head` for pull request `number` on top of `base`.
    pub fn event_merge_group(&self, number: u64, head: &str, base: &str) -> Value {
        let mut state = self.state();
        let repo = state.home_repo();
        let base_sha = git::tip(&repo.path, &full_ref(base)).unwrap_or_else(|| NOTHING.to_owned());
        let git = git::open(&repo.path);
        let commit = Oid::from_str(head).ok().filter(|oid| git.find_commit(*oid).is_ok());
        let own = json!({
            "action": "checks_requested",
            "merge_group": {
                "head_sha": head,
                "head_ref": format!("refs/heads/gh-readonly-queue/{base}/pr-{number}-{base_sha}"),
                "base_sha": base_sha,
                "base_ref": format!("refs/heads/{base}"),
                "head_commit": commit.map_or(Value::Null, |oid| state.show_pushed(&repo, oid)),
            },
        });
        state.payload(repo.id, "github-merge-queue[bot]", own)
    }

    /// `check_run`: with an identifier a button was pressed (requested_action), without one it is asked for again (rerequested).
    pub fn event_button(&self, check: u64, identifier: Option<&str>, by: &str) -> Value {
        let mut state = self.state();
        let found = state.checks.iter().find(|c| c.id == check).expect("that check run").clone();
        let mut run = state.show_check(&found);
        run["check_suite"] = json!({
            "id": found.suite, "head_sha": found.head_sha, "status": found.status, "conclusion": found.conclusion,
            "pull_requests": run["pull_requests"], "app": run["app"],
            "head_branch": state.pulls.iter().find(|p| p.head_sha == found.head_sha).map(|p| p.head_ref.clone()),
        });
        let mut own = json!({"action": "rerequested", "check_run": run});
        if let Some(identifier) = identifier {
            own["action"] = json!("requested_action");
            own["requested_action"] = json!({"identifier": identifier});
        }
        state.payload(found.repo, by, own)
    }

    /// `delete` of a branch, or of a tag (`refs/tags/…`).
    pub fn event_delete(&self, name: &str, by: &str) -> Value {
        let mut state = self.state();
        let home = state.home;
        let (kind, short) = name.strip_prefix("refs/tags/").map_or(("branch", name), |tag| ("tag", tag));
        let short = short.trim_start_matches("refs/heads/");
        state.payload(home, by, json!({"ref": short, "ref_type": kind, "pusher_type": "user"}))
    }

    /// `create` of a branch, or of a tag (`refs/tags/…`).
    pub fn event_create(&self, name: &str, by: &str) -> Value {
        let mut payload = self.event_delete(name, by);
        payload["master_branch"] = json!("main");
        payload["description"] = Value::Null;
        payload
    }

    /// `workflow_dispatch` with its inputs: `json!({"stage": "prod"})`.
    pub fn event_dispatch(&self, branch: &str, inputs: Value, by: &str) -> Value {
        let mut state = self.state();
        let home = state.home;
        let own = json!({"inputs": inputs, "ref": full_ref(branch), "workflow": ".github/workflows/offshoot.yml"});
        state.payload(home, by, own)
    }

    /// `schedule`, as Actions writes it: the cron line and little more.
    pub fn event_schedule(&self, cron: &str) -> Value {
        let mut state = self.state();
        let home = state.home;
        let mut payload = state.payload(
            home,
            "github-actions[bot]",
            json!({"schedule": cron, "workflow": ".github/workflows/offshoot.yml"}),
        );
        if let Some(fields) = payload.as_object_mut() {
            fields.remove("sender");
        }
        payload
    }

    /// `pull_request_review`, submitted.
    pub fn event_review(&self, review: u64) -> Value {
        let mut state = self.state();
        state.sync();
        let found = state.reviews.iter().find(|r| r.id == review).expect("that review").clone();
        let pull = state.pulls[state.pull_numbered(found.number)].clone();
        let mut shown = state.show_review(&found);
        shown["state"] = json!(found.state.to_lowercase());
        let own = json!({"action": "submitted", "review": shown, "pull_request": state.show_pull(&pull)});
        state.payload(pull.repo, &found.author, own)
    }
}
