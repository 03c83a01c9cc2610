//! A kept assembly as one zip: what planning reads of it, without the assets, which lie in the bucket by their hash.

use std::collections::BTreeMap;
use std::io::{Cursor, Read as _, Write as _};
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipArchive, ZipWriter};

use super::changed::Facts;
use crate::error::{Error, Result};

/// The zip may have this size at most.
pub const MOST_BYTES: usize = 20 << 20;
/// What is in it may have this size at most, so that a small zip cannot fill the disk.
const MOST_BYTES_UNPACKED: u64 = 256 << 20;
const MOST_FILES: usize = 10_000;
/// Where the assembly's own files are in the zip; beside it stands what we know of it.
const FOLDER: &str = "assembly/";
const BESIDE: &str = "offshoot.json";

const PACKING: &str = "packing the assembly";
const UNPACKING: &str = "unpacking the kept assembly";

/// What is kept beside an assembly's own files.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Beside {
    pub facts: Facts,
    /// Digest of everything that it was made from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
}

/// An unpacked assembly; its folder goes with it.
pub struct Unpacked {
    pub beside: Beside,
    /// The assembly's own folder.
    pub dir: PathBuf,
    pub folder: tempfile::TempDir,
}

/// Packs; the same files make the same bytes. Errors (`assembly.too_large`): more than may be kept.
pub fn pack(files: &BTreeMap<String, Vec<u8>>, beside: &Beside) -> Result<Vec<u8>> {
    let about = serde_json::to_vec(beside).map_err(|e| Error::bug("archive.json", PACKING, e.to_string()))?;
    let total: u64 = files.values().map(|bytes| bytes.len() as u64).sum();
    if files.len() > MOST_FILES || total > MOST_BYTES_UNPACKED {
        return Err(too_large(&format!("{} files with {} MiB", files.len(), total >> 20)));
    }
    let entries = files.iter().map(|(name, bytes)| (format!("{FOLDER}{name}"), bytes));
    let zipped = write(entries.chain([(BESIDE.to_owned(), &about)]))
        .map_err(|e| Error::bug("archive.zip", PACKING, e.to_string()))?;
    if zipped.len() > MOST_BYTES {
        return Err(too_large(&format!("{} MiB zipped", zipped.len() >> 20)));
    }
    Ok(zipped)
}

fn too_large(what: &str) -> Error {
    Error::failed("assembly.too_large", PACKING, format!("its templates have {what}, more than is kept"))
        .next("to go back to this revision, deploy its commit again")
}

fn write<'a>(entries: impl Iterator<Item = (String, &'a Vec<u8>)>) -> zip::result::ZipResult<Vec<u8>> {
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(6))
        .last_modified_time(DateTime::DEFAULT)
        .unix_permissions(0o644);
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in entries {
        writer.start_file(name, options)?;
        writer.write_all(bytes)?;
    }
    Ok(writer.finish()?.into_inner())
}

/// Unpacks into a folder of its own below `parent`. Whoever may write the bucket may have written the zip: no name in it
/// leads out of that folder, nothing in it becomes a link, and sizes are counted while it is read, not believed.
pub fn unpack(bytes: &[u8], parent: &Path) -> Result<Unpacked> {
    let io = |e| Error::io(UNPACKING, parent, e);
    std::fs::create_dir_all(parent).map_err(io)?;
    let folder = tempfile::Builder::new().prefix("kept.").suffix(".tmp").tempdir_in(parent).map_err(io)?;
    let dir = folder.path().join("assembly");
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|e| malformed(&e.to_string()))?;
    if bytes.len() > MOST_BYTES || archive.len() > MOST_FILES + 1 {
        return Err(malformed("it is larger than any that is kept"));
    }
    let mut left = MOST_BYTES_UNPACKED;
    let mut beside = None;
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).map_err(|e| malformed(&e.to_string()))?;
        let name = entry.name().map_err(|e| malformed(&e.to_string()))?.into_owned();
        let mut content = Vec::new();
        entry.by_ref().take(left + 1).read_to_end(&mut content).map_err(|e| malformed(&format!("{name}: {e}")))?;
        left = left
            .checked_sub(content.len() as u64)
            .ok_or_else(|| malformed("unpacked it is larger than any that is kept"))?;
        if name == BESIDE {
            beside = Some(serde_json::from_slice(&content).map_err(|e| malformed(&format!("{name}: {e}")))?);
            continue;
        }
        let path = dir.join(inside(&name)?);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(io)?;
        }
        // never over another entry: names that differ may be one file on some disks
        let mut file = std::fs::File::create_new(&path).map_err(io)?;
        file.write_all(&content).map_err(io)?;
    }
    let beside = beside.ok_or_else(|| malformed(&format!("{BESIDE} is missing in it")))?;
    Ok(Unpacked { beside, dir, folder })
}

