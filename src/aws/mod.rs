//! The door to AWS: identity, sessions per account, region and role, and what its errors mean; SDK types end here.

pub mod bootstrap;
pub mod buckets;
pub mod budget;
pub mod call;
pub mod change_sets;
pub mod credentials;
pub mod errors;
pub mod events;
pub mod functions;
pub mod home;
pub mod lock;
pub mod lookup;
pub mod publish;
pub mod recover;
pub mod stacks;
pub mod web_identity;
mod xml;

#[cfg(test)]
mod fixture;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime::client::retries::RetryPartition;
use tokio::sync::{Mutex, OnceCell};

use crate::error::{Error, Result};
use crate::names::{AccountId, Region};
use crate::plan::state::DeployedStack;
use budget::Budget;
pub use web_identity::WebIdentity;

/// Who we are to AWS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    pub account: AccountId,
    pub arn: String,
    /// `aws`, `aws-cn`, `aws-us-gov`.
    pub partition: String,
}

/// A role to assume, as an assembly or a configuration names it; placeholders are already filled in.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Role {
    pub arn: String,
    pub external_id: Option<String>,
}

impl Role {
    pub fn new(arn: impl Into<String>) -> Self {
        Role { arn: arn.into(), external_id: None }
    }
}

/// What to do when a role cannot be assumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IfDenied {
    /// Go on with the identity itself where it already belongs to the account, as the CDK toolkit does.
    UseOwn,
    /// It is an error: the configuration names this role.
    Fail,
}

/// How often CloudFormation and Lambda are asked while something is under way.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    pub first: Duration,
    pub most: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Pace { first: Duration::from_millis(500), most: Duration::from_secs(3) }
    }
}

impl Pace {
    /// The pace of `OFFSHOOT_POLL_MS=first,most`, for emulators that answer in milliseconds.
    pub fn parse(text: &str) -> Option<Pace> {
        let (first, most) = text.split_once(',')?;
        let (first, most) = (first.trim().parse().ok()?, most.trim().parse().ok()?);
        (first > 0 && most >= first)
            .then_some(Pace { first: Duration::from_millis(first), most: Duration::from_millis(most) })
    }

    /// The pause before the `n`-th next question (from 0): grows by half each time.
    pub fn pause(&self, n: u32) -> Duration {
        self.first.mul_f64(1.5_f64.powi(n.min(20) as i32)).min(self.most)
    }
}

/// Where and as whom the base identity works.
#[derive(Clone, Debug, Default)]
pub struct Door {
    pub profile: Option<String>,
    pub region: Option<Region>,
    /// The stage's plan or apply role, assumed before anything else.
    pub role: Option<Role>,
    pub pace: Option<Pace>,
    /// How `role` is assumed where the environment holds no credentials.
    pub web_identity: Option<WebIdentity>,
}

