//! `cc-api-provider`: properties of any resource that Cloud Control knows, by id or by other properties.

use serde_json::{Map, Value, json};

use super::ask::{Ask, PAGES_MOST};
use crate::aws::call::CLOUD_CONTROL;
use crate::error::{Error, Result};

/// A resource as Cloud Control describes it.
struct Resource {
    identifier: String,
    properties: Value,
}

pub(super) async fn look_up(ask: &Ask) -> Result<Value> {
    check(ask)?;
    let type_name = ask.need("typeName")?;
    let found = match (ask.text("exactIdentifier"), ask.props.get("propertyMatch").and_then(Value::as_object)) {
        (Some(id), _) => get(ask, type_name, id).await,
        (None, Some(wanted)) => list(ask, type_name, wanted).await,
        (None, None) => {
            let words = format!("neither exactIdentifier nor propertyMatch is specified in {}", ask.criteria());
            return Err(ask.bad(format!("Provider protocol error: {words}.")));
        }
    };
    match (found, ask.stand_in()) {
        (Err(error), Some(stand_in)) if error.code() == "lookup.not_found" => Ok(stand_in.clone()),
        (found, _) => found?.iter().map(|r| pick(ask, r)).collect(),
    }
}

/// What the query may not say; the words are the toolkit's.
fn check(ask: &Ask) -> Result<()> {
    let stand_in = ask.props.get("dummyValue").filter(|v| !v.is_null());
    let wrong = if ask.flag("exactIdentifier") && ask.flag("propertyMatch") {
        "specify either exactIdentifier or propertyMatch, but not both"
    } else if ask.flag("ignoreErrorOnMissingContext") && stand_in.is_none() {
        "if ignoreErrorOnMissingContext is set, a dummyValue must be supplied"
    } else if stand_in.is_some_and(|v| !v.as_array().is_some_and(|list| list.iter().all(Value::is_object))) {
        "dummyValue must be an array of objects"
    } else {
        return Ok(());
    };
    Err(ask.bad(format!("Provider protocol error: {wrong} (got {})", ask.criteria())))
}

async fn get(ask: &Ask, type_name: &str, id: &str) -> Result<Vec<Resource>> {
    let input = json!({ "TypeName": type_name, "Identifier": id });
    match CLOUD_CONTROL.call(&ask.session, "GetResource", &ask.doing, &input).await {
        Ok(answer) => Ok(vec![resource(ask, answer.get("ResourceDescription").unwrap_or(&Value::Null))?]),
        Err(fault) if fault.is("ResourceNotFoundException") => {
            Err(ask.not_found(format!("No resource of type {type_name} with identifier: {id}")))
        }
        Err(fault) => Err(fault.into()),
    }
}

async fn list(ask: &Ask, type_name: &str, wanted: &Map<String, Value>) -> Result<Vec<Resource>> {
    let expected = ask.text("expectedMatchCount").unwrap_or("any");
    let criteria = || Value::Object(wanted.clone()).to_string();
    let mut input = json!({ "TypeName": type_name, "MaxResults": 100 });
    if let Some(model) = ask.props.get("resourceModel").filter(|m| m.is_object()) {
        input["ResourceModel"] = Value::from(model.to_string());
    }
    let mut found = Vec::new();
    for _ in 0..PAGES_MOST {
        let answer = CLOUD_CONTROL.call(&ask.session, "ListResources", &ask.doing, &input).await?;
        for entry in answer.get("ResourceDescriptions").and_then(Value::as_array).into_iter().flatten() {
            let resource = resource(ask, entry)?;
            if matches(ask, &resource, wanted)? {
                found.push(resource);
            }
        }
        let next = answer.get("NextToken").filter(|t| t.as_str().is_some_and(|t| !t.is_empty())).cloned();
        if found.len() > 1 && ["at-most-one", "exactly-one"].contains(&expected) {
            let at_least = if next.is_some() { "at least " } else { "" };
            return Err(ask.ambiguous(format!(
                "Found {at_least}{} resources matching {}; expected {}. Please narrow the search criteria",
                found.len(),
                criteria(),
                expected.replace('-', " ")
            )));
        }
        match next {
            Some(token) => input["NextToken"] = token,
            None if found.is_empty() && ["at-least-one", "exactly-one"].contains(&expected) => {
                let words = format!(
                    "Could not find any resources matching {}; expected {}.",
                    criteria(),
                    expected.replace('-', " ")
                );
                return Err(ask.not_found(words));
            }
            None => return Ok(found),
        }
    }
    Err(ask.endless())
}

fn resource(ask: &Ask, described: &Value) -> Result<Resource> {
    let text = described.get("Properties").and_then(Value::as_str).unwrap_or("{}");
    let properties = serde_json::from_str(text).map_err(|e| {
        Error::failed(
            "aws.not_understood",
            ask.doing.as_str(),
            format!("the properties that Cloud Control gives cannot be read: {e}"),
        )
        .next("try again; if it stays, look the value up by hand and pass it as context")
    })?;
    let identifier = described.get("Identifier").and_then(Value::as_str).unwrap_or("*MISSING*").to_owned();
    Ok(Resource { identifier, properties })
}

