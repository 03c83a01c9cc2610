//! One run of esbuild for many functions, its outputs sorted into a folder for each function as NodejsFunction writes it.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::bundle_key::FunctionSpec;
use super::esbuild::{Built, Esbuild, Esbuilder};
use super::store;
use crate::error::{Error, Result};

/// One function's finished files, and everything that they were made from.
pub(super) struct Output {
    pub folder: PathBuf,
    pub inputs: BTreeSet<PathBuf>,
}

/// What a run gave for one function: its output, or esbuild's messages.
pub(super) type Outcome = std::result::Result<Output, String>;

/// The part of esbuild's metafile that is read here.
#[derive(Deserialize)]
struct Metafile {
    inputs: BTreeMap<String, Input>,
    outputs: BTreeMap<String, MetaOutput>,
}

#[derive(Deserialize)]
struct Input {
    #[serde(default)]
    imports: Vec<Import>,
}

#[derive(Deserialize)]
struct Import {
    path: String,
    #[serde(default)]
    external: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MetaOutput {
    entry_point: Option<String>,
    css_bundle: Option<String>,
}

/// A folder that exists while esbuild writes into it, beside the place where the library would have built.
struct BuildFolder {
    path: PathBuf,
    parent: PathBuf,
    made_parent: bool,
}

impl BuildFolder {
    fn make(parent: &Path, name: Option<&Path>) -> std::io::Result<Self> {
        let made_parent = !parent.exists();
        std::fs::create_dir_all(parent)?;
        let path = match name {
            Some(path) => {
                std::fs::create_dir_all(path)?;
                path.to_path_buf()
            }
            None => tempfile::Builder::new().prefix("bundling-temp-offshoot-").tempdir_in(parent)?.keep(),
        };
        Ok(BuildFolder { path, parent: parent.to_path_buf(), made_parent })
    }
}

impl Drop for BuildFolder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.path);
        if self.made_parent {
            let _ = std::fs::remove_dir(&self.parent);
        }
    }
}

/// The most runs spent on finding which functions of a failing batch are at fault.
const MAX_SEARCH_RUNS: usize = 64;

/// Bundles functions that share everything but their entry; `staging` is an empty folder of the cache's file system.
pub(super) async fn build(
    esbuilder: &Esbuilder,
    esbuild: &Esbuild,
    specs: &[FunctionSpec],
    staging: &Path,
) -> Result<Vec<Outcome>> {
    let mut outcomes: BTreeMap<usize, Outcome> = BTreeMap::new();
    let mut open: Vec<(Vec<usize>, String)> = vec![((0..specs.len()).collect(), String::new())];
    let mut runs = 0;
    while let Some((batch, known_errors)) = open.pop() {
        if runs >= MAX_SEARCH_RUNS {
            outcomes.extend(batch.into_iter().map(|index| (index, Err(known_errors.clone()))));
            continue;
        }
        runs += 1;
        let chosen: Vec<(usize, &FunctionSpec)> = batch.iter().filter_map(|&i| Some((i, specs.get(i)?))).collect();
        match run_batch(esbuilder, esbuild, &chosen, staging).await? {
            Ok(found) => outcomes.extend(found.into_iter().map(|(index, output)| (index, Ok(output)))),
            Err(Trouble::Alone) => open.extend(batch.into_iter().map(|index| (vec![index], String::new()))),
            Err(Trouble::Errors(errors)) if batch.len() == 1 => {
                outcomes.extend(batch.into_iter().map(|index| (index, Err(errors.clone()))));
            }
            Err(Trouble::Errors(errors)) => {
                let (left, right) = batch.split_at(batch.len() / 2);
                open.push((left.to_vec(), errors.clone()));
                open.push((right.to_vec(), errors));
            }
        }
    }
    let missing = || Err("esbuild gave no output for this function".to_owned());
    Ok((0..specs.len()).map(|index| outcomes.remove(&index).unwrap_or_else(missing)).collect())
}

