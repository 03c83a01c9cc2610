//! Merges, made for real in the bare repository: the test merge of an open pull request, and the three ways to merge it.

use std::path::Path;

use git2::{Oid, Repository, Signature, Time};

use super::git::{between, open};

/// Why it cannot be merged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conflict;

fn signature(name: &str, at_s: i64) -> Signature<'static> {
    Signature::new(name, &format!("{name}@users.noreply.github.com"), &Time::new(at_s, 0)).expect("a signature")
}

/// The tree of a merge.
fn merged(git: &Repository, base: Oid, head: Oid) -> Result<Oid, Conflict> {
    let commits = (git.find_commit(base), git.find_commit(head));
    let (Ok(base), Ok(head)) = commits else { return Err(Conflict) };
    let mut index = git.merge_commits(&base, &head, None).map_err(|_| Conflict)?;
    if index.has_conflicts() {
        return Err(Conflict);
    }
    index.write_tree_to(git).map_err(|_| Conflict)
}

/// A commit that joins both, as `refs/pull/N/merge`: the same for the same two commits.
pub fn test_merge(path: &Path, base: Oid, head: Oid) -> Result<Oid, Conflict> {
    let git = open(path);
    let tree = merged(&git, base, head)?;
    let at_s = git.find_commit(head).map_or(0, |commit| commit.time().seconds());
    let who = signature("web-flow", at_s);
    write(&git, &who, tree, &[base, head], &format!("Merge {head} into {base}"))
}

/// Merges into the base branch by `merge`, `squash` or `rebase`; gives the branch's new commit.
pub fn merge(path: &Path, branch: &str, head: Oid, how: (&str, &str), by: (&str, i64)) -> Result<Oid, Conflict> {
    let (method, message) = how;
    let git = open(path);
    let name = format!("refs/heads/{branch}");
    let base = git.find_reference(&name).and_then(|r| r.peel_to_commit()).map_err(|_| Conflict)?.id();
    let who = signature(by.0, by.1);
    let made = match method {
        "squash" => write(&git, &who, merged(&git, base, head)?, &[base], message)?,
        "rebase" => rebase(&git, &who, base, head)?,
        _ => write(&git, &who, merged(&git, base, head)?, &[base, head], message)?,
    };
    git.reference(&name, made, true, "merged").map_err(|_| Conflict)?;
    Ok(made)
}

fn rebase(git: &Repository, who: &Signature<'_>, base: Oid, head: Oid) -> Result<Oid, Conflict> {
    let mut on = base;
    for oid in between(git, base, head) {
        let (Ok(commit), Ok(onto)) = (git.find_commit(oid), git.find_commit(on)) else { return Err(Conflict) };
        let mut index = git.cherrypick_commit(&commit, &onto, 0, None).map_err(|_| Conflict)?;
        if index.has_conflicts() {
            return Err(Conflict);
        }
        let tree = index.write_tree_to(git).map_err(|_| Conflict)?;
        on = write(git, who, tree, &[on], &String::from_utf8_lossy(commit.message_bytes()))?;
    }
    Ok(on)
}

fn write(git: &Repository, who: &Signature<'_>, tree: Oid, parents: &[Oid], message: &str) -> Result<Oid, Conflict> {
    let tree = git.find_tree(tree).map_err(|_| Conflict)?;
    let parents: Vec<git2::Commit<'_>> = parents.iter().flat_map(|p| git.find_commit(*p)).collect();
    git.commit(None, who, who, message, &tree, &parents.iter().collect::<Vec<_>>()).map_err(|_| Conflict)
}

/// Brings a commit of one bare repository into another, under a reference of its own.
pub fn bring(from: &Path, branch: &str, to: &Path, reference: &str) -> Option<Oid> {
    let (source, target) = (open(from), open(to));
    let head = source.find_reference(&format!("refs/heads/{branch}")).ok()?.peel_to_commit().ok()?.id();
    if target.find_commit(head).is_err() {
        let url = from.to_str()?;
        let mut remote = target.remote_anonymous(url).ok()?;
        remote.fetch(&[format!("+refs/heads/{branch}:{reference}")], None, None).ok()?;
    }
    target.reference(reference, head, true, "pushed").ok()?;
    Some(head)
}
