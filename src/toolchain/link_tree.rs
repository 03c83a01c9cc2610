//! Brings a folder to another place: by hard links where the file system allows it, else by copying.

use std::io;
use std::path::Path;

/// Whether the new files may share their content with the old ones.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// Shared: nobody may change them in place.
    Link,
    Copy,
}

pub(super) fn copy(from: &Path, to: &Path) -> io::Result<()> {
    place(from, to, Way::Copy)
}

pub(super) fn place(from: &Path, to: &Path, way: Way) -> io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type()?;
        if kind.is_dir() {
            place(&source, &target, way)?;
        } else if kind.is_symlink() {
            std::os::unix::fs::symlink(std::fs::read_link(&source)?, &target)?;
        } else if way == Way::Copy || std::fs::hard_link(&source, &target).is_err() {
            std::fs::copy(&source, &target)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    #[test]
    fn files_are_shared_and_links_kept() {
        let folder = tempfile::tempdir().unwrap();
        let from = folder.path().join("a");
        std::fs::create_dir_all(from.join(".bin")).unwrap();
        std::fs::write(from.join("f"), "x").unwrap();
        std::os::unix::fs::symlink("../f", from.join(".bin/f")).unwrap();
        let to = folder.path().join("b");
        place(&from, &to, Way::Link).unwrap();
        assert_eq!(std::fs::metadata(to.join("f")).unwrap().ino(), std::fs::metadata(from.join("f")).unwrap().ino());
        assert_eq!(std::fs::read_link(to.join(".bin/f")).unwrap(), Path::new("../f"));
        copy(&from, &folder.path().join("c")).unwrap();
        assert_ne!(
            std::fs::metadata(folder.path().join("c/f")).unwrap().ino(),
            std::fs::metadata(from.join("f")).unwrap().ino()
        );
    }
}
