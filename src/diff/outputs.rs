//! Changed stack outputs, and the names that templates export to and import from other stacks.

use std::collections::BTreeSet;

use serde_json::Value;

use super::redact::{Secrets, redact};
use super::template::{alike, entries};
use crate::plan::OutputChange;

/// Outputs that come, go or change, secrets redacted.
pub fn outputs(old: Option<&Value>, new: Option<&Value>) -> Vec<OutputChange> {
    outputs_with(old, new, Secrets::Redact)
}

/// [`outputs`], with a word on secrets.
pub fn outputs_with(old: Option<&Value>, new: Option<&Value>, secrets: Secrets) -> Vec<OutputChange> {
    let value = |template: Option<&Value>, name: &str| -> Option<Value> {
        template?.get("Outputs")?.get(name)?.get("Value").cloned()
    };
    let names: BTreeSet<&String> =
        entries(old, "Outputs").chain(entries(new, "Outputs")).map(|(name, _)| name).collect();
    let shown = |name: &str, value: Option<Value>| match secrets {
        Secrets::Redact => value.map(|value| redact(&value, name, "")),
        Secrets::Show => value,
    };
    let mut found = Vec::new();
    for name in names {
        let (before, after) = (value(old, name), value(new, name));
        let equal = match (&before, &after) {
            (Some(a), Some(b)) => alike(a, b),
            (None, None) => true,
            _ => false,
        };
        if !equal {
            found.push(OutputChange { name: name.clone(), before: shown(name, before), after: shown(name, after) });
        }
    }
    found
}

/// The names that the template exports, those that stand in it as text.
pub fn exported(template: &Value) -> BTreeSet<String> {
    let name = |output: &Value| static_text(output.get("Export")?.get("Name")?);
    entries(Some(template), "Outputs").filter_map(|(_, output)| name(output)).collect()
}

/// The names that the template imports, those that stand in it as text.
pub fn imported(template: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    collect(template, &mut found);
    found
}

fn collect(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
        Value::Object(map) => {
            found.extend(map.get("Fn::ImportValue").and_then(static_text));
            map.values().for_each(|item| collect(item, found));
        }
        _ => {}
    }
}

/// The outputs of other stacks that the template reads by `Fn::GetStackOutput`, as (stack, output).
pub fn outputs_read(template: &Value) -> BTreeSet<(String, String)> {
    let mut found = BTreeSet::new();
    collect_reads(template, &mut found);
    found
}

fn collect_reads(value: &Value, found: &mut BTreeSet<(String, String)>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect_reads(item, found)),
        Value::Object(map) => {
            let name = |key: &str| map.get("Fn::GetStackOutput").and_then(|read| static_text(read.get(key)?));
            if let (Some(stack), Some(output)) = (name("StackName"), name("OutputName")) {
                found.insert((stack, output));
            }
            map.values().for_each(|item| collect_reads(item, found));
        }
        _ => {}
    }
}

/// The names of the template's outputs.
pub fn output_names(template: &Value) -> BTreeSet<String> {
    entries(Some(template), "Outputs").map(|(name, _)| name.clone()).collect()
}

fn static_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Object(map) if map.len() == 1 => {
            map.get("Fn::Sub").and_then(Value::as_str).filter(|text| !text.contains("${")).map(str::to_owned)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn outputs_come_go_and_change() {
        let old = json!({"Outputs": {"A": {"Value": "1"}, "B": {"Value": {"Ref": "X"}}, "S": {"Value": "same"}}});
        let new = json!({"Outputs": {"A": {"Value": "2"}, "ApiToken": {"Value": "t"}, "S": {"Value": "same", "Description": "d"}}});
        let found: Vec<_> = outputs(Some(&old), Some(&new)).into_iter().map(|c| (c.name, c.before, c.after)).collect();
        assert_eq!(
            found,
            [
                ("A".into(), Some(json!("1")), Some(json!("2"))),
                ("ApiToken".into(), None, Some(json!("(secret)"))),
                ("B".into(), Some(json!({"Ref": "X"})), None),
            ]
        );
    }

    #[test]
    fn exports_and_imports_are_found() {
        let template = json!({
            "Outputs": {"A": {"Value": 1, "Export": {"Name": "db:Arn"}}, "B": {"Export": {"Name": {"Fn::Sub": "${AWS::StackName}-b"}}}},
            "Resources": {"X": {"Properties": {"Y": [{"Fn::ImportValue": "api:Url"}, {"Fn::ImportValue": {"Fn::Sub": "plain"}}]}}}
        });
        assert_eq!(exported(&template).into_iter().collect::<Vec<_>>(), ["db:Arn"]);
        assert_eq!(imported(&template).into_iter().collect::<Vec<_>>(), ["api:Url", "plain"]);
    }
}
