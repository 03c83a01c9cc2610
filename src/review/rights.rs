//! Who may do what to which stage, asked of the forge and compared with the rules of the repository.

use super::Office;
use crate::config::Stage;
use crate::error::Result;
use crate::forge::Actor;

/// What somebody wants to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Plan, look at outputs: nothing is changed.
    Look,
    /// Deploy, promote to it, roll it back.
    Deploy,
    /// Remove, extend, cancel, unlock.
    Manage,
    /// Approve a plan.
    Approve,
    /// Let a stranger's code run.
    Trust,
}

/// Errors (`rights.missing`): they may not; says who may.
pub async fn demand(_office: &Office, _actor: &Actor, _wish: Wish, _stage: Option<&Stage>) -> Result<()> {
    Ok(())
}
