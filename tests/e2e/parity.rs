//! Offshoot and the `cdk` CLI agree: what one has deployed, the other finds unchanged.

use std::path::Path;
use std::process::Command;

use crate::cloud::{Account, Cloud, REGION, cloud, is_set, root, say};
use crate::repo::{Ran, Repo, run};

#[test]
fn offshoot_and_cdk_agree_about_examples_notes() {
    let Some(cloud) = cloud() else { return };
    let repo = Repo::of(&root().join("examples/notes"));
    agree(cloud, &repo, &root().join("examples/notes/node_modules"), "prod");
}

#[test]
fn offshoot_and_cdk_agree_about_fifty_functions_in_five_stacks() {
    let Some(cloud) = cloud() else { return };
    if !is_set("OFFSHOOT_E2E_FULL") {
        say("skipped: the bench app M against the cdk CLI takes minutes, and runs only with OFFSHOOT_E2E_FULL=1");
        return;
    }
    let generated = cloud.scratch.join("bench-m");
    done(Command::new("node").arg(root().join("benches/generate.mjs")).args(["M"]).arg(&generated));
    let repo = Repo::of(&generated);
    let npm = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
    done(repo.command("npm").args(npm));
    agree(cloud, &repo, &repo.dir().join("node_modules"), "bench");
}

/// Both ways round, each in a fresh account.
fn agree(cloud: &'static Cloud, repo: &Repo, modules: &Path, stage: &str) {
    if !repo.dir().join("node_modules").exists() {
        assert!(modules.is_dir(), "{} is missing: run npm ci there", modules.display());
        // links, where the file system allows: the packages are large
        let linked = run(repo.command("cp").arg("-al").arg(modules).arg("node_modules"));
        if linked.code != 0 {
            done(repo.command("cp").arg("-a").arg(modules).arg("node_modules"));
        }
    }

    let theirs = bootstrapped(cloud, repo);
    cdk(repo, &theirs, stage, &["deploy", "--all", "--require-approval", "never", "--progress", "events"]).ends_with(0);
    let planned = repo.offshoot(&theirs, &["plan", "--stage", stage, "--detailed-exitcode"]).ends_with(0);
    assert!(planned.out.to_lowercase().contains("nothing to do"), "{}", planned.out);
    repo.offshoot(&theirs, &["deploy", "--stage", stage, "--yes"]).ends_with(0);

    let ours = bootstrapped(cloud, repo);
    repo.offshoot(&ours, &["deploy", "--stage", stage, "--yes"]).ends_with(0);
    cdk(repo, &ours, stage, &["diff", "--all", "--fail"]).ends_with(0).says("Number of stacks with differences: 0");
    let without_bootstrap = |account: &Account| {
        let lines = account.picture().into_iter().filter(|l| !l.starts_with("CDKToolkit")).collect::<Vec<_>>();
        lines.into_iter().filter(|l| l.contains(" template ")).collect::<Vec<_>>()
    };
    assert_eq!(without_bootstrap(&ours), without_bootstrap(&theirs), "the deployed templates are the same text");
}

fn bootstrapped(cloud: &'static Cloud, repo: &Repo) -> Account {
    let account = cloud.bare_account();
    // outside the app: inside it, the toolkit would synthesize the app first
    let cli = repo.dir().join("node_modules/.bin/cdk");
    let mut bootstrap = repo.aws_command(cli, &account, &cloud.endpoint);
    bootstrap.current_dir(repo.home()).args(["bootstrap", &format!("aws://{}/{REGION}", account.id), "--no-notices"]);
    done(&mut bootstrap);
    account
}

fn cdk(repo: &Repo, account: &Account, stage: &str, arguments: &[&str]) -> Ran {
    let mut command = repo.aws_command("node_modules/.bin/cdk", account, &account.cloud.endpoint);
    command.args(arguments).args(["--context", &format!("stage={stage}"), "--no-notices", "--no-color"]);
    run(&mut command)
}

#[track_caller]
fn done(command: &mut Command) {
    let ran = run(command);
    assert_eq!(ran.code, 0, "{command:?}\n{}\n{}", ran.out, ran.err);
}
