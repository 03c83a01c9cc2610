//! What the bare repositories say: tips, commits, differences, files.

use std::path::Path;

use git2::{Commit, Delta, DiffFindOptions, DiffOptions, Oid, Patch, Repository, Sort, Tree};
use serde_json::{Value, json};

use super::show::node;
use super::state::{Repo, State};

pub fn open(path: &Path) -> Repository {
    Repository::open_bare(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The branch that HEAD names, though it may have no commit yet.
pub fn default_branch(path: &Path) -> String {
    let head = std::fs::read_to_string(path.join("HEAD")).unwrap_or_default();
    head.trim().strip_prefix("ref: refs/heads/").unwrap_or("main").to_owned()
}

/// The commit of a full reference name.
pub fn tip(path: &Path, reference: &str) -> Option<String> {
    let git = Repository::open_bare(path).ok()?;
    git.find_reference(reference).ok()?.peel_to_commit().ok().map(|commit| commit.id().to_string())
}

pub fn branches(path: &Path) -> Vec<(String, String)> {
    let git = open(path);
    let Ok(found) = git.references_glob("refs/heads/*") else { return Vec::new() };
    let mut named: Vec<(String, String)> = found
        .flatten()
        .filter_map(|r| {
            let name = r.name().ok()?.strip_prefix("refs/heads/")?.to_owned();
            Some((name, r.peel_to_commit().ok()?.id().to_string()))
        })
        .collect();
    named.sort();
    named
}

/// A commit by branch, tag, full reference, `heads/x`, or (at least 7 characters of) its id.
pub fn resolve(git: &Repository, spec: &str) -> Option<Oid> {
    for name in [format!("refs/heads/{spec}"), format!("refs/tags/{spec}"), format!("refs/{spec}"), spec.to_owned()] {
        if let Ok(commit) = git.find_reference(&name).and_then(|r| r.peel_to_commit()) {
            return Some(commit.id());
        }
    }
    let hex = spec.len() >= 7 && spec.len() <= 40 && spec.bytes().all(|b| b.is_ascii_hexdigit());
    hex.then(|| git.find_commit_by_prefix(spec).ok().map(|commit| commit.id())).flatten()
}

pub fn resolve_in(path: &Path, spec: &str) -> Option<String> {
    resolve(&open(path), spec).map(|oid| oid.to_string())
}

/// Commits of `head` that `base` has not, oldest first.
pub fn between(git: &Repository, base: Oid, head: Oid) -> Vec<Oid> {
    let Ok(mut walk) = git.revwalk() else { return Vec::new() };
    let ready = walk
        .set_sorting(Sort::TOPOLOGICAL | Sort::REVERSE)
        .and_then(|()| walk.push(head))
        .and_then(|()| walk.hide(base));
    ready.map_or_else(|_| Vec::new(), |()| walk.flatten().collect())
}

/// A commit has another one in its history, or is it.
pub fn contains(git: &Repository, head: Oid, base: Oid) -> bool {
    head == base || git.graph_descendant_of(head, base).unwrap_or(false)
}

fn diff<'a>(git: &'a Repository, old: Option<&Tree<'_>>, new: &Tree<'_>) -> Option<git2::Diff<'a>> {
    let mut options = DiffOptions::new();
    let mut diff = git.diff_tree_to_tree(old, Some(new), Some(&mut options)).ok()?;
    let _ = diff.find_similar(Some(DiffFindOptions::new().renames(true)));
    Some(diff)
}

