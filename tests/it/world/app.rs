//! A small app for a scenario: stacks as people speak of them, written down as a cloud assembly.

use std::path::Path;

use offshoot::names::Digest;
use serde_json::{Map, Value, json};

const BUCKET: &str = "cdk-hnb659fds-assets-${AWS::AccountId}-${AWS::Region}";

/// An app of some stacks. Build it with [`app`], [`App::stack`] and what a [`Stack`] can have.
#[derive(Clone, Debug, Default)]
pub struct App {
    stacks: Vec<Stack>,
    missing: Vec<Value>,
    schema: Option<String>,
}

/// An app without stacks.
pub fn app() -> App {
    App::default()
}

/// An app of one stack with one queue: for scenarios in which the app does not matter.
pub fn small_app() -> App {
    app().stack(stack("prod-app").has("Queue", queue(30)))
}

impl App {
    pub fn stack(mut self, stack: Stack) -> App {
        self.stacks.push(stack);
        self
    }

    /// The app asks for a context value that it was not given.
    pub fn misses(mut self, key: &str) -> App {
        self.missing.push(json!({"key": key, "provider": "availability-zones", "props": {}}));
        self
    }

    /// Written by a CDK library with this assembly schema.
    pub fn schema(mut self, version: &str) -> App {
        self.schema = Some(version.to_owned());
        self
    }

    /// Writes the assembly into `dir`, in place of what was there.
    pub fn write(&self, dir: &Path) {
        let _ = std::fs::remove_dir_all(dir);
        std::fs::create_dir_all(dir).expect("a folder for the assembly");
        let mut artifacts = Map::new();
        for stack in &self.stacks {
            stack.write(dir, &mut artifacts);
        }
        let version = self.schema.as_deref().unwrap_or("48.0.0");
        let manifest = json!({"version": version, "artifacts": artifacts, "missing": self.missing});
        put(&dir.join("manifest.json"), pretty(&manifest));
    }
}

/// One stack, or one nested in another.
#[derive(Clone, Debug, Default)]
pub struct Stack {
    name: String,
    template: Map<String, Value>,
    depends_on: Vec<String>,
    properties: Map<String, Value>,
    metadata: Map<String, Value>,
    functions: Vec<(String, String)>,
    nested: Vec<(String, Stack)>,
    roles: Roles,
}

/// Whether the assembly names the bootstrap roles.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Roles {
    #[default]
    Bootstrap,
    None,
}

/// An empty stack of that name.
pub fn stack(name: &str) -> Stack {
    Stack { name: name.to_owned(), ..Stack::default() }
}

impl Stack {
    /// A resource, as in a template.
    pub fn has(self, logical: &str, resource: Value) -> Stack {
        self.section("Resources", logical, resource)
    }

    /// A function whose code is one file with this text, published as a zip.
    pub fn function(mut self, logical: &str, code: &str) -> Stack {
        let hash = code_hash(code);
        self.functions.push((hash.clone(), code.to_owned()));
        let properties = json!({
            "Code": {"S3Bucket": {"Fn::Sub": BUCKET}, "S3Key": format!("{hash}.zip")},
            "Handler": "index.handler", "Runtime": "nodejs22.x", "Role": "arn:aws:iam::111111111111:role/runs",
        });
        self.has(logical, json!({"Type": "AWS::Lambda::Function", "Properties": properties}))
    }

    /// A nested stack under this logical id.
    pub fn nests(mut self, logical: &str, inner: Stack) -> Stack {
        self.nested.push((logical.to_owned(), inner));
        self
    }

    pub fn output(self, name: &str, value: Value) -> Stack {
        self.section("Outputs", name, json!({"Value": value}))
    }

    pub fn exports(self, name: &str, value: Value) -> Stack {
        self.section("Outputs", &format!("Export{name}"), json!({"Value": value, "Export": {"Name": name}}))
    }

    /// A topic whose display name is what another stack exports.
    pub fn imports(self, logical: &str, export: &str) -> Stack {
        let properties = json!({"DisplayName": {"Fn::ImportValue": export}});
        self.has(logical, json!({"Type": "AWS::SNS::Topic", "Properties": properties}))
    }

    pub fn depends_on(mut self, other: &str) -> Stack {
        self.depends_on.push(other.to_owned());
        self
    }

    pub fn tag(mut self, key: &str, value: &str) -> Stack {
        let tags = self.properties.entry("tags").or_insert_with(|| json!({}));
        tags[key] = json!(value);
        self
    }

    /// A template parameter, with the value that the app gives it (or none).
    pub fn parameter(mut self, name: &str, declaration: Value, value: Option<&str>) -> Stack {
        if let Some(value) = value {
            let parameters = self.properties.entry("parameters").or_insert_with(|| json!({}));
            parameters[name] = json!(value);
        }
        self.section("Parameters", name, declaration)
    }

    pub fn protected_from_termination(mut self) -> Stack {
        self.properties.insert("terminationProtection".into(), json!(true));
        self
    }

