//! A CDK app: the toolkit's own context and environment around it, and lookups of what it asks for.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde_json::{Map, Value};

use super::{Place, Written};
use crate::assembly::MissingContext;
use crate::aws::lookup;
use crate::config::{self, AppKind};
use crate::error::{Error, Result};
use crate::pipeline::changed::{Facts, Room};
use crate::pipeline::checkout::Tree;
use crate::pipeline::stage::Intent;
use crate::pipeline::{Desk, Tools, reading};
use crate::toolchain::{self, ContextLayers, Limits, Synth, SynthRequest, ToolkitSwitches, Typecheck, Validation};

/// An app that still asks for context after so many rounds asks in circles.
const MAX_ROUNDS: usize = 8;

pub(super) async fn run(intent: &Intent, tree: &Tree, room: Room, desk: &Desk, tools: &Tools) -> Result<Written> {
    let begun = Instant::now();
    let app_dir = tree.root.join(&intent.app.path);
    let settings = Settings::read(intent, &app_dir)?;
    let mut layers = settings.layers.clone();
    let mut asked: BTreeSet<String> = BTreeSet::new();
    tools.teller.step(format!("synthesizing {} for {}", intent.app.name, intent.stage.name));
    for _ in 0..MAX_ROUNDS {
        let synth = toolchain::synth(request(intent, tree, &room, desk, tools, &settings, &layers)).await?;
        let missing = missing_of(&synth.out_dir).await?;
        if missing.is_empty() {
            validated(intent, &synth.out_dir)?;
            return Ok(written(synth, room, &asked, begun));
        }
        let keys: BTreeSet<String> = missing.iter().map(|m| m.key.clone()).collect();
        if keys.is_subset(&asked) {
            let what = format!(
                "the app asks again for what was looked up: {}",
                keys.into_iter().collect::<Vec<_>>().join(", ")
            );
            return Err(Error::failed("synth.missing_context", "synthesizing", what)
                .next("run `npx cdk synth` once and commit cdk.context.json"));
        }
        tools.teller.step(format!(
            "looking up {} in AWS",
            if keys.len() == 1 { "1 value".to_owned() } else { format!("{} values", keys.len()) }
        ));
        for wanted in missing.iter().filter(|m| !asked.contains(&m.key)) {
            let value = lookup::look_up(&desk.aws, wanted).await?;
            layers.cdk_context_json.insert(wanted.key.clone(), value);
        }
        asked.extend(keys);
        clear(&room.work)?;
    }
    Err(Error::failed(
        "synth.missing_context",
        "synthesizing",
        format!("the app still asks for context after {MAX_ROUNDS} rounds"),
    )
    .next("run `npx cdk synth` once and commit cdk.context.json"))
}

/// What the files of the app's folder say.
struct Settings {
    app: String,
    build: Option<String>,
    layers: ContextLayers,
    switches: ToolkitSwitches,
}

impl Settings {
    fn read(intent: &Intent, app_dir: &Path) -> Result<Settings> {
        let cdk_json = read_object(&app_dir.join("cdk.json"))?.unwrap_or_default();
        let text = |key: &str| cdk_json.get(key).and_then(Value::as_str).map(str::to_owned);
        let app = intent.app.command.clone().or_else(|| text("app")).ok_or_else(|| {
            Error::usage(
                "synth.no_app",
                "reading cdk.json",
                format!("{} has no `app`", app_dir.join("cdk.json").display()),
            )
            .next("say how the app is run, for example \"app\": \"npx tsx bin/app.ts\"")
        })?;
        let object = |value: Option<&Value>| value.and_then(Value::as_object).cloned().unwrap_or_default();
        let mut command_line = intent.app.context.clone();
        command_line.extend(intent.stage.rule.context.clone());
        command_line.insert("stage".to_owned(), Value::String(intent.stage.name.to_string()));
        let layers = ContextLayers {
            command_line,
            cdk_json: object(cdk_json.get("context")),
            cdk_context_json: read_object(&app_dir.join("cdk.context.json"))?.unwrap_or_default(),
            // a person's own settings must not decide what a stage becomes
            user_json: Map::new(),
        };
        Ok(Settings { app, build: text("build"), layers, switches: ToolkitSwitches { cdk_json } })
    }
}

