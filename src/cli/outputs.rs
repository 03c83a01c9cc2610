//! `offshoot outputs`: what the stage's stacks give out, as deployed now.

use std::collections::BTreeMap;

use super::common::{Common, Format};
use super::printer::Printer;
use super::tell::Watch;
use super::{End, common};
use crate::error::{Error, Result};
use crate::pipeline::{self, As, report};
use crate::render;

#[derive(Debug, clap::Args)]
pub struct Args {}

pub async fn run(common: &Common, _args: Args, printer: &Printer) -> Result<End> {
    let watch = Watch::start(printer.clone(), common.format);
    let found = watch.guard(read(common, &watch)).await;
    watch.end().await;
    let stacks = found?;
    let text = match common.format {
        Format::Json => {
            let map: BTreeMap<&String, &BTreeMap<String, String>> = stacks.iter().map(|(n, o)| (n, o)).collect();
            serde_json::to_string_pretty(&map)
                .map_err(|e| Error::bug("outputs.json", "writing outputs", e.to_string()))?
        }
        Format::Text | Format::Markdown => render::lists::outputs(&stacks, printer.out),
    };
    printer.out(&text);
    Ok(End::Done)
}

async fn read(common: &Common, watch: &Watch) -> Result<Vec<(String, BTreeMap<String, String>)>> {
    let common = common.about_deployed();
    let (event, tools, intent) = common::decide(&common, watch.teller(), watch.stop()).await?;
    let desk = pipeline::desk(&intent, &event, As::Planner, &tools).await?;
    let Some((state, _)) = &desk.state else {
        let what = format!("stage {} has nothing deployed", intent.stage.name);
        return Err(
            Error::failed("stage.not_deployed", "reading outputs", what).next("deploy it first: offshoot deploy")
        );
    };
    Ok(report::outputs_of(&desk.aws, state).await?.into_iter().collect())
}
