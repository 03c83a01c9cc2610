//! Small files of the cache: written whole or not at all, read only when they are whole.

use std::io::Write as _;
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, Result};

/// Reads a JSON file; one that is missing or damaged counts as absent, because a cache can always be filled again.
pub(super) fn read_json<T: DeserializeOwned>(path: &Path) -> Option<T> {
    serde_json::from_slice(&std::fs::read(path).ok()?).ok()
}

pub(super) fn write_json(path: &Path, value: &impl Serialize) -> Result<()> {
    let bytes = serde_json::to_vec(value).map_err(|source| {
        Error::bug("cache.json", format!("writing {}", path.display()), "the value has no JSON form").because(source)
    })?;
    write_file(path, &bytes)
}

/// Writes a file under a temporary name beside it and renames it, so that readers see the old or the new one.
pub(super) fn write_file(path: &Path, bytes: &[u8]) -> Result<()> {
    let write = || -> std::io::Result<()> {
        let folder = path.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder)?;
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(bytes)?;
        file.persist(path).map_err(|error| error.error)?;
        Ok(())
    };
    write().map_err(|source| Error::io("writing to the cache", path, source))
}

/// Moves a finished folder to its place; where another process was first, its folder stays.
pub(super) fn place_folder(from: &Path, to: &Path) -> Result<()> {
    let place = || -> std::io::Result<()> {
        if let Some(parent) = to.parent() {
            std::fs::create_dir_all(parent)?;
        }
        match std::fs::rename(from, to) {
            Err(_) if to.is_dir() => std::fs::remove_dir_all(from),
            other => other,
        }
    };
    place().map_err(|source| Error::io("moving a folder into the cache", to, source))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_file_counts_as_absent() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("deep/a.json");
        write_json(&file, &vec![1, 2]).unwrap();
        assert_eq!(read_json::<Vec<u8>>(&file), Some(vec![1, 2]));
        std::fs::write(&file, "[1,").unwrap();
        assert_eq!(read_json::<Vec<u8>>(&file), None);
    }

    #[test]
    fn the_first_folder_stays() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a", "b"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
            std::fs::write(folder.path().join(name).join("f"), name).unwrap();
            place_folder(&folder.path().join(name), &folder.path().join("to/x")).unwrap();
        }
        assert_eq!(std::fs::read_to_string(folder.path().join("to/x/f")).unwrap(), "a");
    }
}
