//! Context lookups: what an app asks about the account it goes to, answered exactly as the CDK toolkit would.

mod ami;
mod ask;
mod cloud_control;
mod endpoint_service;
mod hosted_zone;
mod key;
mod listener;
mod load_balancer;
mod parameter;
mod security_group;
mod subnets;
mod vpc;
mod zones;

use serde_json::Value;

use super::{Aws, IfDenied, Role};
use crate::assembly::{MissingContext, partition_of, substitute};
use crate::error::{Error, Result};
use crate::names::{AccountId, Region};
use ask::Ask;

/// The value of a missing context key, of the very shape that the CDK toolkit would put into `cdk.context.json`.
/// Asked under the query's lookup role, or as ourselves where that role is denied and the account is our own.
/// Errors: nothing found (`lookup.not_found`), several found (`lookup.ambiguous`), a query that makes no sense
/// (`lookup.bad_query`), a provider that we do not know (`lookup.unknown_provider`), and AWS's own refusals.
pub async fn look_up(aws: &Aws, missing: &MissingContext) -> Result<Value> {
    let doing = format!("looking up context {}", missing.key);
    if !PROVIDERS.contains(&missing.provider.as_str()) {
        return Err(unknown(doing, missing));
    }
    let ask = open(aws, missing, doing).await?;
    match missing.provider.as_str() {
        "availability-zones" => zones::look_up(&ask).await,
        "ssm" => parameter::look_up(&ask).await,
        "ami" => ami::look_up(&ask).await,
        "vpc-provider" => vpc::look_up(&ask).await,
        "hosted-zone" => hosted_zone::look_up(&ask).await,
        "security-group" => security_group::look_up(&ask).await,
        "key-provider" => key::look_up(&ask).await,
        "endpoint-service-availability-zones" => endpoint_service::look_up(&ask).await,
        "load-balancer" => load_balancer::look_up(&ask).await,
        "load-balancer-listener" => listener::look_up(&ask).await,
        "cc-api-provider" => cloud_control::look_up(&ask).await,
        _ => Err(unknown(ask.doing, missing)),
    }
}

/// Told apart before any role is assumed.
const PROVIDERS: [&str; 11] = [
    "availability-zones",
    "ssm",
    "ami",
    "vpc-provider",
    "hosted-zone",
    "security-group",
    "key-provider",
    "endpoint-service-availability-zones",
    "load-balancer",
    "load-balancer-listener",
    "cc-api-provider",
];

fn unknown(doing: String, missing: &MissingContext) -> Error {
    let what = match missing.props.get("pluginName").and_then(Value::as_str) {
        Some(plugin) if missing.provider == "plugin" => {
            format!("it needs the CDK plugin {plugin}, and Offshoot loads no plugins")
        }
        _ => format!("Unrecognized context provider name: {}", missing.provider),
    };
    Error::failed("lookup.unknown_provider", doing, what)
        .next("run `npx cdk synth` once with rights to look it up, and commit the cdk.context.json that it writes")
}

/// A session for the query's account and region, under its lookup role.
async fn open(aws: &Aws, missing: &MissingContext, doing: String) -> Result<Ask> {
    let props = missing.props.as_object().cloned().unwrap_or_default();
    let text = |key: &str| props.get(key).and_then(Value::as_str).filter(|t| !t.is_empty());
    let (Some(account), Some(region)) = (text("account"), text("region")) else {
        return Err(Error::failed("lookup.bad_query", doing, "the query names no account and region")
            .next("give the stack an `env: { account, region }`, since only then it is known where to look"));
    };
    let (account, region) = (AccountId::new(account), Region::new(region));
    let role = match text("lookupRoleArn") {
        None => None,
        Some(arn) => {
            let partition =
                aws.identity().await.map_or_else(|_| partition_of(region.as_str()).to_owned(), |i| i.partition.clone());
            let arn = substitute(arn, account.as_str(), region.as_str(), &partition);
            Some(Role { arn, external_id: text("lookupRoleExternalId").map(str::to_owned) })
        }
    };
    let session = aws.session(&account, &region, role.as_ref(), IfDenied::UseOwn).await?;
    Ok(Ask { session, props, doing })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::fixture::{Fake, reply};

    fn missing(provider: &str, mut props: Value) -> MissingContext {
        props["account"] = json!("111111111111");
        props["region"] = json!("eu-west-1");
        MissingContext {
            key: format!("{provider}:account=111111111111:region=eu-west-1"),
            provider: provider.into(),
            props,
        }
    }

    #[tokio::test]
    async fn a_query_is_answered_with_the_lookup_role() {
        let assumed = r#"<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>
            <AccessKeyId>AKIDEXAMPLE</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>
            <Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"#;
        let answer = r#"{"Parameter":{"Name":"/a","Value":"v"}}"#;
        let fake = Fake::start([reply(200, assumed), reply(200, answer)]).await;
        let role = "arn:${AWS::Partition}:iam::111111111111:role/lookup-${AWS::Region}";
        let props = json!({"parameterName": "/a", "lookupRoleArn": role, "lookupRoleExternalId": "id"});
        assert_eq!(look_up(&fake.aws(), &missing("ssm", props)).await.unwrap(), json!("v"));
        let asked = fake.asked();
        assert!(
            asked[0].contains("RoleArn=arn%3Aaws%3Aiam%3A%3A111111111111%3Arole%2Flookup-eu-west-1"),
            "{}",
            asked[0]
        );
        assert!(asked[0].contains("ExternalId=id"), "{}", asked[0]);
    }

    #[tokio::test]
    async fn a_denied_lookup_role_falls_back_to_ourselves() {
        let denied = "<ErrorResponse><Error><Code>AccessDenied</Code><Message>not authorized to perform: sts:AssumeRole</Message></Error></ErrorResponse>";
        let fake = Fake::start([reply(403, denied), reply(200, r#"{"Parameter":{"Value":"v"}}"#)]).await;
        let props = json!({"parameterName": "/a", "lookupRoleArn": "arn:aws:iam::111111111111:role/lookup"});
        assert_eq!(look_up(&fake.aws(), &missing("ssm", props)).await.unwrap(), json!("v"));
    }

    #[tokio::test]
    async fn what_cannot_be_asked_is_said_without_a_call() {
        let fake = Fake::start([]).await;
        let plugin = look_up(&fake.aws(), &missing("plugin", json!({"pluginName": "mine"}))).await.unwrap_err();
        assert_eq!(
            (plugin.code(), plugin.what()),
            ("lookup.unknown_provider", "it needs the CDK plugin mine, and Offshoot loads no plugins")
        );
        let unknown = look_up(&fake.aws(), &missing("weather", json!({}))).await.unwrap_err();
        assert_eq!(unknown.what(), "Unrecognized context provider name: weather");
        let nowhere = MissingContext { key: "k".into(), provider: "ssm".into(), props: json!({"parameterName": "x"}) };
        assert_eq!(look_up(&fake.aws(), &nowhere).await.unwrap_err().code(), "lookup.bad_query");
        assert!(fake.asked().is_empty());
    }
}