fn read_object(path: &Path) -> Result<Option<Map<String, Value>>> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(Error::io("reading the app's settings", path, e)),
    };
    serde_json::from_str(&text).map(Some).map_err(|e| {
        let what = e.to_string();
        let what = what.split(" at line").next().unwrap_or(&what).to_owned();
        Error::usage("synth.bad_json", format!("reading {}", path.display()), what)
            .at(path, e.line(), e.column())
            .next("correct the file; it must be a JSON object")
    })
}

fn request(
    intent: &Intent,
    tree: &Tree,
    room: &Room,
    desk: &Desk,
    tools: &Tools,
    settings: &Settings,
    layers: &ContextLayers,
) -> SynthRequest {
    let app = &intent.app;
    let mut env = app.env.clone();
    env.extend(intent.stage.rule.env.clone());
    env.insert("STAGE".to_owned(), intent.stage.name.to_string());
    SynthRequest {
        app_dir: tree.root.join(&app.path),
        project_root: tree.root.clone(),
        app: settings.app.clone(),
        build: settings.build.clone().filter(|_| app.kind == AppKind::Cdk),
        context: toolchain::merge_context(layers, &settings.switches),
        env,
        account: Some(desk.account.clone()),
        region: desk.region.clone(),
        out_dir: room.work.clone(),
        cache_dir: tools.cache_dir.clone(),
        trust: intent.trust,
        sandbox: tools.sandbox,
        limits: Limits { time_s: app.timeout_s, memory_mb: app.memory_mb },
        validation: if app.validation == config::Validation::On { Validation::On } else { Validation::Off },
        typecheck: if app.typecheck == config::Typecheck::On { Typecheck::On } else { Typecheck::Off },
        cancel: tools.stop.begin_nothing.clone(),
        lines: None,
    }
}

async fn missing_of(dir: &Path) -> Result<Vec<MissingContext>> {
    let dir = dir.to_owned();
    reading::read_assembly(dir).await.map(|a| a.missing)
}

/// The library's own check of the templates exits with 0; what it found is in a report.
fn validated(intent: &Intent, dir: &Path) -> Result<()> {
    if intent.app.validation == config::Validation::Off {
        return Ok(());
    }
    let Some(report) = read_object(&dir.join("validation-report.json"))? else { return Ok(()) };
    let list = |value: Option<&Value>| value.and_then(Value::as_array).cloned().unwrap_or_default();
    let mut found = Vec::new();
    for violation in list(report.get("pluginReports")).iter().flat_map(|plugin| list(plugin.get("violations"))) {
        let text = |key: &str| violation.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let severity = text("severity").to_ascii_lowercase();
        if matches!(severity.as_str(), "warning" | "info" | "low") {
            continue;
        }
        let constructs = list(violation.get("violatingConstructs"));
        let place = constructs
            .first()
            .and_then(|c| c.get("constructPath"))
            .and_then(Value::as_str)
            .unwrap_or("the app")
            .to_owned();
        found.push(format!("{} at {place}: {}", text("ruleName"), text("description")));
    }
    let Some(first) = found.first() else { return Ok(()) };
    let what = if found.len() == 1 { first.clone() } else { format!("{first} (and {} more)", found.len() - 1) };
    Err(Error::failed("synth.validation", "checking the templates by the library's own rules", what)
        .next("correct it, or turn the check off with `validation: false` for the app"))
}

fn clear(folder: &PathBuf) -> Result<()> {
    let doing = "clearing the folder of the last round";
    std::fs::remove_dir_all(folder)
        .and_then(|()| std::fs::create_dir_all(folder))
        .map_err(|e| Error::io(doing, folder, e))
}

fn written(synth: Synth, room: Room, asked: &BTreeSet<String>, begun: Instant) -> Written {
    let mut notes = synth.notes;
    if !asked.is_empty() {
        let keys: Vec<&str> = asked.iter().map(String::as_str).collect();
        notes.push(format!(
            "looked up in AWS, not in cdk.context.json: {} (commit that file for the same result every time)",
            keys.join(", ")
        ));
    }
    let functions = synth.functions.into_iter().map(|f| (f.hash, f.sources)).collect();
    let mut timings: BTreeMap<String, f64> =
        synth.timings.into_iter().map(|(name, ms)| (name.to_owned(), ms / 1000.0)).collect();
    timings.insert("synth".to_owned(), begun.elapsed().as_secs_f64());
    // what AWS answered may be different next time
    let place =
        if synth.out_dir != room.work || !asked.is_empty() { Place::Once(synth.out_dir) } else { Place::Keep(room) };
    Written { place, facts: Facts { notes, functions }, timings }
}
