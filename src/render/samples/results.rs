//! Sample results, progress and lists for the tests of this room.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::plan::StackAction;
use crate::plan::outcome::{Applied, Ended, Failure, StackOutcome};

use super::{DIGEST, REVISION};
use crate::render::lists::{AppRow, Checked, RuleRow, StageRow};
use crate::render::progress::{Event, Phase, StackProgress};

fn outcome(name: &str, action: StackAction, ended: Ended, status: &str, seconds: f64) -> StackOutcome {
    StackOutcome {
        name: name.into(),
        action,
        ended,
        status: status.into(),
        seconds,
        outputs: BTreeMap::new(),
        failure: None,
        because: None,
    }
}

fn result(stacks: Vec<StackOutcome>) -> Applied {
    Applied {
        version: 1,
        app: "notes".into(),
        stage: "prod".into(),
        revision: REVISION.into(),
        digest: DIGEST.into(),
        stacks,
        notes: Vec::new(),
        timings: BTreeMap::from([("apply".into(), 57.3)]),
    }
}

pub fn applied() -> Applied {
    let mut data = outcome("prod-notes-data", StackAction::Create, Ended::Done, "CREATE_COMPLETE", 31.4);
    data.outputs = BTreeMap::from([("TableName".into(), "prod-notes-data-Table-1ABC".into())]);
    let mut api = outcome("prod-notes-api", StackAction::Update, Ended::Done, "UPDATE_COMPLETE", 25.9);
    api.outputs = BTreeMap::from([("Url".into(), "https://abc.execute-api.eu-west-1.amazonaws.com/".into())]);
    result(vec![data, api, outcome("prod-notes-web", StackAction::None, Ended::Unchanged, "UPDATE_COMPLETE", 0.0)])
}

/// A function's role is refused; the stack that depends on it is skipped.
pub fn failed() -> Applied {
    let mut api = outcome("prod-notes-api", StackAction::Update, Ended::Failed, "UPDATE_ROLLBACK_COMPLETE", 44.0);
    api.failure = Some(Failure {
        logical_id: "Create1A2B".into(),
        resource_type: "AWS::Lambda::Function".into(),
        path: "Api/Create/Resource".into(),
        reason: "Resource handler returned message: \"The role defined for the function cannot be assumed by Lambda. (Service: Lambda, Status Code: 400)\" (HandlerErrorCode: InvalidRequest)".into(),
        left: "rolled back: the stack runs what it ran before".into(),
        next: "let lambda.amazonaws.com assume the role of Api/Create, then: offshoot deploy".into(),
    });
    let mut web = outcome("prod-notes-web", StackAction::Update, Ended::Skipped, "", 0.0);
    web.because = Some("prod-notes-api".into());
    let mut all = applied().stacks;
    all.truncate(1);
    all.extend([api, web]);
    result(all)
}

pub fn rollback_failed() -> Applied {
    let mut api = outcome("prod-notes-api", StackAction::Update, Ended::Failed, "UPDATE_ROLLBACK_FAILED", 312.0);
    api.failure = Some(Failure {
        logical_id: "Queue".into(),
        resource_type: "AWS::SQS::Queue".into(),
        path: String::new(),
        reason: "Access denied\n\tfor sqs:SetQueueAttributes".into(),
        left: "half rolled back: CloudFormation could not restore Queue and takes no update until it can".into(),
        next: "give the execution role sqs:SetQueueAttributes, then: offshoot deploy --resume".into(),
    });
    let mut all =
        result(vec![api, outcome("prod-notes-web", StackAction::Update, Ended::Running, "UPDATE_IN_PROGRESS", 300.0)]);
    all.notes = vec!["stopped waiting after a second Ctrl-C".into()];
    all
}

pub fn removed() -> Applied {
    result(vec![outcome("prod-notes-api", StackAction::Delete, Ended::Done, "DELETE_COMPLETE", 41.0)])
}

