//! Parses a template's text, JSON or YAML with CloudFormation's short forms (`!Ref`, `!Sub` …), within limits.

use granit_parser::{Event, Parser, ScalarStyle, Span, Tag, options};
use serde_json::{Map, Number, Value};

use crate::error::{Error, Result};

/// CloudFormation takes 1 MB; text of other origin is refused before it is parsed.
const MAX_BYTES: usize = 4 * 1024 * 1024;
const MAX_DEPTH: usize = 100;
const MAX_NODES: usize = 500_000;

const DOING: &str = "reading a template";

/// A template as a JSON value; YAML's short forms become the long ones (`!Ref X` → `{"Ref": "X"}`).
pub fn parse_template(text: &str) -> Result<Value> {
    if text.len() > MAX_BYTES {
        return Err(Error::failed(
            "template.too_large",
            DOING,
            format!("it has {} bytes; {MAX_BYTES} are the most that is read", text.len()),
        ));
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    // A YAML flow mapping begins like JSON, so JSON that does not parse may still be YAML.
    let json = text.trim_start().starts_with('{').then(|| serde_json::from_str::<Value>(text));
    let value = match json {
        Some(Ok(value)) => value,
        Some(Err(error)) => yaml(text).map_err(|_| malformed(error.line(), error.column(), error.to_string()))?,
        None => yaml(text)?,
    };
    if !value.is_object() {
        return Err(malformed(1, 1, "it is not a mapping with Resources".to_owned()));
    }
    Ok(value)
}

fn malformed(line: usize, column: usize, reason: String) -> Error {
    let reason = reason.split(" at line ").next().unwrap_or_default().to_owned();
    Error::failed("template.malformed", DOING, format!("line {}, column {}: {reason}", line.max(1), column.max(1)))
}

fn yaml(text: &str) -> Result<Value> {
    let limits = options! {
        emit_comments: false,
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
    };
    let mut builder = Builder { stack: Vec::new(), done: None, nodes: 0 };
    for step in Parser::new_from_str_with_options(text, limits) {
        let (event, span) =
            step.map_err(|e| malformed(e.marker().line(), e.marker().col() + 1, e.info().to_string()))?;
        builder.take(event, span)?;
    }
    Ok(builder.done.unwrap_or(Value::Null))
}

/// A collection that is still open.
enum Open {
    List(Vec<Value>, Option<String>),
    Map(Map<String, Value>, Option<String>, Option<String>),
}

struct Builder {
    stack: Vec<Open>,
    done: Option<Value>,
    nodes: usize,
}

impl Builder {
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<()> {
        let at = |reason: &str| malformed(span.start.line(), span.start.col() + 1, reason.to_owned());
        self.nodes += 1;
        if self.nodes > MAX_NODES || self.stack.len() > MAX_DEPTH {
            return Err(at("the template is too large or nested too deeply"));
        }
        match event {
            Event::Scalar(text, style, _, tag) => {
                let value = scalar(&text, style, tag.as_deref());
                self.put(value, Some(&text)).map_err(at)
            }
            Event::SequenceStart(_, _, tag) => {
                self.stack.push(Open::List(Vec::new(), short(tag.as_deref())));
                Ok(())
            }
            Event::MappingStart(_, _, tag) => {
                self.stack.push(Open::Map(Map::new(), None, short(tag.as_deref())));
                Ok(())
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let value = match self.stack.pop() {
                    Some(Open::List(items, tag)) => long(tag, Value::Array(items)),
                    Some(Open::Map(map, _, tag)) => long(tag, Value::Object(map)),
                    None => return Err(at("a collection ends that never began")),
                };
                self.put(value, None).map_err(at)
            }
            Event::Alias(_) => Err(at("CloudFormation takes no YAML aliases (`*name`)")),
            _ => Ok(()),
        }
    }

    /// Puts a finished value where it belongs; `text` is set for scalars, which may be keys.
    fn put(&mut self, value: Value, text: Option<&str>) -> std::result::Result<(), &'static str> {
        match self.stack.last_mut() {
            Some(Open::List(items, _)) => items.push(value),
            Some(Open::Map(map, key, _)) => match (key.take(), text) {
                (Some(name), _) => {
                    if map.insert(name, value).is_some() {
                        return Err("a key stands twice in one mapping");
                    }
                }
                (None, Some(text)) => *key = Some(text.to_owned()),
                (None, None) => return Err("a key is not plain text"),
            },
            None if self.done.is_none() => self.done = Some(value),
            None => return Err("a template is one document"),
        }
        Ok(())
    }
}

