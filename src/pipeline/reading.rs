//! Reads a finished assembly, which the app's program wrote, without being led outside of it.

use std::path::{Path, PathBuf};

use crate::assembly::{self, Assembly, AssetSource};
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
