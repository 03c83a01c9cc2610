//! Whole files in, whole messages out: what people see when a configuration is right or wrong.

use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::error::{Class, Error};
use crate::names::{AccountId, MAX_STAGE};

const FULL: &str = include_str!("full.yml");

fn read(text: &str) -> Result<Config, Vec<Error>> {
    parse(text, Path::new("offshoot.yml"))
}

fn good(text: &str) -> Config {
    read(text).unwrap_or_else(|errors| panic!("{}", said(&errors)))
}

fn said(errors: &[Error]) -> String {
    let line = |e: &Error| format!("{e} [{}]\n  → {}", e.code(), e.next_step().unwrap_or("-"));
    errors.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn bad(text: &str) -> String {
    let errors = read(text).expect_err("this text is wrong");
    assert!(errors.iter().all(|e| e.class() == Class::Usage && e.place().is_some()));
    said(&errors)
}

fn stages(text: &str) -> String {
    format!("version: 1\nstages:\n{text}")
}

fn branch(name: &str) -> GitRef {
    GitRef::Branch(name.into())
}

fn pull(number: u64, base: &str) -> GitRef {
    GitRef::PullRequest { number, base: base.into(), head: "x".into() }
}

fn name_of(config: &Config, git_ref: &GitRef) -> String {
    let found = config.stages_for(git_ref).unwrap_or_else(|e| panic!("{e}"));
    found.iter().map(|s| s.name.to_string()).collect::<Vec<_>>().join(" ")
}

#[test]
fn the_example_of_the_design_is_read_whole() {
    let config = good(FULL);
    let [prod, staging, feature, preview] = config.stages.as_slice() else { panic!("four stages") };
    assert_eq!(prod.aws.account, Some(AccountId::from("111111111111")));
    assert_eq!(prod.aws.region.as_ref().map(|r| r.as_str()), Some("us-east-1"));
    assert_eq!(prod.apply, ApplyRule::Approved);
    let platform = || "@acme/platform".to_owned();
    assert_eq!(prod.approvals, Approvals { count: 2, from: vec![platform()], codeowners: Codeowners::Required });
    assert_eq!(prod.deployers, [platform(), "@ada".to_owned()]);
    assert_eq!(staging.approvals.codeowners, Codeowners::Ignore);
    assert!(staging.deployers.is_empty(), "anyone who may write");
    assert_eq!((staging.drafts, preview.drafts), (Drafts::Plan, Drafts::Ignore));
    assert_eq!(prod.protect, Protection::On);
    assert_eq!(prod.expires_s, None, "a protected stage does not take the default");
    assert_eq!(prod.drift, Some(Drift { schedule: "0 6 * * *".to_owned(), action: DriftAction::Report }));
    assert_eq!(prod.env.get("LOG_LEVEL").map(String::as_str), Some("warn"));
    assert_eq!(prod.env.get("RELEASE").map(String::as_str), Some("1.10"), "numbers keep their text");
    assert_eq!(staging.env.get("LOG_LEVEL").map(String::as_str), Some("debug"));
    assert_eq!(staging.aws.region.as_ref().map(|r| r.as_str()), Some("eu-west-1"), "from the defaults");
    assert_eq!(staging.aws.account, None, "null takes a default away");
    assert_eq!(feature.expires_s, Some(14 * 86_400));
    assert_eq!((preview.limit, preview.expires_s), (Some(10), Some(72 * 3600)));
    assert_eq!(preview.tags.get("team").map(String::as_str), Some("notes"));
    assert_eq!(preview.context.get("size"), Some(&serde_json::json!({ "min": 1, "max": [2, 3.5] })));
    let app = config.apps.first().expect("an app");
    assert_eq!(
        (app.path.to_str(), app.kind, app.timeout_s, app.memory_mb),
        (Some("services/notes"), AppKind::Cdk, 900, 2048)
    );
    assert_eq!((app.typecheck, app.validation), (Typecheck::On, Validation::Off));
    assert_eq!(app.url.as_deref(), Some("ApiUrl"));
}

#[test]
fn what_is_not_written_has_its_default() {
    let config = good("version: 1\n");
    assert_eq!(config.prefix, "/offshoot");
    assert_eq!(config.stages.first().map(|r| (r.name.as_str(), r.apply)), Some(("{branch}", ApplyRule::Auto)));
    assert_eq!(name_of(&config, &branch("main")), "main");
    let app = good("version: 1\napps: [{ name: a }]\n").apps.remove(0);
    assert_eq!(app, App::new("a", "", AppKind::Cdk, KindFrom::Assumed));
}

#[test]
fn anchors_and_merges_are_understood() {
    let config = good(&stages(
        "  - &base { name: a, branch: a, aws: &aws { region: eu-west-1 } }\n  - { <<: *base, name: b, branch: b, aws: { <<: *aws, profile: x } }\n",
    ));
    let b = config.stages.get(1).expect("two stages");
    assert_eq!((b.name.as_str(), b.aws.region.as_ref().map(|r| r.as_str())), ("b", Some("eu-west-1")));
}

#[test]
fn every_problem_is_told_at_once() {
    insta::assert_snapshot!(bad(
        "version: 2\nsate: x\napps:\n  - name: notes\n    memory_mb: lots\nstages:\n  - name: prod\n    branch: main\n    region: us-east-1\n    aws: { acount: 1, account: 123 }\n    apply: aproved\n    protect: yes\n    expires: 72\n    limit: 0\n"
    ), @r##"
    offshoot.yml:1:10: reading offshoot.yml: version is 2, expected the number 1 [config.value]
      → write the number 1
    offshoot.yml:2:1: reading offshoot.yml: there is no key `sate` [config.unknown_key]
      → did you mean `state`?
    offshoot.yml:5:16: reading offshoot.yml: apps[0].memory_mb is text, expected a whole number from 256 to 65536 [config.type]
      → write a whole number from 256 to 65536
    offshoot.yml:9:5: reading offshoot.yml: stages[0] has no key `region` [config.unknown_key]
      → write it under `aws:`
    offshoot.yml:10:12: reading offshoot.yml: stages[0].aws has no key `acount` [config.unknown_key]
      → did you mean `account`?
    offshoot.yml:10:32: reading offshoot.yml: stages[0].aws.account: `123` is not an AWS account [config.value]
      → write its 12 digits in quotes: account: "111111111111"
    offshoot.yml:11:12: reading offshoot.yml: stages[0].apply is `aproved`, expected `auto`, `approved`, `manual` or `fast` [config.value]
      → did you mean `approved`?
    offshoot.yml:12:14: reading offshoot.yml: stages[0].protect is text, expected true or false [config.type]
      → write true or false
    offshoot.yml:13:14: reading offshoot.yml: stages[0].expires: `72` has no unit [config.value]
      → write a number with s, m, h, d or w: 90m, 72h, 14d
    offshoot.yml:14:12: reading offshoot.yml: stages[0].limit is 0, expected a whole number from 1 to 1000 [config.value]
      → write a whole number from 1 to 1000
    "##);
}

#[test]
fn broken_yaml_is_told_with_its_place() {
    insta::assert_snapshot!(bad("version: 1\nstages:\n  - name: a\n\tbranch: b\n"), @r##"
    offshoot.yml:3:11: reading offshoot.yml: this is not valid YAML: while scanning a plain scalar, found a tab [config.yaml]
      → indent with spaces: YAML does not allow tabs there
    "##);
    insta::assert_snapshot!(bad("version: 1\nstages: [\n"), @r##"
    offshoot.yml:2:9: reading offshoot.yml: this is not valid YAML: unclosed bracket '[' [config.yaml]
      → see docs/reference/configuration.md, or start anew with `offshoot init`
    "##);
    insta::assert_snapshot!(bad("version: 1\napps: *nowhere\n"), @r##"
    offshoot.yml:2:7: reading offshoot.yml: this is not valid YAML: alias references unknown anchor [config.yaml]
      → see docs/reference/configuration.md, or start anew with `offshoot init`
    "##);
    insta::assert_snapshot!(bad("a: 1\n---\nb: 1\n"), @r##"
    offshoot.yml:2:1: reading offshoot.yml: the file holds more than one YAML document [config.yaml]
      → remove the line `---` and what follows it
    "##);
    insta::assert_snapshot!(bad(""), @r##"
    offshoot.yml:1:1: reading offshoot.yml: the file is empty [config.empty]
      → write `version: 1`, or let `offshoot init` write the file
    "##);
    insta::assert_snapshot!(bad("# nothing\n"), @r##"
    offshoot.yml:2:1: reading offshoot.yml: the file is empty [config.empty]
      → write `version: 1`, or let `offshoot init` write the file
    "##);
    insta::assert_snapshot!(bad("- a\n"), @r##"
    offshoot.yml:1:1: reading offshoot.yml: the file is a list, expected a table of keys [config.type]
      → begin with `version: 1`; see docs/reference/configuration.md
    "##);
    insta::assert_snapshot!(bad("just text"), @r##"
    offshoot.yml:1:1: reading offshoot.yml: the file is text, expected a table of keys [config.type]
      → begin with `version: 1`; see docs/reference/configuration.md
    "##);
    insta::assert_snapshot!(bad("{ [a, b]: 1 }"), @r##"
    offshoot.yml:1:3: reading offshoot.yml: a key is not plain text [config.yaml]
      → write `key: value`; if a list or text is meant, put it in quotes
    "##);
}

#[test]
fn repeated_keys_are_errors_everywhere() {
    insta::assert_snapshot!(bad(
        "version: 1\nversion: 1\nstages:\n  - name: a\n    branch: a\n    branch: b\n    env: { X: 1, X: 2 }\n    context: { a: { b: 1, b: 2 } }\n"
    ), @r##"
    offshoot.yml:2:1: reading offshoot.yml: `version` is written twice, first on line 1 [config.duplicate_key]
      → keep one of them
    offshoot.yml:6:5: reading offshoot.yml: `stages[0].branch` is written twice, first on line 5 [config.duplicate_key]
      → keep one of them
    offshoot.yml:7:18: reading offshoot.yml: `stages[0].env.X` is written twice, first on line 7 [config.duplicate_key]
      → keep one of them
    offshoot.yml:8:27: reading offshoot.yml: `stages[0].context.a.b` is written twice, first on line 8 [config.duplicate_key]
      → keep one of them
    "##);
}

#[test]
fn sizes_and_alias_bombs_are_refused() {
    insta::assert_snapshot!(bad(&format!("# {}", "x".repeat(MAX_BYTES))), @r##"
    offshoot.yml:1:1: reading offshoot.yml: the file has 1000002 bytes; at most 1000000 are read [config.too_large]
      → keep data out of the configuration: the app can read its own files
    "##);
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for n in 1..9 {
        let item = format!("*a{}", n - 1);
        bomb.push_str(&format!("a{n}: &a{n} [{}]\n", vec![item; 9].join(", ")));
    }
    insta::assert_snapshot!(bad(&bomb), @r##"
    offshoot.yml:5:15: reading offshoot.yml: the aliases of this file stand for more than 20000 values [config.yaml]
      → write it out with fewer anchors and aliases
    "##);
    let heavy = format!("a: &a {}\nb: [{}]\n", "x".repeat(500_000), vec!["*a"; 8_000].join(", "));
    insta::assert_snapshot!(bad(&heavy), @r##"
    offshoot.yml:2:29: reading offshoot.yml: the file holds too much once its aliases are written out [config.yaml]
      → keep data out of the configuration
    "##);
    good(&format!("version: 1\napps: [{{ name: &p a, inputs: [{}] }}]\n", vec!["*p"; 500].join(", ")));
    insta::assert_snapshot!(bad(&"[".repeat(10_000)), @r##"
    offshoot.yml:1:256: reading offshoot.yml: this is nested more than 64 levels deep [config.yaml]
      → write it with fewer levels
    "##);
}

#[test]
fn a_stage_says_where_it_comes_from() {
    insta::assert_snapshot!(bad(&stages(
        "  - name: a\n  - { name: b, branch: b, tag: b }\n  - { name: \"pr-{number}\", branch: x }\n  - { name: same, pull_request: {} }\n  - { name: all, branch: \"feature/*\" }\n  - { name: \"{branch}\", tag: \"v*\" }\n  - { branch: nameless }\n"
    )), @r##"
    offshoot.yml:3:5: reading offshoot.yml: stages[0] says nothing about where it comes from [config.missing_key]
      → add `branch: main`, `tag: "v*"` or `pull_request: {}`
    offshoot.yml:4:27: reading offshoot.yml: stages[1] has both `branch` and `tag` [config.value]
      → write two stages, one for each
    offshoot.yml:5:13: reading offshoot.yml: stages[2].name: `pr-{number}` does not fit: a branch has no {number} [config.value]
      → write {branch} in place of {number}
    offshoot.yml:6:13: reading offshoot.yml: stages[3].name: `same` does not fit: two pull requests would share this name [config.value]
      → put the number into it: "pr-{number}"
    offshoot.yml:7:13: reading offshoot.yml: stages[4].name: `all` does not fit: every branch that matches would share this name [config.value]
      → put the branch into it: "{branch}"
    offshoot.yml:8:13: reading offshoot.yml: stages[5].name: `{branch}` does not fit: a tag has only {tag} [config.value]
      → write {tag}, or a fixed name
    offshoot.yml:9:5: reading offshoot.yml: stages[6] has no `name` [config.missing_key]
      → add `name: …`: name of the stage: fixed (`prod`), or with {branch}, {tag} or {number} filled in and made safe for AWS
    "##);
}

#[test]
fn names_and_branches_that_collide_are_refused() {
    insta::assert_snapshot!(bad(&stages(
        "  - { name: a, branch: main }\n  - { name: b, branch: main }\n  - { name: a, branch: x }\n  - { name: \"{branch}\", branch: \"f/*\" }\n  - { name: \"x-{branch}\", branch: \"f/*\" }\n  - { name: \"{tag}\", tag: \"v*\" }\n  - { name: \"pr-{number}\", pull_request: {} }\n  - { name: \"p-{number}\", pull_request: {} }\n"
    )), @r##"
    offshoot.yml:4:24: reading offshoot.yml: branch `main` belongs to two stages: `a` on line 3 and `b` [config.two_rules_for_branch]
      → keep one of them: a branch, tag or pull request has one stage
    offshoot.yml:5:13: reading offshoot.yml: two stages are called `a`, the first on line 3 [config.same_name]
      → give each stage a name of its own
    offshoot.yml:7:35: reading offshoot.yml: branch `f/*` belongs to two stages: `{branch}` on line 6 and `x-{branch}` [config.two_rules_for_branch]
      → keep one of them: a branch, tag or pull request has one stage
    offshoot.yml:8:13: reading offshoot.yml: `{tag}` and `{branch}` on line 6 can give the same name [config.same_name]
      → put a word before the braces: "tag-{tag}"
    offshoot.yml:10:41: reading offshoot.yml: every pull request belongs to two stages: `pr-{number}` on line 9 and `p-{number}` [config.two_rules_for_branch]
      → keep one of them: a branch, tag or pull request has one stage
    "##);
}

#[test]
fn names_that_aws_would_refuse_are_refused() {
    let long = "x".repeat(41);
    insta::assert_snapshot!(bad(&stages(&format!(
        "  - {{ name: {long}, branch: a }}\n  - {{ name: my_stage, branch: b }}\n  - {{ name: \"{{who}}\", branch: c }}\n  - {{ name: \"{long}-{{branch}}\", branch: d }}\n  - {{ name: true, branch: e }}\n"
    ))), @r##"
    offshoot.yml:3:13: reading offshoot.yml: stages[0].name: `xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx` has 41 characters; a stage name has at most 40 [config.value]
      → shorten it: stack, role and function names are made from it
    offshoot.yml:4:13: reading offshoot.yml: stages[1].name: `my_stage` cannot be the name of a stage [config.value]
      → use letters, digits and single hyphens, beginning with a letter: prod, eu-prod
    offshoot.yml:5:13: reading offshoot.yml: stages[2].name: `{who}` cannot be filled in [config.value]
      → use one of {branch}, {tag} and {number}, once: "{branch}" or "pr-{number}"
    offshoot.yml:6:13: reading offshoot.yml: stages[3].name: `xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx-{branch}` leaves too little room: a stage name has at most 40 characters [config.value]
      → write at most 24 characters around the braces
    offshoot.yml:7:13: reading offshoot.yml: stages[4].name is true or false, expected the name of a stage [config.type]
      → write the name of a stage; if the text true is meant, put it in quotes: "true"
    "##);
}

#[test]
fn roles_accounts_and_schedules_are_checked() {
    insta::assert_snapshot!(bad(&stages(
        "  - name: prod\n    branch: main\n    aws:\n      account: \"111111111111\"\n      region: virginia\n      plan_role: offshoot-plan\n      apply_role: arn:aws:iam::222222222222:role/x\n    drift: { schedule: \"0 6 * *\", action: fix }\n    approvals: { count: 0, from: [platform] }\n"
    )), @r##"
    offshoot.yml:7:15: reading offshoot.yml: stages[0].aws.region: `virginia` is not an AWS region [config.value]
      → write one such as eu-west-1 or us-east-1
    offshoot.yml:8:18: reading offshoot.yml: stages[0].aws.plan_role: `offshoot-plan` is not the ARN of an IAM role [config.value]
      → write it whole: arn:aws:iam::111111111111:role/offshoot-plan
    offshoot.yml:9:19: reading offshoot.yml: stages[0].aws.apply_role is a role of account 222222222222, and the stage belongs to 111111111111 [config.role_account]
      → name a role of the stage's own account, or correct `account`
    offshoot.yml:10:24: reading offshoot.yml: stages[0].drift.schedule: `0 6 * *` has 4 fields [config.value]
      → write five fields in UTC: minute hour day month weekday, as in "0 6 * * *" for every day at 06:00
    offshoot.yml:10:43: reading offshoot.yml: stages[0].drift.action is `fix`, expected `report`, `propose` or `revert` [config.value]
      → write `report`, `propose` or `revert`
    offshoot.yml:11:25: reading offshoot.yml: stages[0].approvals.count is 0, expected a whole number from 1 to 20 [config.value]
      → write a whole number from 1 to 20
    offshoot.yml:11:35: reading offshoot.yml: stages[0].approvals.from[0]: `platform` is neither a person nor a team [config.value]
      → write "@name" or "@organization/team"
    "##);
}

#[test]
fn secrets_do_not_enter_the_file_or_the_message() {
    let text = bad(&stages(
        "  - name: a\n    branch: a\n    env: { GITHUB_TOKEN: hunter2, DB_PASSWORD: hunter2, NAME: ghp_hunter2hunter2hunter2, STAGE: a, OK: x }\n",
    ));
    assert!(!text.contains("hunter2"), "{text}");
    insta::assert_snapshot!(text, @r##"
    offshoot.yml:5:12: reading offshoot.yml: stages[0].env: `GITHUB_TOKEN` looks like a secret, and everyone who can read the repository can read this file [config.secret]
      → keep it in SSM Parameter Store or Secrets Manager and let the function read it at run time; if it was real, replace it now
    offshoot.yml:5:35: reading offshoot.yml: stages[0].env: `DB_PASSWORD` looks like a secret, and everyone who can read the repository can read this file [config.secret]
      → keep it in SSM Parameter Store or Secrets Manager and let the function read it at run time; if it was real, replace it now
    offshoot.yml:5:57: reading offshoot.yml: stages[0].env: `NAME` looks like a secret, and everyone who can read the repository can read this file [config.secret]
      → keep it in SSM Parameter Store or Secrets Manager and let the function read it at run time; if it was real, replace it now
    offshoot.yml:5:90: reading offshoot.yml: stages[0].env: `STAGE` is set by Offshoot to the stage's name [config.value]
      → remove it, or choose another name
    "##);
}

#[test]
fn a_wrong_default_is_told_once() {
    insta::assert_snapshot!(bad(
        "version: 1\ndefaults:\n  aws: { account: \"111111111111\", plan_role: \"arn:aws:iam::222222222222:role/x\" }\nstages:\n  - { name: a, branch: a }\n  - { name: b, branch: b }\n"
    ), @r##"
    offshoot.yml:3:46: reading offshoot.yml: stages[0].aws.plan_role is a role of account 222222222222, and the stage belongs to 111111111111 [config.role_account]
      → name a role of the stage's own account, or correct `account`
    "##);
}

#[test]
fn protection_is_not_contradicted() {
    insta::assert_snapshot!(bad(&stages("  - { name: a, branch: a, protect: true, expires: 1d, apply: fast }\n")), @r##"
    offshoot.yml:3:51: reading offshoot.yml: stages[0] is protected and would expire [config.value]
      → remove `expires`, or `protect: true`
    offshoot.yml:3:62: reading offshoot.yml: stages[0] is protected, and fast deploys go past CloudFormation [config.value]
      → write `apply: approved` or `apply: auto`
    "##);
}

#[test]
fn apps_are_named_once_and_known() {
    insta::assert_snapshot!(bad(
        "version: 1\napps:\n  - { name: notes, path: ../x, kind: terraform }\n  - { name: notes, inputs: [/etc/*] }\nstages:\n  - { name: a, branch: a, apps: [note, web] }\n"
    ), @r##"
    offshoot.yml:3:26: reading offshoot.yml: apps[0].path: `../x` leaves the repository [config.value]
      → write a path inside it, without a leading / and without ..
    offshoot.yml:3:38: reading offshoot.yml: apps[0].kind is `terraform`, expected `cdk`, `sst`, `sam`, `serverless`, `cloudformation` or `assembly` [config.value]
      → write `cdk`, `sst`, `sam`, `serverless`, `cloudformation` or `assembly`
    offshoot.yml:4:13: reading offshoot.yml: two apps are called `notes`, the first on line 3 [config.same_name]
      → give each app a name of its own
    offshoot.yml:4:29: reading offshoot.yml: apps[1].inputs[0]: `/etc/*` leaves the repository [config.value]
      → write a path inside it, without a leading / and without ..
    offshoot.yml:6:34: reading offshoot.yml: stages[0].apps[0]: there is no app `note` [config.unknown_app]
      → did you mean `notes`?
    offshoot.yml:6:40: reading offshoot.yml: stages[0].apps[1]: there is no app `web` [config.unknown_app]
      → the apps of this file: `notes` and `notes`
    "##);
}

#[test]
fn who_may_what_for_drafts_and_the_address_are_checked() {
    insta::assert_snapshot!(bad(
        "version: 1\napps: [{ name: a, url: \"https://example.com\" }]\ndefaults: { deployers: [ada] }\nstages:\n  - name: prod\n    branch: main\n    deployer: [\"@ada\"]\n    approvals: { codeowners: [\"@ada\"] }\n  - name: \"pr-{number}\"\n    pull_request: { base: main, drafts: skip, draft: true }\n  - { name: x, branch: x, deployers: \"@ada\", drafts: ignore }\n"
    ), @r##"
    offshoot.yml:2:24: reading offshoot.yml: apps[0].url: `https://example.com` is not the name of a stack output [config.value]
      → write the name alone, as in url: ApiUrl
    offshoot.yml:3:25: reading offshoot.yml: defaults.deployers[0]: `ada` is neither a person nor a team [config.value]
      → write "@name" or "@organization/team"
    offshoot.yml:7:5: reading offshoot.yml: stages[0] has no key `deployer` [config.unknown_key]
      → did you mean `deployers`?
    offshoot.yml:8:30: reading offshoot.yml: stages[0].approvals.codeowners is a list, expected true or false [config.type]
      → write true or false in place of the list
    offshoot.yml:10:41: reading offshoot.yml: stages[1].pull_request.drafts is `skip`, expected `ignore`, `plan` or `deploy` [config.value]
      → write `ignore`, `plan` or `deploy`
    offshoot.yml:10:47: reading offshoot.yml: stages[1].pull_request has no key `draft` [config.unknown_key]
      → did you mean `drafts`?
    offshoot.yml:11:38: reading offshoot.yml: stages[2].deployers is text, expected a list [config.type]
      → write a list
    offshoot.yml:11:46: reading offshoot.yml: stages[2] has no key `drafts` [config.unknown_key]
      → write it under `pull_request:`
    "##);
}

#[test]
fn an_exact_name_wins_over_a_glob_and_two_globs_are_refused() {
    let config = good(&stages(
        "  - { name: prod, branch: main }\n  - { name: \"{branch}\", branch: \"**\" }\n  - { name: \"f-{branch}\", branch: \"feature/*\" }\n",
    ));
    assert_eq!(name_of(&config, &branch("main")), "prod");
    assert_eq!(
        name_of(&config, &branch("feature/a/b")),
        "feature-a-b-".to_owned() + &crate::names::Digest::of("feature/a/b").as_str()[..6]
    );
    let error = config.stages_for(&branch("feature/a")).expect_err("two globs");
    insta::assert_snapshot!(said(&[error]), @r##"
    offshoot.yml:5:1: looking into offshoot.yml: branch feature/a belongs to two stages: `{branch}` on line 4 and `f-{branch}` on line 5 [config.two_rules_for_branch]
      → make one of the two patterns narrower, or write a rule with the exact name
    "##);
    assert_eq!(name_of(&config, &GitRef::Tag("v1".to_owned())), "");
    assert!(!config.stages[0].covers(&branch("develop")));
}

#[test]
fn a_name_with_a_stronger_claim_is_left_alone() {
    let config = good(&stages(
        "  - { name: prod, branch: main }\n  - { name: \"{branch}\", branch: \"**\" }\n  - { name: \"pr-{number}\", pull_request: { base: main } }\n  - { name: \"dev-{branch}\", branch: \"d/*\" }\n",
    ));
    assert_eq!(name_of(&config, &pull(42, "main")), "pr-42");
    assert_eq!(name_of(&config, &pull(42, "other")), "");
    for taken in ["prod", "pr-42", "dev-x"] {
        let name = name_of(&config, &branch(taken));
        assert!(name.starts_with(taken) && name != taken, "{name}");
    }
}

#[test]
fn equal_claims_are_settled_by_order() {
    let config =
        good(&stages("  - { name: \"{branch}-a\", branch: \"b-*\" }\n  - { name: \"b-{branch}\", branch: \"*-a\" }\n"));
    assert_eq!(name_of(&config, &branch("b-x")), "b-x-a");
    assert_ne!(name_of(&config, &branch("x-a")), "b-x-a");
}

#[test]
fn stages_are_found_by_name() {
    let config = good(&stages(
        "  - { name: prod, branch: main }\n  - { name: \"{branch}\", branch: \"feature/*\" }\n  - { name: \"pr-{number}\", pull_request: {} }\n",
    ));
    assert_eq!(config.stage_named("prod", None).map(|s| s.git_ref).ok(), Some(Some(branch("main"))));
    assert_eq!(config.stage_named("pr-7", None).map(|s| s.rule.name).ok().as_deref(), Some("pr-{number}"));
    let feature = config.stages_for(&branch("feature/x")).expect("a stage").remove(0);
    assert_eq!(config.stage_named(feature.name.as_str(), Some(&branch("feature/x"))).ok(), Some(feature));
    let errors = [
        config.stage_named("prd", None).expect_err("unknown"),
        config.stage_named("demo", None).expect_err("unknown"),
        config.app(None).expect_err("no apps"),
    ];
    insta::assert_snapshot!(said(&errors), @r##"
    looking into offshoot.yml: there is no stage `prd`; the stages are `prod`, `{branch}` and `pr-{number}` [config.unknown_stage]
      → did you mean `prod`?
    looking into offshoot.yml: there is no stage `demo`; the stages are `prod`, `{branch}` and `pr-{number}` [config.unknown_stage]
      → name the branch of the stage with --branch, or type `offshoot stages`
    looking into offshoot.yml: this repository has no app [config.no_app]
      → add a cdk.json, sst.json, template.yaml or serverless.yml, or name the app under apps: in offshoot.yml
    "##);
}

#[test]
fn without_a_file_every_branch_is_a_stage() {
    let found = discover(&["api/cdk.json".to_owned(), "web/template.yaml".to_owned()]);
    let config = Config::discovered(found.apps);
    assert_eq!(name_of(&config, &branch("main")), "main");
    assert_eq!(
        config.stage_named("ada", Some(&branch("main"))).map(|s| s.name.to_string()).ok().as_deref(),
        Some("ada")
    );
    assert_eq!(config.app(None).map(|apps| apps.len()).ok(), Some(2));
    let errors =
        [config.stage_named("a/b", None).expect_err("unsafe"), config.app(Some("ap")).expect_err("unknown app")];
    insta::assert_snapshot!(said(&errors), @r##"
    looking for stages and apps: there is no stage `a/b`; the stages are `{branch}` [config.unknown_stage]
      → use letters, digits and hyphens: `a-b-c14cdd`
    looking for stages and apps: there is no app `ap`; the apps are `api` and `web` [config.unknown_app]
      → did you mean `api`?
    "##);
    insta::assert_snapshot!(explain(&config).join("\n"), @r##"
    There is no offshoot.yml: every branch is a stage. `offshoot init` writes one.

    2 apps:
      api (cdk) in api
      web (cloudformation) in web

    1 stage rule:
      {branch} ← every branch; applied at once
    "##);
}

#[test]
fn what_the_files_tell_is_filled_in() {
    let found = discover(&["api/sst.json".to_owned()]);
    let config = good("version: 1\napps: [{ name: a, path: ./api/ }, { name: b, path: b, command: make }]\n");
    let config = config.with_discovered(&found).expect("complete");
    assert_eq!(config.apps.iter().map(|a| a.kind).collect::<Vec<_>>(), [AppKind::Sst, AppKind::Assembly]);
    assert_eq!(good("version: 1\n").with_discovered(&found).map(|c| c.apps).ok(), Some(found.apps.clone()));
    let wrong =
        good("version: 1\napps: [{ name: a, path: apl }]\n").with_discovered(&found).expect_err("nothing there");
    let unknown =
        good("version: 1\nstages: [{ name: a, branch: a, apps: [x] }]\n").with_discovered(&found).expect_err("no x");
    insta::assert_snapshot!(said(&wrong.into_iter().chain(unknown).collect::<Vec<_>>()), @r##"
    looking for apps: app `a`: `apl` has no cdk.json, sst.json, sst.config.ts, serverless.yml or template.yaml [config.no_app]
      → correct its path; apps were found at path: api
    looking for apps: stage `a` names the app `x`, and there is none [config.unknown_app]
      → the apps are api
    "##);
}

#[test]
fn check_explains_the_whole_file() {
    insta::assert_snapshot!(explain(&good(FULL)).join("\n"), @r##"
    offshoot.yml is valid.

    1 app:
      notes (cdk) in services/notes, runs `npx ts-node bin/app.ts`, answers at its output ApiUrl

    4 stage rules:
      prod ← branch main; account 111111111111 us-east-1; applied after 2 approvals from @acme/platform and those of the code's owners; deployed by @acme/platform, @ada; protected; drift reported (0 6 * * * UTC)
      staging ← branch develop; eu-west-1; applied at once, code straight to Lambda; deletes stacks the app no longer has
      {branch} ← branch feature/*; account 222222222222 eu-west-1; applied at once; expires after 14d; removal destroys data; express
      pr-{number} ← pull requests into main; account 222222222222 eu-west-1; applied at once; drafts ignored; expires after 3d; at most 10; only `notes`
    "##);
}

#[test]
fn init_writes_a_valid_file() {
    let found = discover(&["cdk.json".to_owned(), "odd name/true/serverless.yml".to_owned()]);
    for branch_name in ["main", "develop", "", "release/1.0", "on", "1.10"] {
        let text = init_text(&found.apps, branch_name);
        let config = good(&text).with_discovered(&found).unwrap_or_else(|e| panic!("{}", said(&e)));
        let wanted = if branch_name.is_empty() { "main" } else { branch_name };
        assert!(matches!(name_of(&config, &branch(wanted)).as_str(), "prod" | "main"));
        assert_eq!(config.apps.len(), found.apps.len());
    }
    good(&init_text(&[], "main"));
    insta::assert_snapshot!(init_text(&found.apps, "develop"), @r##"
    # Which branch of this repository becomes which stage on AWS.
    # Every key: docs/reference/configuration.md. Check it with `offshoot check`.
    version: 1

    apps:
      - name: app
        path: .
        kind: cdk
      - name: "true"
        path: "odd name/true"
        kind: serverless

    stages:
      # The default branch is the stage `main`. It is never removed, and a person approves each plan.
      - name: main
        branch: develop
        apply: approved                # auto | approved | manual | fast
        protect: true
        # aws:
        #   account: "111111111111"    # other credentials are refused
        #   region: us-east-1

      # Every feature branch grows its own stage. It goes with its branch, or this long after its last deploy.
      - name: "{branch}"
        branch: "feature/*"
        expires: 14d

      # Every pull request is a stage as long as it is open.
      - name: "pr-{number}"
        pull_request: { base: develop }
        expires: 72h
        limit: 10
    "##);
}

#[test]
fn the_schema_is_published_as_it_is() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference/offshoot.schema.json");
    let text = serde_json::to_string_pretty(&json_schema()).expect("JSON") + "\n";
    if std::env::var_os("OFFSHOOT_WRITE_DOCS").is_some() {
        std::fs::write(&path, &text).expect("written");
    }
    let published = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        published == text,
        "run this test with OFFSHOOT_WRITE_DOCS=1 to write docs/reference/offshoot.schema.json anew"
    );
}

#[test]
fn the_schema_accepts_what_is_valid_and_refuses_the_rest() {
    let schema = jsonschema::validator_for(&json_schema()).expect("a schema");
    let json = |text: &str| serde_saphyr::from_str::<serde_json::Value>(text).expect("YAML");
    assert!(schema.is_valid(&json(FULL)));
    assert!(schema.is_valid(&json(&init_text(&[], "main"))));
    for wrong in ["{}", "version: 1\nx: 1", "version: 1\nstages: [{name: a}]", "version: 1\nprefix: offshoot"] {
        assert!(!schema.is_valid(&json(wrong)), "{wrong}");
    }
}

#[test]
fn every_key_is_documented_with_its_default() {
    let page = include_str!("../../docs/reference/configuration.md");
    fn walk(keys: &[keys::Key], page: &str) {
        for key in keys {
            assert!(
                page.contains(&format!("| `{}` |", key.name)),
                "docs/reference/configuration.md says nothing about `{}`",
                key.name
            );
            match key.shape {
                keys::Shape::Table(inner) | keys::Shape::List(&keys::Shape::Table(inner)) => walk(inner, page),
                _ => {}
            }
        }
    }
    walk(keys::ROOT, page);
    for block in page.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next()) {
        good(block);
    }
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in ".{0,400}") {
        let _ = read(&text);
    }

    #[test]
    fn any_words_of_yaml_are_read_or_refused(text in "[-a-c0-9:&*<>{}\\[\\],'\"|#!%~ \n\t]{0,300}") {
        let _ = read(&text);
    }

    #[test]
    fn a_changed_file_is_read_or_refused(at in 0usize..2000, cut in 0usize..40, put in "[ \n:{}\\[\\]a-z0-9*&\"-]{0,8}") {
        let chars: Vec<char> = FULL.chars().collect();
        let at = at.min(chars.len());
        let head: String = chars.iter().take(at).collect();
        let tail: String = chars.iter().skip(at + cut).collect();
        if let Err(errors) = read(&format!("{head}{put}{tail}")) {
            prop_assert!(!errors.is_empty());
            prop_assert!(errors.iter().all(|e| e.place().is_some_and(|p| p.line >= 1 && p.column >= 1)));
        }
    }

    #[test]
    fn every_branch_gets_a_name_that_aws_takes(name in "[a-zA-Z0-9/._#é-]{1,80}") {
        let config = good(FULL);
        for git_ref in [branch(&name), branch(&format!("feature/{name}"))] {
            for stage in config.stages_for(&git_ref).unwrap_or_default() {
                prop_assert!(stage.name.as_str().len() <= MAX_STAGE);
                prop_assert!(stage.name.as_str().chars().all(|c| c.is_ascii_alphanumeric() || c == '-'));
            }
        }
    }
}
