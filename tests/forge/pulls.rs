//! Pull requests and their reviews.

use git2::Oid;
use serde_json::{Value, json};

use super::show::{join, node};
use super::state::{Pull, PullState, Repo, Review, State};
use super::wire::{Outcome, Refusal, Reply, Request};
use super::{git, merge};

impl State {
    /// As in lists.
    pub fn show_pull(&self, pull: &Pull) -> Value {
        let Some(repo) = self.repo_by_id(pull.repo) else { return Value::Null };
        let (url, page) = (self.repo_url(repo), format!("{}/pull/{}", self.page_url(repo), pull.number));
        let (own, issue) = (format!("{url}/pulls/{}", pull.number), format!("{url}/issues/{}", pull.number));
        let statuses = format!("{url}/statuses/{}", pull.head_sha);
        let head_repo = pull.head_repo.and_then(|id| self.repo_by_id(id));
        let base_user = self.show_user(&repo.owner);
        let link = |href: &str| json!({"href": href});
        let merged_at = if pull.state == PullState::Merged { pull.closed.clone() } else { None };
        let label = |name: &String| {
            json!({
                "id": 1, "node_id": "LA_1", "url": format!("{url}/labels/{}", git::quoted(name)), "name": name,
                "description": "", "color": "ededed", "default": false,
            })
        };
        json!({
            "url": own,
            "id": pull.id,
            "node_id": node("PR", pull.id),
            "html_url": page,
            "diff_url": format!("{page}.diff"),
            "patch_url": format!("{page}.patch"),
            "issue_url": issue,
            "number": pull.number,
            "state": if pull.state == PullState::Open { "open" } else { "closed" },
            "locked": false,
            "title": pull.title,
            "user": self.show_user(&pull.author),
            "body": pull.body,
            "created_at": pull.created,
            "updated_at": pull.updated,
            "closed_at": pull.closed,
            "merged_at": merged_at,
            "merge_commit_sha": pull.merge_sha,
            "assignee": null,
            "assignees": [],
            "requested_reviewers": [],
            "requested_teams": [],
            "labels": pull.labels.iter().map(label).collect::<Vec<_>>(),
            "milestone": null,
            "draft": pull.draft,
            "commits_url": format!("{own}/commits"),
            "review_comments_url": format!("{own}/comments"),
            "review_comment_url": format!("{url}/pulls/comments{{/number}}"),
            "comments_url": format!("{issue}/comments"),
            "statuses_url": statuses,
            "head": {
                "label": format!("{}:{}", pull.head_owner, pull.head_ref),
                "ref": pull.head_ref,
                "sha": pull.head_sha,
                "user": self.show_user(&pull.head_owner),
                "repo": head_repo.map_or(Value::Null, |repo| self.show_repo(repo)),
            },
            "base": {
                "label": format!("{}:{}", repo.owner, pull.base_ref),
                "ref": pull.base_ref,
                "sha": pull.base_sha,
                "user": base_user,
                "repo": self.show_repo(repo),
            },
            "_links": {
                "self": link(&own), "html": link(&page), "issue": link(&issue), "comments": link(&format!("{issue}/comments")),
                "review_comments": link(&format!("{own}/comments")), "review_comment": link(&format!("{url}/pulls/comments{{/number}}")),
                "commits": link(&format!("{own}/commits")), "statuses": link(&statuses),
            },
            "author_association": self.association(pull.repo, &pull.author),
            "auto_merge": null,
            "active_lock_reason": null,
        })
    }

