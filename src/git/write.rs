//! Writes the files of a commit into an empty folder, on several threads.

// Not libgit2's checkout: that one stops at submodules in a bare repository, and uses one thread.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, symlink};
use std::path::{Path, PathBuf};

use git2::{Oid, Repository};

use super::trouble::from_libgit2;
use super::walk::Kind;
use crate::error::{Error, Result};

/// One entry to write; the path was checked by the walk.
pub(super) struct Item {
    pub path: PathBuf,
    pub kind: Kind,
    pub id: Oid,
}

/// More threads only wait for the file system.
const MAX_THREADS: usize = 8;
/// Opening the repository again costs more than writing so few files.
const MIN_PER_THREAD: usize = 200;

const DOING: &str = "writing the commit's files";

/// Folders first, then files, links last: so nothing is ever written through a link. `into` must be new: nothing is
/// overwritten, and a tree that lists a name twice is an error.
pub(super) fn write(mirror: &Path, items: &[Item], into: &Path) -> Result<()> {
    make_folders(items, into)?;
    let (links, files): (Vec<&Item>, Vec<&Item>) =
        items.iter().filter(|item| item.kind != Kind::Submodule).partition(|item| item.kind == Kind::Link);
    let cores = std::thread::available_parallelism().map_or(1, usize::from).min(MAX_THREADS);
    let share = files.len().div_ceil(cores).max(MIN_PER_THREAD);
    std::thread::scope(|scope| {
        let threads: Vec<_> =
            files.chunks(share).map(|part| scope.spawn(move || write_all(mirror, part, into))).collect();
        threads.into_iter().try_for_each(|thread| {
            thread.join().unwrap_or_else(|_| Err(Error::bug("git.checkout", DOING, "a writing thread broke off")))
        })
    })?;
    write_all(mirror, &links, into)
}

fn make_folders(items: &[Item], into: &Path) -> Result<()> {
    let mut made: Option<&Path> = None;
    for item in items {
        // a submodule is an empty folder until someone fills it
        let folder = if item.kind == Kind::Submodule { Some(item.path.as_path()) } else { item.path.parent() };
        if folder != made
            && let Some(folder) = folder
        {
            std::fs::create_dir_all(into.join(folder)).map_err(|e| Error::io(DOING, folder, e))?;
            made = Some(folder);
        }
    }
    Ok(())
}

fn write_all(mirror: &Path, items: &[&Item], into: &Path) -> Result<()> {
    let repo = Repository::open_bare(mirror).map_err(|e| from_libgit2(DOING, mirror, e))?;
    for item in items {
        let blob = repo.find_blob(item.id).map_err(|e| from_libgit2(DOING, mirror, e))?;
        let full = into.join(&item.path);
        let written = match item.kind {
            Kind::Link => {
                use std::os::unix::ffi::OsStrExt as _;
                symlink(std::ffi::OsStr::from_bytes(blob.content()), &full)
            }
            kind => {
                let mode = if kind == Kind::Program { 0o755 } else { 0o644 };
                let file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&full);
                file.and_then(|mut file| file.write_all(blob.content()))
            }
        };
        written.map_err(|e| Error::io(DOING, &item.path, e))?;
    }
    Ok(())
}
