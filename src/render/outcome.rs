//! What an apply or a removal came to, for the terminal: each stack, why one failed, outputs and the next command.

use crate::plan::StackAction;
use crate::plan::outcome::{Applied, Ended, Failure, StackOutcome};

use super::facts;
use super::style::{Detail, Style, Tone};
use super::text::{clean, clean_lines, count, cut, cut_middle, first, hang, hang_command, list, pad, seconds, width};

/// The whole result as text.
pub fn applied(applied: &Applied, style: Style) -> String {
    let title = format!("{} → {}", clean(&applied.app), clean(&applied.stage));
    let revision: String = clean(&applied.revision).chars().take(8).collect();
    // a stage that was only planned has none
    let at = if revision.is_empty() { String::new() } else { format!(" at {revision}") };
    let mut out = format!("{}{at}\n\n", style.paint(Tone::Heading, &title));
    out.push_str(&stacks(applied, style));
    for stack in &applied.stacks {
        if let Some(failure) = &stack.failure {
            out.push_str(&format!("\n{}", self::failure(stack, failure, style)));
        }
    }
    out.push_str(&outputs(applied, style));
    for (i, note) in applied.notes.iter().enumerate() {
        out.push_str(if i == 0 { "\n" } else { "" });
        out.push_str(&hang("note: ", &clean(note), style.columns()));
    }
    let tone = if applied.failed() { Tone::Alarm } else { Tone::Good };
    let text = hang("", &format!("{}.", summary(applied)), style.columns());
    out.push('\n');
    out.extend(text.lines().map(|line| format!("{}\n", style.paint(tone, line))));
    out
}

fn ended_tone(ended: Ended) -> Tone {
    match ended {
        Ended::Done => Tone::Good,
        Ended::Unchanged => Tone::Faint,
        Ended::Failed => Tone::Alarm,
        Ended::Skipped | Ended::Running => Tone::Change,
    }
}

/// `created`, `failed`, `skipped` …: what became of the stack in one word.
pub(crate) fn word(stack: &StackOutcome) -> &'static str {
    match (stack.ended, stack.action) {
        (Ended::Done, StackAction::Create) => "created",
        (Ended::Done, StackAction::Update) => "updated",
        (Ended::Done, StackAction::Delete) => "deleted",
        (Ended::Done | Ended::Unchanged, _) => "unchanged",
        (Ended::Failed, _) => "failed",
        (Ended::Skipped, _) => "skipped",
        (Ended::Running, _) => "running",
    }
}

/// Why the stack ended as it did, where a word is not enough.
pub(crate) fn remark(stack: &StackOutcome) -> String {
    match (stack.ended, &stack.because) {
        // a stack's name, or a sentence
        (Ended::Skipped, Some(why)) if why.contains(' ') => clean(why),
        (Ended::Skipped, Some(other)) => format!("because {} failed", clean(other)),
        (Ended::Skipped, None) => "not begun: the run was cancelled".to_owned(),
        (Ended::Running, _) if stack.status.is_empty() => "AWS goes on with it".to_owned(),
        (Ended::Running, _) => format!("{}; AWS goes on with it", clean(&stack.status)),
        (Ended::Failed, _) => clean(&stack.status),
        _ => String::new(),
    }
}

fn stacks(applied: &Applied, style: Style) -> String {
    let (same, moved): (Vec<&StackOutcome>, Vec<&StackOutcome>) =
        applied.stacks.iter().partition(|s| s.ended == Ended::Unchanged);
    let names: Vec<String> = moved.iter().map(|s| clean(&s.name)).collect();
    let name_width = names.iter().map(|n| width(n)).max().unwrap_or(0).min(style.columns() / 2);
    let mut out = String::new();
    for (stack, name) in moved.iter().zip(&names) {
        let time = if matches!(stack.ended, Ended::Skipped) { String::new() } else { seconds(stack.seconds) };
        let name = pad(&cut_middle(name, name_width), name_width);
        let line = format!("  {}  {name}  {time:>9}  {}", pad(word(stack), 9), remark(stack));
        out.push_str(&format!("{}\n", style.paint(ended_tone(stack.ended), cut(&line, style.columns()).trim_end())));
    }
    if !same.is_empty() {
        let names: Vec<String> = same.iter().map(|s| clean(&s.name)).collect();
        let shown = if style.detail == Detail::Full { list(&names) } else { first(&names, 6) };
        out.push_str(&hang("  unchanged  ", &shown, style.columns()));
    }
    out
}

