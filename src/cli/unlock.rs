//! `offshoot unlock`: breaks a stage's lock.

use super::common::Common;
use super::printer::Printer;
use super::tell::Watch;
use super::{End, common};
use crate::aws::lock::{Holder, StageLock};
use crate::error::Result;
use crate::pipeline::{self, As};

#[derive(Debug, clap::Args)]
pub struct Args {}

pub async fn run(common: &Common, _args: Args, printer: &Printer) -> Result<End> {
    let watch = Watch::start(printer.clone(), common.format);
    let broken = watch.guard(break_lock(common, &watch)).await;
    watch.end().await;
    let (stage, holder) = broken?;
    printer.out(&match holder {
        None => format!("Stage {stage} was not locked.\n"),
        Some(h) => format!("Stage {stage} is unlocked. It was held by: {} ({}, process {}).\n", h.what, h.host, h.pid),
    });
    Ok(End::Done)
}

async fn break_lock(common: &Common, watch: &Watch) -> Result<(String, Option<Holder>)> {
    let common = common.about_deployed();
    let (event, tools, intent) = common::decide(&common, watch.teller(), watch.stop()).await?;
    let desk = pipeline::desk(&intent, &event, As::Applier, &tools).await?;
    let holder = StageLock::unlock(&desk.home, intent.stage.name.as_str()).await?;
    Ok((intent.stage.name.to_string(), holder))
}
