//! Integration tests: the real clients and the real binary against fake servers.

mod fake;
mod fake_selftest;
mod fake_selftest_nested;
mod fake_selftest_services;
mod fake_selftest_states;

mod world;

mod approvals;
mod deploy;
mod failure;
mod fast;
mod lock;
mod ownership;
mod plan;
mod prune;
mod recovery;
mod remove;
mod stale;
mod unchanged;
mod waiting;
mod house;
