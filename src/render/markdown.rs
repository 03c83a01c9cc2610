//! Plans, results and errors as GitHub-flavoured Markdown: a table on top, danger first, details folded, never too long.

pub mod escape;
pub(super) mod fit;
pub(super) mod stack;
pub(super) mod result;

use crate::plan::{Plan, StackAction, StackPlan};

pub use result::{applied, failure};

use self::escape::{code, text};
use self::fit::{Budget, LeftOut, minimal};
use self::stack::{Details, Fold, Tense};
use super::facts::{self, Counts, Danger};
use super::text::thousands;

/// GitHub's limit for a comment.
pub const COMMENT_CHARS: usize = 65_536;
/// GitHub's limit for a check run's summary and for its text.
pub const CHECK_CHARS: usize = 65_535;

/// The plan as a comment or a job summary of at most `limit_chars`, ending with the shell command that deploys it.
pub fn plan(plan: &Plan, limit_chars: usize) -> String {
    self::plan_with(plan, limit_chars, &facts::deploy_command(plan))
}

/// The same with another command to type next, such as `/offshoot deploy prod` in a pull request.
pub fn plan_with(plan: &Plan, limit_chars: usize, next: &str) -> String {
    let head = head(plan);
    if !plan.has_changes() {
        let mut budget = Budget::new(limit_chars, &head);
        let (notes, _) = notes(plan, &mut budget);
        return minimal(head + &notes, plan, limit_chars);
    }
    let foot = foot(plan, next);
    let mut budget = Budget::new(limit_chars, &format!("{head}{foot}"));
    let mut left = LeftOut::default();
    // what is important takes its room first
    let (dangers, missing) = dangers(plan, &mut budget);
    left.dangers = missing;
    let mut details = Details::of(plan, Fold::Closed, Tense::Future);
    details.add_dangers(&mut budget);
    // the table may not eat the room of all other details
    let mut share = budget.split(60);
    let (table, missing) = table(plan, &mut share);
    budget.give_back(share);
    left.rows = missing;
    let (notes, missing) = notes(plan, &mut budget);
    left.notes = missing;
    details.add_the_rest(&mut budget);
    let details = details.finish(&mut left);
    let left = left.sentence(&format!("The whole plan: {}", show(plan)));
    minimal(format!("{head}{dangers}{table}{details}{notes}{left}{foot}"), plan, limit_chars)
}

/// The shell command that prints the whole plan.
pub(super) fn show(plan: &Plan) -> String {
    code(&format!("offshoot show {}", facts::digest(&plan.digest)))
}

fn title(app: &str, stage: &str) -> String {
    format!("{} → {}", code(app), code(stage))
}

fn head(plan: &Plan) -> String {
    let dirty = if plan.dirty { " with uncommitted changes" } else { "" };
    format!(
        "### {}\n\n**{}.** Revision {}{dirty}, account {}, {}.\n",
        title(&plan.app, &plan.stage),
        facts::headline(plan),
        code(&facts::revision(&plan.revision)),
        code(&plan.account),
        code(&plan.region)
    )
}

fn foot(plan: &Plan, next: &str) -> String {
    let what = match facts::destroys(plan) {
        what if what.is_empty() => "is not deployed yet".to_owned(),
        what => format!("{what}: read it again before you deploy it"),
    };
    format!("\nPlan {} {what}. To deploy exactly this: {}\n", code(&facts::digest(&plan.digest)), code(next))
}

/// Data loss and deleted stacks as an alert, then other replacements and removals, then growing access.
fn dangers(plan: &Plan, budget: &mut Budget) -> (String, usize) {
    let (losing, other) = facts::dangers(plan);
    let mut missing = 0;
    let mut out = String::new();
    let caution = format!("\n> [!CAUTION]\n> **This plan {}.**\n>\n", facts::destroys(plan));
    let groups = [
        (caution.as_str(), "> ", losing.iter().map(danger).collect::<Vec<_>>()),
        ("\n**Replaced or removed**\n\n", "", other.iter().map(danger).collect()),
        ("\n**More access than before**\n\n", "", access(plan)),
    ];
    for (heading, lead, items) in groups {
        let lines: Vec<String> = items.iter().map(|item| format!("{lead}- {item}\n")).collect();
        let (taken, left) = budget.take_lines(heading, &lines);
        out.push_str(&taken);
        missing += left;
    }
    (out, missing)
}

pub(super) fn danger(danger: &Danger<'_>) -> String {
    match danger {
        Danger::Stack(stack) => format!("stack {} {}", code(&stack.name), facts::stack_sentence(stack)),
        Danger::Resource(stack, change) => {
            format!(
                "{} {} ({}) in {} {}",
                facts::symbol(change.action).replace('-', "−"),
                code(facts::resource_name(change)),
                code(&change.resource_type),
                code(&stack.name),
                text(&facts::fate_sentence(change))
            )
        }
    }
}

fn access(plan: &Plan) -> Vec<String> {
    plan.stacks
        .iter()
        .filter_map(|stack| {
            let words = facts::broadening(stack);
            (!words.is_empty()).then(|| format!("{}: {words}", code(&stack.name)))
        })
        .collect()
}

/// The head of the table of stacks.
pub(super) const STACKS: &str = "\n| | Stack | Action | Resources | Why |\n|---|---|---|---|---|\n";

/// The changed stacks as a table in deployment order; where there is no room for all, the harmless ones go first.
fn table(plan: &Plan, budget: &mut Budget) -> (String, usize) {
    let changed = facts::changed(plan);
    let mut order: Vec<usize> = (0..changed.len()).collect();
    order.sort_by_key(|i| std::cmp::Reverse(changed.get(*i).map_or(0, |s| facts::weight(s))));
    if !budget.take(STACKS) {
        return (String::new(), changed.len());
    }
    let mut rows: Vec<(usize, String)> = Vec::new();
    for i in order {
        let Some(stack) = changed.get(i) else { continue };
        let row = row(plan, stack);
        if budget.take(&row) {
            rows.push((i, row));
        }
    }
    rows.sort_by_key(|(i, _)| *i);
    let missing = changed.len() - rows.len();
    (format!("{STACKS}{}", rows.into_iter().map(|(_, row)| row).collect::<String>()), missing)
}

/// The row of a stack in [`STACKS`].
pub(super) fn row(plan: &Plan, stack: &StackPlan) -> String {
    let mark = match facts::weight(stack) {
        4 => "🛑",
        3 => "⚠️",
        2 => "🔑",
        _ => match stack.action {
            StackAction::Create => "🌱",
            _ => "",
        },
    };
    let place = if stack.account == plan.account && stack.region == plan.region {
        String::new()
    } else {
        format!(" in {}, {}", code(&stack.account), code(&stack.region))
    };
    let (_, word) = facts::stack_action(stack.action);
    let words = facts::weight_words(stack);
    let words = if words.is_empty() { String::new() } else { format!(", **{words}**") };
    let counts = Counts::of(&stack.changes).symbols().replace('-', "−");
    format!("| {mark} | {}{place} | {word}{words} | {counts} | {} |\n", code(&stack.name), text(&stack.why))
}

fn notes(plan: &Plan, budget: &mut Budget) -> (String, usize) {
    let lines: Vec<String> = plan.notes.iter().map(|note| format!("- {}\n", text(note))).collect();
    budget.take_lines("\n**Notes**\n\n", &lines)
}

/// `… and 12 more`.
pub(super) fn more(n: usize) -> String {
    format!("… and {} more", thousands(n as u64))
}

#[cfg(test)]
mod tests;
