//! Whole comments, and what must hold for every one of them.

use proptest::prelude::*;

use super::*;
use crate::plan::card::Card;
use crate::plan::card::CardState::*;
use crate::render::markdown::COMMENT_CHARS;
use crate::render::samples::*;

const SUMMARY: &str = "https://github.com/acme/notes/actions/runs/123#summary";

fn write(cards: &[Card]) -> String {
    within(cards, COMMENT_CHARS)
}

fn within(cards: &[Card], limit_chars: usize) -> String {
    let marker = marker("acme/notes");
    comment(cards, &Frame { prefix: "/offshoot", marker: &marker, full_url: Some(SUMMARY) }, limit_chars)
}

/// A whole comment in a file of its own, so that it can be looked at as GitHub would draw it.
macro_rules! whole {
    ($($name:ident: $text:expr;)*) => {$(
        #[test]
        fn $name() {
            insta::with_settings!({prepend_module_to_snapshot => false, omit_expression => true}, {
                insta::assert_snapshot!(stringify!($name), $text);
            });
        }
    )*};
}

fn deployed_preview() -> Card {
    running(applied_to(planned(preview(Deployed), create()), applied()))
}

fn stale() -> Card {
    let stale = trouble(
        "plan.stale",
        "deploying plan 1a2b3c4d5e6f",
        "stack prod-notes-api was updated at 14:20 since the plan was made",
        "plan again and look at what changed",
    );
    in_trouble(planned(prod(Refused), update()), stale)
}

fn queued() -> Card {
    let held = trouble(
        "lock.held",
        "locking stage prod",
        "another run holds the stage since 14:03:\npull request 41, run 122",
        "wait until it is done",
    );
    in_trouble(planned(prod(Refused), update()), held)
}

fn removal_failed() -> Card {
    let mut removed = removed();
    removed.stacks[0].ended = crate::plan::outcome::Ended::Failed;
    removed.stacks[0].status = "DELETE_FAILED".into();
    removed.stacks[0].failure = Some(crate::plan::outcome::Failure {
        logical_id: "Uploads1A2B".into(),
        resource_type: "AWS::S3::Bucket".into(),
        path: "Data/Uploads/Resource".into(),
        reason: "The bucket you tried to delete is not empty (Service: S3, Status Code: 409)".into(),
        left: "not deleted: the bucket and what it needs are still there".into(),
        next: "empty the bucket, or write removal: destroy into the stage's rule, then remove it again".into(),
    });
    applied_to(preview(RemoveFailed), removed)
}

fn several() -> Vec<Card> {
    let of = |app: &str, mut card: Card| {
        card.app = app.into();
        card.plan.iter_mut().for_each(|p| p.app = app.into());
        card
    };
    vec![
        of("web", prod(Unchanged)),
        of("notes", approvals(planned(prod(NeedsApproval), replace_table()), 1, &[], 0)),
        of("web", planned(preview(Planning), update())),
        of("notes", deployed_preview()),
        of("jobs", planned(prod(Planned), broadening())),
    ]
}

