//! One stack of a plan for the terminal: its head line, resources, properties before and after.

use crate::plan::{Action, Change, Plan, PropertyChange, Recreate, StackAction, StackPlan};

use crate::render::facts::{self, Counts};
use crate::render::style::{Detail, Style, Tone};
use crate::render::text::{clean, count, cut, cut_middle, hang, pad, thousands, width};
use crate::render::value::{self, Line};

use super::tables;

/// How many resources of a stack, properties of a resource and lines of a value a short plan shows.
const SHORT_RESOURCES: usize = 15;
const SHORT_PROPERTIES: usize = 6;
const SHORT_LINES: usize = 8;
/// How many names of stacks that change alike.
const SHORT_NAMES: usize = 12;

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

/// Plans of many stacks: those that differ only in their names stand together.
pub fn groups(stacks: &[&StackPlan], style: Style) -> String {
    let mut groups: Vec<(String, StackAction, Vec<String>)> = Vec::new();
    for stack in stacks {
        let (_, word) = facts::stack_action(stack.action);
        let what = format!("{word} ({}), {}", Counts::of(&stack.changes).symbols(), clean(&stack.why));
        match groups.iter_mut().find(|(text, ..)| *text == what) {
            Some((_, _, names)) => names.push(clean(&stack.name)),
            None => groups.push((what, stack.action, vec![clean(&stack.name)])),
        }
    }
    let mut out = String::new();
    for (what, action, names) in groups {
        let (symbol, _) = facts::stack_action(action);
        let head = match names.as_slice() {
            [one] => format!("{symbol} {one}: {what}"),
            _ => format!("{symbol} {}, each: {what}", count(names.len(), "stack")),
        };
        out.push_str(&format!("{}\n", style.paint(tone(action), &cut(&head, style.columns()))));
        if names.len() > 1 {
            out.push_str(&hang(
                "  ",
                &names.iter().take(SHORT_NAMES).cloned().collect::<Vec<_>>().join(", "),
                style.columns(),
            ));
        }
        if names.len() > SHORT_NAMES {
            out.push_str(&format!("  … and {} more\n", thousands((names.len() - SHORT_NAMES) as u64)));
        }
    }
    out
}

fn resources(stack: &StackPlan, style: Style) -> String {
    let changes = facts::ordered(stack);
    let limit = if style.detail == Detail::Full { changes.len() } else { SHORT_RESOURCES };
    // one line more costs less than the line that says it is missing
    let limit = if changes.len() == limit + 1 { limit + 1 } else { limit };
    let names: Vec<String> = changes.iter().take(limit).map(|c| clean(facts::resource_name(c))).collect();
    let kinds: Vec<String> = changes.iter().take(limit).map(|c| kind(c)).collect();
    let kind_width = kinds.iter().map(|k| width(k)).max().unwrap_or(0).min(style.columns() / 2);
    let room = (style.columns() - 6).saturating_sub(kind_width).max(style.columns() / 2);
    let name_width = names.iter().map(|n| width(n)).max().unwrap_or(0).min(room);
    let mut out = String::new();
    let mut nested: &[String] = &[];
    for (change, name) in changes.iter().zip(&names) {
        if change.nested != nested {
            nested = &change.nested;
            let text = format!("in the nested stack {}:", clean(&nested.join(" / ")));
            out.push_str(&hang("  ", if nested.is_empty() { "in the stack itself:" } else { &text }, style.columns()));
        }
        out.push_str(&resource(change, &pad(&cut_middle(name, name_width), name_width), kind_width, style));
        out.push_str(&properties(change, style));
    }
    if let Some(rest) = changes.get(limit..).filter(|rest| !rest.is_empty()) {
        let text = format!("… and {} more: {}", thousands(rest.len() as u64), facts::by_type(rest));
        out.push_str(&hang("  ", &text, style.columns()));
    }
    out
}

/// The resource's type without `AWS::`, which would only make the line longer.
fn kind(change: &Change) -> String {
    clean(change.resource_type.strip_prefix("AWS::").unwrap_or(&change.resource_type))
}

fn resource(change: &Change, name: &str, kind_width: usize, style: Style) -> String {
    let kind = pad(&kind(change), kind_width);
    let line = format!("  {} {name}  {kind}  {}", facts::symbol(change.action), facts::fate_words(change));
    let tone = match change.action {
        Action::Replace | Action::Remove => Tone::Danger,
        Action::Modify => Tone::Change,
        Action::Import | Action::Add => Tone::Good,
    };
    let mut out = format!("{}\n", style.paint(tone, &cut(line.trim_end(), style.columns())));
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
    let name_width = names.iter().map(|n| width(n)).max().unwrap_or(0).min(style.columns() * 2 / 5);
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
    // a secret, or a reference whose target moves: the text says nothing
    let values = if before == after { format!("{after}, changed") } else { format!("{before} → {after}") };
    let line = format!("{lead}{values}{note}");
    if width(&line) <= style.columns() {
        return format!("{line}\n");
    }
    let mut out = format!("{}{note}\n", lead.trim_end());
    let lines = value::difference(property.before.as_ref(), property.after.as_ref());
    let limit = if style.detail == Detail::Full { lines.len() } else { SHORT_LINES };
    for line in lines.iter().take(limit) {
        let (tone, text) = match line {
            Line::Same(n) => (Tone::Faint, format!("          … {} as before", count(*n, "line"))),
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
