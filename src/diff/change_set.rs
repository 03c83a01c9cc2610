//! Resource changes told from a CloudFormation change set: its word wins on the action, the templates fill its gaps.

use std::collections::BTreeSet;

use serde_json::Value;

use super::changes::{blank, direct, weigh};
use super::data::holds_data;
use super::intrinsics::is_dynamic;
use super::properties::below;
use super::redact::{Secrets, redact_changes};
use super::replace::recreate;
use super::template::{construct_path, fate_of_removal, fate_of_replacement, resource};
use crate::plan::{Action, Certainty, Change, Fate, PropertyChange, Recreate};

/// One resource of a described change set, with CloudFormation's own words; empty where it said nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SetChange {
    /// `Add`, `Modify`, `Remove`, `Import`, `Dynamic`, `SyncWithActual`.
    pub action: String,
    pub logical_id: String,
    pub physical_id: String,
    pub resource_type: String,
    /// `True`, `False`, `Conditional`.
    pub replacement: String,
    /// `Delete`, `Retain`, `Snapshot`, `ReplaceAndDelete`, `ReplaceAndRetain`, `ReplaceAndSnapshot`.
    pub policy_action: String,
    /// `Properties`, `Metadata`, `Tags` …
    pub scope: Vec<String>,
    pub details: Vec<SetDetail>,
    /// JSON of the whole resource without its type.
    pub before_context: String,
    pub after_context: String,
    /// Of a nested stack: its own change set.
    pub change_set_id: String,
    /// Logical id in the module's hierarchy, where the resource is from a module.
    pub module: String,
}

/// Why a resource changes, and which part of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SetDetail {
    /// `Static` or `Dynamic`.
    pub evaluation: String,
    /// `ResourceReference`, `ParameterReference`, `ResourceAttribute`, `DirectModification`, `Automatic`, `NoModification`.
    pub source: String,
    /// `Table.Arn`, a parameter's name.
    pub causing_entity: String,
    /// `Properties`, `Tags`, `Metadata` …
    pub attribute: String,
    /// Name of the top-level property.
    pub name: String,
    /// `/Properties/Environment/Variables/X`.
    pub path: String,
    /// `Never`, `Conditionally`, `Always`.
    pub recreation: String,
    pub before: Option<String>,
    pub after: Option<String>,
}

/// Resources that are replaced, or that CloudFormation may have a reason to replace. It calls whatever refers to a
/// changed resource a possible replacement; but a name or ARN stays what it is while its resource does.
fn perhaps_replaced(set: &[SetChange]) -> BTreeSet<&str> {
    let own = |c: &&SetChange| c.replacement == "True" || (c.replacement == "Conditional" && !follows_identity(c));
    let mut replaced: BTreeSet<&str> = set.iter().filter(own).map(|c| c.logical_id.as_str()).collect();
    // what answers an update with another physical id is not told beforehand
    let is_free = |c: &&SetChange| {
        c.resource_type.starts_with("Custom::") || c.resource_type.starts_with("AWS::CloudFormation::")
    };
    replaced.extend(set.iter().filter(|c| c.action == "Modify").filter(is_free).map(|c| c.logical_id.as_str()));
    // each round but the last finds at least one more
    for _ in 0..set.len() {
        let follows =
            |c: &&SetChange| c.replacement == "Conditional" && c.details.iter().any(|d| replaced.contains(cause(d)));
        let more: Vec<&str> =
            set.iter().filter(follows).map(|c| c.logical_id.as_str()).filter(|id| !replaced.contains(id)).collect();
        if more.is_empty() {
            break;
        }
        replaced.extend(more);
    }
    replaced
}

/// Changes only because it refers to the names or ARNs of resources that change.
fn follows_identity(entry: &SetChange) -> bool {
    let is_identity = |d: &SetDetail| match d.source.as_str() {
        "ResourceReference" => true,
        "ResourceAttribute" => {
            d.causing_entity.split_once('.').is_some_and(|(_, name)| name == "Arn" || name.ends_with("Id"))
        }
        _ => false,
    };
    let follows = |d: &SetDetail| d.evaluation == "Dynamic" && is_identity(d);
    entry.action == "Modify" && !entry.details.is_empty() && entry.details.iter().all(follows)
}

