//! The fake CloudFormation's pages, drift, nested stacks and parameters.

use aws_sdk_cloudformation::error::ProvideErrorMetadata;
use aws_sdk_cloudformation::types::{ChangeSetType, DeploymentMode};
use serde_json::{Value, json};

use crate::fake::seed::Seed;
use crate::fake::{FakeAws, Fault};
use crate::fake_selftest::{client, create_set, queue, rest, run_set, settle};

#[tokio::test]
async fn drift_is_detected_and_brought_back() {
    let fake = FakeAws::start().await;
    let client = client(&fake).await;
    fake.seed_stack("app", &queue(30));
    fake.drift("app", "Queue", "/VisibilityTimeout", json!(77));
    let detection = client.detect_stack_drift().stack_name("app").send().await.expect("begun");
    let status = || {
        client
            .describe_stack_drift_detection_status()
            .stack_drift_detection_id(detection.stack_drift_detection_id().unwrap_or(""))
            .send()
    };
    assert_eq!(status().await.expect("busy").detection_status().map(|s| s.as_str()), Some("DETECTION_IN_PROGRESS"));
    assert_eq!(status().await.expect("done").stack_drift_status().map(|s| s.as_str()), Some("DRIFTED"));
    let drifts = client.describe_stack_resource_drifts().stack_name("app").send().await.expect("drifts");
    assert_eq!(drifts.stack_resource_drifts().iter().filter(|d| !d.property_differences().is_empty()).count(), 1);
    let made = client
        .create_change_set()
        .stack_name("app")
        .change_set_name("back")
        .deployment_mode(DeploymentMode::RevertDrift);
    let set = made.template_body(queue(30).to_string()).send().await.expect("made").id.expect("an ARN");
    let (_, described) = rest(&client, &set).await;
    assert_eq!(described.stack_drift_status().map(|s| s.as_str()), Some("DRIFTED"));
    let change = described.changes()[0].resource_change().expect("a change");
    assert_eq!(change.resource_drift_status().map(|s| s.as_str()), Some("MODIFIED"));
    let target = change.details()[0].target().expect("a target");
    assert_eq!((target.before_value(), target.after_value()), (Some("77"), Some("30")));
    run_set(&client, &set).await;
    assert_eq!(settle(&client, "app").await.last().map(String::as_str), Some("UPDATE_COMPLETE"));
    assert!(fake.stack("app").expect("a stack").drifted.is_empty());
}

#[tokio::test]
async fn nested_stacks_come_and_fail_with_their_parent() {
    let fake = FakeAws::start().await;
    let client = client(&fake).await;
    let bucket = fake.bootstrap_here();
    fake.put_object(&bucket, "child.json", queue(1).to_string());
    let parent = json!({
        "Resources": {"Child": {"Type": "AWS::CloudFormation::Stack", "Properties": {"TemplateURL": format!("https://s3.us-east-1.amazonaws.com/{bucket}/child.json")}}},
        "Outputs": {"Url": {"Value": {"Fn::GetAtt": ["Child", "Outputs.Url"]}}},
    });
    let made = client
        .create_change_set()
        .stack_name("top")
        .change_set_name("c")
        .change_set_type(ChangeSetType::Create)
        .include_nested_stacks(true);
    let set = made.template_body(parent.to_string()).send().await.expect("made").id.expect("an ARN");
    let (_, described) = rest(&client, &set).await;
    let child = described.changes()[0]
        .resource_change()
        .and_then(|c| c.change_set_id())
        .expect("the child's change set")
        .to_owned();
    let (_, inner) = rest(&client, &child).await;
    assert_eq!((inner.changes().len(), inner.execution_status().map(|s| s.as_str())), (2, Some("UNAVAILABLE")));
    run_set(&client, &set).await;
    assert_eq!(settle(&client, "top").await, ["CREATE_IN_PROGRESS", "CREATE_COMPLETE"]);
    assert!(fake.output("top", "Url").is_some_and(|url| url.starts_with("https://sqs.")));
    let names = fake.stack_names("111111111111", "us-east-1");
    let inner = names.iter().find(|name| name.starts_with("top-Child-")).expect("a nested stack");
    fake.fail_resource(inner, "Queue", "inner trouble");
    fake.put_object(&bucket, "child2.json", queue(2).to_string());
    let mut second = parent.clone();
    second["Resources"]["Child"]["Properties"]["TemplateURL"] =
        json!(format!("https://s3.us-east-1.amazonaws.com/{bucket}/child2.json"));
    client.update_stack().stack_name("top").template_body(second.to_string()).send().await.expect("begun");
    assert_eq!(settle(&client, "top").await.last().map(String::as_str), Some("UPDATE_ROLLBACK_COMPLETE"));
    assert_eq!(fake.status(inner), "UPDATE_ROLLBACK_COMPLETE");
}

