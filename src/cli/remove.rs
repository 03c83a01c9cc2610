//! `offshoot remove`: a stage's stacks, then everything kept about it.

use std::collections::BTreeMap;

use super::ask::{Answer, ask};
use super::common::{Common, Format};
use super::printer::Printer;
use super::tell::Watch;
use super::{End, common};
use crate::config::Protection;
use crate::error::{Error, Result};
use crate::pipeline::hold::{self, Patience};
use crate::pipeline::remove::{self, Removal};
use crate::pipeline::stage::Intent;
use crate::pipeline::{self, As, Desk};
use crate::plan::VERSION;
use crate::plan::outcome::Applied;
use crate::render;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    /// Leave this resource behind, where CloudFormation could not delete it before
    #[arg(long, value_name = "LOGICAL_ID")]
    retain: Vec<String>,
}

pub async fn run(common: &Common, args: Args, printer: &Printer) -> Result<End> {
    let watch = Watch::start(printer.clone(), common.format);
    let result = work(common, &args, &watch, printer).await;
    watch.end().await;
    let applied = match result? {
        Outcome::Nothing(nothing) if common.format == Format::Json => nothing,
        Outcome::Nothing(nothing) => {
            let stage = &nothing.stage;
            printer.out(&format!("Stage {stage} has nothing deployed: there is nothing to remove.\n"));
            return Ok(End::Done);
        }
        Outcome::Declined => return Ok(End::Declined),
        Outcome::Applied(applied) => applied,
    };
    printer.out(&match common.format {
        Format::Text => render::outcome::applied(&applied, printer.out),
        Format::Markdown => render::markdown::applied(&applied, render::markdown::COMMENT_CHARS),
        Format::Json => render::json::applied(&applied),
    });
    Ok(if applied.failed() { End::Failed } else { End::Done })
}

enum Outcome {
    Nothing(Box<Applied>),
    Declined,
    Applied(Box<Applied>),
}

async fn work(common: &Common, args: &Args, watch: &Watch, printer: &Printer) -> Result<Outcome> {
    // what is removed is in the state, not in the tree: uncommitted changes do not matter
    let common = common.about_deployed();
    let (event, tools, intent) = watch.guard(common::decide(&common, watch.teller(), watch.stop())).await?;
    let stage = intent.stage.name.to_string();
    if intent.stage.rule.protect == Protection::On {
        return Err(Error::refused("stage.protected", format!("removing stage {stage}"), "the stage is protected")
            .next("take `protect: true` from its rule in offshoot.yml first, in a commit that somebody reviews"));
    }
    let desk = watch.guard(pipeline::desk(&intent, &event, As::Applier, &tools)).await?;
    let Desk { aws, home, state, .. } = &desk;
    let stored = watch.guard(pipeline::plan_removal(&intent, &desk, &args.retain)).await?;
    if state.is_none() && stored.plan.stacks.is_empty() {
        return Ok(Outcome::Nothing(Box::new(nothing(&intent))));
    }
    if !args.yes {
        if common.format == Format::Text {
            printer.out(&render::terminal::changes(&stored.plan, printer.out));
        }
        match ask(&format!("Remove stage {stage}?"), printer, &tools.stop).await {
            Answer::Yes => {}
            Answer::No => return Ok(Outcome::Declined),
            Answer::Nobody => {
                return Err(Error::refused(
                    "remove.unconfirmed",
                    format!("removing stage {stage}"),
                    "nobody is there to confirm it",
                )
                .next("pass --yes"));
            }
        }
    }
    let run = hold::run_id();
    let lock = hold::take(&intent, &desk, &run, "removal", Patience::No, &tools.teller).await?;
    let removal = Removal {
        aws: aws.clone(),
        home: home.clone(),
        state: state.clone(),
        teller: tools.teller.clone(),
        stop: tools.stop.clone(),
        run,
    };
    let applied = remove::remove(&stored, removal, &lock).await;
    lock.release().await;
    Ok(Outcome::Applied(Box::new(applied?)))
}

/// The result for a stage that has nothing deployed.
fn nothing(intent: &Intent) -> Applied {
    Applied {
        version: VERSION,
        app: intent.app.name.to_string(),
        stage: intent.stage.name.to_string(),
        revision: String::new(),
        digest: String::new(),
        stacks: Vec::new(),
        notes: Vec::new(),
        timings: BTreeMap::new(),
    }
}
