//! CloudFormation's functions: written so that people can read them, and the names that they refer to.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// The function and its argument, when the object is one call (`{"Ref": "X"}`).
pub(super) fn call(map: &Map<String, Value>) -> Option<(&str, &Value)> {
    let mut entries = map.iter();
    match (entries.next(), entries.next()) {
        (Some((name, argument)), None) if name == "Ref" || name == "Condition" || name.starts_with("Fn::") => {
            Some((name, argument))
        }
        _ => None,
    }
}

pub(super) fn is_call(value: &Value) -> bool {
    value.as_object().is_some_and(|map| call(map).is_some())
}

/// The value is known only while deploying: it holds a function or a dynamic reference.
pub(super) fn is_dynamic(value: &Value) -> bool {
    match value {
        Value::Object(map) => call(map).is_some() || map.values().any(is_dynamic),
        Value::Array(items) => items.iter().any(is_dynamic),
        Value::String(text) => text.contains("{{resolve:"),
        _ => false,
    }
}

/// A value as one line of text: `${Table.Arn}` for functions, plain text for strings, JSON for the rest.
pub fn readable(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(readable).collect::<Vec<_>>().join(", "),
        Value::Object(map) => match call(map) {
            Some((name, argument)) => function(name, argument).unwrap_or_else(|| value.to_string()),
            None => inner(value).to_string(),
        },
        other => other.to_string(),
    }
}

/// An object with its functions made readable.
fn inner(value: &Value) -> Value {
    match value {
        Value::Object(map) if call(map).is_some() => Value::String(readable(value)),
        Value::Object(map) => Value::Object(map.iter().map(|(k, v)| (k.clone(), inner(v))).collect()),
        Value::Array(items) => Value::Array(items.iter().map(inner).collect()),
        other => other.clone(),
    }
}

fn function(name: &str, argument: &Value) -> Option<String> {
    let item = |index: usize| argument.as_array().and_then(|items| items.get(index));
    match name {
        "Ref" | "Condition" => Some(format!("${{{}}}", argument.as_str()?)),
        "Fn::GetAtt" => {
            let (id, attribute) = attribute(argument)?;
            Some(format!("${{{id}.{attribute}}}"))
        }
        "Fn::Sub" => match argument {
            Value::String(text) => Some(text.clone()),
            _ => {
                let mut text = item(0)?.as_str()?.to_owned();
                for (key, value) in item(1)?.as_object()? {
                    text = text.replace(&format!("${{{key}}}"), &readable(value));
                }
                Some(text)
            }
        },
        "Fn::Join" => {
            let separator = item(0)?.as_str()?;
            Some(item(1)?.as_array()?.iter().map(readable).collect::<Vec<_>>().join(separator))
        }
        "Fn::GetStackOutput" => {
            let part = |key: &str| argument.get(key).map(readable);
            Some(format!("${{{}.{}}}", part("StackName")?, part("OutputName")?))
        }
        "Fn::ImportValue" => Some(format!("${{import {}}}", readable(argument))),
        "Fn::If" => Some(format!("${{{} ? {} : {}}}", item(0)?.as_str()?, readable(item(1)?), readable(item(2)?))),
        "Fn::FindInMap" => Some(format!("${{{}[{}][{}]}}", readable(item(0)?), readable(item(1)?), readable(item(2)?))),
        "Fn::Select" => Some(format!("${{{}[{}]}}", readable(item(1)?), readable(item(0)?))),
        "Fn::Split" => Some(format!("split({}, {})", readable(item(1)?), readable(item(0)?))),
        "Fn::Base64" => Some(readable(argument)),
        "Fn::GetAZs" => Some(format!("${{zones {}}}", readable(argument))),
        _ => None,
    }
}

/// The logical id and attribute of a `Fn::GetAtt`.
pub(super) fn attribute(argument: &Value) -> Option<(&str, String)> {
    match argument {
        Value::String(text) => text.split_once('.').map(|(id, attribute)| (id, attribute.to_owned())),
        Value::Array(items) => Some((items.first()?.as_str()?, readable(items.get(1)?))),
        _ => None,
    }
}

