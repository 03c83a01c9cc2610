//! `offshoot plan`: show what deploying would change.

use std::path::{Path, PathBuf};

use super::common::{Common, Format};
use super::printer::Printer;
use super::tell::Watch;
use super::{End, common};
use crate::error::{Error, Result};
use crate::pipeline::{self, As};
use crate::plan::stored::StoredPlan;
use crate::render;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Write the plan to a file, for `offshoot deploy --plan FILE`
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Exit with 2 when there is something to deploy
    #[arg(long)]
    detailed_exitcode: bool,
    /// Say where the time went
    #[arg(long)]
    timings: bool,
}

pub async fn run(common: &Common, args: Args, printer: &Printer) -> Result<End> {
    let common = &common.with_files(&args.out);
    let watch = Watch::start(printer.clone(), common.format);
    let result = watch.guard(make(common, &watch)).await;
    watch.end().await;
    let stored = result?;
    if let Some(path) = &args.out {
        let text = serde_json::to_string_pretty(&stored)
            .map_err(|e| Error::bug("plan.json", "writing the plan", e.to_string()))?;
        write_private(path, &(text + "\n")).map_err(|e| Error::io("writing the plan", path, e))?;
    }
    show(&stored, common.format, printer);
    if args.timings {
        printer.say(&super::tell::timings(&stored.plan.timings));
    }
    Ok(if args.detailed_exitcode && stored.plan.has_changes() { End::Changes } else { End::Done })
}

/// For the owner alone: a plan holds parameter values.
fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())
}

async fn make(common: &Common, watch: &Watch) -> Result<StoredPlan> {
    let (event, tools, intent) = common::decide(common, watch.teller(), watch.stop()).await?;
    let desk = pipeline::desk(&intent, &event, As::Planner, &tools).await?;
    let synthesized = pipeline::synthesize(&intent, &desk, &tools).await?;
    pipeline::plan(&intent, &desk, &synthesized, &tools).await
}

/// Prints a plan in the wanted form.
pub fn show(stored: &StoredPlan, format: Format, printer: &Printer) {
    let text = match format {
        Format::Text => render::terminal::plan(&stored.plan, printer.out),
        Format::Markdown => render::markdown::plan(&stored.plan, render::markdown::COMMENT_CHARS),
        Format::Json => render::json::plan(&stored.plan),
    };
    printer.out(&text);
}
