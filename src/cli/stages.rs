//! `offshoot stages`: the rules of the repository, and what is deployed.

use super::common::{Common, Format};
use super::printer::Printer;
use super::tell::Watch;
use super::{End, common};
use crate::error::{Error, Result};
use crate::pipeline::{self, As};
use crate::render;
use crate::render::lists::StageRow;

#[derive(Debug, clap::Args)]
pub struct Args {}

pub async fn run(common: &Common, _args: Args, printer: &Printer) -> Result<End> {
    let watch = Watch::start(printer.clone(), common.format);
    let found = watch.guard(read(common, &watch)).await;
    watch.end().await;
    let rows = found?;
    let text = match common.format {
        Format::Json => {
            let rows: Vec<serde_json::Value> = rows
                .iter()
                .map(|r| serde_json::json!({"app": r.app, "stage": r.stage, "rule": r.rule, "revision": r.revision, "deployed": r.deployed, "stacks": r.stacks}))
                .collect();
            serde_json::to_string_pretty(&rows)
                .map_err(|e| Error::bug("stages.json", "writing stages", e.to_string()))?
        }
        Format::Text | Format::Markdown => render::lists::stages(&rows, printer.out),
    };
    printer.out(&text);
    Ok(End::Done)
}

async fn read(common: &Common, watch: &Watch) -> Result<Vec<StageRow>> {
    let common = common.about_deployed();
    let (event, tools, intent) = common::decide(&common, watch.teller(), watch.stop()).await?;
    let app = intent.app.name.to_string();
    let source = |source: &crate::config::Source| match source {
        crate::config::Source::Branch(pattern) => format!("branch {pattern}"),
        crate::config::Source::Tag(pattern) => format!("tag {pattern}"),
        crate::config::Source::PullRequest { base: Some(base) } => format!("pull request into {base}"),
        crate::config::Source::PullRequest { base: None } => "pull request".to_owned(),
    };
    let mut rows: Vec<StageRow> = intent
        .config
        .stages
        .iter()
        .map(|rule| StageRow {
            app: app.clone(),
            stage: rule.name.clone(),
            rule: source(&rule.source),
            ..StageRow::default()
        })
        .collect();
    let desk = pipeline::desk(&intent, &event, As::Planner, &tools).await?;
    for name in desk.home.stages().await? {
        let Some((state, _)) = desk.home.state(&name).await? else { continue };
        let row = match rows.iter_mut().find(|r| r.stage == name) {
            Some(row) => row,
            None => {
                rows.push(StageRow { app: app.clone(), stage: name.clone(), rule: "-".into(), ..StageRow::default() });
                let Some(row) = rows.last_mut() else { continue };
                row
            }
        };
        row.revision = state.revision;
        row.deployed = Some(state.updated);
        row.stacks = state.stacks.len();
    }
    Ok(rows)
}