/// The resource that a detail follows from.
fn cause(detail: &SetDetail) -> &str {
    detail.causing_entity.split('.').next().unwrap_or_default()
}

/// The changes of one change set, secrets redacted. `nested` names the nested stacks above it, outermost first.
pub fn classify(
    set: &[SetChange],
    old: Option<&Value>,
    new: Option<&Value>,
    paths: &dyn Fn(&str) -> Option<String>,
    nested: &[String],
) -> Vec<Change> {
    classify_with(set, old, new, paths, nested, Secrets::Redact)
}

/// [`classify`], with a word on secrets.
pub fn classify_with(
    set: &[SetChange],
    old: Option<&Value>,
    new: Option<&Value>,
    paths: &dyn Fn(&str) -> Option<String>,
    nested: &[String],
    secrets: Secrets,
) -> Vec<Change> {
    let mut from_templates = direct(old, new, paths);
    let replaced = perhaps_replaced(set);
    let mut found = Vec::new();
    for entry in set {
        let place = from_templates.iter().position(|c| c.logical_id == entry.logical_id);
        let twin = place.map(|place| from_templates.remove(place));
        let judged =
            Judged { entry, twin, old: resource(old, &entry.logical_id), new: resource(new, &entry.logical_id) };
        found.extend(judged.change(&replaced, paths));
    }
    found.extend(missed(from_templates, new));
    for change in &mut found {
        if !nested.is_empty() {
            change.nested = nested.to_vec();
            if change.path == change.logical_id {
                change.path = format!("{}/{}", nested.join("/"), change.logical_id);
            }
        }
    }
    redact_changes(&mut found, secrets);
    found
}

/// Template differences that the change set does not know: CloudFormation is known to miss some.
fn missed(from_templates: Vec<Change>, new: Option<&Value>) -> impl Iterator<Item = Change> {
    // a transform makes other resources of them, and those are in the change set
    let transformed = new.is_some_and(|t| t.get("Transform").is_some());
    from_templates.into_iter().filter(move |_| !transformed).filter_map(|mut change| {
        match change.action {
            // a condition that is false keeps it out of the stack
            Action::Add | Action::Remove => (change.certainty == Certainty::Certain).then_some(change),
            _ => {
                change.properties.retain(is_static);
                if change.properties.is_empty() {
                    return None;
                }
                change.certainty = Certainty::Possible;
                Some(change)
            }
        }
    })
}

/// Both values stand in the template as they are, so that the difference is real whatever CloudFormation says.
fn is_static(property: &PropertyChange) -> bool {
    let resolved = |value: &Option<Value>| !value.as_ref().is_some_and(is_dynamic);
    property.path.starts_with("Properties") && resolved(&property.before) && resolved(&property.after)
}

/// One entry of the change set beside what the templates say about the same resource.
struct Judged<'a> {
    entry: &'a SetChange,
    twin: Option<Change>,
    old: Option<&'a Value>,
    new: Option<&'a Value>,
}