    /// With what only its own page tells.
    pub fn show_whole_pull(&self, pull: &Pull) -> Value {
        let mut shown = self.show_pull(pull);
        let Some(repo) = self.repo_by_id(pull.repo) else { return shown };
        let files = self.files_of(pull);
        let sum = |key: &str| files.iter().filter_map(|f| f[key].as_u64()).sum::<u64>();
        let open = pull.state == PullState::Open;
        let state = match (open, pull.mergeable, pull.draft) {
            (false, ..) => "unknown",
            (_, false, _) => "dirty",
            (_, _, true) => "draft",
            _ => "clean",
        };
        let more = json!({
            "merged": pull.state == PullState::Merged,
            "mergeable": if open { json!(pull.mergeable) } else { Value::Null },
            "rebaseable": if open { json!(pull.mergeable) } else { Value::Null },
            "mergeable_state": state,
            "merged_by": pull.merged_by.as_ref().map_or(Value::Null, |login| self.show_user(login)),
            "comments": self.comments.iter().filter(|c| c.repo == pull.repo && c.number == pull.number).count(),
            "review_comments": 0,
            "maintainer_can_modify": false,
            "commits": self.commits_of(pull, repo).len(),
            "additions": sum("additions"),
            "deletions": sum("deletions"),
            "changed_files": files.len(),
        });
        join(&mut shown, more);
        shown
    }

    fn files_of(&self, pull: &Pull) -> Vec<Value> {
        let Some(repo) = self.repo_by_id(pull.repo) else { return Vec::new() };
        let git = git::open(&repo.path);
        let oids = (Oid::from_str(&pull.base_sha), Oid::from_str(&pull.head_sha));
        let (Ok(base), Ok(head)) = oids else { return Vec::new() };
        let root = git.merge_base(base, head).ok();
        self.show_files(repo, root, head)
    }

    fn commits_of(&self, pull: &Pull, repo: &Repo) -> Vec<Oid> {
        let oids = (Oid::from_str(&pull.base_sha), Oid::from_str(&pull.head_sha));
        let (Ok(base), Ok(head)) = oids else { return Vec::new() };
        git::between(&git::open(&repo.path), base, head)
    }

    fn pull_at(&self, request: &Request) -> Result<usize, Refusal> {
        let repo = self.repo_of(request)?.id;
        self.pull_index(repo, request.number("pull_number")).ok_or_else(Refusal::not_found)
    }

    /// Opens a pull request; `head` is `branch` or `owner:branch`.
    pub fn open_pull(
        &mut self,
        repo: &Repo,
        head: &str,
        base: &str,
        author: &str,
        title: &str,
    ) -> Result<usize, Refusal> {
        let wrong = |field: &str| Refusal {
            errors: vec![json!({"resource": "PullRequest", "field": field, "code": "invalid"})],
            ..Refusal::new(422, "Validation Failed")
        };
        let (owner, branch) = head.split_once(':').unwrap_or((repo.owner.as_str(), head));
        let source = |r: &&Repo| r.owner.eq_ignore_ascii_case(owner) && (r.id == repo.id || r.fork_of == Some(repo.id));
        let from = self.repos.iter().find(source).ok_or_else(|| wrong("head"))?.clone();
        let head_sha = git::tip(&from.path, &format!("refs/heads/{branch}")).ok_or_else(|| wrong("head"))?;
        let base_sha = git::tip(&repo.path, &format!("refs/heads/{base}")).ok_or_else(|| wrong("base"))?;
        let same = |p: &Pull| {
            p.state == PullState::Open
                && p.repo == repo.id
                && p.head_repo == Some(from.id)
                && p.head_ref == branch
                && p.base_ref == base
        };
        if self.pulls.iter().any(same) {
            return Err(Refusal::invalid(
                "PullRequest",
                "base",
                format!("A pull request already exists for {owner}:{branch}."),
            ));
        }
        self.last_number += 1;
        let (number, now) = (self.last_number, self.now());
        merge::bring(&from.path, branch, &repo.path, &format!("refs/pull/{number}/head"));
        let id = self.id();
        self.pulls.push(Pull {
            id,
            repo: repo.id,
            number,
            title: title.to_owned(),
            body: None,
            author: author.to_owned(),
            state: PullState::Open,
            draft: false,
            base_ref: base.to_owned(),
            base_sha,
            head_repo: Some(from.id),
            head_owner: from.owner.clone(),
            head_ref: branch.to_owned(),
            head_sha,
            previous_sha: None,
            merge_sha: None,
            merge_of: Default::default(),
            mergeable: false,
            created: now.clone(),
            updated: now,
            closed: None,
            merged_by: None,
            labels: Vec::new(),
        });
        self.sync();
        Ok(self.pulls.len() - 1)
    }

