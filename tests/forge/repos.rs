//! Repositories: branches, references, commits, comparisons, files.

use base64::Engine;
use git2::{ObjectType, Oid};
use serde_json::{Value, json};

use super::git;
use super::show::node;
use super::state::{Repo, State};
use super::wire::{Content, Outcome, Refusal, Reply, Request};

impl State {
    /// The repository in the path; one that was renamed is elsewhere.
    pub fn repo_of(&self, request: &Request) -> Result<Repo, Refusal> {
        let full = format!("{}/{}", request.param("owner"), request.param("repo"));
        if let Some(repo) = self.repo_named(&full) {
            return Ok(repo.clone());
        }
        let moved = self.repos.iter().find(|repo| repo.old_names.contains(&full.to_lowercase()));
        let repo = moved.ok_or_else(Refusal::not_found)?;
        let rest = request.path.splitn(5, '/').nth(4).map(|rest| format!("/{rest}")).unwrap_or_default();
        let query = if request.query_text.is_empty() { String::new() } else { format!("?{}", request.query_text) };
        let url = format!("{}{}/repositories/{}{rest}{query}", self.endpoint, request.prefix, repo.id);
        let status = if request.is_write() { 307 } else { 301 };
        Err(Refusal::new(status, if status == 301 { "Moved Permanently" } else { "Temporary Redirect" })
            .header("location", url))
    }

    /// A commit of the repository, by any name.
    fn commit_of(&self, repo: &Repo, spec: &str) -> Result<Oid, Refusal> {
        let missing = || Refusal::new(422, format!("No commit found for SHA: {spec}"));
        git::resolve(&git::open(&repo.path), spec).ok_or_else(missing)
    }
}

pub fn get(state: &mut State, request: &Request) -> Outcome {
    let repo = state.repo_of(request)?;
    Ok(Reply::ok(state.show_whole_repo(&repo, request.login())))
}

pub fn branches(state: &mut State, request: &Request) -> Outcome {
    let repo = state.repo_of(request)?;
    let url = state.repo_url(&repo);
    let shown = |(name, sha): (String, String)| json!({"name": name, "commit": {"sha": sha, "url": format!("{url}/commits/{sha}")}, "protected": false});
    Ok(Reply::list(git::branches(&repo.path).into_iter().map(shown).collect()))
}

pub fn branch(state: &mut State, request: &Request) -> Outcome {
    let repo = state.repo_of(request)?;
    let name = request.param("branch");
    let tip =
        git::tip(&repo.path, &format!("refs/heads/{name}")).ok_or_else(|| Refusal::new(404, "Branch not found"))?;
    let (url, page) = (state.repo_url(&repo), state.page_url(&repo));
    let commit = state.show_commit(&repo, Oid::from_str(&tip).map_err(|_| Refusal::not_found())?);
    let quoted = git::quoted(name);
    Ok(Reply::ok(json!({
        "name": name,
        "commit": commit,
        "_links": {"self": format!("{url}/branches/{quoted}"), "html": format!("{page}/tree/{quoted}")},
        "protected": false,
        "protection": {"enabled": false, "required_status_checks": {"enforcement_level": "off", "contexts": [], "checks": []}},
        "protection_url": format!("{url}/branches/{quoted}/protection"),
    })))
}

pub fn git_ref(state: &mut State, request: &Request) -> Outcome {
    let repo = state.repo_of(request)?;
    let name = format!("refs/{}", request.param("ref"));
    let git = git::open(&repo.path);
    let found = git.find_reference(&name).map_err(|_| Refusal::not_found())?;
    let object = found.peel(ObjectType::Any).map_err(|_| Refusal::not_found())?;
    let kind = if object.kind() == Some(ObjectType::Tag) { "tag" } else { "commit" };
    let url = state.repo_url(&repo);
    Ok(Reply::ok(json!({
        "ref": name,
        "node_id": node("REF", repo.id),
        "url": format!("{url}/git/{}", git::quoted(&name)),
        "object": {"type": kind, "sha": object.id().to_string(), "url": format!("{url}/git/{kind}s/{}", object.id())},
    })))
}

pub fn commit(state: &mut State, request: &Request) -> Outcome {
    let repo = state.repo_of(request)?;
    let oid = state.commit_of(&repo, request.param("ref"))?;
    if request.header("accept").contains("sha") {
        return Ok(Reply::of(
            200,
            Content::Raw(oid.to_string().into_bytes(), "application/vnd.github.sha; charset=utf-8"),
        ));
    }
    let parent = git::open(&repo.path).find_commit(oid).ok().and_then(|commit| commit.parent_id(0).ok());
    let files = state.show_files(&repo, parent, oid);
    let sum = |key: &str| files.iter().filter_map(|f| f[key].as_u64()).sum::<u64>();
    let stats = json!({"additions": sum("additions"), "deletions": sum("deletions"), "total": sum("changes")});
    let mut shown = state.show_commit(&repo, oid);
    shown["stats"] = stats;
    shown["files"] = Value::Array(files);
    Ok(Reply::ok(shown))
}

