//! One run of an app: its folders and tools, its environment, the process itself, and what it left.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use serde_json::Value;

use super::bundle_cache::BundleCache;
use super::bundler::{Report, Setup, serve};
use super::child::{Ended, Job, clean_environment, run};
use super::context::{TOOLKIT_CLI_VERSION, TOOLKIT_SCHEMA_VERSION, put_context};
use super::esbuild::{Esbuild, Esbuilder, locate};
use super::file_state::FileState;
use super::node::{AppCommand, Runtime, shell_command};
use super::pipes::Pipes;
use super::sandbox::{Sandbox, Trust};
use super::store;
use super::synth::{Started, Synth, SynthRequest, Validation};
use super::synth_end::{bundle_error, classify, is_loaders_complaint, missing_dependency};
use super::transpile::{Transpiled, Transpiler};
use crate::error::{Error, Result};
use crate::names::Digest;

const HOOK: &str = include_str!("hook.cjs");

/// Everything about one run that stays the same from its first to its last step.
pub(super) struct Run {
    pub request: SynthRequest,
    pub app_dir: PathBuf,
    out_dir: PathBuf,
    cache_dir: PathBuf,
    /// What the app may write besides its work tree.
    dir: tempfile::TempDir,
    /// Where finished bundles are sorted: out of the app's reach, and on the cache's own file system.
    staging: tempfile::TempDir,
    hook: PathBuf,
    pub tools: Esbuilder,
    pub state: Arc<FileState>,
    notes: Vec<String>,
    timings: BTreeMap<&'static str, f64>,
}

impl Run {
    pub(super) async fn prepare(request: SynthRequest) -> Result<Self> {
        let real =
            |path: &Path| std::fs::canonicalize(path).map_err(|source| Error::io("preparing the synth", path, source));
        let make = |path: &Path| {
            std::fs::create_dir_all(path)
                .map_err(|source| Error::io("preparing the synth", path, source))
                .and_then(|()| real(path))
        };
        let (app_dir, root) = (real(&request.app_dir)?, real(&request.project_root)?);
        let (out_dir, cache_dir) = (make(&request.out_dir)?, make(&request.cache_dir)?);
        // what an earlier run left must not pass for this one's
        let _ = std::fs::remove_file(out_dir.join("manifest.json"));
        let runs = make(&cache_dir.join("runs"))?;
        let own = |prefix: &str| {
            let made = tempfile::Builder::new().prefix(prefix).tempdir_in(&runs);
            made.map_err(|source| Error::io("preparing the synth", &runs, source))
        };
        let (dir, staging) = (own("app-")?, own("bundles-")?);
        let home = match request.trust {
            // Maven, Go and the like keep what they have downloaded there
            Trust::Trusted => make(&cache_dir.join("home"))?,
            Trust::Untrusted => make(&dir.path().join("home"))?,
        };
        let tmp = make(&dir.path().join("tmp"))?;
        let compiled = make(&cache_dir.join("compiled").join(request.trust.folder()))?;
        let hook = cache_dir.join(format!("hook-{}.cjs", Digest::of(HOOK).short()));
        if std::fs::read(&hook).ok().as_deref() != Some(HOOK.as_bytes()) {
            store::write_file(&hook, HOOK.as_bytes())?;
        }
        let sandbox = Sandbox::open(request.sandbox, request.trust).await?;
        let notes = sandbox.note().map(str::to_owned).into_iter().collect();
        let mut sandbox = sandbox.readable(&cache_dir).writable(&root).writable(&out_dir).writable(dir.path());
        // hooks and settings of the repository must not be changed by the app: git would run them outside
        sandbox = sandbox.writable(&home).writable(&compiled).readable(&root.join(".git"));
        if request.trust == Trust::Untrusted {
            // a checkout made by others may keep the forge's token there
            sandbox = sandbox.hide(&root.join(".git/config"));
        }
        let (limits, cancel) = (request.limits, request.cancel.clone());
        let tools = Esbuilder { sandbox: Arc::new(sandbox), limits, cancel, home, tmp };
        let state = Arc::new(FileState::open(&cache_dir, &root));
        Ok(Run {
            request,
            app_dir,
            out_dir,
            cache_dir,
            dir,
            staging,
            hook,
            tools,
            state,
            notes,
            timings: BTreeMap::new(),
        })
    }

    pub(super) fn note(&mut self, note: String) {
        self.notes.push(note);
    }

    fn time(&mut self, what: &'static str, since: Instant) {
        *self.timings.entry(what).or_insert(0.0) += since.elapsed().as_secs_f64() * 1000.0;
    }

    fn job(&self, program: &Path, args: Vec<OsString>, env: BTreeMap<String, String>) -> Job {
        Job {
            program: program.to_path_buf(),
            args,
            cwd: self.app_dir.clone(),
            env,
            limits: self.request.limits,
            cancel: self.request.cancel.clone(),
            lines: self.request.lines.clone(),
        }
    }

