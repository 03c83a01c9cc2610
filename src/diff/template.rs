//! Reading a template's parts without trusting its shape, and telling whether two templates are the same.

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::plan::Fate;

/// A section (`Resources`, `Outputs` …), empty when the template has none.
pub(super) fn section<'a>(template: Option<&'a Value>, name: &str) -> Option<&'a Map<String, Value>> {
    template?.get(name)?.as_object()
}

/// The entries of a section.
pub(super) fn entries<'a>(template: Option<&'a Value>, name: &str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    section(template, name).into_iter().flatten()
}

/// The resources that people care about: without what the CDK adds for itself.
pub(super) fn resources(template: Option<&Value>) -> impl Iterator<Item = (&String, &Value)> {
    entries(template, "Resources").filter(|(_, resource)| kind(resource) != "AWS::CDK::Metadata")
}

pub(super) fn resource<'a>(template: Option<&'a Value>, logical_id: &str) -> Option<&'a Value> {
    section(template, "Resources")?.get(logical_id)
}

/// The resource's type, empty when it has none.
pub(super) fn kind(resource: &Value) -> &str {
    resource.get("Type").and_then(Value::as_str).unwrap_or_default()
}

pub(super) fn properties(resource: &Value) -> Option<&Map<String, Value>> {
    resource.get("Properties")?.as_object()
}

pub(super) fn property<'a>(resource: &'a Value, name: &str) -> Option<&'a Value> {
    resource.get("Properties")?.get(name)
}

/// The construct path that the CDK writes into a resource's metadata.
pub(super) fn construct_path(resource: Option<&Value>) -> Option<String> {
    resource?.get("Metadata")?.get("aws:cdk:path")?.as_str().map(str::to_owned)
}

/// What becomes of the physical resource when the deployed template's resource is removed.
pub(super) fn fate_of_removal(resource: &Value) -> Fate {
    match resource.get("DeletionPolicy").and_then(Value::as_str) {
        Some("Retain" | "RetainExceptOnCreate") => Fate::Retain,
        Some("Snapshot") => Fate::Snapshot,
        Some(_) => Fate::Delete,
        // CloudFormation's default for databases
        None => match kind(resource) {
            "AWS::RDS::DBCluster" => Fate::Snapshot,
            "AWS::RDS::DBInstance" if property(resource, "DBClusterIdentifier").is_none() => Fate::Snapshot,
            _ => Fate::Delete,
        },
    }
}

/// What becomes of the old physical resource when the new template's resource replaces it.
pub(super) fn fate_of_replacement(resource: &Value) -> Fate {
    match resource.get("UpdateReplacePolicy").and_then(Value::as_str) {
        Some("Retain" | "RetainExceptOnCreate") => Fate::Retain,
        Some("Snapshot") => Fate::Snapshot,
        _ => Fate::Delete,
    }
}

/// Whether the deployed template is the new one. The order of keys does not matter; CloudFormation gives characters
/// outside ASCII back as `?`, which is not a difference.
pub fn same(deployed: &Value, new: &Value) -> bool {
    match (deployed, new) {
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && b.iter().all(|(key, value)| {
                    let old = a.get(key).or_else(|| a.get(mangled(key).as_ref()));
                    old.is_some_and(|old| same(old, value))
                })
        }
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::String(a), Value::String(b)) => a == b || (a.contains('?') && *a == mangled(b)),
        (a, b) => a == b,
    }
}

/// Like [`same`], and numbers and booleans equal their text: CloudFormation converts them.
pub(super) fn alike(old: &Value, new: &Value) -> bool {
    match (old, new) {
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && b.iter().all(|(key, value)| a.get(key).is_some_and(|old| alike(old, value)))
        }
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| alike(a, b)),
        (Value::String(text), other @ (Value::Number(_) | Value::Bool(_)))
        | (other @ (Value::Number(_) | Value::Bool(_)), Value::String(text)) => {
            let plain = other.to_string();
            plain == *text
        }
        (a, b) => same(a, b),
    }
}

/// The text as CloudFormation's GetTemplate gives it back.
fn mangled(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().map(|c| if c.is_ascii() { c } else { '?' }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn order_of_keys_and_mangled_characters_do_not_matter() {
        assert!(same(&json!({"a": 1, "b": [2]}), &json!({"b": [2], "a": 1})));
        assert!(same(&json!({"d": "caf? ??"}), &json!({"d": "café ❤é"})));
        assert!(same(&json!({"?": 1}), &json!({"é": 1})));
    }

    #[test]
    fn real_differences_do() {
        assert!(!same(&json!({"a": [1, 2]}), &json!({"a": [2, 1]})));
        assert!(!same(&json!({"a": "cafe"}), &json!({"a": "café"})));
        assert!(!same(&json!({"a": null}), &json!({})));
        assert!(!same(&json!({"a": "1"}), &json!({"a": 1})));
        assert!(alike(&json!({"a": "1", "b": "true"}), &json!({"a": 1, "b": true})));
    }
}
