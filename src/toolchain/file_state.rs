//! What the files that went into a cached result looked like, and whether they still look so.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::store;
use crate::names::Digest;

/// A file's hash together with what the file system said about it: while that stays, the content need not be read again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Stamp {
    size_bytes: u64,
    modified_ns: i64,
    /// Moves with every change, also with one that sets the other times back.
    changed_ns: i64,
    inode: u64,
    digest: String,
}

/// The files of one work tree during one run; each is read at most once.
pub(super) struct FileState {
    root: PathBuf,
    started_ns: i64,
    stamps_file: PathBuf,
    earlier: HashMap<String, Stamp>,
    now: Mutex<HashMap<PathBuf, Option<Stamp>>>,
    listings: Mutex<HashMap<PathBuf, String>>,
}

impl FileState {
    pub(super) fn open(cache_dir: &Path, root: &Path) -> Self {
        let name = format!("{}.json", Digest::of(root.as_os_str().as_encoded_bytes()).short());
        let stamps_file = cache_dir.join("stamps").join(name);
        FileState {
            root: root.to_path_buf(),
            started_ns: nanoseconds(SystemTime::now()),
            earlier: store::read_json(&stamps_file).unwrap_or_default(),
            stamps_file,
            now: Mutex::default(),
            listings: Mutex::default(),
        }
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// The SHA-256 of a file's content, or nothing when it is no readable file.
    pub(super) fn digest(&self, path: &Path) -> Option<String> {
        self.stamp(path).map(|stamp| stamp.digest)
    }

    /// Whether a file may have been written since this run began: then it is unknown which content a child has read.
    fn moved(&self, path: &Path) -> bool {
        const CLOCK_TICK_NS: i64 = 10_000_000;
        std::fs::metadata(path).is_ok_and(|meta| changed_ns(&meta) >= self.started_ns - CLOCK_TICK_NS)
    }

    fn stamp(&self, path: &Path) -> Option<Stamp> {
        if let Some(stamp) = self.now.lock().ok()?.get(path) {
            return stamp.clone();
        }
        let stamp = self.look(path);
        self.now.lock().ok()?.insert(path.to_path_buf(), stamp.clone());
        stamp
    }

    fn look(&self, path: &Path) -> Option<Stamp> {
        let meta = std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file)?;
        let stamp = |digest| Stamp {
            size_bytes: meta.len(),
            modified_ns: meta.mtime().saturating_mul(1_000_000_000).saturating_add(meta.mtime_nsec()),
            changed_ns: changed_ns(&meta),
            inode: meta.ino(),
            digest,
        };
        if let Some(earlier) = self.earlier.get(&self.relative(path))
            && *earlier == stamp(earlier.digest.clone())
        {
            return Some(earlier.clone());
        }
        Some(stamp(Digest::of(std::fs::read(path).ok()?).to_string()))
    }

    /// The names in a folder that can decide what an import means: other folders, modules, package and compiler settings.
    fn listing(&self, folder: &Path) -> String {
        if let Some(known) = self.listings.lock().ok().and_then(|known| known.get(folder).cloned()) {
            return known;
        }
        let mut names: Vec<String> = std::fs::read_dir(folder)
            .into_iter()
            .flatten()
            .flatten()
            .filter(|entry| {
                decides_imports(&entry.file_name().to_string_lossy(), entry.file_type().is_ok_and(|t| t.is_dir()))
            })
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        let digest = Digest::of_parts(&names).short().to_owned();
        if let Ok(mut known) = self.listings.lock() {
            known.insert(folder.to_path_buf(), digest.clone());
        }
        digest
    }

    /// A path as the cache writes it: relative inside the work tree, so that another checkout can use it.
    pub(super) fn relative(&self, path: &Path) -> String {
        path.strip_prefix(&self.root).unwrap_or(path).display().to_string()
    }

