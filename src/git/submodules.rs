//! Finds and fetches a commit's submodules, when asked to, without letting their addresses choose the protocol.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use super::checkout::Submodules;
use super::mirror::Mirror;
use super::reading::commit_tree;
use super::remote::Remote;
use super::trouble::from_libgit2;
use super::walk::{Kind, walk};
use crate::error::{Error, Result};
use crate::names::Revision;

/// A fetched submodule: where it goes, and where its objects are.
pub(super) struct Part {
    pub path: PathBuf,
    pub mirror: PathBuf,
    pub revision: Revision,
}

/// Submodules of submodules of …; and all of them together.
const MAX_DEPTH: usize = 4;
const MAX_PARTS: usize = 200;

const DOING: &str = "fetching submodules";

/// All submodules of a fetched commit, outer ones first.
pub(super) async fn gather(mirror: &Mirror, revision: &Revision, with: Submodules) -> Result<Vec<Part>> {
    let mut parts = Vec::new();
    if with == Submodules::Skip {
        return Ok(parts);
    }
    let mut open = wanted(mirror, revision, Path::new(""), 0)?;
    while let Some(Wanted { path, mirror: sub, revision, depth }) = open.pop() {
        if depth >= MAX_DEPTH || parts.len() >= MAX_PARTS {
            return Err(Error::failed(
                "git.too_large",
                DOING,
                format!("{}: there are too many, or too deep", path.display()),
            ));
        }
        sub.fetch(&revision).await?;
        open.extend(wanted(&sub, &revision, &path, depth + 1)?);
        parts.push(Part { path, mirror: sub.dir.clone(), revision });
    }
    parts.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(parts)
}

/// A submodule that is still to be fetched.
struct Wanted {
    path: PathBuf,
    mirror: Mirror,
    revision: Revision,
    depth: usize,
}

fn wanted(mirror: &Mirror, revision: &Revision, prefix: &Path, depth: usize) -> Result<Vec<Wanted>> {
    let mut found = Vec::new();
    let repo = mirror.open_repository()?;
    let tree = commit_tree(&repo, revision)?;
    walk(&repo, &tree, mirror.limits.tree_files, |entry| {
        if entry.kind == Kind::Submodule {
            found.push((PathBuf::from(OsStr::from_bytes(entry.path)), Revision::new(entry.id.to_string())));
        }
        Ok(())
    })?;
    if found.is_empty() {
        return Ok(Vec::new());
    }
    let addresses = addresses(mirror, revision)?;
    let one = |(path, revision): (PathBuf, Revision)| {
        let shown = prefix.join(&path);
        let address = addresses.get(&path).ok_or_else(|| {
            Error::failed("git.submodule", DOING, format!("{}: .gitmodules names no address for it", shown.display()))
        })?;
        let remote = allowed(&mirror.remote, address, &shown)?;
        let sub = Mirror::open(
            &mirror.cache,
            remote,
            mirror.limits.clone(),
            mirror.program.cancel.clone(),
            mirror.program.progress.clone(),
        )?;
        Ok(Wanted { path: shown, mirror: sub, revision, depth })
    };
    found.into_iter().map(one).collect()
}

/// Path → address, from the commit's `.gitmodules`.
fn addresses(mirror: &Mirror, revision: &Revision) -> Result<HashMap<PathBuf, String>> {
    let Some(text) = mirror.read_file(revision, Path::new(".gitmodules"))? else { return Ok(HashMap::new()) };
    let file = tempfile::NamedTempFile::new().map_err(|e| Error::io(DOING, Path::new(".gitmodules"), e))?;
    std::fs::write(file.path(), text).map_err(|e| Error::io(DOING, file.path(), e))?;
    let fault = |e| from_libgit2("reading .gitmodules", &mirror.dir, e);
    let mut by_name: HashMap<String, (Option<PathBuf>, Option<String>)> = HashMap::new();
    let config = git2::Config::open(file.path()).map_err(fault)?;
    let entries = config.entries(Some("^submodule\\..*\\.(path|url)$")).map_err(fault)?;
    entries
        .for_each(|entry| {
            if let (Ok(key), Ok(value)) = (entry.name(), entry.value())
                && let Some((name, field)) = key.rsplit_once('.')
            {
                let slot = by_name.entry(name.to_owned()).or_default();
                match field {
                    "path" => slot.0 = Some(PathBuf::from(value.trim_end_matches('/'))),
                    _ => slot.1 = Some(value.to_owned()),
                }
            }
        })
        .map_err(fault)?;
    Ok(by_name.into_values().filter_map(|(path, url)| Some((path?, url?))).collect())
}

/// A submodule may come over its parent's protocol only: nobody's commit may read this machine's files, or use its
/// ssh keys, unless the repository itself was named that way. The token goes to the parent's host only.
fn allowed(parent: &Remote, address: &str, shown: &Path) -> Result<Remote> {
    let full = if address.starts_with("./") || address.starts_with("../") {
        relative(parent.address(), address)
    } else {
        address.to_owned()
    };
    let remote = Remote::parse(&full)?;
    if remote.protocol() != parent.protocol() {
        let what = format!(
            "{}: {remote} is reached over {}, the repository over {}",
            shown.display(),
            remote.protocol().name(),
            parent.protocol().name()
        );
        return Err(Error::refused("git.submodule", DOING, what)
            .next("write its address relative to the repository (../other.git)"));
    }
    let token = parent.token().filter(|_| remote.host() == parent.host()).cloned();
    Ok(remote.with_token(token))
}

fn relative(parent: &str, address: &str) -> String {
    let mut base = parent.trim_end_matches('/').to_owned();
    let mut rest = address;
    loop {
        if let Some(next) = rest.strip_prefix("./") {
            rest = next;
        } else if let Some(next) = rest.strip_prefix("../") {
            rest = next;
            let keep = base.rfind(['/', ':']).unwrap_or(0);
            // never up into the host itself
            if base.get(..keep).is_some_and(|left| !left.ends_with('/') && left.contains(['/', ':']))
                || base.starts_with('/')
            {
                base.truncate(keep);
            }
        } else {
            return format!("{base}/{rest}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_addresses_stay_on_the_host() {
        assert_eq!(relative("https://h/a/b", "../c.git"), "https://h/a/c.git");
        assert_eq!(relative("https://h/a", "../../../c"), "https://h/c");
        assert_eq!(relative("/x/y", "../z"), "/x/z");
    }

    #[test]
    fn another_protocol_is_refused() {
        let parent = Remote::parse("https://h.example/a/b").unwrap();
        for address in ["/etc", "git@h.example:a/b", "http://h.example/a/b", "ext::sh -c true"] {
            assert!(allowed(&parent, address, Path::new("sub")).is_err(), "{address}");
        }
        assert_eq!(allowed(&parent, "../c.git", Path::new("sub")).unwrap().address(), "https://h.example/a/c.git");
    }
}
