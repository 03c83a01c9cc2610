//! The app's own TypeScript, made ready for Node by the project's esbuild before Node starts.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};

use super::esbuild::{Built, Esbuild, Esbuilder};
use super::file_state::{FileState, Snapshot, compiler_settings};
use super::store;
use crate::error::{Error, Result};
use crate::names::Digest;

/// What came of it.
pub(super) enum Transpiled {
    /// A JSON file: source → JavaScript.
    Map(PathBuf),
    /// Running it file by file would not mean the same.
    Unsuitable(&'static str),
}

pub(super) struct Transpiler<'a> {
    pub esbuilder: &'a Esbuilder,
    pub esbuild: &'a Esbuild,
    pub state: &'a FileState,
    /// For code of one trust.
    pub folder: PathBuf,
    pub node_version: &'a str,
    /// The app's folder, against which messages name files.
    pub app_dir: &'a Path,
    /// This run's own folder.
    pub run_dir: &'a Path,
}

#[derive(Serialize, Deserialize)]
struct Record {
    snapshot: Snapshot,
    /// Source → name of the JavaScript in the cache.
    files: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Metafile {
    inputs: BTreeMap<String, Input>,
}

#[derive(Deserialize)]
struct Input {
    #[serde(default)]
    imports: Vec<Import>,
    format: Option<String>,
}

#[derive(Deserialize)]
struct Import {
    kind: String,
    #[serde(default)]
    external: bool,
}

const STATES_KEPT: usize = 6;

impl Transpiler<'_> {
    /// The app's sources from the cache where they are as they were, else through esbuild.
    pub(super) async fn run(&self, entry: &Path) -> Result<Transpiled> {
        let name = [&self.state.relative(entry), &self.esbuild.version, self.node_version];
        let record_file = self.folder.join(format!("{}.json", Digest::of_parts(name)));
        let mut records: Vec<Record> = store::read_json(&record_file).unwrap_or_default();
        if let Some(record) = records.iter().find(|record| record.snapshot.holds(self.state))
            && record.files.values().all(|name| self.script(name).is_file())
        {
            return self.write_map(&record.files);
        }
        let sources = match self.local_sources(entry).await? {
            Ok(sources) => sources,
            Err(why) => return Ok(Transpiled::Unsuitable(why)),
        };
        let files = self.transpile(&sources).await?;
        if let Some(snapshot) = Snapshot::take(self.state, &sources, &[]) {
            records.retain(|record| record.snapshot != snapshot);
            records.insert(0, Record { snapshot, files: files.clone() });
            records.truncate(STATES_KEPT);
            store::write_json(&record_file, &records)?;
        }
        self.write_map(&files)
    }

    fn script(&self, name: &str) -> PathBuf {
        self.folder.join("js").join(format!("{name}.js"))
    }

    fn write_map(&self, files: &BTreeMap<String, String>) -> Result<Transpiled> {
        let scripts: BTreeMap<_, _> =
            files.iter().map(|(source, name)| (self.state.absolute(source), self.script(name))).collect();
        let map = self.run_dir.join("transpiled.json");
        store::write_json(&map, &scripts)?;
        Ok(Transpiled::Map(map))
    }

    fn target(&self) -> OsString {
        format!("--target=node{}", self.node_version).into()
    }