/// CloudFormation's name of a local tag: `!Ref` → `Ref`, `!Sub` → `Fn::Sub`.
fn short(tag: Option<&Tag>) -> Option<String> {
    let tag = tag.filter(|tag| tag.handle() == "!" && !tag.suffix().is_empty())?;
    Some(match tag.suffix() {
        plain @ ("Ref" | "Condition") => plain.to_owned(),
        function => format!("Fn::{}", function.strip_prefix("Fn::").unwrap_or(function)),
    })
}

fn long(function: Option<String>, value: Value) -> Value {
    let Some(function) = function else { return value };
    let value = match value {
        // `!GetAtt Table.Arn`: the attribute may hold dots of its own
        Value::String(text) if function == "Fn::GetAtt" => match text.split_once('.') {
            Some((id, attribute)) => Value::Array(vec![id.into(), attribute.into()]),
            None => Value::String(text),
        },
        value => value,
    };
    Value::Object(Map::from_iter([(function, value)]))
}

fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Value {
    let function = short(tag);
    let string_tag = tag.is_some_and(|tag| tag.suffix() == "str");
    if function.is_some() || string_tag || !matches!(style, ScalarStyle::Plain) {
        return long(function, Value::String(text.to_owned()));
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => Value::Bool(true),
        "false" | "False" | "FALSE" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => Value::Bool(false),
        _ => number(text).unwrap_or_else(|| Value::String(text.to_owned())),
    }
}

/// Only numbers that keep their text: an account id with a leading zero or version 1.10 stays text.
fn number(text: &str) -> Option<Value> {
    if let Ok(number) = text.parse::<i64>() {
        return (number.to_string() == text).then(|| number.into());
    }
    let number = Number::from_f64(text.parse::<f64>().ok()?)?;
    (number.to_string() == text).then_some(Value::Number(number))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn short_forms_become_long_ones() {
        let text = "
AWSTemplateFormatVersion: 2010-09-09
Resources:
  F:
    Type: AWS::Lambda::Function
    Condition: Prod
    Properties:
      Role: !GetAtt Role.Arn
      Nested: !GetAtt Stack.Outputs.Url
      Name: !Sub '${AWS::StackName}-f'
      Size: 128
      Account: 012345678901
      Version: 1.10
      On: !If [Prod, !Ref A, !Ref 'AWS::NoValue']
      Ports: !Split [',', !ImportValue ports]
      Code: { ZipFile: \"exports.x = 1\" }
      Map: !FindInMap [M, !Ref R, k]
      Empty:
";
        assert_eq!(
            parse_template(text).unwrap(),
            json!({
                "AWSTemplateFormatVersion": "2010-09-09",
                "Resources": {"F": {
                    "Type": "AWS::Lambda::Function",
                    "Condition": "Prod",
                    "Properties": {
                        "Role": {"Fn::GetAtt": ["Role", "Arn"]},
                        "Nested": {"Fn::GetAtt": ["Stack", "Outputs.Url"]},
                        "Name": {"Fn::Sub": "${AWS::StackName}-f"},
                        "Size": 128,
                        "Account": "012345678901",
                        "Version": "1.10",
                        "On": {"Fn::If": ["Prod", {"Ref": "A"}, {"Ref": "AWS::NoValue"}]},
                        "Ports": {"Fn::Split": [",", {"Fn::ImportValue": "ports"}]},
                        "Code": {"ZipFile": "exports.x = 1"},
                        "Map": {"Fn::FindInMap": ["M", {"Ref": "R"}, "k"]},
                        "Empty": null,
                    }
                }}
            })
        );
    }

    #[test]
    fn json_and_yaml_flow_are_read() {
        assert_eq!(parse_template("{\"Resources\": {}}").unwrap(), json!({"Resources": {}}));
        assert_eq!(parse_template("{Resources: {}}").unwrap(), json!({"Resources": {}}));
    }

    #[test]
    fn garbage_is_told_with_its_place() {
        for (text, part) in [
            ("{\"Resources\": ", "line 1"),
            ("", "not a mapping"),
            ("[]", "not a mapping"),
            ("a: &x 1\nb: *x\n", "aliases"),
            ("a: 1\na: 2\n", "twice"),
            ("a: [1\n", "line "),
            ("a: 1\n---\nb: 2\n", "one document"),
            ("? [x]\n: 1\n", "plain text"),
        ] {
            let error = parse_template(text).unwrap_err();
            assert!(error.to_string().contains(part), "{text:?}: {error}");
        }
    }

    #[test]
    fn depth_and_size_are_limited() {
        assert!(parse_template(&format!("a: {}", "[".repeat(100_000))).is_err());
        assert!(parse_template(&"{\"a\":".repeat(100_000)).is_err());
        assert!(parse_template(&"a".repeat(MAX_BYTES + 1)).is_err());
    }
}
