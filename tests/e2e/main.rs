//! End to end: the real binary against MiniStack, an AWS emulator; only with OFFSHOOT_E2E=1.

mod action;
mod clean_env;
mod cloud;
#[path = "../forge/mod.rs"]
mod forge;
mod http;
mod kill;
mod kill_app;
mod notes;
mod parity;
mod proxy;
mod repo;
