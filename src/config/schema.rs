//! The JSON Schema of `offshoot.yml`, for editors; made from the table of keys.

use serde_json::{Map, Value, json};

use super::keys::{Key, Need, ROOT, Shape};

/// The JSON Schema (draft 2020-12) of `offshoot.yml`.
pub fn json_schema() -> Value {
    let mut schema = Map::new();
    schema.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
    schema.insert("title".to_owned(), json!("offshoot.yml"));
    schema.insert("description".to_owned(), json!("Which apps a repository has and which branch becomes which stage."));
    schema.extend(table(ROOT));
    Value::Object(schema)
}

fn table(keys: &[Key]) -> Map<String, Value> {
    let properties: Map<String, Value> = keys.iter().map(|key| (key.name.to_owned(), property(key))).collect();
    let required: Vec<&str> = keys.iter().filter(|key| key.need == Need::Required).map(|key| key.name).collect();
    let mut out = Map::new();
    out.insert("type".to_owned(), json!("object"));
    out.insert("additionalProperties".to_owned(), json!(false));
    out.insert("properties".to_owned(), Value::Object(properties));
    if !required.is_empty() {
        out.insert("required".to_owned(), json!(required));
    }
    if keys.iter().any(|key| key.name == "pull_request") {
        let one = |name: &str| json!({ "required": [name] });
        out.insert("oneOf".to_owned(), json!([one("branch"), one("tag"), one("pull_request")]));
    }
    out
}

fn property(key: &Key) -> Value {
    let mut out = shape(&key.shape);
    // an optional key may be null: that takes a default away
    if key.need == Need::Optional {
        let kind = out.get("type").cloned();
        match kind {
            Some(Value::String(kind)) => out.insert("type".to_owned(), json!([kind, "null"])),
            Some(Value::Array(mut kinds)) => {
                kinds.push(json!("null"));
                out.insert("type".to_owned(), Value::Array(kinds))
            }
            _ => None,
        };
        if let Some(Value::Array(words)) = out.get_mut("enum") {
            words.push(Value::Null);
        }
    }
    let about =
        if key.default.is_empty() { key.about.to_owned() } else { format!("{} Default: {}.", key.about, key.default) };
    out.insert("description".to_owned(), json!(about));
    Value::Object(out)
}

fn shape(shape: &Shape) -> Map<String, Value> {
    let value = match shape {
        Shape::Text(rule) if rule.pattern.is_empty() => json!({ "type": ["string", "number"], "minLength": 1 }),
        Shape::Text(rule) => json!({ "type": ["string", "number"], "pattern": rule.pattern }),
        Shape::OneOf(words) => json!({ "type": "string", "enum": words }),
        Shape::Switch => json!({ "type": "boolean" }),
        Shape::Count { min, max } => json!({ "type": "integer", "minimum": min, "maximum": max }),
        Shape::List(item) => json!({ "type": "array", "items": self::shape(item) }),
        Shape::Names(_) => {
            json!({ "type": "object", "additionalProperties": { "type": ["string", "number", "boolean", "null"] } })
        }
        Shape::Open(_) => json!({ "type": "object", "additionalProperties": true }),
        Shape::Table(keys) => Value::Object(table(keys)),
    };
    if let Value::Object(map) = value { map } else { Map::new() }
}
