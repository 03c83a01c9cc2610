//! Takes secrets out of what people read: environment values, secret strings, passwords, tokens, dynamic references.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::intrinsics::{call, readable};
use super::template::entries;
use crate::plan::Change;

/// Whether secrets are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Secrets {
    #[default]
    Redact,
    Show,
}

const HIDDEN: &str = "(secret)";

/// Words in a property's name that say its value is a secret.
const SECRET_WORDS: [&str; 12] = [
    "password",
    "passwd",
    "passphrase",
    "secretstring",
    "secretkey",
    "clientsecret",
    "token",
    "apikey",
    "privatekey",
    "credential",
    "connectionstring",
    "webhookurl",
];

/// Endings of names that only sound like a secret: `TokenValidityUnits`, `SecretArn`, `PasswordPolicy`.
const HARMLESS_ENDINGS: [&str; 22] = [
    "arn",
    "id",
    "ids",
    "name",
    "policy",
    "length",
    "units",
    "validity",
    "type",
    "types",
    "ttl",
    "uri",
    "endpoint",
    "source",
    "sources",
    "required",
    "enabled",
    "days",
    "method",
    "format",
    "expiration",
    "usage",
];

/// Beginnings of well-known tokens and keys.
const TOKEN_STARTS: [&str; 14] = [
    "AKIA",
    "ASIA",
    "ghp_",
    "gho_",
    "ghs_",
    "ghu_",
    "github_pat_",
    "glpat-",
    "xoxb-",
    "xoxp-",
    "sk_live_",
    "rk_live_",
    "sk-ant-",
    "npm_",
];

/// The value at `path` (`Properties.Environment.Variables.KEY`) of a resource type with its secrets replaced by `(secret)`.
pub fn redact(value: &Value, path: &str, resource_type: &str) -> Value {
    let parts: Vec<&str> = path.split('.').collect();
    let mut secret = resource_type == "AWS::SSM::Parameter" && parts.last() == Some(&"SecureValue");
    for (index, part) in parts.iter().enumerate() {
        secret |= is_secret_name(part) || is_environment(&parts, index);
    }
    let (last, before) = match parts.as_slice() {
        [.., before, last] => (*last, *before),
        [last] => (*last, ""),
        [] => ("", ""),
    };
    secret |= last == "Variables" && is_environment_block(before);
    walk(value, secret, is_environment_block(last))
}

/// Whether the part at `index` stands inside environment variables; `Environment` itself does not.
fn is_environment(parts: &[&str], index: usize) -> bool {
    let before = |back: usize| index.checked_sub(back).and_then(|i| parts.get(i)).copied().unwrap_or_default();
    let entry = parts.get(index) == Some(&"Value") && before(1).parse::<usize>().is_ok();
    (before(1) == "Variables" && is_environment_block(before(2)))
        || (entry && is_environment_block(before(2)))
        || (is_environment_block(before(1))
            && !matches!(parts.get(index), Some(&"Variables"))
            && !is_setting(parts, index))
}

/// Settings that stand beside the variables in a block that is called `Environment` (CodeBuild, Batch).
fn is_setting(parts: &[&str], index: usize) -> bool {
    let name = parts.get(index).copied().unwrap_or_default();
    matches!(
        name,
        "Type"
            | "Image"
            | "ComputeType"
            | "PrivilegedMode"
            | "Name"
            | "EnvironmentVariables"
            | "Fleet"
            | "RegistryCredential"
    ) || (name.parse::<usize>().is_ok() && index + 1 < parts.len())
}

fn is_environment_block(name: &str) -> bool {
    matches!(name, "Environment" | "EnvironmentVariables" | "RuntimeEnvironmentVariables" | "EnvironmentVars")
}

fn is_secret_name(name: &str) -> bool {
    let name: String = name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    matches!(name.as_str(), "secret" | "pwd")
        || SECRET_WORDS.iter().any(|word| name.contains(word))
            && !HARMLESS_ENDINGS.iter().any(|end| name.ends_with(end))
}

