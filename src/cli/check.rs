//! `offshoot check`: is the configuration valid, and what does it mean?

use std::path::{Path, PathBuf};

use super::End;
use super::common::{Common, Format};
use super::printer::Printer;
use crate::config::{self, Config};
use crate::error::{Error, Result};
use crate::git::WorkTree;
use crate::pipeline::progress::{Stop, Teller};
use crate::pipeline::stage::{self, FILE, list_tree};

#[derive(Debug, clap::Args)]
pub struct Args {}

pub async fn run(common: &Common, _args: Args, printer: &Printer) -> Result<End> {
    if common.repo.is_some() {
        let opened = stage::open(&common.event()?, &common.tools(Teller::silent(), Stop::default())?).await?;
        tell(&opened.config, common.format, printer);
        return Ok(End::Done);
    }
    let folder =
        std::env::current_dir().map_err(|e| Error::usage("here", "reading the current folder", e.to_string()))?;
    let tree = WorkTree::open(&folder)?;
    let (path, name) = match &common.config {
        Some(path) => (path.clone(), path.clone()),
        None => (tree.root.join(FILE), PathBuf::from(FILE)),
    };
    if common.config.is_none() {
        stage::named_right(|name| tree.root.join(name).exists())?;
    }
    let found = config::discover(&list_tree(&tree.root));
    let checked = match std::fs::read_to_string(&path) {
        Ok(text) => config::parse(&text, &name).and_then(|c| c.with_discovered(&found)),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound && common.config.is_none() => {
            Ok(Config::discovered(found.apps))
        }
        Err(e) => return Err(missing(&path, &e)),
    };
    match checked {
        Ok(config) => {
            tell(&config, common.format, printer);
            Ok(End::Done)
        }
        Err(mut errors) => {
            let last = errors.pop();
            for error in &errors {
                printer.error(error);
            }
            Err(last.unwrap_or_else(|| {
                Error::bug("config.no_error", "checking the configuration", "it is invalid for no reason")
            }))
        }
    }
}

fn missing(path: &Path, error: &std::io::Error) -> Error {
    Error::usage("config.missing", "reading the configuration", format!("{}: {error}", path.display()))
        .next("check the path given with --config, or write one with `offshoot init`")
}

fn tell(config: &Config, format: Format, printer: &Printer) {
    let lines = config::explain(config);
    if format == Format::Json {
        printer.out(&serde_json::json!({"valid": true, "says": lines}).to_string());
    } else {
        printer.out(&(lines.join("\n") + "\n"));
    }
}
