//! When a stack fails: the first resource that failed and why, what state is left, and only what depends on it is skipped.

use serde_json::json;

use crate::world::{World, after, app, queue, shows, stack, topic};

#[test]
fn the_first_failing_resource_is_named_not_the_ones_cancelled_after_it() {
    let all = stack("prod-app").has("Alarm", topic()).has("Bad", queue(30)).has("Late", after(topic(), &["Alarm"]));
    let world = World::of(app().stack(all));
    world.aws.fail_resource("prod-app", "Bad", "The queue name is taken (Service: Sqs, Status Code: 400)");
    let run = world.run("deploy").failed();
    shows!(run.out, @"
    notes → prod
    revision [commit] of notes, account 111111111111, us-east-1

    1 stack to create.

    + prod-app: create (+3)
      the stack does not exist
      + Alarm  SNS::Topic
      + Bad    SQS::Queue
      + Late   SNS::Topic

    notes → prod at [commit]

      failed     prod-app      0.0 s  ROLLBACK_COMPLETE

    prod-app failed at Bad (AWS::SQS::Queue)
      reason: The queue name is taken (Service: Sqs, Status Code: 400)
      state:  its creation was rolled back: nothing runs
      next:   fix the cause, then deploy again; the empty stack is deleted and created anew

    0 of 1 stack deployed in 0.0 s, 1 failed, plan [digest].
    ");
    shows!(run.err, @"
    · publishing 1 asset
    · creating change sets for 1 stack
        0.0 s  prod-app  create
        0.0 s  prod-app  CREATE_IN_PROGRESS (AWS::CloudFormation::Stack): User Initiated
        0.0 s  prod-app  CREATE_FAILED  Bad (AWS::SQS::Queue): The queue name is taken (Service: Sqs, Status Code: 400)
        0.0 s  prod-app  CREATE_FAILED  Alarm (AWS::SNS::Topic): Resource creation cancelled
        0.0 s  prod-app  ROLLBACK_IN_PROGRESS (AWS::CloudFormation::Stack): The following resource(s) failed to create: [Bad, Alarm]. Rollback requested by user.
        0.0 s  prod-app  ROLLBACK_COMPLETE (AWS::CloudFormation::Stack)
    ");
    let state = world.state().expect("a state");
    assert!(state["revision"].is_null() && state["run"].is_null(), "{state}");
    assert_eq!(state["stacks"]["prod-app"]["template"], "", "nothing of it runs, but a removal finds it: {state}");
    world.run("remove --yes").done();
    assert!(world.aws.stack("prod-app").is_none_or(|s| s.status == "DELETE_COMPLETE"));
    assert!(world.object("prod.lock").is_none(), "the lock is given back");
}

#[test]
fn only_the_stacks_behind_it_are_skipped() {
    let data = stack("prod-data").has("Queue", queue(30));
    let api = stack("prod-api").has("Queue", queue(30)).depends_on("prod-data");
    let jobs = stack("prod-jobs").has("Queue", queue(30)).depends_on("prod-api");
    let web = stack("prod-web").has("Queue", queue(30));
    let world = World::of(app().stack(data).stack(api).stack(jobs).stack(web));
    world.aws.fail_resource("prod-data", "Queue", "No more queues");
    let run = world.run("deploy").failed();
    shows!(run.out, @"
    notes → prod
    revision [commit] of notes, account 111111111111, us-east-1

    4 stacks to create.

    + prod-data: create (+1)
      the stack does not exist
      + Queue  SQS::Queue

    + prod-api: create (+1)
      the stack does not exist
      + Queue  SQS::Queue

    + prod-jobs: create (+1)
      the stack does not exist
      + Queue  SQS::Queue

    + prod-web: create (+1)
      the stack does not exist
      + Queue  SQS::Queue

    notes → prod at [commit]

      failed     prod-data      0.0 s  ROLLBACK_COMPLETE
      skipped    prod-api              because prod-data failed
      skipped    prod-jobs             because prod-data failed
      created    prod-web       0.0 s

    prod-data failed at Queue (AWS::SQS::Queue)
      reason: No more queues
      state:  its creation was rolled back: nothing runs
      next:   fix the cause, then deploy again; the empty stack is deleted and created anew

    1 of 4 stacks deployed in 0.0 s, 1 failed, 2 skipped, plan [digest].
    ");
    assert_eq!(world.aws.status("prod-web"), "CREATE_COMPLETE");
    assert_eq!(world.aws.status("prod-api"), "REVIEW_IN_PROGRESS");
    world.aws.heal("prod-data");
    world.run("deploy").done().says("prod-jobs");
    let executed = world.aws.calls("cloudformation", "ExecuteChangeSet");
    assert_eq!(executed.iter().filter(|call| call.param("StackName") == "prod-web").count(), 1);
}

#[test]
fn a_failed_update_is_rolled_back_and_said_so() {
    let with = |timeout_s| app().stack(stack("prod-app").has("Queue", queue(timeout_s)));
    let world = World::of(with(30)).deployed();
    world.change(with(60));
    world.aws.fail_resource("prod-app", "Queue", "VisibilityTimeout must be odd");
    let run = world.run("deploy").failed();
    shows!(run.out, @r#"
    notes → prod
    revision [commit] of notes, account 111111111111, us-east-1

    1 stack to update.

    ~ prod-app: update (~1)
      the template changed
      ~ Queue  SQS::Queue
          VisibilityTimeout  "30" → "60"

    notes → prod at [commit]

      failed     prod-app      0.0 s  UPDATE_ROLLBACK_COMPLETE

    prod-app failed at Queue (AWS::SQS::Queue)
      reason: VisibilityTimeout must be odd
      state:  rolled back: it runs what it ran before
      next:   fix the cause, then deploy again

    0 of 1 stack deployed in 0.0 s, 1 failed, plan [digest].
    "#);
    assert_eq!(world.aws.status("prod-app"), "UPDATE_ROLLBACK_COMPLETE");
    let state = world.state().expect("a state");
    assert_ne!(state["revision"], world.head().as_str(), "the stage still runs what it ran before");
}

#[test]
fn the_root_cause_is_found_in_a_nested_stack() {
    let inner = stack("inner").has("Queue", queue(30)).has("Bad", topic());
    let world = World::of(app().stack(stack("prod-app").nests("Inner", inner)));
    world.run("plan").done();
    world.aws.fail_resource(&world.aws.full_name("prod-app-Inner"), "Bad", "The topic is not welcome");
    let run = world.run("deploy").failed();
    shows!(run.out, @"
    notes → prod
    revision [commit] of notes, account 111111111111, us-east-1

    1 stack to create.

    + prod-app: create (+3)
      the stack does not exist
      + Inner        CloudFormation::Stack
      in the nested stack Inner:
      + Inner/Bad    SNS::Topic
      + Inner/Queue  SQS::Queue

    notes → prod at [commit]

      failed     prod-app      0.0 s  ROLLBACK_COMPLETE

    prod-app failed at Inner/Bad (AWS::SNS::Topic)
      reason: The topic is not welcome
      state:  its creation was rolled back: nothing runs
      next:   fix the cause, then deploy again; the empty stack is deleted and created anew

    0 of 1 stack deployed in 0.0 s, 1 failed, plan [digest].
    ");
}

#[test]
fn an_export_that_is_in_use_is_told_with_its_users() {
    let exporting = stack("prod-data").has("Queue", queue(30)).exports("Queue", json!({"Ref": "Queue"}));
    let api = stack("prod-api").imports("News", "Queue").depends_on("prod-data");
    let world = World::of(app().stack(exporting).stack(api.clone())).deployed();
    world.change(app().stack(stack("prod-data").has("Queue", queue(60))).stack(api));
    let run = world.run("deploy").failed();
    shows!(run.out, @r#"
    notes → prod
    revision [commit] of notes, account 111111111111, us-east-1

    1 stack to update, 1 unchanged.

    ~ prod-data: update (~1)
      the template changed
      ~ Queue  SQS::Queue
          VisibilityTimeout  "30" → "60"
      Outputs
        - ExportQueue  ${Queue}

    = unchanged: prod-api

    notes → prod at [commit]

      failed     prod-data      0.0 s  UPDATE_ROLLBACK_COMPLETE
      unchanged  prod-api

    prod-data failed at prod-data (AWS::CloudFormation::Stack)
      reason: Export Queue cannot be deleted as it is in use by prod-api.
      state:  rolled back: it runs what it ran before
      next:   fix the cause, then deploy again

    0 of 1 stack deployed in 0.0 s, 1 failed, 1 unchanged, plan [digest].
    "#);
}

#[test]
fn a_call_that_is_denied_is_told_with_the_role_that_lacks_the_right() {
    let world = World::of(app().stack(stack("prod-app").has("Queue", queue(30))));
    let message = "User: arn:aws:sts::111111111111:assumed-role/deploy/offshoot is not authorized to perform: cloudformation:CreateChangeSet";
    world.aws.inject("cloudformation", "CreateChangeSet", crate::fake::Fault::AccessDenied(message.into()), 1);
    let run = world.run("plan --quiet").failed();
    shows!(run.err, @"
    error: creating a change set for stack prod-app: AccessDenied: User:
           arn:aws:sts::111111111111:assumed-role/deploy/offshoot is not authorized to perform:
           cloudformation:CreateChangeSet
    next: grant the missing action to arn:aws:iam::111111111111:role/cdk-hnb659fds-deploy-role-111111111111-us-east-1
    ");
}
