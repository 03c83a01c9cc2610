//! The folded details of each stack: resources, properties as a diff, IAM, network, functions, outputs.

use crate::plan::{
    Action, Change, FunctionChange, IamChange, IamKind, NetworkChange, OutputChange, Plan, PropertyChange, Recreate,
    Sign, StackPlan,
};

use crate::render::facts::{self, Counts};
use crate::render::text::{clean, count, first};
use crate::render::value::{self, Line};

use super::escape::{code, fence, html_code, link_or_code, text};
use super::fit::{Budget, LeftOut};
use super::more;

/// A value shows at most so many lines, a line at most so many characters.
const VALUE_LINES: usize = 20;
const LINE_CHARS: usize = 300;

/// How much of a stack is shown; each level holds the ones before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    /// Nothing but its row in the table.
    Row,
    /// Access, replacements and removals.
    Danger,
    /// Every resource, function and output.
    Resources,
    /// Properties before and after.
    Properties,
}

/// Whether a block stands open at first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fold {
    Open,
    Closed,
}

impl Fold {
    /// The tag that begins the block.
    pub fn tag(self) -> &'static str {
        match self {
            Fold::Open => "<details open>",
            Fold::Closed => "<details>",
        }
    }
}

/// Whether the plan is still to be executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tense {
    Future,
    /// What the plan says about outputs and waiting is over: the stage itself tells its outputs.
    Past,
}

/// The details of all changed stacks that found room.
pub struct Details<'a> {
    /// In deployment order: the stack, how much of it is shown, and as what.
    shown: Vec<(&'a StackPlan, Level, String)>,
    fold: Fold,
    tense: Tense,
}

impl<'a> Details<'a> {
    /// Of all changed stacks, and nothing of them yet.
    pub fn of(plan: &'a Plan, fold: Fold, tense: Tense) -> Self {
        let shown = facts::changed(plan).into_iter().map(|stack| (stack, Level::Row, String::new())).collect();
        Details { shown, fold, tense }
    }

    /// Nothing has found room yet.
    pub fn is_empty(&self) -> bool {
        self.shown.iter().all(|(_, level, _)| *level == Level::Row)
    }

    /// Gives room to access, replacements and removals of every stack that has any.
    pub fn add_dangers(&mut self, budget: &mut Budget) {
        self.raise(Level::Danger, facts::is_notable, budget);
    }

    /// Gives room to all other details of the stacks that have any.
    pub fn add_notable(&mut self, budget: &mut Budget) {
        self.raise(Level::Resources, facts::is_notable, budget);
        self.raise(Level::Properties, facts::is_notable, budget);
    }

    /// Gives the room that is left to all other details, the dangerous stacks first.
    pub fn add_the_rest(&mut self, budget: &mut Budget) {
        self.add_notable(budget);
        self.raise(Level::Resources, |stack| !facts::is_notable(stack), budget);
        self.raise(Level::Properties, |stack| !facts::is_notable(stack), budget);
    }

    fn raise(&mut self, level: Level, which: impl Fn(&StackPlan) -> bool, budget: &mut Budget) {
        let (fold, tense) = (self.fold, self.tense);
        let mut chosen: Vec<_> = self.shown.iter_mut().filter(|(stack, now, _)| *now < level && which(stack)).collect();
        chosen.sort_by_key(|(stack, ..)| std::cmp::Reverse(facts::weight(stack)));
        for (stack, current, text) in chosen {
            let section = section(stack, level, fold, tense);
            if budget.exchange(text, &section) {
                (*current, *text) = (level, section);
            }
        }
    }

    /// The text; what found no room is added to `left`.
    pub fn finish(self, left: &mut LeftOut) -> String {
        self.shown
            .into_iter()
            .map(|(stack, level, text)| {
                missing(stack, level, self.tense, left);
                text
            })
            .collect()
    }
}

/// Adds to `left` what a stack at this level does not show.
fn missing(stack: &StackPlan, level: Level, tense: Tense, left: &mut LeftOut) {
    if level == Level::Row {
        left.details += 1;
        left.access += stack.iam.len() + stack.network.len();
    }
    left.resources += stack.changes.len() - stack.changes.iter().filter(|c| shows(c, level)).count();
    if level < Level::Resources {
        left.functions += stack.functions.len();
        left.outputs += if tense == Tense::Future { stack.outputs.len() } else { 0 };
    }
    if level < Level::Properties {
        left.properties += stack.changes.iter().map(|c| said(c).len()).sum::<usize>();
    }
}