/// A name that a value refers to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Name {
    /// A resource or a parameter: `Ref`, `Fn::GetAtt`, `${…}` in `Fn::Sub`.
    Id(String),
    Mapping(String),
    Condition(String),
}

/// Every name that a value refers to.
pub(super) fn names(value: &Value) -> BTreeSet<Name> {
    let mut found = BTreeSet::new();
    collect(value, &mut found);
    found
}

fn collect(value: &Value, found: &mut BTreeSet<Name>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
        Value::Object(map) => {
            if let Some((name, argument)) = call(map) {
                refer(name, argument, found);
            }
            map.values().for_each(|item| collect(item, found));
        }
        _ => {}
    }
}

fn refer(name: &str, argument: &Value, found: &mut BTreeSet<Name>) {
    let first = || argument.as_array().and_then(|items| items.first()).and_then(Value::as_str).map(str::to_owned);
    match name {
        "Ref" => found.extend(argument.as_str().map(|id| Name::Id(id.to_owned()))),
        "Condition" => found.extend(argument.as_str().map(|id| Name::Condition(id.to_owned()))),
        "Fn::GetAtt" => found.extend(attribute(argument).map(|(id, _)| Name::Id(id.to_owned()))),
        "Fn::FindInMap" => found.extend(first().map(Name::Mapping)),
        "Fn::If" => found.extend(first().map(Name::Condition)),
        "Fn::Sub" => {
            let text = argument.as_str().map(str::to_owned).or_else(first).unwrap_or_default();
            found.extend(placeholders(&text).map(|id| Name::Id(id.to_owned())));
        }
        _ => {}
    }
}

/// The names in `${Name}` and `${Name.Attribute}`; `${!Literal}` is text.
fn placeholders(text: &str) -> impl Iterator<Item = &str> {
    text.split("${").skip(1).filter_map(|rest| {
        let (inside, _) = rest.split_once('}')?;
        (!inside.starts_with('!')).then(|| inside.split('.').next().unwrap_or(inside).trim())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn functions_read_like_their_result() {
        for (value, text) in [
            (json!({"Ref": "Table"}), "${Table}"),
            (json!({"Fn::GetAtt": ["Table", "Arn"]}), "${Table.Arn}"),
            (json!({"Fn::GetAtt": "Table.Arn"}), "${Table.Arn}"),
            (json!({"Fn::Join": ["", [{"Fn::GetAtt": ["T", "Arn"]}, "/index/*"]]}), "${T.Arn}/index/*"),
            (json!({"Fn::Sub": ["${A}-x", {"A": {"Ref": "B"}}]}), "${B}-x"),
            (json!({"Fn::If": ["Prod", "a", {"Ref": "AWS::NoValue"}]}), "${Prod ? a : ${AWS::NoValue}}"),
            (json!({"Fn::ImportValue": "db:Arn"}), "${import db:Arn}"),
            (json!({"Fn::Select": [0, {"Fn::GetAZs": ""}]}), "${${zones }[0]}"),
            (json!({"Fn::GetAtt": 1}), r#"{"Fn::GetAtt":1}"#),
            (json!({"a": {"Ref": "B"}}), r#"{"a":"${B}"}"#),
            (json!(["x", 1]), "x, 1"),
        ] {
            assert_eq!(readable(&value), text);
        }
    }

    #[test]
    fn names_are_found_everywhere() {
        let value = json!({"a": [{"Fn::Sub": "${X.Arn}/${!Lit}/${AWS::Region}"}, {"Fn::If": ["C", {"Ref": "Y"}, 1]}], "b": {"Fn::FindInMap": ["M", "a", "b"]}});
        let names = names(&value);
        assert!(names.contains(&Name::Id("X".into())) && names.contains(&Name::Id("Y".into())));
        assert!(names.contains(&Name::Condition("C".into())) && names.contains(&Name::Mapping("M".into())));
        assert!(!names.contains(&Name::Id("!Lit".into())));
    }
}
