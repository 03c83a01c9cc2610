//! Keeps a mirror small and healthy: old commits let go, packs joined, leftovers of killed runs removed.

use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::mirror::{KEPT, Mirror};
use super::program::Run;

/// More packs or loose objects than this make every reading slower than one `git gc` costs.
const MAX_PACKS: usize = 30;
const MAX_LOOSE: usize = 5000;
/// Commits kept for quick comparison; beyond this the oldest go.
const MAX_KEPT: usize = 200;
/// A commit fetched so lately may be in use by another run.
const IN_USE: Duration = Duration::from_secs(3600);

/// Runs under the lock after a fetch; what goes wrong here harms nobody and is only logged.
pub(super) async fn after_fetch(mirror: &Mirror, lock: &File) {
    if count(&mirror.dir.join("objects/pack"), "pack") < MAX_PACKS && loose_objects(&mirror.dir) < MAX_LOOSE {
        return;
    }
    let_old_commits_go(&mirror.dir, MAX_KEPT, IN_USE);
    let mut git_dir = OsString::from("--git-dir=");
    git_dir.push(&mirror.dir);
    let args = vec![git_dir, "gc".into(), "--quiet".into(), "--prune=1.hour.ago".into()];
    let run = Run { args, time: mirror.limits.fetch_time, watch: None, lock: Some(lock) };
    if let Err(trouble) = mirror.program.run(&mirror.remote, run).await {
        tracing::warn!(mirror = %mirror.dir.display(), ?trouble, "git gc did not finish");
    }
}

/// Removes the refs of all but the `keep` commits used last, none that was used within `in_use`.
fn let_old_commits_go(mirror: &Path, keep: usize, in_use: Duration) {
    let now = SystemTime::now();
    let folders = [mirror.join(KEPT), mirror.join("refs/offshoot/tip")];
    for folder in folders {
        let mut refs: Vec<(SystemTime, PathBuf)> =
            entries(&folder).filter_map(|path| Some((path.metadata().ok()?.modified().ok()?, path))).collect();
        refs.sort_by(|a, b| b.cmp(a));
        for (used, path) in refs.into_iter().skip(keep) {
            if now.duration_since(used).is_ok_and(|age| age > in_use) {
                let _ = std::fs::remove_file(path);
            }
        }
    }
}

/// What a killed git leaves behind would stop the next one (`shallow.lock`) or fill the disk (`tmp_pack_…`).
pub(super) fn clear_leftovers(mirror: &Path) {
    let locks = ["", KEPT, "refs/offshoot/tip"]
        .into_iter()
        .flat_map(|folder| entries(&mirror.join(folder)).collect::<Vec<_>>());
    let locks = locks.filter(|path| path.extension().is_some_and(|e| e == "lock") || path.ends_with("gc.pid"));
    let starts = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("tmp_"));
    for path in locks.chain(entries(&mirror.join("objects/pack")).filter(starts)) {
        let _ = std::fs::remove_file(path);
    }
}

fn loose_objects(mirror: &Path) -> usize {
    let fanout = entries(&mirror.join("objects")).filter(|path| path.file_name().is_some_and(|name| name.len() == 2));
    fanout.map(|folder| entries(&folder).count()).sum()
}

fn count(folder: &Path, extension: &str) -> usize {
    entries(folder).filter(|path| path.extension().is_some_and(|e| e == extension)).count()
}

fn entries(folder: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_old_commits_beyond_the_limit_go() {
        let dir = tempfile::tempdir().unwrap();
        let kept = dir.path().join(KEPT);
        std::fs::create_dir_all(&kept).unwrap();
        for age_h in 0..5u64 {
            let file = File::create(kept.join(age_h.to_string())).unwrap();
            file.set_modified(SystemTime::now() - Duration::from_secs(age_h * 3600 + 60)).unwrap();
        }
        let_old_commits_go(dir.path(), 2, IN_USE * 3);
        let mut left: Vec<_> = entries(&kept).map(|p| p.file_name().unwrap().to_owned()).collect();
        left.sort();
        assert_eq!(left, ["0", "1", "2"]);
    }

    #[test]
    fn leftovers_of_a_killed_git_are_removed() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("objects/pack")).unwrap();
        for name in ["shallow.lock", "objects/pack/tmp_pack_x", "objects/pack/pack-1.pack"] {
            File::create(dir.path().join(name)).unwrap();
        }
        clear_leftovers(dir.path());
        assert!(!dir.path().join("shallow.lock").exists() && !dir.path().join("objects/pack/tmp_pack_x").exists());
        assert!(dir.path().join("objects/pack/pack-1.pack").exists());
    }
}
