//! Plans and results as JSON, and the JSON Schemas that describe them.

use serde::Serialize;
use serde_json::Value;

use crate::plan::Plan;
use crate::plan::outcome::Applied;

/// The plan as indented JSON with a line end: the public format, version 1.
pub fn plan(plan: &Plan) -> String {
    pretty(plan)
}

/// The result of an apply as indented JSON with a line end.
pub fn applied(applied: &Applied) -> String {
    pretty(applied)
}

fn pretty(value: &impl Serialize) -> String {
    // plans are made of strings, numbers and maps keyed by strings: serde_json cannot refuse them
    let mut text = serde_json::to_string_pretty(value).unwrap_or_default();
    text.push('\n');
    text
}

/// The JSON Schema of [`plan`]'s output, as kept in docs/reference/plan.schema.json.
pub fn plan_schema() -> Value {
    titled(schemars::schema_for!(Plan).to_value(), "Offshoot plan, version 1")
}

/// The JSON Schema of [`applied`]'s output, as kept in docs/reference/applied.schema.json.
pub fn applied_schema() -> Value {
    titled(schemars::schema_for!(Applied).to_value(), "Offshoot deployment result, version 1")
}

fn titled(mut schema: Value, title: &str) -> Value {
    if let Some(object) = schema.as_object_mut() {
        object.insert("title".to_owned(), Value::from(title));
    }
    schema
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::samples;

    /// Fails when the file differs; `UPDATE_SCHEMAS=1 cargo test` writes it.
    fn kept(file: &str, schema: &Value) {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference").join(file);
        let text = pretty(schema);
        if std::env::var_os("UPDATE_SCHEMAS").is_some() {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, &text).unwrap();
        }
        let kept = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            kept == text,
            "docs/reference/{file} is not what the types say: run UPDATE_SCHEMAS=1 cargo test --lib json"
        );
    }

    #[test]
    fn the_schemas_in_the_docs_are_those_of_the_types() {
        kept("plan.schema.json", &plan_schema());
        kept("applied.schema.json", &applied_schema());
    }

    #[test]
    fn plans_and_results_are_what_the_schemas_say() {
        let schema = jsonschema::validator_for(&plan_schema()).unwrap();
        for (name, sample) in samples::plans() {
            let value: Value = serde_json::from_str(&plan(&sample)).unwrap();
            let problems: Vec<String> = schema.iter_errors(&value).map(|e| e.to_string()).collect();
            assert!(problems.is_empty(), "{name}: {problems:?}");
            assert_eq!(serde_json::from_value::<Plan>(value).unwrap(), sample, "{name}");
        }
        let schema = jsonschema::validator_for(&applied_schema()).unwrap();
        for (name, sample) in samples::results() {
            let value: Value = serde_json::from_str(&applied(&sample)).unwrap();
            assert!(schema.is_valid(&value), "{name}");
        }
    }

    #[test]
    fn a_plan_without_a_digest_is_not_a_plan() {
        let schema = jsonschema::validator_for(&plan_schema()).unwrap();
        let mut value = serde_json::to_value(samples::update()).unwrap();
        value.as_object_mut().unwrap().remove("digest");
        assert!(!schema.is_valid(&value));
    }
}
