//! Carries a change on to the resources that depend on it: replaced resources, changed parameters, mappings, conditions.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::changes::{blank, weigh};
use super::intrinsics::{Name, is_call, names, readable};
use super::redact::{Secrets, redact};
use super::replace::recreate;
use super::template::{entries, kind, properties, resource, resources};
use crate::plan::{Action, Certainty, Change, PropertyChange, Recreate};

/// Adds possible changes of dependents until nothing new follows.
pub(super) fn settle(
    found: &mut Vec<Change>,
    old: Option<&Value>,
    new: Option<&Value>,
    paths: &dyn Fn(&str) -> Option<String>,
    secrets: Secrets,
) {
    let mut causes = changed_sources(old, new);
    causes.extend(found.iter().filter(|c| c.action == Action::Replace).map(|c| Name::Id(c.logical_id.clone())));
    // read once: a large template has thousands of references
    let links: Vec<Links> = resources(new).filter_map(|(id, after)| Links::of(id, after, resource(old, id)?)).collect();
    let mut places: BTreeMap<String, usize> =
        found.iter().enumerate().map(|(place, change)| (change.logical_id.clone(), place)).collect();
    // each round but the last replaces at least one more resource, so the rounds are bounded
    for _ in 0..=links.len() {
        let before = causes.len();
        for link in &links {
            let touched = link.touched(&causes, secrets);
            if touched.is_empty() {
                continue;
            }
            let place = *places.entry(link.id.to_owned()).or_insert_with(|| {
                let mut change = blank(link.id, link.after, Action::Modify, paths);
                change.certainty = Certainty::Possible;
                found.push(change);
                found.len() - 1
            });
            let Some(change) = found.get_mut(place) else { continue };
            carry(change, link.after, touched);
            if change.action == Action::Replace {
                causes.insert(Name::Id(link.id.to_owned()));
            }
        }
        if causes.len() == before {
            break;
        }
    }
}

/// Adds the touched properties that the change does not tell yet.
fn carry(change: &mut Change, after: &Value, touched: Vec<PropertyChange>) {
    if !matches!(change.action, Action::Modify | Action::Replace) {
        return;
    }
    let (action, certainty) = (change.action, change.certainty);
    for property in touched {
        let told = change.properties.iter().any(|known| {
            property.path.strip_prefix(&known.path).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        });
        if !told {
            change.properties.push(property);
        }
    }
    if action == Action::Modify {
        weigh(change, after);
        change.certainty = if change.action == Action::Replace { Certainty::Possible } else { certainty };
    }
}

/// A resource's properties and the names each refers to.
struct Links<'a> {
    id: &'a str,
    after: &'a Value,
    condition: Option<Name>,
    /// Path, function call, names.
    calls: Vec<(String, &'a Value, BTreeSet<Name>)>,
}

impl<'a> Links<'a> {
    /// `None` for a resource of another type than before: nothing can be carried to it.
    fn of(id: &'a str, after: &'a Value, before: &Value) -> Option<Self> {
        if kind(after) != kind(before) {
            return None;
        }
        let mut calls = Vec::new();
        for (name, value) in properties(after).into_iter().flatten() {
            calls_below(value, format!("Properties.{name}"), &mut calls);
        }
        Some(Links {
            id,
            after,
            condition: after.get("Condition").and_then(Value::as_str).map(|name| Name::Condition(name.to_owned())),
            calls,
        })
    }

    fn touched(&self, causes: &BTreeSet<Name>, secrets: Secrets) -> Vec<PropertyChange> {
        let own = Name::Id(self.id.to_owned());
        let mut found = Vec::new();
        for (path, value, refers) in &self.calls {
            let Some(cause) = refers.iter().find(|name| **name != own && causes.contains(name)) else { continue };
            let text = match secrets {
                Secrets::Redact => readable(&redact(value, path, kind(self.after))),
                Secrets::Show => readable(value),
            };
            found.push(told(path.clone(), text, cause, recreate(kind(self.after), path)));
        }
        if let Some(condition) = self.condition.as_ref().filter(|name| causes.contains(name)) {
            let text = self.after.get("Condition").map(readable).unwrap_or_default();
            found.push(told("Condition".to_owned(), text, condition, Recreate::Never));
        }
        found
    }
}

/// The outermost function calls below a value, with their paths.
fn calls_below<'a>(value: &'a Value, path: String, calls: &mut Vec<(String, &'a Value, BTreeSet<Name>)>) {
    match value {
        Value::Object(map) if !is_call(value) => {
            map.iter().for_each(|(key, item)| calls_below(item, format!("{path}.{key}"), calls));
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| calls_below(item, format!("{path}.{index}"), calls));
        }
        Value::Object(_) => calls.push((path, value, names(value))),
        _ => {}
    }
}

fn told(path: String, text: String, cause: &Name, risk: Recreate) -> PropertyChange {
    let cause = match cause {
        Name::Id(name) => format!("depends on {name}"),
        Name::Mapping(name) => format!("depends on mapping {name}"),
        Name::Condition(name) => format!("depends on condition {name}"),
    };
    let after = Value::String(format!("{text} ({cause})"));
    // what follows from a possible value is itself only possible
    let recreate = if risk == Recreate::Always { Recreate::Conditionally } else { risk };
    PropertyChange { path, before: Some(Value::String(text)), after: Some(after), recreate }
}

/// Parameters, mappings and conditions whose definition changed, and conditions that build on those.
fn changed_sources(old: Option<&Value>, new: Option<&Value>) -> BTreeSet<Name> {
    let mut causes = BTreeSet::new();
    let changed = |section: &str, decides: &dyn Fn(&Value) -> Value| -> Vec<String> {
        let before: BTreeMap<&String, &Value> = entries(old, section).collect();
        let both = entries(new, section).filter_map(|(name, after)| Some((name, before.get(name)?, after)));
        both.filter(|(_, before, after)| decides(before) != decides(after)).map(|(name, _, _)| name.clone()).collect()
    };
    let default = |parameter: &Value| parameter.get("Default").cloned().unwrap_or_default();
    causes.extend(changed("Parameters", &default).into_iter().map(Name::Id));
    causes.extend(changed("Mappings", &Value::clone).into_iter().map(Name::Mapping));
    causes.extend(changed("Conditions", &Value::clone).into_iter().map(Name::Condition));
    let conditions: Vec<(&String, BTreeSet<Name>)> =
        entries(new, "Conditions").map(|(name, value)| (name, names(value))).collect();
    for _ in 0..=conditions.len() {
        let before = causes.len();
        for (name, refers) in &conditions {
            if refers.iter().any(|name| causes.contains(name)) {
                causes.insert(Name::Condition((*name).clone()));
            }
        }
        if causes.len() == before {
            break;
        }
    }
    causes
}