whole! {
    no_changes: write(&[planned(preview(Unchanged), nothing()), planned(prod(Unchanged), nothing())]);
    nothing_new_in_a_preview: write(&[running(planned(preview(Unchanged), nothing())), prod(Unchanged)]);
    no_stage: write(&[]);
    creates: write(&[planned(preview(Planned), create())]);
    updates: write(&[planned(prod(Planned), update())]);
    replaces_a_table: write(&[planned(prod(Planned), replace_table())]);
    removes_buckets: write(&[planned(prod(Planned), remove_buckets())]);
    deletes_a_stack: write(&[planned(prod(Planned), delete())]);
    broadens_access: write(&[planned(prod(Planned), broadening())]);
    opens_a_security_group: write(&[planned(prod(Planned), security_group())]);
    nested_stacks: write(&[planned(prod(Planned), nested())]);
    three_hundred_stacks: write(&[planned(prod(Planned), many())]);
    hostile_names: write(&[hostile_card(DeployFailed)]);
    hostile_refusal: write(&[hostile_card(NeedsApproval), hostile_card(Refused)]);
    failed_with_its_cause: write(&[applied_to(planned(preview(DeployFailed), update()), failed())]);
    rollback_that_failed: write(&[applied_to(planned(prod(DeployFailed), update()), rollback_failed())]);
    stale_plan: write(&[stale()]);
    approval_missing: write(&[approvals(planned(prod(NeedsApproval), update()), 2, &["anna"], 0)]);
    owners_missing: write(&[owners(approvals(planned(prod(NeedsApproval), update()), 1, &["@anna"], 0))]);
    approvals_dismissed: write(&[approvals(planned(prod(NeedsApproval), replace_table()), 2, &[], 2)]);
    fork_needs_trust: write(&[
        because(preview(NeedsTrust), "the code comes from mallory/notes, and nothing of it has run"),
        because(prod(NeedsTrust), "the code comes from mallory/notes, and nothing of it has run"),
    ]);
    draft_is_only_planned: write(&[because(
        planned(preview(Planned), create()),
        "the pull request is a draft: its preview is deployed once it is ready for review",
    )]);
    limit_reached: write(&[
        because(preview(Refused), "5 of 5 previews of notes are in use: pr-31, pr-33, pr-38, pr-39 and pr-40"),
        planned(prod(Planned), update()),
    ]);
    preview_deployed: write(&[deployed_preview(), approvals(planned(prod(NeedsApproval), update()), 1, &[], 0)]);
    preview_removed: write(&[because(applied_to(preview(Removed), removed()), "the pull request was closed")]);
    removal_failed_at_a_bucket: write(&[removal_failed()]);
    several_apps_and_stages: write(&several());
    lock_held: write(&[queued()]);
    queued_behind_a_run: write(&[because(prod(Planning), "it waits for the run of pull request 41")]);
    synth_error_with_its_place: write(&[
        in_trouble(preview(PlanFailed), synth_error()),
        in_trouble(prod(PlanFailed), synth_error()),
    ]);
    deploying: write(&[running(planned(preview(Deploying), update())), planned(prod(Planned), update())]);
    cancelled: write(&[because(planned(prod(Cancelled), update()), "anna cancelled it before a stack was begun")]);
    deployed_by_merge: write(&[because(
        approvals(applied_to(planned(prod(Deployed), update()), applied()), 1, &["anna"], 0),
        "merged as 0123456789ab: the approved plan was executed as it was read",
    )]);
    over_the_limit: within(&forty(), 12_000);
    hardly_any_room: within(&forty(), 1_500);
    functions_with_sizes: write(&[planned(preview(Planned), functions())]);
    secrets_are_redacted: write(&[planned(prod(Planned), dirty())]);
    live_session: write(&[Card { live_url: Some("https://offshoot.example/live/pr-42".into()), ..deployed_preview() }]);
}

/// Every kind of card that there is.
fn everything() -> Vec<Vec<Card>> {
    let states = [
        Unchanged,
        Planned,
        NeedsApproval,
        NeedsTrust,
        Planning,
        Deploying,
        Deployed,
        PlanFailed,
        DeployFailed,
        Refused,
        Cancelled,
        Removed,
        RemoveFailed,
    ];
    let mut all: Vec<Vec<Card>> = states.iter().map(|state| vec![hostile_card(*state)]).collect();
    all.push(states.iter().map(|state| hostile_card(*state)).collect());
    all.extend(plans().into_iter().map(|(_, plan)| vec![planned(prod(Planned), plan)]));
    all.extend([several(), forty(), vec![removal_failed()], vec![stale()], vec![queued()], vec![deployed_preview()]]);
    all
}

#[test]
fn whatever_it_is_made_of_it_is_within_the_limit_and_harmless() {
    for cards in everything() {
        for limit in [0, 10, 100, 500, 1_000, 2_000, 5_000, 20_000, COMMENT_CHARS] {
            let text = within(&cards, limit);
            assert!(length(&text) <= limit, "{} > {limit}: {text}", length(&text));
            if limit >= 500 {
                assert_harmless(&text);
                assert!(is_marked(&text, &marker("acme/notes")), "{text}");
            }
        }
    }
}

#[test]
fn forty_stages_with_names_of_200_characters_are_within_the_limit() {
    let long = format!("{}{}", "`|@<".repeat(45), "x".repeat(20));
    let cards: Vec<Card> = (0..40)
        .map(|n| {
            let mut card = hostile_card([DeployFailed, NeedsApproval, Refused, PlanFailed][n % 4]);
            (card.app, card.stage) = (format!("{n}{long}"), format!("{long}{n}"));
            card
        })
        .collect();
    let text = write(&cards);
    assert!(length(&text) <= COMMENT_CHARS && length(&text) > COMMENT_CHARS / 2, "{}", length(&text));
    assert_harmless(&text);
}