/// Why a batch has to be run again in parts.
enum Trouble {
    Errors(String),
    /// It wrote files besides its bundles, whose names could depend on the batch.
    Alone,
}

type BatchResult = std::result::Result<Vec<(usize, Output)>, Trouble>;

async fn run_batch(
    esbuilder: &Esbuilder,
    esbuild: &Esbuild,
    batch: &[(usize, &FunctionSpec)],
    staging: &Path,
) -> Result<BatchResult> {
    let Some((_, first)) = batch.first() else { return Ok(Ok(Vec::new())) };
    let alone = batch.len() == 1;
    let io_error = |source| Error::io("preparing a folder for esbuild", first.out_parent(), source);
    let name = (first.metafile && alone).then_some(first.out_dir.as_path());
    let folder = BuildFolder::make(first.out_parent(), name).map_err(io_error)?;
    let metafile =
        if first.metafile { folder.path.join("index.meta.json") } else { folder.path.join("offshoot.meta.json") };
    let mut args: Vec<OsString> = vec!["--bundle".into()];
    if alone {
        args.push(first.entry.clone().into());
    } else {
        args.extend(batch.iter().map(|(index, spec)| format!("{index}={}", spec.entry.display()).into()));
    }
    args.extend(first.args.iter().map(OsString::from));
    let target = if alone { folder.path.join(&first.out_file) } else { folder.path.clone() };
    args.push(format!("--{}={}", if alone { "outfile" } else { "outdir" }, target.display()).into());
    args.push(format!("--metafile={}", metafile.display()).into());
    args.extend(["--log-level=warning", "--log-limit=0", "--color=false"].map(OsString::from));
    match esbuilder.run(esbuild, &first.cwd, args, &first.env).await? {
        Built::Errors(errors) => return Ok(Err(Trouble::Errors(errors))),
        Built::Done => {}
    }
    let meta: Metafile = store::read_json(&metafile).ok_or_else(|| {
        Error::failed(
            "bundle.metafile",
            "bundling functions with esbuild",
            "its description of the outputs cannot be read",
        )
        .next("update esbuild in the project: npm install --save-dev esbuild@latest")
    })?;
    if !first.metafile {
        std::fs::remove_file(&metafile).map_err(io_error)?;
    }
    if alone {
        let staged = staging.join(unique_name(batch));
        move_folder(&folder.path, &staged).map_err(io_error)?;
        let inputs = reachable(&meta, meta.inputs.keys().cloned().collect(), &first.cwd);
        return Ok(Ok(batch
            .iter()
            .map(|(index, _)| (*index, Output { folder: staged.clone(), inputs: inputs.clone() }))
            .collect()));
    }
    sort_outputs(batch, &folder.path, &meta, staging)
}

fn unique_name(batch: &[(usize, &FunctionSpec)]) -> String {
    batch.first().map(|(index, _)| format!("alone-{index}")).unwrap_or_default()
}

/// Gives each function of a batch its own folder, with the names that its own run would have used.
fn sort_outputs(
    batch: &[(usize, &FunctionSpec)],
    folder: &Path,
    meta: &Metafile,
    staging: &Path,
) -> Result<BatchResult> {
    let io_error = |source| Error::io("sorting esbuild's outputs", folder, source);
    let expected: BTreeSet<String> =
        batch.iter().flat_map(|(i, _)| [format!("{i}.js"), format!("{i}.js.map")]).collect();
    let written: Vec<String> = std::fs::read_dir(folder)
        .map_err(io_error)?
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    let odd = written.iter().any(|name| !expected.contains(name));
    if odd || meta.outputs.values().any(|output| output.css_bundle.is_some()) {
        return Ok(Err(Trouble::Alone));
    }
    let entries: BTreeMap<&str, &str> = meta
        .outputs
        .iter()
        .filter_map(|(name, output)| {
            Some((name.rsplit('/').next()?.strip_suffix(".js")?, output.entry_point.as_deref()?))
        })
        .collect();
    let mut outputs = Vec::new();
    for (index, spec) in batch {
        let own = staging.join(index.to_string());
        move_outputs(*index, spec, folder, &own).map_err(io_error)?;
        let start = entries.get(index.to_string().as_str()).map(|entry| (*entry).to_owned());
        let inputs = reachable(meta, start.into_iter().collect(), &spec.cwd);
        outputs.push((*index, Output { folder: own, inputs }));
    }
    Ok(Ok(outputs))
}

