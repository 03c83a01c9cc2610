//! `offshoot outputs`: what the stage's stacks give out, as deployed now.

use std::collections::BTreeMap;

use futures_util::future::try_join_all;

use super::common::{Common, Format};
use super::printer::Printer;
use super::tell::Watch;
use super::{End, common};
use crate::aws::{IfDenied, Role};
use crate::error::{Error, Result};
use crate::names::{AccountId, Region};
use crate::pipeline::{self, As};
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
            serde_json::to_string_pretty(&map).map_err(|e| Error::bug("outputs.json", "writing outputs", e.to_string()))?
        }
        Format::Text | Format::Markdown => render::lists::outputs(&stacks, printer.out),
    };
    printer.out(&text);
    Ok(End::Done)
}

async fn read(common: &Common, watch: &Watch) -> Result<Vec<(String, BTreeMap<String, String>)>> {
    let mut common = common.clone();
    common.dirty = true;
    let (event, tools, intent) = common::decide(&common, watch.teller(), watch.stop()).await?;
    let qualifier = common::qualifier(&intent).await;
    let desk = pipeline::desk(&intent, &event, As::Planner, &tools, &qualifier).await?;
    let Some((state, _)) = &desk.state else {
        let what = format!("stage {} has nothing deployed", intent.stage.name);
        return Err(Error::failed("stage.not_deployed", "reading outputs", what).next("deploy it first: offshoot deploy"));
    };
    try_join_all(state.stacks.iter().map(|(name, stack)| {
        let aws = desk.aws.clone();
        async move {
            let role = stack.deploy_role.as_deref().map(Role::new);
            let (account, region) = (AccountId::new(&stack.account), Region::new(&stack.region));
            let session = aws.session(&account, &region, role.as_ref(), IfDenied::UseOwn).await?;
            let found = session.describe_stack(name).await?;
            Ok((name.clone(), found.map(|s| s.outputs).unwrap_or_default()))
        }
    }))
    .await
}
