//! The fake CloudFormation against the real SDK client: what tests may rely on.

use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::error::ProvideErrorMetadata;
use aws_sdk_cloudformation::types::{Capability, ChangeSetType, OnStackFailure};
use serde_json::{Value, json};

use crate::fake::{FakeAws, On};

/// What the SDK needs to talk to the fake.
pub async fn config(fake: &FakeAws, key: &str) -> SdkConfig {
    let credentials = aws_credential_types::Credentials::new(key, "secret", None, None, "test");
    let retries =
        RetryConfig::standard().with_max_attempts(3).with_initial_backoff(std::time::Duration::from_millis(1));
    aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(fake.endpoint())
        .credentials_provider(credentials)
        .retry_config(retries)
        .load()
        .await
}

pub async fn client(fake: &FakeAws) -> Client {
    Client::new(&config(fake, "test").await)
}

pub fn queue(timeout: u32) -> Value {
    json!({
        "Resources": {
            "Queue": {"Type": "AWS::SQS::Queue", "Properties": {"VisibilityTimeout": timeout}},
            "Topic": {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": {"Fn::GetAtt": ["Queue", "QueueName"]}}},
        },
        "Outputs": {"Url": {"Value": {"Ref": "Queue"}}, "Arn": {"Value": {"Fn::Sub": "${Queue.Arn}"}, "Export": {"Name": "queue-arn"}}},
    })
}

pub async fn create_set(client: &Client, stack: &str, name: &str, kind: ChangeSetType, template: &Value) -> String {
    let made = client.create_change_set().stack_name(stack).change_set_name(name).change_set_type(kind);
    let made = made.template_body(template.to_string()).capabilities(Capability::CapabilityIam).send().await;
    made.expect("a change set").id.expect("its ARN")
}

type Described = aws_sdk_cloudformation::operation::describe_change_set::DescribeChangeSetOutput;

/// Polls until the change set rests; gives all statuses seen and the last answer.
pub async fn rest(client: &Client, set: &str) -> (Vec<String>, Described) {
    let mut seen = Vec::new();
    for _ in 0..50 {
        let out = client
            .describe_change_set()
            .change_set_name(set)
            .include_property_values(true)
            .send()
            .await
            .expect("described");
        let status = out.status().expect("a status").as_str().to_owned();
        seen.push(status.clone());
        if !status.starts_with("CREATE_PENDING") && !status.ends_with("IN_PROGRESS") {
            return (seen, out);
        }
    }
    panic!("the change set never rests: {seen:?}");
}

/// Polls until the stack rests; gives the different statuses seen.
pub async fn settle(client: &Client, stack: &str) -> Vec<String> {
    let mut seen: Vec<String> = Vec::new();
    for _ in 0..100 {
        let out = client.describe_stacks().stack_name(stack).send().await.expect("described");
        let status = out.stacks()[0].stack_status().expect("a status").as_str().to_owned();
        if seen.last() != Some(&status) {
            seen.push(status.clone());
        }
        if !status.ends_with("IN_PROGRESS") {
            return seen;
        }
    }
    panic!("the stack never rests: {seen:?}");
}

pub async fn run_set(client: &Client, set: &str) {
    let (_, described) = rest(client, set).await;
    assert_eq!(described.status().map(|s| s.as_str()), Some("CREATE_COMPLETE"), "{:?}", described.status_reason());
    client
        .execute_change_set()
        .change_set_name(set)
        .client_request_token(format!("run-{}", set.len()))
        .send()
        .await
        .expect("executed");
}

#[tokio::test]
async fn a_missing_stack_is_said_as_cloudformation_says_it() {
    let fake = FakeAws::start().await;
    let error = client(&fake).await.describe_stacks().stack_name("nope").send().await.expect_err("missing");
    assert_eq!(error.code(), Some("ValidationError"));
    assert_eq!(error.message(), Some("Stack with id nope does not exist"));
    assert_eq!(fake.writes().len(), 0);
    assert_eq!(fake.calls("cloudformation", "DescribeStacks").len(), 1);
}

#[tokio::test]
async fn a_stack_is_created_by_a_change_set_step_by_step() {
    let fake = FakeAws::start().await;
    let client = client(&fake).await;
    let set = create_set(&client, "app", "first", ChangeSetType::Create, &queue(30)).await;
    assert_eq!(fake.status("app"), "REVIEW_IN_PROGRESS");
    let (seen, described) = rest(&client, &set).await;
    assert_eq!(seen, ["CREATE_IN_PROGRESS", "CREATE_COMPLETE"]);
    assert_eq!(described.changes().len(), 2);
    let after = described.changes()[0].resource_change().and_then(|c| c.after_context()).expect("property values");
    assert_eq!(after, r#"{"Properties":{"VisibilityTimeout":30}}"#);
    client.execute_change_set().change_set_name(&set).client_request_token("t1").send().await.expect("executed");
    assert_eq!(settle(&client, "app").await, ["CREATE_IN_PROGRESS", "CREATE_COMPLETE"]);
    assert_eq!(
        fake.output("app", "Arn")
            .as_deref()
            .map(|arn| arn.starts_with("arn:aws:sqs:us-east-1:111111111111:app-Queue-")),
        Some(true)
    );
    let events = client.describe_stack_events().stack_name("app").send().await.expect("events");
    let events: Vec<String> = events
        .stack_events()
        .iter()
        .rev()
        .map(|e| {
            format!("{} {}", e.logical_resource_id().unwrap_or(""), e.resource_status().map_or("", |s| s.as_str()))
        })
        .collect();
    assert_eq!(
        events,
        [
            "app REVIEW_IN_PROGRESS",
            "app CREATE_IN_PROGRESS",
            "Queue CREATE_IN_PROGRESS",
            "Queue CREATE_IN_PROGRESS",
            "Queue CREATE_COMPLETE",
            "Topic CREATE_IN_PROGRESS",
            "Topic CREATE_IN_PROGRESS",
            "Topic CREATE_COMPLETE",
            "app CREATE_COMPLETE",
        ]
    );
    // once executed, it is told apart from a fresh one
    let again =
        client.execute_change_set().change_set_name(&set).client_request_token("t1").send().await.expect_err("used");
    assert_eq!(again.code(), Some("TokenAlreadyExistsException"));
    let again =
        client.execute_change_set().change_set_name(&set).client_request_token("t2").send().await.expect_err("used");
    assert_eq!(again.code(), Some("InvalidChangeSetStatus"));
}

#[tokio::test]
async fn the_same_template_is_no_change() {
    let fake = FakeAws::start().await;
    let client = client(&fake).await;
    fake.seed_stack("app", &queue(30));
    let set = create_set(&client, "app", "same", ChangeSetType::Update, &queue(30)).await;
    let (_, described) = rest(&client, &set).await;
    assert_eq!(described.status().map(|s| s.as_str()), Some("FAILED"));
    assert!(described.status_reason().unwrap_or("").starts_with("The submitted information didn't contain changes."));
    client.delete_change_set().change_set_name(&set).send().await.expect("deleted");
    let gone = client.describe_change_set().change_set_name(&set).send().await.expect_err("gone");
    assert_eq!(gone.code(), Some("ChangeSetNotFound"));
}

#[tokio::test]
async fn an_update_shows_values_and_replacement() {
    let fake = FakeAws::start().await;
    let client = client(&fake).await;
    let table = |key: &str, mode: &str| {
        json!({"Resources": {
            "Table": {"Type": "AWS::DynamoDB::Table", "Properties": {"KeySchema": [{"AttributeName": key}], "BillingMode": mode}, "UpdateReplacePolicy": "Retain"},
            "Rule": {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": {"Ref": "Table"}}},
        }})
    };
    fake.seed_stack("app", &table("id", "A"));
    let set = create_set(&client, "app", "change", ChangeSetType::Update, &table("key", "B")).await;
    let (_, described) = rest(&client, &set).await;
    let change = |n: usize| described.changes()[n].resource_change().expect("a resource change");
    assert_eq!(change(1).replacement().map(|r| r.as_str()), Some("True"));
    assert_eq!(change(1).policy_action().map(|r| r.as_str()), Some("ReplaceAndRetain"));
    let target = change(1).details()[0].target().expect("a target");
    assert_eq!(
        (target.path(), target.before_value(), target.after_value()),
        (Some("/Properties/BillingMode"), Some("A"), Some("B"))
    );
    assert_eq!(change(0).details()[0].change_source().map(|s| s.as_str()), Some("ResourceReference"));
    assert_eq!(change(0).details()[0].target().and_then(|t| t.after_value()), Some("{{changeSet:KNOWN_AFTER_APPLY}}"));
    let before = fake.stack("app").expect("a stack").body.resources["Table"].physical.clone();
    run_set(&client, &set).await;
    assert_eq!(
        settle(&client, "app").await,
        ["UPDATE_IN_PROGRESS", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_COMPLETE"]
    );
    assert_ne!(fake.stack("app").expect("a stack").body.resources["Table"].physical, before);
}

#[tokio::test]
async fn a_failing_update_rolls_back_and_names_the_resource() {
    let fake = FakeAws::start().await;
    let client = client(&fake).await;
    fake.seed_stack("app", &queue(30));
    fake.fail_resource("app", "Queue", "Invalid value for VisibilityTimeout");
    let set = create_set(&client, "app", "bad", ChangeSetType::Update, &queue(99)).await;
    run_set(&client, &set).await;
    let seen = settle(&client, "app").await;
    assert_eq!(seen.last().map(String::as_str), Some("UPDATE_ROLLBACK_COMPLETE"), "{seen:?}");
    let events = client.describe_stack_events().stack_name("app").send().await.expect("events");
    let failed: Vec<_> = events
        .stack_events()
        .iter()
        .filter(|e| e.resource_status().is_some_and(|s| s.as_str() == "UPDATE_FAILED"))
        .collect();
    assert_eq!(failed[0].resource_status_reason(), Some("Invalid value for VisibilityTimeout"));
    assert!(failed[0].client_request_token().is_some_and(|token| token.starts_with("run-")));
    assert_eq!(fake.stack("app").expect("a stack").body.resources["Queue"].properties["VisibilityTimeout"], 30);
    // healed, the same update goes through
    fake.heal("app");
    let set = create_set(&client, "app", "good", ChangeSetType::Update, &queue(99)).await;
    let (_, described) = rest(&client, &set).await;
    assert_eq!(described.changes().len(), 1);
    client.execute_change_set().change_set_name(&set).send().await.expect("executed");
    assert_eq!(settle(&client, "app").await.last().map(String::as_str), Some("UPDATE_COMPLETE"));
}

#[tokio::test]
async fn a_failed_creation_ends_in_rollback_complete_and_cancels_its_neighbours() {
    let fake = FakeAws::start().await;
    let client = client(&fake).await;
    let template = json!({"Resources": {"A": {"Type": "AWS::SQS::Queue"}, "B": {"Type": "AWS::SQS::Queue"}}});
    fake.fail_resource("app", "B", "No room");
    client.create_stack().stack_name("app").template_body(template.to_string()).send().await.expect("begun");
    assert_eq!(settle(&client, "app").await, ["CREATE_IN_PROGRESS", "ROLLBACK_IN_PROGRESS", "ROLLBACK_COMPLETE"]);
    let stack = fake.stack("app").expect("a stack");
    let reasons: Vec<_> = stack
        .events
        .iter()
        .filter(|e| e.status == "CREATE_FAILED")
        .map(|e| (e.logical.as_str(), e.reason.as_deref()))
        .collect();
    assert_eq!(reasons, [("B", Some("No room")), ("A", Some("Resource creation cancelled"))]);
    let refused = client
        .update_stack()
        .stack_name("app")
        .template_body(template.to_string())
        .send()
        .await
        .expect_err("rolled back");
    assert!(refused.message().unwrap_or("").contains("ROLLBACK_COMPLETE state and can not be updated"));
    // and DELETE makes room again
    fake.heal("app");
    client.delete_stack().stack_name("app").send().await.expect("begun");
    assert_eq!(settle(&client, &stack.id).await, ["DELETE_IN_PROGRESS", "DELETE_COMPLETE"]);
}

#[tokio::test]
async fn a_rollback_can_fail_and_be_continued() {
    let fake = FakeAws::start().await;
    let client = client(&fake).await;
    fake.seed_stack("app", &queue(30));
    fake.fail_resource_on(On::Update, "app", "Topic", "No");
    fake.fail_resource_on(On::Rollback, "app", "Queue", "Not back either");
    let mut wanted = queue(99);
    wanted["Resources"]["Topic"]["Properties"]["FifoThroughputScope"] = json!("Topic");
    client.update_stack().stack_name("app").template_body(wanted.to_string()).send().await.expect("begun");
    assert_eq!(settle(&client, "app").await.last().map(String::as_str), Some("UPDATE_ROLLBACK_FAILED"));
    client.continue_update_rollback().stack_name("app").resources_to_skip("Queue").send().await.expect("continued");
    assert_eq!(settle(&client, "app").await.last().map(String::as_str), Some("UPDATE_ROLLBACK_COMPLETE"));
}

#[tokio::test]
async fn without_rollback_a_stack_stays_failed_until_it_is_rolled_back() {
    let fake = FakeAws::start().await;
    let client = client(&fake).await;
    fake.seed_stack("app", &queue(30));
    fake.fail_resource("app", "Queue", "No");
    let set = create_set(&client, "app", "bad", ChangeSetType::Update, &queue(99)).await;
    rest(&client, &set).await;
    client.execute_change_set().change_set_name(&set).disable_rollback(true).send().await.expect("executed");
    assert_eq!(settle(&client, "app").await, ["UPDATE_IN_PROGRESS", "UPDATE_FAILED"]);
    client.rollback_stack().stack_name("app").send().await.expect("rolled back");
    assert_eq!(settle(&client, "app").await.last().map(String::as_str), Some("UPDATE_ROLLBACK_COMPLETE"));
}

#[tokio::test]
async fn on_stack_failure_delete_leaves_nothing() {
    let fake = FakeAws::start().await;
    let client = client(&fake).await;
    fake.fail_resource("app", "Topic", "No");
    let made = client.create_change_set().stack_name("app").change_set_name("c").change_set_type(ChangeSetType::Create);
    let made =
        made.template_body(queue(1).to_string()).on_stack_failure(OnStackFailure::Delete).send().await.expect("made");
    run_set(&client, made.id().expect("an ARN")).await;
    let seen = settle(&client, made.stack_id().expect("an ARN")).await;
    assert_eq!(seen, ["CREATE_IN_PROGRESS", "DELETE_IN_PROGRESS", "DELETE_COMPLETE"]);
    assert_eq!(fake.stack_names("111111111111", "us-east-1"), Vec::<String>::new());
}

#[tokio::test]
async fn exports_in_use_and_protection_hold_a_stack() {
    let fake = FakeAws::start().await;
    let client = client(&fake).await;
    let user = json!({"Resources": {"T": {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": {"Fn::ImportValue": "queue-arn"}}}}});
    let set = create_set(&client, "user", "early", ChangeSetType::Create, &user).await;
    let (_, described) = rest(&client, &set).await;
    assert_eq!(described.status_reason(), Some("No export named queue-arn found"));
    fake.seed_stack("app", &queue(30));
    fake.seed_stack("user", &user);
    client.delete_stack().stack_name("app").send().await.expect("begun");
    assert_eq!(settle(&client, "app").await.last().map(String::as_str), Some("DELETE_FAILED"));
    assert!(fake.stack("app").and_then(|s| s.reason).unwrap_or_default().contains("in use by user"));
    fake.with_stack("user", |stack| stack.termination_protection = true);
    let refused = client.delete_stack().stack_name("user").send().await.expect_err("protected");
    assert!(refused.message().unwrap_or("").contains("TerminationProtection"));
}

#[tokio::test]
async fn change_sets_are_refused_when_they_cannot_be() {
    let fake = FakeAws::start().await;
    let client = client(&fake).await;
    let attempt = |stack: &'static str, template: Value| {
        let call =
            client.create_change_set().stack_name(stack).change_set_name("x").change_set_type(ChangeSetType::Update);
        async move {
            let error = call.template_body(template.to_string()).send().await.expect_err("refused");
            format!("{}: {}", error.code().unwrap_or(""), error.message().unwrap_or(""))
        }
    };
    assert_eq!(attempt("none", queue(1)).await, "ValidationError: Stack [none] does not exist");
    fake.seed_stack("app", &queue(30));
    let role = json!({"Resources": {"R": {"Type": "AWS::IAM::Role"}}});
    assert_eq!(
        attempt("app", role).await,
        "InsufficientCapabilitiesException: Requires capabilities : [CAPABILITY_IAM]"
    );
    let broken = json!({"Resources": {"R": {"Type": "AWS::SNS::Topic", "Properties": {"X": {"Ref": "Nope"}}}}});
    assert!(attempt("app", broken).await.contains("Unresolved resource dependencies [Nope]"));
    fake.change_set_limit(0);
    assert!(attempt("app", queue(2)).await.starts_with("LimitExceededException: ChangeSet limit exceeded"));
    fake.with_stack("app", |stack| stack.status = "UPDATE_IN_PROGRESS".to_owned());
    assert!(attempt("app", queue(2)).await.contains("is in UPDATE_IN_PROGRESS state and can not be updated"));
}

#[tokio::test]
async fn a_change_set_is_obsolete_once_the_stack_moved() {
    let fake = FakeAws::start().await;
    let client = client(&fake).await;
    fake.seed_stack("app", &queue(30));
    let set = create_set(&client, "app", "old", ChangeSetType::Update, &queue(31)).await;
    rest(&client, &set).await;
    fake.touch_stack("app");
    let error = client.execute_change_set().change_set_name(&set).send().await.expect_err("obsolete");
    assert_eq!(error.code(), Some("InvalidChangeSetStatus"));
    let out = client.describe_change_set().change_set_name(&set).send().await.expect("described");
    assert_eq!(out.execution_status().map(|s| s.as_str()), Some("OBSOLETE"));
}
