//! Who approved a plan, and whether that is enough.

use super::Office;
use super::seat::Seat;
use crate::error::Result;
use crate::forge::{Actor, Pull};
use crate::plan::Plan;
use crate::plan::card::Approvals;

/// The approvals that count for a plan of this stage, as kept in its bucket and as the rules ask for them.
pub async fn of(_office: &Office, _seat: &Seat, _plan: &Plan, _pull: Option<&Pull>) -> Result<Approvals> {
    Ok(Approvals::default())
}

/// Adds the approval of `actor` for the plan. Errors (`rights.missing`, `approval.own`): they may not.
pub async fn give(
    _office: &Office,
    _seat: &Seat,
    _plan: &Plan,
    _pull: Option<&Pull>,
    _actor: &Actor,
) -> Result<Approvals> {
    Ok(Approvals::default())
}
