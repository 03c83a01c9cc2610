//! `key-provider`: the KMS key behind an alias.

use serde_json::{Value, json};

use super::ask::{Ask, PAGES_MOST};
use crate::aws::call::KMS;
use crate::error::Result;

pub(super) async fn look_up(ask: &Ask) -> Result<Value> {
    let alias = ask.need("aliasName")?;
    let not_found = || ask.not_found(format!("Could not find any key with alias named {alias}"));
    match find(ask, alias).await? {
        // AWS's own aliases may name no key until it is first used
        Some(entry) => match entry.get("TargetKeyId").and_then(Value::as_str) {
            Some(id) => Ok(json!({ "keyId": id })),
            None => Err(not_found()),
        },
        None => ask.stand_in().and_then(|s| s.get("keyId")).map(|id| json!({ "keyId": id })).ok_or_else(not_found),
    }
}

async fn find(ask: &Ask, alias: &str) -> Result<Option<Value>> {
    let mut input = json!({});
    for _ in 0..PAGES_MOST {
        let answer = KMS.call(&ask.session, "ListAliases", &ask.doing, &input).await?;
        let aliases = answer.get("Aliases").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        if let Some(entry) = aliases.iter().find(|a| a.get("AliasName").and_then(Value::as_str) == Some(alias)) {
            return Ok(Some(entry.clone()));
        }
        match answer.get("NextMarker").and_then(Value::as_str).filter(|m| !m.is_empty()) {
            Some(marker) => input = json!({ "Marker": marker }),
            None => return Ok(None),
        }
    }
    Err(ask.endless())
}

#[cfg(test)]
mod tests {
    use super::super::ask::sample;
    use super::*;
    use crate::aws::fixture::{Fake, reply};

    #[tokio::test]
    async fn aliases_are_paged_and_their_stand_in_is_taken() {
        let first = r#"{"Aliases":[{"AliasName":"alias/aws/s3"}],"NextMarker":"m","Truncated":true}"#;
        let second = r#"{"Aliases":[{"AliasName":"alias/mine","TargetKeyId":"1234abcd"}],"Truncated":false}"#;
        let fake = Fake::start([
            reply(200, first),
            reply(200, second),
            reply(200, first),
            reply(200, second),
            reply(200, second),
        ])
        .await;
        let ask = |props| sample(fake.session(), props);
        assert_eq!(look_up(&ask(json!({"aliasName": "alias/mine"}))).await.unwrap(), json!({"keyId": "1234abcd"}));
        assert_eq!(
            fake.asked(),
            ["POST / TrentService.ListAliases{}", r#"POST / TrentService.ListAliases{"Marker":"m"}"#]
        );
        assert!(look_up(&ask(json!({"aliasName": "alias/aws/s3"}))).await.is_err());
        let lenient =
            json!({"aliasName": "alias/other", "ignoreErrorOnMissingContext": true, "dummyValue": {"keyId": "0"}});
        assert_eq!(look_up(&ask(lenient)).await.unwrap(), json!({"keyId": "0"}));
    }
}