fn shows(change: &Change, level: Level) -> bool {
    match level {
        Level::Row => false,
        Level::Danger => matches!(change.action, Action::Replace | Action::Remove),
        Level::Resources | Level::Properties => true,
    }
}

/// The properties worth showing: of modified and replaced resources, without hashes.
fn said(change: &Change) -> Vec<&PropertyChange> {
    match change.action {
        Action::Modify | Action::Replace => change.properties.iter().filter(|p| !facts::is_noise(change, p)).collect(),
        Action::Add | Action::Remove | Action::Import => Vec::new(),
    }
}

fn section(stack: &StackPlan, level: Level, fold: Fold, tense: Tense) -> String {
    let (symbol, word) = facts::stack_action(stack.action);
    let counts = Counts::of(&stack.changes).symbols();
    let counts = if counts.is_empty() { counts } else { format!(" ({counts})") };
    let access = facts::broadening(stack);
    let access = if access.is_empty() { access } else { format!(", grants more: {access}") };
    let danger = match facts::weight_words(stack) {
        words if words.is_empty() || facts::weight(stack) < 3 => String::new(),
        words => format!(", {words}"),
    };
    let mut out = format!(
        "\n{}<summary>{symbol} {}: {word}{counts}{danger}{access}</summary>\n",
        fold.tag(),
        html_code(&stack.name)
    );
    if !stack.display_name.is_empty() && stack.display_name != stack.name {
        out.push_str(&format!("\nIn the app: {}\n", code(&stack.display_name)));
    }
    if let Some(waiting) = facts::waiting_sentence(stack).filter(|_| tense == Tense::Future) {
        out.push_str(&format!("\nThis stack {}.\n", text(&waiting)));
    }
    out.push_str(&resources(stack, level));
    if level >= Level::Properties {
        out.push_str(&properties(stack));
    }
    out.push_str(&iam(&stack.iam));
    out.push_str(&network(&stack.network));
    if level >= Level::Resources {
        out.push_str(&functions(&stack.functions));
        out.push_str(if tense == Tense::Future { outputs(&stack.outputs) } else { String::new() }.as_str());
    }
    out.push_str("\n</details>\n");
    out
}

fn resources(stack: &StackPlan, level: Level) -> String {
    let rows: Vec<String> = facts::ordered(stack)
        .into_iter()
        .filter(|change| shows(change, level))
        .map(|change| {
            let what = match change.action {
                Action::Replace | Action::Remove => text(&facts::fate_sentence(change)),
                Action::Add => "is added".to_owned(),
                Action::Modify => "is modified".to_owned(),
                Action::Import => "is imported".to_owned(),
            };
            let what = if change.loses_data() { format!("**{what}**") } else { what };
            let nested = if change.nested.is_empty() {
                String::new()
            } else {
                format!(" in nested stack {}", code(&change.nested.join(" / ")))
            };
            let symbol = facts::symbol(change.action).replace('-', "−");
            format!(
                "| {symbol} | {}{nested} | {} | {what} |\n",
                code(facts::resource_name(change)),
                code(&change.resource_type)
            )
        })
        .collect();
    if rows.is_empty() {
        return String::new();
    }
    format!("\n| | Resource | Type | |\n|---|---|---|---|\n{}", rows.concat())
}

/// One diff for the whole stack; each resource begins with `@@`.
fn properties(stack: &StackPlan) -> String {
    let mut lines = Vec::new();
    for change in facts::ordered(stack) {
        let said = said(change);
        if said.is_empty() {
            continue;
        }
        lines.push(format!("@@ {} @@", clean(facts::resource_name(change))));
        for property in said {
            lines.extend(property_lines(property));
        }
    }
    if lines.is_empty() { String::new() } else { format!("\n{}", fence("diff", &lines, LINE_CHARS)) }
}

