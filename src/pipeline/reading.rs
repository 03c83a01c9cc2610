//! Reads a finished assembly, which the app's program wrote, without being led outside of it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::assembly::{self, Assembly, AssetSource, Packaging};
use crate::error::{Error, Result};

/// Reads the assembly in a folder. Errors: those of the assembly, and a file of it that really lies elsewhere.
pub async fn read_assembly(dir: PathBuf) -> Result<Assembly> {
    tokio::task::spawn_blocking(move || load_assembly(&dir))
        .await
        .map_err(|e| Error::bug("assembly.task", "reading the assembly", e.to_string()))?
}

fn load_assembly(dir: &Path) -> Result<Assembly> {
    let doing = "reading the assembly";
    let root = std::fs::canonicalize(dir).unwrap_or_else(|_| dir.to_owned());
    let read = |path: &Path| {
        stays_inside(&root, path)?;
        std::fs::read(path).map_err(|e| Error::io(doing, path, e))
    };
    let assembly = assembly::load(&read, dir)?;
    for stack in &assembly.stacks {
        stays_inside(&root, &stack.template_path)?;
        for asset in &stack.files {
            if let AssetSource::Path { path, .. } = &asset.source {
                stays_inside(&root, path)?;
            }
        }
    }
    Ok(assembly)
}

/// The most that CloudFormation takes as a template.
const TEMPLATE_BYTES: u64 = 1 << 20;

/// The files of an assembly that planning reads: manifests, metadata, templates, those of nested stacks among them; not
/// the assets. By their names within the assembly. Errors: as for reading it.
pub async fn read_texts(dir: PathBuf) -> Result<BTreeMap<String, Vec<u8>>> {
    tokio::task::spawn_blocking(move || load_texts(&dir))
        .await
        .map_err(|e| Error::bug("assembly.task", "reading the assembly", e.to_string()))?
}

fn load_texts(dir: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let doing = "reading the assembly";
    let root = std::fs::canonicalize(dir).unwrap_or_else(|_| dir.to_owned());
    let found = RefCell::new(BTreeMap::new());
    let read = |path: &Path| {
        stays_inside(&root, path)?;
        let bytes = std::fs::read(path).map_err(|e| Error::io(doing, path, e))?;
        let name = path.strip_prefix(dir).ok().and_then(Path::to_str).ok_or_else(|| {
            Error::failed("assembly.malformed", doing, format!("{} has no plain name", path.display()))
        })?;
        found.borrow_mut().insert(name.to_owned(), bytes.clone());
        Ok(bytes)
    };
    let assembly = assembly::load(&read, dir)?;
    for stack in &assembly.stacks {
        read(&stack.template_path)?;
        for asset in &stack.files {
            if let AssetSource::Path { path, packaging: Packaging::File } = &asset.source
                && may_be_template(path)
            {
                read(path)?;
            }
        }
    }
    Ok(found.into_inner())
}

/// Templates of nested stacks are assets like any other; only their names tell.
fn may_be_template(path: &Path) -> bool {
    let named = path.extension().is_some_and(|e| ["json", "yaml", "yml", "template"].iter().any(|t| e == *t));
    named && std::fs::metadata(path).is_ok_and(|m| m.is_file() && m.len() <= TEMPLATE_BYTES)
}

/// The app's program wrote these files without our rights; we read and publish them with ours. A symbolic link must not
/// lead us to the reader's own files, nor a pipe let us wait for ever. What is not there is for whoever reads it to say.
fn stays_inside(root: &Path, path: &Path) -> Result<()> {
    let Ok(real) = std::fs::canonicalize(path) else { return Ok(()) };
    let plain = std::fs::metadata(&real).is_ok_and(|m| m.is_file() || m.is_dir());
    if real.starts_with(root) && plain {
        return Ok(());
    }
    let what =
        format!("{} is no file of the assembly: it is a link that leads out of it, or no plain file", path.display());
    Err(Error::failed("assembly.path_escapes", "reading the assembly", what)
        .next("let the app copy its assets into its output folder"))
}
