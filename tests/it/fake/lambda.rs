//! Lambda's control plane: code and settings, updates that take a while, versions and aliases.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::wire::{Outcome, Refusal, Reply, Request};
use super::{FakeAws, Place, State, iso};

#[derive(Clone, Debug, Default)]
pub struct Function {
    pub name: String,
    pub arn: String,
    /// What Get answers, without code facts and states.
    pub settings: BTreeMap<String, Value>,
    pub code: Vec<u8>,
    pub revision: String,
    pub modified_ms: i64,
    /// Reads that still see `InProgress`.
    pub busy_polls: usize,
    /// Published versions: number and code.
    pub versions: Vec<(u32, String)>,
    pub aliases: BTreeMap<String, String>,
}

impl Function {
    pub fn code_sha256(&self) -> String {
        STANDARD.encode(Sha256::digest(&self.code))
    }

    fn configuration(&self, version: &str) -> Value {
        let busy = self.busy_polls > 0;
        let mut out = json!({
            "FunctionName": self.name, "FunctionArn": self.arn, "CodeSha256": self.code_sha256(), "CodeSize": self.code.len(),
            "Version": version, "RevisionId": self.revision, "LastModified": iso(self.modified_ms), "State": "Active",
            "LastUpdateStatus": if busy { "InProgress" } else { "Successful" }, "PackageType": "Zip",
        });
        if busy {
            out["LastUpdateStatusReasonCode"] = json!("Creating");
        }
        for (key, value) in &self.settings {
            out[key] = value.clone();
        }
        out
    }
}

/// The function's name in `/2015-03-31/functions/NAME/…`; an ARN is cut down to it.
pub fn function_name(path: &str) -> String {
    let name = path.split('/').nth(3).unwrap_or_default();
    let name = name.split_once(":function:").map_or(name, |(_, rest)| rest);
    name.split(':').next().unwrap_or_default().to_owned()
}

pub fn operation(request: &Request) -> String {
    let rest: Vec<&str> = request.path.split('/').skip(4).collect();
    let name = match (request.method.as_str(), rest.as_slice()) {
        ("GET", []) if request.path.trim_end_matches('/').ends_with("functions") => "ListFunctions",
        ("GET", []) => "GetFunction",
        ("GET", ["configuration"]) => "GetFunctionConfiguration",
        ("PUT", ["code"]) => "UpdateFunctionCode",
        ("PUT", ["configuration"]) => "UpdateFunctionConfiguration",
        ("POST", ["versions"]) => "PublishVersion",
        ("GET", ["versions"]) => "ListVersionsByFunction",
        ("GET", ["aliases"]) => "ListAliases",
        ("GET", ["aliases", _]) => "GetAlias",
        ("PUT", ["aliases", _]) => "UpdateAlias",
        _ => "Unknown",
    };
    name.to_owned()
}

pub fn serve(state: &mut State, request: &Request) -> Outcome {
    let name = function_name(&request.path);
    let place = request.place();
    let revision = state.uuid();
    let now = state.tick();
    let steps = state.steps_per_poll;
    let code = if request.operation == "UpdateFunctionCode" { Some(new_code(state, request)?) } else { None };
    let function = state.functions.get_mut(&(place.clone(), name.clone())).ok_or_else(|| {
        let arn = format!("arn:aws:lambda:{}:{}:function:{name}", place.region, place.account);
        Refusal::new(404, "ResourceNotFoundException", format!("Function not found: {arn}"))
    })?;
    match request.operation.as_str() {
        "GetFunction" => {
            let reply = json!({
                "Configuration": function.configuration("$LATEST"),
                "Code": {"RepositoryType": "S3", "Location": format!("{}/_code/{name}", state.endpoint)},
                "Tags": {},
            });
            function.busy_polls = function.busy_polls.saturating_sub(steps);
            Ok(Reply::json(&reply))
        }
        "GetFunctionConfiguration" => {
            let reply = function.configuration("$LATEST");
            function.busy_polls = function.busy_polls.saturating_sub(steps);
            Ok(Reply::json(&reply))
        }
        "UpdateFunctionCode" => {
            check(function, request)?;
            if request.json["DryRun"] != json!(true) {
                function.code = code.unwrap_or_default();
                function.touch(revision, now);
            }
            Ok(Reply::json(&function.configuration("$LATEST")))
        }
        "UpdateFunctionConfiguration" => {
            check(function, request)?;
            for (key, value) in request.json.as_object().into_iter().flatten().filter(|(key, _)| *key != "RevisionId") {
                function.settings.insert(key.clone(), value.clone());
            }
            function.touch(revision, now);
            Ok(Reply::json(&function.configuration("$LATEST")))
        }
        "PublishVersion" => {
            check(function, request)?;
            let version = function.publish();
            Ok(Reply::json(&function.configuration(&version)))
        }
        "ListVersionsByFunction" => {
            let mut versions = vec![function.configuration("$LATEST")];
            versions.extend(function.versions.iter().map(|(number, _)| function.configuration(&number.to_string())));
            Ok(Reply::json(&json!({"Versions": versions})))
        }
        "ListAliases" => {
            let aliases: Vec<Value> = function.aliases.keys().map(|alias| function.alias(alias)).collect();
            Ok(Reply::json(&json!({"Aliases": aliases})))
        }
        "GetAlias" | "UpdateAlias" => alias(function, request),
        other => Err(Refusal::new(400, "InvalidAction", format!("the fake does not know Lambda {other}"))),
    }
}

