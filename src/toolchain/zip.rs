//! Makes the same zip from the same files: sorted names, one date, two modes.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Read as _, Seek, Write};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use sha2::{Digest as _, Sha256};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use crate::error::{Error, Result};

/// A finished zip file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zipped {
    pub path: PathBuf,
    pub size_bytes: u64,
    /// As Lambda says it in `CodeSha256`, and S3 in `ChecksumSHA256`.
    pub sha256_base64: String,
}

/// A limit against folders that contain themselves through links.
const MAX_DEPTH: usize = 64;

/// Zips a folder, or a single file under its own name, to `target`, which appears only when it is whole.
///
/// Symbolic links are followed; one that leads out of the folder is refused (`asset.escapes`). Empty folders are left out.
pub fn zip(source: &Path, target: &Path) -> Result<Zipped> {
    let doing = || format!("zipping {}", source.display());
    let io_error = |error: io::Error| Error::io(doing(), source, error);
    let root = std::fs::canonicalize(source).map_err(io_error)?;
    let mut files = BTreeMap::new();
    if root.is_dir() {
        collect(&root, &root, "", 0, &mut files)?;
    } else {
        let name = source.file_name().unwrap_or_default().to_string_lossy().into_owned();
        files.insert(name, root);
    }
    let folder = target.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(io_error)?;
    let temporary = tempfile::NamedTempFile::new_in(folder).map_err(io_error)?;
    write(&files, BufWriter::with_capacity(128 * 1024, temporary.as_file())).map_err(io_error)?;
    let (size_bytes, sha256_base64) = digest(temporary.path()).map_err(io_error)?;
    temporary.persist(target).map_err(|error| io_error(error.error))?;
    Ok(Zipped { path: target.to_path_buf(), size_bytes, sha256_base64 })
}

fn collect(
    root: &Path,
    folder: &Path,
    prefix: &str,
    depth: usize,
    files: &mut BTreeMap<String, PathBuf>,
) -> Result<()> {
    let doing = || format!("zipping {}", root.display());
    if depth > MAX_DEPTH {
        let what = format!("{} lies more than {MAX_DEPTH} folders deep", folder.display());
        return Err(Error::failed("asset.too_deep", doing(), what)
            .next("look for a symbolic link that leads to its own parent"));
    }
    for entry in std::fs::read_dir(folder).map_err(|error| Error::io(doing(), folder, error))? {
        let entry = entry.map_err(|error| Error::io(doing(), folder, error))?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        let path = std::fs::canonicalize(entry.path()).map_err(|error| Error::io(doing(), &entry.path(), error))?;
        if !path.starts_with(root) {
            let what = format!("{name} is a symbolic link that leads out of the folder");
            return Err(Error::failed("asset.escapes", doing(), what).next("put a copy of the file in its place"));
        }
        if path.is_dir() {
            collect(root, &path, &format!("{name}/"), depth + 1, files)?;
        } else {
            files.insert(name, path);
        }
    }
    Ok(())
}

fn write(files: &BTreeMap<String, PathBuf>, out: impl Write + Seek) -> io::Result<()> {
    let mut writer = ZipWriter::new(out);
    for (name, path) in files {
        let mut file = File::open(path)?;
        let meta = file.metadata()?;
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .compression_level(Some(6))
            .last_modified_time(DateTime::DEFAULT)
            .unix_permissions(if is_executable(&meta) { 0o755 } else { 0o644 })
            .large_file(meta.len() >= u64::from(u32::MAX));
        writer.start_file(name.as_str(), options)?;
        io::copy(&mut file, &mut writer)?;
    }
    writer.finish()?.flush()
}

fn is_executable(meta: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    meta.permissions().mode() & 0o111 != 0
}

fn digest(path: &Path) -> io::Result<(u64, String)> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut chunk = vec![0; 64 * 1024];
    let mut size_bytes = 0;
    while let size @ 1.. = file.read(&mut chunk)? {
        hash.update(chunk.get(..size).unwrap_or_default());
        size_bytes += size as u64;
    }
    Ok((size_bytes, base64::engine::general_purpose::STANDARD.encode(hash.finalize())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_files_make_the_same_zip() {
        let folder = tempfile::tempdir().unwrap();
        let make = |names: &[&str]| {
            let source = tempfile::tempdir_in(folder.path()).unwrap();
            for name in names {
                std::fs::create_dir_all(source.path().join(name).parent().unwrap()).unwrap();
                std::fs::write(source.path().join(name), *name).unwrap();
            }
            zip(source.path(), &folder.path().join(names.concat().replace('/', "_"))).unwrap()
        };
        let (a, b) = (make(&["index.js", "lib/b.js", "a.js"]), make(&["a.js", "lib/b.js", "index.js"]));
        assert_eq!((a.size_bytes, a.sha256_base64.clone()), (b.size_bytes, b.sha256_base64));
        let mut archive = ::zip::ZipArchive::new(File::open(a.path).unwrap()).unwrap();
        let names: Vec<_> = (0..3).map(|index| archive.by_index(index).unwrap().name().unwrap().to_string()).collect();
        assert_eq!(names, ["a.js", "index.js", "lib/b.js"]);
        assert_eq!(archive.by_index(0).unwrap().unix_mode().unwrap() & 0o777, 0o644);
    }

    #[test]
    fn links_inside_are_followed_and_links_outside_refused() {
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("source");
        std::fs::create_dir(&source).unwrap();
        std::fs::write(source.join("a"), "text").unwrap();
        std::os::unix::fs::symlink("a", source.join("b")).unwrap();
        assert!(zip(&source, &folder.path().join("z")).is_ok());
        std::os::unix::fs::symlink("/etc/passwd", source.join("c")).unwrap();
        let error = zip(&source, &folder.path().join("z")).unwrap_err();
        assert_eq!(error.code(), "asset.escapes");
        assert!(error.what().starts_with("c is a symbolic link"), "{error}");
    }
}