fn failure(stack: &StackOutcome, failure: &Failure, style: Style) -> String {
    let title = format!("{} failed{}", clean(&stack.name), place(failure));
    let mut out: String =
        hang("", &title, style.columns()).lines().map(|l| format!("{}\n", style.paint(Tone::Alarm, l))).collect();
    for (i, line) in clean_lines(&failure.reason).iter().enumerate() {
        out.push_str(&hang(if i == 0 { "  reason: " } else { "          " }, line, style.columns()));
    }
    if !failure.left.is_empty() {
        out.push_str(&hang("  state:  ", &clean(&failure.left), style.columns()));
    }
    if !failure.next.is_empty() {
        let text = hang_command("  next:   ", &clean(&failure.next), style.columns());
        out.extend(text.lines().map(|line| format!("{}\n", style.paint(Tone::Link, line))));
    }
    out
}

/// ` at Api/Handler/Resource (AWS::Lambda::Function)`; empty when no resource is to blame.
pub(crate) fn place(failure: &Failure) -> String {
    let name = if failure.path.is_empty() { &failure.logical_id } else { &failure.path };
    match (name.is_empty(), failure.resource_type.is_empty()) {
        (true, _) => String::new(),
        (false, true) => format!(" at {}", clean(name)),
        (false, false) => format!(" at {} ({})", clean(name), clean(&failure.resource_type)),
    }
}

fn outputs(applied: &Applied, style: Style) -> String {
    let all = || applied.stacks.iter().flat_map(|s| s.outputs.iter().map(move |(k, v)| (s, k, v)));
    let rows: Vec<(String, &str)> = all()
        .filter(|(_, name, _)| !facts::is_between_stacks(name))
        .map(|(s, k, v)| (format!("{}.{}", clean(&s.name), clean(k)), v.as_str()))
        .collect();
    if rows.is_empty() {
        return String::new();
    }
    let hidden = match all().count() - rows.len() {
        0 => String::new(),
        n => format!(", without {n} that only stacks read"),
    };
    let name_width = rows.iter().map(|(name, _)| width(name)).max().unwrap_or(0).min(style.columns() / 2);
    let mut out = format!("\n{}{hidden}\n", style.paint(Tone::Heading, "Outputs"));
    for (name, value) in rows {
        // a value is there to be copied: it is never cut
        out.push_str(&format!("  {}  {}\n", pad(&name, name_width), style.paint(Tone::Link, &clean(value))));
    }
    out
}

