//! What an assembly carries from one stage to another: the code in it, and whether it says which stage it was made for.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::assembly::{Assembly, AssetSource};
use crate::error::{Error, Result};

/// The hashes of all code in the assembly: every asset but templates, which are made for a stage.
pub fn code_of(assembly: &Assembly) -> BTreeSet<String> {
    let is_template = |source: &AssetSource| match source {
        AssetSource::Path { path, .. } => {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.contains(".template.") || assembly.stacks.iter().any(|stack| stack.template_path == *path)
        }
        AssetSource::Executable(_) => false,
    };
    let files = assembly.stacks.iter().flat_map(|s| &s.files).filter(|f| !is_template(&f.source));
    let images = assembly.stacks.iter().flat_map(|s| &s.images).map(|image| image.hash.clone());
    files.map(|f| f.hash.clone()).chain(images).collect()
}

/// Whether nothing in the assembly names the stage that it was made for, so that it is as good for another one.
pub async fn is_neutral(assembly: &Assembly, stage: &str) -> Result<bool> {
    let words = assembly.stacks.iter().flat_map(|s| s.parameters.values().chain(s.tags.values()));
    if assembly.stacks.iter().any(|s| s.name.as_str().contains(stage)) || words.into_iter().any(|w| w.contains(stage)) {
        return Ok(false);
    }
    let nested = assembly.stacks.iter().flat_map(|s| &s.files).filter_map(|f| match &f.source {
        AssetSource::Path { path, .. } if path.extension().is_some_and(|e| e == "json" || e == "yaml") => Some(path),
        _ => None,
    });
    let templates: BTreeSet<PathBuf> =
        assembly.stacks.iter().map(|s| &s.template_path).chain(nested).cloned().collect();
    for path in templates {
        let text = tokio::fs::read_to_string(&path).await.map_err(|e| Error::io("reading a template", &path, e))?;
        if text.contains(stage) {
            return Ok(false);
        }
    }
    Ok(true)
}
