//! Function code in templates: where it lies, which functions use an asset, and whether anything else changed.

use serde_json::Value;

use super::template::{resource, resources};

const FUNCTION: &str = "AWS::Lambda::Function";

/// Templates up to this size may be sent inline.
pub const INLINE_TEMPLATE_BYTES: usize = 51_200;

/// Bucket and key of a function's zip, placeholders (`${AWS::Region}`) as the app wrote them.
pub fn function_code(template: &Value, logical_id: &str) -> Option<(String, String)> {
    let function =
        resource(Some(template), logical_id).filter(|r| r.get("Type").and_then(Value::as_str) == Some(FUNCTION))?;
    let code = function.get("Properties")?.get("Code")?;
    Some((text(code.get("S3Bucket")?)?, text(code.get("S3Key")?)?))
}

/// A string, or the text of `Fn::Sub`.
fn text(value: &Value) -> Option<String> {
    value.as_str().or_else(|| value.get("Fn::Sub").and_then(Value::as_str)).map(str::to_owned)
}

/// The functions whose code is the asset with this content hash.
pub fn functions_with_asset(template: &Value, hash: &str) -> Vec<String> {
    let ids = resources(Some(template)).map(|(id, _)| id.to_string());
    ids.filter(|id| function_code(template, id).is_some_and(|(_, key)| key.contains(hash))).collect()
}

/// What differs between two templates besides the code of functions: `resource Api`, `output Url`; empty when nothing does.
pub fn more_than_code(old: &Value, new: &Value) -> Vec<String> {
    let mut others = Vec::new();
    let sections = ["Parameters", "Conditions", "Mappings", "Outputs", "Rules", "Transform"];
    for section in sections {
        let (before, after) = (old.get(section), new.get(section));
        if !super::same(before.unwrap_or(&Value::Null), after.unwrap_or(&Value::Null)) {
            others.push(section.to_ascii_lowercase());
        }
    }
    for (id, after) in resources(Some(new)) {
        match resource(Some(old), id) {
            None => others.push(format!("{id} is new")),
            Some(before) if !super::same(&without_code(before), &without_code(after)) => others.push(id.to_string()),
            Some(_) => {}
        }
    }
    let gone = resources(Some(old)).filter(|(id, _)| resource(Some(new), id).is_none());
    others.extend(gone.map(|(id, _)| format!("{id} is gone")));
    others
}

/// A resource without what a change of code alone moves: the code itself and the asset's path in the metadata.
fn without_code(resource: &Value) -> Value {
    let mut rest = resource.clone();
    if rest.get("Type").and_then(Value::as_str) == Some(FUNCTION)
        && let Some(properties) = rest.get_mut("Properties").and_then(Value::as_object_mut)
    {
        properties.shift_remove("Code");
    }
    if let Some(rest) = rest.as_object_mut() {
        rest.shift_remove("Metadata");
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn template(key: &str, memory: u32) -> Value {
        json!({"Resources": {"Fn": {"Type": FUNCTION, "Metadata": {"aws:asset:path": key},
            "Properties": {"Code": {"S3Bucket": {"Fn::Sub": "b-${AWS::Region}"}, "S3Key": key}, "MemorySize": memory}}}})
    }

    #[test]
    fn code_alone_is_told_from_more() {
        assert!(more_than_code(&template("a.zip", 128), &template("b.zip", 128)).is_empty());
        assert_eq!(more_than_code(&template("a.zip", 128), &template("b.zip", 256)), ["Fn"]);
        assert_eq!(more_than_code(&template("a.zip", 128), &json!({"Resources": {}})), ["Fn is gone"]);
    }

    #[test]
    fn code_is_found_with_its_placeholders() {
        let template = template("abc.zip", 1);
        assert_eq!(function_code(&template, "Fn"), Some(("b-${AWS::Region}".into(), "abc.zip".into())));
        assert_eq!(functions_with_asset(&template, "abc"), ["Fn"]);
        assert!(function_code(&template, "Other").is_none());
    }
}
