//! The command line: what may be typed, and which file answers it.

mod ask;
mod check;
mod ci;
mod common;
mod deploy;
mod init;
mod outputs;
mod plan;
mod printer;
mod remove;
mod schema;
mod show;
mod stages;
mod tell;
mod unlock;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;

use crate::error::Error;
use common::Common;
use printer::Printer;

/// Every git branch grows its own stage of your serverless app.
///
/// Offshoot turns a commit of a CDK app into CloudFormation change sets, shows what they would do, and executes exactly
/// what was shown. Without --repo it works on the git repository you stand in.
#[derive(Debug, Parser)]
#[command(name = "offshoot", version, max_term_width = 100, after_help = EXIT_CODES)]
pub struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 done; 1 failed; 2 changes exist (only with plan --detailed-exitcode); \
3 refused (stale plan, locked, protected, approval missing); 64 wrong usage or configuration.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Show what deploying would change; prepares change sets, executes nothing
    Plan(plan::Args),
    /// Deploy a commit to its stage: plan, then execute exactly that plan
    Deploy(deploy::Args),
    /// Remove a stage: its stacks, then everything kept about it
    Remove(remove::Args),
    /// Show a stored plan, by file or by the first digits of its digest
    Show(show::Args),
    /// Show the outputs of a stage's stacks
    Outputs(outputs::Args),
    /// Break the lock of a stage whose run is gone for good
    Unlock(unlock::Args),
    /// Do what a GitHub event means: for CI, run by the Action
    Ci(ci::Args),
    /// List the stages: by rule, and as deployed
    Stages(stages::Args),
    /// Write an offshoot.yml for this repository
    Init(init::Args),
    /// Check offshoot.yml: every problem, with line, column and a suggestion
    Check(check::Args),
    /// Print a JSON Schema: of offshoot.yml, of plans, of deploy results
    Schema(schema::Args),
    /// Print completions for a shell
    Completions {
        /// The shell that is to understand them
        shell: Shell,
    },
}

/// How a command ended, when it did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Done,
    /// `--detailed-exitcode`, and there is something to do.
    Changes,
    /// A stack failed; everything was said already.
    Failed,
    /// A person or a rule said no.
    Declined,
    /// The configuration or an input is wrong; everything was said already.
    Misused,
}

/// Parses, runs, and gives the exit code.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            let asked_for = !error.use_stderr();
            // a closed pipe is no reason to fail louder
            let _ = error.print();
            return if asked_for { ExitCode::SUCCESS } else { ExitCode::from(64) };
        }
    };
    let printer = cli.common.printer();
    if let Command::Completions { shell } = cli.command {
        let mut text = Vec::new();
        clap_complete::generate(shell, &mut Cli::command(), "offshoot", &mut text);
        printer.out(&String::from_utf8_lossy(&text));
        return ExitCode::SUCCESS;
    }
    cli.common.start_logging();
    let ended = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => {
            let ended = runtime.block_on(answer(cli, &printer));
            // what still runs in the background (a lock's renewal, a zip nobody waits for) must not hold us up
            runtime.shutdown_background();
            ended
        }
        Err(e) => Err(Error::failed("runtime", "starting", e.to_string())),
    };
    match ended {
        Ok(End::Done) => ExitCode::SUCCESS,
        Ok(End::Changes) => ExitCode::from(2),
        Ok(End::Failed) => ExitCode::from(1),
        Ok(End::Declined) => ExitCode::from(3),
        Ok(End::Misused) => ExitCode::from(64),
        Err(error) => {
            printer.error(&error);
            ExitCode::from(error.class().exit_code())
        }
    }
}

async fn answer(cli: Cli, printer: &Printer) -> Result<End, Error> {
    let common = &cli.common;
    match cli.command {
        Command::Plan(args) => plan::run(common, args, printer).await,
        Command::Deploy(args) => deploy::run(common, args, printer).await,
        Command::Remove(args) => remove::run(common, args, printer).await,
        Command::Show(args) => show::run(common, args, printer).await,
        Command::Outputs(args) => outputs::run(common, args, printer).await,
        Command::Unlock(args) => unlock::run(common, args, printer).await,
        Command::Ci(args) => ci::run(common, args, printer).await,
        Command::Stages(args) => stages::run(common, args, printer).await,
        Command::Init(args) => init::run(common, args, printer).await,
        Command::Check(args) => check::run(common, args, printer).await,
        Command::Schema(args) => schema::run(args, printer),
        Command::Completions { .. } => Ok(End::Done),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }
}