/// The way to AWS for one run: a base identity and cached sessions made from it.
pub struct Aws {
    base: SdkConfig,
    region: Region,
    identity: OnceCell<Identity>,
    sessions: Mutex<HashMap<SessionKey, Arc<OnceCell<Session>>>>,
    pace: Pace,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct SessionKey {
    account: AccountId,
    region: Region,
    role: Option<Role>,
}

/// Clients for one account and region under one identity. Cheap to clone.
#[derive(Clone)]
pub struct Session {
    pub account: AccountId,
    pub region: Region,
    pub(crate) cloudformation: aws_sdk_cloudformation::Client,
    pub(crate) s3: aws_sdk_s3::Client,
    pub(crate) lambda: aws_sdk_lambda::Client,
    pub(crate) config: SdkConfig,
    pub(crate) budget: Budget,
    pub(crate) pace: Pace,
    /// Said when the role could not be assumed and the identity itself is used.
    pub note: Option<String>,
}

impl Session {
    /// The HTTP door and credentials, for the few calls that are signed by hand.
    pub fn sdk_config(&self) -> &SdkConfig {
        &self.config
    }
}

impl Aws {
    /// Loads credentials the way every AWS tool does (environment, profile, SSO, container, instance).
    /// Where the environment has none and a web identity is given, its token is exchanged for the role. Nothing else is
    /// called yet. Errors: no region anywhere (`aws.no_region`), a role that may not be assumed.
    pub async fn connect(door: Door) -> Result<Aws> {
        let attempts = number_of("AWS_MAX_ATTEMPTS").unwrap_or(8);
        let retry = RetryConfig::standard().with_max_attempts(attempts).with_max_backoff(Duration::from_secs(10));
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(Duration::from_secs(5))
            .operation_attempt_timeout(Duration::from_millis(
                number_of("OFFSHOOT_AWS_TIMEOUT_MS").unwrap_or(60_000).into(),
            ))
            .operation_timeout(Duration::from_secs(300))
            .build();
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .http_client(call::http_client())
            .retry_config(retry)
            .timeout_config(timeouts);
        if let Some(profile) = &door.profile {
            // a profile that was named wins over keys in the environment, as with the aws CLI
            let own = aws_config::profile::ProfileFileCredentialsProvider::builder().profile_name(profile).build();
            loader = loader.profile_name(profile).credentials_provider(own);
        }
        if let Some(region) = &door.region {
            loader = loader.region(aws_config::Region::new(region.to_string()));
        }
        let mut base = loader.load().await;
        let Some(region) = base.region().filter(|r| !r.as_ref().is_empty()).map(|r| Region::new(r.as_ref())) else {
            return Err(Error::usage("aws.no_region", "choosing the AWS region", "none is configured").next(
                "write `aws: { region: … }` for the stage in offshoot.yml, or pass --region, or set AWS_REGION",
            ));
        };
        if let Some(assumed) = enter(&door, &base).await? {
            base = base.into_builder().credentials_provider(SharedCredentialsProvider::new(assumed)).build();
        }
        let pace = door.pace.unwrap_or_default();
        Ok(Aws { base, region, identity: OnceCell::new(), sessions: Mutex::default(), pace })
    }

    pub fn region(&self) -> &Region {
        &self.region
    }

    /// How often something that is under way is asked about.
    pub fn pace(&self) -> Pace {
        self.pace
    }

    /// Asks STS who we are, once. Errors: no or expired credentials, STS out of reach.
    pub async fn identity(&self) -> Result<&Identity> {
        self.identity
            .get_or_try_init(|| async {
                let doing = "asking AWS who we are (sts:GetCallerIdentity)";
                let answer = aws_sdk_sts::Client::new(&self.base)
                    .get_caller_identity()
                    .send()
                    .await
                    .map_err(|e| web_identity::hint(errors::from_sdk(doing, e), |name| std::env::var(name).ok()))?;
                let arn = answer.arn().unwrap_or_default().to_owned();
                let partition = arn.split(':').nth(1).unwrap_or("aws").to_owned();
                Ok(Identity { account: AccountId::new(answer.account().unwrap_or_default()), arn, partition })
            })
            .await
    }

    /// The session for an account and region under `role`, made once and shared.
    pub async fn session(
        &self,
        account: &AccountId,
        region: &Region,
        role: Option<&Role>,
        if_denied: IfDenied,
    ) -> Result<Session> {
        let key = SessionKey { account: account.clone(), region: region.clone(), role: role.cloned() };
        let cell = self.sessions.lock().await.entry(key).or_default().clone();
        cell.get_or_try_init(|| self.open(account, region, role, if_denied)).await.cloned()
    }

    /// The session for a stack that a stage's state knows, under the role that it was deployed with.
    pub async fn session_of(&self, known: &DeployedStack) -> Result<Session> {
        let (account, region) = (AccountId::new(&known.account), Region::new(&known.region));
        let role = known.deploy_role.as_deref().map(Role::new);
        self.session(&account, &region, role.as_ref(), IfDenied::UseOwn).await
    }

