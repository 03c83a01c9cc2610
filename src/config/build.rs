//! From the tree as written to the configuration as meant: defaults merged, values that must fit together compared.

use std::collections::{BTreeMap, HashMap};
use std::path::{Component, Path, PathBuf};

use super::check::{Problems, table};
use super::keys;
use super::suggest::{any_of, nearest};
use super::texts::{is_glob, role_account};
use super::valid::*;
use super::yaml::{self, Entry, Node, Value};
use super::{duration, overlap};
use crate::error::Error;
use crate::names::{AccountId, AppName, Region};

/// Reads `offshoot.yml`; the error holds every problem of the file, in its order.
///
/// Apps whose `kind` is not written, and all apps where none are named, are known once
/// [`Config::with_discovered`] has seen the repository's files.
pub fn parse(text: &str, file: &Path) -> Result<Config, Vec<Error>> {
    let root = yaml::read(text, file).map_err(|error| vec![error])?;
    let mut problems = Problems::new(file.to_owned());
    if matches!(root.value, Value::Null) {
        problems.add(
            "config.empty",
            root.at,
            "the file is empty",
            "write `version: 1`, or let `offshoot init` write the file",
        );
        return Err(problems.into_errors());
    }
    table(&root, keys::ROOT, "", &mut problems);
    let apps: Vec<App> = root.get("apps").map(|list| apps(list, &mut problems)).unwrap_or_default();
    let stages = stages(&root, &apps, &mut problems);
    let text_of = |key: &str| root.get(key).and_then(Node::text).map(str::to_owned);
    let config = Config {
        apps,
        stages,
        state: text_of("state"),
        prefix: text_of("prefix").unwrap_or_else(|| "/offshoot".to_owned()),
        origin: Origin::File(file.to_owned()),
    };
    let errors = problems.into_errors();
    if errors.is_empty() { Ok(config) } else { Err(errors) }
}

fn apps(list: &Node, problems: &mut Problems) -> Vec<App> {
    if matches!(&list.value, Value::List(items) if items.is_empty()) {
        problems.add(
            "config.value",
            list.at,
            "apps is empty",
            "name an app, or remove the key and let Offshoot find them",
        );
    }
    let mut lines: HashMap<String, usize> = HashMap::new();
    let mut out = Vec::new();
    for node in list.items() {
        let Some(name) = node.get("name").filter(|n| n.text().is_some()) else { continue };
        let app = app(node, name.text().unwrap_or_default());
        if let Some(first) = lines.insert(app.name.as_str().to_owned(), name.at.line) {
            problems.add(
                "config.same_name",
                name.at,
                format!("two apps are called `{}`, the first on line {first}", app.name),
                "give each app a name of its own",
            );
        }
        out.push(app);
    }
    out
}

fn app(node: &Node, name: &str) -> App {
    let text = |key: &str| node.get(key).and_then(Node::text);
    let path = text("path").map(normal).unwrap_or_default();
    let written = text("kind").and_then(AppKind::from_word);
    let (kind, from) = written.map_or((AppKind::Cdk, KindFrom::Assumed), |kind| (kind, KindFrom::Written));
    let mut app = App::new(name, path, kind, from);
    app.command = text("command").map(str::to_owned);
    app.inputs = texts(node.get("inputs"));
    app.typecheck = if flag(node, "typecheck") { Typecheck::On } else { Typecheck::Off };
    app.validation = if flag(node, "validation") { Validation::On } else { Validation::Off };
    app.timeout_s = text("timeout").and_then(|t| duration::parse(t).ok()).unwrap_or(app.timeout_s);
    app.memory_mb = node.get("memory_mb").and_then(Node::count).unwrap_or(app.memory_mb);
    app.context = json(node.get("context"));
    app.env = names(node.get("env"));
    app.url = text("url").map(str::to_owned);
    app
}

/// `./services/api/` and `services/api` are one folder; `.` is the root.
fn normal(path: &str) -> PathBuf {
    Path::new(path).components().filter(|part| matches!(part, Component::Normal(_))).collect()
}

fn flag(node: &Node, key: &str) -> bool {
    node.get(key).and_then(Node::flag).unwrap_or(false)
}

fn texts(list: Option<&Node>) -> Vec<String> {
    list.map(Node::items).unwrap_or_default().iter().filter_map(Node::text).map(str::to_owned).collect()
}

fn json(table: Option<&Node>) -> serde_json::Map<String, serde_json::Value> {
    let entries = table.map(Node::entries).unwrap_or_default();
    entries.iter().filter(|e| !matches!(e.value.value, Value::Null)).map(|e| (e.key.clone(), e.value.json())).collect()
}

