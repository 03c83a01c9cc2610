//! One bare mirror per repository: fetched shallowly, guarded by a file lock, made anew when it is damaged.

use std::ffi::OsString;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use git2::{Oid, Repository, RepositoryInitOptions};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::checkout::{self, Checkout, Submodules};
use super::program::{Program, Run, Trouble};
use super::remote::Remote;
use super::trouble::{Meaning, from_libgit2};
use super::{Limits, Progress, Wanted, maintain, reading, submodules};
use crate::error::{Error, Result};
use crate::names::{Digest, RepositoryId, Revision};

/// Every fetched commit has a ref here, which keeps it and says that it is complete.
pub(super) const KEPT: &str = "refs/offshoot/commit";
/// Where a branch's tip is fetched to, before its commit id is known.
const TIPS: &str = "refs/offshoot/tip";

/// The kept copy of one repository, below `<cache>/git`.
#[derive(Clone)]
pub struct Mirror {
    pub(super) remote: Remote,
    pub(super) dir: PathBuf,
    pub(super) cache: PathBuf,
    pub(super) program: Program,
    pub(super) limits: Limits,
}

impl Mirror {
    /// Names the mirror of `remote` below `cache`; nothing is fetched yet.
    pub fn open(
        cache: &Path,
        remote: Remote,
        limits: Limits,
        cancel: CancellationToken,
        progress: Option<Progress>,
    ) -> Result<Mirror> {
        super::init();
        let cache = std::path::absolute(cache).map_err(|e| Error::io("preparing the git cache", cache, e))?;
        let folder = cache.join("git");
        let program = Program::new(&folder, cancel, progress)?;
        Ok(Mirror { dir: folder.join(format!("{}.git", remote.folder())), remote, cache, program, limits })
    }

    pub fn repository(&self) -> RepositoryId {
        self.remote.repository()
    }

    /// Resolves and fetches in one journey to the remote.
    pub async fn bring(&self, wanted: &Wanted) -> Result<Revision> {
        let Some(name) = wanted.reference()? else {
            let revision = self.resolve(wanted).await?;
            self.fetch(&revision).await?;
            return Ok(revision);
        };
        let tip = format!("{TIPS}/{}", Digest::of(&name).short());
        let doing = format!("fetching {wanted}");
        let lock = self.lock(&doing).await?;
        match self.fetch_into(&name, &tip, &lock).await {
            Ok(()) => {}
            Err(trouble) if trouble.meaning() == Some(Meaning::UnknownReference) || self.is_damaged(&trouble) => {
                drop(lock);
                // says which names there are, or that there is nothing at all; a damaged mirror is made anew
                let revision = self.resolve(wanted).await?;
                self.fetch(&revision).await?;
                return Ok(revision);
            }
            Err(trouble) => return Err(trouble.into_error(doing, &self.remote)),
        }
        let revision = self.keep_tip(&tip, &doing)?;
        maintain::after_fetch(self, &lock).await;
        Ok(revision)
    }

    /// Makes sure that the commit and all its files are in the mirror.
    pub async fn fetch(&self, revision: &Revision) -> Result<()> {
        let doing = format!("fetching commit {}", revision.short());
        if Oid::from_str(revision.as_str()).is_err() || revision.as_str().len() != 40 {
            return Err(Error::usage(
                "git.bad_revision",
                doing,
                format!("{revision} is no full commit id of 40 digits"),
            ));
        }
        if self.has(revision) {
            return Ok(());
        }
        let lock = self.lock(&doing).await?;
        if self.has(revision) {
            return Ok(());
        }
        let kept = format!("{KEPT}/{revision}");
        let mut outcome = self.fetch_into(revision.as_str(), &kept, &lock).await;
        if outcome.as_ref().is_err_and(asks_too_much) {
            outcome = self.fetch_everything(revision, &lock).await;
        }
        if outcome.as_ref().is_err_and(|trouble| self.is_damaged(trouble)) {
            tracing::warn!(mirror = %self.dir.display(), "making the git mirror anew after an unexpected answer");
            self.remove(&doing)?;
            outcome = self.fetch_into(revision.as_str(), &kept, &lock).await;
        }
        outcome.map_err(|trouble| trouble.into_error(doing.clone(), &self.remote))?;
        if !self.has(revision) {
            return Err(Error::failed("git.unknown_revision", doing, format!("{} has no such commit", self.remote))
                .next("push it first, or name another commit"));
        }
        maintain::after_fetch(self, &lock).await;
        Ok(())
    }

