//! `offshoot deploy`: plan, then execute exactly that plan under the stage's lock.

mod gate;

use std::path::PathBuf;

use clap::ArgAction;

use super::common::{Common, Format};
use super::printer::Printer;
use super::show;
use super::tell::Watch;
use super::{End, common, plan};
use crate::aws::Aws;
use crate::aws::home::Home;
use crate::error::{Error, Result};
use crate::pipeline::apply::{self, Freshness, Order, Prune, Recover, Wait};
use crate::pipeline::hold::{self, Patience};
use crate::pipeline::stage::Intent;
use crate::pipeline::{self, As, Desk, Synthesized, Tools, fast, kept, report};
use crate::plan::outcome::{Applied, Ended};
use crate::plan::state::Approval;
use crate::plan::stored::StoredPlan;
use crate::render;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Execute this stored plan: a file of `offshoot plan --out`, or the first digits of its digest
    #[arg(long, value_name = "PLAN", conflicts_with_all = ["fast", "resume"])]
    plan: Option<String>,
    /// Go on with a run that was killed, then deploy as usual
    #[arg(long, conflicts_with = "fast")]
    resume: bool,
    /// Approve the plan with this digest (at least its first twelve digits) and deploy it
    #[arg(long, value_name = "DIGEST")]
    approve: Option<String>,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    /// Also delete the stacks that the app no longer has
    #[arg(long)]
    prune: bool,
    /// Start what can be started and leave; --resume takes the run up again
    #[arg(long)]
    no_wait: bool,
    /// Only function code, straight to Lambda; refused when anything else changed, and on protected stages
    #[arg(long)]
    fast: bool,
    /// For stacks in a failed state: `skip=<LogicalId>` leaves a resource out of a continued rollback,
    /// `delete` deletes a stack whose creation failed although something that holds data is left in it
    #[arg(long, value_name = "HOW", action = ArgAction::Append, value_parser = recover_word)]
    recover: Vec<RecoverWord>,
    /// Write the stacks' outputs to a JSON file
    #[arg(long, value_name = "FILE")]
    outputs_file: Option<PathBuf>,
    /// Say where the time went
    #[arg(long)]
    timings: bool,
}

#[derive(Clone, Debug)]
enum RecoverWord {
    Skip(String),
    Delete,
}

fn recover_word(text: &str) -> Result<RecoverWord, String> {
    match text.split_once('=') {
        None if text == "delete" => Ok(RecoverWord::Delete),
        Some(("skip", id)) if !id.is_empty() => Ok(RecoverWord::Skip(id.to_owned())),
        _ => Err("write skip=<LogicalId> or delete".into()),
    }
}

impl Args {
    fn recover(&self) -> Recover {
        let mut recover = Recover::default();
        for word in &self.recover {
            match word {
                RecoverWord::Skip(id) => recover.skip.push(id.clone()),
                RecoverWord::Delete => recover.delete_data = true,
            }
        }
        recover
    }

    fn order(&self, intent: &Intent, run: String, freshness: Freshness, approval: Option<Approval>) -> Order {
        let prune = self.prune || intent.stage.rule.prune == crate::config::Prune::Always;
        Order {
            run,
            freshness,
            prune: if prune { Prune::Delete } else { Prune::Keep },
            wait: if self.no_wait { Wait::No } else { Wait::ForEnd },
            recover: self.recover(),
            approval,
            marks: pipeline::marks(intent),
        }
    }
}

pub async fn run(common: &Common, args: Args, printer: &Printer) -> Result<End> {
    let plan_file = args.plan.as_ref().map(PathBuf::from);
    let common = &common.with_files(plan_file.iter().chain(&args.outputs_file));
    let watch = Watch::start(printer.clone(), common.format);
    let stop = watch.stop();
    let result = work(common, &args, &watch, printer).await;
    watch.end().await;
    let (done, timings) = match result? {
        Outcome::Nothing(stored) if common.format == Format::Json => {
            let timings = stored.plan.timings.clone();
            (Box::new(apply::nothing(&stored.plan)), timings)
        }
        Outcome::Nothing(stored) => {
            plan::show(&stored, common.format, printer);
            if args.timings {
                printer.say(&super::tell::timings(&stored.plan.timings));
            }
            return Ok(End::Done);
        }
        Outcome::Declined => return Ok(End::Declined),
        Outcome::Applied(applied, timings) => (applied, timings),
    };
    printer.out(&match common.format {
        Format::Text => render::outcome::applied(&done, printer.out),
        Format::Markdown => render::markdown::applied(&done, render::markdown::COMMENT_CHARS),
        Format::Json => render::json::applied(&done),
    });
    if args.timings {
        printer.say(&super::tell::timings(&timings));
    }
    // left on purpose (--no-wait) is done; left by Ctrl-C is not
    let left = stop.leave.is_cancelled() && done.stacks.iter().any(|s| s.ended == Ended::Running);
    Ok(if left || report::is_failure(&done) { End::Failed } else { End::Done })
}

enum Outcome {
    /// The stage is as the commit says.
    Nothing(Box<StoredPlan>),
    Declined,
    Applied(Box<Applied>, std::collections::BTreeMap<String, f64>),
}

