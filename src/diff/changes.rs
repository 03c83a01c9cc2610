//! Resource changes told from two templates alone: for stacks that cannot have a change set yet, and as a fallback.

use serde_json::Value;

use super::data::holds_data;
use super::properties::differences;
use super::redact::{Secrets, redact_changes};
use super::settle::settle;
use super::template::{construct_path, fate_of_removal, fate_of_replacement, kind, resource, resources};
use crate::plan::{Action, Certainty, Change, Fate, PropertyChange, Recreate};

/// The changes between the deployed template and the new one, secrets redacted. `None` is a stack that is not there.
pub fn changes(old: Option<&Value>, new: Option<&Value>, paths: &dyn Fn(&str) -> Option<String>) -> Vec<Change> {
    changes_with(old, new, paths, Secrets::Redact)
}

/// [`changes`], with a word on secrets.
pub fn changes_with(
    old: Option<&Value>,
    new: Option<&Value>,
    paths: &dyn Fn(&str) -> Option<String>,
    secrets: Secrets,
) -> Vec<Change> {
    let mut found = direct(old, new, paths);
    // what is carried on redacts its own text
    redact_changes(&mut found, secrets);
    settle(&mut found, old, new, paths, secrets);
    found
}

/// What the templates say about each resource by itself, in the new template's order; removals stand last.
pub(super) fn direct(old: Option<&Value>, new: Option<&Value>, paths: &dyn Fn(&str) -> Option<String>) -> Vec<Change> {
    let changed = resources(new).filter_map(|(id, after)| match resource(old, id) {
        None => Some(added(id, after, paths)),
        Some(before) => modified(id, before, after, paths),
    });
    let removed = resources(old).filter(|(id, _)| resource(new, id).is_none()).map(|(id, before)| {
        let mut change = blank(id, before, Action::Remove, paths);
        change.fate = Some(fate_of_removal(before));
        change.certainty = certainty_of(before);
        change
    });
    changed.chain(removed).collect()
}

/// A change of a resource without any property yet.
pub(super) fn blank(id: &str, resource: &Value, action: Action, paths: &dyn Fn(&str) -> Option<String>) -> Change {
    // a resource that a loop of the template makes stands under a function's name and has no type
    let kind = if id.starts_with("Fn::") { "Fn::ForEach" } else { kind(resource) };
    Change {
        logical_id: id.to_owned(),
        resource_type: kind.to_owned(),
        path: construct_path(Some(resource)).or_else(|| paths(id)).unwrap_or_else(|| id.to_owned()),
        action,
        certainty: Certainty::Certain,
        holds_data: holds_data(kind),
        fate: None,
        physical_id: None,
        nested: Vec::new(),
        properties: Vec::new(),
    }
}

/// Sets action, certainty and fate of a modification from its properties.
pub(super) fn weigh(change: &mut Change, new: &Value) {
    match change.properties.iter().map(|p| p.recreate).max() {
        Some(Recreate::Always) => {
            change.action = Action::Replace;
            change.fate = Some(fate_of_replacement(new));
        }
        Some(Recreate::Conditionally) => {
            change.action = Action::Replace;
            change.certainty = Certainty::Possible;
            change.fate = Some(fate_of_replacement(new));
        }
        _ => {}
    }
}

fn added(id: &str, after: &Value, paths: &dyn Fn(&str) -> Option<String>) -> Change {
    let mut change = blank(id, after, Action::Add, paths);
    change.certainty = certainty_of(after);
    change
}

fn modified(id: &str, before: &Value, after: &Value, paths: &dyn Fn(&str) -> Option<String>) -> Option<Change> {
    let mut change = blank(id, after, Action::Modify, paths);
    if !before.is_object() || !after.is_object() {
        change.certainty = Certainty::Possible;
        return (before != after).then_some(change);
    }
    if kind(before) != kind(after) {
        change.action = Action::Replace;
        change.holds_data = holds_data(kind(before)) || holds_data(kind(after));
        change.fate = Some(type_change_fate(before));
        change.properties = vec![PropertyChange {
            path: "Type".to_owned(),
            before: before.get("Type").cloned(),
            after: after.get("Type").cloned(),
            recreate: Recreate::Always,
        }];
        return Some(change);
    }
    change.properties = differences(before, after);
    if change.properties.is_empty() {
        return None;
    }
    if change.properties.iter().any(|p| p.path == "Condition") {
        change.certainty = Certainty::Possible;
    }
    weigh(&mut change, after);
    Some(change)
}

/// The resource of the old type goes as in a removal.
fn type_change_fate(before: &Value) -> Fate {
    fate_of_removal(before)
}

