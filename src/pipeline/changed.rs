//! Step 4: has anything changed that the app is made from? If not, the assembly of an earlier synth stands.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Tools;
use super::checkout::{Kind, Tree};
use super::stage::{Intent, Source};
use crate::config::App;
use crate::config::Prune;
use crate::error::{Error, Result};
use crate::names::{AccountId, Digest, Region};

/// Raised when what an assembly is made from, or how it is kept, changes.
const FORMAT: &str = "assembly-1";
/// What is kept beside an assembly.
const FACTS: &str = "offshoot.json";
/// Assemblies that are kept per machine.
const KEEP: usize = 40;

/// The answer of this step.
pub enum Affected {
    /// Nothing changed since this assembly was made.
    No(Kept),
    /// It has to be synthesized, into this folder.
    Yes(Room),
}

/// A kept assembly.
pub struct Kept {
    pub dir: PathBuf,
    pub facts: Facts,
}

/// Where a new assembly goes: made in `work`, kept as `done`.
pub struct Room {
    pub work: PathBuf,
    pub done: PathBuf,
}

/// What a synth told beside its assembly.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    pub notes: Vec<String>,
    /// Asset hash → source files of the function, relative to the repository.
    pub functions: std::collections::BTreeMap<String, Vec<String>>,
}

/// Looks. Everything that may decide what the app's program writes is in the key.
pub fn changed(intent: &Intent, tree: &Tree, account: &AccountId, region: &Region, tools: &Tools) -> Result<Affected> {
    let app = &intent.app;
    let app_dir = tree.root.join(&app.path);
    let own_modules = match tree.kind {
        Kind::Own => modules_digest(&app_dir, &tree.root),
        Kind::Plain => String::new(),
    };
    let parts = [
        FORMAT,
        env!("CARGO_PKG_VERSION"),
        intent.repository.as_str(),
        &content(intent, tree)?,
        &app.path.to_string_lossy(),
        &settings(intent)?,
        account.as_str(),
        region.as_str(),
        &node_stamp(),
        &own_modules,
    ];
    let folder = tools.cache_dir.join("assemblies");
    let key = Digest::of_parts(parts);
    let done = folder.join(key.as_str());
    if let Some(facts) = read_facts(&done) {
        // seen now: the oldest unseen ones go first
        let _ = std::fs::File::open(done.join(FACTS)).and_then(|f| f.set_modified(std::time::SystemTime::now()));
        return Ok(Affected::No(Kept { dir: done, facts }));
    }
    // a name of its own, empty: process ids come again, and in containers they are the same in each
    let fresh = || {
        std::fs::create_dir_all(&folder)?;
        tempfile::Builder::new()
            .prefix(&format!("{key}."))
            .suffix(".tmp")
            .tempdir_in(&folder)
            .map(tempfile::TempDir::keep)
    };
    let work = fresh().map_err(|e| Error::io("making a folder for the assembly", &folder, e))?;
    Ok(Affected::Yes(Room { work, done }))
}

/// Digest of everything that decides what the stage becomes, whatever machine looks: nothing is checked out for it, and
/// neither Node nor what happens to be installed is in it. Where a stage's state has the same, not even a synth is needed.
pub fn content_key(intent: &Intent, account: &AccountId, region: &Region) -> Result<String> {
    let content = if reads_all(&intent.app) { tree_id(intent, Path::new(""))? } else { inputs(intent)? };
    let rule = &intent.stage.rule;
    let beyond = serde_json::to_string(&(&rule.tags, rule.prune == Prune::Always)).map_err(not_told)?;
    let parts = [
        "content-1",
        env!("CARGO_PKG_VERSION"),
        intent.repository.as_str(),
        &content,
        &intent.app.path.to_string_lossy(),
        &settings(intent)?,
        &beyond,
        account.as_str(),
        region.as_str(),
    ];
    Ok(Digest::of_parts(parts).to_string())
}

/// What the configuration tells the app's program.
fn settings(intent: &Intent) -> Result<String> {
    let app = &intent.app;
    serde_json::to_string(&(
        (&app.command, app.kind.as_str(), &app.context, &app.env, format!("{:?}", app.validation)),
        (intent.stage.name.as_str(), &intent.stage.rule.context, &intent.stage.rule.env),
    ))
    .map_err(not_told)
}

fn not_told(error: serde_json::Error) -> Error {
    Error::bug("changed.key", "reading the app's settings", error.to_string())
}

/// The content that counts: the whole tree, or, where the app names its `inputs`, those and the app's own folder.
fn content(intent: &Intent, tree: &Tree) -> Result<String> {
    if reads_all(&intent.app) || tree.dirty { Ok(tree.content.clone()) } else { inputs(intent) }
}

fn reads_all(app: &App) -> bool {
    app.inputs.is_empty() || app.path.as_os_str().is_empty()
}

