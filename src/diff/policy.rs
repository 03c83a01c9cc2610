//! Policy statements in one normal form, and whether one statement allows everything that another allows.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::intrinsics::{is_call, readable};

/// Combinations that are compared one by one before a comparison is given up (and the statement counts as broader).
const MAX_COMBINATIONS: usize = 20_000;

/// One statement; lists are sorted sets, so that their order does not matter.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Statement {
    pub effect: String,
    pub actions: Targets,
    pub resources: Targets,
    pub principals: Targets,
    pub condition: String,
}

/// What a statement is about: these, or everything but these.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Targets {
    pub not: bool,
    pub values: BTreeSet<String>,
}

impl Targets {
    pub(super) fn of(values: impl IntoIterator<Item = String>) -> Self {
        Targets { not: false, values: values.into_iter().collect() }
    }

    /// For people: joined by commas.
    pub(super) fn readable(&self) -> String {
        let all = self.values.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        if self.not { format!("NOT {all}") } else { all }
    }

    /// Reads `Action` or `NotAction`; the defaults stand in where neither is written.
    fn read(statement: &Map<String, Value>, name: &str, default: &Targets) -> Targets {
        let excluded = format!("Not{name}");
        match (statement.get(name), statement.get(&excluded)) {
            (Some(value), _) => Targets::of(strings(value)),
            (None, Some(value)) => Targets { not: true, values: strings(value).into_iter().collect() },
            (None, None) => default.clone(),
        }
    }
}

impl Statement {
    /// Whoever this statement speaks of may do what it says: `Allow`.
    pub(super) fn allows(&self) -> bool {
        self.effect != "Deny"
    }

    /// This statement speaks of everything that `other` speaks of.
    fn covers(&self, other: &Statement) -> bool {
        let plain = !(self.actions.not || self.resources.not || self.principals.not);
        let condition = self.condition.is_empty() || self.condition == other.condition;
        self == other
            || (self.effect == other.effect
                && plain
                && condition
                && covers(&self.actions, &other.actions, Case::Ignored)
                && covers(&self.resources, &other.resources, Case::Matters)
                && covers(&self.principals, &other.principals, Case::Matters))
    }

    /// The statements that speak of one action, resource and principal each; `None` when there are too many.
    fn atoms(&self) -> Option<Vec<Statement>> {
        if self.actions.not || self.resources.not || self.principals.not {
            return None;
        }
        let or_empty = |targets: &Targets| match targets.values.is_empty() {
            true => vec![Targets::default()],
            false => targets.values.iter().map(|value| Targets::of([value.clone()])).collect(),
        };
        let (actions, resources, principals) =
            (or_empty(&self.actions), or_empty(&self.resources), or_empty(&self.principals));
        if actions.len().saturating_mul(resources.len()).saturating_mul(principals.len()) > MAX_COMBINATIONS {
            return None;
        }
        let mut atoms = Vec::new();
        for actions in &actions {
            for resources in &resources {
                for principals in &principals {
                    atoms.push(Statement {
                        actions: actions.clone(),
                        resources: resources.clone(),
                        principals: principals.clone(),
                        ..self.clone()
                    });
                }
            }
        }
        Some(atoms)
    }
}

