//! Parameters and tags of a request, merged with what is deployed.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::wire::{Refusal, Request};
use super::super::{Place, State};
use super::model::{Body, Param};
use super::resolve::plain;
use super::template;

/// The body that a create or update request asks for, without resources.
pub fn wanted(state: &State, request: &Request, deployed: &Body) -> Result<Body, Refusal> {
    let (text, template) = match request.form.flag("UsePreviousTemplate") {
        true => (deployed.text.clone(), deployed.template.clone()),
        false => template::submitted(state, request)?,
    };
    let mut given = BTreeMap::new();
    let mut previous = Vec::new();
    for entry in request.form.structs("Parameters") {
        let key = entry.get("ParameterKey").cloned().unwrap_or_default();
        if entry.get("UsePreviousValue").is_some_and(|flag| flag == "true") {
            previous.push(key);
        } else {
            given.insert(key, entry.get("ParameterValue").cloned().unwrap_or_default());
        }
    }
    let parameters = parameters(state, &request.place(), &template, &given, &previous, deployed)?;
    let capabilities = request.form.list("Capabilities");
    template::check_capabilities(&template, &capabilities)?;
    let tags = request
        .form
        .structs("Tags")
        .into_iter()
        .filter_map(|tag| Some((tag.get("Key")?.clone(), tag.get("Value")?.clone())));
    let keep_tags = !request.form.0.keys().any(|key| key.starts_with("Tags"));
    let notifications = request.form.list("NotificationARNs");
    let keep_notifications = !request.form.0.keys().any(|key| key.starts_with("NotificationARNs"));
    Ok(Body {
        text,
        template,
        parameters,
        tags: if keep_tags { deployed.tags.clone() } else { tags.collect() },
        notifications: if keep_notifications { deployed.notifications.clone() } else { notifications },
        capabilities,
        role: request.form.owned("RoleARN").or_else(|| deployed.role.clone()),
        ..Body::default()
    })
}

/// Values for every parameter of the template.
pub fn parameters(
    state: &State,
    place: &Place,
    template: &Value,
    given: &BTreeMap<String, String>,
    previous: &[String],
    deployed: &Body,
) -> Result<BTreeMap<String, Param>, Refusal> {
    let declared = template["Parameters"].as_object().cloned().unwrap_or_default();
    let list = |names: Vec<&String>| names.into_iter().cloned().collect::<Vec<_>>().join(", ");
    let unknown: Vec<&String> = given.keys().chain(previous).filter(|name| !declared.contains_key(*name)).collect();
    if !unknown.is_empty() {
        return Err(Refusal::validation(format!("Parameters: [{}] do not exist in the template", list(unknown))));
    }
    let mut out = BTreeMap::new();
    let mut missing = Vec::new();
    for (name, declaration) in &declared {
        let old = deployed.parameters.get(name).filter(|_| previous.contains(name)).map(|old| old.value.clone());
        let value = given.get(name).cloned().or(old).or_else(|| declaration.get("Default").map(plain));
        let Some(value) = value else {
            missing.push(name);
            continue;
        };
        check_value(name, &value, declaration)?;
        let kind = declaration["Type"].as_str().unwrap_or_default();
        let resolved = if kind.starts_with("AWS::SSM::Parameter::Value") {
            let found = state.parameters.get(&(place.clone(), value.clone()));
            Some(found.map(|parameter| parameter.value.clone()).ok_or_else(|| {
                Refusal::validation(format!(
                    "Unable to fetch parameters [{value}] from parameter store for this account."
                ))
            })?)
        } else {
            None
        };
        let no_echo = matches!(&declaration["NoEcho"], Value::Bool(true)) || declaration["NoEcho"] == json!("true");
        out.insert(name.clone(), Param { value, resolved, no_echo });
    }
    if missing.is_empty() {
        return Ok(out);
    }
    Err(Refusal::validation(format!("Parameters: [{}] must have values", list(missing))))
}

fn check_value(name: &str, value: &str, declaration: &Value) -> Result<(), Refusal> {
    if value.len() > 4096 {
        return Err(Refusal::validation(format!("Parameter '{name}' must contain at most 4096 characters")));
    }
    let allowed = declaration["AllowedValues"].as_array();
    if allowed.is_some_and(|allowed| !allowed.iter().any(|one| plain(one) == value)) {
        return Err(Refusal::validation(format!("Template error: Parameter '{name}' must be one of AllowedValues")));
    }
    Ok(())
}

/// Parameters as Describe answers them.
pub fn shown(body: &Body) -> Vec<Value> {
    let show = |(name, param): (&String, &Param)| {
        let value = if param.no_echo { "****" } else { param.value.as_str() };
        json!({"ParameterKey": name, "ParameterValue": value, "ResolvedValue": param.resolved})
    };
    body.parameters.iter().map(show).collect()
}

/// Tags as Describe answers them.
pub fn shown_tags(body: &Body) -> Vec<Value> {
    body.tags.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect()
}
