//! Faults that a test injects: answered in place of the service, a given number of times.

use super::State;
use super::wire::{Refusal, Request};

/// What goes wrong.
#[derive(Clone, Debug)]
pub enum Fault {
    /// `Throttling: Rate exceeded` (S3: `SlowDown`).
    Throttle,
    /// A 5xx answer.
    ServerError(u16),
    /// No answer ever; the client's own time limit ends it.
    Timeout,
    /// The connection breaks, nothing was done.
    Reset,
    /// The connection breaks after the request was carried out.
    LostAnswer,
    AccessDenied(String),
    ExpiredToken,
    /// S3: `409 ConditionalRequestConflict`.
    Conflict,
    /// Any other answer: status, code, message.
    Error(u16, String, String),
}

impl Fault {
    /// The answer this fault gives, where it gives one.
    pub fn refusal(&self, request: &Request) -> Refusal {
        let s3 = request.service == "s3";
        match self {
            Fault::Throttle if s3 => Refusal::new(503, "SlowDown", "Please reduce your request rate."),
            Fault::Throttle if request.service == "lambda" => {
                Refusal::new(429, "TooManyRequestsException", "Rate exceeded")
            }
            Fault::Throttle if request.service == "ssm" => Refusal::new(400, "ThrottlingException", "Rate exceeded"),
            Fault::Throttle => Refusal::new(400, "Throttling", "Rate exceeded"),
            Fault::ServerError(status) => {
                let code = if *status == 503 { "ServiceUnavailable" } else { "InternalFailure" };
                Refusal::new(*status, code, "The service is unavailable. Please try again.")
            }
            Fault::AccessDenied(message) => {
                let code = match request.service.as_str() {
                    "ssm" | "lambda" => "AccessDeniedException",
                    _ => "AccessDenied",
                };
                Refusal::new(if request.service == "ssm" { 400 } else { 403 }, code, message)
            }
            Fault::ExpiredToken => {
                let message = "The security token included in the request is expired";
                match request.service.as_str() {
                    "ssm" | "lambda" => Refusal::new(400, "ExpiredTokenException", message),
                    "s3" => Refusal::new(400, "ExpiredToken", "The provided token has expired."),
                    _ => Refusal::new(403, "ExpiredToken", message),
                }
            }
            Fault::Conflict => Refusal::new(
                409,
                "ConditionalRequestConflict",
                "The conditional request cannot succeed due to a conflicting operation against this resource.",
            ),
            Fault::Error(status, code, message) => Refusal::new(*status, code, message),
            Fault::Timeout | Fault::Reset | Fault::LostAnswer => Refusal::new(500, "InternalFailure", ""),
        }
    }
}

/// When a fault strikes.
#[derive(Clone, Debug)]
pub struct Rule {
    service: String,
    operation: String,
    fault: Fault,
    /// Matching calls that still pass before it strikes.
    skip: usize,
    left: usize,
    /// Parameter name and a text that its value contains.
    filter: Option<(String, String)>,
}

impl Rule {
    fn matches(&self, request: &Request) -> bool {
        let is = |pattern: &str, value: &str| pattern == "*" || pattern == value;
        self.left > 0
            && is(&self.service, &request.service)
            && is(&self.operation, &request.operation)
            && self
                .filter
                .as_ref()
                .is_none_or(|(key, text)| request.params().get(key).is_some_and(|v| v.contains(text)))
    }
}

impl State {
    /// The first fault that applies to this request; it is used up by one.
    pub fn take_fault(&mut self, request: &Request) -> Option<Fault> {
        for rule in self.faults.iter_mut().filter(|rule| rule.matches(request)) {
            if rule.skip > 0 {
                rule.skip -= 1;
                continue;
            }
            rule.left -= 1;
            return Some(rule.fault.clone());
        }
        None
    }
}

impl super::FakeAws {
    /// The next `times` calls of the operation meet the fault. `*` stands for any service or operation.
    pub fn inject(&self, service: &str, operation: &str, fault: Fault, times: usize) {
        self.add_rule(service, operation, fault, 0, times, None);
    }

    /// The same, only for calls whose parameter (`StackName`, `Key`, …) contains the text.
    pub fn inject_when(&self, service: &str, operation: &str, fault: Fault, times: usize, filter: (&str, &str)) {
        self.add_rule(service, operation, fault, 0, times, Some(filter));
    }

    /// The same as [`Self::inject`], after `skip` calls went well.
    pub fn inject_after(&self, skip: usize, service: &str, operation: &str, fault: Fault, times: usize) {
        self.add_rule(service, operation, fault, skip, times, None);
    }

    /// Faults that were injected and have not been met yet; a test asserts 0 at its end.
    pub fn faults_left(&self) -> usize {
        self.state().faults.iter().map(|rule| rule.left).sum()
    }

    pub fn clear_faults(&self) {
        self.state().faults.clear();
    }

    fn add_rule(
        &self,
        service: &str,
        operation: &str,
        fault: Fault,
        skip: usize,
        left: usize,
        filter: Option<(&str, &str)>,
    ) {
        let filter = filter.map(|(key, text)| (key.to_owned(), text.to_owned()));
        let rule = Rule { service: service.to_owned(), operation: operation.to_owned(), fault, skip, left, filter };
        self.state().faults.push(rule);
    }
}
