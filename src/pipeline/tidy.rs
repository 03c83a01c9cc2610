//! Keeps the cache folder small: once a day, beside whatever else the process does, what nobody used is thrown away.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::{git, toolchain};

const DAY: Duration = Duration::from_secs(24 * 3600);
/// Bundles, zips and templates that nobody used for so long are made again when they are needed.
const OLD: Duration = Duration::from_secs(30 * 24 * 3600);
const BUNDLES_MOST_BYTES: u64 = 5 << 30;
/// Plain trees that are kept for each repository.
const TREES: git::Keep = git::Keep { newest: 3, used_within: Duration::from_secs(7 * 24 * 3600) };

/// Tidies in a thread of its own if the last time is a day ago; it is stopped with the process, which does no harm.
pub fn once_a_day(cache_dir: &Path) {
    let mark = cache_dir.join("tidied");
    let last = std::fs::metadata(&mark).and_then(|m| m.modified()).ok();
    if last.and_then(|t| t.elapsed().ok()).is_some_and(|age| age < DAY) {
        return;
    }
    // who marks first tidies; a cache that cannot be marked is left alone
    if std::fs::write(&mark, b"").is_err() || last.is_none() {
        return;
    }
    let cache_dir = cache_dir.to_owned();
    std::thread::spawn(move || tidy(&cache_dir));
}

fn tidy(cache_dir: &Path) {
    toolchain::prune(cache_dir, OLD, BUNDLES_MOST_BYTES);
    if let Err(error) = git::prune(cache_dir, TREES) {
        tracing::debug!("tidying the trees: {error}");
    }
    let zips = std::fs::read_dir(cache_dir.join("zips")).into_iter().flatten().flatten().map(|e| e.path());
    for folder in zips.chain([cache_dir.join("templates")]) {
        for file in unused(&folder) {
            // another process may have been faster
            let _ = std::fs::remove_file(file);
        }
    }
}

fn unused(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let used = |path: &Path| {
        let meta = std::fs::metadata(path).ok()?;
        [meta.accessed().ok(), meta.modified().ok()].into_iter().flatten().max()
    };
    let limit = SystemTime::now().checked_sub(OLD).unwrap_or(SystemTime::UNIX_EPOCH);
    entries.flatten().map(|e| e.path()).filter(|p| used(p).is_some_and(|t| t < limit)).collect()
}
