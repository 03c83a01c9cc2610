//! An account that `cdk bootstrap` has never seen, or only long ago.

use crate::world::{World, shows, small_app};

#[test]
fn a_missing_bucket_says_what_to_run_once() {
    let world = World::of(small_app()).with_env("AWS_REGION", "eu-west-1");
    let run = world.run("plan").failed();
    shows!(run.err, @"
    · publishing 1 asset
    error: looking for
           s3://cdk-hnb659fds-assets-111111111111-eu-west-1/[digest].json:
           bucket cdk-hnb659fds-assets-111111111111-eu-west-1 does not exist: account 111111111111 is not bootstrapped in
           eu-west-1
    next: run once: npx cdk bootstrap aws://111111111111/eu-west-1
    ");
    assert!(world.aws.stack_names("111111111111", "eu-west-1").is_empty(), "{}", world.aws.told());
}

#[test]
fn nothing_deployed_is_no_error_of_the_bootstrap() {
    let world = World::of(small_app()).with_env("AWS_REGION", "eu-west-1");
    world.run("remove --yes").done().says("nothing deployed");
    world.run("outputs").failed().says("stage prod has nothing deployed").says("offshoot deploy");
}