fn names(table: Option<&Node>) -> BTreeMap<String, String> {
    let value = |node: &Node| node.text().map(str::to_owned).or_else(|| node.flag().map(|flag| flag.to_string()));
    let entries = table.map(Node::entries).unwrap_or_default();
    entries.iter().filter_map(|e| Some((e.key.clone(), value(&e.value)?))).collect()
}

fn stages(root: &Node, apps: &[App], problems: &mut Problems) -> Vec<StageRule> {
    let defaults = root.get("defaults");
    let Some(list) = root.get("stages") else {
        let everything = Node { value: Value::Map(Vec::new()), at: root.at };
        let mut rule =
            settings(&merge(defaults, &everything), StageRule::new("{branch}", Source::Branch("**".to_owned())));
        rule.line = root.at.line;
        return vec![rule];
    };
    if matches!(&list.value, Value::List(items) if items.is_empty()) {
        problems.add(
            "config.value",
            list.at,
            "stages is empty",
            "name a stage, or remove the key: then every branch is a stage",
        );
    }
    let mut out = Vec::new();
    for (at, node) in list.items().iter().enumerate() {
        let path = format!("stages[{at}]");
        let Some(source) = source(node, &path, problems) else { continue };
        let Some(name) = node.get("name").and_then(Node::text) else { continue };
        let merged = merge(defaults, node);
        let mut rule = settings(&merged, StageRule::new(name, source));
        rule.line = node.at.line;
        fits(&merged, node, &mut rule, &path, problems);
        known_apps(&merged, apps, &path, problems);
        out.push((rule, node));
    }
    overlap::check(&out, problems);
    out.into_iter().map(|(rule, _)| rule).collect()
}

/// Exactly one of `branch`, `tag` and `pull_request`, with a name that keeps what it gives apart.
fn source(node: &Node, path: &str, problems: &mut Problems) -> Option<Source> {
    let kinds = ["branch", "tag", "pull_request"];
    let written: Vec<&Entry> = kinds.iter().filter_map(|key| node.entry(key)).collect();
    let [entry] = written.as_slice() else {
        if let Some(second) = written.get(1) {
            problems.add(
                "config.value",
                second.at,
                format!("{path} has both `{}` and `{}`", written.first().map_or("", |e| &e.key), second.key),
                "write two stages, one for each",
            );
        } else if matches!(node.value, Value::Map(_)) {
            let next = "add `branch: main`, `tag: \"v*\"` or `pull_request: {}`";
            problems.add("config.missing_key", node.at, format!("{path} says nothing about where it comes from"), next);
        }
        return None;
    };
    let pattern = |node: &Node| node.text().map(str::to_owned);
    let source = match entry.key.as_str() {
        "branch" => Source::Branch(pattern(&entry.value)?),
        "tag" => Source::Tag(pattern(&entry.value)?),
        _ => Source::PullRequest { base: entry.value.get("base").and_then(pattern) },
    };
    if let Some(name) = node.get("name") {
        apart(name, &source, path, problems);
    }
    Some(source)
}

fn apart(node: &Node, source: &Source, path: &str, problems: &mut Problems) {
    let Some(name) = node.text() else { return };
    let has = |hole: &str| name.contains(hole);
    let (what, next) = match source {
        Source::Branch(_) if has("{number}") => ("a branch has no {number}", "write {branch} in place of {number}"),
        Source::Branch(_) if has("{tag}") => ("a branch has no {tag}", "write {branch} in place of {tag}"),
        Source::Tag(_) if has("{number}") || has("{branch}") => {
            ("a tag has only {tag}", "write {tag}, or a fixed name")
        }
        Source::PullRequest { .. } if !has("{number}") => {
            ("two pull requests would share this name", "put the number into it: \"pr-{number}\"")
        }
        Source::Branch(pattern) if is_glob(pattern) && !has("{branch}") => {
            ("every branch that matches would share this name", "put the branch into it: \"{branch}\"")
        }
        _ => return,
    };
    problems.add("config.value", node.at, format!("{path}.name: `{name}` does not fit: {what}"), next);
}

/// The stage's table with the defaults under it: tables merged by key, anything else replaced.
fn merge(defaults: Option<&Node>, stage: &Node) -> Node {
    let mut entries: Vec<Entry> = stage.entries().to_vec();
    for default in defaults.map(Node::entries).unwrap_or_default() {
        let Some(own) = entries.iter_mut().find(|e| e.key == default.key) else {
            entries.push(default.clone());
            continue;
        };
        if let (Value::Map(mine), Value::Map(theirs)) = (&mut own.value.value, &default.value.value) {
            let missing: Vec<Entry> = theirs.iter().filter(|t| !mine.iter().any(|m| m.key == t.key)).cloned().collect();
            mine.extend(missing);
        }
    }
    Node { value: Value::Map(entries), at: stage.at }
}

