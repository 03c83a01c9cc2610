//! The bundles of earlier runs, by content: a record that still holds answers without esbuild.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::bundle_key::FunctionSpec;
use super::file_state::{FileState, Snapshot};
use super::sandbox::Trust;
use super::store;
use crate::error::{Error, Result};
use crate::names::Digest;

/// One bundle in the cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Bundle {
    /// Holds exactly the files of the asset.
    pub dir: PathBuf,
    /// The digest of those files, which is also the folder's name.
    pub content: String,
    /// The function's own source files, relative to the work tree, without packages.
    pub sources: Vec<String>,
    pub size_bytes: u64,
}

/// What a bundle was made from.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Record {
    snapshot: Snapshot,
    content: String,
    sources: Vec<String>,
    size_bytes: u64,
}

/// Several states of one function: going back and forth between branches finds all of them.
const STATES_KEPT: usize = 6;

/// The cache's folder for code of one trust: code from outside can fill only its own.
#[derive(Clone, Debug)]
pub(super) struct BundleCache {
    folder: PathBuf,
}

impl BundleCache {
    pub(super) fn new(cache_dir: &Path, trust: Trust) -> Self {
        BundleCache { folder: cache_dir.join("bundles").join(trust.folder()) }
    }

    fn record_file(&self, key: &str) -> PathBuf {
        self.folder.join("records").join(format!("{key}.json"))
    }

    fn hash_file(&self, content: &str) -> PathBuf {
        self.folder.join("hashes").join(format!("{content}.json"))
    }

    fn output(&self, content: &str) -> PathBuf {
        self.folder.join("out").join(content)
    }

    /// The bundle whose inputs are all as they were.
    pub(super) fn find(&self, key: &str, state: &FileState) -> Option<Bundle> {
        let records: Vec<Record> = store::read_json(&self.record_file(key))?;
        let record = records.into_iter().find(|record| record.snapshot.holds(state))?;
        let dir = self.output(&record.content);
        if !dir.is_dir() {
            return None;
        }
        let Record { content, sources, size_bytes, .. } = record;
        Some(Bundle { dir, content, sources, size_bytes })
    }

    /// Takes a finished folder into the cache, and remembers what it was made from.
    pub(super) fn put(
        &self,
        key: &str,
        spec: &FunctionSpec,
        built: &Path,
        inputs: &BTreeSet<PathBuf>,
        state: &FileState,
    ) -> Result<Bundle> {
        let (content, size_bytes) =
            digest_folder(built).map_err(|source| Error::io("reading a finished bundle", built, source))?;
        let dir = self.output(&content);
        store::place_folder(built, &dir)?;
        touch(&dir);
        let sources: Vec<String> = inputs
            .iter()
            .filter(|path| path.starts_with(state.root()))
            .map(|path| state.relative(path))
            .filter(|path| !path.split('/').any(|part| part == "node_modules"))
            .collect();
        if let Some(snapshot) = Snapshot::take(state, inputs, &spec.settings()) {
            let file = self.record_file(key);
            let mut records: Vec<Record> = store::read_json(&file).unwrap_or_default();
            records.retain(|record| record.snapshot != snapshot);
            records.insert(0, Record { snapshot, content: content.clone(), sources: sources.clone(), size_bytes });
            records.truncate(STATES_KEPT);
            store::write_json(&file, &records)?;
        }
        Ok(Bundle { dir, content, sources, size_bytes })
    }

    /// The asset hash that this version of the library gave this content before.
    pub(super) fn hash(&self, content: &str, lib_version: &str) -> Option<String> {
        store::read_json::<BTreeMap<String, String>>(&self.hash_file(content))?.remove(lib_version)
    }

    pub(super) fn remember_hash(&self, content: &str, lib_version: &str, hash: &str) -> Result<()> {
        let is_hash = hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !is_hash {
            return Ok(());
        }
        let file = self.hash_file(content);
        let mut hashes: BTreeMap<String, String> = store::read_json(&file).unwrap_or_default();
        hashes.insert(lib_version.to_owned(), hash.to_owned());
        store::write_json(&file, &hashes)
    }
}

/// The digest and size of a folder's files: names and contents, in the order of the names.
fn digest_folder(folder: &Path) -> std::io::Result<(String, u64)> {
    let mut files = Vec::new();
    list(folder, "", &mut files)?;
    files.sort();
    let mut parts = Vec::new();
    let mut size_bytes = 0;
    for name in files {
        let bytes = std::fs::read(folder.join(&name))?;
        size_bytes += bytes.len() as u64;
        parts.push(name.into_bytes());
        parts.push(bytes);
    }
    Ok((Digest::of_parts(parts).to_string(), size_bytes))
}

