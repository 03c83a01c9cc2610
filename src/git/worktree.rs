//! The work tree one stands in: its commit, its branch, and what was changed without a commit.

use std::ffi::OsStr;
use std::io::Read as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use git2::{ErrorCode, Repository, Status, StatusOptions};
use sha2::{Digest as _, Sha256};

use super::reading;
use super::remote::Remote;
use super::trouble::{from_libgit2, no_repository};
use crate::error::{Error, Result};
use crate::names::{Branch, Digest, RepositoryId, Revision, hex};

const DOING: &str = "reading the work tree";

/// A checked-out repository on this machine, as it was when it was opened.
#[derive(Clone, Debug)]
pub struct WorkTree {
    /// The top folder, absolute.
    pub root: PathBuf,
    pub head: Revision,
    /// `None` when the head is detached.
    pub branch: Option<Branch>,
    /// The address of `origin`, without any password.
    pub origin: Option<String>,
    /// Changed, deleted and untracked (not ignored) paths below the root, sorted.
    pub dirty: Vec<PathBuf>,
    repository: RepositoryId,
    git_dir: PathBuf,
}

impl WorkTree {
    /// Finds the work tree that `path` lies in and looks at all of it.
    pub fn open(path: &Path) -> Result<WorkTree> {
        super::init();
        let repo = Repository::discover(path).map_err(|e| match e.code() {
            ErrorCode::NotFound => no_repository(DOING, format!("{} is in no git repository", path.display())),
            _ => from_libgit2(DOING, path, e),
        })?;
        let Some(root) = repo.workdir().map(Path::to_owned) else {
            return Err(Error::usage(
                "git.bare",
                DOING,
                format!("{} is a bare repository, without files", repo.path().display()),
            )
            .next(format!("name it: --repo {}", repo.path().display())));
        };
        let root = root.canonicalize().map_err(|e| Error::io(DOING, &root, e))?;
        let head = repo.head().map_err(|e| match e.code() {
            ErrorCode::UnbornBranch | ErrorCode::NotFound => {
                Error::usage("git.empty", DOING, format!("{} has no commits yet", root.display()))
                    .next("make a first commit")
            }
            _ => from_libgit2(DOING, &root, e),
        })?;
        let branch = if head.is_branch() { head.shorthand().ok().map(Branch::from) } else { None };
        let commit = head.peel_to_commit().map_err(|e| from_libgit2(DOING, &root, e))?;
        let origin = repo.find_remote("origin").ok().and_then(|r| r.url().ok().map(str::to_owned));
        let remote = origin.as_deref().and_then(|url| Remote::parse(url).ok());
        let folder = root.file_name().map_or("repository".into(), |n| n.to_string_lossy().into_owned());
        let repository = remote.as_ref().map_or_else(|| RepositoryId::new(folder), Remote::repository);
        Ok(WorkTree {
            head: Revision::new(commit.id().to_string()),
            branch,
            origin: remote.map(|r| r.address().to_owned()),
            dirty: dirty(&repo, &root)?,
            repository,
            git_dir: repo.path().to_owned(),
            root,
        })
    }

    /// From `origin` when there is one, else the folder's name.
    pub fn repository(&self) -> RepositoryId {
        self.repository.clone()
    }

    /// Whether anything at or below `path` (relative to the root) differs from the commit.
    pub fn is_dirty_under(&self, path: &Path) -> bool {
        self.dirty.iter().any(|dirty| dirty.starts_with(path))
    }

    /// One digest for the content as it stands: of the commit's tree and of every dirty file.
    pub fn content_digest(&self) -> Result<Digest> {
        let tree = self.tree_id(Path::new(""))?.unwrap_or_default();
        let mut parts: Vec<Vec<u8>> = vec![tree.into_bytes()];
        for path in &self.dirty {
            parts.push(path.as_os_str().as_bytes().to_vec());
            parts.push(self.content(path)?.into_bytes());
        }
        Ok(Digest::of_parts(parts))
    }

    /// The git id that a file or folder has in the head commit (changes without a commit are not in it).
    pub fn tree_id(&self, path: &Path) -> Result<Option<String>> {
        let repo = Repository::open(&self.git_dir).map_err(|e| from_libgit2(DOING, &self.root, e))?;
        reading::tree_id(&repo, &self.head, path)
    }

    fn content(&self, path: &Path) -> Result<String> {
        let full = self.root.join(path);
        let io = |e| Error::io(DOING, &full, e);
        let Ok(meta) = full.symlink_metadata() else { return Ok("deleted".into()) };
        if meta.is_symlink() {
            let target = std::fs::read_link(&full).map_err(io)?;
            return Ok(format!("link {}", hex(target.as_os_str().as_bytes())));
        }
        if meta.is_dir() {
            // a repository inside: its head tells it apart
            let head = Repository::open(&full).ok().and_then(|r| r.head().ok()?.target()).map(|id| id.to_string());
            return Ok(format!("folder {}", head.unwrap_or_default()));
        }
        if !meta.is_file() {
            return Ok("special".into());
        }
        let mut file = std::fs::File::open(&full).map_err(io)?;
        let (mut hash, mut chunk) = (Sha256::new(), vec![0u8; 1 << 16]);
        loop {
            let count = file.read(&mut chunk).map_err(io)?;
            match chunk.get(..count) {
                Some(bytes) if !bytes.is_empty() => hash.update(bytes),
                _ => break,
            }
        }
        let kind = if meta.permissions().mode() & 0o100 != 0 { "program" } else { "file" };
        Ok(format!("{kind} {}", hex(&hash.finalize())))
    }
}

