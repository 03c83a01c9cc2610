//! Roles assumed with the token of another identity provider (GitHub's OIDC), without any AWS key.

use std::fmt;
use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::Role;
use crate::error::Result;

/// Fetches a fresh token: a JWT for the audience `sts.amazonaws.com`.
pub type FetchToken = Arc<dyn Fn() -> BoxFuture<'static, Result<String>> + Send + Sync>;

/// An identity elsewhere that AWS trusts.
#[derive(Clone)]
pub struct WebIdentity {
    /// A token lives for minutes only, so each role gets its own.
    pub token: FetchToken,
    /// The role for stages that name none.
    pub role: Option<Role>,
    /// Stands in CloudTrail: `offshoot-<run id>`.
    pub session_name: String,
}

impl fmt::Debug for WebIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebIdentity").field("role", &self.role).finish_non_exhaustive()
    }
}
