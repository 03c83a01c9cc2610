//! The fake S3, STS, SSM, Lambda, its faults and its journal against the real SDK clients.

use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::primitives::ByteStream;
use serde_json::json;

use crate::fake::{ACCOUNT, FakeAws, Fault, REGION};
use crate::fake_selftest::config;

async fn s3(fake: &FakeAws) -> aws_sdk_s3::Client {
    aws_sdk_s3::Client::new(&config(fake, "test").await)
}

#[tokio::test]
async fn one_of_many_takes_a_lock() {
    let fake = FakeAws::start().await;
    fake.make_bucket(ACCOUNT, REGION, "state");
    let client = s3(&fake).await;
    let take = |n: usize| {
        let client = client.clone();
        async move {
            client
                .put_object()
                .bucket("state")
                .key("lock")
                .if_none_match("*")
                .body(ByteStream::from(format!("{n}").into_bytes()))
                .send()
                .await
        }
    };
    let tasks: Vec<_> = (0..8).map(|n| tokio::spawn(take(n))).collect();
    let mut winners = 0;
    for task in tasks {
        match task.await.expect("no panic") {
            Ok(_) => winners += 1,
            Err(error) => assert_eq!(error.code(), Some("PreconditionFailed")),
        }
    }
    assert_eq!(winners, 1);
    let object = client.get_object().bucket("state").key("lock").send().await.expect("the lock");
    let tag = object.e_tag().expect("an ETag").to_owned();
    let stale = client
        .put_object()
        .bucket("state")
        .key("lock")
        .if_match("\"other\"")
        .body(ByteStream::from_static(b"x"))
        .send()
        .await;
    assert_eq!(stale.expect_err("stale").code(), Some("PreconditionFailed"));
    client
        .put_object()
        .bucket("state")
        .key("lock")
        .if_match(&tag)
        .body(ByteStream::from_static(b"renewed"))
        .send()
        .await
        .expect("renewed");
    assert_eq!(fake.object("state", "lock").as_deref(), Some(b"renewed".as_slice()), "chunked framing is taken off");
    let release = client.delete_object().bucket("state").key("lock").if_match(&tag).send().await;
    assert_eq!(release.expect_err("no longer ours").code(), Some("PreconditionFailed"));
    fake.inject("s3", "PutObject", Fault::Conflict, 3);
    let conflict = take(9).await.expect_err("a conflict");
    assert_eq!(conflict.code(), Some("ConditionalRequestConflict"));
}

#[tokio::test]
async fn objects_are_listed_in_pages_and_missing_ones_said() {
    let fake = FakeAws::start().await;
    let bucket = fake.bootstrap_here();
    let client = s3(&fake).await;
    for n in 0..5 {
        fake.put_object(&bucket, &format!("a/{n}.json"), b"{}");
    }
    fake.put_object(&bucket, "b", b"");
    fake.page_size(2);
    let pages = client
        .list_objects_v2()
        .bucket(&bucket)
        .prefix("a/")
        .into_paginator()
        .send()
        .collect::<Result<Vec<_>, _>>()
        .await
        .expect("pages");
    assert_eq!(pages.iter().map(|page| page.contents().len()).collect::<Vec<_>>(), [2, 2, 1]);
    let missing = client.get_object().bucket(&bucket).key("none").send().await.expect_err("missing");
    assert_eq!(missing.code(), Some("NoSuchKey"));
    assert!(
        client
            .head_object()
            .bucket(&bucket)
            .key("none")
            .send()
            .await
            .expect_err("missing")
            .into_service_error()
            .is_not_found()
    );
    assert_eq!(
        client
            .head_bucket()
            .bucket("nowhere")
            .send()
            .await
            .expect_err("missing")
            .raw_response()
            .map(|r| r.status().as_u16()),
        Some(404)
    );
    let foreign = client
        .put_object()
        .bucket(&bucket)
        .key("x")
        .expected_bucket_owner("999999999999")
        .body(ByteStream::from_static(b"x"))
        .send()
        .await;
    assert_eq!(foreign.expect_err("not the owner").code(), Some("AccessDenied"));
    let location = client.get_bucket_location().bucket(&bucket).send().await.expect("a location");
    assert_eq!(location.location_constraint().map_or("", |l| l.as_str()), "");
    let rules = client.get_bucket_encryption().bucket(&bucket).send().await.expect("rules");
    assert_eq!(rules.server_side_encryption_configuration().map(|c| c.rules().len()), Some(1));
}

