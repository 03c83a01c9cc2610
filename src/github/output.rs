//! A check as GitHub wants it written: within its limits, and with a mark by which the same content is known again.

use serde_json::{Map, Value, json};

use super::comments::same_text;
use super::models::CheckRun;
use super::text::{cut, cut_bytes};
use crate::error::{Error, Result};
use crate::forge::{Annotation, Check, CheckState, Level};
use crate::names::Digest;

const MOST_TITLE: usize = 255;
const MOST_TEXT_BYTES: usize = 65_535;
const MOST_MESSAGE_BYTES: usize = 64 << 10;
const MOST_BUTTONS: usize = 3;
const MOST_LABEL: usize = 20;
const MOST_BUTTON_DESCRIPTION: usize = 40;
const MOST_IDENTIFIER: usize = 20;

/// How many annotations one request may hold.
pub(super) const BATCH: usize = 50;
/// More are not read by anybody, and each 50 are a request.
const MOST_ANNOTATIONS: usize = 500;

const MARK: &str = "<!-- offshoot:check ";

/// A check, ready to be sent.
#[derive(Debug)]
pub(super) struct Wanted {
    pub name: String,
    pub revision: String,
    pub external_id: String,
    pub status: &'static str,
    pub conclusion: Option<&'static str>,
    title: String,
    summary: String,
    text: Option<String>,
    details_url: Option<String>,
    buttons: Vec<Value>,
    pub annotations: Vec<Value>,
    /// Of the annotations, since those that were sent cannot be taken back.
    annotated: String,
}

impl Wanted {
    pub(super) fn of(check: &Check) -> Result<Wanted> {
        let (status, conclusion) = words(check.state);
        let all = check.annotations.len();
        if all > MOST_ANNOTATIONS {
            tracing::warn!(all, "only the first {MOST_ANNOTATIONS} annotations of the check {} are sent", check.name);
        }
        let annotations: Vec<Value> = check.annotations.iter().take(MOST_ANNOTATIONS).map(annotation).collect();
        let buttons = buttons(check)?;
        let details_url = check.details_url.clone().filter(|url| is_web_address(url));
        let annotated = digest(&json!(annotations));
        // what GitHub does not give back, or (links of GITHUB_TOKEN's checks) replaces
        let rest = digest(&json!({ "buttons": buttons, "details_url": details_url }));
        let mark = format!("\n\n{MARK}{annotated} {rest} -->");
        let summary = cut_bytes(&check.summary, MOST_TEXT_BYTES - mark.len()) + &mark;
        Ok(Wanted {
            name: check.name.clone(),
            revision: check.revision.as_str().to_owned(),
            external_id: check.external_id.clone(),
            status,
            conclusion,
            title: cut(&check.title, MOST_TITLE),
            summary,
            text: check.text.as_deref().filter(|t| !t.is_empty()).map(|t| cut_bytes(t, MOST_TEXT_BYTES)),
            details_url,
            buttons,
            annotations,
            annotated,
        })
    }

    /// Whether a check run says all this already.
    pub(super) fn is_there(&self, run: &CheckRun) -> bool {
        self.is_begun(run) && run.output.annotations_count == self.annotations.len()
    }

    /// The same, but for annotations that may be missing.
    pub(super) fn is_begun(&self, run: &CheckRun) -> bool {
        let same = |theirs: &Option<String>, ours: &str| same_text(theirs.as_deref().unwrap_or_default(), ours);
        run.status == self.status
            && run.conclusion.as_deref() == self.conclusion
            && same(&run.output.title, &self.title)
            && same(&run.output.summary, &self.summary)
            && same(&run.output.text, self.text.as_deref().unwrap_or_default())
            && run.output.annotations_count <= self.annotations.len()
    }

    /// Whether it can become so: what is completed is never undone, and annotations are only ever added.
    pub(super) fn can_become(&self, run: &CheckRun) -> bool {
        let reopened = run.status == "completed" && self.status != "completed";
        !reopened && (run.output.annotations_count == 0 || marked(run) == Some(self.annotated.as_str()))
    }

