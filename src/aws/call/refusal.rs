//! What AWS says when it refuses a call, read from JSON or XML, and whether asking again helps.

use std::fmt;

use aws_smithy_runtime_api::client::interceptors::context::InterceptorContext;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::retries::classifiers::{ClassifyRetry, RetryAction};
use aws_smithy_types::error::metadata::{ErrorMetadata, ProvideErrorMetadata};
use serde_json::Value;

/// Codes that ask for patience, also in answers of status 400.
const THROTTLES: [&str; 10] = [
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "RequestThrottled",
    "RequestThrottledException",
    "RequestLimitExceeded",
    "TooManyRequestsException",
    "BandwidthLimitExceeded",
    "PriorRequestNotComplete",
    "EC2ThrottledException",
];

/// An answer that is not a success. Boxed, since every call's result carries the room for it.
#[derive(Debug)]
pub(super) struct Refusal(Box<Said>);

#[derive(Debug)]
struct Said {
    meta: ErrorMetadata,
    status: u16,
    body: String,
}

impl Refusal {
    pub fn of(response: &HttpResponse) -> Refusal {
        let body = String::from_utf8_lossy(response.body().bytes().unwrap_or_default()).into_owned();
        let (code, message) = from_json(response.headers().get("x-amzn-errortype"), &body)
            .or_else(|| from_xml(&body))
            .unwrap_or_default();
        let mut meta = ErrorMetadata::builder();
        if !code.is_empty() {
            // one word for all throttles, which the house's errors know
            let code = if THROTTLES.contains(&code.as_str()) { "Throttling".to_owned() } else { code };
            // a wrong signature is explained at length, with the session token in it: keep the first paragraph
            let message = message.split("\n\n").next().unwrap_or_default().to_owned();
            meta = meta.code(code).message(message);
        }
        Refusal(Box::new(Said { meta: meta.build(), status: response.status().as_u16(), body }))
    }
}

impl ProvideErrorMetadata for Refusal {
    fn meta(&self) -> &ErrorMetadata {
        &self.0.meta
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let start: String = self.0.body.chars().take(200).collect();
        write!(f, "HTTP {}: {}", self.0.status, start.trim())
    }
}

impl std::error::Error for Refusal {}

/// Retries what [`THROTTLES`] names; status codes and broken connections are judged by the SDK's own classifiers.
#[derive(Debug)]
pub(super) struct Patience;

impl ClassifyRetry for Patience {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let Some(Err(error)) = context.output_or_error() else { return RetryAction::NoActionIndicated };
        let refusal = error.as_operation_error().and_then(|e| e.downcast_ref::<Refusal>());
        match refusal.and_then(|r| r.0.meta.code()) {
            Some("Throttling") => RetryAction::throttling_error(),
            Some("RequestTimeout" | "RequestTimeoutException") => RetryAction::transient_error(),
            _ => RetryAction::NoActionIndicated,
        }
    }

    fn name(&self) -> &'static str {
        "throttles of calls signed by hand"
    }
}

/// `__type` is `namespace#Code`, the header is `Code:address`.
fn from_json(header: Option<&str>, body: &str) -> Option<(String, String)> {
    let value: Value = serde_json::from_str(body).ok()?;
    let name = value.get("__type").and_then(Value::as_str).or(header)?;
    let code = name.rsplit('#').next()?.split(':').next()?;
    let message = ["message", "Message"].iter().find_map(|key| value.get(key)?.as_str());
    Some((code.to_owned(), message.unwrap_or_default().to_owned()))
}

/// `<Code>` and `<Message>` stand at another depth in each service.
fn from_xml(body: &str) -> Option<(String, String)> {
    let document = roxmltree::Document::parse(body).ok()?;
    let text =
        |name: &str| document.descendants().find(|n| n.has_tag_name(name) || n.tag_name().name() == name)?.text();
    Some((text("Code")?.to_owned(), text("Message").unwrap_or_default().to_owned()))
}

#[cfg(test)]
mod tests {
    use aws_smithy_types::body::SdkBody;

    use super::*;

    fn read(body: &str) -> (Option<String>, Option<String>) {
        let refusal = Refusal::of(&HttpResponse::new(400.try_into().unwrap(), SdkBody::from(body)));
        (refusal.0.meta.code().map(str::to_owned), refusal.0.meta.message().map(str::to_owned))
    }

    #[test]
    fn each_protocol_says_no_in_its_own_way() {
        let said = |code: &str, message: &str| (Some(code.to_owned()), Some(message.to_owned()));
        let ec2 = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response><Errors><Error><Code>InvalidGroup.NotFound</Code>\
                   <Message>The security group 'sg-1' does not exist</Message></Error></Errors><RequestID>r</RequestID></Response>";
        assert_eq!(read(ec2), said("InvalidGroup.NotFound", "The security group 'sg-1' does not exist"));
        let elb = "<ErrorResponse xmlns=\"http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/\"><Error><Type>Sender</Type>\
                   <Code>LoadBalancerNotFound</Code><Message>One or more</Message></Error></ErrorResponse>";
        assert_eq!(read(elb), said("LoadBalancerNotFound", "One or more"));
        assert_eq!(read(r#"{"__type":"AccessDeniedException","Message":"no"}"#), said("AccessDeniedException", "no"));
        assert_eq!(read("<Response><Code>EC2ThrottledException</Code></Response>"), said("Throttling", ""));
        let signature = "{\"__type\":\"x#SignatureDoesNotMatch\",\"message\":\"It differs.\\n\\nCanonical: x-amz-security-token:secret\"}";
        assert_eq!(read(signature), said("SignatureDoesNotMatch", "It differs."));
        assert_eq!(read("<html>Bad gateway"), (None, None));
    }
}
