//! Tells the forge: the sticky comment, the checks and the deployments, made from the cards of all stages.

use super::Office;
use crate::error::Result;
use crate::forge::Pull;
use crate::plan::card::Card;

/// Brings the pull request's comment to what the cards say: found by its marker, edited only when its text changes,
/// never twice. `fetch` reads all cards again, as they are kept now: it is asked after each write, so that of two runs
/// that write at the same time the later one always shows what both know. `prefix` is `/offshoot`, or as configured.
pub async fn comment<F>(_office: &Office, _prefix: &str, _pull: u64, _fetch: F) -> Result<()>
where
    F: AsyncFn() -> Result<Vec<Card>>,
{
    Ok(())
}

/// Brings the check of a stage to what its card says, on `card.head`.
pub async fn check(_office: &Office, _card: &Card) -> Result<()> {
    Ok(())
}

/// Brings the deployment of a stage to what its card says.
pub async fn deployment(_office: &Office, _card: &Card) -> Result<()> {
    Ok(())
}

/// The stage is gone: its deployments are inactive.
pub async fn retired(_office: &Office, _card: &Card) -> Result<()> {
    Ok(())
}

/// A pull request on which nothing can be done, in one comment with the reason: no configuration, an invalid one, no rights.
pub async fn trouble(_office: &Office, _pull: &Pull, _error: &crate::error::Error) -> Result<()> {
    Ok(())
}