    pub(super) fn to_create(&self) -> Value {
        let mut body = self.body();
        body.insert("name".to_owned(), json!(self.name));
        body.insert("head_sha".to_owned(), json!(self.revision));
        if !self.buttons.is_empty() {
            body.insert("actions".to_owned(), json!(self.buttons));
        }
        self.with_output(body, 0)
    }

    /// Everything, and of the annotations those that are not there yet, as many as one request holds.
    pub(super) fn to_change(&self, annotations_there: usize) -> Value {
        let mut body = self.body();
        // an empty list takes the old ones away
        body.insert("actions".to_owned(), json!(self.buttons));
        self.with_output(body, annotations_there)
    }

    fn body(&self) -> Map<String, Value> {
        let mut body = Map::new();
        body.insert("external_id".to_owned(), json!(self.external_id));
        body.insert("status".to_owned(), json!(self.status));
        if let Some(conclusion) = self.conclusion {
            body.insert("conclusion".to_owned(), json!(conclusion));
        }
        if let Some(url) = &self.details_url {
            body.insert("details_url".to_owned(), json!(url));
        }
        body
    }

    fn with_output(&self, mut body: Map<String, Value>, annotations_there: usize) -> Value {
        let mut output = json!({ "title": self.title, "summary": self.summary });
        if let Some(text) = &self.text {
            output["text"] = json!(text);
        } else if !body.contains_key("head_sha") {
            // an empty text takes the old one away
            output["text"] = json!("");
        }
        let more: Vec<&Value> = self.annotations.iter().skip(annotations_there).take(BATCH).collect();
        if !more.is_empty() {
            output["annotations"] = json!(more);
        }
        body.insert("output".to_owned(), output);
        Value::Object(body)
    }
}

/// The digest of the annotations that a check run of ours was made with.
fn marked(run: &CheckRun) -> Option<&str> {
    let (_, mark) = run.output.summary.as_deref()?.rsplit_once(MARK)?;
    mark.split(' ').next()
}

fn digest(value: &Value) -> String {
    Digest::of(value.to_string()).short().to_owned()
}

pub(super) fn is_web_address(url: &str) -> bool {
    (url.starts_with("https://") || url.starts_with("http://")) && !url.contains(char::is_whitespace)
}

fn words(state: CheckState) -> (&'static str, Option<&'static str>) {
    match state {
        CheckState::Queued => ("queued", None),
        CheckState::InProgress => ("in_progress", None),
        CheckState::Success => ("completed", Some("success")),
        CheckState::Failure => ("completed", Some("failure")),
        CheckState::Neutral => ("completed", Some("neutral")),
        CheckState::Cancelled => ("completed", Some("cancelled")),
        CheckState::ActionRequired => ("completed", Some("action_required")),
    }
}

fn annotation(annotation: &Annotation) -> Value {
    let level = match annotation.level {
        Level::Notice => "notice",
        Level::Warning => "warning",
        Level::Failure => "failure",
    };
    let line = annotation.line.max(1);
    json!({
        "path": annotation.path,
        "start_line": line,
        "end_line": line,
        "annotation_level": level,
        "title": cut(&annotation.title, MOST_TITLE),
        "message": cut_bytes(&annotation.message, MOST_MESSAGE_BYTES),
    })
}

/// Labels may be cut, identifiers may not: they come back when somebody presses the button.
fn buttons(check: &Check) -> Result<Vec<Value>> {
    let bug = |what: String| Err(Error::bug("forge.button", format!("writing the check {}", check.name), what));
    if check.buttons.len() > MOST_BUTTONS {
        return bug(format!("it has {} buttons, GitHub shows {MOST_BUTTONS}", check.buttons.len()));
    }
    if let Some(long) = check.buttons.iter().find(|b| b.identifier.chars().count() > MOST_IDENTIFIER) {
        return bug(format!("the button {:?} has more than {MOST_IDENTIFIER} characters", long.identifier));
    }
    Ok(check
        .buttons
        .iter()
        .map(|button| {
            json!({
                "label": cut(&button.label, MOST_LABEL),
                "description": cut(&button.description, MOST_BUTTON_DESCRIPTION),
                "identifier": button.identifier,
            })
        })
        .collect())
}
