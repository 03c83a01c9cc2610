//! The tables under a stack for the terminal: IAM, network, functions and outputs.

use crate::plan::{FunctionChange, IamChange, IamKind, NetworkChange, OutputChange, Sign, StackPlan};

use crate::render::style::{Detail, Style, Tone};
use crate::render::text::{clean, count, first, hang, list, thousands, width};
use crate::render::value;

/// How many rows of a table a short plan shows.
const SHORT_ROWS: usize = 12;

/// All tables of the stack that have rows.
pub fn all(stack: &StackPlan, style: Style) -> String {
    let mut out = rows("IAM", &ordered(&stack.iam, |c| c.broadens), style, iam);
    out.push_str(&rows("Network", &ordered(&stack.network, |c| c.broadens), style, network));
    out.push_str(&rows("Functions", &stack.functions.iter().collect::<Vec<_>>(), style, function));
    out.push_str(&rows("Outputs", &stack.outputs.iter().collect::<Vec<_>>(), style, output));
    out
}

/// What grants more comes first.
fn ordered<T>(items: &[T], broadens: impl Fn(&T) -> bool) -> Vec<&T> {
    let (mut more, less): (Vec<&T>, Vec<&T>) = items.iter().partition(|i| broadens(i));
    more.extend(less);
    more
}

fn rows<T>(title: &str, items: &[&T], style: Style, row: impl Fn(&T, Style) -> String) -> String {
    if items.is_empty() {
        return String::new();
    }
    let limit = if style.detail == Detail::Full || items.len() == SHORT_ROWS + 1 { items.len() } else { SHORT_ROWS };
    let mut out = format!("  {}\n", style.paint(Tone::Heading, title));
    out.extend(items.iter().take(limit).map(|item| row(item, style)));
    if items.len() > limit {
        out.push_str(&format!("    … and {} more\n", thousands((items.len() - limit) as u64)));
    }
    out
}

fn sign(sign: Sign) -> &'static str {
    match sign {
        Sign::Added => "+",
        Sign::Removed => "-",
    }
}

fn paint_all(text: &str, broadens: bool, style: Style) -> String {
    let tone = if broadens { Tone::Alarm } else { Tone::Plain };
    text.lines().map(|line| format!("{}\n", style.paint(tone, line))).collect()
}

/// `+ Allow dynamodb:PutItem on ${Table.Arn} for ${Role} if …  (broadens)`.
fn iam(change: &IamChange, style: Style) -> String {
    paint_all(
        &hang(&format!("    {} ", sign(change.change)), &iam_sentence(change), style.columns()),
        change.broadens,
        style,
    )
}

fn iam_sentence(change: &IamChange) -> String {
    let mut text = match change.kind {
        IamKind::Managed if change.resource.is_empty() => format!("managed policy {}", clean(&change.action)),
        IamKind::Managed => format!("managed policy {} on {}", clean(&change.action), clean(&change.resource)),
        _ => format!("{} {} on {}", clean(&change.effect), clean(&change.action), clean(&change.resource)),
    };
    if !change.principal.is_empty() {
        text.push_str(&format!(" for {}", clean(&change.principal)));
    }
    if !change.condition.is_empty() {
        text.push_str(&format!(" if {}", clean(&change.condition)));
    }
    if change.broadens {
        text.push_str(" (grants more)");
    }
    text.trim_start().to_owned()
}

fn network(change: &NetworkChange, style: Style) -> String {
    let way = if change.direction == "out" { "out to" } else { "in from" };
    let more = if change.broadens { " (opens more)" } else { "" };
    let text =
        format!("{} {way} {} of {}{more}", clean(&change.protocol), clean(&change.peer), clean(&change.logical_id));
    paint_all(&hang(&format!("    {} ", sign(change.change)), &text, style.columns()), change.broadens, style)
}

fn function(change: &FunctionChange, style: Style) -> String {
    let name = if change.path.is_empty() { &change.logical_id } else { &change.path };
    let mut facts: Vec<String> =
        [&change.handler, &change.runtime].into_iter().filter(|s| !s.is_empty()).map(|s| clean(s)).collect();
    facts.extend(sizes(change));
    if change.code_only {
        facts.push("only code".to_owned());
    }
    let mut out = hang("    ~ ", &format!("{}: {}", clean(name), facts.join(", ")), style.columns());
    let names: Vec<String> = change.environment.iter().map(|n| clean(n)).collect();
    let full = style.detail == Detail::Full;
    if !names.is_empty() {
        let names = if full { list(&names) } else { first(&names, 8) };
        out.push_str(&hang("      environment: ", &names, style.columns()));
    }
    let sources: Vec<String> = change.sources.iter().map(|n| clean(n)).collect();
    if full && !sources.is_empty() {
        out.push_str(&hang("      sources: ", &list(&sources), style.columns()));
    }
    out
}

/// `12.3 kB → 12.8 kB (+500 B), 2 source files`.
fn sizes(change: &FunctionChange) -> Option<String> {
    crate::render::facts::function_size(change).map(|size| match change.sources.len() {
        0 => size,
        n => format!("{size}, {}", count(n, "source file")),
    })
}

fn output(change: &OutputChange, style: Style) -> String {
    let name = clean(&change.name);
    let (sign, text) = match (&change.before, &change.after) {
        (Some(before), Some(after)) => ("~", format!("{} → {}", plain(before), plain(after))),
        (None, Some(after)) => ("+", plain(after)),
        (Some(before), None) => ("-", plain(before)),
        (None, None) => ("~", "known after the deployment".to_owned()),
    };
    let line = format!("    {sign} {name}  {text}");
    if width(&line) <= style.columns() {
        return format!("{line}\n");
    }
    // outputs are there to be copied: long ones get lines of their own and are never cut
    let mut out = format!("    {sign} {name}\n");
    out.extend(change.before.iter().map(|v| format!("        - {}\n", plain(v))));
    out.extend(change.after.iter().map(|v| format!("        + {}\n", plain(v))));
    out
}

/// A text without quotation marks, anything else as JSON.
fn plain(value: &serde_json::Value) -> String {
    value.as_str().map_or_else(|| value::inline(value), clean)
}
