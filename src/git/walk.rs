//! Walks a commit's tree before anything of it is written: names, kinds, counts.

use git2::{ObjectType, Oid, Repository, Tree};

use super::trouble::from_libgit2;
use crate::error::{Error, Result};

/// Deeper folders than any file system path could hold.
const MAX_DEPTH: usize = 512;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    /// A file that may be executed.
    Program,
    Link,
    Submodule,
}

/// One leaf of a tree; the path is as bytes, for git does not promise UTF-8.
pub(super) struct Entry<'a> {
    pub path: &'a [u8],
    pub kind: Kind,
    pub id: Oid,
}

/// Calls `each` for every leaf; names that could write outside or into git's own folder are refused.
pub(super) fn walk(
    repo: &Repository,
    root: &Tree<'_>,
    max_files: usize,
    mut each: impl FnMut(Entry<'_>) -> Result<()>,
) -> Result<()> {
    let doing = "reading the commit's files";
    let mut seen = 0usize;
    // folders still to read, deepest last: (id, path, depth)
    let mut open = vec![(root.id(), Vec::new(), 0usize)];
    while let Some((id, prefix, depth)) = open.pop() {
        let tree = repo.find_tree(id).map_err(|e| from_libgit2(doing, repo.path(), e))?;
        for item in &tree {
            let path = joined(&prefix, item.name_bytes())?;
            seen += 1;
            if seen > max_files {
                return Err(Error::failed(
                    "git.too_large",
                    doing,
                    format!("the commit has more than {max_files} files"),
                )
                .next("split the repository, or raise the limit"));
            }
            let kind = match item.filemode_raw() & 0o170000 {
                0o040000 if depth >= MAX_DEPTH => {
                    return Err(unsafe_path(&path, "it is nested too deeply"));
                }
                0o040000 => {
                    open.push((item.id(), path, depth + 1));
                    continue;
                }
                0o120000 => Kind::Link,
                0o160000 => Kind::Submodule,
                0o100000 if item.filemode_raw() & 0o100 != 0 => Kind::Program,
                _ if item.kind() == Some(ObjectType::Blob) => Kind::File,
                mode => return Err(unsafe_path(&path, &format!("git does not know its kind ({mode:o})"))),
            };
            each(Entry { path: &path, kind, id: item.id() })?;
        }
    }
    Ok(())
}

fn joined(prefix: &[u8], name: &[u8]) -> Result<Vec<u8>> {
    let mut path = prefix.to_vec();
    if !path.is_empty() {
        path.push(b'/');
    }
    path.extend_from_slice(name);
    if name.is_empty() || name == b"." || name == b".." || name.contains(&b'/') || name.contains(&0) {
        return Err(unsafe_path(&path, "this is not a name for a file"));
    }
    if name.eq_ignore_ascii_case(b".git") {
        return Err(unsafe_path(&path, "a commit may not contain git's own folder"));
    }
    Ok(path)
}

fn unsafe_path(path: &[u8], why: &str) -> Error {
    Error::failed("git.unsafe_path", "reading the commit's files", format!("{}: {why}", String::from_utf8_lossy(path)))
        .next("take it out of the branch; git itself would refuse to check it out")
}