/// Every sample result with its name.
pub fn results() -> Vec<(&'static str, Applied)> {
    vec![
        ("applied", applied()),
        ("failed", failed()),
        ("rollback_failed", rollback_failed()),
        ("removed", removed()),
        ("empty", result(Vec::new())),
    ]
}

fn progress_of(name: &str, phase: Phase, status: &str, done: usize, seconds: u64) -> StackProgress {
    StackProgress {
        name: name.into(),
        phase,
        status: status.into(),
        done,
        total: 12,
        elapsed: Duration::from_secs(seconds),
        working_on: None,
    }
}

pub fn progress() -> Vec<StackProgress> {
    let mut running = progress_of("prod-notes-api", Phase::Running, "UPDATE_IN_PROGRESS", 3, 14);
    running.working_on = Some("Api/Create/Resource".into());
    vec![
        progress_of("prod-notes-data", Phase::Done, "UPDATE_COMPLETE", 12, 31),
        running,
        progress_of("prod-notes-jobs", Phase::RollingBack, "UPDATE_ROLLBACK_IN_PROGRESS", 13, 75),
        progress_of("prod-notes-mail", Phase::Failed, "ROLLBACK_COMPLETE", 2, 20),
        progress_of("prod-notes-web", Phase::Waiting, "", 0, 0),
        progress_of("prod-notes-docs", Phase::Skipped, "", 0, 0),
    ]
}

pub fn progress_of_many(n: usize) -> Vec<StackProgress> {
    (0..n)
        .map(|i| {
            let phase = match i {
                0..40 => Phase::Done,
                40..60 => Phase::Running,
                60 => Phase::Failed,
                _ => Phase::Waiting,
            };
            progress_of(&format!("prod-a-rather-long-name-for-a-tenant-{i:03}"), phase, "UPDATE_IN_PROGRESS", 4, 9)
        })
        .collect()
}

pub fn events() -> Vec<Event<'static>> {
    let event = Event {
        elapsed: Duration::from_millis(1_200),
        stack: "prod-notes-api",
        status: "UPDATE_IN_PROGRESS",
        resource: "",
        resource_type: "",
        reason: "",
    };
    vec![
        event,
        Event {
            elapsed: Duration::from_secs(14),
            status: "UPDATE_FAILED",
            resource: "Api/Create/Resource",
            resource_type: "AWS::Lambda::Function",
            reason: "The role cannot be assumed\nby Lambda",
            ..event
        },
        Event { elapsed: Duration::from_secs(75), status: "UPDATE_ROLLBACK_COMPLETE", ..event },
    ]
}

pub fn stage_rows() -> Vec<StageRow> {
    let row = |stage: &str, rule: &str, revision: Option<&str>, deployed: Option<&str>, stacks| StageRow {
        app: "notes".into(),
        stage: stage.into(),
        rule: rule.into(),
        revision: revision.map(Into::into),
        deployed: deployed.map(Into::into),
        stacks,
    };
    vec![
        row("prod", "branch main", Some(REVISION), Some("2026-11-20 14:03"), 3),
        row("staging", "branch develop", None, None, 0),
        row("pr-42", "pull request 42", Some("0123456789abcdef"), Some("2 hours ago"), 3),
    ]
}

pub fn checked() -> Checked {
    Checked {
        file: Some("offshoot.yml".into()),
        apps: vec![AppRow { name: "notes".into(), kind: "CDK (TypeScript)".into(), path: ".".into() }],
        rules: vec![
            RuleRow {
                stage: "prod".into(),
                rule: "branch main".into(),
                place: "111111111111, us-east-1".into(),
                apply: "approved".into(),
            },
            RuleRow {
                stage: "{branch}".into(),
                rule: "branch feature/*".into(),
                place: "from the environment".into(),
                apply: "auto".into(),
            },
        ],
        warnings: vec!["stage {branch} has no limit: every branch that matches gets its own stacks".into()],
    }
}