/// All that `statement` speaks of is spoken of by `others` together.
pub(super) fn covered(statement: &Statement, others: &BTreeSet<Statement>) -> bool {
    if others.iter().any(|other| other.covers(statement)) {
        return true;
    }
    let likely: Vec<&Statement> = others.iter().filter(|other| other.effect == statement.effect).collect();
    let Some(atoms) =
        statement.atoms().filter(|atoms| atoms.len().saturating_mul(likely.len()) <= MAX_COMBINATIONS * 10)
    else {
        return false;
    };
    atoms.iter().all(|atom| likely.iter().any(|other| other.covers(atom)))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Case {
    Matters,
    Ignored,
}

fn covers(outer: &Targets, inner: &Targets, case: Case) -> bool {
    if inner.not {
        return outer.values.iter().any(|value| value == "*");
    }
    // no principal at all (an identity that is not attached) is covered by the same only
    if inner.values.is_empty() {
        return outer.values.is_empty();
    }
    let fold = |text: &str| if case == Case::Ignored { text.to_ascii_lowercase() } else { text.to_owned() };
    inner.values.iter().all(|value| outer.values.iter().any(|pattern| matches(&fold(pattern), &fold(value))))
}

/// IAM's wildcards: `*` is any text, `?` any one character.
fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    // where to go on after the last star took one character more
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                retry = Some((p + 1, t));
                p += 1;
            }
            Some(c) if Some(c) == text.get(t) || (*c == '?' && text.get(t) != Some(&'*')) => {
                p += 1;
                t += 1;
            }
            _ => match retry {
                Some((after, from)) => {
                    p = after;
                    t = from + 1;
                    retry = Some((after, from + 1));
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(p).all(|c| *c == '*')
}

/// The statements of a policy document. `resource` and `principal` stand in where a statement names none.
pub(super) fn statements(document: &Value, resource: &Targets, principal: &Targets) -> Vec<Statement> {
    // a document in text form: some types take JSON as a string
    let parsed = document.as_str().and_then(|text| serde_json::from_str::<Value>(text).ok());
    let document = parsed.as_ref().unwrap_or(document);
    let list: Vec<&Value> = match document.get("Statement") {
        Some(Value::Array(items)) => items.iter().collect(),
        Some(one) => vec![one],
        None if is_call(document) => vec![document],
        None => Vec::new(),
    };
    list.into_iter().flat_map(|item| spread(item, resource, principal)).collect()
}

/// A conditional statement stands for both of its sides.
fn spread(item: &Value, resource: &Targets, principal: &Targets) -> Vec<Statement> {
    let Some(map) = item.as_object() else { return Vec::new() };
    if let Some(Value::Array(sides)) = map.get("Fn::If") {
        return sides.iter().skip(1).flat_map(|side| spread(side, resource, principal)).collect();
    }
    if is_call(item) {
        let unknown = readable(item);
        if unknown == "${AWS::NoValue}" {
            return Vec::new();
        }
        return vec![Statement {
            effect: "Allow".to_owned(),
            actions: Targets::of([unknown]),
            resources: resource.clone(),
            principals: principal.clone(),
            condition: String::new(),
        }];
    }
    let none = Targets::default();
    let effect = map.get("Effect").map(readable).unwrap_or_else(|| "Allow".to_owned());
    let condition = map.get("Condition").map(condition).unwrap_or_default();
    vec![Statement {
        effect,
        actions: Targets::read(map, "Action", &none),
        resources: Targets::read(map, "Resource", resource),
        principals: Targets::read(map, "Principal", principal),
        condition,
    }]
}

/// Readable, with sorted keys: the order in which a condition is written does not matter.
fn condition(value: &Value) -> String {
    fn sorted(value: &Value) -> Value {
        match value {
            Value::Object(map) if !is_call(value) => {
                let mut entries: Vec<_> = map.iter().collect();
                entries.sort_by_key(|(key, _)| *key);
                Value::Object(entries.into_iter().map(|(key, item)| (key.clone(), sorted(item))).collect())
            }
            Value::Array(items) => items.iter().map(sorted).collect(),
            Value::Object(_) => readable(value).into(),
            other => other.clone(),
        }
    }
    match sorted(value) {
        Value::Object(map) if map.is_empty() => String::new(),
        Value::String(text) => text,
        other => other.to_string(),
    }
}

/// A string, a list, or principals by kind (`{"Service": […]}`), as texts.
pub(super) fn strings(value: &Value) -> Vec<String> {
    match value {
        Value::Array(items) => items.iter().flat_map(strings).collect(),
        Value::Object(map) if !is_call(value) => {
            let named = |(kind, who): (&String, &Value)| {
                let one = |who: String| if kind == "AWS" && who == "*" { who } else { format!("{kind}:{who}") };
                strings(who).into_iter().map(one).collect::<Vec<_>>()
            };
            map.iter().flat_map(named).collect()
        }
        Value::Null => Vec::new(),
        other => Some(readable(other)).filter(|text| text != "${AWS::NoValue}").into_iter().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn one(value: Value) -> Statement {
        statements(&json!({"Statement": value}), &Targets::default(), &Targets::default()).remove(0)
    }

    #[test]
    fn lists_are_sets_and_strings_are_lists_of_one() {
        let a = one(json!({"Effect": "Allow", "Action": ["b", "a"], "Resource": "*"}));
        let b = one(json!({"Effect": "Allow", "Action": ["a", "b"], "Resource": ["*"]}));
        assert_eq!(a, b);
    }

    #[test]
    fn wildcards_cover() {
        for (pattern, text, expected) in [
            ("*", "x", true),
            ("s3:*", "s3:getobject", true),
            ("s3:get*", "s3:put", false),
            ("a*b*c", "aXbYc", true),
            ("a?c", "abc", true),
            ("a?c", "a*c", false),
            ("", "", true),
            ("*", "", true),
            ("a", "", false),
            ("a*b*c", "abdb", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn a_smaller_statement_is_covered_by_several_larger_ones() {
        let old: BTreeSet<Statement> = [
            one(json!({"Effect": "Allow", "Action": ["s3:*"], "Resource": "${B.Arn}/*"})),
            one(json!({"Effect": "Allow", "Action": ["sqs:SendMessage"], "Resource": "*"})),
        ]
        .into();
        let allow = |action: Value, resource: &str, extra: Value| {
            let mut statement = json!({"Effect": "Allow", "Action": action, "Resource": resource});
            statement.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
            one(statement)
        };
        assert!(covered(&allow(json!(["S3:GetObject", "sqs:SendMessage"]), "${B.Arn}/x", json!({})), &old));
        assert!(covered(&allow(json!("s3:Get"), "${B.Arn}/x", json!({"Condition": {"Bool": {"a": 1}}})), &old));
        assert!(!covered(&allow(json!("s3:Get"), "${B.Arn}", json!({})), &old));
        assert!(!covered(&one(json!({"Effect": "Allow", "NotAction": "s3:Get", "Resource": "${B.Arn}/x"})), &old));
    }
}
