//! The inputs of the Action: options of the command line first, then what the Action passes by environment.

use std::path::PathBuf;

use super::Args;
use super::environment::{Get, inside};
use crate::aws::Role;
use crate::cli::common::Common;
use crate::error::{Error, Result};
use crate::names::Region;
use crate::review::Commenting;

/// Longer commands are no commands.
const COMMAND_CHARS: usize = 200;

/// What the workflow asks for.
#[derive(Debug)]
pub struct Inputs {
    pub command: Option<String>,
    pub stage: Option<String>,
    /// A path in the repository.
    pub config: Option<PathBuf>,
    pub folder: Option<PathBuf>,
    pub region: Option<Region>,
    pub role: Option<Role>,
    pub commenting: Commenting,
}

impl Inputs {
    pub fn read(common: &Common, args: &Args, get: Get<'_>) -> Result<Inputs> {
        if common.repo.is_some() || common.dirty {
            let what = "--repo and --dirty say nothing here: the event names the repository and the commit";
            return Err(Error::usage("ci.bad_input", "reading the options", what)
                .next("leave them out; `offshoot plan --repo …` looks at any repository"));
        }
        let or = |option: &Option<String>, name: &str| {
            option.clone().or_else(|| get(name)).map(|v| v.trim().to_owned()).filter(|v| !v.is_empty())
        };
        let config = common.config.as_ref().map(|p| p.to_string_lossy().into_owned());
        let config = or(&config, "OFFSHOOT_INPUT_CONFIG").map(|p| inside("config", &p)).transpose()?.flatten();
        let folder = or(&args.working_directory, "OFFSHOOT_INPUT_WORKING_DIRECTORY");
        let folder = folder.map(|p| inside("working-directory", &p)).transpose()?.flatten();
        let commenting = match args.comment.map(|on| on.to_string()).or_else(|| get("OFFSHOOT_INPUT_COMMENT")) {
            None => Commenting::On,
            Some(text) => commenting(text.trim())?,
        };
        Ok(Inputs {
            command: or(&args.command, "OFFSHOOT_INPUT_COMMAND").map(command).transpose()?,
            stage: or(&common.stage, "OFFSHOOT_INPUT_STAGE"),
            config,
            folder,
            region: or(&common.region, "OFFSHOOT_INPUT_AWS_REGION").map(|r| region(&r)).transpose()?,
            role: or(&args.role_to_assume, "OFFSHOOT_INPUT_ROLE_TO_ASSUME").map(role).transpose()?,
            commenting,
        })
    }
}

fn bad(input: &str, what: String) -> Error {
    Error::usage("ci.bad_input", format!("reading the input `{input}`"), what)
}

fn commenting(text: &str) -> Result<Commenting> {
    match text.to_ascii_lowercase().as_str() {
        "true" => Ok(Commenting::On),
        "false" => Ok(Commenting::Off),
        _ => Err(bad("comment", format!("{text:?} is neither true nor false")).next("write true or false")),
    }
}

/// One line of words; what they mean is the grammar's business.
fn command(text: String) -> Result<String> {
    if text.chars().count() > COMMAND_CHARS || text.chars().any(char::is_control) {
        return Err(
            bad("command", "it is not one short line".to_owned()).next("write a command such as plan or deploy")
        );
    }
    Ok(text)
}

fn region(text: &str) -> Result<Region> {
    let fine = text.len() <= 32 && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if !fine {
        return Err(bad("aws-region", format!("{text:?} is no region")).next("write one such as eu-west-1"));
    }
    Ok(Region::new(text))
}

fn role(text: String) -> Result<Role> {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let fine = matches!(parts.as_slice(), ["arn", _, "iam", "", account, resource]
        if account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit()) && resource.starts_with("role/"));
    if !fine || text.contains(char::is_whitespace) {
        return Err(bad("role-to-assume", format!("{text:?} is no role"))
            .next("write its ARN: arn:aws:iam::111111111111:role/offshoot-plan"));
    }
    Ok(Role::new(text))
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::{Cli, Command};

    fn read(line: &str, variables: &[(&str, &str)]) -> Result<Inputs> {
        let cli = Cli::try_parse_from(["offshoot", "ci"].into_iter().chain(line.split_whitespace())).expect("a line");
        let Command::Ci(args) = cli.command else { panic!("another command") };
        let get = |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned());
        Inputs::read(&cli.common, &args, &get)
    }

    #[test]
    fn options_win_over_the_inputs_of_the_action() {
        let inputs = read(
            "--stage prod --comment false",
            &[
                ("OFFSHOOT_INPUT_STAGE", "staging"),
                ("OFFSHOOT_INPUT_COMMENT", "true"),
                ("OFFSHOOT_INPUT_COMMAND", " plan "),
                ("OFFSHOOT_INPUT_AWS_REGION", "eu-west-1"),
                ("OFFSHOOT_INPUT_WORKING_DIRECTORY", "apps/notes/"),
                ("OFFSHOOT_INPUT_CONFIG", "ops/offshoot.yml"),
                ("OFFSHOOT_INPUT_ROLE_TO_ASSUME", "arn:aws:iam::111111111111:role/offshoot/plan"),
            ],
        )
        .expect("inputs");
        insta::assert_debug_snapshot!(inputs, @r#"
        Inputs {
            command: Some(
                "plan",
            ),
            stage: Some(
                "prod",
            ),
            config: Some(
                "ops/offshoot.yml",
            ),
            folder: Some(
                "apps/notes",
            ),
            region: Some(
                Region(
                    "eu-west-1",
                ),
            ),
            role: Some(
                Role {
                    arn: "arn:aws:iam::111111111111:role/offshoot/plan",
                    external_id: None,
                },
            ),
            commenting: Off,
        }
        "#);
    }

    #[test]
    fn nothing_given_is_nothing() {
        let inputs =
            read("", &[("OFFSHOOT_INPUT_STAGE", "  "), ("OFFSHOOT_INPUT_WORKING_DIRECTORY", ".")]).expect("inputs");
        assert_eq!((inputs.stage, inputs.folder, inputs.commenting), (None, None, Commenting::On));
    }

    #[test]
    fn mistakes_name_the_input() {
        let said = |name, value| {
            let error = read("", &[(name, value)]).expect_err("a mistake");
            format!("{error} → {}", error.next_step().unwrap_or_default())
        };
        insta::assert_snapshot!([
            said("OFFSHOOT_INPUT_COMMENT", "maybe"),
            said("OFFSHOOT_INPUT_AWS_REGION", "Europe\n::error::x"),
            said("OFFSHOOT_INPUT_ROLE_TO_ASSUME", "offshoot-plan"),
            said("OFFSHOOT_INPUT_COMMAND", "plan\n::add-mask::x"),
            said("OFFSHOOT_INPUT_CONFIG", "../x.yml"),
        ]
        .join("\n"), @r#"
        reading the input `comment`: "maybe" is neither true nor false → write true or false
        reading the input `aws-region`: "Europe\n::error::x" is no region → write one such as eu-west-1
        reading the input `role-to-assume`: "offshoot-plan" is no role → write its ARN: arn:aws:iam::111111111111:role/offshoot-plan
        reading the input `command`: it is not one short line → write a command such as plan or deploy
        reading the input `config`: "../x.yml" leads out of the repository → write a path that begins at the repository's root, such as apps/notes
        "#);
    }
}
