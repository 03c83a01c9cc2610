//! Git: a kept mirror per repository, a plain tree per commit, and the work tree one stands in.

// Transport is the `git` program: many times faster than libgit2 on large repositories, and it uses the reader's own
// ssh agent. Reading is libgit2, compiled without network code, so nothing here links TLS or ssh.

use std::sync::{Arc, Once};
use std::time::Duration;

use git2::{ConfigLevel, opts};

mod checkout;
mod links;
mod maintain;
mod mirror;
mod program;
mod reading;
mod remote;
mod resolve;
mod submodules;
mod trouble;
mod walk;
mod worktree;
mod write;

#[cfg(test)]
mod fixture;

pub use checkout::{Checkout, Keep, Submodules, prune};
pub use mirror::Mirror;
pub use remote::{Remote, Token};
pub use resolve::Wanted;
pub use worktree::WorkTree;

/// Bounds on what a repository may cost; every one of them ends in an error that names it.
#[derive(Clone, Debug)]
pub struct Limits {
    /// For one fetch, from start to end.
    pub fetch_time: Duration,
    /// For one question to the remote (`ls-remote`), and for waiting on another process's fetch start.
    pub ask_time: Duration,
    /// How much one fetch may add to the mirror.
    pub fetch_size_bytes: u64,
    /// All files of one commit together.
    pub tree_size_bytes: u64,
    pub tree_files: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            fetch_time: Duration::from_secs(900),
            ask_time: Duration::from_secs(60),
            fetch_size_bytes: 4 << 30,
            tree_size_bytes: 8 << 30,
            tree_files: 500_000,
        }
    }
}

/// Receives git's progress lines ("Receiving objects: 42% …").
pub type Progress = Arc<dyn Fn(&str) + Send + Sync>;

/// Cuts libgit2 off from the machine's git configuration. Called once from `main`, before threads start;
/// further calls do nothing.
pub fn init() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        for level in [ConfigLevel::System, ConfigLevel::Global, ConfigLevel::XDG, ConfigLevel::ProgramData] {
            // SAFETY: these change libgit2's globals; the contract of `init` is that no other thread runs yet.
            let _ = unsafe { opts::set_search_path(level, "/nonexistent") };
        }
        // Containers often mount a tree that another user owns. The check protects programs that run what a
        // repository's configuration names; libgit2 runs nothing from it.
        // SAFETY: as above.
        let _ = unsafe { opts::set_verify_owner_validation(false) };
    });
}
