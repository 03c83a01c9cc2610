//! Holds every exchange against GitHub's OpenAPI description, cut to what the fake serves (scripts/github-openapi.mjs).

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, OnceLock};

use jsonschema::{Draft, Registry, Validator};
use serde_json::{Value, json};

const TEXT: &str = include_str!("openapi.json");
const URI: &str = "mem://github.json";

struct Description {
    operations: HashMap<String, Operation>,
    registry: Registry<'static>,
    /// Compiled at first use, once in a process.
    compiled: Mutex<HashMap<String, Arc<Validator>>>,
}

struct Operation {
    id: String,
    query: BTreeMap<String, Value>,
    has_body: bool,
    needs_body: bool,
    /// Status → whether its body is described.
    replies: BTreeMap<String, bool>,
}

fn description() -> &'static Description {
    static READ: OnceLock<Description> = OnceLock::new();
    READ.get_or_init(|| {
        let whole: &'static Value = Box::leak(Box::new(serde_json::from_str(TEXT).expect("the description is JSON")));
        let registry = Registry::new()
            .add(URI, Draft::Draft4.create_resource_ref(whole))
            .and_then(|builder| builder.prepare())
            .expect("the description can be referred to");
        let operations = whole["operations"].as_object().expect("operations").iter().map(|(id, found)| {
            let replies = found["replies"].as_object().expect("replies");
            let operation = Operation {
                id: id.clone(),
                query: found["query"].as_object().expect("a query").clone().into_iter().collect(),
                has_body: !found["body"].is_null(),
                needs_body: found["bodyRequired"] == true,
                replies: replies.iter().map(|(status, body)| (status.clone(), !body.is_null())).collect(),
            };
            (format!("{} {}", found["method"].as_str().unwrap_or(""), found["path"].as_str().unwrap_or("")), operation)
        });
        Description { operations: operations.collect(), registry, compiled: Mutex::default() }
    })
}

/// Errors of a value against the schema at a place of the description.
fn errors(operation: &str, place: &str, value: &Value) -> Vec<String> {
    let description = description();
    let pointer = format!("/operations/{}/{place}", operation.replace('/', "~1"));
    let mut compiled = description.compiled.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let validator = compiled.entry(pointer.clone()).or_insert_with(|| {
        let options = jsonschema::options().with_draft(Draft::Draft4).with_registry(&description.registry);
        Arc::new(options.build(&json!({"$ref": format!("{URI}#{pointer}")})).expect("a schema of the description"))
    });
    let validator = validator.clone();
    drop(compiled);
    let told = |error: jsonschema::ValidationError<'_>| {
        let text: String = error.to_string().chars().take(300).collect();
        format!("{} at {:?}", text, error.instance_path().to_string())
    };
    validator.iter_errors(value).map(told).collect()
}

/// GitHub's name of an operation: `POST /repos/{owner}/{repo}/check-runs` → `checks/create`.
pub fn operation_id(method: &str, template: &str) -> &'static str {
    description().operations.get(&format!("{method} {template}")).map_or("", |operation| &operation.id)
}

fn operation(method: &str, template: &str) -> Option<&'static Operation> {
    description().operations.get(&format!("{method} {template}"))
}

/// What is wrong about a request.
pub fn request(method: &str, template: &str, query: &BTreeMap<String, String>, body: &[u8]) -> Vec<String> {
    let Some(operation) = operation(method, template) else {
        return vec!["the description has no such operation".to_owned()];
    };
    let mut found = Vec::new();
    for (name, value) in query {
        let Some(parameter) = operation.query.get(name) else {
            found.push(format!("there is no query parameter {name:?}"));
            continue;
        };
        let kind = parameter["schema"]["type"].as_str().unwrap_or("string");
        let read = match kind {
            "integer" => value.parse::<i64>().map_or_else(|_| json!(value), |n| json!(n)),
            "boolean" => value.parse::<bool>().map_or_else(|_| json!(value), |b| json!(b)),
            _ => json!(value),
        };
        let place = format!("query/{name}/schema");
        found.extend(errors(&operation.id, &place, &read).into_iter().map(|e| format!("query parameter {name}: {e}")));
    }
    match (body.is_empty(), operation.has_body) {
        (true, true) if operation.needs_body => found.push("the body is missing".to_owned()),
        (true, _) => {}
        (false, false) => found.push("there is a body, and none is described".to_owned()),
        (false, true) => match serde_json::from_slice::<Value>(body) {
            Ok(value) => found.extend(errors(&operation.id, "body", &value)),
            Err(error) => found.push(format!("the body is not JSON: {error}")),
        },
    }
    found
}

/// What is wrong about our own answer.
pub fn reply(method: &str, template: &str, status: u16, body: Option<&Value>) -> Vec<String> {
    let Some(operation) = operation(method, template) else { return Vec::new() };
    let described = operation.replies.get(&status.to_string());
    match (described, body) {
        (Some(true), Some(value)) => errors(&operation.id, &format!("replies/{status}"), value),
        (None, _) if status < 300 => vec![format!("status {status} is not described")],
        (Some(false), Some(_)) if status == 204 => vec!["204 has no body".to_owned()],
        (_, Some(value)) if status >= 400 && !value["message"].is_string() => vec!["an error has a message".to_owned()],
        (Some(true), None) if status < 300 => vec![format!("status {status} has a body")],
        _ => Vec::new(),
    }
}