/// Whether a change of any of these files (from the root of the repository) can be a change of the app.
pub fn concerns(app: &App, files: &[String]) -> bool {
    let paths = paths(app);
    reads_all(app) || files.iter().any(|file| paths.iter().any(|path| Path::new(file).starts_with(path)))
}

/// The git id of a file or folder of the commit; empty where there is none.
fn tree_id(intent: &Intent, path: &Path) -> Result<String> {
    let found = match &intent.source {
        Source::Tree(own) => own.tree_id(path),
        Source::Mirror(mirror) => mirror.tree_id(&intent.revision, path),
    };
    Ok(found?.unwrap_or_default())
}

/// Files and folders that the app is made from, where it says so by its `inputs`.
fn paths(app: &App) -> Vec<PathBuf> {
    let fixed = app.inputs.iter().map(|glob| {
        let folders = glob.split('/').take_while(|part| !part.contains(['*', '?', '[', '{']));
        folders.collect::<PathBuf>()
    });
    let shared = [
        "package.json",
        "package-lock.json",
        "pnpm-lock.yaml",
        "yarn.lock",
        "bun.lock",
        "tsconfig.json",
        "tsconfig.base.json",
    ];
    fixed.chain(shared.iter().map(PathBuf::from)).chain([app.path.clone()]).collect()
}

fn inputs(intent: &Intent) -> Result<String> {
    let mut ids = Vec::new();
    for path in paths(&intent.app) {
        ids.push(format!("{}={}", path.display(), tree_id(intent, &path)?));
    }
    Ok(ids.join("\n"))
}

/// What is installed: npm's own list of it, or when the folder was last changed.
fn modules_digest(app_dir: &Path, root: &Path) -> String {
    let folders = app_dir.ancestors().take_while(|d| d.starts_with(root));
    let stamp = |folder: &Path| {
        let modules = folder.join("node_modules");
        let list = [".package-lock.json", ".modules.yaml", ".yarn-state.yml"]
            .iter()
            .find_map(|name| std::fs::read(modules.join(name)).ok());
        match list {
            Some(list) => Digest::of(list).to_string(),
            None => format!("{:?}", std::fs::metadata(&modules).and_then(|m| m.modified()).ok()),
        }
    };
    folders.map(stamp).collect::<Vec<_>>().join(" ")
}

/// Which Node this is, without starting it.
fn node_stamp() -> String {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|p| p.join("node")).find(|p| p.is_file());
    let found = found.and_then(|p| p.canonicalize().ok());
    found
        .map(|p| {
            let meta = std::fs::metadata(&p).ok();
            format!(
                "{} {:?} {:?}",
                p.display(),
                meta.as_ref().map(std::fs::Metadata::len),
                meta.and_then(|m| m.modified().ok())
            )
        })
        .unwrap_or_default()
}

fn read_facts(dir: &Path) -> Option<Facts> {
    let bytes = std::fs::read(dir.join(FACTS)).ok()?;
    let facts = serde_json::from_slice(&bytes).ok()?;
    dir.join("manifest.json").is_file().then_some(facts)
}

/// Keeps a finished assembly under its key, and throws away the oldest ones.
pub fn keep(room: Room, facts: Facts) -> Result<Kept> {
    let doing = "keeping the assembly";
    let bytes = serde_json::to_vec(&facts).map_err(|e| Error::bug("changed.facts", doing, e.to_string()))?;
    std::fs::write(room.work.join(FACTS), bytes).map_err(|e| Error::io(doing, &room.work, e))?;
    match std::fs::rename(&room.work, &room.done) {
        Ok(()) => {}
        // another process was faster with the same content
        Err(_) if read_facts(&room.done).is_some() => drop(std::fs::remove_dir_all(&room.work)),
        Err(_) => {
            drop(std::fs::remove_dir_all(&room.done));
            std::fs::rename(&room.work, &room.done).map_err(|e| Error::io(doing, &room.done, e))?;
        }
    }
    if let Some(folder) = room.done.parent() {
        prune(folder);
    }
    Ok(Kept { dir: room.done, facts })
}

/// Best effort: what cannot be thrown away is tried again next time.
fn prune(folder: &Path) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    let day = std::time::Duration::from_secs(24 * 3600);
    let mut kept = Vec::new();
    for entry in entries.flatten() {
        let path = entry.path();
        let seen = std::fs::metadata(path.join(FACTS)).and_then(|m| m.modified()).ok();
        match seen {
            Some(seen) => kept.push((seen, path)),
            None => {
                // an unfinished one of a killed process
                let old = entry
                    .metadata()
                    .and_then(|m| m.modified())
                    .ok()
                    .and_then(|t| t.elapsed().ok())
                    .is_some_and(|age| age > day);
                if old {
                    drop(std::fs::remove_dir_all(path));
                }
            }
        }
    }
    kept.sort();
    let surplus = kept.len().saturating_sub(KEEP);
    for (_, path) in kept.into_iter().take(surplus) {
        drop(std::fs::remove_dir_all(path));
    }
}