fn dirty(repo: &Repository, root: &Path) -> Result<Vec<PathBuf>> {
    if let Some(rules) = personal_ignores() {
        // a rule that libgit2 does not understand is no reason to stop
        let _ = repo.add_ignore_rule(&rules);
    }
    let mut options = StatusOptions::new();
    options.include_untracked(true).recurse_untracked_dirs(true).include_ignored(false);
    options.update_index(false).include_unreadable(true);
    let statuses = repo.statuses(Some(&mut options)).map_err(|e| from_libgit2(DOING, root, e))?;
    let changed = statuses.iter().filter(|s| !s.status().intersects(Status::IGNORED) && s.status() != Status::CURRENT);
    let mut paths: Vec<PathBuf> = changed.map(|s| PathBuf::from(OsStr::from_bytes(s.path_bytes()))).collect();
    paths.sort();
    paths.dedup();
    Ok(paths)
}

/// What this person ignores everywhere (`core.excludesFile`): without it, an editor's folder would make a tree dirty
/// that `git status` calls clean. It is all that is read from personal git configuration.
fn personal_ignores() -> Option<String> {
    let home = PathBuf::from(std::env::var_os("HOME")?);
    let xdg = std::env::var_os("XDG_CONFIG_HOME").map_or_else(|| home.join(".config"), PathBuf::from).join("git");
    let named =
        [home.join(".gitconfig"), xdg.join("config")].into_iter().filter(|path| path.is_file()).find_map(|path| {
            let config = git2::Config::open(&path).ok()?;
            let value = config.get_string("core.excludesfile").ok()?;
            Some(value.strip_prefix("~/").map_or_else(|| PathBuf::from(&value), |rest| home.join(rest)))
        });
    std::fs::read_to_string(named.unwrap_or_else(|| xdg.join("ignore"))).ok()
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Fixture, git_in};
    use super::*;

    #[test]
    fn a_clean_tree_is_found_from_below() {
        let fixture = Fixture::new();
        fixture.git(&["remote", "add", "origin", "https://me:secret@github.com/acme/notes.git"]);
        let tree = WorkTree::open(&fixture.repo().join("src")).unwrap();
        assert_eq!(tree.root, fixture.repo().canonicalize().unwrap());
        assert_eq!((tree.head.clone(), tree.branch.clone()), (fixture.head(), Some(Branch::from("main"))));
        assert_eq!(tree.origin.as_deref(), Some("https://github.com/acme/notes.git"));
        assert_eq!(tree.repository().as_str(), "acme/notes");
        assert!(tree.dirty.is_empty());
        assert_eq!(tree.tree_id(Path::new("src")).unwrap().unwrap(), fixture.git(&["rev-parse", "HEAD:src"]));
        fixture.git(&["checkout", "-q", "--detach"]);
        assert_eq!(WorkTree::open(&fixture.repo()).unwrap().branch, None);
    }

    #[test]
    fn the_digest_follows_the_content_of_every_dirty_file() {
        let fixture = Fixture::new();
        fixture.write(".gitignore", "ignored\n").commit("ignore");
        let digest = || WorkTree::open(&fixture.repo()).unwrap().content_digest().unwrap();
        let clean = digest();
        fixture.write("ignored", "x");
        assert_eq!(digest(), clean);
        fixture.write("a.txt", "changed").write("new/file", "1");
        let tree = WorkTree::open(&fixture.repo()).unwrap();
        assert_eq!(tree.dirty, [Path::new("a.txt"), Path::new("new/file")]);
        assert!(tree.is_dirty_under(Path::new("new")) && !tree.is_dirty_under(Path::new("src")));
        let first = digest();
        assert_ne!(first, clean);
        assert_eq!(digest(), first);
        fixture.git(&["add", "-A"]);
        assert_eq!(digest(), first, "staging changes no content");
        fixture.write("new/file", "2");
        assert_ne!(digest(), first);
        fixture.write("new/file", "1");
        std::fs::remove_file(fixture.repo().join("src/b.txt")).unwrap();
        assert_ne!(digest(), first);
    }

    #[test]
    fn what_is_no_work_tree_is_said() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(WorkTree::open(dir.path()).unwrap_err().code(), "git.no_repository");
        assert_eq!(WorkTree::open(&Fixture::empty().repo()).unwrap_err().code(), "git.empty");
        git_in(dir.path(), &["init", "-q", "--bare", "r.git"], "");
        assert_eq!(WorkTree::open(&dir.path().join("r.git")).unwrap_err().code(), "git.bare");
    }

    #[test]
    fn linked_work_trees_are_work_trees() {
        let fixture = Fixture::new();
        fixture.git(&["worktree", "add", "-q", "../linked", "-b", "topic"]);
        let tree = WorkTree::open(&fixture.dir.path().join("linked")).unwrap();
        assert_eq!(tree.branch, Some(Branch::from("topic")));
        assert!(tree.tree_id(Path::new("a.txt")).unwrap().is_some());
    }
}
