//! Promotes what one stage runs to another one, and rolls a stage back to an assembly that was kept.

use super::ask::{Answer, Asked};
use super::ground::Ground;
use super::spot::Spot;
use crate::error::{Error, Result};

/// Deploys to stage `to` what stage `from` runs.
pub async fn promote(_asked: &Asked<'_>, from: &str, to: &str, _app: Option<&str>) -> Result<Answer> {
    Err(Error::bug("stub", format!("promoting {from} to {to}"), "not written yet"))
}

/// Brings stages back to what they ran before.
pub async fn rollback(_ground: &Ground<'_>, _spots: &[Spot], _revision: Option<&str>) -> Result<Answer> {
    Err(Error::bug("stub", "rolling back", "not written yet"))
}