#[tokio::test]
async fn parameters_keep_their_values_and_secrets_are_hidden() {
    let fake = FakeAws::start().await;
    let client = client(&fake).await;
    fake.bootstrap_here();
    let template = json!({
        "Parameters": {
            "Secret": {"Type": "String", "NoEcho": true},
            "BootstrapVersion": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/cdk-bootstrap/hnb659fds/version"},
        },
        "Resources": {"T": {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": {"Fn::Sub": "${Secret}-${BootstrapVersion}"}}}},
    });
    fake.seed(&Seed::new("app", template.to_string()).parameter("Secret", "hush").tag("team", "a"));
    assert_eq!(fake.stack("app").expect("a stack").body.resources["T"].properties["DisplayName"], "hush-32");
    let mut next = template.clone();
    next["Resources"]["T"]["Properties"]["TracingConfig"] = json!("Active");
    let previous =
        aws_sdk_cloudformation::types::Parameter::builder().parameter_key("Secret").use_previous_value(true).build();
    let made = client
        .create_change_set()
        .stack_name("app")
        .change_set_name("c")
        .parameters(previous)
        .template_body(next.to_string());
    let set = made.send().await.expect("made").id.expect("an ARN");
    let (_, described) = rest(&client, &set).await;
    let change = described.changes()[0].resource_change().expect("a change");
    assert!(change.after_context().is_some_and(|text| text.contains("****-32") && !text.contains("hush")));
    let missing =
        client.create_change_set().stack_name("app").change_set_name("d").template_body(next.to_string()).send().await;
    assert_eq!(missing.expect_err("no value").message(), Some("Parameters: [Secret] must have values"));
}

#[tokio::test]
async fn pages_slow_change_sets_and_lost_answers() {
    let fake = FakeAws::start().await;
    let client = client(&fake).await;
    let resources: serde_json::Map<String, Value> =
        (0..7).map(|n| (format!("Q{n}"), json!({"Type": "AWS::SQS::Queue"}))).collect();
    let template = json!({"Resources": resources});
    fake.page_size(3);
    fake.slow_change_set("app", 4);
    fake.inject("cloudformation", "CreateChangeSet", Fault::LostAnswer, 1);
    let made = client
        .create_change_set()
        .stack_name("app")
        .change_set_name("c")
        .change_set_type(ChangeSetType::Create)
        .client_token("t");
    let set = made.template_body(template.to_string()).send().await.expect("made once").id.expect("an ARN");
    assert_eq!(fake.change_sets().len(), 1, "the same token makes one change set");
    let (seen, _) = rest(&client, &set).await;
    assert_eq!(seen.len(), 6);
    let pages = client
        .describe_change_set()
        .change_set_name(&set)
        .into_paginator()
        .send()
        .collect::<Result<Vec<_>, _>>()
        .await
        .expect("pages");
    assert_eq!(pages.iter().map(|page| page.changes().len()).collect::<Vec<_>>(), [3, 3, 1]);
    run_set(&client, &set).await;
    settle(&client, "app").await;
    let listed = client
        .list_stack_resources()
        .stack_name("app")
        .into_paginator()
        .items()
        .send()
        .collect::<Result<Vec<_>, _>>()
        .await;
    assert_eq!(listed.expect("resources").len(), 7);
    let events = client
        .describe_stack_events()
        .stack_name("app")
        .into_paginator()
        .send()
        .collect::<Result<Vec<_>, _>>()
        .await
        .expect("events");
    assert!(events.len() > 5);
}

#[tokio::test]
async fn outputs_of_other_stacks_are_read_as_newer_cdk_does() {
    let fake = FakeAws::start().await;
    let client = client(&fake).await;
    let read = json!({"Fn::GetStackOutput": {"StackName": "app", "Region": "us-east-1", "OutputName": "Arn"}});
    let user = json!({"Resources": {"T": {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": read}}}});
    let set = create_set(&client, "user", "early", ChangeSetType::Create, &user).await;
    let (_, described) = rest(&client, &set).await;
    assert_eq!(described.status_reason(), Some("Output Arn of stack app does not exist"));
    fake.seed_stack("app", &queue(30));
    fake.seed_stack("user", &user);
    let topic = fake.stack("user").expect("a stack").body.resources["T"].properties["DisplayName"].clone();
    assert_eq!(topic.as_str(), fake.output("app", "Arn").as_deref());
}
