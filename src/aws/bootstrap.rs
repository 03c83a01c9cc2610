//! Whether an account and region were bootstrapped for the CDK, and newly enough.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use serde_json::{Value, json};
use tokio::sync::{Mutex, OnceCell};

use super::Session;
use super::call::SSM;
use crate::error::{Error, Result};
use crate::names::{AccountId, Region};

#[derive(Clone, PartialEq, Eq, Hash)]
struct Place {
    account: AccountId,
    region: Region,
    endpoint: Option<String>,
    parameter: String,
}

/// Versions that were read; a bootstrap is not undone while we run. What was missing is asked again.
static VERSIONS: LazyLock<Mutex<HashMap<Place, Arc<OnceCell<u32>>>>> = LazyLock::new(Mutex::default);

/// Checks that the bootstrap of the session's account and region is at least `required_version`, as the SSM
/// parameter tells. Read once per process. Errors: not there (`aws.not_bootstrapped`), too old (`aws.bootstrap_too_old`).
pub async fn check_bootstrap(session: &Session, parameter_name: &str, required_version: u32) -> Result<()> {
    let place = Place {
        account: session.account.clone(),
        region: session.region.clone(),
        endpoint: session.sdk_config().endpoint_url().map(str::to_owned),
        parameter: parameter_name.to_owned(),
    };
    let cell = VERSIONS.lock().await.entry(place).or_default().clone();
    let version = *cell.get_or_try_init(|| read(session, parameter_name)).await?;
    if version >= required_version {
        return Ok(());
    }
    let what = format!(
        "version {required_version} is needed, {} has version {version} in {}",
        session.account, session.region
    );
    Err(Error::failed("aws.bootstrap_too_old", doing(session, parameter_name), what).next(bootstrap_again(session)))
}

async fn read(session: &Session, parameter: &str) -> Result<u32> {
    let doing = doing(session, parameter);
    // a custom bootstrap may keep it encrypted; for plain ones the flag means nothing
    let input = json!({ "Name": parameter, "WithDecryption": true });
    let answer = match SSM.call(session, "GetParameter", &doing, &input).await {
        Ok(answer) => answer,
        Err(fault) if fault.is("ParameterNotFound") => {
            let what = format!(
                "SSM parameter {parameter} does not exist: account {} is not bootstrapped in {}",
                session.account, session.region
            );
            let next = format!("run once: npx cdk bootstrap aws://{}/{}", session.account, session.region);
            return Err(Error::failed("aws.not_bootstrapped", doing, what).next(next));
        }
        Err(fault) => return Err(fault.into()),
    };
    let value = answer.pointer("/Parameter/Value").and_then(Value::as_str).unwrap_or_default();
    value.trim().parse().map_err(|_| {
        Error::failed(
            "aws.bootstrap_version",
            doing,
            format!("SSM parameter {parameter} is not a version number: {value:?}"),
        )
        .next(bootstrap_again(session))
    })
}

fn doing(session: &Session, parameter: &str) -> String {
    format!("checking the CDK bootstrap of {} in {} ({parameter})", session.account, session.region)
}

fn bootstrap_again(session: &Session) -> String {
    format!("run again: npx cdk bootstrap aws://{}/{}", session.account, session.region)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::fixture::{Fake, reply};

    const NAME: &str = "/cdk-bootstrap/hnb659fds/version";

    #[tokio::test]
    async fn the_version_is_read_once_and_compared() {
        let answer =
            r#"{"Parameter":{"Name":"/cdk-bootstrap/hnb659fds/version","Type":"String","Value":"21","Version":1}}"#;
        let fake = Fake::start([reply(200, answer)]).await;
        let session = fake.session();
        check_bootstrap(&session, NAME, 6).await.unwrap();
        let old = check_bootstrap(&session, NAME, 30).await.unwrap_err();
        assert_eq!(old.code(), "aws.bootstrap_too_old");
        assert_eq!(old.what(), "version 30 is needed, 111111111111 has version 21 in eu-west-1");
        assert_eq!(
            fake.asked(),
            [format!("POST / AmazonSSM.GetParameter{{\"Name\":\"{NAME}\",\"WithDecryption\":true}}")]
        );
    }

    #[tokio::test]
    async fn a_missing_bootstrap_names_the_command_and_is_asked_again() {
        let missing = r#"{"__type":"ParameterNotFound","message":""}"#;
        let fake = Fake::start([reply(400, missing), reply(200, r#"{"Parameter":{"Value":"x"}}"#)]).await;
        let session = fake.session();
        let error = check_bootstrap(&session, NAME, 6).await.unwrap_err();
        assert_eq!(error.code(), "aws.not_bootstrapped");
        assert_eq!(error.next_step(), Some("run once: npx cdk bootstrap aws://111111111111/eu-west-1"));
        assert_eq!(check_bootstrap(&session, NAME, 6).await.unwrap_err().code(), "aws.bootstrap_version");
    }
}