fn settings(node: &Node, mut rule: StageRule) -> StageRule {
    let word = |key: &str| node.get(key).and_then(Node::text).unwrap_or_default();
    let aws = |key: &str| node.get("aws").and_then(|aws| aws.get(key)).and_then(Node::text);
    rule.aws = Aws {
        account: aws("account").map(AccountId::from),
        region: aws("region").map(Region::from),
        plan_role: aws("plan_role").map(str::to_owned),
        apply_role: aws("apply_role").map(str::to_owned),
        profile: aws("profile").map(str::to_owned),
    };
    rule.apply = match word("apply") {
        "approved" => ApplyRule::Approved,
        "manual" => ApplyRule::Manual,
        "fast" => ApplyRule::Fast,
        _ => ApplyRule::Auto,
    };
    if let Some(approvals) = node.get("approvals") {
        let count = approvals.get("count").and_then(Node::count).and_then(|n| u32::try_from(n).ok());
        let codeowners = if flag(approvals, "codeowners") { Codeowners::Required } else { Codeowners::Ignore };
        rule.approvals = Approvals { count: count.unwrap_or(1), from: texts(approvals.get("from")), codeowners };
    }
    rule.deployers = texts(node.get("deployers"));
    rule.drafts = match node.get("pull_request").and_then(|p| p.get("drafts")).and_then(Node::text) {
        Some("ignore") => Drafts::Ignore,
        Some("deploy") => Drafts::Deploy,
        _ => Drafts::Plan,
    };
    rule.protect = if flag(node, "protect") { Protection::On } else { Protection::Off };
    rule.drift = node.get("drift").map(drift);
    rule.expires_s = duration::parse(word("expires")).ok();
    rule.limit = node.get("limit").and_then(Node::count).and_then(|n| u32::try_from(n).ok());
    rule.prune = if word("prune") == "always" { Prune::Always } else { Prune::Ask };
    rule.removal = if word("removal") == "destroy" { Removal::Destroy } else { Removal::Retain };
    rule.context = json(node.get("context"));
    rule.env = names(node.get("env"));
    rule.apps = node.get("apps").map(|list| texts(Some(list)).into_iter().map(AppName::from).collect());
    rule.express = if flag(node, "express") { Express::On } else { Express::Off };
    rule.tags = names(node.get("tags"));
    rule
}

fn drift(node: &Node) -> Drift {
    let text = |key: &str| node.get(key).and_then(Node::text);
    let action = match text("action") {
        Some("propose") => DriftAction::Propose,
        Some("revert") => DriftAction::Revert,
        _ => DriftAction::Report,
    };
    Drift { schedule: text("schedule").unwrap_or("0 6 * * *").to_owned(), action }
}

/// What is right by itself but does not fit together.
fn fits(merged: &Node, own: &Node, rule: &mut StageRule, path: &str, problems: &mut Problems) {
    let aws = merged.get("aws");
    for key in ["plan_role", "apply_role"] {
        let role = aws.and_then(|aws| aws.get(key));
        let (Some(node), Some(account)) = (role, &rule.aws.account) else { continue };
        let Some(other) = node.text().and_then(role_account).filter(|other| *other != account.as_str()) else {
            continue;
        };
        problems.add(
            "config.role_account",
            node.at,
            format!("{path}.aws.{key} is a role of account {other}, and the stage belongs to {account}"),
            "name a role of the stage's own account, or correct `account`",
        );
    }
    if rule.protect == Protection::Off {
        return;
    }
    // what comes from the defaults gives way; what the stage itself says must not contradict
    if let Some(node) = own.get("expires").filter(|_| rule.expires_s.is_some()) {
        let what = format!("{path} is protected and would expire");
        problems.add("config.value", node.at, what, "remove `expires`, or `protect: true`");
    }
    if let Some(node) = own.get("apply").filter(|_| rule.apply == ApplyRule::Fast) {
        let what = format!("{path} is protected, and fast deploys go past CloudFormation");
        problems.add("config.value", node.at, what, "write `apply: approved` or `apply: auto`");
    }
    rule.expires_s = None;
    if rule.apply == ApplyRule::Fast {
        rule.apply = ApplyRule::Auto;
    }
}

/// Where the file names its apps, a stage can only mean those.
fn known_apps(merged: &Node, apps: &[App], path: &str, problems: &mut Problems) {
    if apps.is_empty() {
        return;
    }
    for (at, node) in merged.get("apps").map(Node::items).unwrap_or_default().iter().enumerate() {
        let Some(name) = node.text().filter(|name| !apps.iter().any(|app| app.name.as_str() == *name)) else {
            continue;
        };
        let names = || apps.iter().map(|app| app.name.as_str());
        let next = match nearest(name, names()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("the apps of this file: {}", any_of(names()).replace(" or ", " and ")),
        };
        problems.add("config.unknown_app", node.at, format!("{path}.apps[{at}]: there is no app `{name}`"), next);
    }
}