fn matches(ask: &Ask, resource: &Resource, wanted: &Map<String, Value>) -> Result<bool> {
    for (path, expected) in wanted {
        if !same(at(ask, &resource.properties, path)?, expected) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// JavaScript's `===`: 1 is 1.0, and two lists or objects are never the same one.
fn same(actual: &Value, expected: &Value) -> bool {
    match (actual, expected) {
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        (Value::Array(_) | Value::Object(_), _) => false,
        (a, b) => a == b,
    }
}

/// The asked properties under their paths, and the resource's id.
fn pick(ask: &Ask, resource: &Resource) -> Result<Value> {
    let mut picked = Map::new();
    for path in
        ask.props.get("propertiesToReturn").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
    {
        picked.insert(path.to_owned(), at(ask, &resource.properties, path)?.clone());
    }
    picked.insert("Identifier".to_owned(), resource.identifier.as_str().into());
    Ok(Value::Object(picked))
}

/// The value at a dotted path. As in the toolkit, a resource without it is an error.
fn at<'a>(ask: &Ask, properties: &'a Value, path: &str) -> Result<&'a Value> {
    let mut value = properties;
    for part in path.split('.') {
        let next = match value {
            Value::Array(list) => part.parse::<usize>().ok().and_then(|n| list.get(n)),
            other => other.get(part),
        };
        value = next.ok_or_else(|| {
            Error::failed(
                "lookup.no_property",
                ask.doing.as_str(),
                format!("Cannot read field {path}. {part} is not found."),
            )
            .next("correct propertyMatch and propertiesToReturn of the lookup in the app")
        })?;
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::super::ask::sample;
    use super::*;
    use crate::aws::fixture::{Fake, reply};

    fn described(some: &[(&str, Value)], next: Option<&str>) -> (u16, String) {
        let list: Vec<Value> =
            some.iter().map(|(id, p)| json!({"Identifier": id, "Properties": p.to_string()})).collect();
        let mut answer = json!({"TypeName": "AWS::RDS::DBInstance", "ResourceDescriptions": list});
        if let Some(next) = next {
            answer["NextToken"] = next.into();
        }
        reply(200, &answer.to_string())
    }

    #[tokio::test]
    async fn a_resource_is_got_by_its_id() {
        let properties = json!({"Endpoint": {"Port": "5432"}, "Tags": [{"Key": "a"}], "Name": "x"}).to_string();
        let answer =
            json!({"TypeName": "T", "ResourceDescription": {"Identifier": "db", "Properties": properties}}).to_string();
        let missing = r#"{"__type":"com.amazon.cloudapiservice#ResourceNotFoundException","Message":"no"}"#;
        let fake =
            Fake::start([reply(200, &answer), reply(200, &answer), reply(400, missing), reply(400, missing)]).await;
        let query = |more: Value| {
            let mut props = json!({"typeName": "T", "exactIdentifier": "db", "propertiesToReturn": ["Endpoint.Port", "Tags.0.Key"]});
            props.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            sample(fake.session(), props)
        };
        let found = look_up(&query(json!({}))).await.unwrap();
        assert_eq!(found.to_string(), r#"[{"Endpoint.Port":"5432","Tags.0.Key":"a","Identifier":"db"}]"#);
        assert_eq!(fake.asked()[0], r#"POST / CloudApiService.GetResource{"TypeName":"T","Identifier":"db"}"#);
        let error = look_up(&query(json!({"propertiesToReturn": ["Endpoint.Host"]}))).await.unwrap_err();
        assert_eq!(error.what(), "Cannot read field Endpoint.Host. Host is not found.");
        assert_eq!(look_up(&query(json!({}))).await.unwrap_err().what(), "No resource of type T with identifier: db");
        let lenient = json!({"ignoreErrorOnMissingContext": true, "dummyValue": [{"Endpoint.Port": "1"}]});
        assert_eq!(look_up(&query(lenient)).await.unwrap(), json!([{"Endpoint.Port": "1"}]));
    }

    #[tokio::test]
    async fn resources_are_listed_over_pages_and_counted() {
        let pages = || {
            [
                described(&[("a", json!({"N": 1})), ("b", json!({"N": 2}))], Some("t")),
                described(&[("c", json!({"N": 1.0}))], None),
            ]
        };
        let fake = Fake::start(pages().into_iter().chain(pages()).chain(pages())).await;
        let query = |wanted: Value, count: &str| {
            let props = json!({"typeName": "T", "propertyMatch": wanted, "expectedMatchCount": count, "propertiesToReturn": [], "resourceModel": {"C": "x"}});
            sample(fake.session(), props)
        };
        assert_eq!(
            look_up(&query(json!({"N": 1}), "any")).await.unwrap(),
            json!([{"Identifier": "a"}, {"Identifier": "c"}])
        );
        let first =
            r#"POST / CloudApiService.ListResources{"TypeName":"T","MaxResults":100,"ResourceModel":"{\"C\":\"x\"}"}"#;
        assert_eq!(fake.asked()[0], first);
        let many = look_up(&query(json!({"N": 1}), "exactly-one")).await.unwrap_err();
        assert_eq!(
            many.what(),
            r#"Found 2 resources matching {"N":1}; expected exactly one. Please narrow the search criteria"#
        );
        let none = look_up(&query(json!({"N": 9}), "at-least-one")).await.unwrap_err();
        assert_eq!(none.what(), r#"Could not find any resources matching {"N":9}; expected at least one."#);
    }

    #[tokio::test]
    async fn contradicting_queries_are_refused() {
        let fake = Fake::start([]).await;
        for (props, words) in [
            (json!({"exactIdentifier": "a", "propertyMatch": {"a": 1}}), "but not both"),
            (json!({"exactIdentifier": "a", "ignoreErrorOnMissingContext": true}), "a dummyValue must be supplied"),
            (json!({"exactIdentifier": "a", "dummyValue": "x"}), "must be an array of objects"),
            (json!({"typeName": "T"}), "neither exactIdentifier nor propertyMatch"),
        ] {
            let error = look_up(&sample(fake.session(), props)).await.unwrap_err();
            assert!(error.code() == "lookup.bad_query" && error.what().contains(words), "{error}");
        }
    }
}
