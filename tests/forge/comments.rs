//! Comments on pull requests, and reactions to them.

use serde_json::{Value, json};

use super::faults::seen;
use super::show::{join, node};
use super::state::{Comment, Reaction, State};
use super::wire::{Outcome, Refusal, Reply, Request};

/// What a comment may hold.
pub const LONGEST: usize = 65_536;

const REACTIONS: [&str; 8] = ["+1", "-1", "laugh", "hooray", "confused", "heart", "rocket", "eyes"];

impl State {
    /// What somebody is to a repository; without the eyes of who asks, so private members look like strangers.
    pub fn association(&self, repo: u64, login: &str) -> &'static str {
        let Some(repo) = self.repo_by_id(repo) else { return "NONE" };
        if repo.owner.eq_ignore_ascii_case(login) {
            return "OWNER";
        }
        if repo.roles.contains_key(&login.to_lowercase()) { "COLLABORATOR" } else { "NONE" }
    }

    pub fn show_comment(&self, comment: &Comment) -> Value {
        let Some(repo) = self.repo_by_id(comment.repo) else { return Value::Null };
        let (url, page) = (self.repo_url(repo), self.page_url(repo));
        let mut reactions = json!({"url": format!("{url}/issues/comments/{}/reactions", comment.id), "total_count": 0});
        let counts =
            |content: &str| self.reactions.iter().filter(|r| r.comment == comment.id && r.content == content).count();
        for content in REACTIONS {
            reactions[content] = json!(counts(content));
        }
        reactions["total_count"] = json!(self.reactions.iter().filter(|r| r.comment == comment.id).count());
        let mut shown = json!({
            "url": format!("{url}/issues/comments/{}", comment.id),
            "html_url": format!("{page}/pull/{}#issuecomment-{}", comment.number, comment.id),
            "issue_url": format!("{url}/issues/{}", comment.number),
            "id": comment.id,
            "node_id": node("IC", comment.id),
            "user": self.show_user(&comment.author),
            "created_at": comment.created,
            "updated_at": comment.updated,
            "author_association": self.association(comment.repo, &comment.author),
            "body": comment.body,
            "reactions": reactions,
        });
        if let Some(app) = &comment.app {
            join(&mut shown, json!({"performed_via_github_app": self.show_app(app)}));
        }
        shown
    }

    fn comment_at(&self, request: &Request) -> Result<usize, Refusal> {
        let (repo, id) = (self.repo_of(request)?.id, request.number("comment_id"));
        self.comments.iter().position(|c| c.id == id && c.repo == repo).ok_or_else(Refusal::not_found)
    }

    fn show_reaction(&self, reaction: &Reaction) -> Value {
        json!({
            "id": reaction.id, "node_id": node("REA", reaction.id), "user": self.show_user(&reaction.author),
            "content": reaction.content, "created_at": reaction.created,
        })
    }
}

fn checked(request: &Request) -> Result<String, Refusal> {
    let body = request.text("body").unwrap_or_default();
    if body.trim().is_empty() {
        return Err(Refusal::invalid("IssueComment", "body", "body cannot be blank"));
    }
    if body.chars().count() > LONGEST {
        return Err(Refusal::invalid("IssueComment", "data", "Body is too long (maximum is 65536 characters)"));
    }
    Ok(body.to_owned())
}

pub fn list(state: &mut State, request: &Request) -> Outcome {
    let (repo, number) = (state.repo_of(request)?.id, request.number("issue_number"));
    state.pull_index(repo, number).ok_or_else(Refusal::not_found)?;
    let since = request.query("since").unwrap_or_default().to_owned();
    let mut found = Vec::new();
    for comment in state.comments.iter_mut().filter(|c| c.repo == repo && c.number == number) {
        if seen(&mut comment.hidden) && comment.updated >= since {
            found.push(comment.clone());
        }
    }
    Ok(Reply::list(found.iter().map(|comment| state.show_comment(comment)).collect()))
}

