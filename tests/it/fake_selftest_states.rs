//! The fake CloudFormation's odd states: stuck, stale, cancelled, retained, imported, outputs only.

use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::error::ProvideErrorMetadata;
use aws_sdk_cloudformation::types::{ChangeSetType, ResourceToImport};
use serde_json::{Value, json};

use crate::fake::{ACCOUNT, FakeAws, On, REGION};
use crate::fake_selftest::{client, create_set, rest, run_set, settle};

fn one(kind: &str, properties: Value) -> Value {
    json!({"Resources": {"One": {"Type": kind, "Properties": properties, "DeletionPolicy": "Retain"}}})
}

async fn status(client: &Client, stack: &str) -> String {
    let out = client.describe_stacks().stack_name(stack).send().await.expect("described");
    out.stacks()[0].stack_status().map_or("", |s| s.as_str()).to_owned()
}

#[tokio::test]
async fn a_stuck_stack_stays_and_can_be_cancelled() {
    let fake = FakeAws::start().await;
    let client = client(&fake).await;
    fake.seed_stack("app", &one("AWS::SQS::Queue", json!({"DelaySeconds": 1})));
    let next = one("AWS::SQS::Queue", json!({"DelaySeconds": 2}));
    fake.set_stuck("app", true);
    client.update_stack().stack_name("app").template_body(next.to_string()).send().await.expect("begun");
    for _ in 0..5 {
        assert_eq!(status(&client, "app").await, "UPDATE_IN_PROGRESS");
    }
    let busy = client.update_stack().stack_name("app").template_body(next.to_string()).send().await.expect_err("busy");
    assert!(busy.message().unwrap_or("").contains("UPDATE_IN_PROGRESS state and can not be updated"));
    client.cancel_update_stack().stack_name("app").send().await.expect("cancelled");
    fake.set_stuck("app", false);
    assert_eq!(settle(&client, "app").await.last().map(String::as_str), Some("UPDATE_ROLLBACK_COMPLETE"));
}

#[tokio::test]
async fn the_first_reads_may_be_stale_and_time_can_be_skipped() {
    let fake = FakeAws::start().await;
    let client = client(&fake).await;
    let set = create_set(&client, "app", "c", ChangeSetType::Create, &one("AWS::SQS::Queue", json!({}))).await;
    rest(&client, &set).await;
    fake.stale_reads(2);
    fake.instant();
    client.execute_change_set().change_set_name(&set).send().await.expect("executed");
    let mut seen = Vec::new();
    for _ in 0..3 {
        seen.push(status(&client, "app").await);
    }
    assert_eq!(seen, ["REVIEW_IN_PROGRESS", "REVIEW_IN_PROGRESS", "CREATE_COMPLETE"]);
}

#[tokio::test]
async fn an_output_alone_is_a_change_without_resources() {
    let fake = FakeAws::start().await;
    let client = client(&fake).await;
    let mut template = one("AWS::SQS::Queue", json!({}));
    fake.seed_stack("app", &template);
    template["Outputs"] = json!({"Name": {"Value": {"Fn::GetAtt": ["One", "QueueName"]}}});
    let set = create_set(&client, "app", "c", ChangeSetType::Update, &template).await;
    let (_, described) = rest(&client, &set).await;
    assert_eq!((described.changes().len(), described.execution_status().map(|s| s.as_str())), (0, Some("AVAILABLE")));
    run_set(&client, &set).await;
    assert_eq!(settle(&client, "app").await, ["UPDATE_IN_PROGRESS", "UPDATE_COMPLETE"]);
    assert!(fake.output("app", "Name").is_some());
}

#[tokio::test]
async fn a_deletion_can_fail_and_retain() {
    let fake = FakeAws::start().await;
    let client = client(&fake).await;
    let mut template = one("AWS::SQS::Queue", json!({}));
    template["Resources"]["One"]["DeletionPolicy"] = json!("Delete");
    let id = fake.seed_stack("app", &template);
    fake.fail_resource_on(On::Delete, "app", "One", "still in use");
    let early = client.delete_stack().stack_name("app").retain_resources("One").send().await.expect_err("too early");
    assert!(early.message().unwrap_or("").contains("only when the stack is in the DELETE_FAILED state"));
    client.delete_stack().stack_name("app").send().await.expect("begun");
    assert_eq!(settle(&client, "app").await, ["DELETE_IN_PROGRESS", "DELETE_FAILED"]);
    client.delete_stack().stack_name("app").retain_resources("One").send().await.expect("begun");
    settle(&client, &id).await;
    assert_eq!(fake.status(&id), "DELETE_COMPLETE");
    let skipped = fake.stack(&id).expect("a stack").events.iter().any(|event| event.status == "DELETE_SKIPPED");
    assert!(skipped);
}

