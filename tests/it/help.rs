//! Help and completions: every command explains itself, in lines that fit.

use crate::world::{World, shows};

const COMMANDS: [&str; 12] =
    ["plan", "deploy", "remove", "show", "outputs", "unlock", "ci", "stages", "init", "check", "schema", "completions"];

#[test]
fn every_command_has_help_that_fits() {
    let world = World::empty();
    for command in COMMANDS {
        let run = world.run(&format!("{command} --help")).done();
        assert!(run.out.contains("Usage: offshoot"), "{command}: {}", run.out);
        let long: Vec<&str> = run.out.lines().filter(|line| line.chars().count() > 120).collect();
        assert!(long.is_empty(), "{command}: {long:?}");
        assert!(run.err.is_empty());
    }
    assert!(world.aws.journal().is_empty());
}

#[test]
fn the_first_page_names_every_command_and_the_exit_codes() {
    let world = World::empty();
    let run = world.run("--help").done();
    for command in COMMANDS {
        assert!(run.out.contains(&format!("  {command}")), "{command}");
    }
    let short = world.run("-h").done();
    shows!(short.out, @"
    Every git branch grows its own stage of your serverless app

    Usage: offshoot [OPTIONS] <COMMAND>

    Commands:
      plan         Show what deploying would change; prepares change sets, executes nothing
      deploy       Deploy a commit to its stage: plan, then execute exactly that plan
      remove       Remove a stage: its stacks, then everything kept about it
      show         Show a stored plan, by file or by the first digits of its digest
      outputs      Show the outputs of a stage's stacks
      unlock       Break the lock of a stage whose run is gone for good
      ci           Do what a GitHub event means: for CI, run by the Action
      stages       List the stages: by rule, and as deployed
      init         Write an offshoot.yml for this repository
      check        Check offshoot.yml: every problem, with line, column and a suggestion
      schema       Print a JSON Schema: of offshoot.yml, of plans, of deploy results
      completions  Print completions for a shell
      help         Print this message or the help of the given subcommand(s)

    Options:
      -h, --help     Print help (see more with '--help')
      -V, --version  Print version

    Common options:
          --repo <URL|PATH>     The repository, a URL or a path; without it the one you stand in
          --branch <NAME>       The branch to take (with --repo; default: the repository's default
                                branch)
          --rev <COMMIT>        The commit to take instead of the branch's tip
          --app <NAME>          The app, where the repository has several
          --stage <NAME>        The stage; without it the one that the branch's rule gives
          --region <REGION>     The AWS region, over that of offshoot.yml
          --profile <NAME>      The AWS profile, over that of offshoot.yml
          --config <FILE>       The configuration, instead of the repository's offshoot.yml
          --format <FORMAT>     What to print on standard output [default: text] [possible values: text,
                                markdown, json]
          --cache-dir <FOLDER>  Where mirrors, bundles and assemblies are kept [env:
                                OFFSHOOT_CACHE_DIR=[world]/cache]
          --dirty               Plan and deploy uncommitted changes too
          --sandbox <SANDBOX>   Run the app's program in a bubblewrap sandbox [env: OFFSHOOT_SANDBOX=]
                                [default: auto] [possible values: auto, off, required]
          --show-secrets        Show values that look like secrets
      -q, --quiet               Say only the result
      -v, --verbose             Say more: every property, timings, what is done inside
          --no-color            No colours (also: NO_COLOR)

    Exit codes: 0 done; 1 failed; 2 changes exist (only with plan --detailed-exitcode); 3 refused (stale
    plan, locked, protected, approval missing); 64 wrong usage or configuration.
    ");
}

#[test]
fn the_version_is_told() {
    let world = World::empty();
    let run = world.run("--version").done();
    assert_eq!(run.out.trim(), format!("offshoot {}", env!("CARGO_PKG_VERSION")));
}

#[test]
fn every_shell_gets_completions() {
    let world = World::empty();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let run = world.run(&format!("completions {shell}")).done();
        assert!(run.out.contains("detailed-exitcode"), "{shell}");
    }
    world.run("completions tcsh").wrong().says("tcsh");
}
