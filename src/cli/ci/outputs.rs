//! The outputs of the step, for the steps after it; no value can end its own text and begin another output.

use std::io::Write as _;
use std::path::Path;

use serde_json::{Value, json};

use super::log::nonce;
use crate::error::{Error, Result};
use crate::plan::card::Card;
use crate::render::facts::Counts;
use crate::review::Handled;

/// GitHub takes values of up to 1 MB; a longer one is left out.
const LARGEST_BYTES: usize = 1_000_000;

/// What later steps can read, in the order of `action.yml`. With several stages `has-changes` and `changes-count` are
/// about all of them, the other single values about the first.
pub fn of(handled: &Handled, markdown: Option<&Path>) -> Vec<(&'static str, String)> {
    let cards: Vec<&Card> = handled.stages.iter().map(|s| &s.card).collect();
    let first = cards.first();
    let text = |of: &dyn Fn(&Card) -> String| first.map(|card| of(card)).unwrap_or_default();
    let stages: Vec<Value> = cards.iter().map(|card| stage(card)).collect();
    vec![
        ("stage", text(&|c| c.stage.clone())),
        ("has-changes", cards.iter().any(|c| has_changes(c)).to_string()),
        ("plan-digest", text(&|c| c.plan.as_ref().map(|p| p.digest.clone()).unwrap_or_default())),
        ("changes-count", cards.iter().map(|c| changes(c)).sum::<usize>().to_string()),
        ("markdown-file", markdown.map(|p| p.display().to_string()).unwrap_or_default()),
        ("stage-url", text(&|c| c.url.clone().unwrap_or_default())),
        ("outputs-json", first.map_or_else(|| "{}".to_owned(), |c| json!(c.outputs).to_string())),
        ("stages-json", Value::Array(stages).to_string()),
    ]
}

fn has_changes(card: &Card) -> bool {
    card.plan.as_ref().is_some_and(crate::plan::Plan::has_changes)
}

fn changes(card: &Card) -> usize {
    card.plan.as_ref().map_or(0, |plan| Counts::of(plan.stacks.iter().flat_map(|s| &s.changes)).total())
}

fn stage(card: &Card) -> Value {
    json!({
        "app": card.app,
        "stage": card.stage,
        "environment": card.environment,
        "state": card.state,
        "has_changes": has_changes(card),
        "changes_count": changes(card),
        "plan_digest": card.plan.as_ref().map(|p| &p.digest),
        "url": card.url,
        "outputs": card.outputs,
    })
}

/// Adds the outputs to the file. Nothing is written where there is none.
pub fn write(file: Option<&Path>, outputs: &[(&str, String)]) -> Result<()> {
    let Some(file) = file else { return Ok(()) };
    let text: String = outputs.iter().map(|(name, value)| written(name, value, &nonce())).collect();
    let mut options = std::fs::OpenOptions::new();
    let opened = options.append(true).create(true).open(file);
    opened
        .and_then(|mut f| f.write_all(text.as_bytes()))
        .map_err(|e| Error::io("writing the outputs of the step", file, e))
}

fn written(name: &str, value: &str, word: &str) -> String {
    let value = if value.len() > LARGEST_BYTES { "" } else { value };
    // a value that knew the word could begin an output of its own
    let mut end = format!("offshoot_{word}");
    while value.contains(&end) {
        end.push('_');
    }
    format!("{name}<<{end}\n{value}\n{end}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_cannot_begin_another_output() {
        assert_eq!(written("stage", "prod", "1"), "stage<<offshoot_1\nprod\noffshoot_1\n");
        let hostile = "x\noffshoot_1\nhas-changes<<y\nfalse\ny";
        let text = written("outputs-json", hostile, "1");
        assert_eq!(text, format!("outputs-json<<offshoot_1_\n{hostile}\noffshoot_1_\n"));
    }

    #[test]
    fn a_value_that_github_would_not_take_is_left_out() {
        assert_eq!(
            written("stages-json", &"x".repeat(LARGEST_BYTES + 1), "1"),
            "stages-json<<offshoot_1\n\noffshoot_1\n"
        );
    }

    #[test]
    fn without_a_stage_every_output_has_a_value() {
        let outputs = of(&Handled::default(), None);
        let given: Vec<String> = outputs.iter().map(|(name, value)| format!("{name}={value}")).collect();
        insta::assert_snapshot!(given.join("\n"), @r"
        stage=
        has-changes=false
        plan-digest=
        changes-count=0
        markdown-file=
        stage-url=
        outputs-json={}
        stages-json=[]
        ");
    }
}