    /// A plain tree of the commit, fetched when needed; a damaged mirror is made anew once.
    pub async fn checkout(&self, revision: &Revision, with: Submodules) -> Result<Checkout> {
        match self.checkout_once(revision, with).await {
            Err(error) if error.code() == "git.damaged" => {
                self.repair().await?;
                self.checkout_once(revision, with).await
            }
            outcome => outcome,
        }
    }

    async fn checkout_once(&self, revision: &Revision, with: Submodules) -> Result<Checkout> {
        self.fetch(revision).await?;
        let parts = submodules::gather(self, revision, with).await?;
        let (trees, limits) = (self.cache.join("trees").join(self.remote.folder()), self.limits.clone());
        let (mirror, revision) = (self.dir.clone(), revision.clone());
        tokio::task::spawn_blocking(move || checkout::check_out(&mirror, &trees, &revision, &parts, &limits))
            .await
            .map_err(|e| Error::bug("git.checkout", "checking out a commit", e.to_string()))?
    }

    /// Throws the mirror away (the next fetch makes it anew); for errors with code `git.damaged`.
    pub async fn repair(&self) -> Result<()> {
        let doing = "making the git mirror anew";
        let _lock = self.lock(doing).await?;
        self.remove(doing)
    }

    /// The content of a plain file of a fetched commit; `None` when there is none.
    pub fn read_file(&self, revision: &Revision, path: &Path) -> Result<Option<Vec<u8>>> {
        reading::read_file(&self.open_repository()?, revision, path)
    }

    /// All files of a fetched commit, sorted.
    pub fn list_files(&self, revision: &Revision) -> Result<Vec<PathBuf>> {
        reading::list_files(&self.open_repository()?, revision, self.limits.tree_files)
    }

    /// The git id of a file or folder of a fetched commit: equal ids mean equal content.
    pub fn tree_id(&self, revision: &Revision, path: &Path) -> Result<Option<String>> {
        reading::tree_id(&self.open_repository()?, revision, path)
    }

    pub(super) fn open_repository(&self) -> Result<Repository> {
        Repository::open_bare(&self.dir).map_err(|e| from_libgit2("opening the git mirror", &self.dir, e))
    }

    /// Whether the commit was fetched whole; renews its place among the kept ones.
    fn has(&self, revision: &Revision) -> bool {
        let Ok(repo) = Repository::open_bare(&self.dir) else { return false };
        let kept = repo.refname_to_id(&format!("{KEPT}/{revision}"));
        let found = kept.and_then(|id| repo.find_commit(id)).and_then(|commit| commit.tree()).is_ok();
        if found && let Ok(file) = File::open(self.dir.join(KEPT).join(revision.as_str())) {
            let _ = file.set_modified(std::time::SystemTime::now());
        }
        found
    }

    /// The commit that was just fetched to `tip`, kept from now on.
    fn keep_tip(&self, tip: &str, doing: &str) -> Result<Revision> {
        let repo = self.open_repository()?;
        let fault = |e| from_libgit2(doing, &self.dir, e);
        let commit = repo.find_reference(tip).and_then(|r| r.peel_to_commit()).map_err(fault)?;
        let revision = Revision::new(commit.id().to_string());
        self.keep(&repo, &revision).map_err(fault)?;
        Ok(revision)
    }