#[tokio::test]
async fn what_exists_is_refused_or_imported() {
    let fake = FakeAws::start().await;
    let client = client(&fake).await;
    fake.make_bucket(ACCOUNT, REGION, "data");
    fake.put_object("data", "k", b"v");
    let template = one("AWS::S3::Bucket", json!({"BucketName": "data"}));
    let refused = create_set(&client, "a", "c", ChangeSetType::Create, &template).await;
    let (_, described) = rest(&client, &refused).await;
    assert!(described.status_reason().unwrap_or("").contains("[AWS::EarlyValidation::ResourceExistenceCheck]"));
    let told = client.describe_events().change_set_name(&refused).send().await.expect("events");
    assert_eq!(told.operation_events()[0].validation_path(), Some("/Resources/One"));
    let import = ResourceToImport::builder().resource_type("AWS::S3::Bucket").logical_resource_id("One");
    let import = import.resource_identifier("BucketName", "data").build();
    let made = client.create_change_set().stack_name("b").change_set_name("c").change_set_type(ChangeSetType::Import);
    let made = made.template_body(template.to_string()).resources_to_import(import).send().await.expect("made");
    run_set(&client, made.id().expect("an ARN")).await;
    assert_eq!(settle(&client, "b").await, ["IMPORT_IN_PROGRESS", "IMPORT_COMPLETE"]);
    assert_eq!(fake.stack("b").expect("a stack").body.resources["One"].physical, "data");
    assert!(fake.object("data", "k").is_some());
}

#[tokio::test]
async fn code_that_was_not_published_fails_the_function() {
    let fake = FakeAws::start().await;
    let bucket = fake.bootstrap_here();
    let client = client(&fake).await;
    let template = one("AWS::Lambda::Function", json!({"Code": {"S3Bucket": bucket, "S3Key": "none.zip"}}));
    client.create_stack().stack_name("app").template_body(template.to_string()).send().await.expect("begun");
    assert_eq!(settle(&client, "app").await.last().map(String::as_str), Some("ROLLBACK_COMPLETE"));
    let url = format!("{}/{bucket}/none.json", fake.endpoint());
    let missing = client.create_stack().stack_name("other").template_url(url).send().await.expect_err("no template");
    assert!(missing.message().unwrap_or("").starts_with("S3 error: The specified key does not exist."));
}

#[tokio::test]
async fn a_creation_whose_rollback_fails_can_only_be_deleted() {
    let fake = FakeAws::start().await;
    let client = client(&fake).await;
    let template = json!({"Resources": {
        "First": {"Type": "AWS::SQS::Queue"},
        "Second": {"Type": "AWS::SNS::Topic", "DependsOn": "First"},
    }});
    fake.fail_resource_on(On::Create, "app", "Second", "No");
    fake.fail_resource_on(On::Rollback, "app", "First", "Not gone");
    client.create_stack().stack_name("app").template_body(template.to_string()).send().await.expect("begun");
    assert_eq!(settle(&client, "app").await.last().map(String::as_str), Some("ROLLBACK_FAILED"));
    let id = fake.stack("app").expect("a stack").id;
    client.delete_stack().stack_name("app").send().await.expect("begun");
    settle(&client, &id).await;
    assert_eq!(fake.status(&id), "DELETE_COMPLETE");
}

#[tokio::test]
async fn a_big_stack_is_served_in_good_time() {
    let fake = FakeAws::start().await;
    let client = client(&fake).await;
    let chain = |delay: u32| {
        let queue = |n: usize| {
            let tags =
                if n == 0 { json!([]) } else { json!([{"Key": "before", "Value": {"Ref": format!("Q{}", n - 1)}}]) };
            json!({"Type": "AWS::SQS::Queue", "Properties": {"DelaySeconds": delay, "Tags": tags}})
        };
        json!({"Resources": (0..200).map(|n| (format!("Q{n}"), queue(n))).collect::<serde_json::Map<_, _>>()})
    };
    fake.instant();
    let bucket = fake.bootstrap_here();
    fake.seed_stack("app", &chain(1));
    fake.put_object(&bucket, "big.json", chain(2).to_string());
    let url = format!("https://{bucket}.s3.us-east-1.amazonaws.com/big.json");
    let began = std::time::Instant::now();
    client.update_stack().stack_name("app").template_url(url).send().await.expect("begun");
    assert_eq!(settle(&client, "app").await, ["UPDATE_COMPLETE"]);
    assert!(began.elapsed().as_secs() < 10, "{:?}", began.elapsed());
}