async fn work(common: &Common, args: &Args, watch: &Watch, printer: &Printer) -> Result<Outcome> {
    let (event, tools, intent) = watch.guard(common::decide(common, watch.teller(), watch.stop())).await?;
    let mut desk = watch.guard(pipeline::desk(&intent, &event, As::Applier, &tools)).await?;
    if args.resume
        && let Some(applied) = resume(&intent, &desk, &tools, args).await?
    {
        let ours = applied.revision == intent.revision.as_str() && !is_dirty(&intent);
        if ours || report::is_failure(&applied) {
            let timings = applied.timings.clone();
            return Ok(Outcome::Applied(Box::new(applied), timings));
        }
        desk.state = desk.home.state(intent.stage.name.as_str()).await?;
    }
    if args.fast {
        return run_fast(&intent, &desk, &tools, watch).await;
    }
    let (stored, made, freshness) = match &args.plan {
        Some(name) => (given(name, &intent, &desk).await?, None, Freshness::Stored),
        None => {
            let (stored, made) = watch.guard(make(&intent, &desk, &tools)).await?;
            (stored, Some(made), Freshness::JustPlanned)
        }
    };
    if !stored.plan.has_changes() && kept::is_recorded(&stored.plan, &desk) {
        write_outputs(args, &desk.aws, &desk.home, &intent).await?;
        return Ok(Outcome::Nothing(Box::new(stored)));
    }
    let approval = match gate::pass(&stored.plan, &intent, &desk, args, common.format, (printer, &tools.stop)).await? {
        gate::Passed::Yes(approval) => approval,
        gate::Passed::No => return Ok(Outcome::Declined),
    };
    let order = args.order(&intent, hold::run_id(), freshness, approval);
    let lock = hold::take(&intent, &desk, &order.run, "deploy", Patience::No, &tools.teller).await?;
    let (aws, home) = (desk.aws.clone(), desk.home.clone());
    let applied = pipeline::execute(&stored, &order, &intent, desk, &tools, &lock).await;
    if let (Ok(_), Some(made)) = (&applied, &made) {
        let stage = intent.stage.name.as_str();
        if let Some(note) = pipeline::keep_assembly(&home, stage, &stored.plan.revision, made).await {
            tools.teller.note(note);
        }
    }
    lock.release().await;
    let applied = applied?;
    write_outputs(args, &aws, &home, &intent).await?;
    let mut timings = stored.plan.timings.clone();
    timings.extend(applied.timings.clone());
    Ok(Outcome::Applied(Box::new(applied), timings))
}

/// `--outputs-file`: the outputs of all stacks, also of those that did not change.
async fn write_outputs(args: &Args, aws: &Aws, home: &Home, intent: &Intent) -> Result<()> {
    let Some(path) = &args.outputs_file else { return Ok(()) };
    let state = home.state(intent.stage.name.as_str()).await?;
    let outputs = match &state {
        Some((state, _)) => report::outputs_of(aws, state).await?,
        None => Default::default(),
    };
    report::write_outputs(path, &outputs)
}

fn is_dirty(intent: &Intent) -> bool {
    matches!(&intent.source, pipeline::stage::Source::Tree(tree) if !tree.dirty.is_empty())
}

async fn make(intent: &Intent, desk: &Desk, tools: &Tools) -> Result<(StoredPlan, Synthesized)> {
    let synthesized = pipeline::synthesize(intent, desk, tools).await?;
    let stored = pipeline::plan(intent, desk, &synthesized, tools).await?;
    Ok((stored, synthesized))
}

/// A plan that was made before. Errors: it is of another stage, app or repository.
async fn given(name: &str, intent: &Intent, desk: &Desk) -> Result<StoredPlan> {
    let stored = match show::from_file(name)? {
        Some(stored) => stored,
        None => kept::fetch(desk, intent.stage.name.as_str(), name).await?,
    };
    kept::is_for(&stored, name, intent, desk)?;
    if stored.plan.revision != intent.revision.as_str() {
        let planned = stored.plan.revision.get(..8).unwrap_or(&stored.plan.revision);
        let what = format!("it is of commit {planned}, and the branch is at {} now", intent.revision.short());
        return Err(Error::refused("plan.stale", format!("applying the plan {name}"), what)
            .next("make a new plan; or name the old commit on purpose, with --repo and --rev"));
    }
    Ok(stored)
}

/// Goes on with a killed run, if there is one.
async fn resume(intent: &Intent, desk: &Desk, tools: &Tools, args: &Args) -> Result<Option<Applied>> {
    let Some(mark) = desk.state.as_ref().and_then(|(s, _)| s.run.clone()) else { return Ok(None) };
    let order = args.order(intent, mark.id.clone(), Freshness::Resumed, None);
    let lock = hold::take(intent, desk, &mark.id, "resumed deploy", Patience::No, &tools.teller).await?;
    let applied = pipeline::resume(&mark, &order, intent, desk, tools, &lock).await;
    lock.release().await;
    applied.map(Some)
}

async fn run_fast(intent: &Intent, desk: &Desk, tools: &Tools, watch: &Watch) -> Result<Outcome> {
    gate::may_be_fast(intent)?;
    let synthesized = watch.guard(pipeline::synthesize(intent, desk, tools)).await?;
    let target = pipeline::target(intent, desk, &synthesized, tools);
    let lock = hold::take(intent, desk, &hold::run_id(), "fast deploy", Patience::No, &tools.teller).await?;
    let desk = fast::FastDesk {
        aws: desk.aws.clone(),
        home: desk.home.clone(),
        state: desk.home.state(intent.stage.name.as_str()).await?,
        cache_dir: tools.cache_dir.clone(),
        teller: tools.teller.clone(),
    };
    let applied = fast::fast(&target, &synthesized.assembly, desk, &lock).await;
    lock.release().await;
    let applied = applied?;
    let mut timings = synthesized.timings.clone();
    timings.extend(applied.timings.clone());
    Ok(Outcome::Applied(Box::new(applied), timings))
}
