//! The OIDC token of a GitHub Actions job, with which AWS roles are assumed without any key.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use crate::error::{Error, Result};

/// Fetches a token from `ACTIONS_ID_TOKEN_REQUEST_URL` with `ACTIONS_ID_TOKEN_REQUEST_TOKEN`, for `audience`.
pub fn fetcher(
    _url: String,
    _bearer: String,
    _audience: String,
) -> Arc<dyn Fn() -> BoxFuture<'static, Result<String>> + Send + Sync> {
    Arc::new(|| Box::pin(async { Err(Error::bug("stub", "asking for an OIDC token", "not written yet")) }))
}
