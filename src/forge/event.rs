//! What the forge says has happened: the payloads of webhooks and of Actions' event files, read without trusting them.

mod json;

use json::{Node, Payload};

use super::{AccountKind, Actor, Comment, Login, Pull, PullState, Readiness, RepoName, Side};
use crate::error::Result;
use crate::names::{Branch, Revision};

/// One thing that happened on the forge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ForgeEvent {
    /// A branch or tag moved.
    Push {
        repo: RepoName,
        git_ref: PushedRef,
        before: Option<Revision>,
        after: Option<Revision>,
        by: Actor,
    },
    Pull {
        repo: RepoName,
        action: PullAction,
        pull: Box<Pull>,
        by: Actor,
    },
    /// A comment on a pull request (comments on issues are `Other`).
    Comment {
        repo: RepoName,
        action: CommentAction,
        number: u64,
        comment: Box<Comment>,
        by: Actor,
    },
    /// A merge queue asks whether this revision may become the base's next one.
    MergeGroup {
        repo: RepoName,
        revision: Revision,
        base: Branch,
        base_revision: Revision,
    },
    /// A person pressed a button under a check of ours, or asked for it again.
    Button {
        repo: RepoName,
        identifier: String,
        external_id: String,
        revision: Revision,
        by: Actor,
    },
    Deleted {
        repo: RepoName,
        git_ref: PushedRef,
    },
    Schedule {
        repo: Option<RepoName>,
        cron: String,
    },
    /// Started by hand, with inputs.
    Dispatch {
        repo: RepoName,
        stage: Option<String>,
        command: Option<String>,
        git_ref: PushedRef,
        by: Actor,
    },
    /// Something that says nothing to us, and why.
    Other {
        name: String,
        why: String,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PushedRef {
    Branch(Branch),
    Tag(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PullAction {
    Opened,
    Synchronize,
    Reopened,
    ReadyForReview,
    ConvertedToDraft,
    /// Title, body or base were changed.
    Edited,
    Closed,
    /// Labels, reviewers, locks …: says nothing to us.
    Else,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommentAction {
    Created,
    Edited,
    Deleted,
}

/// Reads the payload of the event called `name` (`X-GitHub-Event`, `GITHUB_EVENT_NAME`).
/// Errors (`forge.bad_event`): not JSON (with line and column), or a field that must be there is missing or of another type.
pub fn read(name: &str, payload: &str) -> Result<ForgeEvent> {
    let payload = Payload::parse(name, payload)?;
    let event = payload.root();
    match name {
        "push" => push(&event),
        "pull_request" | "pull_request_target" => pull_request(&event),
        "issue_comment" => comment(&event),
        "merge_group" => merge_group(&event),
        "check_run" => check_run(&event),
        "delete" => deleted(&event),
        "schedule" => schedule(&event),
        "workflow_dispatch" => dispatch(&event),
        _ => Ok(other(&event, "Offshoot has nothing to do for this event")),
    }
}

fn other(event: &Node<'_>, why: impl Into<String>) -> ForgeEvent {
    ForgeEvent::Other { name: event.name().to_owned(), why: why.into() }
}

fn push(event: &Node<'_>) -> Result<ForgeEvent> {
    let full = event.need("ref")?;
    let Some(git_ref) = pushed_ref(&full)? else {
        return Ok(other(event, format!("{} is neither a branch nor a tag", full.text()?)));
    };
    let side = |key: &str, gone: &str| match event.flag(gone) {
        true => Ok(None),
        false => event.need(key)?.some_revision(),
    };
    let by = match event.get("sender") {
        Some(sender) => actor(Some(sender))?,
        // pushes by machines have no sender, but the name of a key or an app
        None => match event.get("pusher").and_then(|pusher| pusher.get("name")) {
            Some(name) => account(name.text()?, None),
            None => actor(None)?,
        },
    };
    Ok(ForgeEvent::Push {
        repo: repo(event)?,
        git_ref,
        before: side("before", "created")?,
        after: side("after", "deleted")?,
        by,
    })
}

fn pull_request(event: &Node<'_>) -> Result<ForgeEvent> {
    let action = match event.need("action")?.text()? {
        "opened" => PullAction::Opened,
        "synchronize" => PullAction::Synchronize,
        "reopened" => PullAction::Reopened,
        "ready_for_review" => PullAction::ReadyForReview,
        "converted_to_draft" => PullAction::ConvertedToDraft,
        "edited" => PullAction::Edited,
        "closed" => PullAction::Closed,
        _ => PullAction::Else,
    };
    let repo = repo(event)?;
    let pull = pull(&event.need("pull_request")?, &repo)?;
    Ok(ForgeEvent::Pull { repo, action, pull: Box::new(pull), by: actor(event.get("sender"))? })
}

fn pull(node: &Node<'_>, repo: &RepoName) -> Result<Pull> {
    let merged = node.flag("merged") || node.get("merged_at").is_some();
    let state = match node.need("state")?.text()? {
        "open" => PullState::Open,
        _ if merged => PullState::Merged,
        _ => PullState::Closed,
    };
    let mut base = side(&node.need("base")?)?;
    // the base is where the event comes from, whatever else is missing
    base.repo.get_or_insert_with(|| repo.clone());
    // of an open pull request this is GitHub's trial merge, which is on no branch
    let merge_revision = match node.get("merge_commit_sha") {
        Some(sha) if state == PullState::Merged => sha.some_revision()?,
        _ => None,
    };
    Ok(Pull {
        number: node.need("number")?.number()?,
        author: actor(node.get("user"))?,
        state,
        readiness: if node.flag("draft") { Readiness::Draft } else { Readiness::Ready },
        base,
        head: side(&node.need("head")?)?,
        merge_revision,
    })
}

fn side(node: &Node<'_>) -> Result<Side> {
    let repo = node.get("repo").map(|repo| repo.need("full_name")?.repo()).transpose()?;
    Ok(Side { branch: node.need("ref")?.branch()?, revision: node.need("sha")?.revision()?, repo })
}

fn comment(event: &Node<'_>) -> Result<ForgeEvent> {
    let action = match event.need("action")?.text()? {
        "created" => CommentAction::Created,
        "edited" => CommentAction::Edited,
        "deleted" => CommentAction::Deleted,
        action => return Ok(other(event, format!("a comment was {}; only what it says matters", json::shown(action)))),
    };
    let issue = event.need("issue")?;
    let number = issue.need("number")?.number()?;
    if issue.get("pull_request").is_none() {
        return Ok(other(event, format!("#{number} is an issue; commands are read on pull requests")));
    }
    let node = event.need("comment")?;
    let created = node.need("created_at")?.text()?;
    let text = |key: &str| node.get(key).map_or(Ok(""), |node| node.text());
    let updated = text("updated_at")?;
    let comment = Comment {
        id: node.need("id")?.number()?,
        author: actor(node.get("user"))?,
        body: text("body")?.to_owned(),
        created: created.to_owned(),
        updated: if updated.is_empty() { created } else { updated }.to_owned(),
        url: text("html_url")?.to_owned(),
    };
    let by = actor(event.get("sender"))?;
    Ok(ForgeEvent::Comment { repo: repo(event)?, action, number, comment: Box::new(comment), by })
}

fn merge_group(event: &Node<'_>) -> Result<ForgeEvent> {
    let action = event.need("action")?.text()?;
    if action != "checks_requested" {
        return Ok(other(event, format!("the group was {}; it asks for nothing", json::shown(action))));
    }
    let group = event.need("merge_group")?;
    Ok(ForgeEvent::MergeGroup {
        repo: repo(event)?,
        revision: group.need("head_sha")?.revision()?,
        base: group.need("base_ref")?.branch()?,
        base_revision: group.need("base_sha")?.revision()?,
    })
}

fn check_run(event: &Node<'_>) -> Result<ForgeEvent> {
    let identifier = match event.need("action")?.text()? {
        "requested_action" => event.need("requested_action")?.need("identifier")?.text()?,
        "rerequested" => "plan",
        action => return Ok(other(event, format!("a check was {}; only its buttons matter", json::shown(action)))),
    };
    let check = event.need("check_run")?;
    Ok(ForgeEvent::Button {
        repo: repo(event)?,
        identifier: identifier.to_owned(),
        external_id: check.get("external_id").map_or(Ok(""), |id| id.text())?.to_owned(),
        revision: check.need("head_sha")?.revision()?,
        by: actor(event.get("sender"))?,
    })
}

fn deleted(event: &Node<'_>) -> Result<ForgeEvent> {
    let name = event.need("ref")?;
    let git_ref = match event.need("ref_type")?.text()? {
        "branch" => PushedRef::Branch(name.branch()?),
        "tag" => PushedRef::Tag(name.tag()?),
        kind => return Ok(other(event, format!("a {} was deleted, which no stage is made from", json::shown(kind)))),
    };
    Ok(ForgeEvent::Deleted { repo: repo(event)?, git_ref })
}

fn schedule(event: &Node<'_>) -> Result<ForgeEvent> {
    // the payload is the runner's own, and thin
    let repo = event.get("repository").map(|repo| repo.need("full_name")?.repo()).transpose()?;
    Ok(ForgeEvent::Schedule { repo, cron: event.get("schedule").map_or(Ok(""), |cron| cron.text())?.to_owned() })
}

fn dispatch(event: &Node<'_>) -> Result<ForgeEvent> {
    let full = event.need("ref")?;
    let Some(git_ref) = pushed_ref(&full)? else {
        return Ok(other(event, format!("{} is neither a branch nor a tag", full.text()?)));
    };
    let input = |key: &str| -> Result<Option<String>> {
        let Some(node) = event.get("inputs").and_then(|inputs| inputs.get(key)) else { return Ok(None) };
        let text = node.text()?.trim();
        Ok((!text.is_empty()).then(|| text.to_owned()))
    };
    Ok(ForgeEvent::Dispatch {
        repo: repo(event)?,
        stage: input("stage")?,
        command: input("command")?,
        git_ref,
        by: actor(event.get("sender"))?,
    })
}

fn repo(event: &Node<'_>) -> Result<RepoName> {
    event.need("repository")?.need("full_name")?.repo()
}

/// `refs/heads/main`; a name without `refs/` is a branch's. Nothing for what is neither branch nor tag.
fn pushed_ref(node: &Node<'_>) -> Result<Option<PushedRef>> {
    let full = node.text()?;
    if full.starts_with("refs/tags/") {
        return Ok(Some(PushedRef::Tag(node.tag()?)));
    }
    if full.starts_with("refs/") && !full.starts_with("refs/heads/") {
        return Ok(None);
    }
    Ok(Some(PushedRef::Branch(node.branch()?)))
}

/// Nobody is there where the account was deleted; the forge calls them `ghost`, and they may do nothing here.
fn actor(node: Option<Node<'_>>) -> Result<Actor> {
    let Some(node) = node else { return Ok(account("ghost", None)) };
    let kind = node.get("type").map(|kind| kind.text()).transpose()?;
    Ok(account(node.need("login")?.text()?, kind))
}

fn account(login: &str, kind: Option<&str>) -> Actor {
    let kind = match kind {
        _ if login.to_ascii_lowercase().ends_with("[bot]") => AccountKind::Bot,
        Some("Bot") => AccountKind::Bot,
        Some("User") => AccountKind::Person,
        _ => AccountKind::Other,
    };
    Actor { login: Login::new(login), kind }
}

#[cfg(test)]
mod tests;
