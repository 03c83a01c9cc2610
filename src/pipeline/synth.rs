//! Step 6: runs the app's own program until it has written an assembly with all the context it asks for.

mod cdk;

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::changed::{Facts, Room};
use super::checkout::Tree;
use super::stage::Intent;
use super::{Desk, Tools};
use crate::config::AppKind;
use crate::error::{Error, Result};

/// What became of the app.
pub struct Written {
    pub place: Place,
    pub facts: Facts,
    pub timings: BTreeMap<String, f64>,
}

/// Where the assembly is.
pub enum Place {
    /// In the room that was given, and good for the next run of the same content.
    Keep(Room),
    /// In that folder, for this run only.
    Once(PathBuf),
}

/// Synthesizes. Errors: a kind that is not supported, everything the app's program can do wrong.
pub async fn synth(intent: &Intent, tree: &Tree, room: Room, desk: &Desk, tools: &Tools) -> Result<Written> {
    let app = &intent.app;
    match (app.kind, &app.command) {
        (AppKind::Assembly, None) => {
            let dir = tree.root.join(&app.path);
            let dir = if dir.join("manifest.json").is_file() { dir } else { dir.join("cdk.out") };
            // it lies in the tree already; there is nothing to keep
            drop(std::fs::remove_dir_all(&room.work));
            Ok(Written { place: Place::Once(dir), facts: Facts::default(), timings: BTreeMap::new() })
        }
        (AppKind::Cdk | AppKind::Assembly, _) => cdk::run(intent, tree, room, desk, tools).await,
        (kind, _) => {
            let what = format!("app {} is of kind {}, which offshoot cannot deploy yet", app.name, kind.as_str());
            Err(Error::usage("kind.unsupported", "synthesizing", what).next(
                "CDK apps are supported now; a folder with a finished cloud assembly works too: `kind: assembly`",
            ))
        }
    }
}
