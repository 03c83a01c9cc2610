//! What a plan comes to in words and numbers, shared by terminal and Markdown: dangers, counts, headlines, noise.

use crate::plan::{
    Action, Certainty, Change, Fate, FunctionChange, Plan, PropertyChange, Recreate, StackAction, StackPlan,
};

use super::text::{clean, count, first, list, size, thousands};

/// How many resources of a stack come to what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub add: usize,
    pub modify: usize,
    pub replace: usize,
    pub remove: usize,
    pub import: usize,
}

impl Counts {
    pub fn of<'a>(changes: impl IntoIterator<Item = &'a Change>) -> Self {
        let mut counts = Counts::default();
        for change in changes {
            match change.action {
                Action::Add => counts.add += 1,
                Action::Modify => counts.modify += 1,
                Action::Replace => counts.replace += 1,
                Action::Remove => counts.remove += 1,
                Action::Import => counts.import += 1,
            }
        }
        counts
    }

    pub fn total(&self) -> usize {
        self.add + self.modify + self.replace + self.remove + self.import
    }

    /// `+2 ~1 ±1`; empty when nothing changes.
    pub fn symbols(&self) -> String {
        let by = [("+", self.add), ("~", self.modify), ("±", self.replace), ("-", self.remove), ("←", self.import)];
        by.iter()
            .filter(|(_, n)| *n > 0)
            .map(|(s, n)| format!("{s}{}", thousands(*n as u64)))
            .collect::<Vec<_>>()
            .join(" ")
    }
}

/// The symbol that stands before a resource.
pub fn symbol(action: Action) -> &'static str {
    match action {
        Action::Add => "+",
        Action::Modify => "~",
        Action::Replace => "±",
        Action::Remove => "-",
        Action::Import => "←",
    }
}

/// The symbol and the word for what happens to a stack.
pub fn stack_action(action: StackAction) -> (&'static str, &'static str) {
    match action {
        StackAction::Create => ("+", "create"),
        StackAction::Update => ("~", "update"),
        StackAction::Delete => ("-", "delete"),
        StackAction::None => ("=", "unchanged"),
    }
}

/// The stacks that something happens to, in deployment order.
pub fn changed(plan: &Plan) -> Vec<&StackPlan> {
    plan.stacks.iter().filter(|s| s.action != StackAction::None).collect()
}

/// `2 stacks change: 1 to create, 1 to update; 3 unchanged`, or that there is nothing to do.
pub fn headline(plan: &Plan) -> String {
    let changed = changed(plan).len();
    let same = plan.stacks.len() - changed;
    if plan.stacks.is_empty() {
        return "Nothing to do: the app has no stacks".to_owned();
    }
    if changed == 0 {
        return match same {
            1 => "Nothing to do: the stack is deployed as it is in this revision".to_owned(),
            n => format!("Nothing to do: all {} stacks are deployed as they are in this revision", thousands(n as u64)),
        };
    }
    let mut text = actions(plan);
    if same > 0 {
        text.push_str(&format!("{} {} unchanged", if text.contains(':') { ';' } else { ',' }, thousands(same as u64)));
    }
    text
}

/// `3 stacks to update`; where they differ `4 stacks change: 1 to create, 2 to update, 1 to delete`.
pub fn actions(plan: &Plan) -> String {
    let parts: Vec<(usize, &str)> = [StackAction::Create, StackAction::Update, StackAction::Delete]
        .into_iter()
        .map(|action| (plan.stacks.iter().filter(|s| s.action == action).count(), stack_action(action).1))
        .filter(|(n, _)| *n > 0)
        .collect();
    if let [(n, word)] = parts.as_slice() {
        return format!("{} to {word}", count(*n, "stack"));
    }
    let total: usize = parts.iter().map(|(n, _)| n).sum();
    let words: Vec<String> = parts.iter().map(|(n, word)| format!("{} to {word}", thousands(*n as u64))).collect();
    format!("{} change: {}", count(total, "stack"), words.join(", "))
}

/// Something to look at before anything else.
#[derive(Clone, Copy, Debug)]
pub enum Danger<'a> {
    /// The whole stack goes.
    Stack(&'a StackPlan),
    /// A resource is replaced or removed.
    Resource(&'a StackPlan, &'a Change),
}

/// Replacements, removals and deleted stacks: those that lose data, and the others; each in deployment order.
/// The resources of a deleted stack are named only where data is lost.
pub fn dangers(plan: &Plan) -> (Vec<Danger<'_>>, Vec<Danger<'_>>) {
    let (mut losing, mut other) = (Vec::new(), Vec::new());
    for stack in &plan.stacks {
        let deleted = stack.action == StackAction::Delete;
        if deleted {
            let target = if stack.changes.iter().any(Change::loses_data) { &mut losing } else { &mut other };
            target.push(Danger::Stack(stack));
        }
        for change in &stack.changes {
            if change.loses_data() {
                losing.push(Danger::Resource(stack, change));
            } else if !deleted && matches!(change.action, Action::Replace | Action::Remove) {
                other.push(Danger::Resource(stack, change));
            }
        }
    }
    (losing, other)
}