#[tokio::test]
async fn big_objects_go_up_in_parts() {
    let fake = FakeAws::start().await;
    let bucket = fake.bootstrap_here();
    let client = s3(&fake).await;
    let upload = client.create_multipart_upload().bucket(&bucket).key("big").send().await.expect("begun");
    let id = upload.upload_id().expect("an id").to_owned();
    for (number, part) in [(2, "world"), (1, "hello ")] {
        let body = ByteStream::from(part.as_bytes().to_vec());
        client
            .upload_part()
            .bucket(&bucket)
            .key("big")
            .upload_id(&id)
            .part_number(number)
            .body(body)
            .send()
            .await
            .expect("a part");
    }
    client.complete_multipart_upload().bucket(&bucket).key("big").upload_id(&id).send().await.expect("complete");
    let object = client.get_object().bucket(&bucket).key("big").send().await.expect("there");
    assert_eq!(object.body.collect().await.expect("bytes").into_bytes().as_ref(), b"hello world");
}

#[tokio::test]
async fn faults_strike_as_often_as_asked() {
    let fake = FakeAws::start().await;
    let client = aws_sdk_cloudformation::Client::new(&config(&fake, "test").await);
    for fault in [Fault::Throttle, Fault::ServerError(503), Fault::Reset] {
        fake.inject("cloudformation", "DescribeStacks", fault.clone(), 2);
        client.describe_stacks().send().await.unwrap_or_else(|error| panic!("{fault:?} is retried: {error:?}"));
        assert_eq!(fake.faults_left(), 0);
    }
    assert_eq!(fake.calls("cloudformation", "DescribeStacks").len(), 9);
    fake.inject_when(
        "cloudformation",
        "DescribeStacks",
        Fault::AccessDenied("not you".to_owned()),
        1,
        ("StackName", "a"),
    );
    let other = client.describe_stacks().stack_name("b").send().await.expect_err("missing");
    assert_eq!(other.code(), Some("ValidationError"));
    let denied = client.describe_stacks().stack_name("a").send().await.expect_err("denied");
    assert_eq!((denied.code(), denied.message()), (Some("AccessDenied"), Some("not you")));
    fake.inject("*", "*", Fault::ExpiredToken, 1);
    assert_eq!(client.describe_stacks().send().await.expect_err("expired").code(), Some("ExpiredToken"));
    assert!(fake.writes().is_empty());
}

#[tokio::test]
async fn a_call_without_an_answer_ends_with_the_clients_time_limit() {
    let fake = FakeAws::start().await;
    fake.make_bucket(ACCOUNT, REGION, "b");
    let limit = aws_config::timeout::TimeoutConfig::builder();
    let limit = limit.operation_attempt_timeout(std::time::Duration::from_millis(100)).build();
    let config = config(&fake, "test").await.into_builder().timeout_config(limit).build();
    fake.inject("s3", "PutObject", Fault::Timeout, 1);
    fake.inject_after(1, "s3", "PutObject", Fault::LostAnswer, 1);
    let client = aws_sdk_s3::Client::new(&config);
    let body = || ByteStream::from_static(b"v");
    client.put_object().bucket("b").key("k").body(body()).send().await.expect("the second attempt is answered");
    client.put_object().bucket("b").key("l").body(body()).send().await.expect("written twice, answered once");
    assert_eq!((fake.writes().len(), fake.carried_out().len()), (4, 3));
}

#[tokio::test]
async fn hooks_run_between_the_work_and_the_answer() {
    let fake = FakeAws::start().await;
    fake.make_bucket(ACCOUNT, REGION, "b");
    let (sender, receiver) = std::sync::mpsc::channel();
    fake.after_writes(1, move || sender.send("first write").expect("the test listens"));
    let client = s3(&fake).await;
    client.list_objects_v2().bucket("b").send().await.expect("read");
    assert!(receiver.try_recv().is_err());
    client.put_object().bucket("b").key("k").body(ByteStream::from_static(b"v")).send().await.expect("written");
    assert_eq!(receiver.try_recv(), Ok("first write"));
    assert_eq!(fake.writes()[0].to_string(), "s3 PutObject b k");
}

#[tokio::test]
async fn roles_switch_the_account_or_are_denied() {
    let fake = FakeAws::start().await;
    let sts = aws_sdk_sts::Client::new(&config(&fake, "222222222222").await);
    assert_eq!(sts.get_caller_identity().send().await.expect("known").account(), Some("222222222222"));
    let assume = |role: &str| sts.assume_role().role_arn(role).role_session_name("offshoot").send();
    let session = assume("arn:aws:iam::333333333333:role/cdk-deploy").await.expect("assumed");
    let credentials = session.credentials().expect("credentials");
    let inner = aws_sdk_sts::Client::new(&config(&fake, credentials.access_key_id()).await);
    let identity = inner.get_caller_identity().send().await.expect("known");
    assert_eq!(identity.arn(), Some("arn:aws:sts::333333333333:assumed-role/cdk-deploy/offshoot"));
    fake.deny_role("role/cdk-lookup");
    let denied = assume("arn:aws:iam::333333333333:role/cdk-lookup").await.expect_err("denied");
    assert_eq!(denied.code(), Some("AccessDenied"));
    assert!(denied.message().unwrap_or("").contains("is not authorized to perform: sts:AssumeRole on resource"));
}