impl State {
    /// The files that differ between two commits, as `diff-entry`.
    pub fn show_files(&self, repo: &Repo, old: Option<Oid>, new: Oid) -> Vec<Value> {
        let git = open(&repo.path);
        let tree = |oid: Oid| git.find_commit(oid).ok().and_then(|commit| commit.tree().ok());
        let (old, Some(new_tree)) = (old.and_then(tree), tree(new)) else { return Vec::new() };
        let Some(diff) = diff(&git, old.as_ref(), &new_tree) else { return Vec::new() };
        let (url, page) = (self.repo_url(repo), self.page_url(repo));
        let entry = |n: usize| {
            let delta = diff.get_delta(n)?;
            let text = |path: Option<&Path>| path.map(|p| p.to_string_lossy().into_owned());
            let status = match delta.status() {
                Delta::Added => "added",
                Delta::Deleted => "removed",
                Delta::Renamed => "renamed",
                Delta::Copied => "copied",
                _ => "modified",
            };
            let path = text(delta.new_file().path()).or_else(|| text(delta.old_file().path()))?;
            let mut patch = Patch::from_diff(&diff, n).ok()?;
            let (added, removed) = patch.as_ref().and_then(|p| p.line_stats().ok()).map_or((0, 0), |s| (s.1, s.2));
            let blob = if status == "removed" { delta.old_file().id() } else { delta.new_file().id() };
            let mut shown = json!({
                "sha": blob.to_string(), "filename": path, "status": status,
                "additions": added, "deletions": removed, "changes": added + removed,
                "blob_url": format!("{page}/blob/{new}/{}", quoted(&path)),
                "raw_url": format!("{page}/raw/{new}/{}", quoted(&path)),
                "contents_url": format!("{url}/contents/{}?ref={new}", quoted(&path)),
            });
            if let Some(text) =
                patch.as_mut().and_then(|p| p.to_buf().ok()).and_then(|b| b.as_str().ok().map(str::to_owned))
            {
                shown["patch"] = json!(text.find("@@").map_or("", |at| &text[at..]));
            }
            if status == "renamed" {
                shown["previous_filename"] = json!(text(delta.old_file().path()));
            }
            Some(shown)
        };
        (0..diff.deltas().len()).filter_map(entry).collect()
    }

    pub fn show_commit(&self, repo: &Repo, oid: Oid) -> Value {
        let git = open(&repo.path);
        let Ok(commit) = git.find_commit(oid) else { return Value::Null };
        let (url, page) = (self.repo_url(repo), self.page_url(repo));
        let parents: Vec<Value> = commit
            .parent_ids()
            .map(|p| json!({"sha": p.to_string(), "url": format!("{url}/commits/{p}"), "html_url": format!("{page}/commit/{p}")}))
            .collect();
        let author = self.account_of(&commit);
        json!({
            "sha": oid.to_string(),
            "node_id": node("C", repo.id),
            "commit": {
                "author": person(&commit.author()),
                "committer": person(&commit.committer()),
                "message": message(&commit),
                "tree": {"sha": commit.tree_id().to_string(), "url": format!("{url}/git/trees/{}", commit.tree_id())},
                "url": format!("{url}/git/commits/{oid}"),
                "comment_count": 0,
                "verification": {"verified": false, "reason": "unsigned", "signature": null, "payload": null, "verified_at": null},
            },
            "url": format!("{url}/commits/{oid}"),
            "html_url": format!("{page}/commit/{oid}"),
            "comments_url": format!("{url}/commits/{oid}/comments"),
            "author": author,
            "committer": author,
            "parents": parents,
        })
    }

    /// The account whose login is the local part of the author's address.
    fn account_of(&self, commit: &Commit<'_>) -> Value {
        let author = commit.author();
        let login = author.email().ok().and_then(|email| email.split('@').next()).unwrap_or_default().to_owned();
        self.show_user(&login)
    }

    /// As in the payload of a push.
    pub fn show_pushed(&self, repo: &Repo, oid: Oid) -> Value {
        let git = open(&repo.path);
        let Ok(commit) = git.find_commit(oid) else { return Value::Null };
        let files = self.show_files(repo, commit.parent_id(0).ok(), oid);
        let named = |status: &str| -> Vec<&Value> {
            files.iter().filter(|f| f["status"] == status).map(|f| &f["filename"]).collect()
        };
        let who =
            |signature: git2::Signature<'_>| json!({"name": signature.name().ok(), "email": signature.email().ok()});
        json!({
            "id": oid.to_string(),
            "tree_id": commit.tree_id().to_string(),
            "distinct": true,
            "message": message(&commit),
            "timestamp": super::state::stamp(commit.time().seconds()),
            "url": format!("{}/commit/{oid}", self.page_url(repo)),
            "author": who(commit.author()),
            "committer": who(commit.committer()),
            "added": named("added"),
            "removed": named("removed"),
            "modified": named("modified"),
        })
    }
}

fn message(commit: &Commit<'_>) -> String {
    String::from_utf8_lossy(commit.message_bytes()).trim_end().to_owned()
}

fn person(signature: &git2::Signature<'_>) -> Value {
    let date = super::state::stamp(signature.when().seconds());
    json!({"name": signature.name().ok(), "email": signature.email().ok(), "date": date})
}

/// A path as in an address.
pub fn quoted(path: &str) -> String {
    let fine = |b: u8| b.is_ascii_alphanumeric() || b"-_.~/".contains(&b);
    path.bytes().map(|b| if fine(b) { (b as char).to_string() } else { format!("%{b:02X}") }).collect()
}
