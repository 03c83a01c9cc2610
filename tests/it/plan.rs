//! Plans: what people read before anything is deployed, and that nothing is deployed by them.

use crate::world::{World, app, queue, shows, small_app, stack, table, topic};
use serde_json::json;

#[test]
fn a_new_stage_is_planned_as_new_stacks() {
    let world = World::of(small_app());
    let run = world.run("plan").done();
    shows!(run.out, @"
    notes → prod
    revision [commit] of notes, account 111111111111, us-east-1

    1 stack to create.

    + prod-app: create (+1)
      the stack does not exist
      + Queue  SQS::Queue

    Plan [digest] is not deployed yet. To deploy exactly this:
      offshoot deploy --plan [digest]
    ");
    assert_eq!(world.aws.status("prod-app"), "REVIEW_IN_PROGRESS");
    assert!(world.state().is_none(), "a plan deploys nothing");
}

#[test]
fn an_update_shows_what_changes_and_what_is_lost() {
    let before = stack("prod-app").has("Queue", queue(30)).has("Notes", table("notes")).has("News", topic());
    let after = stack("prod-app").has("Queue", queue(60)).has("Notes", table("notes-2")).function("Api", "one");
    let world = World::of(app().stack(before)).deployed();
    world.change(app().stack(after));
    let run = world.run("plan").done();
    shows!(run.out, @r#"
    notes → prod
    revision [commit] of notes, account 111111111111, us-east-1

    1 stack to update.

    DANGER: this plan deletes data
      ± Notes (AWS::DynamoDB::Table) in prod-app is replaced because TableName changes: the old one is deleted with its data

    Replaced or removed
      - News (AWS::SNS::Topic) in prod-app is deleted

    ~ prod-app: update (+1 ~1 ±1 -1)
      the template changed
      ± Notes  DynamoDB::Table   replaced, loses data
          TableName  "notes" → "notes-2" (replaces)
      - News   SNS::Topic        deleted
      ~ Queue  SQS::Queue
          VisibilityTimeout  "30" → "60"
      + Api    Lambda::Function
      Functions
        ~ Api: index.handler, nodejs22.x, 119 B

    Plan [digest] deletes data: read it again before you deploy it. To deploy exactly this:
      offshoot deploy --plan [digest]
    "#);
}

#[test]
fn nothing_to_do_is_said_with_its_reason() {
    let world = World::of(small_app()).deployed();
    let run = world.run("plan").done();
    shows!(run.out, @"
    notes → prod
    revision [commit] of notes, account 111111111111, us-east-1

    Nothing to do: the stack is deployed as it is in this revision.
    ");
}

#[test]
fn a_second_plan_finds_the_change_set_of_the_first() {
    let world = World::of(small_app());
    let first = world.plan();
    let second = world.plan();
    assert_eq!(first["digest"], second["digest"]);
    assert_eq!(first["stacks"][0]["change_set"], second["stacks"][0]["change_set"]);
    assert_eq!(world.aws.change_sets().len(), 1, "{:?}", world.aws.change_sets());
}

#[test]
fn a_nested_stack_is_looked_into() {
    let inner = |timeout_s| stack("inner").has("Queue", queue(timeout_s));
    let outer = |timeout_s| app().stack(stack("prod-app").has("News", topic()).nests("Inner", inner(timeout_s)));
    let world = World::of(outer(30)).deployed();
    world.change(outer(60));
    let run = world.run("plan").done();
    shows!(run.out, @r#"
    notes → prod
    revision [commit] of notes, account 111111111111, us-east-1

    1 stack to update.

    ~ prod-app: update (~2)
      the template changed
      ~ Inner        CloudFormation::Stack
          TemplateURL
            - "https://s3.us-east-1.amazonaws.com/cdk-hnb659fds-assets-[id]-us-east-1/bfa336088c3167e61fab9ef1f1bc9…
            + "https://s3.us-east-1.amazonaws.com/cdk-hnb659fds-assets-[id]-us-east-1/ae92a2e05098ed6e69e587e3b17c1…
      in the nested stack Inner:
      ~ Inner/Queue  SQS::Queue
          VisibilityTimeout  "30" → "60"

    Plan [digest] is not deployed yet. To deploy exactly this:
      offshoot deploy --plan [digest]
    "#);
}

#[test]
fn broader_rights_are_shown_before_anything_else() {
    let role = |action: &str| {
        json!({"Type": "AWS::IAM::Role", "Properties": {
            "AssumeRolePolicyDocument": {"Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]},
            "Policies": [{"PolicyName": "p", "PolicyDocument": {"Statement": [{"Effect": "Allow", "Action": action, "Resource": "*"}]}}],
        }})
    };
    let world = World::of(app().stack(stack("prod-app").has("Role", role("s3:GetObject")))).deployed();
    world.change(app().stack(stack("prod-app").has("Role", role("s3:*"))));
    let run = world.run("plan").done();
    shows!(run.out, @r#"
    notes → prod
    revision [commit] of notes, account 111111111111, us-east-1

    1 stack to update.

    More access than before
      prod-app: 1 IAM permission

    ~ prod-app: update (~1)
      the template changed
      ~ Role  IAM::Role
          Policies.PolicyDocument.Statement.0.Action  "s3:GetObject" → "s3:*"
      IAM
        + Allow s3:* on * for AWS:${Role} (grants more)
        - Allow s3:GetObject on * for AWS:${Role}

    Plan [digest] is not deployed yet. To deploy exactly this:
      offshoot deploy --plan [digest]
    "#);
}

#[test]
fn secrets_are_hidden_unless_asked_for() {
    let parameter = json!({"Type": "String", "NoEcho": true, "Default": "x"});
    let function = |password: &str| {
        json!({"Type": "AWS::Lambda::Function", "Properties": {
            "Runtime": "nodejs22.x", "Handler": "index.handler", "Role": "arn:aws:iam::111111111111:role/runs",
            "Code": {"ZipFile": "exports.handler = () => 1"}, "Environment": {"Variables": {"DB_PASSWORD": password}},
        }})
    };
    let with = |password: &str| {
        app().stack(stack("prod-app").parameter("Key", parameter.clone(), None).has("F", function(password)))
    };
    let world = World::of(with("correct-horse")).deployed();
    world.change(with("battery-staple"));
    world.run("plan").done().says("DB_PASSWORD").says_nothing_of("correct-horse").says_nothing_of("battery-staple");
    world.run("plan --format json").done().says_nothing_of("battery-staple");
    world.run("plan --format markdown").done().says_nothing_of("battery-staple");
    world.run("plan --show-secrets").done().says("battery-staple");
}

#[test]
fn every_page_of_a_change_set_is_read() {
    let many = (0..25).fold(stack("prod-app"), |stack, n| stack.has(&format!("Queue{n:02}"), queue(30)));
    let world = World::of(app().stack(many));
    world.aws.page_size(10);
    let plan = world.plan();
    assert_eq!(plan["stacks"][0]["changes"].as_array().map(Vec::len), Some(25));
}

#[test]
fn resources_that_cloudformation_drops_with_property_values_are_still_planned() {
    let with = |timeout_s| app().stack(stack("prod-app").has("Queue", queue(timeout_s)).has("Other", queue(timeout_s)));
    let world = World::of(with(30)).deployed();
    world.aws.drop_with_property_values("prod-app", "Other");
    world.change(with(60));
    world.run("plan").done().says("~ Other").says("~ Queue");
}

#[test]
fn a_change_set_that_cloudformation_refuses_is_told_in_its_words() {
    let world = World::of(small_app());
    world
        .aws
        .fail_change_set("prod-app", "Template error: instance of Fn::GetAtt references undefined resource Nothing");
    let run = world.run("plan").failed();
    shows!(run.err, @"
    · publishing 1 asset
    · creating change sets for 1 stack
    error: creating a change set for stack prod-app: Template error: instance of Fn::GetAtt references undefined resource
           Nothing
    next: correct the app, then plan again; CloudFormation's own words are above
    ");
}

#[test]
fn a_slow_change_set_is_waited_for() {
    let world = World::of(small_app());
    world.aws.slow_change_set("prod-app", 25);
    world.run("plan").done().says("1 stack to create.");
    assert!(world.aws.calls("cloudformation", "DescribeChangeSet").len() > 5);
}

#[test]
fn a_change_that_cloudformation_does_not_see_is_no_change() {
    let described = |text: &str| stack("prod-app").has("Queue", queue(30)).section("Metadata", "Note", json!(text));
    let world = World::of(app().stack(described("one"))).deployed();
    world.change(app().stack(described("two")));
    world.run("plan").done().says("Nothing to do: the stack is deployed as it is in this revision");
    let left = world.aws.change_sets();
    assert!(left.iter().all(|set| set.ends_with("EXECUTE_COMPLETE")), "the empty change set is deleted: {left:?}");
}