fn walk(value: &Value, secret: bool, environment: bool) -> Value {
    match value {
        Value::Object(map) => {
            if let Some((name, argument)) = call(map) {
                return match name {
                    // names of other things, never a value
                    "Ref" | "Fn::GetAtt" | "Fn::ImportValue" | "Condition" => value.clone(),
                    _ if secret && holds_text(argument) => HIDDEN.into(),
                    _ if looks_secret(&readable(value)) => HIDDEN.into(),
                    _ => value.clone(),
                };
            }
            let named = |key: &str| secret || is_secret_name(key);
            let inside = |key: &str, item: &Value| match key {
                // `Environment: {Variables: {A: x}}`
                "Variables" if environment => walk(item, true, false),
                // `Environment: [{Name: A, Value: x}]`
                "Value" if environment => walk(item, true, false),
                "Name" | "Key" if environment => item.clone(),
                _ => walk(item, named(key), is_environment_block(key)),
            };
            Value::Object(map.iter().map(|(key, item)| (key.clone(), inside(key, item))).collect())
        }
        Value::Array(items) => items.iter().map(|item| walk(item, secret, environment)).collect(),
        Value::String(text) if text.is_empty() || text.starts_with("****") || is_reference(text) => value.clone(),
        Value::String(text) if secret || environment || looks_secret(text) => HIDDEN.into(),
        Value::Number(_) | Value::Bool(_) if secret => HIDDEN.into(),
        other => other.clone(),
    }
}

/// What our own words or CloudFormation's stand for, without a literal beside it: `${Table}`.
fn is_reference(text: &str) -> bool {
    let unknown = text == "{{changeSet:KNOWN_AFTER_APPLY}}";
    let one = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
    unknown || one.is_some_and(|inside| !inside.contains(['{', '}', ' ']))
}

/// A function's argument holds a literal beside names (`Fn::Join` of a password and a host).
fn holds_text(argument: &Value) -> bool {
    match argument {
        Value::String(text) => !is_reference(text),
        Value::Array(items) => items.iter().any(holds_text),
        Value::Object(map) => match call(map) {
            Some(("Ref" | "Fn::GetAtt" | "Fn::ImportValue", _)) => false,
            _ => map.values().any(holds_text),
        },
        Value::Number(_) | Value::Bool(_) | Value::Null => false,
    }
}

/// The text itself shows that it is a secret, whatever it is called.
fn looks_secret(text: &str) -> bool {
    let reference = text.contains("{{resolve:secretsmanager") || text.contains("{{resolve:ssm-secure");
    let key = text.contains("-----BEGIN") && text.contains("PRIVATE KEY");
    reference || key || has_token(text) || has_login(text)
}

fn has_token(text: &str) -> bool {
    TOKEN_STARTS.iter().any(|start| {
        text.match_indices(start).any(|(at, _)| {
            let fresh = !text.get(..at).unwrap_or_default().ends_with(|c: char| c.is_ascii_alphanumeric());
            let rest = text.get(at + start.len()..).unwrap_or_default();
            fresh && rest.chars().take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-')).count() >= 12
        })
    })
}

/// `scheme://user:password@host`.
fn has_login(text: &str) -> bool {
    text.match_indices("://").any(|(at, _)| {
        let rest = text.get(at + 3..).unwrap_or_default();
        let authority = rest.split(['/', ' ', '?', '#']).next().unwrap_or_default();
        authority.rsplit_once('@').is_some_and(|(login, _)| login.contains(':'))
    })
}

/// The parameters that the template marks `NoEcho`.
pub fn no_echo(template: &Value) -> BTreeSet<String> {
    let hidden = |parameter: &Value| match parameter.get("NoEcho") {
        Some(Value::Bool(yes)) => *yes,
        Some(Value::String(text)) => text.eq_ignore_ascii_case("true"),
        _ => false,
    };
    entries(Some(template), "Parameters").filter(|(_, p)| hidden(p)).map(|(name, _)| name.clone()).collect()
}

/// Parameter values for people: those of `NoEcho` parameters, and those with a secret's name, are hidden.
pub fn redact_parameters(values: &BTreeMap<String, String>, template: &Value) -> BTreeMap<String, String> {
    let hidden = no_echo(template);
    let shown = |name: &str, value: &str| {
        if hidden.contains(name) || is_secret_name(name) || looks_secret(value) {
            HIDDEN.to_owned()
        } else {
            value.to_owned()
        }
    };
    values.iter().map(|(name, value)| (name.clone(), shown(name, value))).collect()
}

