//! Templates: where they come from, what is wrong with them, and what depends on what.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::super::State;
use super::super::wire::{Refusal, Request};
use super::types;

/// The submitted template: its text and its JSON.
pub fn submitted(state: &State, request: &Request) -> Result<(String, Value), Refusal> {
    let text = match (request.form.get("TemplateBody"), request.form.get("TemplateURL")) {
        (Some(body), _) if body.len() > 51_200 => {
            return Err(Refusal::validation(
                "1 validation error detected: Value at 'templateBody' failed to satisfy constraint: Member must have length less than or equal to 51200",
            ));
        }
        (Some(body), _) => body.to_owned(),
        (None, Some(url)) => fetch(state, url)?,
        (None, None) => return Err(Refusal::validation("Either Template URL or Template Body must be specified.")),
    };
    let template = parse(&text)?;
    validate(&template)?;
    Ok((text, template))
}

/// Reads a template from the fake S3: path style, virtual-host style, or the fake's own endpoint.
pub fn fetch(state: &State, url: &str) -> Result<String, Refusal> {
    let unsupported = || Refusal::validation("TemplateURL must be a supported URL.");
    let rest = url.strip_prefix(&state.endpoint).map(|path| format!("own{path}"));
    let rest = rest.or_else(|| url.strip_prefix("https://").map(str::to_owned)).ok_or_else(unsupported)?;
    let (host, path) = rest.split_once('/').ok_or_else(unsupported)?;
    let path = path.split('?').next().unwrap_or(path);
    let (bucket, key) = match host.split_once(".s3.").or_else(|| host.split_once(".s3-")) {
        Some((bucket, _)) => (bucket, path),
        None => path.split_once('/').ok_or_else(unsupported)?,
    };
    let s3_error = |text: &str| {
        Refusal::validation(format!(
            "S3 error: {text}\nFor more information check http://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html"
        ))
    };
    let found = state.s3.buckets.get(bucket).ok_or_else(|| s3_error("The specified bucket does not exist"))?;
    let object = found.objects.get(key).ok_or_else(|| s3_error("The specified key does not exist."))?;
    if object.body.len() > 1_000_000 {
        return Err(Refusal::validation("Template may not exceed 1000000 bytes in size."));
    }
    Ok(String::from_utf8_lossy(&object.body).into_owned())
}

/// JSON, or YAML (long-form functions, and `!Ref`, `!GetAtt`, `!Sub` on one line).
pub fn parse(text: &str) -> Result<Value, Refusal> {
    let malformed = |error: String| Refusal::validation(format!("Template format error: {error}"));
    if text.trim_start().starts_with('{') {
        return serde_json::from_str(text).map_err(|error| malformed(format!("JSON not well-formed. ({error})")));
    }
    let long: Vec<String> = text.lines().map(long_form).collect();
    serde_saphyr::from_str(&long.join("\n")).map_err(|error| malformed(format!("YAML not well-formed. ({error})")))
}

/// `Key: !Ref X` as `Key: {"Ref": "X"}`.
fn long_form(line: &str) -> String {
    for (tag, name) in
        [("!Ref ", "Ref"), ("!GetAtt ", "Fn::GetAtt"), ("!Sub ", "Fn::Sub"), ("!ImportValue ", "Fn::ImportValue")]
    {
        if let Some((before, value)) = line.split_once(tag) {
            let value = value.trim().trim_matches(['"', '\'']);
            return format!("{before}{}", serde_json::json!({name: value}));
        }
    }
    line.to_owned()
}

/// The checks that CloudFormation makes before anything else.
fn validate(template: &Value) -> Result<(), Refusal> {
    let error = |text: String| Err(Refusal::validation(format!("Template format error: {text}")));
    let Some(resources) = template.get("Resources").and_then(Value::as_object).filter(|all| !all.is_empty()) else {
        return error("At least one Resources member must be defined.".to_owned());
    };
    if resources.len() > 500 {
        return error(format!("Number of resources, {}, is greater than maximum allowed, 500", resources.len()));
    }
    for (section, limit) in [("Parameters", 200), ("Outputs", 200), ("Mappings", 200)] {
        let size = template[section].as_object().map_or(0, |all| all.len());
        if size > limit {
            return error(format!(
                "Number of {}, {size}, is greater than maximum allowed, {limit}",
                section.to_lowercase()
            ));
        }
    }
    for (logical, resource) in resources {
        if !logical.chars().all(|c| c.is_ascii_alphanumeric()) {
            return error(format!("Resource name {logical} is non alphanumeric."));
        }
        let kind = resource.get("Type").and_then(Value::as_str).unwrap_or_default();
        if kind.is_empty() {
            return error(format!("[/Resources/{logical}] Every Resources object must contain a Type member."));
        }
        if !kind.contains("::") {
            return error(format!("Unrecognized resource types: [{kind}]"));
        }
    }
    let mut unresolved = BTreeSet::new();
    for resource in resources.values() {
        for name in references(resource) {
            let known = resources.contains_key(&name) || template["Parameters"].get(&name).is_some();
            if !known {
                unresolved.insert(name);
            }
        }
    }
    if !unresolved.is_empty() {
        let names: Vec<String> = unresolved.into_iter().collect();
        return error(format!(
            "Unresolved resource dependencies [{}] in the Resources block of the template",
            names.join(", ")
        ));
    }
    let circle = circular(&dependencies(template));
    if !circle.is_empty() {
        return Err(Refusal::validation(format!("Circular dependency between resources: [{}]", circle.join(", "))));
    }
    Ok(())
}