    /// Closes or reopens; a deleted branch cannot come back so.
    pub fn set_open(&mut self, at: usize, open: bool) -> Result<(), Refusal> {
        let now = self.now();
        let fork = self.pulls[at].head_repo.and_then(|id| self.repo_by_id(id)).map(|repo| repo.path.clone());
        let pull = &mut self.pulls[at];
        if pull.state == PullState::Merged {
            return Err(Refusal::invalid(
                "PullRequest",
                "state",
                "state cannot be changed. The pull request was merged.",
            ));
        }
        if open {
            let tip = fork.and_then(|path| git::tip(&path, &format!("refs/heads/{}", pull.head_ref)));
            if tip.is_none() {
                let message = format!("state cannot be changed. The {} branch has been deleted.", pull.head_ref);
                return Err(Refusal::invalid("PullRequest", "state", message));
            }
        }
        pull.state = if open { PullState::Open } else { PullState::Closed };
        pull.closed = (!open).then(|| now.clone());
        pull.updated = now;
        self.sync();
        Ok(())
    }
}

pub fn list(state: &mut State, request: &Request) -> Outcome {
    let repo = state.repo_of(request)?.id;
    let wanted = request.query("state").unwrap_or("open");
    let (head, base) = (request.query("head"), request.query("base"));
    let fits = |p: &&Pull| {
        let open = p.state == PullState::Open;
        p.repo == repo
            && (wanted == "all" || (wanted == "open") == open)
            && head.is_none_or(|head| head.eq_ignore_ascii_case(&format!("{}:{}", p.head_owner, p.head_ref)))
            && base.is_none_or(|base| base == p.base_ref)
    };
    let mut found: Vec<&Pull> = state.pulls.iter().filter(fits).collect();
    let by_update = request.query("sort") == Some("updated");
    found.sort_by_key(|p| if by_update { p.updated.clone() } else { p.created.clone() });
    // the newest first, unless sorting by creation was not asked for and ascending was
    if request.query("direction") != Some("asc") {
        found.reverse();
    }
    Ok(Reply::list(found.into_iter().map(|p| state.show_pull(p)).collect()))
}

pub fn create(state: &mut State, request: &Request) -> Outcome {
    let repo = state.repo_of(request)?;
    let text = |key: &str| request.text(key).unwrap_or_default();
    let at = state.open_pull(&repo, text("head"), text("base"), request.login(), text("title"))?;
    state.pulls[at].body = request.owned("body");
    state.pulls[at].draft = request.flag("draft").unwrap_or(false);
    Ok(Reply::created(state.show_whole_pull(&state.pulls[at])))
}

pub fn get(state: &mut State, request: &Request) -> Outcome {
    let at = state.pull_at(request)?;
    Ok(Reply::ok(state.show_whole_pull(&state.pulls[at])))
}

pub fn update(state: &mut State, request: &Request) -> Outcome {
    let at = state.pull_at(request)?;
    if let Some(wanted) = request.text("state") {
        state.set_open(at, wanted == "open")?;
    }
    if let Some(base) = request.owned("base") {
        let repo = state.repo_of(request)?;
        state.pulls[at].base_sha = git::tip(&repo.path, &format!("refs/heads/{base}")).ok_or_else(|| {
            Refusal::invalid("PullRequest", "base", format!("Proposed base branch '{base}' was not found"))
        })?;
        state.pulls[at].base_ref = base;
    }
    let now = state.now();
    let pull = &mut state.pulls[at];
    if let Some(title) = request.owned("title") {
        pull.title = title;
    }
    if let Some(body) = request.owned("body") {
        pull.body = Some(body);
    }
    pull.updated = now;
    state.sync();
    Ok(Reply::ok(state.show_whole_pull(&state.pulls[at])))
}

pub fn merge(state: &mut State, request: &Request) -> Outcome {
    let at = state.pull_at(request)?;
    let pull = state.pulls[at].clone();
    if request.text("sha").is_some_and(|sha| sha != pull.head_sha) {
        return Err(Refusal::new(409, "Head branch was modified. Review and try the merge again."));
    }
    let method = request.text("merge_method").unwrap_or("merge");
    let default = format!("Merge pull request #{} from {}/{}", pull.number, pull.head_owner, pull.head_ref);
    let message = request.text("commit_title").unwrap_or(&default);
    let sha = state.merge_pull(at, method, message, request.login())?;
    Ok(Reply::ok(json!({"sha": sha, "merged": true, "message": "Pull Request successfully merged"})))
}