/// The path of an assembly's file, made of plain names only.
fn inside(name: &str) -> Result<PathBuf> {
    let path = name.strip_prefix(FOLDER).map(PathBuf::from);
    let plain = |p: &PathBuf| {
        let parts: Vec<Component> = p.components().collect();
        !name.contains(['\\', '\0']) && !parts.is_empty() && parts.iter().all(|c| matches!(c, Component::Normal(_)))
    };
    path.filter(|p| plain(p) && !name.ends_with('/'))
        .ok_or_else(|| malformed(&format!("{name:?} is no name of an assembly's file")))
}

fn malformed(what: &str) -> Error {
    Error::failed("assembly.kept_malformed", UNPACKING, what)
        .next("somebody else wrote it; delete the object, and deploy the commit again instead")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files() -> BTreeMap<String, Vec<u8>> {
        let texts = [("manifest.json", "{}"), ("nested/b.template.json", "b"), ("a.template.json", "a")];
        texts.map(|(name, text)| (name.to_owned(), text.into())).into()
    }

    fn beside() -> Beside {
        let facts = Facts { notes: vec!["note".into()], ..Facts::default() };
        Beside { facts, content: Some("digest".into()) }
    }

    #[test]
    fn what_is_packed_comes_back_and_is_the_same_each_time() {
        let zipped = pack(&files(), &beside()).unwrap();
        assert_eq!(zipped, pack(&files(), &beside()).unwrap());
        let parent = tempfile::tempdir().unwrap();
        let unpacked = unpack(&zipped, parent.path()).unwrap();
        assert_eq!(unpacked.beside, beside());
        for (name, bytes) in files() {
            assert_eq!(std::fs::read(unpacked.dir.join(name)).unwrap(), bytes);
        }
        drop(unpacked);
        assert_eq!(std::fs::read_dir(parent.path()).unwrap().count(), 0, "nothing is left behind");
    }

    #[test]
    fn no_name_leads_out_of_the_folder() {
        let parent = tempfile::tempdir().unwrap();
        let about = serde_json::to_vec(&beside()).unwrap();
        let names =
            ["../x", "assembly/../../x", "/x", "assembly//../x", "assembly/", "x", "assembly/a\\..\\x", "assembly/d/"];
        for name in names {
            let text = b"text".to_vec();
            let zipped = write([(name.to_owned(), &text), (BESIDE.to_owned(), &about)].into_iter()).unwrap();
            let error = unpack(&zipped, parent.path()).err().map(|e| e.code().to_owned());
            assert_eq!(error.as_deref(), Some("assembly.kept_malformed"), "{name}");
        }
        assert_eq!(std::fs::read_dir(parent.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_bomb_and_garbage_are_refused_before_they_fill_the_disk() {
        let parent = tempfile::tempdir().unwrap();
        let zeros = vec![0; (MOST_BYTES_UNPACKED + 1) as usize];
        let bomb = write([(format!("{FOLDER}bomb"), &zeros)].into_iter()).unwrap();
        assert!(bomb.len() < MOST_BYTES);
        for bytes in [bomb.as_slice(), b"PK no zip", b""] {
            assert_eq!(unpack(bytes, parent.path()).err().unwrap().code(), "assembly.kept_malformed");
        }
        let empty = write([].into_iter()).unwrap();
        assert!(unpack(&empty, parent.path()).is_err());
        let too_much = BTreeMap::from([("a".to_owned(), zeros)]);
        assert_eq!(pack(&too_much, &beside()).unwrap_err().code(), "assembly.too_large");
    }
}