    pub(super) async fn build_command(&mut self) -> Result<()> {
        let Some(build) = self.request.build.clone() else { return Ok(()) };
        let began = Instant::now();
        let env = clean_environment(&self.tools.home, &self.tools.tmp, &self.request.env);
        let ended =
            run(self.job(Path::new("/bin/sh"), vec!["-c".into(), build.clone().into()], env), &self.tools.sandbox)
                .await?;
        self.time("build", began);
        if ended.succeeded() {
            return Ok(());
        }
        let said = ended.stderr.last_lines(20).join("\n  ");
        let what = format!("`{build}` ended with {:?}\n  {said}", ended.ending);
        Err(Error::failed("synth.build_command", "running the build command of cdk.json", what)
            .next("correct it, or take it out of cdk.json"))
    }

    /// A plain checkout without packages is said before Node says it in its own way.
    pub(super) fn check_dependencies(&self) -> Result<()> {
        let package: Value = store::read_json(&self.app_dir.join("package.json")).unwrap_or_default();
        let names = ["dependencies", "devDependencies"].iter().filter_map(|key| package.get(key)?.as_object());
        let Some(first) = names.flat_map(|object| object.keys()).next() else { return Ok(()) };
        let there = |folder: &Path| folder.join("node_modules").is_dir() || folder.join(".pnp.cjs").is_file();
        if self.app_dir.ancestors().any(there) { Ok(()) } else { Err(missing_dependency(first)) }
    }

    /// Runs the app's command, directly where that is the same, and its own way where that turns out to be wrong.
    pub(super) async fn app(&mut self, command: AppCommand) -> Result<(Report, Started)> {
        let esbuild = locate(&self.app_dir);
        if let AppCommand::Direct { entry, args, node_options } = command {
            match self.direct_job(&entry, &args, node_options, esbuild.as_ref()).await? {
                Err(why) => self.note(format!("The app is run by its own command: {why}.")),
                Ok(job) => {
                    let (ended, report) = self.start(job, esbuild.as_ref()).await?;
                    if !is_loaders_complaint(&ended) {
                        return Ok((self.judge(&ended, report)?, Started::Node));
                    }
                    self.note("The app is run by its own command: it cannot be loaded as CommonJS.".to_owned());
                }
            }
        }
        let command = shell_command(&self.request.app, &self.app_dir);
        let mut job = self.job(Path::new("/bin/sh"), vec!["-c".into(), command.into()], BTreeMap::new());
        job.env = self.environment(Some(&self.hook))?;
        let (ended, report) = self.start(job, esbuild.as_ref()).await?;
        Ok((self.judge(&ended, report)?, Started::Command))
    }

