//! Credentials of an assumed role, asked for once and again shortly before they expire.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{self, ProvideCredentials, SharedCredentialsProvider, future};
use tokio::sync::Mutex;

use super::{Role, errors};
use crate::error::Result;

/// Renewed this long before they expire, so that no call starts with dying credentials.
const RENEW_BEFORE: Duration = Duration::from_secs(300);

/// An assumed role.
#[derive(Clone, Debug)]
pub(super) struct Assumed {
    provider: SharedCredentialsProvider,
    held: Arc<Mutex<Option<Credentials>>>,
}

impl Assumed {
    pub async fn new(base: &SdkConfig, role: &Role) -> Assumed {
        let mut builder = AssumeRoleProvider::builder(&role.arn).configure(base).session_name("offshoot");
        if let Some(id) = &role.external_id {
            builder = builder.external_id(id);
        }
        let provider = match base.credentials_provider() {
            Some(credentials) => builder.build_from_provider(credentials).await,
            None => builder.build().await,
        };
        Assumed { provider: SharedCredentialsProvider::new(provider), held: Arc::default() }
    }

    /// A role whose first credentials have been got already; `provider` gets the next ones.
    pub fn begun(first: Credentials, provider: impl ProvideCredentials + 'static) -> Assumed {
        let held = Arc::new(Mutex::new(Some(first)));
        Assumed { provider: SharedCredentialsProvider::new(provider), held }
    }

    /// Assumes the role now, so that a refusal is told where it can still be answered.
    pub async fn prove(&self, arn: &str) -> Result<()> {
        self.get().await.map(|_| ()).map_err(|e| errors::from_credentials(&format!("assuming role {arn}"), &e))
    }

    async fn get(&self) -> provider::Result {
        let mut held = self.held.lock().await;
        if let Some(credentials) = held.as_ref() {
            let fresh = credentials.expiry().is_none_or(|at| at > SystemTime::now() + RENEW_BEFORE);
            if fresh {
                return Ok(credentials.clone());
            }
        }
        let credentials = self.provider.provide_credentials().await?;
        *held = Some(credentials.clone());
        Ok(credentials)
    }
}

impl ProvideCredentials for Assumed {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.get())
    }
}

/// The words of a credentials error and of everything under it.
pub(super) fn words(error: &CredentialsError) -> String {
    aws_smithy_types::error::display::DisplayErrorContext(error).to_string()
}
