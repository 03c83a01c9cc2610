//! How a property's value before and after is written: on one line where it fits, else only the lines that differ.

use serde_json::Value;

use super::text::clean;
use crate::diff::readable;

/// The value on one line: JSON, so that `"5"` and `5` are told apart; CloudFormation's functions as `${Table.Arn}`.
pub fn inline(value: &Value) -> String {
    let text = if value.is_object() { readable(value) } else { value.to_string() };
    clean(&text.replace('\u{7f}', "\\u007f"))
}

/// A line of a folded difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// So many lines that are the same on both sides.
    Same(usize),
    Before(String),
    After(String),
}

/// The lines in which two values differ, without the equal ones before and after them.
pub fn difference(before: Option<&Value>, after: Option<&Value>) -> Vec<Line> {
    let (old, new) = (lines(before), lines(after));
    let head = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let rest = old.len().min(new.len()) - head;
    let tail = old.iter().rev().zip(new.iter().rev()).take(rest).take_while(|(a, b)| a == b).count();
    let mut out = Vec::new();
    if head == old.len() && head == new.len() {
        // the same once read as JSON: only the writing differs, so show it as it is written
        out.extend(before.map(|v| Line::Before(inline(v))));
        out.extend(after.map(|v| Line::After(inline(v))));
        return out;
    }
    if head > 0 {
        out.push(Line::Same(head));
    }
    out.extend(old.into_iter().rev().skip(tail).rev().skip(head).map(Line::Before));
    out.extend(new.into_iter().rev().skip(tail).rev().skip(head).map(Line::After));
    if tail > 0 {
        out.push(Line::Same(tail));
    }
    out
}

/// A text of several lines as those lines, anything else as indented JSON.
fn lines(value: Option<&Value>) -> Vec<String> {
    match value {
        None => Vec::new(),
        Some(Value::String(text)) if text.contains('\n') => text.lines().map(clean).collect(),
        Some(Value::String(text)) => match serde_json::from_str::<Value>(text) {
            // JSON inside a string (state machines, policies) reads better as JSON
            Ok(inner @ (Value::Object(_) | Value::Array(_))) => pretty(&inner),
            _ => vec![inline(&Value::String(text.clone()))],
        },
        Some(value) => pretty(value),
    }
}

fn pretty(value: &Value) -> Vec<String> {
    serde_json::to_string_pretty(value).unwrap_or_default().lines().map(clean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_the_lines_that_differ_are_kept() {
        let old = json!({"a": 1, "b": 2, "c": 3});
        let new = json!({"a": 1, "b": 5, "c": 3});
        let expected =
            vec![Line::Same(2), Line::Before("  \"b\": 2,".into()), Line::After("  \"b\": 5,".into()), Line::Same(2)];
        assert_eq!(difference(Some(&old), Some(&new)), expected);
    }

    #[test]
    fn a_text_that_only_grew_shows_what_was_added() {
        let lines = difference(Some(&json!("a\nb\n")), Some(&json!("a\nx\nb\n")));
        assert_eq!(lines, vec![Line::Same(1), Line::After("x".into()), Line::Same(1)]);
        assert_eq!(difference(None, Some(&json!("x"))), vec![Line::After("\"x\"".into())]);
    }
}
