//! Integration tests: the real clients and the real binary against fake servers.

mod fake;
mod fake_selftest;
