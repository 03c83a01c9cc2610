//! Says what a configuration means: what `offshoot check` prints.

use super::duration;
use super::suggest::any_of;
use super::valid::{
    App, ApplyRule, Codeowners, Config, Drafts, DriftAction, Express, Origin, Protection, Prune, Removal, Source,
    StageRule,
};

/// One line per app and per stage, with a headline before each.
pub fn explain(config: &Config) -> Vec<String> {
    let mut out = vec![match &config.origin {
        Origin::File(file) => format!("{} is valid.", file.display()),
        Origin::Discovered => {
            "There is no offshoot.yml: every branch is a stage. `offshoot init` writes one.".to_owned()
        }
    }];
    out.push(String::new());
    out.push(headline(config.apps.len(), "app"));
    out.extend(config.apps.iter().map(app));
    out.push(String::new());
    out.push(headline(config.stages.len(), "stage rule"));
    out.extend(config.stages.iter().map(stage));
    out
}

fn headline(count: usize, what: &str) -> String {
    match count {
        0 => format!("no {what}s"),
        1 => format!("1 {what}:"),
        n => format!("{n} {what}s:"),
    }
}

fn app(app: &App) -> String {
    let path = app.path.display().to_string();
    let path = if path.is_empty() { "the root".to_owned() } else { path };
    let command = app.command.as_ref().map(|command| format!(", runs `{command}`")).unwrap_or_default();
    let url = app.url.as_ref().map(|output| format!(", answers at its output {output}")).unwrap_or_default();
    format!("  {} ({}) in {path}{command}{url}", app.name, app.kind.as_str())
}

fn stage(rule: &StageRule) -> String {
    let mut parts = vec![source(&rule.source)];
    let place: Vec<String> = [
        rule.aws.account.as_ref().map(|account| format!("account {account}")),
        rule.aws.region.as_ref().map(ToString::to_string),
    ]
    .into_iter()
    .flatten()
    .collect();
    if !place.is_empty() {
        parts.push(place.join(" "));
    }
    parts.push(match rule.apply {
        ApplyRule::Auto => "applied at once".to_owned(),
        ApplyRule::Approved => approvals(rule),
        ApplyRule::Manual => "applied by command".to_owned(),
        ApplyRule::Fast => "applied at once, code straight to Lambda".to_owned(),
    });
    if !rule.deployers.is_empty() {
        parts.push(format!("deployed by {}", rule.deployers.join(", ")));
    }
    match rule.drafts {
        Drafts::Ignore => parts.push("drafts ignored".to_owned()),
        Drafts::Deploy => parts.push("drafts deployed too".to_owned()),
        Drafts::Plan => {}
    }
    if rule.protect == Protection::On {
        parts.push("protected".to_owned());
    }
    parts.extend(rule.drift.as_ref().map(|drift| {
        let action = match drift.action {
            DriftAction::Report => "reported",
            DriftAction::Propose => "proposed to be reverted",
            DriftAction::Revert => "reverted",
        };
        format!("drift {action} ({} UTC)", drift.schedule)
    }));
    parts.extend(rule.expires_s.map(|s| format!("expires after {}", duration::show(s))));
    parts.extend(rule.limit.map(|limit| format!("at most {limit}")));
    parts.extend(
        rule.apps
            .as_ref()
            .map(|apps| format!("only {}", any_of(apps.iter().map(|a| a.as_str())).replace(" or ", " and "))),
    );
    if rule.prune == Prune::Always {
        parts.push("deletes stacks the app no longer has".to_owned());
    }
    if rule.removal == Removal::Destroy {
        parts.push("removal destroys data".to_owned());
    }
    if rule.express == Express::On {
        parts.push("express".to_owned());
    }
    format!("  {} ← {}", rule.name, parts.join("; "))
}

fn approvals(rule: &StageRule) -> String {
    let count = rule.approvals.count;
    let people = if count == 1 { "one approval".to_owned() } else { format!("{count} approvals") };
    let from = if rule.approvals.from.is_empty() {
        String::new()
    } else {
        format!(" from {}", rule.approvals.from.join(", "))
    };
    let owners = match rule.approvals.codeowners {
        Codeowners::Required => " and those of the code's owners",
        Codeowners::Ignore => "",
    };
    format!("applied after {people}{from}{owners}")
}

fn source(source: &Source) -> String {
    match source {
        Source::Branch(pattern) if pattern == "**" => "every branch".to_owned(),
        Source::Branch(pattern) => format!("branch {pattern}"),
        Source::Tag(pattern) => format!("tag {pattern}"),
        Source::PullRequest { base: None } => "every pull request".to_owned(),
        Source::PullRequest { base: Some(base) } => format!("pull requests into {base}"),
    }
}