pub fn compare(state: &mut State, request: &Request) -> Outcome {
    let repo = state.repo_of(request)?;
    let (base, head) = request.param("basehead").split_once("...").ok_or_else(Refusal::not_found)?;
    let git = git::open(&repo.path);
    // `owner:branch` names a branch of a fork, whose commits are here as soon as there is a pull request
    let find = |spec: &str| {
        let fork = spec.split_once(':').and_then(|(owner, branch)| {
            let same =
                |r: &&Repo| r.owner.eq_ignore_ascii_case(owner) && (r.id == repo.id || r.fork_of == Some(repo.id));
            let fork = state.repos.iter().find(same)?;
            Oid::from_str(&git::tip(&fork.path, &format!("refs/heads/{branch}"))?).ok()
        });
        fork.or_else(|| git::resolve(&git, spec))
            .filter(|oid| git.find_commit(*oid).is_ok())
            .ok_or_else(Refusal::not_found)
    };
    let (base_oid, head_oid) = (find(base)?, find(head)?);
    let root = git
        .merge_base(base_oid, head_oid)
        .map_err(|_| Refusal::new(404, format!("No common ancestor between {base} and {head}.")))?;
    let (ahead, behind) = git.graph_ahead_behind(head_oid, base_oid).map_err(|_| Refusal::not_found())?;
    let commits: Vec<Value> =
        git::between(&git, base_oid, head_oid).into_iter().map(|oid| state.show_commit(&repo, oid)).collect();
    let status = match (ahead, behind) {
        (0, 0) => "identical",
        (_, 0) => "ahead",
        (0, _) => "behind",
        _ => "diverged",
    };
    let page = format!("{}/compare/{}", state.page_url(&repo), git::quoted(&format!("{base}...{head}")));
    Ok(Reply::ok(json!({
        "url": format!("{}/compare/{}", state.repo_url(&repo), git::quoted(&format!("{base}...{head}"))),
        "html_url": page,
        "permalink_url": page,
        "diff_url": format!("{page}.diff"),
        "patch_url": format!("{page}.patch"),
        "base_commit": state.show_commit(&repo, base_oid),
        "merge_base_commit": state.show_commit(&repo, root),
        "status": status,
        "ahead_by": ahead,
        "behind_by": behind,
        "total_commits": ahead,
        "commits": commits,
        "files": state.show_files(&repo, Some(root), head_oid),
    })))
}

pub fn contents(state: &mut State, request: &Request) -> Outcome {
    let repo = state.repo_of(request)?;
    let path = request.param("path").trim_matches('/').to_owned();
    let at = request.query("ref").map_or_else(|| git::default_branch(&repo.path), str::to_owned);
    let git = git::open(&repo.path);
    let missing = || Refusal::new(404, format!("No commit found for the ref {at}"));
    let oid = git::resolve(&git, &at).ok_or_else(missing)?;
    let tree = git.find_commit(oid).and_then(|commit| commit.tree()).map_err(|_| Refusal::not_found())?;
    let entry = tree.get_path(std::path::Path::new(&path)).map_err(|_| Refusal::not_found())?;
    let object = entry.to_object(&git).map_err(|_| Refusal::not_found())?;
    let facts = |name: &str, path: &str, id: Oid, kind: &str, size: usize| {
        let (url, page) = (state.repo_url(&repo), state.page_url(&repo));
        let own = format!("{url}/contents/{}?ref={at}", git::quoted(path));
        let html = format!("{page}/blob/{at}/{}", git::quoted(path));
        let blob = format!("{url}/git/blobs/{id}");
        json!({
            "type": kind, "size": size, "name": name, "path": path, "sha": id.to_string(), "url": own, "git_url": blob,
            "html_url": html, "download_url": if kind == "file" { json!(format!("{page}/raw/{at}/{}", git::quoted(path))) } else { Value::Null },
            "_links": {"self": own, "git": blob, "html": html},
        })
    };
    let name = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    if let Some(folder) = object.as_tree() {
        let item = |e: git2::TreeEntry<'_>| {
            let label = String::from_utf8_lossy(e.name_bytes()).into_owned();
            let size = git.find_blob(e.id()).map_or(0, |blob| blob.size());
            let kind = if e.kind() == Some(ObjectType::Tree) { "dir" } else { "file" };
            facts(&label, &format!("{path}/{label}"), e.id(), kind, size)
        };
        return Ok(Reply::ok(Value::Array(folder.iter().map(item).collect())));
    }
    let blob = object.as_blob().ok_or_else(Refusal::not_found)?;
    if request.header("accept").contains("raw") {
        return Ok(Reply::of(
            200,
            Content::Raw(blob.content().to_vec(), "application/vnd.github.raw+json; charset=utf-8"),
        ));
    }
    let mut shown = facts(&name(&path), &path, blob.id(), "file", blob.size());
    // as GitHub writes it: a line break after every 60 characters
    let text = base64::engine::general_purpose::STANDARD.encode(blob.content());
    let lines: Vec<String> =
        text.as_bytes().chunks(60).map(|l| String::from_utf8_lossy(l).into_owned() + "\n").collect();
    let large = blob.size() > 1024 * 1024;
    shown["encoding"] = json!(if large { "none" } else { "base64" });
    shown["content"] = json!(if large { String::new() } else { lines.concat() });
    Ok(Reply::ok(shown))
}
