//! One plain, complete tree per commit: checked before it is written, moved into place, reused.

use std::ffi::OsStr;
use std::fs::{File, TryLockError};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use git2::Repository;

use super::Limits;
use super::links::Links;
use super::reading::commit_tree;
use super::submodules::Part;
use super::trouble::from_libgit2;
use super::walk::{Entry, Kind, walk};
use super::write::{Item, write};
use crate::error::{Error, Result};
use crate::names::Revision;

/// What happens with submodules, whose addresses the commit's author chose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Submodules {
    /// They stay empty folders, and a note says so.
    Skip,
    /// They are fetched, over the same protocol as the repository itself.
    Fetch,
}

/// A tree of one commit. While it is held, [`prune`] leaves it alone.
#[derive(Debug)]
pub struct Checkout {
    pub root: PathBuf,
    pub revision: Revision,
    /// What people should know: submodules left out, files that are only Git LFS pointers.
    pub notes: Vec<String>,
    _in_use: File,
}

/// As long as any checkout may take another process.
const LOCK_TIME: Duration = Duration::from_secs(600);
const MAX_NAMES_IN_NOTE: usize = 10;

/// Blocking. `trees` is the repository's folder of trees; `parts` are the submodules to put inside.
pub(super) fn check_out(
    mirror: &Path,
    trees: &Path,
    revision: &Revision,
    parts: &[Part],
    limits: &Limits,
) -> Result<Checkout> {
    let doing = format!("checking out commit {}", revision.short());
    let name = if parts.is_empty() { revision.to_string() } else { format!("{revision}-with-submodules") };
    std::fs::create_dir_all(trees).map_err(|e| Error::io(&doing, trees, e))?;
    let (root, done) = (trees.join(&name), trees.join(format!("{name}.done")));
    let lock_path = trees.join(format!("{name}.lock"));
    let end = Instant::now() + LOCK_TIME;
    while Instant::now() < end {
        let lock = File::options().create(true).append(true).read(true).open(&lock_path);
        let lock = lock.map_err(|e| Error::io(&doing, &lock_path, e))?;
        let complete = || root.is_dir().then(|| std::fs::read_to_string(&done).ok()).flatten();
        if complete().is_none() {
            match lock.try_lock() {
                // another run may have written it between the look and the lock
                Ok(()) if complete().is_none() => write_tree(mirror, trees, &root, &done, revision, parts, limits)?,
                Ok(()) | Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(e)) => return Err(Error::io(&doing, &lock_path, e)),
            }
        } else if lock.try_lock_shared().is_ok()
            && let Some(text) = complete()
        {
            let _ = File::open(&done).and_then(|f| f.set_modified(SystemTime::now()));
            let notes = text.lines().map(str::to_owned).collect();
            return Ok(Checkout { root, revision: revision.clone(), notes, _in_use: lock });
        }
        drop(lock);
        if complete().is_none() {
            #[expect(clippy::disallowed_methods, reason = "a blocking thread, and the loop has an end")]
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    Err(Error::transient("git.busy", doing, format!("another run still writes {}", root.display()))
        .next("wait for it, or give this run its own --cache-dir"))
}

fn write_tree(
    mirror: &Path,
    trees: &Path,
    root: &Path,
    done: &Path,
    revision: &Revision,
    parts: &[Part],
    limits: &Limits,
) -> Result<()> {
    let doing = format!("checking out commit {}", revision.short());
    let io = |path: &Path| {
        let (doing, path) = (doing.clone(), path.to_owned());
        move |e| Error::io(doing, &path, e)
    };
    let fresh = tempfile::Builder::new().prefix(".new-").tempdir_in(trees).map_err(io(trees))?;
    let mut notes = Vec::new();
    write_commit(mirror, revision, &fresh.path().join("tree"), parts.is_empty(), limits, &mut notes)?;
    for part in parts {
        let into = fresh.path().join("tree").join(&part.path);
        write_commit(&part.mirror, &part.revision, &into, false, limits, &mut notes)?;
    }
    let notes_file = fresh.path().join("notes");
    std::fs::write(&notes_file, notes.join("\n")).map_err(io(&notes_file))?;
    if root.exists() {
        std::fs::remove_dir_all(root).map_err(io(root))?;
    }
    std::fs::rename(fresh.path().join("tree"), root).map_err(io(root))?;
    std::fs::rename(notes_file, done).map_err(io(done))
}

fn write_commit(
    mirror: &Path,
    revision: &Revision,
    into: &Path,
    note_submodules: bool,
    limits: &Limits,
    notes: &mut Vec<String>,
) -> Result<()> {
    let doing = || format!("checking out commit {}", revision.short());
    let repo = Repository::open_bare(mirror).map_err(|e| from_libgit2(doing(), mirror, e))?;
    let seen = look_at(&repo, revision, limits)?;
    if let Some((path, target)) = seen.links.escaping() {
        let (path, target) = (String::from_utf8_lossy(path), String::from_utf8_lossy(target));
        let what = format!("the symbolic link {path} → {target} leaves the repository");
        return Err(Error::failed("git.symlink_escapes", doing(), what)
            .next(format!("remove {path}, or let it point to a file inside")));
    }
    if note_submodules {
        note(notes, &seen.submodules, "submodule was not fetched", "submodules were not fetched");
    }
    note(
        notes,
        &seen.pointers,
        "file is a Git LFS pointer without its content",
        "files are Git LFS pointers without their content",
    );
    std::fs::create_dir_all(into).map_err(|e| Error::io(doing(), into, e))?;
    write(mirror, &seen.items, into)
}

#[derive(Default)]
struct Seen {
    items: Vec<Item>,
    links: Links,
    submodules: Vec<PathBuf>,
    pointers: Vec<PathBuf>,
}

/// Reads names, sizes and links of the whole commit before a byte is written.
fn look_at(repo: &Repository, revision: &Revision, limits: &Limits) -> Result<Seen> {
    let doing = || format!("checking out commit {}", revision.short());
    let fault = |e| from_libgit2(doing(), repo.path(), e);
    let odb = repo.odb().map_err(fault)?;
    let tree = commit_tree(repo, revision)?;
    let (mut seen, mut size_bytes, mut uses_lfs, mut small) = (Seen::default(), 0u64, false, Vec::new());
    walk(repo, &tree, limits.tree_files, |Entry { path, kind, id }| {
        let name = PathBuf::from(OsStr::from_bytes(path));
        seen.items.push(Item { path: name.clone(), kind, id });
        if kind == Kind::Submodule {
            seen.submodules.push(name);
            return Ok(());
        }
        let (size, _) = odb.read_header(id).map_err(fault)?;
        size_bytes += size as u64;
        if size_bytes > limits.tree_size_bytes {
            let what = format!("the files of the commit have more than {} MiB", limits.tree_size_bytes >> 20);
            return Err(Error::failed("git.too_large", doing(), what).next("remove large files, or raise the limit"));
        }
        if kind == Kind::Link {
            seen.links.add(path, repo.find_blob(id).map_err(fault)?.content());
        } else if path.ends_with(b".gitattributes") {
            let blob = repo.find_blob(id).map_err(fault)?;
            uses_lfs |= blob.content().windows(10).any(|part| part == b"filter=lfs");
        } else if (100..=1024).contains(&size) {
            small.push((name, id));
        }
        Ok(())
    })?;
    for (path, id) in small.into_iter().filter(|_| uses_lfs) {
        let blob = repo.find_blob(id).map_err(fault)?;
        if blob.content().starts_with(b"version https://git-lfs.github.com/spec/") {
            seen.pointers.push(path);
        }
    }
    Ok(seen)
}

fn note(notes: &mut Vec<String>, paths: &[PathBuf], one: &str, many: &str) {
    // a name may hold anything, also a line end
    let names: Vec<String> =
        paths.iter().take(MAX_NAMES_IN_NOTE).map(|p| p.to_string_lossy().replace(char::is_control, "?")).collect();
    let more = paths.len().saturating_sub(names.len());
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    match paths.len() {
        0 => {}
        1 => notes.push(format!("1 {one}: {}", names.concat())),
        count => notes.push(format!("{count} {many}: {}{more}", names.join(", "))),
    }
}

/// Which trees [`prune`] keeps for each repository: the `newest` ones, and all that were used within `used_within`.
#[derive(Clone, Copy, Debug)]
pub struct Keep {
    pub newest: usize,
    pub used_within: Duration,
}

/// Removes old trees below `<cache>/trees` that no run holds; gives back how many.
pub fn prune(cache: &Path, keep: Keep) -> Result<usize> {
    let mut removed = 0;
    let folders = std::fs::read_dir(cache.join("trees")).into_iter().flatten().flatten();
    for folder in folders.map(|entry| entry.path()) {
        let entries: Vec<PathBuf> =
            std::fs::read_dir(&folder).into_iter().flatten().flatten().map(|e| e.path()).collect();
        let mut done: Vec<(SystemTime, &PathBuf)> = entries
            .iter()
            .filter(|path| path.extension().is_some_and(|e| e == "done"))
            .filter_map(|path| Some((path.metadata().ok()?.modified().ok()?, path)))
            .collect();
        done.sort_by(|a, b| b.cmp(a));
        for (used, done) in done.into_iter().skip(keep.newest) {
            let old = SystemTime::now().duration_since(used).is_ok_and(|age| age >= keep.used_within);
            if old && remove_tree(&folder, done)? {
                removed += 1;
            }
        }
    }
    Ok(removed)
}

fn remove_tree(folder: &Path, done: &Path) -> Result<bool> {
    let doing = "removing old checkouts";
    let lock_path = done.with_extension("lock");
    let lock =
        File::options().create(true).append(true).open(&lock_path).map_err(|e| Error::io(doing, &lock_path, e))?;
    if lock.try_lock().is_err() {
        return Ok(false);
    }
    let root = done.with_extension("");
    std::fs::remove_file(done).map_err(|e| Error::io(doing, done, e))?;
    let grave = tempfile::Builder::new().prefix(".old-").tempdir_in(folder).map_err(|e| Error::io(doing, folder, e))?;
    std::fs::rename(&root, grave.path().join("tree")).map_err(|e| Error::io(doing, &root, e))?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Fixture, git_in};
    use super::*;

    async fn out(fixture: &Fixture, revision: &Revision) -> Result<Checkout> {
        fixture.mirror().checkout(revision, Submodules::Skip).await
    }

    #[tokio::test]
    async fn a_tree_is_written_once_and_reused() {
        let fixture = Fixture::new();
        fixture.write("-x", "odd name").write("run.sh", "#!/bin/sh").link("src/up", "../a.txt");
        fixture.git(&["update-index", "--add", "--chmod=+x", "run.sh"]);
        let head = fixture.commit("more");
        let tree = out(&fixture, &head).await.unwrap();
        assert_eq!(std::fs::read_to_string(tree.root.join("src/up")).unwrap(), "one");
        assert_eq!(std::fs::read_to_string(tree.root.join("-x")).unwrap(), "odd name");
        assert!(!tree.root.join(".git").exists());
        std::fs::write(tree.root.join("mark"), "").unwrap();
        assert!(out(&fixture, &head).await.unwrap().root.join("mark").exists());
    }

    #[tokio::test]
    async fn hostile_trees_are_refused_before_anything_is_written() {
        let fixture = Fixture::new();
        let sub = fixture.git(&["rev-parse", "HEAD:src"]);
        for (code, entry) in [
            ("git.symlink_escapes", ("120000", "evil", b"/etc/passwd".as_slice())),
            ("git.symlink_escapes", ("120000", "evil", b"../../x")),
            ("git.unsafe_path", ("40000", ".git", sub.as_bytes())),
            ("git.unsafe_path", ("40000", ".GIT", sub.as_bytes())),
            ("git.unsafe_path", ("40000", "..", sub.as_bytes())),
            ("git.unsafe_path", ("100644", "a/b", b"x")),
        ] {
            let revision = fixture.raw_commit(&[entry]);
            let error = out(&fixture, &revision).await.unwrap_err();
            assert_eq!(error.code(), code, "{entry:?}: {error}");
            let left = std::fs::read_dir(fixture.cache().join("trees")).unwrap().flatten().next().unwrap();
            let left: Vec<_> =
                std::fs::read_dir(left.path()).unwrap().flatten().filter(|e| e.path().is_dir()).collect();
            assert!(left.is_empty(), "{left:?}");
        }
    }

    #[tokio::test]
    async fn names_that_are_not_utf_8_are_kept() {
        let fixture = Fixture::new();
        let blob = git_in(&fixture.repo(), &["hash-object", "-w", "--stdin"], "odd");
        let tree = git_in(&fixture.repo(), &["mktree", "-z"], "");
        assert!(!tree.is_empty());
        let mut bytes = b"100644 caf\xe9\0".to_vec();
        bytes.extend(git2::Oid::from_str(&blob).unwrap().as_bytes());
        let id = git2::Repository::open(fixture.repo())
            .unwrap()
            .odb()
            .unwrap()
            .write(git2::ObjectType::Tree, &bytes)
            .unwrap();
        let commit = fixture.git(&["commit-tree", &id.to_string(), "-m", "raw"]);
        fixture.git(&["update-ref", "refs/heads/raw", &commit]);
        let tree = out(&fixture, &Revision::new(commit)).await.unwrap();
        assert_eq!(std::fs::read(tree.root.join(OsStr::from_bytes(b"caf\xe9"))).unwrap(), b"odd");
    }

    #[tokio::test]
    async fn limits_are_held_before_writing() {
        let fixture = Fixture::new();
        fixture.write("big.bin", &"x".repeat(5000));
        let head = fixture.commit("big");
        for limits in
            [Limits { tree_size_bytes: 4000, ..Limits::default() }, Limits { tree_files: 2, ..Limits::default() }]
        {
            let error = fixture.mirror_with(limits).checkout(&head, Submodules::Skip).await.unwrap_err();
            assert_eq!(error.code(), "git.too_large", "{error}");
        }
    }

    #[tokio::test]
    async fn submodules_and_lfs_pointers_are_noted() {
        let fixture = Fixture::new();
        let pointer =
            format!("version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize 12345\n", "0".repeat(64));
        let head = fixture.head();
        let id = git2::Oid::from_str(head.as_str()).unwrap();
        let revision = fixture.raw_commit(&[
            ("100644", ".gitattributes", b"*.png filter=lfs diff=lfs merge=lfs -text\n"),
            ("100644", "logo.png", pointer.as_bytes()),
            ("160000", "vendor", id.as_bytes()),
        ]);
        let notes = out(&fixture, &revision).await.unwrap().notes;
        assert_eq!(
            notes,
            ["1 submodule was not fetched: vendor", "1 file is a Git LFS pointer without its content: logo.png"]
        );
    }

    #[tokio::test]
    async fn submodules_are_fetched_when_asked() {
        let (fixture, other) = (Fixture::new(), Fixture::new());
        let url = other.repo().display().to_string();
        fixture.git(&["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", &url, "vendor/other"]);
        let head = fixture.commit("with a submodule");
        let tree = fixture.mirror().checkout(&head, Submodules::Fetch).await.unwrap();
        assert_eq!(std::fs::read_to_string(tree.root.join("vendor/other/src/b.txt")).unwrap(), "two");
        assert!(tree.notes.is_empty(), "{:?}", tree.notes);
        let bare = out(&fixture, &head).await.unwrap();
        assert!(!bare.root.join("vendor/other/a.txt").exists());
    }

    #[tokio::test]
    async fn pruning_leaves_what_is_in_use() {
        let fixture = Fixture::new();
        let first = fixture.head();
        fixture.write("a.txt", "changed");
        let second = fixture.commit("second");
        let held = out(&fixture, &first).await.unwrap();
        let free = out(&fixture, &second).await.unwrap().root;
        let keep = Keep { newest: 0, used_within: Duration::ZERO };
        assert_eq!(prune(&fixture.cache(), keep).unwrap(), 1);
        assert!(held.root.exists() && !free.exists());
        assert!(out(&fixture, &second).await.unwrap().root.exists());
    }
}
