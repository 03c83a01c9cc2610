//! One stack of a plan for the terminal: its head line, resources, properties before and after.

use crate::plan::{Action, Change, Plan, PropertyChange, Recreate, StackAction, StackPlan};

use crate::render::facts::{self, Counts};
use crate::render::style::{Detail, Style, Tone};
use crate::render::text::{clean, cut, cut_middle, hang, pad, thousands, width};
use crate::render::value::{self, Line};

use super::tables;

/// How many resources of a stack, properties of a resource and lines of a value a short plan shows.
const SHORT_RESOURCES: usize = 15;
const SHORT_PROPERTIES: usize = 6;
const SHORT_LINES: usize = 8;

/// Everything about one stack that changes.
pub fn section(plan: &Plan, stack: &StackPlan, style: Style) -> String {
    let mut out = head(plan, stack, style);
    out.push_str(&resources(stack, style));
    out.push_str(&tables::all(stack, style));
    out
}

fn tone(action: StackAction) -> Tone {
    match action {
        StackAction::Create => Tone::Good,
        StackAction::Update => Tone::Change,
        StackAction::Delete => Tone::Danger,
        StackAction::None => Tone::Faint,
    }
}

fn head(plan: &Plan, stack: &StackPlan, style: Style) -> String {
    let (symbol, word) = facts::stack_action(stack.action);
    let mut line = format!("{symbol} {}: {word}", clean(&stack.name));
    let counts = Counts::of(&stack.changes).symbols();
    if !counts.is_empty() {
        line.push_str(&format!(" ({counts})"));
    }
    let mut out = format!("{}\n", style.paint(tone(stack.action), &cut(&line, style.columns())));
    let mut about = Vec::new();
    if !stack.why.is_empty() {
        about.push(clean(&stack.why));
    }
    if !stack.display_name.is_empty() && stack.display_name != stack.name {
        about.push(format!("in the app: {}", clean(&stack.display_name)));
    }
    if stack.account != plan.account || stack.region != plan.region {
        about.push(format!("account {}, {}", clean(&stack.account), clean(&stack.region)));
    }
    about.extend(facts::waiting_sentence(stack));
    for line in about {
        for line in hang("  ", &line, style.columns()).lines() {
            out.push_str(&format!("{}\n", style.paint(Tone::Faint, line)));
        }
    }
    out
}

/// One line for each stack, aligned: for plans of many stacks.
pub fn table(stacks: &[&StackPlan], style: Style) -> String {
    let names: Vec<String> = stacks.iter().map(|s| clean(&s.name)).collect();
    let counts: Vec<String> = stacks.iter().map(|s| Counts::of(&s.changes).symbols()).collect();
    let name_width = names.iter().map(|n| width(n)).max().unwrap_or(0).min(style.columns() / 2);
    let count_width = counts.iter().map(|n| width(n)).max().unwrap_or(0);
    let mut out = String::new();
    for ((stack, name), counts) in stacks.iter().zip(&names).zip(&counts) {
        let (symbol, word) = facts::stack_action(stack.action);
        let name = pad(&cut_middle(name, name_width), name_width);
        let line = format!("{symbol} {name}  {word}  {}  {}", pad(counts, count_width), clean(&stack.why));
        out.push_str(&format!("{}\n", style.paint(tone(stack.action), cut(&line, style.columns()).trim_end())));
    }
    out
}

fn resources(stack: &StackPlan, style: Style) -> String {
    let changes = facts::ordered(stack);
    let limit = if style.detail == Detail::Full { changes.len() } else { SHORT_RESOURCES };
    // one line more costs less than the line that says it is missing
    let limit = if changes.len() == limit + 1 { limit + 1 } else { limit };
    let names: Vec<String> = changes.iter().take(limit).map(|c| clean(facts::resource_name(c))).collect();
    let name_width = names.iter().map(|n| width(n)).max().unwrap_or(0).min(style.columns() / 2);
    let mut out = String::new();
    let mut nested: &[String] = &[];
    for (change, name) in changes.iter().zip(&names) {
        if change.nested != nested {
            nested = &change.nested;
            out.push_str(&format!("  in the nested stack {}:\n", clean(&nested.join(" / "))));
        }
        out.push_str(&resource(change, name, name_width, style));
        out.push_str(&properties(change, style));
    }
    if let Some(rest) = changes.get(limit..).filter(|rest| !rest.is_empty()) {
        let text = format!("… and {} more: {}", thousands(rest.len() as u64), facts::by_type(rest));
        out.push_str(&hang("  ", &text, style.columns()));
    }
    out
}

