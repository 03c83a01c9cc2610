//! Lines of progress while stacks are deployed: a live block for a terminal, one line per event for a log.

use std::time::Duration;

use super::style::{Style, Tone};
use super::text::{clean, count, cut, cut_middle, pad, seconds, width};

/// How many stacks the live block shows at most; the others are counted.
const LIVE_ROWS: usize = 12;

/// Where a stack stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Waits for stacks before it.
    Waiting,
    Running,
    RollingBack,
    Done,
    Failed,
    Skipped,
}

/// A snapshot of one stack while it is deployed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StackProgress {
    pub name: String,
    pub phase: Phase,
    /// CloudFormation's status: `UPDATE_IN_PROGRESS`; empty before it began.
    pub status: String,
    /// Resources that have ended, of those that change.
    pub done: usize,
    pub total: usize,
    pub elapsed: Duration,
    /// The resource that CloudFormation works on now, where known.
    pub working_on: Option<String>,
}

/// One thing that happened, for a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event<'a> {
    /// Since the deployment began.
    pub elapsed: Duration,
    pub stack: &'a str,
    /// CloudFormation's status or a word of ours: `UPDATE_COMPLETE`, `started`.
    pub status: &'a str,
    /// Construct path or logical id; empty for the stack itself.
    pub resource: &'a str,
    pub resource_type: &'a str,
    /// CloudFormation's reason; empty when it gave none.
    pub reason: &'a str,
}

/// The block that is drawn again and again; no line is wider than the terminal, at most 13 lines.
pub fn live(stacks: &[StackProgress], style: Style) -> String {
    let mut order: Vec<&StackProgress> = stacks.iter().collect();
    if order.len() > LIVE_ROWS {
        // what moves or went wrong is what people look for
        order.sort_by_key(|s| match s.phase {
            Phase::Failed => 0,
            Phase::RollingBack => 1,
            Phase::Running => 2,
            Phase::Skipped => 3,
            Phase::Waiting => 4,
            Phase::Done => 5,
        });
    }
    let shown = order.get(..LIVE_ROWS).unwrap_or(&order);
    let names: Vec<String> = shown.iter().map(|s| clean(&s.name)).collect();
    let name_width = names.iter().map(|n| width(n)).max().unwrap_or(0).min(style.columns() / 2);
    let mut out = String::new();
    for (stack, name) in shown.iter().zip(&names) {
        let name = pad(&cut_middle(name, name_width), name_width);
        let text = format!("{} {name}  {}", mark(stack.phase), state(stack));
        out.push_str(&format!("{}\n", style.paint(tone(stack.phase), cut(&text, style.columns()).trim_end())));
    }
    if let Some(rest) = order.get(LIVE_ROWS..).filter(|rest| !rest.is_empty()) {
        out.push_str(&format!("{}\n", cut(&format!("  … and {}", others(rest)), style.columns())));
    }
    out
}

fn mark(phase: Phase) -> &'static str {
    match phase {
        Phase::Waiting => "·",
        Phase::Running => "▶",
        Phase::RollingBack => "◀",
        Phase::Done => "✔",
        Phase::Failed => "✘",
        Phase::Skipped => "○",
    }
}

fn tone(phase: Phase) -> Tone {
    match phase {
        Phase::Waiting | Phase::Skipped => Tone::Faint,
        Phase::Running => Tone::Plain,
        Phase::RollingBack => Tone::Change,
        Phase::Done => Tone::Good,
        Phase::Failed => Tone::Danger,
    }
}

fn state(stack: &StackProgress) -> String {
    let time = seconds(stack.elapsed.as_secs_f64());
    // CloudFormation also touches resources that the plan does not count: never "5/3"
    let total = stack.total.max(stack.done);
    let counts = format!("{:>7}", format!("{}/{total}", stack.done));
    let working = stack.working_on.as_deref().map(|r| format!("  {}", clean(r))).unwrap_or_default();
    match stack.phase {
        Phase::Waiting => "waiting".to_owned(),
        Phase::Skipped => "skipped".to_owned(),
        Phase::Running => format!("{counts}  {time:>9}{working}"),
        Phase::RollingBack => format!("{counts}  {time:>9}  rolling back{working}"),
        Phase::Done => format!("{counts}  {time:>9}  done"),
        Phase::Failed => format!("{counts}  {time:>9}  failed: {}", clean(&stack.status)),
    }
}

