//! Sample cards for the tests of this room.

use crate::plan::StackAction;
use crate::plan::card::{Approvals, Card, CardState, StageClass, StageRole};
use crate::render::samples;

pub const ALL: [CardState; 13] = [
    CardState::Unchanged,
    CardState::Planned,
    CardState::NeedsApproval,
    CardState::NeedsTrust,
    CardState::Planning,
    CardState::Deploying,
    CardState::Deployed,
    CardState::PlanFailed,
    CardState::DeployFailed,
    CardState::Refused,
    CardState::Cancelled,
    CardState::Removed,
    CardState::RemoveFailed,
];

/// A stage without a plan.
pub fn card(state: CardState) -> Card {
    Card {
        version: 1,
        pull: 42,
        app: "notes".to_owned(),
        stage: "prod".to_owned(),
        role: StageRole::Target,
        class: StageClass::Production,
        environment: "prod".to_owned(),
        check: "offshoot: prod".to_owned(),
        head: "9f8e7d6c5b4a39281706f5e4d3c2b1a098765432".to_owned(),
        base: "1111111111111111111111111111111111111111".to_owned(),
        updated: "2026-03-01T10:00:00Z".to_owned(),
        state,
        why: None,
        plan: None,
        planned: None,
        applied: None,
        trouble: None,
        approvals: Approvals::default(),
        outputs: Default::default(),
        url: None,
        expires: None,
        run_url: Some("https://github.com/acme/notes/actions/runs/7".to_owned()),
        live_url: None,
        offer: None,
    }
}

/// The same with a plan that asks for something and needs one approval.
pub fn planned(state: CardState) -> Card {
    let stack = samples::stack("prod-notes", StackAction::Update, "the template differs");
    let approvals = Approvals { needed: 1, ..Approvals::default() };
    Card { plan: Some(samples::plan(vec![stack])), approvals, ..card(state) }
}
