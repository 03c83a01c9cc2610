//! Step 5: what the bundler needs: the app's dependencies, installed once per lockfile; the bundling itself answers the synth.

use std::collections::BTreeMap;
use std::time::Instant;

use super::Tools;
use super::checkout::{Kind, Tree};
use super::stage::Intent;
use crate::config::AppKind;
use crate::error::Result;
use crate::toolchain::{self, DepsRequest, Installed, Limits};

/// Installing may be slow on a cold cache, whatever the app's own limits are.
const INSTALL_TIME_S: u64 = 900;

/// Installs dependencies into a plain tree; a developer's own tree is left alone.
pub async fn prepare(intent: &Intent, tree: &Tree, tools: &Tools) -> Result<BTreeMap<String, f64>> {
    let begun = Instant::now();
    let runs =
        intent.app.kind == AppKind::Cdk || (intent.app.kind == AppKind::Assembly && intent.app.command.is_some());
    if tree.kind == Kind::Own || !runs {
        return Ok(BTreeMap::new());
    }
    tools.teller.step("installing dependencies");
    let request = DepsRequest {
        app_dir: tree.root.join(&intent.app.path),
        project_root: tree.root.clone(),
        cache_dir: tools.cache_dir.clone(),
        trust: intent.trust,
        sandbox: tools.sandbox,
        limits: Limits { time_s: INSTALL_TIME_S, memory_mb: intent.app.memory_mb },
        cancel: tools.stop.begin_nothing.clone(),
        lines: None,
    };
    match toolchain::install(&request).await? {
        Installed::NothingToInstall | Installed::AlreadyThere => Ok(BTreeMap::new()),
        Installed::FromCache | Installed::ByPackageManager => {
            Ok(BTreeMap::from([("install".to_owned(), begun.elapsed().as_secs_f64())]))
        }
    }
}
