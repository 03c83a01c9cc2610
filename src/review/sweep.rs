//! Previews whose time is over, whose pull request is closed or whose branch is gone are removed.

use super::Office;
use super::seat::{Held, Seat};
use super::spot::Spot;
use crate::error::Result;
use crate::plan::card::Card;

/// Errors (`stage.limit`): the rule allows no further stage.
pub async fn room_for(_office: &Office, _seat: &Seat, _spot: &Spot) -> Result<()> {
    Ok(())
}

/// Removes the stage under its lock: stacks, what is kept, deployments; the card says how it ended.
pub async fn remove_stage(_office: &Office, _seat: &Seat, _held: &Held, _card: &mut Card) -> Result<()> {
    Ok(())
}
