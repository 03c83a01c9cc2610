//! A plan for the terminal: danger first, then each stack, then what to type next.

mod stack;
mod tables;

use crate::plan::{Plan, StackAction, StackPlan};

use super::facts::{self, Danger};
use super::style::{Detail, Style, Tone};
use super::text::{capital, clean, count, first, hang, list, seconds, thousands, wrap};

/// From this many changed stacks on, a short plan shows the plain ones by their head line only.
const MANY_STACKS: usize = 12;
/// How many replaced or removed resources without data a short plan names.
const SHORT_DANGERS: usize = 10;

/// The whole plan as text for a terminal or a log.
pub fn plan(plan: &Plan, style: Style) -> String {
    let mut out = head(plan, style);
    out.push_str(&danger(plan, style));
    out.push_str(&stacks(plan, style));
    out.push_str(&notes(plan, style));
    out.push_str(&closing(plan, style));
    out
}

fn head(plan: &Plan, style: Style) -> String {
    let title = format!("{} → {}", clean(&plan.app), clean(&plan.stage));
    let place = format!(
        "revision {} of {}, account {}, {}",
        facts::revision(plan),
        clean(&plan.repository),
        clean(&plan.account),
        clean(&plan.region)
    );
    let mut out = format!("{}\n", style.paint(Tone::Heading, &title));
    for line in wrap(&place, style.columns()) {
        out.push_str(&format!("{}\n", style.paint(Tone::Faint, &line)));
    }
    out.push('\n');
    out.push_str(&hang("", &format!("{}.", facts::headline(plan)), style.columns()));
    out
}

fn danger(plan: &Plan, style: Style) -> String {
    let (losing, other) = facts::dangers(plan);
    let mut out = String::new();
    if !losing.is_empty() {
        out.push_str(&format!("\n{}\n", style.paint(Tone::Alarm, "DANGER: this plan deletes data")));
        for danger in &losing {
            out.push_str(&style_lines(style, Tone::Danger, &danger_line(danger, style)));
        }
    }
    if !other.is_empty() {
        out.push_str(&format!("\n{}\n", style.paint(Tone::Heading, "Replaced or removed")));
        let shown = if style.detail == Detail::Full { other.len() } else { SHORT_DANGERS };
        for danger in other.iter().take(shown) {
            out.push_str(&danger_line(danger, style));
        }
        if other.len() > shown {
            out.push_str(&format!("  … and {} more\n", thousands((other.len() - shown) as u64)));
        }
    }
    out.push_str(&access(plan, style));
    out
}

/// Which stacks let somebody do more than before.
fn access(plan: &Plan, style: Style) -> String {
    let growing: Vec<(&StackPlan, String)> =
        plan.stacks.iter().map(|s| (s, facts::broadening(s))).filter(|(_, words)| !words.is_empty()).collect();
    if growing.is_empty() {
        return String::new();
    }
    let mut out = format!("\n{}\n", style.paint(Tone::Heading, "More access than before"));
    let shown = if style.detail == Detail::Full { growing.len() } else { SHORT_DANGERS };
    for (stack, words) in growing.iter().take(shown) {
        out.push_str(&hang("  ", &format!("{}: {words}", clean(&stack.name)), style.columns()));
    }
    if growing.len() > shown {
        let rest: Vec<String> = growing.iter().skip(shown).map(|(s, _)| clean(&s.name)).collect();
        out.push_str(&format!("  … and {}\n", count(rest.len(), "more stack").replace("more stacks", "more stacks")));
    }
    out
}

fn danger_line(danger: &Danger<'_>, style: Style) -> String {
    match danger {
        Danger::Stack(stack) => {
            let text = format!("stack {} {}", clean(&stack.name), facts::stack_sentence(stack));
            hang("  - ", &text, style.columns())
        }
        Danger::Resource(stack, change) => {
            let mut text = format!(
                "{} ({}) in {} {}",
                clean(facts::resource_name(change)),
                clean(&change.resource_type),
                clean(&stack.name),
                facts::fate_sentence(change)
            );
            let cause = facts::replacement_cause(change);
            if !cause.is_empty() {
                text.push_str(&format!(", because {cause}"));
            }
            hang(&format!("  {} ", facts::symbol(change.action)), &text, style.columns())
        }
    }
}

fn style_lines(style: Style, tone: Tone, text: &str) -> String {
    text.lines().map(|line| format!("{}\n", style.paint(tone, line))).collect()
}

fn stacks(plan: &Plan, style: Style) -> String {
    let changed = facts::changed(plan);
    let brief = style.detail == Detail::Short && changed.len() > MANY_STACKS;
    let mut out = String::new();
    let mut plain: Vec<&StackPlan> = Vec::new();
    for stack in changed {
        if brief && !facts::is_notable(stack) {
            plain.push(stack);
            continue;
        }
        out.push('\n');
        out.push_str(&stack::section(plan, stack, style));
    }
    if !plain.is_empty() {
        out.push('\n');
        out.push_str(&stack::table(&plain, style));
    }
    out.push_str(&unchanged(plan, style));
    out
}

