//! Resolves a template's functions: Ref, GetAtt, Sub, Join, If, ImportValue and their kin.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::super::{Place, State};
use super::model::{Body, Param, Stack};

/// What stands for a value that nobody knows before the deployment.
pub const UNKNOWN: &str = "{{changeSet:KNOWN_AFTER_APPLY}}";

/// Finds a resource's Ref (no attribute) or GetAtt; none: not known yet.
pub type Lookup<'a> = dyn Fn(&str, Option<&str>) -> Option<Value> + 'a;

/// Where a value is resolved.
pub struct Env<'a> {
    pub state: &'a State,
    pub place: Place,
    pub stack_name: &'a str,
    pub stack_id: &'a str,
    pub template: &'a Value,
    pub parameters: &'a BTreeMap<String, Param>,
    pub notifications: &'a [String],
    pub lookup: &'a Lookup<'a>,
}

impl<'a> Env<'a> {
    pub fn new(state: &'a State, stack: &'a Stack, body: &'a Body, lookup: &'a Lookup<'a>) -> Self {
        Env {
            state,
            place: stack.place(),
            stack_name: &stack.name,
            stack_id: &stack.id,
            template: &body.template,
            parameters: &body.parameters,
            notifications: &body.notifications,
            lookup,
        }
    }

    /// Resolves; `None` is `AWS::NoValue`.
    pub fn value(&self, value: &Value) -> Result<Option<Value>, String> {
        match value {
            Value::Object(fields) => {
                if let (1, Some((key, argument))) = (fields.len(), fields.iter().next())
                    && (key == "Ref" || (key.starts_with("Fn::") && key != "Fn::Transform"))
                {
                    return self.function(key, argument);
                }
                let mut out = Map::new();
                for (key, value) in fields {
                    if let Some(value) = self.value(value)? {
                        out.insert(key.clone(), value);
                    }
                }
                Ok(Some(Value::Object(out)))
            }
            Value::Array(items) => {
                let mut out = Vec::new();
                for item in items {
                    out.extend(self.value(item)?);
                }
                Ok(Some(Value::Array(out)))
            }
            other => Ok(Some(other.clone())),
        }
    }

    pub fn text(&self, value: &Value) -> Result<String, String> {
        Ok(self.value(value)?.map(|value| plain(&value)).unwrap_or_default())
    }

    fn function(&self, name: &str, argument: &Value) -> Result<Option<Value>, String> {
        let value = match name {
            "Ref" => return self.reference(argument.as_str().unwrap_or_default()),
            "Fn::GetAtt" => {
                let (logical, attribute) =
                    get_att(argument).ok_or("Template error: every Fn::GetAtt needs two parts")?;
                (self.lookup)(&logical, Some(&attribute)).unwrap_or_else(|| json!(UNKNOWN))
            }
            "Fn::Sub" => json!(self.sub(argument)?),
            "Fn::Join" => {
                let parts = self.value(&argument[1])?.unwrap_or_default();
                let parts = parts.as_array().cloned().unwrap_or_default();
                let parts: Vec<String> = parts.iter().map(plain).collect();
                json!(parts.join(argument[0].as_str().unwrap_or_default()))
            }
            "Fn::If" => {
                let name = argument[0].as_str().unwrap_or_default();
                let branch = if self.named_condition(name)? { &argument[1] } else { &argument[2] };
                return self.value(branch);
            }
            "Fn::Equals" | "Fn::And" | "Fn::Or" | "Fn::Not" => json!(self.condition(&json!({name: argument}))?),
            "Fn::Select" => {
                let index: usize = self.text(&argument[0])?.parse().unwrap_or(0);
                let list = self.value(&argument[1])?.unwrap_or_default();
                list.get(index).cloned().unwrap_or_else(|| json!(UNKNOWN))
            }
            "Fn::Split" => {
                let text = self.text(&argument[1])?;
                let parts: Vec<&str> = text.split(argument[0].as_str().unwrap_or(",")).collect();
                json!(parts)
            }
            "Fn::FindInMap" => {
                let key = |n: usize| self.text(&argument[n]);
                let found = &self.template["Mappings"][key(0)?][key(1)?][key(2)?];
                if found.is_null() {
                    return Err(format!("Template error: Unable to get mapping for {argument}"));
                }
                found.clone()
            }
            "Fn::ImportValue" => {
                let export = self.text(argument)?;
                let value = exported(self.state, &self.place, &export);
                json!(value.ok_or_else(|| format!("No export named {export} found"))?)
            }
            "Fn::GetStackOutput" => json!(self.stack_output(argument)?),
            "Fn::GetAZs" => {
                let region = &self.place.region;
                json!([format!("{region}a"), format!("{region}b"), format!("{region}c")])
            }
            "Fn::Base64" => {
                use base64::Engine as _;
                json!(base64::engine::general_purpose::STANDARD.encode(self.text(argument)?))
            }
            other => return Err(format!("Template error: the fake does not know {other}")),
        };
        Ok(Some(value))
    }

    /// Another stack's output, possibly in another region (newer CDK uses it in place of exports).
    fn stack_output(&self, argument: &Value) -> Result<String, String> {
        let (stack, key) = (self.text(&argument["StackName"])?, self.text(&argument["OutputName"])?);
        let region =
            if argument["Region"].is_null() { self.place.region.clone() } else { self.text(&argument["Region"])? };
        let place = Place { account: self.place.account.clone(), region };
        let here = self.state.stacks.iter().filter(|other| other.place() == place && !other.is_gone());
        let found = here.filter(|other| other.name == stack || other.id == stack).flat_map(|other| &other.body.outputs);
        let missing = || format!("Output {key} of stack {stack} does not exist");
        found.into_iter().find(|output| output.key == key).map(|output| output.value.clone()).ok_or_else(missing)
    }

