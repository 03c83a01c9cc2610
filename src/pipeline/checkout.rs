//! Step 3: the files of exactly one commit (or of the work tree one stands in), in a folder.

use std::path::PathBuf;

use super::stage::{Intent, Source};
use crate::error::{Error, Result};
use crate::git::{Checkout, Submodules};

/// Whose folder it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Made by us for this commit; dependencies have to be installed.
    Plain,
    /// The developer's own: nothing but ignored build folders is written there.
    Own,
}

/// The files to work on.
pub struct Tree {
    pub root: PathBuf,
    pub kind: Kind,
    /// The same digest means the same tracked content.
    pub content: String,
    pub dirty: bool,
    pub notes: Vec<String>,
    /// Keeps a plain tree from being cleaned up while it is used.
    _held: Option<Checkout>,
}

/// Checks out. Errors: those of the git room (links that leave the tree, sizes, a damaged mirror).
pub async fn checkout(intent: &Intent) -> Result<Tree> {
    match &intent.source {
        Source::Tree(tree) => {
            let dirty = !tree.dirty.is_empty();
            let of = tree.clone();
            let content = tokio::task::spawn_blocking(move || of.content_digest())
                .await
                .map_err(|e| Error::bug("git.task", "reading the work tree", e.to_string()))??;
            Ok(Tree {
                root: tree.root.clone(),
                kind: Kind::Own,
                content: content.to_string(),
                dirty,
                notes: Vec::new(),
                _held: None,
            })
        }
        Source::Mirror(mirror) => {
            let checkout = mirror.checkout(&intent.revision, Submodules::Skip).await?;
            let content = mirror.tree_id(&intent.revision, &PathBuf::new())?.unwrap_or_default();
            let (root, notes) = (checkout.root.clone(), checkout.notes.clone());
            Ok(Tree { root, kind: Kind::Plain, content, dirty: false, notes, _held: Some(checkout) })
        }
    }
}