fn move_outputs(index: usize, spec: &FunctionSpec, from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    let (script, map) = (to.join(&spec.out_file), from.join(format!("{index}.js.map")));
    std::fs::rename(from.join(format!("{index}.js")), &script)?;
    if std::fs::rename(&map, to.join(format!("{}.map", spec.out_file))).is_ok() {
        // read only now, when the app can no longer reach it, and never through a link
        if !std::fs::symlink_metadata(&script)?.is_file() {
            return Err(std::io::Error::other(format!("{index}.js is no file")));
        }
        let bytes = std::fs::read(&script)?;
        std::fs::write(&script, with_map_comment(bytes, index, &spec.out_file))?;
    }
    Ok(())
}

/// The comment in the last line names the map by the output's name.
fn with_map_comment(mut bytes: Vec<u8>, index: usize, out_file: &str) -> Vec<u8> {
    let old = format!("//# sourceMappingURL={index}.js.map\n");
    if bytes.ends_with(old.as_bytes()) {
        bytes.truncate(bytes.len() - old.len());
        bytes.extend_from_slice(format!("//# sourceMappingURL={out_file}.map\n").as_bytes());
    }
    bytes
}

fn move_folder(from: &Path, to: &Path) -> std::io::Result<()> {
    let _ = std::fs::remove_dir_all(to);
    if std::fs::rename(from, to).is_ok() {
        return Ok(());
    }
    super::link_tree::copy(from, to)
}

/// Every input that an entry leads to. Also what tree shaking has dropped counts: an edit could bring it back.
fn reachable(meta: &Metafile, start: Vec<String>, cwd: &Path) -> BTreeSet<PathBuf> {
    let mut seen = BTreeSet::new();
    let mut open = start;
    while let Some(path) = open.pop() {
        let Some(input) = meta.inputs.get(&path) else { continue };
        if seen.insert(path) {
            open.extend(input.imports.iter().filter(|import| !import.external).map(|import| import.path.clone()));
        }
    }
    // names such as `(disabled):path` or `<runtime>` are no files
    seen.iter().filter(|path| !path.starts_with(['(', '<'])).map(|path| plain(&cwd.join(path))).collect()
}

/// A path without `..` (the working folder is real, so the two mean the same).
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::ParentDir => {
                plain.pop();
            }
            std::path::Component::CurDir => {}
            other => plain.push(other),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_an_entry_leads_to_counts() {
        let meta: Metafile = serde_json::from_str(
            r#"{"inputs": {
                "src/a.ts": {"imports": [{"path": "../lib/c.ts"}, {"path": "fs", "external": true}]},
                "src/b.ts": {"imports": []}, "../lib/c.ts": {"imports": [{"path": "src/a.ts"}, {"path": "(disabled):x"}]},
                "(disabled):x": {}}, "outputs": {}}"#,
        )
        .unwrap();
        let found = reachable(&meta, vec!["src/a.ts".into()], Path::new("/r/app"));
        assert_eq!(found, BTreeSet::from(["/r/app/src/a.ts".into(), "/r/lib/c.ts".into()]));
    }

    #[test]
    fn the_last_line_names_the_map() {
        let old = b"x\n//# sourceMappingURL=12.js.map\n".to_vec();
        assert_eq!(with_map_comment(old, 12, "index.mjs"), b"x\n//# sourceMappingURL=index.mjs.map\n");
        assert_eq!(with_map_comment(b"y\n".to_vec(), 1, "index.js"), b"y\n");
    }
}