/// `12 waiting and 3 done`: the stacks that the block has no room for.
fn others(rest: &[&StackProgress]) -> String {
    let words = [
        (Phase::Failed, "failed"),
        (Phase::RollingBack, "rolling back"),
        (Phase::Running, "running"),
        (Phase::Skipped, "skipped"),
        (Phase::Waiting, "waiting"),
        (Phase::Done, "done"),
    ];
    let parts: Vec<String> = words
        .iter()
        .filter_map(|(phase, word)| {
            let n = rest.iter().filter(|s| s.phase == *phase).count();
            (n > 0).then(|| format!("{n} {word}"))
        })
        .collect();
    format!("{} more: {}", count(rest.len(), "stack"), parts.join(", "))
        .replace("stacks more", "more stacks")
        .replace("stack more", "more stack")
}

/// One line for a log: `   12 s  prod-api  UPDATE_COMPLETE  Api/Handler (AWS::Lambda::Function): reason`.
pub fn event(event: &Event<'_>, style: Style) -> String {
    let time = seconds(event.elapsed.as_secs_f64());
    let mut line = format!("{time:>9}  {}  {}", clean(event.stack), clean(event.status));
    if !event.resource.is_empty() {
        line.push_str(&format!("  {}", clean(event.resource)));
    }
    if !event.resource_type.is_empty() {
        line.push_str(&format!(" ({})", clean(event.resource_type)));
    }
    if !event.reason.is_empty() {
        line.push_str(&format!(": {}", clean(event.reason)));
    }
    let bad = event.status.ends_with("FAILED") || event.status.contains("ROLLBACK");
    format!("{}\n", style.paint(if bad { Tone::Danger } else { Tone::Plain }, &line))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::samples;

    #[test]
    fn the_live_block() {
        insta::assert_snapshot!(live(&samples::progress(), samples::WIDE), @r#"
        ✔ prod-notes-data    12/12       31 s  done
        ▶ prod-notes-api      3/12       14 s  Api/Create/Resource
        ◀ prod-notes-jobs    13/13   1 m 15 s  rolling back
        ✘ prod-notes-mail     2/12       20 s  failed: ROLLBACK_COMPLETE
        · prod-notes-web   waiting
        ○ prod-notes-docs  skipped
        "#);
    }

    #[test]
    fn the_live_block_of_300_stacks_stays_small_and_narrow() {
        let many = samples::progress_of_many(300);
        let text = live(&many, Style { width: 60, ..samples::WIDE });
        assert!(text.lines().all(|line| width(line) <= 60), "{text}");
        insta::assert_snapshot!(text, @r#"
        ✘ prod-a-rather-…or-a-tenant-060     4/12      9.0 s  faile…
        ▶ prod-a-rather-…or-a-tenant-040     4/12      9.0 s
        ▶ prod-a-rather-…or-a-tenant-041     4/12      9.0 s
        ▶ prod-a-rather-…or-a-tenant-042     4/12      9.0 s
        ▶ prod-a-rather-…or-a-tenant-043     4/12      9.0 s
        ▶ prod-a-rather-…or-a-tenant-044     4/12      9.0 s
        ▶ prod-a-rather-…or-a-tenant-045     4/12      9.0 s
        ▶ prod-a-rather-…or-a-tenant-046     4/12      9.0 s
        ▶ prod-a-rather-…or-a-tenant-047     4/12      9.0 s
        ▶ prod-a-rather-…or-a-tenant-048     4/12      9.0 s
        ▶ prod-a-rather-…or-a-tenant-049     4/12      9.0 s
        ▶ prod-a-rather-…or-a-tenant-050     4/12      9.0 s
          … and 288 more stacks: 9 running, 239 waiting, 40 done
        "#);
    }

    #[test]
    fn events_of_a_log() {
        let mut text = String::new();
        for e in samples::events() {
            text.push_str(&event(&e, samples::WIDE));
        }
        insta::assert_snapshot!(text, @r#"
           1.2 s  prod-notes-api  UPDATE_IN_PROGRESS
            14 s  prod-notes-api  UPDATE_FAILED  Api/Create/Resource (AWS::Lambda::Function): The role cannot be assumed\nby Lambda
        1 m 15 s  prod-notes-api  UPDATE_ROLLBACK_COMPLETE
        "#);
    }
}