    /// The app's entry by Node itself; or why that would not be the same.
    async fn direct_job(
        &mut self,
        entry: &Path,
        given: &[String],
        node_options: Vec<String>,
        esbuild: Option<&Esbuild>,
    ) -> Result<std::result::Result<Job, &'static str>> {
        let node = Runtime::find(&self.cache_dir).await?;
        let typescript = entry.extension().is_some_and(|extension| extension != "js" && extension != "cjs");
        let mut transpiled = None;
        if typescript {
            let Some(esbuild) = esbuild else { return Ok(Err("esbuild is not installed in the project")) };
            let began = Instant::now();
            let transpiler = Transpiler {
                esbuilder: &self.tools,
                esbuild,
                state: &self.state,
                folder: self.cache_dir.join("transpiled").join(self.request.trust.folder()),
                node_version: &node.version,
                app_dir: &self.app_dir,
                run_dir: self.dir.path(),
            };
            let result = transpiler.run(entry).await?;
            self.time("transpile", began);
            match result {
                Transpiled::Map(map) => transpiled = Some(map),
                Transpiled::Unsuitable(why) => return Ok(Err(why)),
            }
        }
        let mut args: Vec<OsString> = node_options.into_iter().map(OsString::from).collect();
        args.extend([self.hook.clone().into(), "--".into()]);
        args.extend(given.iter().map(OsString::from));
        let mut job = self.job(&node.binary, args, BTreeMap::new());
        job.env = self.environment(None)?;
        job.env.insert("OFFSHOOT_MAIN".to_owned(), entry.display().to_string());
        if let Some(map) = transpiled {
            job.env.insert("OFFSHOOT_TRANSPILED".to_owned(), map.display().to_string());
        }
        Ok(Ok(job))
    }

    /// What the toolkit gives an app, in a clean environment; with `hook`, Node loads it by itself.
    fn environment(&self, hook: Option<&Path>) -> Result<BTreeMap<String, String>> {
        let request = &self.request;
        let mut env = clean_environment(&self.tools.home, &self.tools.tmp, &request.env);
        let mut set = |name: &str, value: String| {
            env.insert(name.to_owned(), value);
        };
        set("CDK_OUTDIR", self.out_dir.display().to_string());
        set("CDK_DEFAULT_REGION", request.region.to_string());
        if let Some(account) = &request.account {
            set("CDK_DEFAULT_ACCOUNT", account.to_string());
        }
        set("CDK_CLI_ASM_VERSION", TOOLKIT_SCHEMA_VERSION.to_owned());
        set("CDK_CLI_VERSION", TOOLKIT_CLI_VERSION.to_owned());
        set("PYTHONIOENCODING", "utf-8".to_owned());
        if request.validation == Validation::Off {
            set("CDK_VALIDATION", "false".to_owned());
        }
        let compiled = self.cache_dir.join("compiled").join(request.trust.folder());
        set("OFFSHOOT_COMPILE_CACHE", compiled.display().to_string());
        let mut options = vec![request.limits.node_heap_option()];
        if let Some(hook) = hook {
            options.push(format!("--require=\"{}\"", hook.display()));
        }
        options.extend(request.env.get("NODE_OPTIONS").cloned());
        set("NODE_OPTIONS", options.join(" "));
        put_context(&mut env, &request.context, self.dir.path())?;
        Ok(env)
    }

    /// Runs the process and answers its hook until it has ended.
    async fn start(&mut self, mut job: Job, esbuild: Option<&Esbuild>) -> Result<(Ended, Report)> {
        let folder = tempfile::tempdir_in(self.dir.path())
            .map_err(|source| Error::io("preparing the synth", self.dir.path(), source))?
            .keep();
        let began = Instant::now();
        if esbuild.is_none() {
            // the library then says itself what it needs
            let ended = run(job, &self.tools.sandbox).await?;
            self.time("node", began);
            return Ok((ended, Report::default()));
        }
        let (pipes, messages) = Pipes::create(&folder)?;
        job.env.insert("OFFSHOOT_HOOK_REQUEST".to_owned(), pipes.request.display().to_string());
        job.env.insert("OFFSHOOT_HOOK_REPLY".to_owned(), pipes.reply.display().to_string());
        let app = async {
            let ended = run(job, &self.tools.sandbox).await;
            pipes.stop();
            ended
        };
        let (ended, report) = tokio::join!(app, serve(self.setup(), &pipes, messages));
        self.time("node", began);
        self.timings.insert("bundle", report.bundle_ms);
        self.timings.insert("bundle_wait", report.wait_ms);
        Ok((ended?, report))
    }

    fn setup(&self) -> Setup {
        let usual_out =
            if self.out_dir.starts_with(&self.app_dir) { self.out_dir.clone() } else { self.app_dir.join("cdk.out") };
        let name = Digest::of_parts([self.state.relative(&self.app_dir), self.request.app.clone()]);
        let apps = self.cache_dir.join("apps").join(self.request.trust.folder());
        Setup {
            esbuilder: self.tools.clone(),
            cache: BundleCache::new(&self.cache_dir, self.request.trust),
            state: self.state.clone(),
            real_out: self.out_dir.clone(),
            usual_out,
            staging: self.staging.path().to_path_buf(),
            known_file: apps.join(format!("{}.json", name.short())),
        }
    }

    fn judge(&self, ended: &Ended, report: Report) -> Result<Report> {
        let result = classify(ended, self.request.limits, &self.request.app, &self.out_dir, &self.app_dir);
        // what stopped the app says more than how it stopped
        match (result, report.trouble) {
            (Err(_), Some(trouble)) => Err(trouble),
            (Err(error), None) if error.code() == "synth.app_exited" => {
                Err(bundle_error(&report.failures, &self.app_dir, self.state.root()).unwrap_or(error))
            }
            (Err(error), None) => Err(error),
            (Ok(()), _) => Ok(Report { trouble: None, ..report }),
        }
    }

    pub(super) fn finish(mut self, report: Option<Report>, started: Started, began: Instant) -> Synth {
        self.state.save();
        if let Some(report) = &report
            && report.lib.is_none()
            && started != Started::Nothing
            && locate(&self.app_dir).is_some()
        {
            self.note(
                "No function was taken out of the app: it has none, or loads the library in an unfamiliar way."
                    .to_owned(),
            );
        }
        let report = report.unwrap_or_default();
        self.notes.extend(report.fallbacks);
        self.time("synth", began);
        let loaded = report.loaded.iter().filter(|file| file.starts_with(self.state.root()));
        Synth {
            out_dir: self.out_dir,
            functions: report.functions,
            loaded: loaded.map(|file| self.state.relative(file)).collect(),
            notes: self.notes,
            timings: self.timings,
            started,
        }
    }
}