    /// The app names no roles: the identity itself deploys.
    pub fn without_roles(mut self) -> Stack {
        self.roles = Roles::None;
        self
    }

    /// A message of the app about this stack: `error` or `warning`.
    pub fn reports(mut self, level: &str, text: &str) -> Stack {
        let path = format!("/{}", self.name);
        self.metadata.insert(path, json!([{"type": format!("aws:cdk:{level}"), "data": text}]));
        self
    }

    /// Any other section of the template.
    pub fn section(mut self, section: &str, name: &str, value: Value) -> Stack {
        let section = self.template.entry(section).or_insert_with(|| json!({}));
        section[name] = value;
        self
    }

    /// The template as it will be written.
    pub fn template(&self) -> Value {
        let mut template = Value::Object(self.template.clone());
        for (logical, inner) in &self.nested {
            let url =
                format!("https://s3.${{AWS::Region}}.${{AWS::URLSuffix}}/{BUCKET}/{}.json", inner.template_hash());
            let properties = json!({"TemplateURL": {"Fn::Sub": url}});
            template["Resources"][logical] = json!({"Type": "AWS::CloudFormation::Stack", "Properties": properties});
        }
        template
    }

    fn template_hash(&self) -> String {
        Digest::of(pretty(&self.template())).to_string()
    }

    fn write(&self, dir: &Path, artifacts: &mut Map<String, Value>) {
        let name = &self.name;
        let mut files = Map::new();
        self.write_files(dir, name, &mut files);
        put(
            &dir.join(format!("{name}.assets.json")),
            pretty(&json!({"version": "48.0.0", "files": files, "dockerImages": {}})),
        );
        let assets = format!("{name}.assets");
        artifacts.insert(
            assets.clone(),
            json!({"type": "cdk:asset-manifest", "properties": {"file": format!("{assets}.json")}}),
        );
        let mut properties = self.properties.clone();
        properties.insert("templateFile".into(), json!(format!("{name}.template.json")));
        properties.insert(
            "stackTemplateAssetObjectUrl".into(),
            json!(format!("s3://{BUCKET}/{}.json", self.template_hash())),
        );
        if self.roles == Roles::Bootstrap {
            properties.insert("assumeRoleArn".into(), json!(role_arn("deploy-role")));
            properties.insert("cloudFormationExecutionRoleArn".into(), json!(role_arn("cfn-exec-role")));
        }
        let depends: Vec<&String> = std::iter::once(&assets).chain(&self.depends_on).collect();
        let artifact = json!({
            "type": "aws:cloudformation:stack", "environment": "aws://unknown-account/unknown-region",
            "properties": properties, "dependencies": depends, "metadata": self.metadata, "displayName": name,
        });
        artifacts.insert(name.clone(), artifact);
    }

    /// The template, the folders of functions, and the same of every nested stack.
    fn write_files(&self, dir: &Path, name: &str, files: &mut Map<String, Value>) {
        let file = format!("{name}.template.json");
        put(&dir.join(&file), pretty(&self.template()));
        let hash = self.template_hash();
        files.insert(hash.clone(), asset(&file, "file", &format!("{hash}.json")));
        for (hash, code) in &self.functions {
            let folder = dir.join(format!("asset.{hash}"));
            std::fs::create_dir_all(&folder).expect("a folder for code");
            put(&folder.join("index.js"), code.clone());
            files.insert(hash.clone(), asset(&format!("asset.{hash}"), "zip", &format!("{hash}.zip")));
        }
        for (logical, inner) in &self.nested {
            inner.write_files(dir, &format!("{name}{logical}.nested"), files);
        }
    }
}

/// The asset hash of a function with this code.
pub fn code_hash(code: &str) -> String {
    Digest::of_parts(["index.js", code]).to_string()
}

fn role_arn(name: &str) -> String {
    format!(
        "arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:role/cdk-hnb659fds-{name}-${{AWS::AccountId}}-${{AWS::Region}}"
    )
}

fn asset(path: &str, packaging: &str, key: &str) -> Value {
    let destination =
        json!({"bucketName": BUCKET, "objectKey": key, "assumeRoleArn": role_arn("file-publishing-role")});
    json!({"source": {"path": path, "packaging": packaging}, "destinations": {"here": destination}})
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).expect("JSON")
}

fn put(path: &Path, text: String) {
    std::fs::write(path, text).expect("a file of the assembly");
}

/// A queue; another timeout is an update in place.
pub fn queue(timeout_s: u32) -> Value {
    json!({"Type": "AWS::SQS::Queue", "Properties": {"VisibilityTimeout": timeout_s}})
}

/// A table with data; another name replaces it.
pub fn table(name: &str) -> Value {
    json!({"Type": "AWS::DynamoDB::Table", "Properties": {
        "TableName": name,
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        "BillingMode": "PAY_PER_REQUEST",
    }})
}

pub fn topic() -> Value {
    json!({"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": "news"}})
}

/// A resource that is created after `others`.
pub fn after(mut resource: Value, others: &[&str]) -> Value {
    resource["DependsOn"] = json!(others);
    resource
}
