//! Answers the hook: functions from the cache at once, the others by few runs of esbuild while the app goes on.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

use super::bundle_cache::{Bundle, BundleCache};
use super::bundle_key::FunctionSpec;
use super::esbuild::{self, Esbuild, Esbuilder};
use super::esbuild_output::build;
use super::file_state::FileState;
use super::pipes::Pipes;
use super::protocol::{FunctionRequest, HookMessage, Reply};
use super::store;
use super::synth::BundledFunction;
use crate::error::{Error, Result};

/// Functions in one run: more share the parsed modules better, fewer need less memory: 16 of
/// 0.5 MB each, with source maps, stay under 500 MB, 25 of them need 870 MB.
const BATCH: usize = 16;

/// What the bundler needs for one run of an app.
pub(super) struct Setup {
    pub esbuilder: Esbuilder,
    pub cache: BundleCache,
    pub state: Arc<FileState>,
    /// Where this run's assembly is written, and where `cdk synth` would have written it.
    pub real_out: PathBuf,
    pub usual_out: PathBuf,
    /// An empty folder on the cache's file system.
    pub staging: PathBuf,
    /// The functions of the last run of this app.
    pub known_file: PathBuf,
}

/// What came of it.
#[derive(Default)]
pub(super) struct Report {
    pub functions: Vec<BundledFunction>,
    pub fallbacks: Vec<String>,
    /// The version of the library that said hello; nothing when the hook was not loaded.
    pub lib: Option<String>,
    pub loaded: Vec<PathBuf>,
    /// From the first run of esbuild to the end of the last.
    pub bundle_ms: f64,
    /// How long the app stood still for its bundles.
    pub wait_ms: f64,
    /// Construct path and esbuild's messages of each function that the app waited for in vain.
    pub failures: Vec<(String, String)>,
    /// Ours or the machine's, in contrast to an error in the code.
    pub trouble: Option<Error>,
}

enum Slot {
    Queued,
    Building,
    Ready(Bundle),
    Failed(String),
}

struct Asked {
    key: String,
    path: String,
    hash: Option<String>,
}

type BatchDone = (Vec<String>, Result<Vec<(String, std::result::Result<Bundle, String>)>>);

struct Bundler {
    setup: Arc<Setup>,
    report: Report,
    slots: HashMap<String, Slot>,
    specs: HashMap<String, (FunctionSpec, Esbuild)>,
    queue: Vec<String>,
    asked: BTreeMap<u64, Asked>,
    needed: BTreeSet<u64>,
    needed_since: Option<Instant>,
    located: HashMap<PathBuf, Option<Esbuild>>,
    jobs: JoinSet<BatchDone>,
    turns: Arc<Semaphore>,
    building_since: Option<Instant>,
    batches: usize,
}

/// Serves one run of the app until [`Pipes::stop`].
pub(super) async fn serve(setup: Setup, pipes: &Pipes, mut messages: mpsc::Receiver<HookMessage>) -> Report {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut bundler = Bundler {
        setup: Arc::new(setup),
        report: Report::default(),
        slots: HashMap::new(),
        specs: HashMap::new(),
        queue: Vec::new(),
        asked: BTreeMap::new(),
        needed: BTreeSet::new(),
        needed_since: None,
        located: HashMap::new(),
        jobs: JoinSet::new(),
        // esbuild uses all cores itself; a second run beside it only pays on large machines
        turns: Arc::new(Semaphore::new((cores / 8).max(1))),
        building_since: None,
        batches: 0,
    };
    bundler.begin_with_last_run();
    loop {
        tokio::select! {
            message = messages.recv() => match message {
                None | Some(HookMessage::Stop) => break,
                Some(message) => bundler.hear(message),
            },
            Some(done) = bundler.jobs.join_next() => bundler.take(done),
        }
        if let Err(error) = bundler.answer(pipes).await {
            bundler.report.trouble.get_or_insert(Error::io("answering the app", &pipes.reply, error));
            break;
        }
    }
    bundler.finish()
}

impl Bundler {
    /// Looks at the functions of the last run, and begins with those that changed, while Node is still starting.
    fn begin_with_last_run(&mut self) {
        let known: Vec<FunctionSpec> = store::read_json(&self.setup.known_file).unwrap_or_default();
        for spec in known {
            let spec = spec.at(self.setup.state.root());
            if spec.entry.is_file() && spec.out_dir.starts_with(&self.setup.usual_out) {
                self.enter(spec);
            }
        }
        self.start_batches(1);
    }

