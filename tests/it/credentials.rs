//! Who we are to AWS: without, with expired, with the wrong credentials nothing is written; denied roles are answered.

use crate::fake::Fault;
use crate::world::{World, shows, small_app};

#[track_caller]
fn nothing_was_written(world: &World) {
    assert!(world.aws.writes().is_empty(), "{}", world.aws.told());
}

#[test]
fn none_at_all() {
    let world = World::of(small_app()).with_env("AWS_ACCESS_KEY_ID", "").with_env("AWS_SECRET_ACCESS_KEY", "");
    let run = world.run("deploy").failed();
    shows!(run.err, @"
    error: asking AWS who we are (sts:GetCallerIdentity): no AWS credentials were found
    next: set AWS_PROFILE (or pass --profile), run `aws sso login`, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY
    ");
    assert!(world.aws.journal().is_empty());
}

#[test]
fn expired() {
    let world = World::of(small_app());
    world.aws.inject("*", "*", Fault::ExpiredToken, 100);
    let run = world.run("deploy").failed();
    shows!(run.err, @"
    error: asking AWS who we are (sts:GetCallerIdentity): ExpiredToken: The security token included in the request is
           expired
    next: get new credentials (for example `aws sso login`) and run the command again; nothing is lost
    ");
    nothing_was_written(&world);
}

#[test]
fn expired_in_the_middle() {
    let world = World::of(small_app());
    world.aws.inject("cloudformation", "*", Fault::ExpiredToken, 100);
    let run = world.run("deploy").failed();
    shows!(run.err, @"
    error: describing stack prod-app: ExpiredToken: The security token included in the request is expired
    next: get new credentials (for example `aws sso login`) and run the command again; nothing is lost
    ");
    nothing_was_written(&world);
}

#[test]
fn unknown_to_aws() {
    let world = World::of(small_app());
    let unknown = Fault::Error(
        403,
        "InvalidClientTokenId".into(),
        "The security token included in the request is invalid.".into(),
    );
    world.aws.inject("sts", "*", unknown, 100);
    let run = world.run("plan").failed();
    shows!(run.err, @"
    error: asking AWS who we are (sts:GetCallerIdentity): InvalidClientTokenId: The security token included in the request
           is invalid.
    next: check AWS_PROFILE, AWS_ACCESS_KEY_ID and the clock of this machine
    ");
}

#[test]
fn of_another_account() {
    let world = World::of(small_app()).with_rule("aws: { account: \"222222222222\" }");
    world.aws.deny_role("222222222222:role/");
    let run = world.run("deploy").refused();
    shows!(run.err, @"
    error: checking the AWS account: the stage belongs to account 222222222222, but these credentials are
           arn:aws:iam::111111111111:user/developer in 111111111111
      because: assuming role arn:aws:iam::222222222222:role/cdk-hnb659fds-file-publishing-role-[id]-us-east-1:
               AccessDenied: User: arn:aws:iam::111111111111:user/developer is not authorized to perform: sts:AssumeRole on
               resource: arn:aws:iam::222222222222:role/cdk-hnb659fds-file-publishing-role-[id]-us-east-1
    next: use credentials of that account (--profile), or correct `aws: { account: … }` in offshoot.yml
    ");
    nothing_was_written(&world);
}

#[test]
fn without_a_region() {
    let world = World::of(small_app()).with_env("AWS_REGION", "").with_env("AWS_DEFAULT_REGION", "");
    let run = world.run("plan").wrong();
    shows!(run.err, @"
    error: choosing the AWS region: none is configured
    next: write `aws: { region: … }` for the stage in offshoot.yml, or pass --region, or set AWS_REGION
    ");
    assert!(world.aws.journal().is_empty());
}

#[test]
fn the_region_of_the_rule_is_used_and_the_option_wins() {
    let world = World::of(small_app()).with_rule("aws: { region: eu-west-1 }");
    world.aws.bootstrap("111111111111", "eu-west-1");
    world.aws.bootstrap("111111111111", "eu-north-1");
    world.run("plan").done().says("account 111111111111, eu-west-1");
    world.run("plan --region eu-north-1").done().says("account 111111111111, eu-north-1");
    assert!(world.aws.stack_names("111111111111", "us-east-1").iter().all(|name| name == "CDKToolkit"));
}

#[test]
fn a_denied_bootstrap_role_falls_back_to_the_identity_itself_and_says_so() {
    let world = World::of(small_app());
    world.aws.deny_role("deploy-role");
    let run = world.run("plan").done();
    run.says("cdk-hnb659fds-deploy-role-111111111111-us-east-1 cannot be assumed; going on as arn:aws:iam::111111111111:user/developer");
    world.run("deploy").done();
    assert_eq!(world.aws.status("prod-app"), "CREATE_COMPLETE");
}

#[test]
fn an_account_that_trusts_ours_is_reached_through_its_bootstrap_roles() {
    let world = World::of(small_app()).with_rule("aws: { account: \"222222222222\" }");
    world.aws.bootstrap("222222222222", "us-east-1");
    world.run("deploy").done();
    assert_eq!(world.aws.stack_names("222222222222", "us-east-1"), ["CDKToolkit", "prod-app"]);
}

#[test]
fn a_denied_plan_role_of_the_rule_is_an_error() {
    let world = World::of(small_app()).with_rule("aws: { plan_role: \"arn:aws:iam::111111111111:role/planner\" }");
    world.aws.deny_role("planner");
    let run = world.run("plan").failed();
    shows!(run.err, @"
    error: assuming role arn:aws:iam::111111111111:role/planner: AccessDenied: User:
           arn:aws:iam::111111111111:user/developer is not authorized to perform: sts:AssumeRole on resource:
           arn:aws:iam::111111111111:role/planner
    next: grant that action to the role or user, then run the command again
    ");
    nothing_was_written(&world);
}

#[test]
fn a_plan_takes_the_plan_role_and_a_deploy_the_apply_role() {
    let roles = "aws: { plan_role: \"arn:aws:iam::111111111111:role/planner\", apply_role: \"arn:aws:iam::111111111111:role/applier\" }";
    let world = World::of(small_app()).with_rule(roles);
    let first = |world: &World| world.aws.calls("sts", "AssumeRole")[0].param("RoleArn").to_owned();
    world.run("plan").done();
    assert_eq!(first(&world), "arn:aws:iam::111111111111:role/planner");
    world.aws.clear_journal();
    world.run("deploy").done();
    assert_eq!(first(&world), "arn:aws:iam::111111111111:role/applier");
}

#[test]
fn a_stage_in_another_account_is_reached_through_its_roles() {
    let role = "aws: { account: \"222222222222\", plan_role: \"arn:aws:iam::222222222222:role/p\", apply_role: \"arn:aws:iam::222222222222:role/a\" }";
    let world = World::of(small_app()).with_rule(role);
    world.aws.bootstrap("222222222222", "us-east-1");
    world.run("deploy").done();
    assert_eq!(world.aws.stack_names("222222222222", "us-east-1"), ["CDKToolkit", "prod-app"]);
    assert_eq!(world.aws.stack_names("111111111111", "us-east-1"), ["CDKToolkit"]);
}

#[test]
fn secrets_are_in_no_output() {
    let world = World::of(small_app()).with_env("AWS_SECRET_ACCESS_KEY", "very-secret-key");
    world.aws.inject("cloudformation", "CreateChangeSet", Fault::AccessDenied("no".into()), 1);
    world.run("deploy --verbose").failed().says_nothing_of("very-secret-key");
    world.run("deploy --verbose").done().says_nothing_of("very-secret-key");
}