/// Every name that a value refers to, by Ref, GetAtt, Sub or DependsOn; pseudo parameters left out.
pub fn references(value: &Value) -> BTreeSet<String> {
    let mut out = BTreeSet::new();
    collect(value, &mut out);
    out.retain(|name| !name.starts_with("AWS::"));
    out
}

fn collect(value: &Value, out: &mut BTreeSet<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, out)),
        Value::Object(fields) => {
            for (key, value) in fields {
                match key.as_str() {
                    "Ref" => out.extend(value.as_str().map(str::to_owned)),
                    "Fn::GetAtt" => out.extend(super::resolve::get_att(value).map(|(logical, _)| logical)),
                    "DependsOn" => match value {
                        Value::Array(items) => out.extend(items.iter().filter_map(Value::as_str).map(str::to_owned)),
                        other => out.extend(other.as_str().map(str::to_owned)),
                    },
                    "Fn::Sub" => collect_sub(value, out),
                    "Metadata" => {}
                    _ => collect(value, out),
                }
            }
        }
        _ => {}
    }
}

fn collect_sub(value: &Value, out: &mut BTreeSet<String>) {
    let (text, own) = match value {
        Value::Array(parts) => (parts.first(), parts.get(1)),
        other => (Some(other), None),
    };
    for part in text.and_then(Value::as_str).unwrap_or_default().split("${").skip(1) {
        let name = part.split('}').next().unwrap_or_default().split('.').next().unwrap_or_default();
        if !name.starts_with('!') && own.and_then(|own| own.get(name)).is_none() {
            out.insert(name.to_owned());
        }
    }
    if let Some(own) = own {
        collect(own, out);
    }
}

/// Logical id → the logical ids it needs.
pub fn dependencies(template: &Value) -> BTreeMap<String, BTreeSet<String>> {
    let Some(resources) = template["Resources"].as_object() else { return BTreeMap::new() };
    let needs = |logical: &String, resource: &Value| {
        references(resource).into_iter().filter(|name| resources.contains_key(name) && name != logical).collect()
    };
    resources.iter().map(|(logical, resource)| (logical.clone(), needs(logical, resource))).collect()
}

fn circular(needs: &BTreeMap<String, BTreeSet<String>>) -> Vec<String> {
    let mut left = needs.clone();
    loop {
        let free: Vec<String> = left
            .iter()
            .filter(|(_, n)| !n.iter().any(|name| left.contains_key(name)))
            .map(|(l, _)| l.clone())
            .collect();
        if free.is_empty() {
            return left.into_keys().collect();
        }
        for logical in free {
            left.remove(&logical);
        }
    }
}

/// Refuses when a template needs a capability that was not given.
pub fn check_capabilities(template: &Value, given: &[String]) -> Result<(), Refusal> {
    let has = |name: &str| given.iter().any(|capability| capability == name);
    let missing = |name: &str| {
        Err(Refusal::new(400, "InsufficientCapabilitiesException", format!("Requires capabilities : [{name}]")))
    };
    let resources = template["Resources"].as_object().cloned().unwrap_or_default();
    let iam: Vec<&Value> =
        resources.values().filter(|r| types::needs_iam(r["Type"].as_str().unwrap_or_default())).collect();
    let named = iam.iter().any(|r| {
        ["RoleName", "UserName", "GroupName", "ManagedPolicyName"].iter().any(|key| r["Properties"].get(key).is_some())
    });
    if named && !has("CAPABILITY_NAMED_IAM") {
        return missing("CAPABILITY_NAMED_IAM");
    }
    if !iam.is_empty() && !has("CAPABILITY_IAM") && !has("CAPABILITY_NAMED_IAM") {
        return missing("CAPABILITY_IAM");
    }
    if template.get("Transform").is_some() && !has("CAPABILITY_AUTO_EXPAND") {
        return missing("CAPABILITY_AUTO_EXPAND");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn yaml_with_short_functions_is_read() {
        let text = "Resources:\n  A:\n    Type: AWS::SNS::Topic\n  B:\n    Type: AWS::SNS::Topic\n    Properties:\n      DisplayName: !GetAtt A.TopicName\n      Other: !Sub \"${A}-x\"\n";
        let parsed = super::parse(text).expect("readable");
        assert_eq!(parsed["Resources"]["B"]["Properties"]["DisplayName"], json!({"Fn::GetAtt": "A.TopicName"}));
        assert!(super::dependencies(&parsed)["B"].contains("A"));
    }

    #[test]
    fn circles_and_too_many_resources_are_refused() {
        let message = |template| super::validate(&template).expect_err("refused").message;
        let topic = |on: &str| json!({"Type": "AWS::SNS::Topic", "DependsOn": on});
        let circle = message(json!({"Resources": {"A": topic("B"), "B": topic("A")}}));
        assert_eq!(circle, "Circular dependency between resources: [A, B]");
        let many: serde_json::Map<String, serde_json::Value> =
            (0..501).map(|n| (format!("R{n}"), json!({"Type": "AWS::SNS::Topic"}))).collect();
        assert!(message(json!({"Resources": many})).contains("501, is greater than maximum allowed, 500"));
    }
}
