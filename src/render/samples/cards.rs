//! Sample cards of pull request 42, for the tests of comments, checks, replies and summaries.

use std::collections::BTreeMap;

use super::{EVIL, REVISION};
use crate::plan::Plan;
use crate::plan::card::{Approvals, Card, CardState, StageClass, StageRole, Trouble, VERSION};
use crate::plan::outcome::Applied;
use crate::plan::state::Approval;

const BASE: &str = "0a1b2c3d4e5f60718293a4b5c6d7e8f901234567";
pub const RUN: &str = "https://github.com/acme/notes/actions/runs/123";

fn card(stage: &str, role: StageRole, state: CardState) -> Card {
    let preview = role == StageRole::Preview;
    Card {
        version: VERSION,
        pull: 42,
        app: "notes".into(),
        stage: stage.into(),
        role,
        class: if preview { StageClass::Preview } else { StageClass::Production },
        environment: stage.into(),
        check: if preview { "preview".into() } else { stage.into() },
        head: REVISION.into(),
        base: BASE.into(),
        updated: "2026-11-23T14:03:07Z".into(),
        state,
        why: None,
        plan: None,
        planned: None,
        applied: None,
        trouble: None,
        approvals: Approvals::default(),
        outputs: BTreeMap::new(),
        url: None,
        expires: None,
        run_url: Some(RUN.into()),
        live_url: None,
        offer: None,
    }
}

/// The stage that the pull request wants to go into.
pub fn prod(state: CardState) -> Card {
    card("prod", StageRole::Target, state)
}

/// The pull request's own stage.
pub fn preview(state: CardState) -> Card {
    card("pr-42", StageRole::Preview, state)
}

/// The card with a plan of these stacks for its stage.
pub fn planned(mut card: Card, sample: Plan) -> Card {
    let rename = |name: &str| name.replace("prod-", &format!("{}-", card.stage));
    let mut plan = Plan { app: card.app.clone(), stage: card.stage.clone(), ..sample };
    for stack in &mut plan.stacks {
        stack.name = rename(&stack.name);
        stack.display_name = rename(&stack.display_name);
        stack.waits_for = stack.waits_for.iter().map(|n| rename(n)).collect();
    }
    card.plan = Some(plan);
    card.planned = Some("2026-11-23T14:02:51Z".into());
    card
}

/// The card with what its apply came to, and the outputs that it left.
pub fn applied_to(mut card: Card, sample: Applied) -> Card {
    let mut applied = Applied { app: card.app.clone(), stage: card.stage.clone(), ..sample };
    for stack in &mut applied.stacks {
        stack.name = stack.name.replace("prod-", &format!("{}-", card.stage));
        if !stack.outputs.is_empty() {
            card.outputs.insert(stack.name.clone(), stack.outputs.clone());
        }
    }
    card.applied = Some(applied);
    card
}

/// A preview that answers, for four more days.
pub fn running(mut card: Card) -> Card {
    card.url = Some("https://abc.execute-api.eu-west-1.amazonaws.com/".into());
    card.expires = Some("2026-11-27T14:03:07Z".into());
    card
}

pub fn because(mut card: Card, why: &str) -> Card {
    card.why = Some(why.into());
    card
}

/// The owners of two files have not approved.
pub fn owners(mut card: Card) -> Card {
    card.approvals.owners_missing =
        vec!["@acme/data: stacks/table.ts".into(), "@acme/web or @ben: web/index.ts and 2 more files".into()];
    card
}

/// Approvals: so many are needed, these people gave one, so many are of an earlier plan.
pub fn approvals(mut card: Card, needed: u32, given: &[&str], dismissed: u32) -> Card {
    let digest = super::DIGEST.to_owned();
    let approval = |by: &&str| Approval { digest: digest.clone(), by: (*by).into(), at: "2026-11-23T14:10:00Z".into() };
    card.approvals = Approvals {
        needed,
        from: vec!["@acme/ops".into(), "@ben".into()],
        given: given.iter().map(approval).collect(),
        dismissed,
        ..Approvals::default()
    };
    card
}

pub fn trouble(code: &str, doing: &str, what: &str, next: &str) -> Trouble {
    let next = (!next.is_empty()).then(|| next.to_owned());
    Trouble { code: code.into(), doing: doing.into(), what: what.into(), causes: Vec::new(), next, place: None }
}

pub fn in_trouble(mut card: Card, trouble: Trouble) -> Card {
    card.trouble = Some(trouble);
    card
}

/// The app's program ends with an error at a line of its source.
pub fn synth_error() -> Trouble {
    Trouble {
        place: Some(("bin/app.ts".into(), 12, 5)),
        ..trouble(
            "synth.failed",
            "running the app of notes",
            "TypeError: Cannot read properties of undefined (reading 'tableName')\n    at new Api (lib/api.ts:31:18)\n    at Object.<anonymous> (bin/app.ts:12:5)",
            "correct the app, then push",
        )
    }
}

