//! Faults that a test injects, a given number of times.

use super::journal::Call;
use super::state::State;
use super::wire::Refusal;

/// What goes wrong.
#[derive(Clone, Debug)]
pub enum Fault {
    /// The secondary rate limit: 403 with `retry-after`.
    Secondary { retry_after_s: u64 },
    /// The secondary rate limit without a word about how long: 403.
    SecondarySilent,
    /// This status, nothing was done.
    Status(u16),
    /// This status with this message, nothing was done.
    Error(u16, String),
    /// This status, though the request was carried out.
    StatusAfterDoing(u16),
    /// No answer ever, nothing was done; the client's own time limit ends it.
    Timeout,
    /// No answer ever, though the request was carried out.
    TimeoutAfterDoing,
    /// The connection breaks, nothing was done.
    Reset,
    /// The connection breaks after the request was carried out.
    LostAnswer,
    /// It is carried out twice; the answer is about the first.
    Duplicate,
    /// What it creates is missing in the next so many lists.
    Lagging(usize),
}

impl Fault {
    /// The answer this fault gives, where it gives one.
    pub fn refusal(&self) -> Refusal {
        let limited = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.";
        match self {
            Fault::Secondary { retry_after_s } => {
                Refusal::new(403, limited).header("retry-after", retry_after_s.to_string())
            }
            Fault::SecondarySilent => Refusal::new(403, limited),
            Fault::Error(status, message) => Refusal::new(*status, message),
            Fault::Status(status) | Fault::StatusAfterDoing(status) => {
                let message = match status {
                    401 => "Bad credentials",
                    403 => "Resource not accessible by integration",
                    404 => "Not Found",
                    422 => "Validation Failed",
                    502 => "Server Error",
                    503 => "Service Unavailable",
                    _ => "Something went wrong",
                };
                Refusal::new(*status, message)
            }
            _ => Refusal::new(500, "Server Error"),
        }
    }
}

/// Which requests are meant: `"POST issues/1/comments"` (a method or `*`, and what the path, its template
/// or the operation's name contains; either alone is fine: `"issues/create-comment"`, `"PATCH"`), or a closure.
pub trait Matches: Send + 'static {
    fn matches(&self, call: &Call) -> bool;
}

impl Matches for &'static str {
    fn matches(&self, call: &Call) -> bool {
        let all_big = self.bytes().all(|b| b.is_ascii_uppercase());
        let (method, text) = self.split_once(' ').unwrap_or(if all_big { (self, "") } else { ("*", self) });
        (method == "*" || method == call.method)
            && [&call.path, &call.template, &call.operation].iter().any(|t| t.contains(text))
    }
}

impl<F: Fn(&Call) -> bool + Send + 'static> Matches for F {
    fn matches(&self, call: &Call) -> bool {
        self(call)
    }
}

/// When a fault strikes.
pub struct Rule {
    matcher: Box<dyn Matches>,
    fault: Fault,
    /// Matching calls that still pass before it strikes.
    skip: usize,
    left: usize,
}

impl State {
    /// The first fault that applies to this request; it is used up by one.
    pub fn take_fault(&mut self, call: &Call) -> Option<Fault> {
        for rule in self.faults.iter_mut().filter(|rule| rule.left > 0) {
            if !rule.matcher.matches(call) {
                continue;
            }
            if rule.skip > 0 {
                rule.skip -= 1;
                continue;
            }
            rule.left -= 1;
            return Some(rule.fault.clone());
        }
        None
    }

    /// What was created after this number is not seen by the next so many lists.
    pub fn hide_newer(&mut self, than: u64, lists: usize) {
        self.comments.iter_mut().filter(|c| c.id > than).for_each(|c| c.hidden = lists);
        self.checks.iter_mut().filter(|c| c.id > than).for_each(|c| c.hidden = lists);
        self.deployments.iter_mut().filter(|d| d.id > than).for_each(|d| d.hidden = lists);
    }
}

/// One look at a thing in a list: whether it is seen yet.
pub fn seen(hidden: &mut usize) -> bool {
    let seen = *hidden == 0;
    *hidden = hidden.saturating_sub(1);
    seen
}

impl super::Hub {
    /// The next matching request meets the fault.
    pub fn fault(&self, matcher: impl Matches, fault: Fault) {
        self.fault_after(0, matcher, fault, 1);
    }

    /// The next `times` matching requests meet the fault.
    pub fn fault_times(&self, matcher: impl Matches, fault: Fault, times: usize) {
        self.fault_after(0, matcher, fault, times);
    }

    /// The same, after `skip` matching requests went well.
    pub fn fault_after(&self, skip: usize, matcher: impl Matches, fault: Fault, times: usize) {
        self.state().faults.push(Rule { matcher: Box::new(matcher), fault, skip, left: times });
    }

    /// Faults that were injected and have not been met yet; a test asserts 0 at its end.
    pub fn faults_left(&self) -> usize {
        self.state().faults.iter().map(|rule| rule.left).sum()
    }

    pub fn clear_faults(&self) {
        self.state().faults.clear();
    }
}