fn alias(function: &mut Function, request: &Request) -> Outcome {
    let alias = request.path.split('/').nth(5).unwrap_or_default().to_owned();
    if !function.aliases.contains_key(&alias) {
        let message = format!("Cannot find alias arn: {}:{alias}", function.arn);
        return Err(Refusal::new(404, "ResourceNotFoundException", message));
    }
    if let (true, Some(version)) = (request.operation == "UpdateAlias", request.text("FunctionVersion")) {
        function.aliases.insert(alias.clone(), version.to_owned());
    }
    Ok(Reply::json(&function.alias(&alias)))
}

/// Refuses while an update is under way, and on another revision than the caller saw.
fn check(function: &Function, request: &Request) -> Result<(), Refusal> {
    if function.busy_polls > 0 {
        return Err(Refusal::new(
            409,
            "ResourceConflictException",
            format!(
                "The operation cannot be performed at this time. An update is in progress for resource: {}",
                function.arn
            ),
        ));
    }
    if request.text("RevisionId").is_some_and(|seen| seen != function.revision) {
        let message = "The Revision Id provided does not match the latest Revision Id.";
        return Err(Refusal::new(412, "PreconditionFailedException", message));
    }
    Ok(())
}

fn new_code(state: &State, request: &Request) -> Result<Vec<u8>, Refusal> {
    let invalid = |message: String| Refusal::new(400, "InvalidParameterValueException", message);
    if let Some(zip) = request.text("ZipFile") {
        return STANDARD.decode(zip).map_err(|error| invalid(format!("Could not unzip uploaded file: {error}")));
    }
    let (bucket, key) = (request.text("S3Bucket").unwrap_or_default(), request.text("S3Key").unwrap_or_default());
    let found = state.s3.buckets.get(bucket).and_then(|bucket| bucket.objects.get(key));
    found.map(|object| object.body.clone()).ok_or_else(|| {
        invalid("Error occurred while GetObject. S3 Error Code: NoSuchKey. S3 Error Message: The specified key does not exist.".to_owned())
    })
}

impl Function {
    fn touch(&mut self, revision: String, now: i64) {
        self.revision = revision;
        self.modified_ms = now;
        self.busy_polls = 2;
    }

    /// Publishes; the same code twice is one version.
    pub fn publish(&mut self) -> String {
        let code = self.code_sha256();
        if let Some((number, _)) = self.versions.last().filter(|(_, last)| *last == code) {
            return number.to_string();
        }
        let number = self.versions.last().map_or(1, |(last, _)| last + 1);
        self.versions.push((number, code));
        number.to_string()
    }

    fn alias(&self, alias: &str) -> Value {
        json!({
            "AliasArn": format!("{}:{alias}", self.arn), "Name": alias,
            "FunctionVersion": self.aliases.get(alias), "RevisionId": self.revision,
        })
    }
}

/// Makes or changes a function from its CloudFormation properties.
pub fn put_from_stack(state: &mut State, place: &Place, name: &str, properties: &Value) {
    let code = &properties["Code"];
    let text = |key: &str| code[key].as_str().unwrap_or_default();
    let object = state.s3.buckets.get(text("S3Bucket")).and_then(|bucket| bucket.objects.get(text("S3Key")));
    let code = object.map_or_else(|| text("ZipFile").as_bytes().to_vec(), |object| object.body.clone());
    let (revision, now) = (state.uuid(), state.tick());
    let entry = state.functions.entry((place.clone(), name.to_owned())).or_default();
    entry.name = name.to_owned();
    entry.arn = format!("arn:aws:lambda:{}:{}:function:{name}", place.region, place.account);
    entry.code = code;
    entry.touch(revision, now);
    entry.busy_polls = 0;
    for key in
        ["Runtime", "Handler", "Role", "Environment", "Description", "MemorySize", "Timeout", "Architectures", "Layers"]
    {
        match properties.get(key) {
            Some(value) if matches!(key, "MemorySize" | "Timeout") => {
                let number = value.as_i64().or_else(|| value.as_str().and_then(|text| text.parse().ok()));
                entry.settings.insert(key.to_owned(), json!(number));
            }
            Some(value) if key != "Layers" => {
                entry.settings.insert(key.to_owned(), value.clone());
            }
            _ => {
                entry.settings.remove(key);
            }
        }
    }
}

impl FakeAws {
    /// A function as it is now.
    pub fn function(&self, account: &str, region: &str, name: &str) -> Option<Function> {
        self.state().functions.get(&(Place::new(account, region), name.to_owned())).cloned()
    }

    /// Changes a function's code behind everybody's back.
    pub fn set_function_code(&self, account: &str, region: &str, name: &str, code: &[u8]) {
        let mut state = self.state();
        let revision = state.uuid();
        let function = state.functions.get_mut(&(Place::new(account, region), name.to_owned())).expect("a function");
        function.code = code.to_vec();
        function.revision = revision;
    }

    /// The next reads still see `InProgress`.
    pub fn function_busy(&self, account: &str, region: &str, name: &str, polls: usize) {
        let mut state = self.state();
        let function = state.functions.get_mut(&(Place::new(account, region), name.to_owned())).expect("a function");
        function.busy_polls = polls;
    }
}