    async fn open(
        &self,
        account: &AccountId,
        region: &Region,
        role: Option<&Role>,
        if_denied: IfDenied,
    ) -> Result<Session> {
        let builder = self.base.to_builder().region(aws_config::Region::new(region.to_string()));
        let Some(role) = role else {
            self.must_belong_to(account).await?;
            return Ok(self.build(account, region, builder.build(), None));
        };
        let provider = credentials::Assumed::new(&self.base, role).await;
        match provider.prove(&role.arn).await {
            Ok(()) => {
                let config = builder.credentials_provider(SharedCredentialsProvider::new(provider)).build();
                Ok(self.build(account, region, config, None))
            }
            Err(error) if if_denied == IfDenied::UseOwn && errors::is_denied(&error) => {
                let identity = self.identity().await?;
                self.must_belong_to(account).await.map_err(|e| e.because(error))?;
                let note = format!("{} cannot be assumed; going on as {}", role.arn, identity.arn);
                Ok(self.build(account, region, builder.build(), Some(note)))
            }
            Err(error) => Err(error),
        }
    }

    /// Errors (`aws.wrong_account`) when the identity belongs to another account.
    pub async fn must_belong_to(&self, account: &AccountId) -> Result<()> {
        let identity = self.identity().await?;
        if &identity.account == account {
            return Ok(());
        }
        Err(Error::refused(
            "aws.wrong_account",
            "checking the AWS account",
            format!(
                "the stage belongs to account {account}, but these credentials are {} in {}",
                identity.arn, identity.account
            ),
        )
        .next("use credentials of that account (--profile), or correct `aws: { account: … }` in offshoot.yml"))
    }

    fn build(&self, account: &AccountId, region: &Region, config: SdkConfig, note: Option<String>) -> Session {
        let budget = Budget::shared(account, region);
        // one retry budget per account and region: a throttled account must not slow the others down
        let partition = || RetryPartition::new(format!("{account}-{region}"));
        let cloudformation = aws_sdk_cloudformation::config::Builder::from(&config)
            .retry_partition(partition())
            .interceptor(budget.watcher())
            .retry_classifier(budget::FullIsFull)
            .build();
        let s3 = aws_sdk_s3::config::Builder::from(&config)
            .force_path_style(config.endpoint_url().is_some())
            .retry_partition(partition())
            .build();
        let lambda = aws_sdk_lambda::config::Builder::from(&config).retry_partition(partition()).build();
        Session {
            account: account.clone(),
            region: region.clone(),
            cloudformation: aws_sdk_cloudformation::Client::from_conf(cloudformation),
            s3: aws_sdk_s3::Client::from_conf(s3),
            lambda: aws_sdk_lambda::Client::from_conf(lambda),
            config,
            budget,
            pace: self.pace,
            note,
        }
    }
}

/// Assumes the role that everything begins with, where there is one, and proves it at once.
async fn enter(door: &Door, base: &SdkConfig) -> Result<Option<credentials::Assumed>> {
    if let Some((identity, role)) = web_identity::entry(door, |name| std::env::var(name).ok())? {
        let exchange = web_identity::Exchange::new(base, identity, role);
        return Ok(Some(credentials::Assumed::begun(exchange.exchange().await?, exchange)));
    }
    let Some(role) = &door.role else { return Ok(None) };
    let assumed = credentials::Assumed::new(base, role).await;
    assumed.prove(&role.arn).await?;
    Ok(Some(assumed))
}

/// A positive number in an environment variable; anything else counts as not set.
fn number_of(variable: &str) -> Option<u32> {
    std::env::var(variable).ok()?.parse().ok().filter(|n| *n > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pace_grows_to_its_most_and_is_read_from_text() {
        let pace = Pace::default();
        assert_eq!(pace.pause(0), Duration::from_millis(500));
        assert_eq!(pace.pause(50), Duration::from_secs(3));
        let fast = Pace::parse("5, 20").unwrap();
        assert_eq!((fast.first, fast.most), (Duration::from_millis(5), Duration::from_millis(20)));
        assert!(Pace::parse("0,5").is_none() && Pace::parse("x").is_none() && Pace::parse("9,5").is_none());
    }
}