impl Judged<'_> {
    fn change(self, replaced: &BTreeSet<&str>, paths: &dyn Fn(&str) -> Option<String>) -> Option<Change> {
        let entry = self.entry;
        let text_changed = self.twin.is_some();
        if entry.resource_type == "AWS::CDK::Metadata"
            || entry.action == "Modify" && self.is_noise(replaced, text_changed)
        {
            return None;
        }
        let either = self.new.or(self.old).unwrap_or(&Value::Null);
        let mut change = blank(&entry.logical_id, either, Action::Modify, paths);
        if !entry.resource_type.is_empty() {
            change.resource_type = entry.resource_type.clone();
            change.holds_data = holds_data(&entry.resource_type);
        }
        if change.path == entry.logical_id {
            let named = construct_path(self.old).filter(|_| self.new.is_none());
            change.path = named.or_else(|| module_path(entry)).unwrap_or(change.path);
        }
        change.physical_id = Some(entry.physical_id.clone()).filter(|id| !id.is_empty());
        self.decide(&mut change);
        if matches!(change.action, Action::Modify | Action::Replace) {
            change.properties = self.properties();
            if entry.replacement.is_empty() && entry.policy_action.is_empty() && change.action == Action::Modify {
                // nothing was said about replacement: what the properties say is all there is
                let certainty = change.certainty;
                weigh(&mut change, self.new.unwrap_or(&Value::Null));
                change.certainty = if change.action == Action::Replace { change.certainty } else { certainty };
            }
        }
        Some(change)
    }

    /// Action, certainty and fate, as CloudFormation says them.
    fn decide(&self, change: &mut Change) {
        let entry = self.entry;
        let dynamic = !entry.details.is_empty() && entry.details.iter().all(|d| d.evaluation == "Dynamic");
        (change.action, change.certainty) = match (entry.action.as_str(), entry.replacement.as_str()) {
            ("Add", _) => (Action::Add, Certainty::Certain),
            ("Remove", _) => (Action::Remove, Certainty::Certain),
            ("Import", _) => (Action::Import, Certainty::Certain),
            ("Modify", "True") => (Action::Replace, Certainty::Certain),
            ("Modify", "Conditional") => (Action::Replace, Certainty::Possible),
            ("Modify", "False") => (Action::Modify, if dynamic { Certainty::Possible } else { Certainty::Certain }),
            ("Modify", _) if entry.policy_action.starts_with("ReplaceAnd") => (Action::Replace, Certainty::Possible),
            ("Modify", _) if !dynamic => (Action::Modify, Certainty::Certain),
            // Dynamic: CloudFormation cannot tell yet; SyncWithActual: no call to the resource
            _ => (Action::Modify, Certainty::Possible),
        };
        change.fate = match (change.action, entry.policy_action.as_str()) {
            (Action::Replace | Action::Remove, "Delete" | "ReplaceAndDelete") => Some(Fate::Delete),
            (Action::Replace | Action::Remove, "Retain" | "ReplaceAndRetain") => Some(Fate::Retain),
            (Action::Replace | Action::Remove, "Snapshot" | "ReplaceAndSnapshot") => Some(Fate::Snapshot),
            (Action::Remove, _) => Some(self.old.map_or(Fate::Delete, fate_of_removal)),
            (Action::Replace, _) => Some(self.new.map_or(Fate::Delete, fate_of_replacement)),
            _ => None,
        };
    }

    /// Changes that follow from others and change nothing themselves; CloudFormation lists every dependent of a resource
    /// whose policy changed, and every nested stack.
    fn is_noise(&self, replaced: &BTreeSet<&str>, text_changed: bool) -> bool {
        let entry = self.entry;
        if matches!(entry.replacement.as_str(), "True" | "Conditional") {
            return !text_changed && follows_identity(entry) && !replaced.contains(entry.logical_id.as_str());
        }
        if !entry.scope.is_empty() && entry.scope.iter().all(|scope| scope == "Metadata") {
            return true;
        }
        let follows = |detail: &SetDetail| {
            detail.evaluation == "Dynamic"
                && matches!(detail.source.as_str(), "ResourceAttribute" | "ResourceReference" | "Automatic")
                && matches!(detail.recreation.as_str(), "Never" | "")
                && !replaced.contains(cause(detail))
        };
        !text_changed && !entry.details.is_empty() && entry.details.iter().all(follows)
    }

    /// The changed properties: one for each target, with values from the change set, its contexts, or the templates.
    fn properties(&self) -> Vec<PropertyChange> {
        let mut found: Vec<PropertyChange> = Vec::new();
        for detail in &self.entry.details {
            let Some(path) = target(detail) else { continue };
            let always_now = detail.recreation == "Always" && detail.evaluation != "Dynamic";
            let risk = match detail.recreation.as_str() {
                "Always" if always_now => Recreate::Always,
                "Always" | "Conditionally" => Recreate::Conditionally,
                _ => Recreate::Never,
            };
            for mut property in self.values(&path, detail) {
                property.recreate = if detail.recreation.is_empty() { property.recreate } else { risk };
                match found.iter_mut().find(|known| known.path == property.path) {
                    Some(known) => {
                        known.recreate = known.recreate.max(property.recreate);
                        if detail.before.is_some() || detail.after.is_some() {
                            (known.before, known.after) = (property.before, property.after);
                        }
                    }
                    None => found.push(property),
                }
            }
        }
        drop_wider(&mut found);
        let known: BTreeSet<String> = found.iter().map(|p| top(&p.path).to_owned()).collect();
        let rest = self.twin.iter().flat_map(|twin| &twin.properties).filter(|p| !known.contains(top(&p.path)));
        let silent = self.entry.details.is_empty();
        found.extend(rest.filter(|p| silent || is_static(p)).cloned());
        found
    }

    fn values(&self, path: &str, detail: &SetDetail) -> Vec<PropertyChange> {
        let kind = self.entry.resource_type.as_str();
        let risk = recreate(kind, path);
        if detail.before.is_some() || detail.after.is_some() {
            let value = |text: &Option<String>| text.as_deref().map(parsed);
            let (before, after) = (value(&detail.before), value(&detail.after));
            let finer = below(kind, path, before.as_ref(), after.as_ref());
            if !finer.is_empty() {
                return finer;
            }
            return vec![PropertyChange { path: path.to_owned(), before, after, recreate: risk }];
        }
        let context = |text: &str| serde_json::from_str::<Value>(text).ok();
        let contexts = (context(&self.entry.before_context), context(&self.entry.after_context));
        if let (Some(before), Some(after)) = &contexts {
            let finer = below(kind, path, at(before, path), at(after, path));
            if !finer.is_empty() {
                return finer;
            }
        }
        let prefix = format!("{path}.");
        let same_place = |p: &&PropertyChange| p.path == path || p.path.starts_with(&prefix);
        let finer: Vec<_> = self.twin.iter().flat_map(|t| &t.properties).filter(same_place).cloned().collect();
        if !finer.is_empty() {
            return finer;
        }
        let value = |resource: Option<&Value>| resource.and_then(|r| at(r, path)).cloned();
        vec![PropertyChange { path: path.to_owned(), before: value(self.old), after: value(self.new), recreate: risk }]
    }
}

