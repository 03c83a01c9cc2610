//! Step 1: what somebody asked for, from the command line or the forge; nothing in it is trusted yet.

use std::path::PathBuf;

use crate::aws::WebIdentity;
use crate::config::GitRef;
use crate::git::Token;
use crate::names::{Branch, Region, Revision};
use crate::toolchain::Trust;

/// Whether changes that are not committed may be planned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dirty {
    Refuse,
    Allow,
}

/// Where the app's code is taken from.
#[derive(Clone, Debug)]
pub enum Place {
    /// The work tree that this folder lies in.
    Here { folder: PathBuf, dirty: Dirty },
    /// A repository by URL or path; without a branch its default branch, without a revision the branch's tip.
    Repository { address: String, branch: Option<Branch>, revision: Option<String> },
    /// Exactly this commit of a repository on the forge; the rules come from its default branch, whatever the commit says.
    Forge { address: String, token: Option<Token>, revision: Revision, git_ref: GitRef, trust: Trust },
}

/// Whether something new is made of the stage, or it is only looked at, unlocked or removed as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// The commit decides: the stage must be the one that its branch makes.
    Commit,
    /// The name decides: its branch may be gone, and uncommitted changes do not matter.
    Deployed,
}

/// What somebody asked for.
#[derive(Clone, Debug)]
pub struct Event {
    pub place: Place,
    pub about: About,
    pub app: Option<String>,
    pub stage: Option<String>,
    /// A configuration file to use in place of the repository's; for [`Place::Forge`] a path in the repository.
    pub config: Option<PathBuf>,
    /// Files that this very command reads or writes: they do not make the tree dirty.
    pub own_files: Vec<PathBuf>,
    /// Overrides for local use.
    pub region: Option<Region>,
    pub profile: Option<String>,
    /// How roles are assumed where the environment holds no credentials.
    pub web_identity: Option<WebIdentity>,
}
