//! What is to be read before anything else, over all stages: lost data, deleted stacks, replacements, growing access.

use crate::plan::card::{Card, StageRole};
use crate::plan::{IamChange, IamKind, NetworkChange, Plan, Sign, StackAction, StackPlan};
use crate::render::cards::{self, Apps};
use crate::render::facts::{self, Danger};
use crate::render::markdown;
use crate::render::markdown::escape::{code, code_within};
use crate::render::markdown::fit::Budget;

use super::show;
use super::turns::{Group, Item, in_turns};

/// So many grants of a stack are named one by one.
const GRANTS: usize = 5;

/// Alert, replacements and removals, access; and how many lines found no room.
pub fn dangers(cards: &[&Card], budget: &mut Budget) -> (String, usize) {
    let apps = Apps::of(cards);
    let pending: Vec<(&Card, &Plan)> = cards.iter().filter_map(|c| cards::pending(c).map(|p| (*c, p))).collect();
    let lead = |card: &Card| match pending.len() {
        1 => String::new(),
        _ => format!("{}: ", show(&cards::name(card, apps))),
    };
    let losing: Vec<Group> = pending.iter().map(|(card, plan)| lost(card, plan, apps)).collect();
    let other: Vec<Group> = pending.iter().map(|(card, plan)| moved(&lead(card), plan)).collect();
    let access: Vec<Group> = pending.iter().map(|(card, plan)| access(&lead(card), card, plan)).collect();
    let (alert, mut missing) = in_turns("\n> [!CAUTION]\n", &losing, budget);
    // the quote's empty line parts the stages, it does not open the alert
    let mut out = alert.replacen("> [!CAUTION]\n>\n", "> [!CAUTION]\n", 1);
    for (heading, groups) in [("\n**Replaced or removed**\n\n", other), ("\n**More access than before**\n\n", access)] {
        let (text, left) = in_turns(heading, &groups, budget);
        out.push_str(&text);
        missing += left;
    }
    (out, missing)
}

fn lost(card: &Card, plan: &Plan, apps: Apps) -> Group {
    let (losing, _) = facts::dangers(plan);
    let heading = format!(">\n> **Deploying {} {}.**\n>\n", show(&cards::name(card, apps)), facts::destroys(plan));
    Group { heading, items: losing.iter().map(|d| Item::new(format!("> - {}\n", markdown::danger(d)))).collect() }
}

fn moved(lead: &str, plan: &Plan) -> Group {
    let (_, other) = facts::dangers(plan);
    let item = |d: &Danger<'_>| Item::new(format!("- {lead}{}\n", markdown::danger(d)));
    Group { heading: String::new(), items: other.iter().map(item).collect() }
}

/// Nobody had less before in a new stack of a preview.
fn is_new_preview(card: &Card, stack: &StackPlan) -> bool {
    card.role == StageRole::Preview && stack.action == StackAction::Create
}

fn access(lead: &str, card: &Card, plan: &Plan) -> Group {
    let items = plan.stacks.iter().filter(|stack| !is_new_preview(card, stack)).filter_map(|stack| {
        let words = facts::broadening(stack);
        let line = format!("- {lead}{}: {words}\n", code(&stack.name));
        // a new stack needs access to work at all: its details have it
        let full = if stack.action == StackAction::Create { line.clone() } else { format!("{line}{}", grants(stack)) };
        (!words.is_empty()).then_some(Item { full, short: Some(line) })
    });
    Group { heading: String::new(), items: items.collect() }
}

fn grants(stack: &StackPlan) -> String {
    let iam = stack.iam.iter().filter(|c| c.broadens).map(grant);
    let network = stack.network.iter().filter(|c| c.broadens).map(rule);
    let all: Vec<String> = iam.chain(network).collect();
    let mut out: String = all.iter().take(GRANTS).map(|line| format!("  - {line}\n")).collect();
    if all.len() > GRANTS {
        out.push_str(&format!("  - {} in its details\n", markdown::more(all.len() - GRANTS)));
    }
    out
}

fn short(value: &str) -> String {
    code_within(value, 120)
}

fn grant(change: &IamChange) -> String {
    if change.kind == IamKind::Managed {
        return format!("policy {} for {}", short(&change.action), short(&change.resource));
    }
    let of = if change.principal.is_empty() { String::new() } else { format!(" for {}", short(&change.principal)) };
    let condition = if change.condition.is_empty() { "" } else { ", on a condition" };
    let verb = match (change.change, change.effect.as_str()) {
        (Sign::Added, "Deny") => "denies ",
        (Sign::Added, _) => "",
        (Sign::Removed, "Deny") => "no longer denied: ",
        (Sign::Removed, _) => "removed: ",
    };
    format!("{verb}{} on {}{of}{condition}", short(&change.action), short(&change.resource))
}

fn rule(change: &NetworkChange) -> String {
    let to = if change.direction == "out" { "out to" } else { "in from" };
    format!("{} {to} {} at {}", short(&change.protocol), short(&change.peer), short(&change.logical_id))
}
