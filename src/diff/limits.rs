//! CloudFormation's limits, checked before anything is uploaded.

use serde_json::Value;

use super::template::section;
use crate::error::{Error, Result};

/// CloudFormation's own words: "Template may not exceed 1000000 bytes in size".
const MAX_TEMPLATE_BYTES: usize = 1_000_000;

/// Section, limit, error code, what to do.
const LIMITS: [(&str, usize, &str, &str); 4] = [
    (
        "Resources",
        500,
        "plan.too_many_resources",
        "split the stack: move part of it into a stack of its own or into a nested stack",
    ),
    ("Parameters", 200, "plan.too_many_parameters", "pass several values in one parameter, or read them from SSM"),
    ("Outputs", 200, "plan.too_many_outputs", "drop outputs that nothing reads, or write the values to SSM parameters"),
    ("Mappings", 200, "plan.too_many_mappings", "join mappings, or decide the values while synthesizing"),
];

/// Refuses a template that CloudFormation would refuse; `size_bytes` is the size of the text that is sent.
pub fn check(stack: &str, template: &Value, size_bytes: usize) -> Result<()> {
    let doing = || format!("checking the template of {stack}");
    for (name, limit, code, next) in LIMITS {
        let count = section(Some(template), name).map_or(0, |entries| entries.len());
        if count > limit {
            let what = format!("it has {count} {}; CloudFormation takes {limit}", name.to_ascii_lowercase());
            return Err(Error::failed(code, doing(), what).next(next));
        }
    }
    if size_bytes > MAX_TEMPLATE_BYTES {
        let what = format!("it has {size_bytes} bytes; CloudFormation takes {MAX_TEMPLATE_BYTES}");
        return Err(Error::failed("plan.template_too_large", doing(), what)
            .next("split the stack, or move long inline code and documents into assets"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Map, json};

    #[test]
    fn each_limit_has_its_code() {
        let many = |count: usize| (0..count).map(|i| (format!("R{i}"), json!({}))).collect::<Map<_, _>>();
        let code = |template: Value, size_bytes: usize| check("s", &template, size_bytes).err().map(|e| e.code());
        assert_eq!(code(json!({"Resources": many(500)}), 1_000_000), None);
        assert_eq!(code(json!({"Resources": many(501)}), 1), Some("plan.too_many_resources"));
        assert_eq!(code(json!({"Outputs": many(201)}), 1), Some("plan.too_many_outputs"));
        assert_eq!(code(json!({"Parameters": many(201)}), 1), Some("plan.too_many_parameters"));
        assert_eq!(code(json!({}), 1_000_001), Some("plan.template_too_large"));
    }
}