pub fn create(state: &mut State, request: &Request) -> Outcome {
    let (repo, number) = (state.repo_of(request)?.id, request.number("issue_number"));
    state.pull_index(repo, number).ok_or_else(Refusal::not_found)?;
    let body = checked(request)?;
    let (login, app) = (request.login().to_owned(), request.app());
    let comment = state.add_comment((repo, number), &login, app, &body);
    let url = format!(
        "{}/repos/{}/{}/issues/comments/{}",
        state.api(),
        request.param("owner"),
        request.param("repo"),
        comment.id
    );
    Ok(Reply::created(state.show_comment(&comment)).header("location", url))
}

impl State {
    pub fn add_comment(&mut self, on: (u64, u64), login: &str, app: Option<String>, body: &str) -> Comment {
        let (id, now) = (self.id(), self.now());
        let comment = Comment {
            id,
            repo: on.0,
            number: on.1,
            author: login.to_owned(),
            app,
            body: body.to_owned(),
            created: now.clone(),
            updated: now,
            hidden: 0,
        };
        self.comments.push(comment.clone());
        comment
    }
}

pub fn get(state: &mut State, request: &Request) -> Outcome {
    let at = state.comment_at(request)?;
    Ok(Reply::ok(state.show_comment(&state.comments[at])))
}

pub fn update(state: &mut State, request: &Request) -> Outcome {
    let at = state.comment_at(request)?;
    state.own_comment(at, request)?;
    let body = checked(request)?;
    let now = state.now();
    let comment = &mut state.comments[at];
    (comment.body, comment.updated) = (body, now);
    Ok(Reply::ok(state.show_comment(&state.comments[at])))
}

pub fn delete(state: &mut State, request: &Request) -> Outcome {
    let at = state.comment_at(request)?;
    state.own_comment(at, request)?;
    let gone = state.comments.remove(at).id;
    state.reactions.retain(|reaction| reaction.comment != gone);
    Ok(Reply::gone())
}

impl State {
    /// Comments of others are edited only by those who may write; apps with the permission may anyhow.
    fn own_comment(&self, at: usize, request: &Request) -> Result<(), Refusal> {
        let repo = self.repo_of(request)?;
        let own = self.comments[at].author.eq_ignore_ascii_case(request.login());
        let writer = matches!(self.role(&repo, request.login()).0.as_str(), "write" | "admin");
        if own || writer || request.app().is_some() {
            return Ok(());
        }
        Err(Refusal::new(403, "Must have admin rights to Repository."))
    }
}

pub fn reactions(state: &mut State, request: &Request) -> Outcome {
    let at = state.comment_at(request)?;
    let (comment, wanted) = (state.comments[at].id, request.query("content"));
    let fits = |r: &&Reaction| r.comment == comment && wanted.is_none_or(|content| r.content == content);
    Ok(Reply::list(state.reactions.iter().filter(fits).map(|r| state.show_reaction(r)).collect()))
}

pub fn react(state: &mut State, request: &Request) -> Outcome {
    let at = state.comment_at(request)?;
    let content = request.text("content").unwrap_or_default().to_owned();
    if !REACTIONS.contains(&content.as_str()) {
        return Err(Refusal::invalid("Reaction", "content", "content is not included in the list"));
    }
    let (comment, login) = (state.comments[at].id, request.login().to_owned());
    let same = |r: &&Reaction| r.comment == comment && r.content == content && r.author == login;
    if let Some(found) = state.reactions.iter().find(same) {
        return Ok(Reply::ok(state.show_reaction(found)));
    }
    let reaction = Reaction { id: state.id(), comment, author: login, content, created: state.now() };
    state.reactions.push(reaction.clone());
    Ok(Reply::created(state.show_reaction(&reaction)))
}

pub fn unreact(state: &mut State, request: &Request) -> Outcome {
    let at = state.comment_at(request)?;
    let (comment, id) = (state.comments[at].id, request.number("reaction_id"));
    let found =
        state.reactions.iter().position(|r| r.id == id && r.comment == comment).ok_or_else(Refusal::not_found)?;
    if state.reactions[found].author != request.login() {
        return Err(Refusal::new(403, "Must be the author of the reaction."));
    }
    state.reactions.remove(found);
    Ok(Reply::gone())
}