/// CloudFormation names `Environment` and `Environment.Variables.X` for one change; the finer one says it all.
fn drop_wider(found: &mut Vec<PropertyChange>) {
    let all: Vec<(String, Recreate)> = found.iter().map(|p| (p.path.clone(), p.recreate)).collect();
    found.retain(|p| {
        let prefix = format!("{}.", p.path);
        !all.iter().any(|(other, risk)| other.starts_with(&prefix) && *risk >= p.recreate)
    });
}

fn module_path(entry: &SetChange) -> Option<String> {
    (!entry.module.is_empty()).then(|| entry.module.clone())
}

/// `Properties.Environment` of `Properties.Environment.Variables.X`.
fn top(path: &str) -> &str {
    match path.match_indices('.').nth(1) {
        Some((second, _)) => path.get(..second).unwrap_or(path),
        None => path,
    }
}

/// The dotted path of what a detail is about.
fn target(detail: &SetDetail) -> Option<String> {
    if detail.attribute == "Metadata" {
        return None;
    }
    let path: Vec<&str> = detail.path.split('/').filter(|part| !part.is_empty()).collect();
    if !path.is_empty() {
        return Some(path.join(".").replace("~1", "/").replace("~0", "~"));
    }
    match (detail.attribute.as_str(), detail.name.as_str()) {
        ("", "") => None,
        ("Properties" | "", name) if !name.is_empty() => Some(format!("Properties.{name}")),
        (attribute, _) => Some(attribute.to_owned()),
    }
}

/// The value at a dotted path of a resource.
fn at<'a>(resource: &'a Value, path: &str) -> Option<&'a Value> {
    let mut place = resource;
    for part in path.split('.') {
        place = match place {
            Value::Object(map) => map.get(part)?,
            Value::Array(items) => items.get(part.parse::<usize>().ok()?)?,
            _ => return None,
        };
    }
    Some(place)
}

