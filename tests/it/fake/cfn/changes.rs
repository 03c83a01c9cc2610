//! Compares a deployed body with a wanted one, as a change set shows it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::super::State;
use super::model::{Body, Change, Detail, Resource, Stack};
use super::resolve::{Env, deployed};
use super::{template, types};

/// Types that stack tags do not reach.
const UNTAGGED: &[&str] = &[
    "AWS::CDK::Metadata",
    "AWS::IAM::Policy",
    "AWS::Lambda::Permission",
    "AWS::Lambda::Version",
    "AWS::CloudFormation::Stack",
];

/// What would change; an error is the reason a change set fails with.
pub fn compute(state: &State, stack: &Stack, old: &Body, new: &Body) -> Result<Vec<Change>, String> {
    let needs = template::dependencies(&new.template);
    let mut unknown: BTreeSet<String> = BTreeSet::new();
    // each round may find further replacements, whose dependents then change too
    for _ in 0..50 {
        let changes = once(state, stack, old, new, &unknown, &needs)?;
        let fresh =
            |change: &&Change| change.action == "Add" || change.replacement.as_deref().is_some_and(|r| r != "False");
        let next: BTreeSet<String> = changes.iter().filter(fresh).map(|change| change.logical.clone()).collect();
        if next == unknown {
            return Ok(changes);
        }
        unknown = next;
    }
    Err("Internal Failure".to_owned())
}

fn once(
    state: &State,
    stack: &Stack,
    old: &Body,
    new: &Body,
    unknown: &BTreeSet<String>,
    needs: &BTreeMap<String, BTreeSet<String>>,
) -> Result<Vec<Change>, String> {
    let place = stack.place();
    let lookup = |logical: &str, attribute: Option<&str>| {
        if unknown.contains(logical) { None } else { deployed(state, &place, old, logical, attribute) }
    };
    let env = Env::new(state, stack, new, &lookup);
    let tags_changed = old.tags != new.tags && !old.resources.is_empty();
    let mut changes = Vec::new();
    let mut kept = BTreeSet::new();
    for (logical, wanted) in env.resources()? {
        kept.insert(logical.clone());
        let kind = wanted["Type"].as_str().unwrap_or_default();
        if old.resources.get(logical).is_some_and(|resource| resource.kind != kind) {
            return Err(format!(
                "Update of resource type is not permitted. The new template modifies resource type of the following resources: [{logical}]"
            ));
        }
        let properties = env.value(wanted.get("Properties").unwrap_or(&json!({})))?.unwrap_or_else(|| json!({}));
        match old.resources.get(logical) {
            None => changes.push(added(logical, kind, wanted, properties)),
            Some(resource) => {
                let seen = Seen { state, resource, wanted, old, unknown, needs: needs.get(logical) };
                changes.extend(modified(&seen, logical, properties, tags_changed));
            }
        }
    }
    for (logical, resource) in old.resources.iter().filter(|(logical, _)| !kept.contains(*logical)) {
        changes.push(removed(logical, resource, old));
    }
    for change in &mut changes {
        mask(change, old, new);
    }
    changes.sort_by(|a, b| a.logical.cmp(&b.logical));
    Ok(changes)
}

fn policy_word(word: Option<&str>, replace: bool) -> &'static str {
    match (word, replace) {
        (Some("Retain" | "RetainExceptOnCreate"), false) => "Retain",
        (Some("Snapshot"), false) => "Snapshot",
        (_, false) => "Delete",
        (Some("Retain" | "RetainExceptOnCreate"), true) => "ReplaceAndRetain",
        (Some("Snapshot"), true) => "ReplaceAndSnapshot",
        (_, true) => "ReplaceAndDelete",
    }
}

fn context(source: &Value, properties: &Value) -> Value {
    let mut out = json!({"Properties": properties});
    for key in ["Metadata", "DeletionPolicy", "UpdateReplacePolicy", "DependsOn", "Condition"] {
        if let Some(value) = source.get(key) {
            out[key] = value.clone();
        }
    }
    out
}

