//! `ssm`: the value of a plain parameter.

use serde_json::{Value, json};

use super::ask::Ask;
use crate::aws::call::SSM;
use crate::error::Result;

pub(super) async fn look_up(ask: &Ask) -> Result<Value> {
    let Some(name) = ask.props.get("parameterName").and_then(Value::as_str) else {
        return Err(ask.bad("parameterName must be provided"));
    };
    let value = match SSM.call(&ask.session, "GetParameter", &ask.doing, &json!({ "Name": name })).await {
        Ok(answer) => answer.pointer("/Parameter/Value").cloned(),
        Err(fault) if fault.is("ParameterNotFound") => None,
        Err(fault) => return Err(fault.into()),
    };
    let (account, region) = (&ask.session.account, &ask.session.region);
    value.or_else(|| ask.stand_in().cloned()).ok_or_else(|| {
        ask.not_found(format!("SSM parameter not available in account {account}, region {region}: {name}"))
    })
}

#[cfg(test)]
mod tests {
    use super::super::ask::sample;
    use super::*;
    use crate::aws::fixture::{Fake, reply};

    #[tokio::test]
    async fn a_missing_parameter_is_an_error_or_its_stand_in() {
        let missing = || reply(400, r#"{"__type":"ParameterNotFound"}"#);
        let fake = Fake::start([missing(), missing()]).await;
        let strict = sample(fake.session(), json!({"parameterName": "/x", "dummyValue": "d"}));
        let error = look_up(&strict).await.unwrap_err();
        assert_eq!(error.code(), "lookup.not_found");
        assert_eq!(error.what(), "SSM parameter not available in account 111111111111, region eu-west-1: /x");
        let lenient = sample(
            fake.session(),
            json!({"parameterName": "/x", "dummyValue": "d", "ignoreErrorOnMissingContext": true}),
        );
        assert_eq!(look_up(&lenient).await.unwrap(), json!("d"));
        assert_eq!(fake.asked()[0], r#"POST / AmazonSSM.GetParameter{"Name":"/x"}"#);
    }
}
