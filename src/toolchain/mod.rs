//! Stub.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust { Trusted, Untrusted }
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SandboxMode { Auto, Off, Required }
mod zip;
pub use zip::{Zipped, zip};