/// A resource with a condition may not be there at all.
fn certainty_of(resource: &Value) -> Certainty {
    if resource.get("Condition").is_some() { Certainty::Possible } else { Certainty::Certain }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn diff(old: Value, new: Value) -> Vec<Change> {
        changes(Some(&json!({"Resources": old})), Some(&json!({"Resources": new})), &|_| None)
    }

    fn told(found: &[Change]) -> Vec<String> {
        found
            .iter()
            .map(|c| {
                let fate = c.fate.map(|f| format!(" {f:?}")).unwrap_or_default();
                let loss = if c.loses_data() { " loses data" } else { "" };
                format!("{:?} {:?} {}{fate}{loss}", c.certainty, c.action, c.logical_id)
            })
            .collect()
    }

    #[test]
    fn additions_and_removals_carry_their_fate() {
        let old = json!({
            "T": {"Type": "AWS::DynamoDB::Table"},
            "K": {"Type": "AWS::DynamoDB::Table", "DeletionPolicy": "Retain"},
            "D": {"Type": "AWS::RDS::DBInstance"},
            "N": {"Type": "AWS::SNS::Topic"},
            "CDKMetadata": {"Type": "AWS::CDK::Metadata"}
        });
        let new = json!({"Q": {"Type": "AWS::SQS::Queue"}, "C": {"Type": "AWS::SNS::Topic", "Condition": "X"}});
        assert_eq!(
            told(&diff(old, new)),
            [
                "Certain Add Q",
                "Possible Add C",
                "Certain Remove T Delete loses data",
                "Certain Remove K Retain",
                "Certain Remove D Snapshot loses data",
                "Certain Remove N Delete",
            ]
        );
    }

    #[test]
    fn a_new_key_schema_replaces_the_table_and_may_replace_what_names_it() {
        let table =
            |key: &str| json!({"Type": "AWS::DynamoDB::Table", "Properties": {"KeySchema": [{"AttributeName": key}]}});
        let rest = json!({
            "F": {"Type": "AWS::Lambda::Function", "Properties": {"Environment": {"Variables": {"T": {"Ref": "T"}}}}},
            "P": {"Type": "AWS::Lambda::Permission", "Properties": {"SourceArn": {"Fn::GetAtt": ["T", "StreamArn"]}}},
            "A": {"Type": "AWS::SNS::Topic"}
        });
        let with = |table: Value| {
            let mut all = rest.clone();
            all["T"] = table;
            all
        };
        let found = diff(with(table("id")), with(table("pk")));
        assert_eq!(
            told(&found),
            ["Certain Replace T Delete loses data", "Possible Modify F", "Possible Replace P Delete"]
        );
        let function = &found[1].properties[0];
        assert_eq!(function.path, "Properties.Environment.Variables.T");
        assert_eq!(function.after, Some(json!("${T} (depends on T)")));
    }

    #[test]
    fn changed_parameters_mappings_and_conditions_reach_the_resources() {
        let template = |size: &str, value: u8| {
            json!({
                "Parameters": {"Size": {"Type": "String", "Default": size}},
                "Mappings": {"M": {"a": {"b": value}}},
                "Conditions": {"Big": {"Fn::Equals": [{"Ref": "Size"}, "big"]}},
                "Resources": {
                    "A": {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": {"Ref": "Size"}}},
                    "B": {"Type": "AWS::SQS::Queue", "Properties": {"DelaySeconds": {"Fn::FindInMap": ["M", "a", "b"]}}},
                    "C": {"Type": "AWS::SNS::Topic", "Condition": "Big"},
                    "D": {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": "x"}}
                }
            })
        };
        let found = changes(Some(&template("big", 1)), Some(&template("small", 2)), &|_| None);
        assert_eq!(told(&found), ["Possible Modify A", "Possible Modify B", "Possible Modify C"]);
    }

    #[test]
    fn a_type_change_replaces() {
        let old = json!({"X": {"Type": "AWS::SQS::Queue"}});
        let new = json!({"X": {"Type": "AWS::SNS::Topic"}});
        assert_eq!(told(&diff(old, new)), ["Certain Replace X Delete loses data"]);
    }

    #[test]
    fn noise_is_hidden() {
        let old = json!({"X": {"Type": "AWS::SQS::Queue", "Metadata": {"a": 1}}});
        let new = json!({"X": {"Type": "AWS::SQS::Queue", "Metadata": {"a": 2}}, "CDKMetadata": {"Type": "AWS::CDK::Metadata"}});
        assert!(diff(old, new).is_empty());
    }

    #[test]
    fn odd_templates_do_not_matter() {
        for (old, new) in [
            (json!(null), json!({"X": 1, "Y": null, "Z": [1]})),
            (json!({"Fn::ForEach::T": ["A"]}), json!({"Fn::ForEach::T": ["B"]})),
            (json!({"X": {"Type": 5, "Properties": []}}), json!({"X": {"Properties": {"Fn::Transform": {}}}})),
        ] {
            let _ = diff(old, new);
        }
        assert!(changes(None, None, &|_| None).is_empty());
        let all = json!({"Resources": {"X": {"Type": "AWS::SQS::Queue"}}});
        assert_eq!(changes(None, Some(&all), &|_| Some("App/X".into()))[0].path, "App/X");
        assert_eq!(told(&changes(Some(&all), None, &|_| None)), ["Certain Remove X Delete loses data"]);
    }
}