/// `1 of 3 stacks deployed in 57 s, 1 failed, 1 skipped`.
pub(crate) fn summary(applied: &Applied) -> String {
    let of = |ended: Ended| applied.stacks.iter().filter(|s| s.ended == ended).count();
    let (done, same, total) = (of(Ended::Done), of(Ended::Unchanged), applied.stacks.len());
    let time = applied.timings.get("apply").map(|s| format!(" in {}", seconds(*s))).unwrap_or_default();
    if total == 0 || same == total {
        return "Nothing to do: every stack is as the plan wants it".to_owned();
    }
    let removed = applied.stacks.iter().all(|s| s.action == StackAction::Delete || s.ended == Ended::Unchanged);
    let verb = if removed { "removed" } else { "deployed" };
    let mut text = if done == total - same {
        format!("{} {verb}{time}", count(done, "stack"))
    } else {
        format!("{done} of {} {verb}{time}", count(total - same, "stack"))
    };
    for (n, word) in [
        (of(Ended::Failed), "failed"),
        (of(Ended::Skipped), "skipped"),
        (of(Ended::Running), "still running"),
        (same, "unchanged"),
    ] {
        if n > 0 {
            text.push_str(&format!(", {n} {word}"));
        }
    }
    // a fast deploy has no plan
    if applied.digest.is_empty() { text } else { format!("{text}, plan {}", facts::digest(&applied.digest)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::samples::{self, NARROW};

    #[test]
    fn outputs_between_stacks_are_counted() {
        let names = ["ApiUrl", "ExportsOutputRefTable1", "PublishOutputFnGetAttTable1Arn2", "PublishedOutput"];
        let outputs: std::collections::BTreeMap<_, _> = names.map(|name| (name.to_owned(), "x".to_owned())).into();
        let mut applied = samples::applied();
        applied.stacks.truncate(1);
        applied.stacks.iter_mut().for_each(|stack| stack.outputs = outputs.clone());
        applied.stacks.iter_mut().for_each(|stack| stack.name = "api".to_owned());
        let text = super::outputs(&applied, NARROW);
        insta::assert_snapshot!(text, @r"
        Outputs, without 2 that only stacks read
          api.ApiUrl           x
          api.PublishedOutput  x
        ");
    }

    #[test]
    fn a_deployment() {
        insta::assert_snapshot!(applied(&samples::applied(), NARROW), @r#"
        notes → prod at 9f8e7d6c

          created    prod-notes-data       31 s
          updated    prod-notes-api        26 s
          unchanged  prod-notes-web

        Outputs
          prod-notes-data.TableName  prod-notes-data-Table-1ABC
          prod-notes-api.Url         https://abc.execute-api.eu-west-1.amazonaws.com/

        2 stacks deployed in 57 s, 1 unchanged, plan 1a2b3c4d5e6f.
        "#);
    }

    #[test]
    fn a_failure_and_what_was_skipped() {
        insta::assert_snapshot!(applied(&samples::failed(), NARROW), @r#"
        notes → prod at 9f8e7d6c

          created    prod-notes-data       31 s
          failed     prod-notes-api        44 s  UPDATE_ROLLBACK_COMPLETE
          skipped    prod-notes-web              because prod-notes-api failed

        prod-notes-api failed at Api/Create/Resource (AWS::Lambda::Function)
          reason: Resource handler returned message: "The role defined for the function
                  cannot be assumed by Lambda. (Service: Lambda, Status Code: 400)"
                  (HandlerErrorCode: InvalidRequest)
          state:  rolled back: the stack runs what it ran before
          next:   let lambda.amazonaws.com assume the role of Api/Create, then:
                    offshoot deploy

        Outputs
          prod-notes-data.TableName  prod-notes-data-Table-1ABC

        1 of 3 stacks deployed in 57 s, 1 failed, 1 skipped, plan 1a2b3c4d5e6f.
        "#);
    }

    #[test]
    fn a_rollback_that_failed() {
        insta::assert_snapshot!(applied(&samples::rollback_failed(), NARROW), @r#"
        notes → prod at 9f8e7d6c

          failed     prod-notes-api   5 m 12 s  UPDATE_ROLLBACK_FAILED
          running    prod-notes-web   5 m 00 s  UPDATE_IN_PROGRESS; AWS goes on with it

        prod-notes-api failed at Queue (AWS::SQS::Queue)
          reason: Access denied
                  for sqs:SetQueueAttributes
          state:  half rolled back: CloudFormation could not restore Queue and takes no
                  update until it can
          next:   give the execution role sqs:SetQueueAttributes, then:
                    offshoot deploy --resume

        note: stopped waiting after a second Ctrl-C

        0 of 2 stacks deployed in 57 s, 1 failed, 1 still running, plan 1a2b3c4d5e6f.
        "#);
    }

    #[test]
    fn a_removal() {
        insta::assert_snapshot!(applied(&samples::removed(), NARROW), @r#"
        notes → prod at 9f8e7d6c

          deleted    prod-notes-api       41 s

        1 stack removed in 57 s, plan 1a2b3c4d5e6f.
        "#);
    }
}