    /// What git complains about may be the mirror itself: it names its folder, or says nothing that we know.
    fn is_damaged(&self, trouble: &Trouble) -> bool {
        let Trouble::Exit { stderr, .. } = trouble else { return false };
        trouble.meaning() == Some(Meaning::Other) || stderr.contains(&*self.dir.to_string_lossy())
    }

    fn keep(&self, repo: &Repository, revision: &Revision) -> Result<(), git2::Error> {
        let id = Oid::from_str(revision.as_str())?;
        repo.reference(&format!("{KEPT}/{revision}"), id, true, "fetched").map(|_| ())
    }

    /// Takes the mirror's lock; it is also given to git, so that it holds until git has ended.
    pub(super) async fn lock(&self, doing: &str) -> Result<File> {
        let path = self.dir.with_extension("lock");
        let file = File::options().create(true).append(true).read(true).open(&path);
        let file = file.map_err(|e| Error::io(doing, &path, e))?;
        let end = Instant::now() + self.limits.fetch_time;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::Error(e)) => return Err(Error::io(doing, &path, e)),
                Err(TryLockError::WouldBlock) if Instant::now() >= end => {
                    return Err(Error::transient(
                        "git.busy",
                        doing,
                        format!("another run uses {}", self.dir.display()),
                    )
                    .next("wait for it, or give this run its own --cache-dir"));
                }
                Err(TryLockError::WouldBlock) => {}
            }
            tokio::select! {
                () = tokio::time::sleep(Duration::from_millis(20)) => {}
                () = self.program.cancel.cancelled() => return Err(Trouble::Cancelled.into_error(doing.to_owned(), &self.remote)),
            }
        }
    }

    /// One shallow fetch of `what` (a ref or a commit id) into the ref `into`.
    async fn fetch_into(&self, what: &str, into: &str, lock: &File) -> Result<(), Trouble> {
        self.fetch_with(&["--depth=1", "--update-shallow"], format!("+{what}:{into}"), lock).await
    }

    /// For servers that give only what they advertise: all branches with their history.
    async fn fetch_everything(&self, revision: &Revision, lock: &File) -> Result<(), Trouble> {
        let repo = Repository::open_bare(&self.dir).ok();
        let shallow = repo.is_some_and(|repo| repo.is_shallow());
        let depth: &[&str] = if shallow { &["--unshallow"] } else { &[] };
        self.fetch_with(depth, "+refs/heads/*:refs/offshoot/all/*".into(), lock).await?;
        if let Ok(repo) = Repository::open_bare(&self.dir) {
            // an unknown commit stays unknown: the caller looks
            let _ = self.keep(&repo, revision);
        }
        Ok(())
    }

    async fn fetch_with(&self, depth: &[&str], refspec: String, lock: &File) -> Result<(), Trouble> {
        self.prepare().map_err(|e| Trouble::Io(std::io::Error::other(e)))?;
        let talk = if self.program.progress.is_some() { "--progress" } else { "--quiet" };
        let mut git_dir = OsString::from("--git-dir=");
        git_dir.push(&self.dir);
        let mut args = vec![git_dir, "fetch".into()];
        args.extend(depth.iter().map(OsString::from));
        args.extend(
            ["--no-tags", "--no-write-fetch-head", "--no-recurse-submodules", "--no-auto-maintenance", talk, "--"]
                .map(Into::into),
        );
        args.extend([self.remote.address().into(), refspec.into()]);
        let watch = Some((self.dir.as_path(), self.limits.fetch_size_bytes));
        self.program.run(&self.remote, Run { args, time: self.limits.fetch_time, watch, lock: Some(lock) }).await?;
        Ok(())
    }

    /// Creates the mirror where there is none, and clears away what a killed git left. Only under the lock.
    fn prepare(&self) -> Result<()> {
        let doing = "preparing the git mirror";
        if Repository::open_bare(&self.dir).is_ok() {
            maintain::clear_leftovers(&self.dir);
            return Ok(());
        }
        self.remove(doing)?;
        let folder = self.dir.parent().unwrap_or(&self.cache);
        let fresh =
            tempfile::Builder::new().prefix(".new-").tempdir_in(folder).map_err(|e| Error::io(doing, folder, e))?;
        let mut options = RepositoryInitOptions::new();
        options.bare(true).external_template(false).initial_head("main");
        Repository::init_opts(fresh.path(), &options).map_err(|e| from_libgit2(doing, &self.dir, e))?;
        std::fs::rename(fresh.keep(), &self.dir).map_err(|e| Error::io(doing, &self.dir, e))
    }

    /// Moves the mirror away before deleting it, so that no one sees half of it. Only under the lock.
    fn remove(&self, doing: &str) -> Result<()> {
        let folder = self.dir.parent().unwrap_or(&self.cache);
        let grave =
            tempfile::Builder::new().prefix(".old-").tempdir_in(folder).map_err(|e| Error::io(doing, folder, e))?;
        match std::fs::rename(&self.dir, grave.path().join("mirror")) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(Error::io(doing, &self.dir, e)),
            _ => Ok(()),
        }
    }
}