    /// Every file of the app itself that the entry leads to.
    async fn local_sources(&self, entry: &Path) -> Result<std::result::Result<BTreeSet<PathBuf>, &'static str>> {
        let metafile = self.run_dir.join("app.meta.json");
        let mut args: Vec<OsString> = vec!["--bundle".into(), entry.into(), self.target()];
        args.push(format!("--outfile={}", self.run_dir.join("app.js").display()).into());
        args.push(format!("--metafile={}", metafile.display()).into());
        let fixed = [
            "--packages=external",
            "--platform=node",
            "--format=cjs",
            "--log-level=error",
            "--log-limit=0",
            "--color=false",
        ];
        args.extend(fixed.map(OsString::from));
        match self.esbuilder.run(self.esbuild, self.app_dir, args, &BTreeMap::new()).await? {
            Built::Errors(errors) if errors.contains("Invalid build flag") => {
                return Ok(Err("the project's esbuild is too old to read the app's sources"));
            }
            Built::Errors(errors) if errors.contains("No loader is configured") => {
                return Ok(Err("it imports files that are no code"));
            }
            Built::Errors(errors) => return Err(self.syntax_error(&errors)),
            Built::Done => {}
        }
        let Some(meta) = store::read_json::<Metafile>(&metafile) else {
            return Ok(Err("the project's esbuild does not describe the app's sources"));
        };
        Ok(self.suitable(&meta))
    }

    fn suitable(&self, meta: &Metafile) -> std::result::Result<BTreeSet<PathBuf>, &'static str> {
        let mut sources = BTreeSet::new();
        for (path, input) in &meta.inputs {
            if input.imports.iter().any(|import| import.kind == "dynamic-import" && !import.external) {
                return Err("it imports its own files with import()");
            }
            let path =
                std::fs::canonicalize(self.app_dir.join(path)).map_err(|_| "one of its files has an unusual name")?;
            let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
            match extension {
                "ts" | "tsx" | "cts" => {
                    let text = std::fs::read_to_string(&path).unwrap_or_default();
                    if text.contains("import.meta") {
                        return Err("it uses import.meta");
                    }
                    sources.insert(path);
                }
                "mts" | "mjs" => return Err("it imports ECMAScript modules of its own"),
                "js" | "jsx" if input.format.as_deref() == Some("esm") => {
                    return Err("it imports JavaScript of its own that is written as ECMAScript modules");
                }
                _ => {}
            }
        }
        Ok(sources)
    }

    /// Transpiles what the cache does not have; gives the name of each source's JavaScript.
    async fn transpile(&self, sources: &BTreeSet<PathBuf>) -> Result<BTreeMap<String, String>> {
        let names: BTreeMap<&PathBuf, String> =
            sources.iter().map(|source| (source, self.script_name(source))).collect();
        let missing: Vec<_> = names.iter().filter(|(_, name)| !self.script(name).is_file()).collect();
        if !missing.is_empty() {
            let out = self.run_dir.join("transpiled");
            let mut args: Vec<OsString> =
                missing.iter().enumerate().map(|(i, (source, _))| format!("{i}={}", source.display()).into()).collect();
            args.extend([self.target(), format!("--outdir={}", out.display()).into()]);
            let fixed = [
                "--format=cjs",
                "--platform=node",
                "--sourcemap=inline",
                "--log-level=error",
                "--log-limit=0",
                "--color=false",
            ];
            args.extend(fixed.map(OsString::from));
            if let Built::Errors(errors) =
                self.esbuilder.run(self.esbuild, self.app_dir, args, &BTreeMap::new()).await?
            {
                return Err(self.syntax_error(&errors));
            }
            for (index, (source, name)) in missing.into_iter().enumerate() {
                let file = out.join(format!("{index}.js"));
                let text =
                    std::fs::read_to_string(&file).map_err(|e| Error::io("reading transpiled sources", &file, e))?;
                store::write_file(&self.script(name), with_own_source(&text, source).as_bytes())?;
            }
        }
        Ok(names.into_iter().map(|(source, name)| (self.state.relative(source), name)).collect())
    }

    /// What the JavaScript of one file depends on.
    fn script_name(&self, source: &Path) -> String {
        let settings = source
            .ancestors()
            .skip(1)
            .map(|folder| folder.join("tsconfig.json"))
            .find(|file| file.is_file())
            .map(|file| compiler_settings(&file))
            .unwrap_or_default();
        let content = self.state.digest(source).unwrap_or_default();
        let mut parts = vec![content, self.esbuild.version.clone(), self.node_version.to_owned()];
        parts.push(source.file_name().unwrap_or_default().to_string_lossy().into_owned());
        parts.extend(settings.iter().map(|file| self.state.digest(file).unwrap_or_default()));
        Digest::of_parts(parts).to_string()
    }

    fn syntax_error(&self, errors: &str) -> Error {
        let error = |what: &str| Error::failed("synth.typescript", "reading the app's TypeScript", what);
        match first_message(errors) {
            Some((what, file, line, column)) => {
                let place = self.state.relative(&self.app_dir.join(file));
                error(&what).at(place, line, column).next("correct the source and run it again")
            }
            None => error(errors).next("correct the source and run it again"),
        }
    }
}

/// The map inside names its source as the neighbour of itself: the hook loads it under the source's own name.
fn with_own_source(text: &str, source: &Path) -> String {
    const MARK: &str = "//# sourceMappingURL=data:application/json;base64,";
    let rewritten = || {
        let (code, map) = text.trim_end().rsplit_once(MARK)?;
        let mut map: serde_json::Value = serde_json::from_slice(&BASE64.decode(map).ok()?).ok()?;
        *map.get_mut("sources")? = serde_json::json!([source.file_name()?.to_string_lossy()]);
        Some(format!("{code}{MARK}{}\n", BASE64.encode(map.to_string())))
    };
    rewritten().unwrap_or_else(|| text.to_owned())
}

/// esbuild's first error: what, file, line, column (counted from 1).
pub(super) fn first_message(errors: &str) -> Option<(String, String, usize, usize)> {
    let mut what = "";
    for line in errors.lines() {
        if let Some((_, text)) = line.split_once("[ERROR] ") {
            what = text;
        } else if let Some(place) = line.trim().strip_suffix(':').filter(|_| !what.is_empty()) {
            let mut parts = place.rsplitn(3, ':');
            let (column, row, file) = (parts.next()?, parts.next(), parts.next());
            if let (Ok(column), Some(Ok(row)), Some(file)) = (column.parse::<usize>(), row.map(str::parse), file) {
                return Some((what.to_owned(), file.to_owned(), row, column + 1));
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_of_a_syntax_error_is_read() {
        let errors =
            "✘ [ERROR] Expected \";\" but found \"x\"\n\n    lib/a.ts:3:5:\n      3 │ let x x\n        ╵       ^\n\n";
        let (what, file, line, column) = first_message(errors).unwrap();
        assert_eq!((what.as_str(), file.as_str(), line, column), ("Expected \";\" but found \"x\"", "lib/a.ts", 3, 6));
        assert_eq!(first_message("something else"), None);
    }

    #[test]
    fn the_map_names_its_neighbour() {
        let map = BASE64.encode(r#"{"version":3,"sources":["../../bin/app.ts"],"names":[]}"#);
        let text = format!("code;\n//# sourceMappingURL=data:application/json;base64,{map}\n");
        let fixed = with_own_source(&text, Path::new("/r/bin/app.ts"));
        let map = fixed.trim_end().rsplit_once("base64,").unwrap().1;
        assert_eq!(BASE64.decode(map).unwrap(), br#"{"version":3,"sources":["app.ts"],"names":[]}"#);
        assert!(fixed.starts_with("code;\n"));
    }
}