    pub(super) fn absolute(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    /// Keeps the hashes for the next run, except those of files that changed a moment ago.
    pub(super) fn save(&self) {
        const SETTLED_NS: i64 = 1_000_000_000;
        let Ok(now) = self.now.lock() else { return };
        let settled = |stamp: &Stamp| stamp.changed_ns < self.started_ns - SETTLED_NS;
        let stamps: HashMap<String, &Stamp> = now
            .iter()
            .filter_map(|(path, stamp)| Some((self.relative(path), stamp.as_ref().filter(|stamp| settled(stamp))?)))
            .collect();
        let unchanged = stamps.iter().all(|(path, stamp)| self.earlier.get(path) == Some(*stamp));
        if !unchanged {
            // without it the next run reads the files again: not worth an error
            let _ = store::write_json(&self.stamps_file, &stamps);
        }
    }
}

fn nanoseconds(time: SystemTime) -> i64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}

fn changed_ns(meta: &std::fs::Metadata) -> i64 {
    meta.ctime().saturating_mul(1_000_000_000).saturating_add(meta.ctime_nsec())
}

fn decides_imports(name: &str, is_folder: bool) -> bool {
    const EXTENSIONS: [&str; 11] = ["ts", "tsx", "mts", "cts", "js", "jsx", "mjs", "cjs", "json", "css", "node"];
    if name.starts_with('.') || name == "cdk.out" {
        return false;
    }
    is_folder || name.rsplit_once('.').is_none_or(|(_, extension)| EXTENSIONS.contains(&extension))
}

/// Everything that a result was made from: the contents of its inputs and of the settings around them, and the names
/// in every folder above an input, because a new file can take the place of another one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Snapshot {
    /// Path → digest; nothing where the file does not exist.
    files: BTreeMap<String, Option<String>>,
    /// Folder → digest of the names in it.
    folders: BTreeMap<String, String>,
}

impl Snapshot {
    /// Nothing when one of the files was written during this run.
    pub(super) fn take(state: &FileState, inputs: &BTreeSet<PathBuf>, settings: &[PathBuf]) -> Option<Self> {
        let folders = folders_above(state.root(), inputs);
        let mut files: BTreeSet<PathBuf> = inputs.clone();
        for folder in &folders {
            files.insert(folder.join("package.json"));
            if !folder.components().any(|part| part.as_os_str() == "node_modules") {
                files.extend(compiler_settings(&folder.join("tsconfig.json")));
            }
        }
        for file in settings {
            files.extend(compiler_settings(file));
        }
        if files.iter().any(|file| state.moved(file)) {
            return None;
        }
        Some(Snapshot {
            files: files.iter().map(|file| (state.relative(file), state.digest(file))).collect(),
            folders: folders.iter().map(|folder| (state.relative(folder), state.listing(folder))).collect(),
        })
    }

    /// Whether everything is as it was.
    pub(super) fn holds(&self, state: &FileState) -> bool {
        self.files.iter().all(|(path, digest)| state.digest(&state.absolute(path)) == *digest)
            && self.folders.iter().all(|(path, names)| state.listing(&state.absolute(path)) == *names)
    }
}

fn folders_above(root: &Path, inputs: &BTreeSet<PathBuf>) -> BTreeSet<PathBuf> {
    let mut folders = BTreeSet::new();
    for input in inputs {
        for folder in input.ancestors().skip(1).take_while(|folder| folder.starts_with(root)) {
            if !folders.insert(folder.to_path_buf()) {
                break;
            }
        }
    }
    folders
}

/// A tsconfig.json and the files that it extends, as far as they lie beside it or in `node_modules`.
pub(super) fn compiler_settings(file: &Path) -> Vec<PathBuf> {
    const LONGEST_CHAIN: usize = 16;
    let mut found = vec![file.to_path_buf()];
    let mut next = 0;
    while let Some(file) = found.get(next).cloned().filter(|_| next < LONGEST_CHAIN) {
        next += 1;
        let text = std::fs::read_to_string(&file).map(|text| without_comments(&text)).unwrap_or_default();
        let more: Vec<_> = extended(&text).iter().flat_map(|name| candidates(&file, name)).collect();
        found.extend(more.into_iter().filter(|path| !found.contains(path)).collect::<Vec<_>>());
    }
    found
}

fn candidates(file: &Path, name: &str) -> Vec<PathBuf> {
    let folder = file.parent().unwrap_or(Path::new("/"));
    let with_names = |base: PathBuf| {
        let mut json = base.clone().into_os_string();
        json.push(".json");
        [base.clone(), PathBuf::from(json), base.join("tsconfig.json")].into_iter().filter(|path| path.is_file())
    };
    if name.starts_with('.') || name.starts_with('/') {
        return with_names(folder.join(name)).collect();
    }
    folder.ancestors().flat_map(|above| with_names(above.join("node_modules").join(name))).take(1).collect()
}

