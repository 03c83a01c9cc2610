//! The project's own esbuild: where its binary is, and running it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use super::child::{Ended, Ending, Job, clean_environment, run};
use super::limits::Limits;
use super::sandbox::Sandbox;
use crate::error::{Error, Result};

/// An esbuild that a project has installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Esbuild {
    pub binary: PathBuf,
    pub version: String,
}

#[derive(Deserialize)]
struct Package {
    version: String,
}

/// Looks from `folder` upward for `node_modules/esbuild` and the binary that belongs to it.
///
/// Where to look is never taken from the app's environment (`ESBUILD_BINARY_PATH`), which could name anything.
pub(super) fn locate(folder: &Path) -> Option<Esbuild> {
    folder.ancestors().find_map(|above| in_modules(&above.join("node_modules")))
}

fn in_modules(modules: &Path) -> Option<Esbuild> {
    // pnpm links to its store, where the binary's package lies beside the real folder
    let package = std::fs::canonicalize(modules.join("esbuild")).ok()?;
    let text = std::fs::read_to_string(package.join("package.json")).ok()?;
    let version = serde_json::from_str::<Package>(&text).ok()?.version;
    let platform = Path::new("@esbuild").join(platform()?);
    let places = [package.join("node_modules"), package.parent()?.to_path_buf(), modules.to_path_buf()];
    let native = places.into_iter().find_map(|place| {
        let package = place.join(&platform);
        let text = std::fs::read_to_string(package.join("package.json")).ok()?;
        let same = serde_json::from_str::<Package>(&text).ok()?.version == version;
        Some(package.join("bin/esbuild")).filter(|binary| same && binary.is_file())
    });
    // its install script puts the binary in the place of the JavaScript launcher
    let launcher = package.join("bin/esbuild");
    let binary = native.or_else(|| is_native(&launcher).then_some(launcher))?;
    Some(Esbuild { binary, version })
}

fn platform() -> Option<String> {
    let os = match std::env::consts::OS {
        "macos" => "darwin",
        other => other,
    };
    let cpu = match std::env::consts::ARCH {
        "x86_64" => "x64",
        "aarch64" => "arm64",
        "x86" => "ia32",
        "arm" => "arm",
        _ => return None,
    };
    Some(format!("{os}-{cpu}"))
}

fn is_native(file: &Path) -> bool {
    use std::io::Read as _;
    let mut magic = [0; 2];
    std::fs::File::open(file).and_then(|mut file| file.read_exact(&mut magic)).is_ok() && &magic != b"#!"
}

/// What every run of esbuild needs.
#[derive(Clone)]
pub(super) struct Esbuilder {
    pub sandbox: Arc<Sandbox>,
    pub limits: Limits,
    pub cancel: CancellationToken,
    pub home: PathBuf,
    pub tmp: PathBuf,
}

/// How a run of esbuild ended, as far as the app is concerned.
pub(super) enum Built {
    Done,
    /// The messages, each with file, line and column.
    Errors(String),
}

impl Esbuilder {
    /// Runs esbuild; an error is one of ours or of the machine, not of the code.
    pub(super) async fn run(
        &self,
        esbuild: &Esbuild,
        cwd: &Path,
        args: Vec<OsString>,
        given: &BTreeMap<String, String>,
    ) -> Result<Built> {
        let mut env = clean_environment(&self.home, &self.tmp, given);
        // Go would let its heap double before it collects; a limit much below what is in use makes it collect all the time
        env.entry("GOGC".to_owned()).or_insert_with(|| "50".to_owned());
        env.entry("GOMEMLIMIT".to_owned()).or_insert_with(|| "500MiB".to_owned());
        let job = Job {
            program: esbuild.binary.clone(),
            args,
            cwd: cwd.to_path_buf(),
            env,
            limits: self.limits,
            cancel: self.cancel.clone(),
            lines: None,
        };
        let ended = run(job, &self.sandbox).await?;
        tracing::debug!(peak_memory_mb = ended.peak_memory_mb, elapsed_ms = ended.elapsed.as_millis(), "esbuild ended");
        classify(ended, self.limits)
    }
}

fn classify(ended: Ended, limits: Limits) -> Result<Built> {
    let doing = "bundling functions with esbuild";
    match ended.ending {
        Ending::Exited { code: 0 } => Ok(Built::Done),
        Ending::Exited { .. } => Ok(Built::Errors(ended.stderr.text().trim_end().to_owned())),
        Ending::Cancelled => Err(Error::transient("synth.cancelled", doing, "it was cancelled")),
        Ending::TimedOut { after_s } => {
            Err(Error::failed("bundle.timeout", doing, format!("not done after {after_s} s"))
                .next("look for an entry that pulls in very many files, or allow more time"))
        }
        Ending::OutOfMemory { used_mb } => {
            let what = format!("it used {used_mb} MB of the {} MB allowed", limits.memory_mb);
            Err(Error::failed("bundle.memory", doing, what).next("allow more memory"))
        }
        Ending::Signalled { signal } => {
            Err(Error::failed("bundle.killed", doing, format!("esbuild was ended by signal {signal}"))
                .next("run it again"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(folder: &Path, version: &str) {
        std::fs::create_dir_all(folder.join("bin")).unwrap();
        std::fs::write(folder.join("package.json"), format!("{{\"version\":\"{version}\"}}")).unwrap();
        std::fs::write(folder.join("bin/esbuild"), "#!/usr/bin/env node").unwrap();
    }

    #[test]
    fn the_binary_is_found_hoisted_nested_and_through_pnpm() {
        let tree = tempfile::tempdir().unwrap();
        let root = std::fs::canonicalize(tree.path()).unwrap();
        let platform = platform().unwrap();
        let modules = root.join("node_modules");
        package(&modules.join("esbuild"), "0.28.2");
        assert_eq!(locate(&root), None, "a launcher without its binary");
        package(&modules.join("@esbuild").join(&platform), "0.28.2");
        let app = root.join("apps/a");
        std::fs::create_dir_all(&app).unwrap();
        assert_eq!(locate(&app).unwrap().binary, modules.join("@esbuild").join(&platform).join("bin/esbuild"));

        let store = root.join("node_modules/.pnpm/esbuild@0.20.0/node_modules");
        package(&store.join("esbuild"), "0.20.0");
        package(&store.join("@esbuild").join(&platform), "0.20.0");
        std::fs::create_dir_all(app.join("node_modules")).unwrap();
        std::os::unix::fs::symlink(store.join("esbuild"), app.join("node_modules/esbuild")).unwrap();
        let found = locate(&app).unwrap();
        assert_eq!(found.version, "0.20.0");
        assert!(found.binary.starts_with(&store));
    }
}