    fn reference(&self, name: &str) -> Result<Option<Value>, String> {
        let Place { account, region } = &self.place;
        let value = match name {
            "AWS::NoValue" => return Ok(None),
            "AWS::AccountId" => json!(account),
            "AWS::Region" => json!(region),
            "AWS::Partition" => json!("aws"),
            "AWS::URLSuffix" => json!("amazonaws.com"),
            "AWS::StackName" => json!(self.stack_name),
            "AWS::StackId" => json!(self.stack_id),
            "AWS::NotificationARNs" => json!(self.notifications),
            name => match self.parameters.get(name) {
                Some(parameter) => {
                    let kind = self.template["Parameters"][name]["Type"].as_str().unwrap_or_default();
                    if kind.contains("List") {
                        json!(parameter.effective().split(',').map(str::trim).collect::<Vec<_>>())
                    } else {
                        json!(parameter.effective())
                    }
                }
                None => (self.lookup)(name, None).unwrap_or_else(|| json!(UNKNOWN)),
            },
        };
        Ok(Some(value))
    }

    fn sub(&self, argument: &Value) -> Result<String, String> {
        let (text, own) = match argument {
            Value::Array(parts) => (parts.first(), parts.get(1)),
            other => (Some(other), None),
        };
        let mut rest = text.and_then(Value::as_str).unwrap_or_default();
        let mut out = String::new();
        while let Some((before, after)) = rest.split_once("${") {
            out.push_str(before);
            let (name, after) = after.split_once('}').ok_or("Template error: an Fn::Sub is not closed")?;
            rest = after;
            let value = match (name.strip_prefix('!'), own.and_then(|own| own.get(name)), name.split_once('.')) {
                (Some(literal), _, _) => format!("${{{literal}}}"),
                (None, Some(own), _) => self.text(own)?,
                (None, None, Some((logical, attribute))) => {
                    (self.lookup)(logical, Some(attribute)).map_or_else(|| UNKNOWN.to_owned(), |value| plain(&value))
                }
                (None, None, None) => self.reference(name)?.map(|value| plain(&value)).unwrap_or_default(),
            };
            out.push_str(&value);
        }
        out.push_str(rest);
        Ok(out)
    }

    /// A condition of the template's Conditions section.
    pub fn named_condition(&self, name: &str) -> Result<bool, String> {
        match self.template["Conditions"].get(name) {
            Some(condition) => self.condition(condition),
            None => Err(format!("Template format error: Unresolved condition dependency {name}")),
        }
    }

    fn condition(&self, condition: &Value) -> Result<bool, String> {
        let Some((name, argument)) = condition.as_object().and_then(|fields| fields.iter().next()) else {
            return Ok(condition.as_bool().unwrap_or(false));
        };
        let all = || {
            argument.as_array().into_iter().flatten().map(|part| self.condition(part)).collect::<Result<Vec<_>, _>>()
        };
        match name.as_str() {
            "Condition" => self.named_condition(argument.as_str().unwrap_or_default()),
            "Fn::Equals" => Ok(self.text(&argument[0])? == self.text(&argument[1])?),
            "Fn::And" => Ok(all()?.into_iter().all(|part| part)),
            "Fn::Or" => Ok(all()?.into_iter().any(|part| part)),
            "Fn::Not" => Ok(!all()?.into_iter().any(|part| part)),
            other => Err(format!("Template error: the fake does not know the condition {other}")),
        }
    }

    /// The resources whose condition holds.
    pub fn resources(&self) -> Result<Vec<(&'a String, &'a Value)>, String> {
        let mut out = Vec::new();
        for (logical, resource) in self.template["Resources"].as_object().into_iter().flatten() {
            let holds = match resource.get("Condition").and_then(Value::as_str) {
                Some(name) => self.named_condition(name)?,
                None => true,
            };
            if holds {
                out.push((logical, resource));
            }
        }
        Ok(out)
    }
}

/// A value as text.
pub fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

/// Logical id and attribute of a GetAtt.
pub fn get_att(argument: &Value) -> Option<(String, String)> {
    match argument {
        Value::String(text) => text.split_once('.').map(|(a, b)| (a.to_owned(), b.to_owned())),
        Value::Array(parts) => {
            let rest: Vec<&str> = parts.get(1..)?.iter().filter_map(Value::as_str).collect();
            Some((parts.first()?.as_str()?.to_owned(), rest.join(".")))
        }
        _ => None,
    }
}

/// The value of an export.
pub fn exported(state: &State, place: &Place, name: &str) -> Option<String> {
    state
        .stacks
        .iter()
        .filter(|stack| stack.place() == *place && !stack.is_gone())
        .flat_map(|stack| &stack.body.outputs)
        .find(|output| output.export.as_deref() == Some(name))
        .map(|output| output.value.clone())
}

/// How a deployed body's resources answer Ref and GetAtt.
pub fn deployed(state: &State, place: &Place, body: &Body, logical: &str, attribute: Option<&str>) -> Option<Value> {
    let resource = body.resources.get(logical).filter(|resource| !resource.physical.is_empty())?;
    let Some(attribute) = attribute else { return Some(json!(resource.physical)) };
    if let ("AWS::CloudFormation::Stack", Some(output)) = (resource.kind.as_str(), attribute.strip_prefix("Outputs.")) {
        let child = state.stacks.iter().find(|stack| stack.id == resource.physical)?;
        return child.body.outputs.iter().find(|o| o.key == output).map(|o| json!(o.value));
    }
    Some(super::types::attribute(place, &resource.kind, &resource.physical, &resource.properties, attribute))
}