    fn hear(&mut self, message: HookMessage) {
        match message {
            HookMessage::Hello { lib, .. } => self.report.lib = Some(lib),
            HookMessage::Function(request) => self.hear_function(&request),
            HookMessage::Fallback { path, why } => self.report.fallbacks.push(fallback_note(&path, &why)),
            HookMessage::Need { ids } => {
                self.needed.extend(ids);
                self.needed_since = Some(Instant::now());
                self.start_batches(1);
            }
            HookMessage::Hashed { id, hash } => self.hear_hash(id, hash),
            HookMessage::Done { files } => self.report.loaded = files,
            HookMessage::Stop => {}
        }
    }

    fn hear_function(&mut self, request: &FunctionRequest) {
        let spec = FunctionSpec::of(request, &self.setup.real_out, &self.setup.usual_out);
        let key = spec.and_then(|spec| self.enter(spec));
        if key.is_none() {
            let why = "its esbuild is not installed where it is bundled, or it is bundled in an unfamiliar way";
            self.report.fallbacks.push(fallback_note(&request.path, why));
        }
        // an unknown key is answered with the library's own way
        let asked = Asked { key: key.unwrap_or_default(), path: request.path.clone(), hash: None };
        self.asked.insert(request.id, asked);
        self.start_batches(BATCH);
    }

    fn hear_hash(&mut self, id: u64, hash: String) {
        let Some(asked) = self.asked.get_mut(&id) else { return };
        if let (Some(Slot::Ready(bundle)), Some(lib)) = (self.slots.get(&asked.key), &self.report.lib) {
            let _ = self.setup.cache.remember_hash(&bundle.content, lib, &hash);
        }
        asked.hash = Some(hash);
    }

    /// Makes the function known, from the cache or for the next batch; nothing when there is no esbuild for it.
    fn enter(&mut self, spec: FunctionSpec) -> Option<String> {
        let locate = || esbuild::locate(&spec.cwd);
        let esbuild = self.located.entry(spec.cwd.clone()).or_insert_with(locate).clone()?;
        let key = spec.key(self.setup.state.root(), &esbuild.version);
        if !self.slots.contains_key(&key) {
            let slot = match self.setup.cache.find(&key, &self.setup.state) {
                Some(bundle) => Slot::Ready(bundle),
                None => {
                    self.queue.push(key.clone());
                    Slot::Queued
                }
            };
            self.slots.insert(key.clone(), slot);
            self.specs.insert(key.clone(), (spec, esbuild));
        }
        Some(key)
    }

    /// Starts a run for each group that has at least `least` functions waiting.
    fn start_batches(&mut self, least: usize) {
        let mut groups: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for key in std::mem::take(&mut self.queue) {
            let Some((spec, esbuild)) = self.specs.get(&key) else { continue };
            groups.entry(format!("{} {}", esbuild.binary.display(), spec.group())).or_default().push(key);
        }
        for keys in groups.into_values() {
            for batch in keys.chunks(BATCH) {
                if batch.len() >= least {
                    self.start(batch.to_vec());
                } else {
                    self.queue.extend_from_slice(batch);
                }
            }
        }
    }

    fn start(&mut self, keys: Vec<String>) {
        self.building_since.get_or_insert_with(Instant::now);
        self.batches += 1;
        let staging = self.setup.staging.join(self.batches.to_string());
        let specs: Vec<_> = keys.iter().filter_map(|key| self.specs.get(key).cloned()).collect();
        for key in &keys {
            self.slots.insert(key.clone(), Slot::Building);
        }
        let (setup, turns) = (self.setup.clone(), self.turns.clone());
        self.jobs.spawn(async move {
            let _turn = turns.acquire_owned().await;
            let done = run_batch(&setup, &keys, specs, &staging).await;
            (keys, done)
        });
    }

