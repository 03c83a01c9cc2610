//! The differences of one resource, flattened to the depth at which people recognise them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::intrinsics::is_call;
use super::replace::recreate;
use super::template::{alike, kind};
use crate::plan::{PropertyChange, Recreate};

/// Attributes beside `Properties` whose change is told. `Metadata` is not among them: it changes nothing that runs.
const ATTRIBUTES: [&str; 5] = ["Condition", "CreationPolicy", "DeletionPolicy", "UpdatePolicy", "UpdateReplacePolicy"];

/// Part of the metadata that does change what runs: `cfn-init` applies it on the instance.
const INIT: &str = "AWS::CloudFormation::Init";

/// Every difference between two resources of one type.
pub(super) fn differences(old: &Value, new: &Value) -> Vec<PropertyChange> {
    let mut walk = Walk { kind: kind(new), found: Vec::new() };
    let empty = Value::Object(serde_json::Map::new());
    let (old_properties, new_properties) = (old.get("Properties"), new.get("Properties"));
    walk.compare("Properties", Some(old_properties.unwrap_or(&empty)), Some(new_properties.unwrap_or(&empty)));
    for name in ATTRIBUTES {
        walk.leaf(name, old.get(name), new.get(name));
    }
    if depends_on(old) != depends_on(new) {
        walk.push("DependsOn", old.get("DependsOn"), new.get("DependsOn"));
    }
    let init = |resource: &'_ Value| resource.get("Metadata").and_then(|m| m.get(INIT)).cloned();
    walk.leaf(&format!("Metadata.{INIT}"), init(old).as_ref(), init(new).as_ref());
    walk.found
}

/// The differences below one property, as in a change set's before and after context.
pub(super) fn below(kind: &str, path: &str, old: Option<&Value>, new: Option<&Value>) -> Vec<PropertyChange> {
    let mut walk = Walk { kind, found: Vec::new() };
    walk.compare(path, old, new);
    walk.found
}

fn depends_on(resource: &Value) -> BTreeSet<&str> {
    match resource.get("DependsOn") {
        Some(Value::String(one)) => BTreeSet::from([one.as_str()]),
        Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).collect(),
        _ => BTreeSet::new(),
    }
}

struct Walk<'a> {
    kind: &'a str,
    found: Vec<PropertyChange>,
}

impl Walk<'_> {
    fn compare(&mut self, path: &str, old: Option<&Value>, new: Option<&Value>) {
        match (old, new) {
            (Some(a), Some(b)) if alike(a, b) => {}
            (Some(Value::Object(a)), Some(Value::Object(b)))
                if !old.is_some_and(is_call) && !new.is_some_and(is_call) =>
            {
                let removed = a.keys().filter(|key| !b.contains_key(*key));
                for key in b.keys().chain(removed) {
                    self.compare(&format!("{path}.{key}"), a.get(key), b.get(key));
                }
            }
            (Some(Value::Array(a)), Some(Value::Array(b))) => self.lists(path, a, b),
            (old, new) => self.leaf(path, old, new),
        }
    }

    fn lists(&mut self, path: &str, old: &[Value], new: &[Value]) {
        if let (Some(a), Some(b)) = (keyed(old), keyed(new)) {
            let names: BTreeSet<&str> = a.keys().chain(b.keys()).copied().collect();
            let order = a.len() == b.len() && a.keys().eq(b.keys());
            let before = self.found.len();
            for name in names {
                self.compare(&format!("{path}.{name}"), a.get(name).copied(), b.get(name).copied());
            }
            if self.found.len() == before && order {
                // the same entries in another order
                self.push(path, Some(&Value::from(old)), Some(&Value::from(new)));
            }
        } else if old.len() == new.len() && old.iter().chain(new).all(|item| item.is_object() && !is_call(item)) {
            for (index, (a, b)) in old.iter().zip(new).enumerate() {
                self.compare(&format!("{path}.{index}"), Some(a), Some(b));
            }
        } else if !old.is_empty() && !new.is_empty() && old.iter().zip(new).all(|(a, b)| a.is_object() && alike(a, b)) {
            // entries come or go at the end, as the CDK's policy statements do
            for index in old.len().min(new.len())..old.len().max(new.len()) {
                self.push(&format!("{path}.{index}"), old.get(index), new.get(index));
            }
        } else {
            self.push(path, Some(&Value::from(old)), Some(&Value::from(new)));
        }
    }

    fn leaf(&mut self, path: &str, old: Option<&Value>, new: Option<&Value>) {
        let equal = match (old, new) {
            (Some(a), Some(b)) => alike(a, b),
            (None, None) => true,
            _ => false,
        };
        if !equal {
            self.push(path, old, new);
        }
    }

    fn push(&mut self, path: &str, old: Option<&Value>, new: Option<&Value>) {
        let risk = if path.starts_with("Properties") { recreate(self.kind, path) } else { Recreate::Never };
        self.found.push(PropertyChange {
            path: path.to_owned(),
            before: old.cloned(),
            after: new.cloned(),
            recreate: risk,
        });
    }
}