fn unchanged(plan: &Plan, style: Style) -> String {
    let names: Vec<String> =
        plan.stacks.iter().filter(|s| s.action == StackAction::None).map(|s| clean(&s.name)).collect();
    if names.is_empty() || !plan.has_changes() {
        return String::new();
    }
    let shown = if style.detail == Detail::Full { list(&names) } else { first(&names, 6) };
    format!("\n{}", hang("= ", &format!("unchanged: {shown}"), style.columns()))
}

fn notes(plan: &Plan, style: Style) -> String {
    let mut out = String::new();
    for (i, note) in plan.notes.iter().enumerate() {
        if i == 0 {
            out.push('\n');
        }
        out.push_str(&style_lines(style, Tone::Change, &hang("note: ", &clean(note), style.columns())));
    }
    out
}

fn closing(plan: &Plan, style: Style) -> String {
    let mut out = "\n".to_owned();
    if style.detail == Detail::Full && !plan.timings.is_empty() {
        let steps: Vec<String> = plan.timings.iter().map(|(k, s)| format!("{} {}", clean(k), seconds(*s))).collect();
        out.push_str(&style_lines(style, Tone::Faint, &hang("time: ", &steps.join(", "), style.columns())));
    }
    if !plan.has_changes() {
        return if out == "\n" { String::new() } else { out };
    }
    let digest = facts::digest(&plan.digest);
    let what = if plan.is_dangerous() {
        "deletes data or a stack; read it again before you deploy it"
    } else {
        "is not deployed yet"
    };
    out.push_str(&hang("", &capital(&format!("plan {digest} {what}. To deploy exactly this:")), style.columns()));
    out.push_str(&format!("  {}\n", style.paint(Tone::Link, &facts::deploy_command(plan))));
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::samples::{self, FULL, NARROW};
    use crate::render::style::Colour;
    use crate::render::text::width;

    macro_rules! snapshot {
        ($name:ident, $plan:expr, $style:expr, @$text:literal) => {
            #[test]
            fn $name() {
                insta::assert_snapshot!(plan(&$plan, $style), @$text);
            }
        };
    }

    snapshot!(no_change, samples::nothing(), NARROW, @"");
    snapshot!(no_stacks, samples::plan(Vec::new()), NARROW, @"");
    snapshot!(new_stacks_of_which_one_waits, samples::create(), NARROW, @"");
    snapshot!(an_update, samples::update(), NARROW, @"");
    snapshot!(an_update_in_full, samples::update(), FULL, @"");
    snapshot!(a_table_is_replaced, samples::replace_table(), NARROW, @"");
    snapshot!(buckets_are_removed, samples::remove_buckets(), NARROW, @"");
    snapshot!(access_grows, samples::broadening(), NARROW, @"");
    snapshot!(nested_stacks, samples::nested(), NARROW, @"");
    snapshot!(hostile_names, samples::hostile(), NARROW, @"");
    snapshot!(a_stack_is_deleted, samples::delete(), NARROW, @"");
    snapshot!(a_dirty_tree_and_secrets, samples::dirty(), NARROW, @"");

    #[test]
    fn three_hundred_stacks_stay_readable() {
        let text = plan(&samples::many(), NARROW);
        assert!(text.lines().count() < 400, "{}", text.lines().count());
        let some: Vec<&str> = text
            .lines()
            .take(62)
            .chain(["[…]"])
            .chain(text.lines().rev().take(9).collect::<Vec<_>>().into_iter().rev())
            .collect();
        insta::assert_snapshot!(some.join("\n"), @"");
    }

    #[test]
    fn short_plans_keep_to_the_width() {
        for (name, sample) in samples::plans() {
            for columns in [60, 80, 120] {
                let text = plan(&sample, Style { width: columns, ..NARROW });
                for line in text.lines().filter(|line| name != "hostile" && width(line) > columns) {
                    // a word that cannot be broken stays whole, so that it can be copied
                    assert!(line.trim().split(' ').any(|w| width(w) + 20 > columns), "{name} at {columns}: {line}");
                }
            }
        }
    }

    #[test]
    fn colour_only_adds_escape_codes() {
        for (name, sample) in samples::plans() {
            let colour = plan(&sample, Style { colour: Colour::On, ..NARROW });
            let mut bare = colour.clone();
            while let Some(start) = bare.find('\u{1b}') {
                let end = bare[start..].find('m').unwrap() + start;
                bare.replace_range(start..=end, "");
            }
            assert_eq!(bare, plan(&sample, NARROW), "{name}");
            assert!(colour.contains('\u{1b}'), "{name}");
        }
    }
}