fn resource(change: &Change, name: &str, name_width: usize, style: Style) -> String {
    let kind = clean(change.resource_type.strip_prefix("AWS::").unwrap_or(&change.resource_type));
    let mut line =
        format!("  {} {}  {kind}", facts::symbol(change.action), pad(&cut_middle(name, name_width), name_width));
    if matches!(change.action, Action::Replace | Action::Remove) {
        let sentence = facts::fate_sentence(change);
        let short = sentence.split(':').next().unwrap_or_default();
        let loses = if change.loses_data() && !short.contains("data") { ", loses data" } else { "" };
        line.push_str(&format!("  {short}{loses}"));
    }
    let tone = match change.action {
        Action::Replace | Action::Remove => Tone::Danger,
        Action::Modify => Tone::Change,
        Action::Import | Action::Add => Tone::Good,
    };
    let mut out = format!("{}\n", style.paint(tone, &cut(&line, style.columns())));
    if style.detail == Detail::Full {
        let physical =
            change.physical_id.as_deref().map(|id| format!(", physical id {}", clean(id))).unwrap_or_default();
        let ids = format!("logical id {}{physical}", clean(&change.logical_id));
        for line in hang("      ", &ids, style.columns()).lines() {
            out.push_str(&format!("{}\n", style.paint(Tone::Faint, line)));
        }
    }
    out
}

/// The properties of a resource that say something; those of added and removed resources only in full detail.
fn properties(change: &Change, style: Style) -> String {
    let full = style.detail == Detail::Full;
    if !full && matches!(change.action, Action::Add | Action::Remove | Action::Import) {
        return String::new();
    }
    let shown: Vec<&PropertyChange> =
        change.properties.iter().filter(|p| full || !facts::is_noise(change, p)).collect();
    let limit = if full { shown.len() } else { SHORT_PROPERTIES };
    let limit = if shown.len() == limit + 1 { limit + 1 } else { limit };
    let names: Vec<String> = shown.iter().take(limit).map(|p| facts::property_name(p)).collect();
    let name_width = names.iter().map(|n| width(n)).max().unwrap_or(0).min(style.columns() / 3);
    let mut out: String = shown.iter().zip(&names).map(|(p, name)| property(p, name, name_width, style)).collect();
    if shown.len() > limit {
        out.push_str(&format!("      … and {} more properties\n", thousands((shown.len() - limit) as u64)));
    }
    out
}

fn property(property: &PropertyChange, name: &str, name_width: usize, style: Style) -> String {
    let note = match property.recreate {
        Recreate::Always => " (replaces)",
        Recreate::Conditionally => " (may replace)",
        Recreate::Never => "",
    };
    let before = property.before.as_ref().map_or_else(|| "(none)".to_owned(), value::inline);
    let after = property.after.as_ref().map_or_else(|| "(none)".to_owned(), value::inline);
    let lead = format!("      {}  ", pad(&cut_middle(name, name_width), name_width));
    let line = format!("{lead}{before} → {after}{note}");
    if width(&line) <= style.columns() {
        return format!("{line}\n");
    }
    let mut out = format!("{}{note}\n", lead.trim_end());
    let lines = value::difference(property.before.as_ref(), property.after.as_ref());
    let limit = if style.detail == Detail::Full { lines.len() } else { SHORT_LINES };
    for line in lines.iter().take(limit) {
        let (tone, text) = match line {
            Line::Same(n) => (Tone::Faint, format!("          … {} as before", crate::render::text::count(*n, "line"))),
            Line::Before(text) => (Tone::Danger, format!("        - {text}")),
            Line::After(text) => (Tone::Good, format!("        + {text}")),
        };
        let text = if style.detail == Detail::Full { text } else { cut(&text, style.columns()) };
        out.push_str(&format!("{}\n", style.paint(tone, &text)));
    }
    if lines.len() > limit {
        out.push_str(&format!("          … {} more lines\n", thousands((lines.len() - limit) as u64)));
    }
    out
}
