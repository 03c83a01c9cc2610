//! Facts about functions whose code or settings change, and whether code is all that changes.

use std::collections::BTreeSet;

use serde_json::Value;

use super::intrinsics::readable;
use super::properties::differences;
use super::template::{construct_path, kind, property, resource, resources};
use crate::plan::{Action, Change, FunctionChange};

const FUNCTION: &str = "AWS::Lambda::Function";

/// Functions that are new or changed. Names of environment variables carry a sign: `+NAME` comes, `-NAME` goes,
/// `~NAME` has another value. Sizes and sources are the caller's to fill.
pub fn functions(
    old: Option<&Value>,
    new: Option<&Value>,
    paths: &dyn Fn(&str) -> Option<String>,
) -> Vec<FunctionChange> {
    let found = resources(new).filter(|(_, after)| is_function(after)).filter_map(|(id, after)| {
        let before = resource(old, id).filter(|before| kind(before) == kind(after));
        let changed = before.map(|before| differences(before, after));
        if changed.as_ref().is_some_and(Vec::is_empty) {
            return None;
        }
        let is_code = |path: &str| path == "Properties.Code" || path.starts_with("Properties.Code.");
        let text = |name: &str| property(after, name).map(readable).unwrap_or_default();
        let serverless = kind(after) != FUNCTION;
        Some(FunctionChange {
            logical_id: id.clone(),
            path: construct_path(Some(after)).or_else(|| paths(id)).unwrap_or_else(|| id.clone()),
            handler: text("Handler"),
            runtime: text("Runtime"),
            environment: environment(before, after),
            code_only: !serverless && changed.is_some_and(|changed| changed.iter().all(|p| is_code(&p.path))),
            ..FunctionChange::default()
        })
    });
    found.collect()
}

/// Nothing but the code of functions changes, so that `deploy --fast` can do all of it. A published version or an alias
/// that follows the code is more than that.
pub fn only_code(changes: &[Change], functions: &[FunctionChange]) -> bool {
    let code = |id: &str| functions.iter().any(|f| f.logical_id == id && f.code_only);
    let mut any = false;
    let all = changes.iter().all(|change| match change.resource_type.as_str() {
        FUNCTION => {
            any = true;
            change.action == Action::Modify && code(&change.logical_id)
        }
        _ => false,
    });
    all && any
}

fn is_function(resource: &Value) -> bool {
    matches!(kind(resource), FUNCTION | "AWS::Serverless::Function")
}

fn environment(before: Option<&Value>, after: &Value) -> Vec<String> {
    let empty = serde_json::Map::new();
    let variables = |resource: &'_ Value| -> Option<serde_json::Map<String, Value>> {
        property(resource, "Environment")?.get("Variables")?.as_object().cloned()
    };
    let old = before.and_then(variables).unwrap_or_else(|| empty.clone());
    let new = variables(after).unwrap_or(empty);
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let signed = |name: &String| match (old.get(name), new.get(name)) {
        (None, Some(_)) => Some(format!("+{name}")),
        (Some(_), None) => Some(format!("-{name}")),
        (Some(a), Some(b)) if a != b => Some(format!("~{name}")),
        _ => None,
    };
    names.into_iter().filter_map(signed).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diff::changes;
    use serde_json::json;

    fn template(key: &str, variables: Value) -> Value {
        json!({"Resources": {"F": {"Type": FUNCTION, "Properties": {"Handler": "index.handler", "Runtime": "nodejs22.x",
            "Code": {"S3Bucket": {"Fn::Sub": "b"}, "S3Key": key}, "Environment": {"Variables": variables}}}}})
    }

    #[test]
    fn code_alone_is_told_apart() {
        let (old, new) = (template("a.zip", json!({"A": "1"})), template("b.zip", json!({"A": "1"})));
        let found = functions(Some(&old), Some(&new), &|_| Some("App/F".into()));
        assert_eq!(found.len(), 1);
        assert!(found[0].code_only);
        assert_eq!((found[0].path.as_str(), found[0].handler.as_str()), ("App/F", "index.handler"));
        assert!(only_code(&changes(Some(&old), Some(&new), &|_| None), &found));
        assert!(functions(Some(&old), Some(&old), &|_| None).is_empty());
        assert!(!only_code(&[], &[]));
    }

    #[test]
    fn environment_names_carry_a_sign() {
        let (old, new) = (template("a", json!({"A": "1", "B": "2"})), template("a", json!({"A": "2", "C": "3"})));
        let found = functions(Some(&old), Some(&new), &|_| None);
        assert_eq!(found[0].environment, ["~A", "-B", "+C"]);
        assert!(!found[0].code_only);
    }
}