/// The stack holds a replacement, removal or deletion, or lets somebody do more.
pub fn is_notable(stack: &StackPlan) -> bool {
    weight(stack) > 1
}

/// Outputs that the CDK makes by itself for what one stack reads of another.
pub fn is_between_stacks(output: &str) -> bool {
    let rest = output.strip_prefix("Exports").or_else(|| output.strip_prefix("Publish"));
    rest.is_some_and(|rest| rest.starts_with("OutputRef") || rest.starts_with("OutputFnGetAtt"))
}

/// How much a person must look at a stack: 4 data loss, 3 replacement, removal or deletion, 2 access grows, 1 changed.
pub fn weight(stack: &StackPlan) -> u8 {
    if stack.changes.iter().any(Change::loses_data) {
        4
    } else if stack.action == StackAction::Delete
        || stack.changes.iter().any(|c| matches!(c.action, Action::Replace | Action::Remove))
    {
        3
    } else if stack.iam.iter().any(|c| c.broadens) || stack.network.iter().any(|c| c.broadens) {
        2
    } else {
        u8::from(stack.action != StackAction::None)
    }
}

/// `is deleted: 12 resources` for a stack that goes.
pub fn stack_sentence(stack: &StackPlan) -> String {
    let kept = stack.changes.iter().filter(|c| c.fate == Some(Fate::Retain)).count();
    let gone = stack.changes.len() - kept;
    let mut text = "is deleted".to_owned();
    if gone > 0 {
        text.push_str(&format!(" with {}", count(gone, "resource")));
    }
    if kept > 0 {
        text.push_str(&format!(
            "; {} in the account without a stack",
            if kept == 1 { "1 resource stays".into() } else { format!("{kept} resources stay") }
        ));
    }
    text
}

/// What becomes of a resource and why: `is replaced because KeySchema changes: the old one is deleted with its data`.
pub fn fate_sentence(change: &Change) -> String {
    let data = change.holds_data;
    let maybe = change.certainty == Certainty::Possible;
    let (verb, fate) = match (change.action, change.fate) {
        (Action::Replace, Some(Fate::Retain)) if data => {
            ("replaced", "the old one stays in the account with its data, the new one begins empty")
        }
        (Action::Replace, Some(Fate::Retain)) => ("replaced", "the old one stays in the account"),
        (Action::Replace, Some(Fate::Snapshot)) => {
            ("replaced", "the old one is deleted, only a snapshot of its data is kept; the new one begins empty")
        }
        (Action::Replace, _) if data => ("replaced", "the old one is deleted with its data"),
        (Action::Replace, _) => ("replaced", ""),
        (Action::Remove, Some(Fate::Retain)) if data => {
            ("taken out of the stack", "it stays in the account with its data")
        }
        (Action::Remove, Some(Fate::Retain)) => ("taken out of the stack", "it stays in the account"),
        (Action::Remove, Some(Fate::Snapshot)) => ("deleted", "only a snapshot of its data is kept"),
        (Action::Remove, _) if data => ("deleted with its data", ""),
        (Action::Remove, _) => ("deleted", ""),
        (Action::Add, _) => ("added", ""),
        (Action::Modify, _) => ("modified", ""),
        (Action::Import, _) => ("imported", ""),
    };
    let be = if maybe { "may be" } else { "is" };
    let cause = replacement_cause(change);
    let because = if cause.is_empty() { String::new() } else { format!(" because {cause}") };
    if fate.is_empty() { format!("{be} {verb}{because}") } else { format!("{be} {verb}{because}: {fate}") }
}

/// The same in a word or two: `replaced, loses data`.
pub fn fate_words(change: &Change) -> String {
    let verb = match (change.action, change.fate) {
        (Action::Replace, _) => "replaced",
        (Action::Remove, Some(Fate::Retain)) => "leaves the stack, kept",
        (Action::Remove, _) => "deleted",
        _ => return String::new(),
    };
    let maybe = if change.certainty == Certainty::Possible { "may be " } else { "" };
    let loses = if change.loses_data() { ", loses data" } else { "" };
    format!("{maybe}{verb}{loses}")
}

/// What the plan destroys, as a sentence's predicate: `deletes data and 1 stack`; empty when it destroys nothing.
pub fn destroys(plan: &Plan) -> String {
    let stacks = plan.stacks.iter().filter(|s| s.action == StackAction::Delete).count();
    let losing: Vec<&Change> = plan.stacks.iter().flat_map(|s| &s.changes).filter(|c| c.loses_data()).collect();
    let certain = losing.iter().any(|c| c.certainty == Certainty::Certain);
    let mut parts = Vec::new();
    if !losing.is_empty() {
        parts.push("data".to_owned());
    }
    if stacks > 0 {
        parts.push(count(stacks, "stack"));
    }
    match parts.is_empty() {
        true => String::new(),
        false if certain || stacks > 0 => format!("deletes {}", list(&parts)),
        false => format!("may delete {}", list(&parts)),
    }
}

