//! Reads files and ids of a commit straight from a repository's objects.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};

use git2::{ErrorCode, ObjectType, Oid, Repository, Tree};

use super::trouble::from_libgit2;
use super::walk::{Entry, Kind, walk};
use crate::error::{Error, Result};
use crate::names::Revision;

/// Larger files are no configuration, and are not read into memory.
const MAX_FILE_BYTES: usize = 64 << 20;

pub(super) fn commit_tree<'r>(repo: &'r Repository, revision: &Revision) -> Result<Tree<'r>> {
    let doing = || format!("reading commit {}", revision.short());
    let id = Oid::from_str(revision.as_str())
        .map_err(|_| Error::usage("git.bad_revision", doing(), format!("{revision} is no commit id")))?;
    match repo.find_commit(id) {
        Ok(commit) => commit.tree().map_err(|e| from_libgit2(doing(), repo.path(), e)),
        Err(e) if e.code() == ErrorCode::NotFound => {
            Err(Error::failed("git.not_fetched", doing(), "it was not fetched yet")
                .next("push it first, or name another commit"))
        }
        Err(e) => Err(from_libgit2(doing(), repo.path(), e)),
    }
}

/// The content of a plain file; `None` when there is none (a folder, a link and a submodule are none).
pub(super) fn read_file(repo: &Repository, revision: &Revision, path: &Path) -> Result<Option<Vec<u8>>> {
    let doing = || format!("reading {} of {}", path.display(), revision.short());
    let Some((id, mode)) = find(repo, &commit_tree(repo, revision)?, path)? else { return Ok(None) };
    if !matches!(mode & 0o170000, 0o100000) {
        return Ok(None);
    }
    let blob = repo.find_blob(id).map_err(|e| from_libgit2(doing(), repo.path(), e))?;
    if blob.size() > MAX_FILE_BYTES {
        return Err(Error::failed("git.too_large", doing(), format!("it has {} MiB", blob.size() >> 20)));
    }
    Ok(Some(blob.content().to_vec()))
}

/// The git id of a file or folder; equal ids mean equal content. The empty path is the whole tree.
pub(super) fn tree_id(repo: &Repository, revision: &Revision, path: &Path) -> Result<Option<String>> {
    Ok(find(repo, &commit_tree(repo, revision)?, path)?.map(|(id, _)| id.to_string()))
}

/// All plain files and links, sorted.
pub(super) fn list_files(repo: &Repository, revision: &Revision, max_files: usize) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let tree = commit_tree(repo, revision)?;
    walk(repo, &tree, max_files, |entry: Entry<'_>| {
        if entry.kind != Kind::Submodule {
            files.push(PathBuf::from(OsStr::from_bytes(entry.path)));
        }
        Ok(())
    })?;
    files.sort_unstable();
    Ok(files)
}

fn find(repo: &Repository, root: &Tree<'_>, path: &Path) -> Result<Option<(Oid, i32)>> {
    let mut tree = root.clone();
    let mut found = (root.id(), 0o040000);
    for part in path.components() {
        let name = match part {
            Component::Normal(name) => name.as_bytes(),
            Component::CurDir => continue,
            _ => return Ok(None),
        };
        // a file has no children
        if found.1 != 0o040000 {
            return Ok(None);
        }
        let doing = || format!("reading {}", path.display());
        if tree.id() != found.0 {
            tree = repo.find_tree(found.0).map_err(|e| from_libgit2(doing(), repo.path(), e))?;
        }
        match tree.get_name_bytes(name) {
            Some(entry) => {
                let folder = entry.kind() == Some(ObjectType::Tree);
                found = (entry.id(), if folder { 0o040000 } else { entry.filemode_raw() });
            }
            None => return Ok(None),
        }
    }
    Ok(Some(found))
}
