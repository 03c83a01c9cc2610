//! Integration tests: the real clients and the real binary against fake servers.

mod fake;
mod fake_selftest;
mod fake_selftest_services;
mod fake_selftest_states;
mod house;