#[tokio::test]
async fn a_web_identity_needs_a_token_for_our_audience_and_no_signature() {
    use base64::Engine as _;
    let fake = FakeAws::start().await;
    let sts = aws_sdk_sts::Client::new(&config(&fake, "test").await);
    let jwt = |claims: &str| format!("h.{}.s", base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(claims));
    let assume = |token: String| {
        let role = "arn:aws:iam::333333333333:role/offshoot-plan";
        let call = sts.assume_role_with_web_identity().role_arn(role).role_session_name("offshoot");
        call.web_identity_token(token).send()
    };
    let good = jwt(r#"{"aud":"sts.amazonaws.com","sub":"repo:acme/notes:pull_request"}"#);
    let answer = assume(good).await.expect("assumed");
    assert!(answer.assumed_role_user().is_some_and(|user| user.arn().contains("assumed-role/offshoot-plan/offshoot")));
    for bad in ["nothing".to_owned(), jwt(r#"{"aud":"other","sub":"x"}"#), jwt(r#"{"aud":"sts.amazonaws.com"}"#)] {
        assert_eq!(assume(bad).await.expect_err("refused").code(), Some("InvalidIdentityToken"));
    }
}

#[tokio::test]
async fn function_code_changes_take_a_while() {
    let fake = FakeAws::start().await;
    let bucket = fake.bootstrap_here();
    fake.put_object(&bucket, "one.zip", b"one");
    fake.put_object(&bucket, "two.zip", b"two");
    let template = json!({"Resources": {
        "Fn": {"Type": "AWS::Lambda::Function", "Properties": {"FunctionName": "hello", "Code": {"S3Bucket": bucket, "S3Key": "one.zip"}, "Handler": "i.h", "Runtime": "nodejs22.x"}},
        "V": {"Type": "AWS::Lambda::Version", "Properties": {"FunctionName": {"Ref": "Fn"}}},
        "Live": {"Type": "AWS::Lambda::Alias", "Properties": {"FunctionName": {"Ref": "Fn"}, "Name": "live", "FunctionVersion": {"Fn::GetAtt": ["V", "Version"]}}},
    }});
    fake.seed_stack("app", &template);
    let client = aws_sdk_lambda::Client::new(&config(&fake, "test").await);
    let update = || client.update_function_code().function_name("hello").s3_bucket(&bucket).s3_key("two.zip").send();
    let first = client.get_function_configuration().function_name("hello").send().await.expect("there");
    let updated = update().await.expect("updated");
    assert_ne!(first.code_sha256(), updated.code_sha256());
    let busy = update().await.expect_err("busy");
    assert_eq!(busy.code(), Some("ResourceConflictException"));
    let mut seen = Vec::new();
    for _ in 0..3 {
        let now = client.get_function().function_name("hello").send().await.expect("there");
        seen.push(now.configuration().and_then(|c| c.last_update_status()).map_or("", |s| s.as_str()).to_owned());
    }
    assert_eq!(seen, ["InProgress", "InProgress", "Successful"]);
    let version = client.publish_version().function_name("hello").send().await.expect("published");
    assert_eq!(version.version(), Some("2"));
    client.update_alias().function_name("hello").name("live").function_version("2").send().await.expect("moved");
    assert_eq!(fake.function(ACCOUNT, REGION, "hello").expect("there").aliases["live"], "2");
    let none = client.get_function().function_name("none").send().await.expect_err("missing");
    assert_eq!(none.code(), Some("ResourceNotFoundException"));
}

#[tokio::test]
async fn the_bootstrap_version_is_a_parameter() {
    let fake = FakeAws::start().await;
    fake.bootstrap_here();
    // the SDK for SSM is not among our crates: the request is written by hand
    let ask = |name: &str| {
        let body = json!({"Name": name}).to_string();
        let address = fake.endpoint().trim_start_matches("http://").to_owned();
        let request = format!(
            "POST / HTTP/1.1\r\nhost: {address}\r\nx-amz-target: AmazonSSM.GetParameter\r\ncontent-type: application/x-amz-json-1.1\r\n\
             authorization: AWS4-HMAC-SHA256 Credential={ACCOUNT}/20260101/{REGION}/ssm/aws4_request, SignedHeaders=host, Signature=0\r\n\
             content-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        );
        use std::io::{Read as _, Write as _};
        let mut stream = std::net::TcpStream::connect(address).expect("connected");
        stream.write_all(request.as_bytes()).expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("answered");
        answer
    };
    assert!(ask("/cdk-bootstrap/hnb659fds/version").contains("\"Value\":\"32\""));
    let missing = ask("/nope");
    assert!(missing.starts_with("HTTP/1.1 400") && missing.contains("\"__type\":\"ParameterNotFound\""), "{missing}");
}