    fn take(&mut self, done: std::result::Result<BatchDone, tokio::task::JoinError>) {
        let Ok((keys, result)) = done else { return };
        match result {
            Ok(bundles) => {
                let slots = bundles.into_iter().map(|(key, bundle)| match bundle {
                    Ok(bundle) => (key, Slot::Ready(bundle)),
                    Err(errors) => (key, Slot::Failed(errors)),
                });
                self.slots.extend(slots);
            }
            Err(error) => {
                self.slots.extend(keys.into_iter().map(|key| (key, Slot::Failed(error.to_string()))));
                self.report.trouble.get_or_insert(error);
            }
        }
        if self.jobs.is_empty()
            && let Some(since) = self.building_since.take()
        {
            self.report.bundle_ms += since.elapsed().as_secs_f64() * 1000.0;
        }
    }

    /// Says what is known of what the app waits for.
    async fn answer(&mut self, pipes: &Pipes) -> std::io::Result<()> {
        for id in self.needed.clone() {
            let Some(reply) = self.reply(id) else { continue };
            self.needed.remove(&id);
            pipes.send(&reply).await?;
        }
        if self.needed.is_empty()
            && let Some(since) = self.needed_since.take()
        {
            self.report.wait_ms += since.elapsed().as_secs_f64() * 1000.0;
        }
        Ok(())
    }

    fn reply(&mut self, id: u64) -> Option<Reply> {
        let Some(asked) = self.asked.get_mut(&id) else {
            return Some(Reply::Failed { id, error: "this function was never asked for".to_owned() });
        };
        match self.slots.get(&asked.key) {
            None => Some(Reply::Own { id, own: true }),
            Some(Slot::Queued | Slot::Building) => None,
            Some(Slot::Failed(error)) => {
                self.report.failures.push((asked.path.clone(), error.clone()));
                Some(Reply::Failed { id, error: error.clone() })
            }
            Some(Slot::Ready(bundle)) => {
                let hash = self.report.lib.as_ref().and_then(|lib| self.setup.cache.hash(&bundle.content, lib));
                asked.hash.clone_from(&hash);
                Some(Reply::Built { id, dir: bundle.dir.clone(), hash })
            }
        }
    }

    fn finish(mut self) -> Report {
        self.remember_functions();
        for asked in self.asked.into_values() {
            if let (Some(Slot::Ready(bundle)), Some(hash)) = (self.slots.get(&asked.key), asked.hash) {
                self.report.functions.push(BundledFunction {
                    path: asked.path,
                    hash,
                    sources: bundle.sources.clone(),
                    size_bytes: bundle.size_bytes,
                });
            }
        }
        self.report
    }

    /// Only what this run asked for: what the app no longer has is forgotten.
    fn remember_functions(&self) {
        let root = self.setup.state.root();
        let keys: BTreeSet<&String> = self.asked.values().map(|asked| &asked.key).collect();
        let specs: Vec<_> = keys.iter().filter_map(|key| Some(self.specs.get(*key)?.0.portable(root))).collect();
        if !specs.is_empty() {
            let _ = store::write_json(&self.setup.known_file, &specs);
        }
    }
}

fn fallback_note(path: &str, why: &str) -> String {
    if path == "*" {
        return format!("All functions are bundled by the app itself: {why}.");
    }
    format!("{path} is bundled by the app itself: {why}.")
}

async fn run_batch(
    setup: &Arc<Setup>,
    keys: &[String],
    specs: Vec<(FunctionSpec, Esbuild)>,
    staging: &Path,
) -> Result<Vec<(String, std::result::Result<Bundle, String>)>> {
    let Some((_, esbuild)) = specs.first().cloned() else { return Ok(Vec::new()) };
    let specs: Vec<FunctionSpec> = specs.into_iter().map(|(spec, _)| spec).collect();
    std::fs::create_dir_all(staging).map_err(|source| Error::io("preparing a folder for bundles", staging, source))?;
    let outcomes = build(&setup.esbuilder, &esbuild, &specs, staging).await?;
    let (setup, keys) = (setup.clone(), keys.to_vec());
    let store = move || {
        let put = |((key, spec), outcome): ((String, FunctionSpec), super::esbuild_output::Outcome)| {
            let bundle = match outcome {
                Ok(output) => Ok(setup.cache.put(&key, &spec, &output.folder, &output.inputs, &setup.state)?),
                Err(errors) => Err(errors),
            };
            Ok((key, bundle))
        };
        keys.into_iter().zip(specs).zip(outcomes).map(put).collect()
    };
    tokio::task::spawn_blocking(store)
        .await
        .map_err(|source| Error::bug("bundle.store", "storing bundles", "the task ended early").because(source))?
}