/// Redacts every property of every change in place.
pub(super) fn redact_changes(changes: &mut [Change], secrets: Secrets) {
    if secrets == Secrets::Show {
        return;
    }
    for change in changes {
        for property in &mut change.properties {
            let hide = |value: &Option<Value>| value.as_ref().map(|v| redact(v, &property.path, &change.resource_type));
            (property.before, property.after) = (hide(&property.before), hide(&property.after));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn secrets_are_hidden_and_the_rest_is_shown() {
        let hidden = |value: Value, path: &str| redact(&value, path, "AWS::X::Y");
        for (value, path, expected) in [
            (json!("x"), "Properties.Environment.Variables.KEY", json!("(secret)")),
            (json!({"Ref": "T"}), "Properties.Environment.Variables.KEY", json!({"Ref": "T"})),
            (
                json!({"Variables": {"A": "x", "B": {"Ref": "T"}}}),
                "Properties.Environment",
                json!({"Variables": {"A": "(secret)", "B": {"Ref": "T"}}}),
            ),
            (
                json!([{"Name": "A", "Value": "x"}]),
                "Properties.ContainerDefinitions.0.Environment",
                json!([{"Name": "A", "Value": "(secret)"}]),
            ),
            (json!("x"), "Properties.ContainerDefinitions.0.Environment.A", json!("(secret)")),
            (
                json!([{"Image": "a", "Environment": [{"Name": "A", "Value": "x"}]}]),
                "Properties.ContainerDefinitions",
                json!([{"Image": "a", "Environment": [{"Name": "A", "Value": "(secret)"}]}]),
            ),
            (json!("{\"Variables\":{\"A\":\"x"), "Properties.Environment", json!("(secret)")),
            (json!({"A": "x"}), "Properties.Environment.Variables", json!({"A": "(secret)"})),
            (json!("x"), "Properties.ContainerDefinitions.0.Environment.3.Value", json!("(secret)")),
            (json!("linux"), "Properties.Environment.Image", json!("linux")),
            (json!("x"), "Properties.SecretString", json!("(secret)")),
            (json!("x"), "Properties.MasterUserPassword", json!("(secret)")),
            (json!("x"), "Properties.Secret", json!("(secret)")),
            (json!({"MinimumLength": 8}), "Properties.Policies.PasswordPolicy", json!({"MinimumLength": 8})),
            (json!("hours"), "Properties.TokenValidityUnits.AccessToken", json!("(secret)")),
            (json!("{{resolve:secretsmanager:x:SecretString:y}}"), "Properties.Any", json!("(secret)")),
            (json!("postgres://u:p@h/db"), "Properties.Url", json!("(secret)")),
            (json!("https://host/path"), "Properties.Url", json!("https://host/path")),
            (json!({"Fn::Join": ["", ["https://u:p@", {"Ref": "H"}]]}), "Properties.Url", json!("(secret)")),
            (
                json!({"Fn::Join": ["", ["key=", {"Ref": "H"}]]}),
                "Properties.Environment.Variables.K",
                json!("(secret)"),
            ),
            (json!("ghp_0123456789abcdefABCD"), "Properties.Any", json!("(secret)")),
            (json!("not-a-ghp_token"), "Properties.Any", json!("not-a-ghp_token")),
            (json!("arn:x"), "Properties.SecretArn", json!("arn:x")),
            (
                json!("{{changeSet:KNOWN_AFTER_APPLY}}"),
                "Properties.Environment.Variables.K",
                json!("{{changeSet:KNOWN_AFTER_APPLY}}"),
            ),
        ] {
            assert_eq!(hidden(value.clone(), path), expected, "{value} at {path}");
        }
    }

    #[test]
    fn no_echo_parameters_are_hidden() {
        let template =
            json!({"Parameters": {"A": {"NoEcho": true}, "B": {"NoEcho": "true"}, "C": {}, "DbPassword": {}}});
        let values = ["A", "B", "C", "DbPassword"].map(|name| (name.to_owned(), "v".to_owned())).into();
        let shown: Vec<String> = redact_parameters(&values, &template).into_values().collect();
        assert_eq!(shown, ["(secret)", "(secret)", "v", "(secret)"]);
    }
}
