//! Integration tests: the real clients and the real binary against fake servers.

mod fake;
mod fake_selftest;
mod fake_selftest_nested;
mod fake_selftest_services;
mod fake_selftest_states;

#[path = "../forge/mod.rs"]
mod forge;
mod forge_selftest;

mod world;

mod app_program;
mod approvals;
mod bad_assembly;
mod bad_config;
mod bad_git;
mod bootstrap;
mod ci_payloads;
mod ci_races;
mod ci_rules;
mod ci_story;
mod credentials;
mod ctrl_c;
mod deploy;
mod failure;
mod fast;
mod help;
mod limits;
mod lock;
mod output;
mod ownership;
mod plan;
mod prune;
mod recovery;
mod remove;
mod resume;
mod stale;
mod throttle;
mod unchanged;
mod waiting;
mod house;