/// Why a stack deserves a look, in words: `deletes data`, `replaces or removes`, `grants more`; else empty.
pub fn weight_words(stack: &StackPlan) -> &'static str {
    match weight(stack) {
        4 => "deletes data",
        3 if stack.action == StackAction::Delete => "",
        3 => "replaces or removes",
        2 => "grants more",
        _ => "",
    }
}

/// The properties that force a replacement: `KeySchema and TableName`; empty when none is known.
pub fn replacement_cause(change: &Change) -> String {
    let strongest = change.properties.iter().map(|p| p.recreate).max().unwrap_or(Recreate::Never);
    if change.action != Action::Replace || strongest == Recreate::Never {
        return String::new();
    }
    let names: Vec<String> = change.properties.iter().filter(|p| p.recreate == strongest).map(property_name).collect();
    let verb = if names.len() == 1 { "changes" } else { "change" };
    format!("{} {verb}", first(&names, 4))
}

/// The property's path as people know it, without `Properties.`.
pub fn property_name(property: &PropertyChange) -> String {
    clean(property.path.strip_prefix("Properties.").unwrap_or(&property.path))
}

/// The hash of a function's code and the paths that the toolkit notes: they change with every edit and say nothing,
/// the function's own line does.
pub fn is_noise(change: &Change, property: &PropertyChange) -> bool {
    let code = match change.resource_type.as_str() {
        "AWS::Lambda::Function" => "Properties.Code",
        "AWS::Lambda::LayerVersion" => "Properties.Content",
        _ => return property.path.starts_with("Metadata"),
    };
    property.path.starts_with("Metadata")
        || property.path.strip_prefix(code).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// How many changes of IAM and of the network let somebody do more: `2 IAM permissions and 1 network rule`.
pub fn broadening(stack: &StackPlan) -> String {
    let iam = stack.iam.iter().filter(|c| c.broadens).count();
    let network = stack.network.iter().filter(|c| c.broadens).count();
    let mut parts = Vec::new();
    if iam > 0 {
        parts.push(count(iam, "IAM permission"));
    }
    if network > 0 {
        parts.push(count(network, "network rule"));
    }
    list(&parts)
}

/// The stack's changes as they are shown: by nested stack, then the dangerous ones first, then by path.
pub fn ordered(stack: &StackPlan) -> Vec<&Change> {
    let mut changes: Vec<&Change> = stack.changes.iter().collect();
    changes.sort_by(|a, b| {
        let key = |c: &Change| (!c.loses_data(), c.action);
        a.nested.cmp(&b.nested).then(key(a).cmp(&key(b))).then(a.path.cmp(&b.path))
    });
    changes
}

/// The name by which people know the resource.
pub fn resource_name(change: &Change) -> &str {
    if change.path.is_empty() { &change.logical_id } else { &change.path }
}

/// Why the stack's change set is not there yet.
pub fn waiting_sentence(stack: &StackPlan) -> Option<String> {
    let names: Vec<String> = stack.waits_for.iter().map(|n| clean(n)).collect();
    (!names.is_empty()).then(|| {
        format!("waits for what {} will export; until then these changes are read from the templates", first(&names, 4))
    })
}

/// `12 AWS::Lambda::Function, 3 AWS::IAM::Role`, the most frequent first.
pub fn by_type(changes: &[&Change]) -> String {
    let mut counts: std::collections::BTreeMap<&str, usize> = std::collections::BTreeMap::new();
    for change in changes {
        *counts.entry(&change.resource_type).or_default() += 1;
    }
    let mut counts: Vec<(&str, usize)> = counts.into_iter().collect();
    counts.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    let words: Vec<String> = counts.iter().map(|(t, n)| format!("{n} {}", clean(t))).collect();
    first(&words, 5)
}

/// The revision's first digits.
pub fn revision(revision: &str) -> String {
    clean(revision).chars().take(8).collect()
}

/// The digest's first digits, as people type it.
pub fn digest(digest: &str) -> String {
    clean(digest).chars().take(12).collect()
}

/// The command that deploys exactly this plan.
pub fn deploy_command(plan: &Plan) -> String {
    let prune = if plan.stacks.iter().any(|s| s.action == StackAction::Delete) { " --prune" } else { "" };
    let dirty = if plan.dirty { " --dirty" } else { "" };
    format!("offshoot deploy --plan {}{prune}{dirty}", digest(&plan.digest))
}

/// `12.3 kB → 12.8 kB (+500 B)`; absent when no size is known.
pub fn function_size(change: &FunctionChange) -> Option<String> {
    match (change.size_before, change.size_after) {
        (Some(before), Some(after)) if before == after => Some(format!("{} as before", size(after))),
        (Some(before), Some(after)) => {
            let sign = if after > before { '+' } else { '-' };
            Some(format!("{} → {} ({sign}{})", size(before), size(after), size(after.abs_diff(before))))
        }
        (None, Some(after)) => Some(size(after)),
        (Some(before), None) => Some(format!("was {}", size(before))),
        (None, None) => None,
    }
}
