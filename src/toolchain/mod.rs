//! Stub.
use std::path::{Path, PathBuf};
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust { Trusted, Untrusted }
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SandboxMode { Auto, Off, Required }
pub struct Zipped { pub path: PathBuf, pub size_bytes: u64, pub sha256_base64: String }
pub fn zip(_: &Path, _: &Path) -> crate::error::Result<Zipped> { Err(crate::error::Error::bug("x","x","x")) }