fn added(logical: &str, kind: &str, wanted: &Value, properties: Value) -> Change {
    Change {
        action: "Add".to_owned(),
        logical: logical.to_owned(),
        kind: kind.to_owned(),
        after: Some(context(wanted, &properties)),
        ..Change::default()
    }
}

fn removed(logical: &str, resource: &Resource, old: &Body) -> Change {
    let source = &old.template["Resources"][logical];
    Change {
        action: "Remove".to_owned(),
        logical: logical.to_owned(),
        kind: resource.kind.clone(),
        physical: Some(resource.physical.clone()),
        policy: Some(policy_word(source["DeletionPolicy"].as_str(), false).to_owned()),
        before: Some(context(source, &resource.properties)),
        ..Change::default()
    }
}

struct Seen<'a> {
    state: &'a State,
    resource: &'a Resource,
    /// As the new template writes it.
    wanted: &'a Value,
    old: &'a Body,
    unknown: &'a BTreeSet<String>,
    needs: Option<&'a BTreeSet<String>>,
}

fn modified(seen: &Seen, logical: &str, properties: Value, tags_changed: bool) -> Option<Change> {
    let source = &seen.old.template["Resources"][logical];
    let kind = seen.resource.kind.as_str();
    let mut scope = BTreeSet::new();
    let mut details = Vec::new();
    property_details(seen, logical, &properties, &mut details);
    if !details.is_empty() {
        scope.insert("Properties".to_owned());
    }
    for attribute in ["Metadata", "DeletionPolicy", "UpdateReplacePolicy", "CreationPolicy", "UpdatePolicy"] {
        if source.get(attribute) != seen.wanted.get(attribute) {
            scope.insert(attribute.to_owned());
            details.push(Detail {
                attribute: attribute.to_owned(),
                recreation: "Never".to_owned(),
                evaluation: "Static".to_owned(),
                source: "DirectModification".to_owned(),
                before: source.get(attribute).cloned(),
                after: seen.wanted.get(attribute).cloned(),
                ..Detail::default()
            });
        }
    }
    if tags_changed && !UNTAGGED.contains(&kind) {
        scope.insert("Tags".to_owned());
        details.push(simple("Tags", "Static", "DirectModification"));
    }
    if kind == "AWS::CloudFormation::Stack" && details.is_empty() {
        scope.insert("Properties".to_owned());
        details.push(simple("Properties", "Dynamic", "Automatic"));
    }
    if details.is_empty() {
        return None;
    }
    let always = |evaluation: &str| details.iter().any(|d| d.recreation == "Always" && d.evaluation == evaluation);
    let replacement = if always("Static") {
        "True"
    } else if always("Dynamic") || details.iter().any(|detail| detail.recreation == "Conditionally") {
        "Conditional"
    } else {
        "False"
    };
    let policy =
        (replacement == "True").then(|| policy_word(seen.wanted["UpdateReplacePolicy"].as_str(), true).to_owned());
    Some(Change {
        action: "Modify".to_owned(),
        logical: logical.to_owned(),
        physical: Some(seen.resource.physical.clone()),
        kind: kind.to_owned(),
        replacement: Some(replacement.to_owned()),
        policy,
        scope: scope.into_iter().collect(),
        details,
        before: Some(context(source, &seen.resource.properties)),
        after: Some(context(seen.wanted, &properties)),
        ..Change::default()
    })
}

fn simple(attribute: &str, evaluation: &str, source: &str) -> Detail {
    Detail {
        attribute: attribute.to_owned(),
        recreation: "Never".to_owned(),
        evaluation: evaluation.to_owned(),
        source: source.to_owned(),
        ..Detail::default()
    }
}

