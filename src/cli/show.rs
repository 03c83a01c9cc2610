//! `offshoot show`: a stored plan again.

use super::common::Common;
use super::printer::Printer;
use super::tell::Watch;
use super::{End, common, plan};
use crate::error::{Error, Result};
use crate::pipeline::{self, As};
use crate::plan::stored::StoredPlan;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// A file of `offshoot plan --out`, or the first digits of a plan's digest
    #[arg(value_name = "PLAN")]
    plan: String,
}

pub async fn run(common: &Common, args: Args, printer: &Printer) -> Result<End> {
    let stored = match from_file(&args.plan)? {
        Some(stored) => stored,
        None => {
            let watch = Watch::start(printer.clone(), common.format);
            let found = watch.guard(from_bucket(common, &watch, &args.plan)).await;
            watch.end().await;
            found?
        }
    };
    plan::show(&stored, common.format, printer);
    Ok(End::Done)
}

/// The plan in a file of that name; `None` when there is no such file and the name may be a digest.
pub fn from_file(name: &str) -> Result<Option<StoredPlan>> {
    let path = std::path::Path::new(name);
    match std::fs::read_to_string(path) {
        Ok(text) => StoredPlan::parse(&text, name).map(Some),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound && is_digest(name) => Ok(None),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            Err(Error::usage("plan.missing", format!("reading the plan {name}"), "there is no such file")
                .next("name a file of `offshoot plan --out`, or at least six digits of a digest"))
        }
        Err(e) => Err(Error::io("reading the plan", path, e)),
    }
}

fn is_digest(name: &str) -> bool {
    (6..=64).contains(&name.len()) && name.chars().all(|c| c.is_ascii_hexdigit() && !c.is_ascii_uppercase())
}

async fn from_bucket(common: &Common, watch: &Watch, digest: &str) -> Result<StoredPlan> {
    let common = common.about_deployed();
    let (event, tools, intent) = common::decide(&common, watch.teller(), watch.stop()).await?;
    let desk = pipeline::desk(&intent, &event, As::Planner, &tools).await?;
    pipeline::kept::fetch(&desk, intent.stage.name.as_str(), digest).await
}
