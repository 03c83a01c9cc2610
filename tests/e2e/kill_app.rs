//! Three cheap stacks that build on each other, as a finished cloud assembly.

use offshoot::names::Digest;
use serde_json::{Value, json};

use crate::repo::Repo;

/// In dependency order; the last one imports what the middle one exports.
pub const STACKS: [&str; 3] = ["prod-base", "prod-middle", "prod-top"];

/// Writes the app into the repository; `version` stands in every template, and in the values of the resources.
pub fn write(repo: &Repo, version: &str) {
    repo.write("offshoot.yml", "version: 1\napps:\n  - name: kill\n    path: .\n    kind: assembly\nstages:\n  - name: prod\n    branch: main\n");
    let mut artifacts = serde_json::Map::new();
    for (index, stack) in STACKS.iter().enumerate() {
        let template = serde_json::to_string_pretty(&template(index, stack, version)).expect("JSON");
        let hash = Digest::of(&template).to_string();
        repo.write(&format!("cdk.out/{stack}.template.json"), &template);
        repo.write(&format!("cdk.out/{stack}.assets.json"), &assets(stack, &hash).to_string());
        let file = format!("{stack}.assets.json");
        artifacts.insert(format!("{stack}.assets"), json!({"type": "cdk:asset-manifest", "properties": {"file": file, "requiresBootstrapStackVersion": 6, "bootstrapStackVersionSsmParameter": "/cdk-bootstrap/hnb659fds/version"}}));
        artifacts.insert((*stack).to_owned(), artifact(index, stack, &hash));
    }
    let manifest = json!({"version": "48.0.0", "artifacts": artifacts});
    repo.write("cdk.out/manifest.json", &manifest.to_string());
}

fn artifact(index: usize, stack: &str, hash: &str) -> Value {
    let mut dependencies = vec![format!("{stack}.assets")];
    dependencies.extend(index.checked_sub(1).map(|before| STACKS[before].to_owned()));
    json!({
        "type": "aws:cloudformation:stack",
        "environment": "aws://unknown-account/unknown-region",
        "properties": {
            "templateFile": format!("{stack}.template.json"),
            "stackTemplateAssetObjectUrl": format!("s3://{BUCKET}/{hash}.json"),
            "cloudFormationExecutionRoleArn": role("cfn-exec"),
            "assumeRoleArn": role("deploy"),
        },
        "dependencies": dependencies,
    })
}

const BUCKET: &str = "cdk-hnb659fds-assets-${AWS::AccountId}-${AWS::Region}";

fn role(what: &str) -> String {
    format!(
        "arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:role/cdk-hnb659fds-{what}-role-${{AWS::AccountId}}-${{AWS::Region}}"
    )
}

fn assets(stack: &str, hash: &str) -> Value {
    json!({"version": "48.0.0", "dockerImages": {}, "files": {hash: {
        "source": {"path": format!("{stack}.template.json"), "packaging": "file"},
        "destinations": {"current": {"bucketName": BUCKET, "objectKey": format!("{hash}.json"), "assumeRoleArn": role("file-publishing")}},
    }}})
}

fn template(index: usize, stack: &str, version: &str) -> Value {
    let parameter = |name: &str, value: Value| json!({"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Name": format!("/{stack}/{name}"), "Value": value}});
    let mut resources = json!({
        "Version": parameter("version", json!(version)),
        "Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": format!("{stack}-queue"), "DelaySeconds": version.len()}},
    });
    // each version leaves something out and takes something in
    resources[format!("Of{version}")] = parameter(&format!("of-{version}"), json!(stack));
    let mut outputs =
        json!({"QueueName": {"Value": {"Fn::GetAtt": ["Queue", "QueueName"]}}, "Version": {"Value": version}});
    if index == 1 {
        outputs["Export"] =
            json!({"Value": format!("{stack}-{version}"), "Export": {"Name": format!("{stack}-name-{version}")}});
        outputs["Kept"] = json!({"Value": {"Ref": "Queue"}, "Export": {"Name": format!("{stack}-queue")}});
    }
    if index == 2 {
        resources["Imported"] = parameter("imported", json!({"Fn::ImportValue": "prod-middle-queue"}));
    }
    json!({"Description": format!("{stack} {version}"), "Resources": resources, "Outputs": outputs})
}
