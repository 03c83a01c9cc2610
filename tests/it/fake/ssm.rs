//! SSM parameters: the CDK bootstrap version, and what stacks keep there.

use serde_json::json;

use super::wire::{Outcome, Refusal, Reply, Request};
use super::{FakeAws, Place, State};

#[derive(Clone, Debug)]
pub struct Parameter {
    pub value: String,
    pub kind: String,
    pub version: u32,
}

pub fn serve(state: &mut State, request: &Request) -> Outcome {
    let place = request.place();
    match request.operation.as_str() {
        "GetParameter" => {
            let name = request.text("Name").unwrap_or_default();
            let found = describe(state, &place, name).ok_or_else(|| missing(name))?;
            Ok(Reply::json(&json!({"Parameter": found})))
        }
        "GetParameters" => {
            let names = request.json["Names"].as_array().cloned().unwrap_or_default();
            let names: Vec<&str> = names.iter().filter_map(|n| n.as_str()).collect();
            let found: Vec<_> = names.iter().filter_map(|name| describe(state, &place, name)).collect();
            let invalid: Vec<_> = names.iter().filter(|name| describe(state, &place, name).is_none()).collect();
            Ok(Reply::json(&json!({"Parameters": found, "InvalidParameters": invalid})))
        }
        "PutParameter" => {
            let name = request.text("Name").unwrap_or_default();
            let version = put(state, &place, name, request.text("Value").unwrap_or_default());
            Ok(Reply::json(&json!({"Version": version})))
        }
        other => Err(Refusal::new(400, "UnknownOperationException", other)),
    }
}

fn missing(name: &str) -> Refusal {
    Refusal::new(400, "ParameterNotFound", format!("Parameter {name} not found."))
}

fn describe(state: &State, place: &Place, name: &str) -> Option<serde_json::Value> {
    let found = state.parameters.get(&(place.clone(), name.to_owned()))?;
    Some(json!({
        "Name": name,
        "Type": found.kind,
        "Value": found.value,
        "Version": found.version,
        "LastModifiedDate": state.clock_ms as f64 / 1000.0,
        "ARN": format!("arn:aws:ssm:{}:{}:parameter/{}", place.region, place.account, name.trim_start_matches('/')),
        "DataType": "text",
    }))
}

/// Writes a parameter and gives its version.
pub fn put(state: &mut State, place: &Place, name: &str, value: &str) -> u32 {
    let new = Parameter { value: String::new(), kind: "String".to_owned(), version: 0 };
    let entry = state.parameters.entry((place.clone(), name.to_owned())).or_insert(new);
    entry.value = value.to_owned();
    entry.version += 1;
    entry.version
}

impl FakeAws {
    pub fn put_parameter(&self, account: &str, region: &str, name: &str, value: &str) {
        put(&mut self.state(), &Place::new(account, region), name, value);
    }

    pub fn remove_parameter(&self, account: &str, region: &str, name: &str) {
        self.state().parameters.remove(&(Place::new(account, region), name.to_owned()));
    }
}
