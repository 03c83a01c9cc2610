//! From an app's folder to its cloud assembly: what is asked, what comes of it, and the steps between.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;

use super::child::LineSink;
use super::limits::Limits;
use super::node::AppCommand;
use super::sandbox::{SandboxMode, Trust};
use super::synth_run::Run;
use super::typecheck::typecheck;
use crate::error::Result;
use crate::names::{AccountId, Region};

/// Whether aws-cdk-lib checks the finished templates against its own rules (several seconds).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Validation {
    On,
    Off,
}

/// Whether the app's types are checked beside the synth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Typecheck {
    On,
    Off,
}

/// One app to synthesize.
#[derive(Clone)]
pub struct SynthRequest {
    pub app_dir: PathBuf,
    /// The work tree's root: what is cached is kept relative to it.
    pub project_root: PathBuf,
    /// `app` of cdk.json.
    pub app: String,
    /// `build` of cdk.json, run first.
    pub build: Option<String>,
    /// The whole context, from [`super::merge_context`].
    pub context: Map<String, Value>,
    pub env: BTreeMap<String, String>,
    pub account: Option<AccountId>,
    pub region: Region,
    pub out_dir: PathBuf,
    pub cache_dir: PathBuf,
    pub trust: Trust,
    pub sandbox: SandboxMode,
    pub limits: Limits,
    pub validation: Validation,
    pub typecheck: Typecheck,
    pub cancel: CancellationToken,
    /// What the app writes while it runs.
    pub lines: Option<LineSink>,
}

/// One function that was bundled outside the app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BundledFunction {
    /// The construct path: `Stack/Function`.
    pub path: String,
    /// The asset hash.
    pub hash: String,
    /// Its own source files, relative to the work tree, without packages.
    pub sources: Vec<String>,
    pub size_bytes: u64,
}

/// What was started to get the assembly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Started {
    /// Node, on the app's entry.
    Node,
    /// The app's command, by a shell.
    Command,
    /// Nothing: the assembly was there.
    Nothing,
}

/// A finished assembly on disk.
#[derive(Clone, Debug)]
pub struct Synth {
    pub out_dir: PathBuf,
    pub functions: Vec<BundledFunction>,
    /// The app's own files that were loaded, relative to the work tree.
    pub loaded: Vec<String>,
    /// What did not go the fast way, in sentences.
    pub notes: Vec<String>,
    /// Milliseconds per part; `bundle` and `node` run beside each other.
    pub timings: BTreeMap<&'static str, f64>,
    pub started: Started,
}

/// Runs the app and leaves its assembly in `out_dir`.
pub async fn synth(request: SynthRequest) -> Result<Synth> {
    let began = Instant::now();
    let mut run = Run::prepare(request).await?;
    run.build_command().await?;
    let (command, why) = AppCommand::parse(&run.request.app, &run.app_dir);
    if let AppCommand::Assembly(out_dir) = command {
        return Ok(Synth { out_dir, ..run.finish(None, Started::Nothing, began) });
    }
    run.check_dependencies()?;
    if let Some(why) = why.filter(|_| command.is_javascript()) {
        run.note(format!("The app is run by its own command: {why}."));
    }
    let (tools, app_dir, root) = (run.tools.clone(), run.app_dir.clone(), run.state.root().to_path_buf());
    let (wanted, env) = (run.request.typecheck, run.request.env.clone());
    let check = async { if wanted == Typecheck::On { typecheck(&tools, &app_dir, &root, &env).await } else { Ok(()) } };
    let (checked, done) = tokio::join!(check, run.app(command));
    checked?;
    let (report, started) = done?;
    Ok(run.finish(Some(report), started, began))
}