fn property_lines(property: &PropertyChange) -> Vec<String> {
    let note = match property.recreate {
        Recreate::Always => " (replaces)",
        Recreate::Conditionally => " (may replace)",
        Recreate::Never => "",
    };
    let name = facts::property_name(property);
    let difference = value::difference(property.before.as_ref(), property.after.as_ref());
    let short = |v: &Option<serde_json::Value>| v.as_ref().map(value::inline).filter(|t| t.chars().count() <= 80);
    match (short(&property.before), short(&property.after)) {
        // a secret, or a reference whose target moves: the text says nothing
        (Some(before), Some(after)) if before == after => vec![format!("! {name}: {after}, changed{note}")],
        (Some(before), Some(after)) => vec![format!("- {name}: {before}"), format!("+ {name}: {after}{note}")],
        (Some(before), None) if property.after.is_none() => vec![format!("- {name}: {before}{note}")],
        (None, Some(after)) if property.before.is_none() => vec![format!("+ {name}: {after}{note}")],
        _ => {
            let mut lines = vec![format!("  {name}:{note}")];
            lines.extend(difference.iter().take(VALUE_LINES).map(|line| match line {
                Line::Same(n) => format!("    … {} as before", count(*n, "line")),
                Line::Before(line) => format!("-   {line}"),
                Line::After(line) => format!("+   {line}"),
            }));
            if difference.len() > VALUE_LINES {
                lines.push(format!("    {} lines", more(difference.len() - VALUE_LINES)));
            }
            lines
        }
    }
}

fn sign(sign: Sign, broadens: bool) -> String {
    let sign = match sign {
        Sign::Added => "+",
        Sign::Removed => "−",
    };
    if broadens { format!("**{sign}**") } else { sign.to_owned() }
}

fn cell(value: &str) -> String {
    if value.is_empty() { String::new() } else { code(value) }
}

fn grants(broadens: bool) -> &'static str {
    if broadens { "**grants more**" } else { "" }
}

fn iam(changes: &[IamChange]) -> String {
    if changes.is_empty() {
        return String::new();
    }
    let mut sorted: Vec<&IamChange> = changes.iter().collect();
    sorted.sort_by_key(|c| !c.broadens);
    let rows: String = sorted
        .iter()
        .map(|c| {
            let effect = if c.kind == IamKind::Managed { "managed policy".to_owned() } else { cell(&c.effect) };
            let cells = [&c.action, &c.resource, &c.principal, &c.condition].map(|v| cell(v)).join(" | ");
            format!("| {} | {effect} | {cells} | {} |\n", sign(c.change, c.broadens), grants(c.broadens))
        })
        .collect();
    format!(
        "\n**IAM**\n\n| | Effect | Action | Resource | Principal | Condition | |\n|---|---|---|---|---|---|---|\n{rows}"
    )
}

fn network(changes: &[NetworkChange]) -> String {
    if changes.is_empty() {
        return String::new();
    }
    let mut sorted: Vec<&NetworkChange> = changes.iter().collect();
    sorted.sort_by_key(|c| !c.broadens);
    let rows: String = sorted
        .iter()
        .map(|c| {
            let cells = [&c.logical_id, &c.direction, &c.protocol, &c.peer].map(|v| cell(v)).join(" | ");
            format!("| {} | {cells} | {} |\n", sign(c.change, c.broadens), grants(c.broadens))
        })
        .collect();
    format!("\n**Network**\n\n| | Group | Direction | Protocol | Peer | |\n|---|---|---|---|---|---|\n{rows}")
}

fn functions(changes: &[FunctionChange]) -> String {
    if changes.is_empty() {
        return String::new();
    }
    let rows: String = changes
        .iter()
        .map(|c| {
            let name = if c.path.is_empty() { &c.logical_id } else { &c.path };
            let files = if c.sources.is_empty() { String::new() } else { count(c.sources.len(), "file") };
            let environment: Vec<String> = c.environment.iter().map(|n| code(n)).collect();
            format!(
                "| {} | {} | {} | {} | {files} | {} |\n",
                code(name),
                cell(&c.handler),
                cell(&c.runtime),
                facts::function_size(c).unwrap_or_default(),
                first(&environment, 20)
            )
        })
        .collect();
    format!(
        "\n**Functions**\n\n| Function | Handler | Runtime | Size | Sources | Environment |\n|---|---|---|---|---|---|\n{rows}"
    )
}

fn outputs(changes: &[OutputChange]) -> String {
    if changes.is_empty() {
        return String::new();
    }
    let value = |v: &Option<serde_json::Value>| match v {
        None => String::new(),
        Some(serde_json::Value::String(text)) => link_or_code(text),
        Some(other) => code(&other.to_string()),
    };
    let rows: String = changes
        .iter()
        .map(|c| {
            let after = if c.before.is_none() && c.after.is_none() {
                "known after the deployment".into()
            } else {
                value(&c.after)
            };
            format!("| {} | {} | {after} |\n", code(&c.name), value(&c.before))
        })
        .collect();
    format!("\n**Outputs**\n\n| Output | Before | After |\n|---|---|---|\n{rows}")
}