fn property_details(seen: &Seen, logical: &str, properties: &Value, details: &mut Vec<Detail>) {
    let old = seen.resource.properties.as_object().cloned().unwrap_or_default();
    let new = properties.as_object().cloned().unwrap_or_default();
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    for name in names {
        let mut leaves = Vec::new();
        differences(&format!("/Properties/{name}"), old.get(name), new.get(name), &mut leaves);
        let raw = &seen.wanted["Properties"][name];
        for (path, before, after) in leaves {
            let (evaluation, source, causing) = cause(seen, logical, name, raw, after.as_ref());
            details.push(Detail {
                attribute: "Properties".to_owned(),
                name: Some(name.clone()),
                path: Some(path),
                recreation: types::recreation(seen.state, &seen.resource.kind, name),
                evaluation,
                source,
                causing,
                before,
                after,
                actual: None,
            });
        }
    }
}

/// Why a property changes: by hand, by a parameter, by another resource.
fn cause(
    seen: &Seen,
    logical: &str,
    name: &str,
    raw: &Value,
    after: Option<&Value>,
) -> (String, String, Option<String>) {
    let word =
        |evaluation: &str, source: &str, causing: Option<String>| (evaluation.to_owned(), source.to_owned(), causing);
    let unknown = after.is_some_and(|value| value.to_string().contains("KNOWN_AFTER_APPLY"));
    let names = template::references(raw);
    if unknown
        && let Some(by) = seen.needs.and_then(|n| n.iter().find(|n| seen.unknown.contains(*n) && names.contains(*n)))
    {
        let reference = raw.to_string().contains(&format!("{{\"Ref\":\"{by}\"}}"));
        let source = if reference { "ResourceReference" } else { "ResourceAttribute" };
        return word("Dynamic", source, Some(by.clone()));
    }
    let same_text = seen.old.template["Resources"][logical]["Properties"][name] == *raw;
    match names.iter().next() {
        Some(parameter) if same_text => word("Static", "ParameterReference", Some(parameter.clone())),
        _ => word("Static", "DirectModification", None),
    }
}

type Leaf = (String, Option<Value>, Option<Value>);

/// Walks into objects; arrays and scalars are leaves.
fn differences(path: &str, old: Option<&Value>, new: Option<&Value>, out: &mut Vec<Leaf>) {
    if old == new {
        return;
    }
    if let (Some(Value::Object(a)), Some(Value::Object(b))) = (old, new) {
        let names: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
        for name in names {
            differences(&format!("{path}/{name}"), a.get(name), b.get(name), out);
        }
        return;
    }
    out.push((path.to_owned(), old.cloned(), new.cloned()));
}

/// Hides NoEcho values.
fn mask(change: &mut Change, old: &Body, new: &Body) {
    let secrets: Vec<&str> = old
        .parameters
        .values()
        .chain(new.parameters.values())
        .filter(|parameter| parameter.no_echo && !parameter.value.is_empty())
        .map(|parameter| parameter.value.as_str())
        .collect();
    if secrets.is_empty() {
        return;
    }
    let hide = |value: &mut Option<Value>| {
        if let Some(inner) = value {
            let text = secrets.iter().fold(inner.to_string(), |text, secret| text.replace(secret, "****"));
            *inner = serde_json::from_str(&text).unwrap_or_else(|_| json!("****"));
        }
    };
    hide(&mut change.before);
    hide(&mut change.after);
    for detail in &mut change.details {
        hide(&mut detail.before);
        hide(&mut detail.after);
    }
}

/// Outputs that a body would have, for comparing; values that are not known yet stay readable.
pub fn wanted_outputs(state: &State, stack: &Stack, old: &Body, new: &Body) -> Result<Value, String> {
    let place = stack.place();
    let lookup = |logical: &str, attribute: Option<&str>| deployed(state, &place, old, logical, attribute);
    let env = Env::new(state, stack, new, &lookup);
    let outputs = new.template.get("Outputs").cloned().unwrap_or_else(|| json!({}));
    Ok(env.value(&outputs)?.unwrap_or_default())
}