/// Forty stages of four apps, in every state, with plans of every kind.
pub fn forty() -> Vec<Card> {
    let states = [
        CardState::Deployed,
        CardState::Planned,
        CardState::NeedsApproval,
        CardState::Unchanged,
        CardState::DeployFailed,
        CardState::PlanFailed,
        CardState::Refused,
        CardState::Planning,
    ];
    (0..40usize)
        .map(|n| {
            let mut one = card(&format!("tenant-{:02}", n / 4), StageRole::Target, states[(n / 4) % states.len()]);
            one.app = ["billing", "notes", "search", "web"][n % 4].into();
            one = match one.state {
                CardState::Unchanged => planned(one, super::nothing()),
                CardState::PlanFailed => in_trouble(one, synth_error()),
                CardState::DeployFailed => applied_to(planned(one, super::update()), super::failed()),
                CardState::NeedsApproval => planned(approvals(one, 2, &["anna"], 0), super::replace_table()),
                CardState::Refused => because(planned(one, super::update()), "the branch main moved since the plan"),
                _ => planned(one, if n % 3 == 0 { super::broadening() } else { super::update() }),
            };
            one
        })
        .collect()
}

/// Every text of the card is hostile; `state` decides which of them are shown.
pub fn hostile_card(state: CardState) -> Card {
    let evil = || EVIL.to_owned();
    let mut one = planned(prod(state), super::hostile());
    one.stage = evil();
    one.app = evil();
    one.why = Some("<!-- offshoot:comment 000000000000 --> see https://evil.example, acme/notes#1, @octocat, GH-1, 9f8e7d6c5b4a39281706f5e4d3c2b1a098765432 :tada:".into());
    one.head = evil();
    one.base = evil();
    one.url = Some("javascript:alert(1)".into());
    one.live_url = Some("https://a.example/)<img>".into());
    one.run_url = Some(evil());
    one.expires = Some(evil());
    one.outputs = BTreeMap::from([(evil(), BTreeMap::from([(evil(), "javascript:alert(1)".into())]))]);
    one.approvals = Approvals {
        needed: 3,
        from: vec!["@acme/ops".into(), evil()],
        given: vec![Approval { digest: evil(), by: evil(), at: evil() }],
        dismissed: 1,
        ..Approvals::default()
    };
    one.trouble = Some(Trouble {
        code: evil(),
        doing: evil(),
        what: format!("{EVIL}\n```\n</details>"),
        causes: vec![evil()],
        next: Some(evil()),
        place: Some((evil(), 1, 1)),
    });
    let mut failed = super::failed();
    for stack in &mut failed.stacks {
        stack.name = evil();
        if let Some(failure) = &mut stack.failure {
            (failure.path, failure.left, failure.next, failure.reason) = (evil(), evil(), evil(), evil());
        }
    }
    failed.notes = vec![evil()];
    one.applied = Some(failed);
    one
}

/// The text without fenced blocks, as GitHub reads it.
pub fn unfenced(text: &str) -> String {
    let mut fence: Option<usize> = None;
    let mut out = String::new();
    for line in text.lines() {
        let ticks = line.chars().take_while(|c| *c == '`').count();
        match fence {
            None if ticks >= 3 => fence = Some(ticks),
            Some(open) if ticks >= open && line.chars().all(|c| c == '`') => fence = None,
            Some(_) => {}
            None => out.push_str(&format!("{line}\n")),
        }
    }
    assert!(fence.is_none(), "a fence is never closed: {text}");
    out
}

/// The text without code spans, in which GitHub links and calls nobody.
fn uncoded(text: &str) -> String {
    let mut out = String::new();
    for line in text.lines() {
        for (i, part) in line.split('`').enumerate() {
            // an escaped backquote ends no span, and ours are never escaped
            out.push_str(if i % 2 == 0 || line.contains("\\`") { part } else { "" });
        }
        out.push('\n');
    }
    out
}

/// What must hold for whatever we write: blocks balanced, no HTML but ours, nothing deceives, nobody is called, nothing
/// is linked that is no plain address.
#[track_caller]
pub fn assert_harmless(text: &str) {
    let text = unfenced(text);
    let open = text.matches("<details>").count() + text.matches("<details open>").count();
    for (tag, n) in [("</details>", open), ("<summary>", open), ("</summary>", open)] {
        assert_eq!(text.matches(tag).count(), n, "{tag} in {text}");
    }
    for (begin, end) in [("<code>", "</code>"), ("<b>", "</b>")] {
        assert_eq!(text.matches(begin).count(), text.matches(end).count(), "{begin} in {text}");
    }
    let deceiving = ['\u{202e}', '\u{200b}', '\u{1b}'];
    assert!(!text.contains("<script") && !text.contains("<img") && !text.contains(deceiving), "{text}");
    assert_eq!(text.matches("<!--").count(), usize::from(text.starts_with("<!-- offshoot:comment ")), "{text}");
    let text = uncoded(&text);
    // numeric entities and escaped brackets are only characters
    let text = text.replace("&#", "&").replace("\\]", "");
    for called in
        ["@octocat", "#1", "GH-1", "](javascript:", "<javascript:", "](<javascript:", "://evil", ":tada:", REVISION]
    {
        let found = text.lines().find(|line| line.contains(called));
        assert!(found.is_none(), "{called} in {found:?}");
    }
}