/// Old and simple servers give neither single commits nor shallow histories.
fn asks_too_much(trouble: &Trouble) -> bool {
    matches!(trouble, Trouble::Exit { stderr, .. } if stderr.contains("unadvertised object") || stderr.contains("shallow"))
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Fixture, git_in};
    use super::*;
    use crate::names::Branch;

    fn branch(name: &str) -> Wanted {
        Wanted::Branch(Branch::from(name))
    }

    #[tokio::test]
    async fn a_branch_is_brought_and_read_without_a_checkout() {
        let fixture = Fixture::new();
        let mirror = fixture.mirror();
        let revision = mirror.bring(&branch("main")).await.unwrap();
        assert_eq!(revision, fixture.head());
        assert_eq!(mirror.read_file(&revision, Path::new("src/b.txt")).unwrap().unwrap(), b"two");
        assert_eq!(mirror.read_file(&revision, Path::new("a.txt/x")).unwrap(), None);
        assert_eq!(mirror.read_file(&revision, Path::new("../a.txt")).unwrap(), None);
        assert_eq!(mirror.list_files(&revision).unwrap(), [Path::new("a.txt"), Path::new("src/b.txt")]);
        assert_eq!(
            mirror.tree_id(&revision, Path::new("src")).unwrap().unwrap(),
            fixture.git(&["rev-parse", "HEAD:src"])
        );
        assert_eq!(mirror.repository().as_str(), "notes");
    }

    #[tokio::test]
    async fn every_way_to_name_a_commit_gives_it() {
        let fixture = Fixture::new();
        let head = fixture.head();
        fixture.git(&["tag", "-a", "v1", "-m", "first"]);
        let mirror = fixture.mirror();
        let short = head.short().to_owned();
        for wanted in [branch("main"), Wanted::Tag("v1".into()), Wanted::DefaultBranch, Wanted::Revision(short)] {
            assert_eq!(mirror.resolve(&wanted).await.unwrap(), head, "{wanted}");
            assert_eq!(mirror.bring(&wanted).await.unwrap(), head, "{wanted}");
        }
        assert_eq!(mirror.default_branch().await.unwrap().as_str(), "main");
    }

    #[tokio::test]
    async fn only_one_commit_is_fetched_also_after_a_force_push() {
        let fixture = Fixture::new();
        let first = fixture.head();
        fixture.write("a.txt", "changed");
        let second = fixture.commit("second");
        let mirror = fixture.mirror();
        assert_eq!(mirror.bring(&branch("main")).await.unwrap(), second);
        assert_eq!(mirror.read_file(&first, Path::new("a.txt")).unwrap_err().code(), "git.not_fetched");
        fixture.git(&["reset", "-q", "--hard", first.as_str()]);
        fixture.write("a.txt", "rewritten");
        let third = fixture.commit("third");
        assert_eq!(mirror.bring(&branch("main")).await.unwrap(), third);
        // the old commit is still there, and one that no branch names any more can be fetched
        assert!(mirror.has(&second));
        mirror.repair().await.unwrap();
        mirror.fetch(&second).await.unwrap();
    }

    #[tokio::test]
    async fn what_is_not_there_is_said_with_what_is() {
        let fixture = Fixture::new();
        fixture.git(&["branch", "feature/login"]);
        let mirror = fixture.mirror();
        for outcome in [mirror.resolve(&branch("feature/logn")).await, mirror.bring(&branch("feature/logn")).await] {
            let error = outcome.unwrap_err();
            assert_eq!(error.code(), "git.unknown_branch");
            assert!(error.next_step().unwrap().contains("feature/login"), "{error:?}");
        }
        let missing = Revision::new("0123456789".repeat(4));
        assert_eq!(mirror.fetch(&missing).await.unwrap_err().code(), "git.unknown_revision");
        assert_eq!(mirror.bring(&Wanted::Tag("v9".into())).await.unwrap_err().code(), "git.unknown_tag");
        assert_eq!(mirror.bring(&branch("--upload-pack=touch pwned")).await.unwrap_err().code(), "git.bad_name");
        assert_eq!(mirror.bring(&branch("--upload-pack=x")).await.unwrap_err().code(), "git.unknown_branch");
        assert_eq!(mirror.fetch(&Revision::new("--all")).await.unwrap_err().code(), "git.bad_revision");
    }

    #[tokio::test]
    async fn empty_missing_and_deleted_repositories_are_told_apart() {
        let fixture = Fixture::empty();
        let mirror = fixture.mirror();
        assert_eq!(mirror.bring(&branch("main")).await.unwrap_err().code(), "git.empty");
        assert_eq!(mirror.bring(&Wanted::DefaultBranch).await.unwrap_err().code(), "git.empty");
        std::fs::remove_dir_all(fixture.repo()).unwrap();
        assert_eq!(mirror.bring(&branch("main")).await.unwrap_err().code(), "git.no_repository");
        std::fs::create_dir(fixture.repo()).unwrap();
        assert_eq!(mirror.resolve(&branch("main")).await.unwrap_err().code(), "git.no_repository");
    }

    #[tokio::test]
    async fn an_unreachable_remote_is_a_passing_error() {
        let fixture = Fixture::empty();
        let remote = Remote::parse("http://127.0.0.1:9/a/b").unwrap();
        let mirror = Mirror::open(&fixture.cache(), remote, Limits::default(), CancellationToken::new(), None).unwrap();
        let error = mirror.bring(&branch("main")).await.unwrap_err();
        assert_eq!((error.code(), error.class()), ("git.unreachable", crate::error::Class::Transient), "{error}");
    }

    #[tokio::test]
    async fn a_damaged_mirror_is_made_anew() {
        let fixture = Fixture::new();
        let mirror = fixture.mirror();
        let head = mirror.bring(&branch("main")).await.unwrap();
        // the file's object is gone, the ref that says "complete" is not
        let blob = fixture.git(&["rev-parse", "HEAD:a.txt"]);
        let (fan, rest) = blob.split_at(2);
        std::fs::remove_file(mirror.dir.join("objects").join(fan).join(rest)).unwrap();
        let tree = mirror.checkout(&head, Submodules::Skip).await.unwrap();
        assert_eq!(std::fs::read_to_string(tree.root.join("a.txt")).unwrap(), "one");
        // and what is no repository at all
        std::fs::write(mirror.dir.join("HEAD"), "garbage").unwrap();
        fixture.write("a.txt", "again");
        let head = fixture.commit("again");
        assert_eq!(mirror.bring(&branch("main")).await.unwrap(), head);
        // and a commit that git itself finds broken
        let id = head.as_str();
        let object = mirror.dir.join("objects").join(&id[..2]).join(&id[2..]);
        std::fs::remove_file(&object).unwrap();
        std::fs::write(&object, "x").unwrap();
        mirror.fetch(&head).await.unwrap();
        assert!(mirror.has(&head));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn many_at_once_get_the_same_tree() {
        let fixture = Fixture::new();
        let head = fixture.head();
        let runs: Vec<_> = (0..8)
            .map(|_| {
                let (mirror, head) = (fixture.mirror(), head.clone());
                tokio::spawn(async move {
                    assert_eq!(mirror.bring(&branch("main")).await.unwrap(), head);
                    mirror.checkout(&head, Submodules::Skip).await.unwrap().root
                })
            })
            .collect();
        let mut roots = Vec::new();
        for run in runs {
            roots.push(run.await.unwrap());
        }
        roots.dedup();
        assert_eq!(roots.len(), 1);
    }

    #[tokio::test]
    async fn a_fetch_ends_at_its_limits() {
        let fixture = Fixture::new();
        let limits = Limits { fetch_time: Duration::ZERO, ..Limits::default() };
        let error = fixture.mirror_with(limits).bring(&branch("main")).await.unwrap_err();
        assert_eq!(error.code(), "git.timeout", "{error}");
        let held = fixture.mirror().lock("testing").await.unwrap();
        let limits = Limits { fetch_time: Duration::from_millis(50), ..Limits::default() };
        let error = fixture.mirror_with(limits).bring(&branch("main")).await.unwrap_err();
        assert_eq!(error.code(), "git.busy", "{error}");
        drop(held);
    }

    #[tokio::test]
    async fn a_shallow_clone_and_file_urls_serve_as_remotes() {
        let fixture = Fixture::new();
        fixture.write("a.txt", "changed");
        let head = fixture.commit("second");
        let url = format!("file://{}", fixture.repo().display());
        git_in(fixture.dir.path(), &["clone", "-q", "--depth=1", &url, "shallow"], "");
        for address in [url, fixture.dir.path().join("shallow").display().to_string()] {
            let remote = Remote::parse(&address).unwrap();
            let mirror =
                Mirror::open(&fixture.cache(), remote, Limits::default(), CancellationToken::new(), None).unwrap();
            assert_eq!(mirror.bring(&Wanted::DefaultBranch).await.unwrap(), head, "{address}");
        }
    }

    #[tokio::test]
    async fn a_private_repository_over_http_needs_its_token() {
        let fixture = Fixture::new();
        let address = fixture.serve("Basic eC1hY2Nlc3MtdG9rZW46czNjcmV0");
        let open = |address: &str, token| {
            let remote = Remote::parse(address).unwrap().with_token(token);
            Mirror::open(&fixture.cache(), remote, Limits::default(), CancellationToken::new(), None).unwrap()
        };
        for token in [None, Some(super::super::Token::new("wrong-token"))] {
            let error = open(&address, token).bring(&branch("main")).await.unwrap_err();
            assert_eq!(error.code(), "git.auth", "{error}");
            assert!(!format!("{error:?}").contains("wrong-token"));
        }
        let token = super::super::Token::new("s3cret");
        let mirror = open(&address, Some(token.clone()));
        assert_eq!(mirror.bring(&branch("main")).await.unwrap(), fixture.head());
        fixture.write("a.txt", "changed");
        let next = fixture.commit("second");
        let tree = mirror.checkout(&next, Submodules::Skip).await.unwrap();
        assert_eq!(std::fs::read_to_string(tree.root.join("a.txt")).unwrap(), "changed");
        let with_password = address.replace("http://", "http://x-access-token:s3cret@");
        assert_eq!(open(&with_password, None).resolve(&branch("main")).await.unwrap(), next);
        let error = open(&address.replace("notes", "other"), Some(token)).bring(&branch("main")).await.unwrap_err();
        assert_eq!(error.code(), "git.no_repository", "{error}");
    }
}