fn list(folder: &Path, prefix: &str, files: &mut Vec<String>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        let kind = entry.file_type()?;
        if kind.is_symlink() {
            // esbuild writes none: somebody wants a file of ours in the asset
            return Err(std::io::Error::other(format!("{name} is a symbolic link")));
        }
        if kind.is_dir() {
            list(&entry.path(), &format!("{name}/"), files)?;
        } else {
            files.push(name);
        }
    }
    Ok(())
}

/// Marks a folder as used now; pruning goes by this time.
fn touch(folder: &Path) {
    let now = std::fs::FileTimes::new().set_modified(SystemTime::now());
    let _ = std::fs::File::open(folder).and_then(|file| file.set_times(now));
}

/// What pruning has removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    pub entries: usize,
    pub size_bytes: u64,
}

/// Removes what has not been written for `max_age`, and then the oldest until `max_size_bytes` are kept.
///
/// Everything below the toolchain's folders can be made again; a run that needs a removed entry makes it anew.
pub fn prune(cache_dir: &Path, max_age: Duration, max_size_bytes: u64) -> Pruned {
    let mut entries: Vec<(SystemTime, PathBuf, u64)> = Vec::new();
    for trust in [Trust::Trusted, Trust::Untrusted] {
        let bundles = cache_dir.join("bundles").join(trust.folder());
        let folders = ["records", "hashes", "out"].map(|name| bundles.join(name));
        let others = ["transpiled", "deps"].map(|name| cache_dir.join(name).join(trust.folder()));
        for folder in folders.iter().chain(&others) {
            for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                let modified = entry.metadata().and_then(|meta| meta.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
                entries.push((modified, entry.path(), size_of(&entry.path())));
            }
        }
    }
    entries.sort();
    let mut kept_bytes: u64 = entries.iter().map(|(_, _, size)| size).sum();
    let oldest = SystemTime::now().checked_sub(max_age).unwrap_or(SystemTime::UNIX_EPOCH);
    let mut pruned = Pruned::default();
    for (modified, path, size_bytes) in entries {
        if modified >= oldest && kept_bytes <= max_size_bytes {
            break;
        }
        let removed = if path.is_dir() { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
        if removed.is_ok() {
            kept_bytes = kept_bytes.saturating_sub(size_bytes);
            pruned.entries += 1;
            pruned.size_bytes += size_bytes;
        }
    }
    pruned
}

fn size_of(path: &Path) -> u64 {
    let Ok(meta) = std::fs::symlink_metadata(path) else { return 0 };
    if !meta.is_dir() {
        return meta.len();
    }
    std::fs::read_dir(path).into_iter().flatten().flatten().map(|entry| size_of(&entry.path())).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bundle_is_found_until_an_input_changes_and_again_when_it_comes_back() {
        let cache_dir = tempfile::tempdir().unwrap();
        let tree = tempfile::tempdir().unwrap();
        let entry = tree.path().join("a.ts");
        let spec = FunctionSpec {
            entry: entry.clone(),
            args: vec![],
            env: BTreeMap::new(),
            cwd: tree.path().into(),
            out_file: "index.js".into(),
            metafile: false,
            out_dir: tree.path().join("cdk.out/x"),
        };
        let cache = BundleCache::new(cache_dir.path(), Trust::Trusted);
        let open = || FileState::open(cache_dir.path(), tree.path());
        for content in ["one", "two"] {
            std::fs::write(&entry, content).unwrap();
            super::super::file_state::tests::until_settled(&entry);
            assert_eq!(cache.find("k", &open()), None);
            let built = tempfile::tempdir().unwrap().keep();
            std::fs::write(built.join("index.js"), content).unwrap();
            let bundle = cache.put("k", &spec, &built, &BTreeSet::from([entry.clone()]), &open()).unwrap();
            assert_eq!((bundle.sources.as_slice(), bundle.size_bytes), (["a.ts".to_owned()].as_slice(), 3));
            assert_eq!(cache.find("k", &open()).unwrap(), bundle);
        }
        std::fs::write(&entry, "one").unwrap();
        let found = cache.find("k", &open()).unwrap();
        assert_eq!(std::fs::read_to_string(found.dir.join("index.js")).unwrap(), "one");
        cache.remember_hash(&found.content, "2.274.0", &"a".repeat(64)).unwrap();
        assert_eq!(cache.hash(&found.content, "2.274.0"), Some("a".repeat(64)));
        assert_eq!(cache.hash(&found.content, "2.276.0"), None);
        assert_eq!(prune(cache_dir.path(), Duration::from_secs(60), 1 << 30).entries, 0);
        assert!(prune(cache_dir.path(), Duration::from_secs(60), 0).entries >= 4);
    }
}
