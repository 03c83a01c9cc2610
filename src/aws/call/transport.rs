//! Sends a request with the session's own HTTP client, credentials, retries and time limits.

use std::sync::LazyLock;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials as _;
use aws_smithy_http_client::{Builder, ConnectorBuilder, proxy, tls};
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime::client::retries::classifiers::{HttpStatusCodeClassifier, TransientErrorClassifier};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, OrchestratorError};
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::error::metadata::ProvideErrorMetadata as _;

use super::refusal::{Patience, Refusal};
use super::sign::Signer;
use super::{Fault, Service, endpoint};
use crate::aws::{Session, errors};
use crate::error::Error;

/// A program that gives credentials (`credential_process`) may hang.
const CREDENTIALS_WITHIN: Duration = Duration::from_secs(60);

/// What is sent, whole and small.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub method: &'static str,
    pub path: String,
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
}

/// One call with its retries; gives the body of a success.
pub(super) async fn send(
    session: &Session,
    service: Service,
    action: &str,
    doing: &str,
    request: Request,
) -> Result<String, Fault> {
    let config = session.sdk_config();
    let at = endpoint::of(config, service, session.region.as_str());
    let signer =
        Signer { identity: credentials(config, doing).await?.into(), region: at.signing_region, service: service.name };
    let retry = config.retry_config().cloned().unwrap_or_else(RetryConfig::standard);
    let mut builder = Operation::builder()
        // the name is also that of the retry budget: one throttled service or account must not slow the others down
        .service_name(format!("{}-{}-{}", service.id, session.account, session.region))
        .operation_name(action.to_owned())
        .behavior_version(BehaviorVersion::latest())
        .http_client(config.http_client().unwrap_or_else(|| CLIENT.clone()))
        .endpoint_url(&at.url)
        .no_auth()
        .interceptor(signer)
        .standard_retry(&retry)
        .retry_classifier(HttpStatusCodeClassifier::default())
        .retry_classifier(TransientErrorClassifier::<Refusal>::new())
        .retry_classifier(Patience)
        .timeout_config(config.timeout_config().cloned().unwrap_or_else(limits));
    if let Some(sleep) = config.sleep_impl() {
        builder = builder.sleep_impl(sleep);
    }
    let operation = builder
        .serializer(move |()| request.to_http())
        .deserializer(|response| {
            if !response.status().is_success() {
                return Err(OrchestratorError::operation(Refusal::of(response)));
            }
            Ok(String::from_utf8_lossy(response.body().bytes().unwrap_or_default()).into_owned())
        })
        .build();
    operation
        .invoke(())
        .await
        .map_err(|e| Fault { code: e.code().map(str::to_owned), error: errors::from_sdk(doing, e) })
}

impl Request {
    fn to_http(&self) -> Result<HttpRequest, BoxError> {
        let mut http = HttpRequest::new(SdkBody::from(self.body.as_str()));
        http.set_method(self.method)?;
        http.set_uri(self.path.as_str())?;
        http.headers_mut().try_insert("user-agent", concat!("offshoot/", env!("CARGO_PKG_VERSION")))?;
        for (name, value) in &self.headers {
            http.headers_mut().try_insert(*name, value.clone())?;
        }
        Ok(http)
    }
}

async fn credentials(config: &SdkConfig, doing: &str) -> Result<Credentials, Error> {
    let Some(provider) = config.credentials_provider() else {
        return Err(Error::failed("aws.no_credentials", doing, "no AWS credentials were found")
            .next("set AWS_PROFILE, or pass --profile"));
    };
    match tokio::time::timeout(CREDENTIALS_WITHIN, provider.provide_credentials()).await {
        Ok(given) => given.map_err(|e| errors::from_credentials(doing, &e)),
        Err(_) => Err(Error::transient(
            "aws.credentials_slow",
            doing,
            format!("no credentials came within {} s", CREDENTIALS_WITHIN.as_secs()),
        )
        .next("check the credential_process or the sign-on of the profile")),
    }
}

fn limits() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(5))
        .operation_attempt_timeout(Duration::from_secs(60))
        .operation_timeout(Duration::from_secs(300))
        .build()
}

/// One HTTP client for all calls of the process, the SDK clients' too, since each would load the certificates anew.
pub(in crate::aws) static CLIENT: LazyLock<SharedHttpClient> = LazyLock::new(|| {
    Builder::new().build_with_connector_fn(|settings, components| {
        let mut connector =
            ConnectorBuilder::default().tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::AwsLc));
        connector.set_connector_settings(settings.cloned());
        connector.set_proxy_config(Some(proxy::ProxyConfig::from_env()));
        if let Some(components) = components {
            connector.set_sleep_impl(components.sleep_impl());
        }
        connector.build()
    })
});