fn extended(text: &str) -> Vec<String> {
    let Some(at) = text.find("\"extends\"") else { return Vec::new() };
    let rest = text.get(at + 9..).unwrap_or_default().trim_start().trim_start_matches(':').trim_start();
    let value = if rest.starts_with('[') {
        rest.split(']').next().unwrap_or_default()
    } else {
        rest.split([',', '}', '\n']).next().unwrap_or_default()
    };
    value.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

/// JSON with comments, without them; strings stay as they are.
pub(super) fn without_comments(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    let mut in_string = false;
    while let Some(c) = chars.next() {
        match (in_string, c, chars.peek()) {
            (true, '\\', _) => {
                out.push(c);
                out.extend(chars.next());
            }
            (false, '/', Some('/')) => while chars.next_if(|&c| c != '\n').is_some() {},
            (false, '/', Some('*')) => {
                let mut last = ' ';
                for c in chars.by_ref().skip(1) {
                    if last == '*' && c == '/' {
                        break;
                    }
                    last = c;
                }
            }
            _ => {
                in_string ^= c == '"';
                out.push(c);
            }
        }
    }
    out
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Waits until a run that begins now is sure to have begun after the last change of the file (its time of change
    /// cannot be set back).
    pub(in crate::toolchain) fn until_settled(path: &Path) {
        let changed = changed_ns(&std::fs::metadata(path).unwrap());
        while nanoseconds(SystemTime::now()) < changed + 30_000_000 {
            std::thread::yield_now();
        }
    }

    fn age(root: &Path) {
        until_settled(root);
        until_settled(&root.join("src"));
    }

    #[test]
    fn edits_new_names_and_settings_all_count() {
        let tree = tempfile::tempdir().unwrap();
        let cache = tempfile::tempdir().unwrap();
        let root = tree.path();
        std::fs::create_dir(root.join("src")).unwrap();
        std::fs::write(root.join("src/a.ts"), "1").unwrap();
        age(root);
        let inputs = BTreeSet::from([root.join("src/a.ts")]);
        let open = || FileState::open(cache.path(), root);
        let snapshot = Snapshot::take(&open(), &inputs, &[]).unwrap();
        assert!(snapshot.holds(&open()));
        std::fs::write(root.join("src/a.js"), "").unwrap();
        assert!(!snapshot.holds(&open()), "a new neighbour");
        std::fs::remove_file(root.join("src/a.js")).unwrap();
        std::fs::write(root.join("README.md"), "").unwrap();
        assert!(snapshot.holds(&open()), "no module");
        std::fs::write(root.join("tsconfig.json"), "{}").unwrap();
        assert!(!snapshot.holds(&open()), "new settings");
        std::fs::remove_file(root.join("tsconfig.json")).unwrap();
        std::fs::write(root.join("src/a.ts"), "2").unwrap();
        assert!(!snapshot.holds(&open()), "an edit");
    }

    #[test]
    fn what_changed_during_the_run_is_not_remembered() {
        let tree = tempfile::tempdir().unwrap();
        let state = FileState::open(tree.path(), tree.path());
        std::fs::write(tree.path().join("a.ts"), "1").unwrap();
        assert_eq!(Snapshot::take(&state, &BTreeSet::from([tree.path().join("a.ts")]), &[]), None);
    }

    #[test]
    fn extended_settings_are_found_through_comments() {
        let tree = tempfile::tempdir().unwrap();
        let root = tree.path();
        std::fs::create_dir_all(root.join("node_modules/@tsconfig/node20")).unwrap();
        std::fs::write(root.join("node_modules/@tsconfig/node20/tsconfig.json"), "{}").unwrap();
        std::fs::write(root.join("base.json"), r#"{"extends": "@tsconfig/node20/tsconfig.json"}"#).unwrap();
        std::fs::write(
            root.join("tsconfig.json"),
            "{ // \"extends\": \"x\"\n \"extends\": [\"./base\"], /* * */ \"a\": \"//b\" }",
        )
        .unwrap();
        let found = compiler_settings(&root.join("tsconfig.json"));
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(found[2].ends_with("node20/tsconfig.json"));
    }
}