#[test]
fn the_same_cards_in_any_order_are_the_same_comment() {
    for mut cards in [several(), forty()] {
        let text = write(&cards);
        for _ in 0..5 {
            cards.rotate_left(3);
            cards.swap(0, 2);
            assert_eq!(text, write(&cards));
        }
    }
}

#[test]
fn another_run_of_the_same_content_writes_the_same_comment() {
    for state in [Unchanged, Planned, NeedsApproval, NeedsTrust, Deployed, Refused, Cancelled, Removed] {
        let card = applied_to(planned(prod(state), update()), applied());
        let mut later = card.clone();
        later.run_url = Some("https://github.com/acme/notes/actions/runs/999".into());
        later.updated = "2027-01-01T00:00:00Z".into();
        later.planned = Some("2027-01-01T00:00:00Z".into());
        later.plan.iter_mut().for_each(|p| p.timings.values_mut().for_each(|s| *s += 7.0));
        let applied = later.applied.iter_mut();
        applied.for_each(|a| {
            a.timings.values_mut().for_each(|s| *s += 7.0);
            a.stacks.iter_mut().for_each(|s| s.seconds += 7.0);
        });
        assert_eq!(write(&[card]), write(&[later]), "{state:?}");
    }
}

#[test]
fn dangers_and_failures_of_every_stage_stay_when_details_do_not() {
    let text = within(&forty(), 40_000);
    let losing = forty().iter().filter(|c| c.state == NeedsApproval).count();
    assert_eq!(
        text.matches("is replaced because KeySchema changes: the old one is deleted with its data\n").count(),
        losing
    );
    let failed = forty().iter().filter(|c| c.state == DeployFailed).count();
    assert_eq!(text.matches("failed at `Api/Create/Resource` (`AWS::Lambda::Function`)**").count(), failed);
    assert!(text.contains("Shortened to fit") && !text.contains("danger"), "{text}");
}

#[test]
fn what_is_left_out_is_counted_exactly() {
    let cards = forty();
    let text = within(&cards, 12_000);
    let rows = text.lines().filter(|l| l.contains("` | `tenant-")).count();
    assert!(text.contains(&format!("{} stages of the table", cards.len() - rows)) || rows == cards.len(), "{text}");
    let sections = text.matches("<summary><b>").count();
    let all = cards.iter().filter(|c| !matches!(c.state, Unchanged | PlanFailed)).count();
    assert!(text.contains(&format!("{} stages in detail", all - sections)), "{sections} of {all}: {text}");
    assert!(!within(&cards, 1_000_000).contains("Shortened"));
}

#[test]
fn only_our_own_beginning_is_a_marker() {
    let marker = marker("acme/notes");
    assert_eq!(marker, super::marker("Acme/Notes"));
    assert_ne!(marker, super::marker("acme/other"));
    assert!(is_marked(&format!("{marker}\nx"), &marker) && is_marked(&format!("{marker}\r\nx"), &marker));
    assert!(is_marked(&marker, &marker));
    assert!(!is_marked(&format!("> {marker}\nx"), &marker) && !is_marked(&format!("x\n{marker}"), &marker));
    let mut card = prod(Planned);
    card.why = Some(marker.clone());
    assert_eq!(write(&[card]).matches(&marker).count(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_from_outside_breaks_out(
        words in prop::collection::vec("[`|<>@#/*_\\\\\n$~!\\[\\]():details -]{0,80}|.{0,40}", 12),
        state in 0..13usize,
        limit in 0..30_000usize,
    ) {
        let states = [Unchanged, Planned, NeedsApproval, NeedsTrust, Planning, Deploying, Deployed, PlanFailed, DeployFailed, Refused, Cancelled, Removed, RemoveFailed];
        let word = |n: usize| words[n].clone();
        let mut card = hostile_card(states[state]);
        (card.stage, card.app, card.head, card.base) = (word(0), word(1), word(2), word(3));
        (card.why, card.url, card.expires, card.live_url) = (Some(word(4)), Some(word(5)), Some(word(6)), Some(word(7)));
        (card.run_url, card.approvals.from) = (Some(word(8)), vec![word(9)]);
        card.trouble = Some(trouble(&word(10), &word(11), &word(0), &word(1)));
        let text = within(&[card.clone(), prod(Planned)], limit);
        prop_assert!(length(&text) <= limit);
        if limit >= 3_000 {
            assert_harmless(&text);
        }
        assert_harmless(&crate::render::check::check_summary(&card));
    }
}