/// A list whose entries have unique names: by `Key` (the entry is then its `Value`) or by `Name`.
fn keyed(items: &[Value]) -> Option<BTreeMap<&str, &Value>> {
    let mut map = BTreeMap::new();
    for item in items {
        let entry = item.as_object().filter(|entry| entry.len() <= 2)?;
        let (name, value) = match (entry.get("Key"), entry.get("Name"), entry.get("Value")) {
            (Some(Value::String(key)), None, Some(value)) if entry.len() == 2 => (key.as_str(), value),
            (None, Some(Value::String(name)), Some(value)) if entry.len() == 2 => (name.as_str(), value),
            _ => return None,
        };
        if map.insert(name, value).is_some() {
            return None;
        }
    }
    (!map.is_empty()).then_some(map)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn paths(old: Value, new: Value) -> Vec<String> {
        differences(&old, &new).into_iter().map(|p| p.path).collect()
    }

    #[test]
    fn differences_are_told_at_useful_depth() {
        let old = json!({"Type": "AWS::Lambda::Function", "DependsOn": ["B", "A"], "Metadata": {"aws:cdk:path": "x"}, "Properties": {
            "Code": {"S3Bucket": {"Fn::Sub": "b"}, "S3Key": "a.zip"},
            "Environment": {"Variables": {"A": "1", "B": "2"}},
            "Tags": [{"Key": "team", "Value": "a"}, {"Key": "x", "Value": "y"}],
            "Timeout": "3", "Layers": ["a"], "Role": {"Ref": "R"}, "Rules": [{"a": 1, "b": 2}]}});
        let new = json!({"Type": "AWS::Lambda::Function", "DependsOn": ["A", "B"], "Metadata": {"aws:cdk:path": "y"}, "Properties": {
            "Code": {"S3Bucket": {"Fn::Sub": "b"}, "S3Key": "b.zip"},
            "Environment": {"Variables": {"A": "2", "C": "3"}},
            "Tags": [{"Key": "team", "Value": "b"}],
            "Timeout": 3, "Layers": ["a", "b"], "Role": {"Fn::GetAtt": ["R", "Arn"]}, "Rules": [{"a": 1, "b": 3}]}});
        assert_eq!(
            paths(old, new),
            [
                "Properties.Code.S3Key",
                "Properties.Environment.Variables.A",
                "Properties.Environment.Variables.C",
                "Properties.Environment.Variables.B",
                "Properties.Tags.team",
                "Properties.Tags.x",
                "Properties.Layers",
                "Properties.Role",
                "Properties.Rules.0.b",
            ]
        );
    }

    #[test]
    fn only_the_entries_at_the_end_of_a_list_are_told() {
        let policy = |statements: Value| json!({"Type": "AWS::IAM::Policy", "Properties": {"Statement": statements}});
        assert_eq!(paths(policy(json!([{"a": 1}])), policy(json!([{"a": 1}, {"b": 2}]))), ["Properties.Statement.1"]);
        assert_eq!(paths(policy(json!([{"a": 1}])), policy(json!([{"b": 2}, {"a": 1}]))), ["Properties.Statement"]);
    }

    #[test]
    fn attributes_beside_the_properties_count() {
        let old = json!({"Type": "AWS::S3::Bucket", "DependsOn": "A"});
        let new =
            json!({"Type": "AWS::S3::Bucket", "DeletionPolicy": "Retain", "DependsOn": ["B"], "Metadata": {INIT: {}}});
        assert_eq!(paths(old, new), ["DeletionPolicy", "DependsOn", "Metadata.AWS::CloudFormation::Init"]);
    }

    #[test]
    fn a_reordered_tag_list_is_still_a_difference() {
        let list = |a: &str, b: &str| json!({"Type": "T", "Properties": {"Tags": [{"Key": a, "Value": "1"}, {"Key": b, "Value": "1"}]}});
        assert_eq!(paths(list("a", "b"), list("b", "a")), ["Properties.Tags"]);
    }
}