/// A value of the change set: JSON for lists and objects, else text.
fn parsed(text: &str) -> Value {
    match serde_json::from_str(text) {
        Ok(value @ (Value::Object(_) | Value::Array(_))) => value,
        _ => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn entry(action: &str, id: &str, replacement: &str) -> SetChange {
        SetChange {
            action: action.into(),
            logical_id: id.into(),
            resource_type: "AWS::DynamoDB::Table".into(),
            replacement: replacement.into(),
            ..SetChange::default()
        }
    }

    fn detail(evaluation: &str, source: &str, path: &str, recreation: &str) -> SetDetail {
        SetDetail {
            evaluation: evaluation.into(),
            source: source.into(),
            attribute: "Properties".into(),
            path: path.into(),
            recreation: recreation.into(),
            ..SetDetail::default()
        }
    }

    fn table(properties: Value) -> Value {
        json!({"Resources": {"T": {"Type": "AWS::DynamoDB::Table", "Properties": properties}}})
    }

    fn told(set: &[SetChange], old: &Value, new: &Value) -> Vec<String> {
        let properties = |change: &Change| -> String {
            let show = |value: &Option<Value>| value.as_ref().map(Value::to_string).unwrap_or_default();
            let one =
                |p: &PropertyChange| format!(" {} {}→{} {:?}", p.path, show(&p.before), show(&p.after), p.recreate);
            change.properties.iter().map(one).collect()
        };
        classify(set, Some(old), Some(new), &|_| None, &[])
            .iter()
            .map(|c| format!("{:?} {:?} {} {:?}{}", c.certainty, c.action, c.logical_id, c.fate, properties(c)))
            .collect()
    }

    #[test]
    fn the_change_set_decides_the_action() {
        let none = json!({});
        let policy = |mut entry: SetChange, policy: &str| {
            entry.policy_action = policy.into();
            entry
        };
        let set = [
            entry("Add", "A", ""),
            policy(entry("Remove", "B", ""), "Retain"),
            entry("Remove", "C", ""),
            entry("Import", "D", ""),
            policy(entry("Modify", "E", "True"), "ReplaceAndSnapshot"),
            entry("Modify", "F", "Conditional"),
            entry("Modify", "G", "False"),
            entry("Dynamic", "H", ""),
        ];
        assert_eq!(
            told(&set, &none, &none),
            [
                "Certain Add A None",
                "Certain Remove B Some(Retain)",
                "Certain Remove C Some(Delete)",
                "Certain Import D None",
                "Certain Replace E Some(Snapshot)",
                "Possible Replace F Some(Delete)",
                "Certain Modify G None",
                "Possible Modify H None",
            ]
        );
    }

    #[test]
    fn values_come_from_the_change_set_its_contexts_or_the_templates() {
        let (old, new) = (table(json!({"A": {"B": "1", "C": "x"}})), table(json!({"A": {"B": "2", "C": "x"}})));
        let mut whole = entry("Modify", "T", "False");
        whole.details = vec![detail("Static", "DirectModification", "/Properties/A", "Never")];
        assert_eq!(told(&[whole.clone()], &old, &new), [r#"Certain Modify T None Properties.A.B "1"→"2" Never"#]);

        let mut contexts = whole.clone();
        contexts.before_context = r#"{"Properties":{"A":{"B":"3","C":"x"}}}"#.into();
        contexts.after_context = r#"{"Properties":{"A":{"B":"{{changeSet:KNOWN_AFTER_APPLY}}","C":"x"}}}"#.into();
        assert_eq!(
            told(&[contexts.clone()], &old, &new),
            [r#"Certain Modify T None Properties.A.B "3"→"{{changeSet:KNOWN_AFTER_APPLY}}" Never"#]
        );

        let mut exact = contexts;
        exact.details.push(SetDetail {
            before: Some("4".into()),
            after: Some("5".into()),
            ..detail("Static", "DirectModification", "/Properties/A/B", "Never")
        });
        assert_eq!(told(&[exact], &old, &new), [r#"Certain Modify T None Properties.A.B "4"→"5" Never"#]);

        // an emulator that says nothing but the action
        let (old, new) = (table(json!({"TableName": "a"})), table(json!({"TableName": "b"})));
        assert_eq!(
            told(&[entry("Modify", "T", "")], &old, &new),
            [r#"Certain Replace T Some(Delete) Properties.TableName "a"→"b" Always"#]
        );
        assert_eq!(
            told(&[entry("Modify", "T", "False")], &old, &new),
            [r#"Certain Modify T None Properties.TableName "a"→"b" Always"#]
        );
    }

    #[test]
    fn dynamic_recreation_is_only_possible() {
        let same = table(json!({"KeySchema": {"Ref": "P"}}));
        let mut change = entry("Modify", "T", "Conditional");
        change.details = vec![detail("Dynamic", "ParameterReference", "/Properties/KeySchema", "Always")];
        assert_eq!(
            told(&[change], &same, &same),
            [r#"Possible Replace T Some(Delete) Properties.KeySchema {"Ref":"P"}→{"Ref":"P"} Conditionally"#]
        );
    }

    #[test]
    fn cascades_are_dropped_unless_their_cause_is_replaced() {
        let same = table(json!({"A": {"Fn::GetAtt": ["X", "Arn"]}}));
        let mut follower = entry("Modify", "T", "False");
        let mut cause = detail("Dynamic", "ResourceAttribute", "/Properties/A", "Never");
        cause.causing_entity = "X.Arn".into();
        follower.details = vec![cause];
        let mut metadata = entry("Modify", "M", "False");
        metadata.scope = vec!["Metadata".into()];
        assert!(told(&[follower.clone(), metadata], &same, &same).is_empty());
        let mut nested = entry("Modify", "N", "False");
        nested.resource_type = "AWS::CloudFormation::Stack".into();
        nested.details = vec![detail("Dynamic", "Automatic", "/Properties/TemplateURL", "Never")];
        assert!(told(&[nested], &same, &same).is_empty());
        let found = told(&[entry("Modify", "X", "True"), follower], &same, &same);
        assert_eq!(found.len(), 2);
        assert!(found[1].starts_with("Possible Modify T"), "{found:?}");
    }

    #[test]
    fn an_arn_stays_while_its_resource_does() {
        let same = table(json!({"A": {"Fn::GetAtt": ["F", "Arn"]}}));
        let follower = |id: &str, source: &str, of: &str| {
            let mut change = entry("Modify", id, "Conditional");
            let mut from = detail("Dynamic", source, "/Properties/A", "Always");
            from.causing_entity = of.into();
            change.details = vec![from];
            change
        };
        let function = || entry("Modify", "F", "False");
        let chain = [follower("I", "ResourceAttribute", "F.Arn"), follower("R", "ResourceReference", "I")];
        let set = [&[function()], &chain[..]].concat();
        assert_eq!(told(&set, &same, &same).len(), 1);
        let set = [&[entry("Modify", "F", "True")], &chain[..]].concat();
        assert_eq!(told(&set, &same, &same).len(), 3);
        let set =
            [function(), follower("I", "ResourceAttribute", "F.Version"), follower("R", "ResourceReference", "I")];
        assert_eq!(told(&set, &same, &same).len(), 3);
    }

    #[test]
    fn what_cloudformation_missed_is_kept_when_it_is_static() {
        let old = table(json!({"A": "1", "B": {"Ref": "P"}, "C": "x"}));
        let new = table(json!({"A": "2", "B": {"Ref": "Q"}, "C": "y"}));
        assert_eq!(
            told(&[], &old, &new),
            [r#"Possible Modify T None Properties.A "1"→"2" Never Properties.C "x"→"y" Never"#]
        );
        let mut change = entry("Modify", "T", "False");
        change.details = vec![detail("Static", "DirectModification", "/Properties/C", "Never")];
        assert_eq!(
            told(&[change], &old, &new),
            [r#"Certain Modify T None Properties.C "x"→"y" Never Properties.A "1"→"2" Never"#]
        );
        let transformed = |mut template: Value| {
            template["Transform"] = json!("AWS::Serverless-2016-10-31");
            template
        };
        assert!(told(&[], &transformed(old), &transformed(new)).is_empty());
    }

    #[test]
    fn nested_changes_say_where_they_are() {
        let found = classify(&[entry("Add", "T", "")], None, None, &|_| None, &["Outer".into(), "Inner".into()]);
        assert_eq!((found[0].path.as_str(), found[0].nested.len()), ("Outer/Inner/T", 2));
    }

    #[test]
    fn values_of_the_change_set_are_redacted() {
        let mut change = entry("Modify", "F", "False");
        change.resource_type = "AWS::Lambda::Function".into();
        let mut one = detail("Static", "DirectModification", "/Properties/Environment/Variables/KEY", "Never");
        (one.before, one.after) = (Some("old".into()), Some("new".into()));
        change.details = vec![one];
        let property = |secrets| {
            let found = classify_with(&[change.clone()], None, None, &|_| None, &[], secrets);
            found[0].properties[0].after.clone()
        };
        assert_eq!(property(Secrets::Redact), Some(json!("(secret)")));
        assert_eq!(property(Secrets::Show), Some(json!("new")));
    }
}