pub fn files(state: &mut State, request: &Request) -> Outcome {
    let at = state.pull_at(request)?;
    let mut files = state.files_of(&state.pulls[at]);
    files.truncate(3000);
    Ok(Reply::list(files))
}

pub fn commits(state: &mut State, request: &Request) -> Outcome {
    let at = state.pull_at(request)?;
    let repo = state.repo_of(request)?;
    let found = state.commits_of(&state.pulls[at], &repo);
    Ok(Reply::list(found.into_iter().take(250).map(|oid| state.show_commit(&repo, oid)).collect()))
}

/// Of a commit on the default branch: what it was merged with; else all whose head contains it.
pub fn of_commit(state: &mut State, request: &Request) -> Outcome {
    let repo = state.repo_of(request)?;
    let git = git::open(&repo.path);
    let spec = request.param("commit_sha");
    let oid = git::resolve(&git, spec).ok_or_else(|| Refusal::new(422, format!("No commit found for SHA: {spec}")))?;
    let fits = |p: &&Pull| {
        if p.repo != repo.id {
            return false;
        }
        let merged = p.state == PullState::Merged && p.merge_sha.as_deref() == Some(&oid.to_string());
        let (Ok(head), Ok(base)) = (Oid::from_str(&p.head_sha), Oid::from_str(&p.base_sha)) else { return merged };
        merged || (git::contains(&git, head, oid) && !git::contains(&git, base, oid))
    };
    Ok(Reply::list(state.pulls.iter().filter(fits).map(|p| state.show_pull(p)).collect()))
}

impl State {
    pub fn show_review(&self, review: &Review) -> Value {
        let Some(repo) = self.repo_by_id(review.repo) else { return Value::Null };
        let (url, page) = (self.repo_url(repo), self.page_url(repo));
        let html = format!("{page}/pull/{}#pullrequestreview-{}", review.number, review.id);
        let pull = format!("{url}/pulls/{}", review.number);
        json!({
            "id": review.id,
            "node_id": node("PRR", review.id),
            "user": self.show_user(&review.author),
            "body": review.body,
            "state": review.state,
            "html_url": html,
            "pull_request_url": pull,
            "author_association": self.association(review.repo, &review.author),
            "_links": {"html": {"href": html}, "pull_request": {"href": pull}},
            "submitted_at": review.submitted,
            "commit_id": review.commit,
        })
    }

    pub fn add_review(&mut self, at: usize, login: &str, body: &str, state: &str) -> Review {
        let pull = self.pulls[at].clone();
        let review = Review {
            id: self.id(),
            repo: pull.repo,
            number: pull.number,
            author: login.to_owned(),
            body: body.to_owned(),
            state: state.to_owned(),
            commit: pull.head_sha,
            submitted: self.now(),
        };
        self.reviews.push(review.clone());
        review
    }
}

pub fn reviews(state: &mut State, request: &Request) -> Outcome {
    let at = state.pull_at(request)?;
    let (repo, number) = (state.pulls[at].repo, state.pulls[at].number);
    let own = |r: &&Review| r.repo == repo && r.number == number;
    Ok(Reply::list(state.reviews.iter().filter(own).map(|r| state.show_review(r)).collect()))
}

pub fn review(state: &mut State, request: &Request) -> Outcome {
    let at = state.pull_at(request)?;
    let kind = match request.text("event").unwrap_or_default() {
        "APPROVE" => "APPROVED",
        "REQUEST_CHANGES" => "CHANGES_REQUESTED",
        _ => "COMMENTED",
    };
    if kind == "APPROVED" && state.pulls[at].author.eq_ignore_ascii_case(request.login()) {
        return Err(Refusal::new(422, "Can not approve your own pull request"));
    }
    let login = request.login().to_owned();
    let made = state.add_review(at, &login, request.text("body").unwrap_or_default(), kind);
    Ok(Reply::ok(state.show_review(&made)))
}
