//! One lookup under way: where it is asked, what is asked for, and how its failures read.

use serde_json::{Map, Value};

use crate::aws::Session;
use crate::aws::call::{EC2, Fault, Params};
use crate::aws::xml;
use crate::error::{Error, Result};

/// More pages than any account has; a service that never ends its list must not hold us for ever.
pub(super) const PAGES_MOST: usize = 200;

/// Fields of a query that say where and how to ask, and not what for.
const ADDRESS: [&str; 7] = [
    "account",
    "region",
    "lookupRoleArn",
    "lookupRoleExternalId",
    "assumeRoleAdditionalOptions",
    "dummyValue",
    "ignoreErrorOnMissingContext",
];

/// A query with the session that answers it.
pub(super) struct Ask {
    pub session: Session,
    pub props: Map<String, Value>,
    /// The activity that errors name.
    pub doing: String,
}

impl Ask {
    /// A text of the query; the empty text counts as absent, as it does in JavaScript.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.props.get(key)?.as_str().filter(|t| !t.is_empty())
    }

    pub fn need(&self, key: &str) -> Result<&str> {
        self.text(key).ok_or_else(|| self.bad(format!("the query needs {key}")))
    }

    /// A flag of the query, by JavaScript's idea of truth.
    pub fn flag(&self, key: &str) -> bool {
        match self.props.get(key) {
            None | Some(Value::Null | Value::Bool(false)) => false,
            Some(Value::String(text)) => !text.is_empty(),
            Some(Value::Number(number)) => number.as_f64() != Some(0.0),
            Some(_) => true,
        }
    }

    /// What is looked for, as JSON, for the words of an error.
    pub fn criteria(&self) -> String {
        let wanted: Map<String, Value> = self
            .props
            .iter()
            .filter(|(k, _)| !ADDRESS.contains(&k.as_str()))
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect();
        Value::Object(wanted).to_string()
    }

    /// The query's stand-in, where it says that nothing found is no error.
    pub fn stand_in(&self) -> Option<&Value> {
        if self.flag("ignoreErrorOnMissingContext") { self.props.get("dummyValue") } else { None }
    }

    pub fn not_found(&self, what: impl Into<String>) -> Error {
        let place = format!("{} in {}", self.session.account, self.session.region);
        Error::failed("lookup.not_found", self.doing.as_str(), what)
            .next(format!("create it in {place}, or correct the lookup in the app (its account, region and criteria)"))
    }

    pub fn ambiguous(&self, what: impl Into<String>) -> Error {
        Error::failed("lookup.ambiguous", self.doing.as_str(), what)
            .next("narrow the lookup in the app, for example to an id or a tag")
    }

    pub fn bad(&self, what: impl Into<String>) -> Error {
        Error::failed("lookup.bad_query", self.doing.as_str(), what).next("correct the lookup in the app")
    }

    pub fn endless(&self) -> Error {
        Error::failed("lookup.endless", self.doing.as_str(), format!("the list has more than {PAGES_MOST} pages"))
            .next("narrow the lookup in the app")
    }

    /// All entries of EC2's list `name`, over all its pages.
    pub async fn ec2(&self, action: &str, params: Params, name: &str) -> Result<Vec<Value>, Fault> {
        let mut found = Vec::new();
        let mut next: Option<String> = None;
        for _ in 0..PAGES_MOST {
            let mut page = params.clone();
            if let Some(token) = &next {
                page.set("NextToken", token);
            }
            let answer = EC2.call(&self.session, action, &self.doing, &page).await?;
            found.extend_from_slice(xml::list(&answer, name));
            next = xml::text(&answer, "nextToken").filter(|t| !t.is_empty()).map(str::to_owned);
            if next.is_none() {
                return Ok(found);
            }
        }
        Err(self.endless().into())
    }
}

/// An object without the fields that have no value: JSON knows no `undefined`.
pub(super) fn object<const N: usize>(fields: [(&str, Option<Value>); N]) -> Value {
    Value::Object(fields.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect())
}

/// A text of an answer as a value.
pub(super) fn field(value: &Value, name: &str) -> Option<Value> {
    xml::text(value, name).map(Value::from)
}

/// A query of the tests, in account 111111111111 and region eu-west-1.
#[cfg(test)]
pub(super) fn sample(session: Session, props: Value) -> Ask {
    let Value::Object(mut props) = props else { panic!("not an object") };
    props.insert("account".into(), "111111111111".into());
    props.insert("region".into(), "eu-west-1".into());
    Ask { session, props, doing: "looking up context k".into() }
}
