//! `offshoot schema`: the JSON Schema of what people write and of what Offshoot prints.

use clap::ValueEnum;

use super::End;
use super::printer::Printer;
use crate::error::{Error, Result};
use crate::{config, render};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Of {
    /// offshoot.yml
    #[default]
    Config,
    /// `offshoot plan --format json`
    Plan,
    /// `offshoot deploy --format json`
    Applied,
}

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Of what
    #[arg(value_enum, default_value_t = Of::Config)]
    of: Of,
}

pub fn run(args: Args, printer: &Printer) -> Result<End> {
    let schema = match args.of {
        Of::Config => config::json_schema(),
        Of::Plan => render::json::plan_schema(),
        Of::Applied => render::json::applied_schema(),
    };
    let text = serde_json::to_string_pretty(&schema)
        .map_err(|e| Error::bug("schema.json", "writing the schema", e.to_string()))?;
    printer.out(&text);
    Ok(End::Done)
}
