//! Whole comments, and what must hold for every one of them.

use proptest::prelude::*;

use super::*;
use crate::error::Error;
use crate::plan::{Change, OutputChange};
use crate::render::samples;
use escape::length;

macro_rules! snapshot {
    ($name:ident, $text:expr, @$expected:literal) => {
        #[test]
        fn $name() {
            insta::assert_snapshot!($text, @$expected);
        }
    };
}

snapshot!(no_change, plan(&samples::nothing(), COMMENT_CHARS), @"");
snapshot!(new_stacks, plan(&samples::create(), COMMENT_CHARS), @"");
snapshot!(an_update, plan_with(&samples::update(), COMMENT_CHARS, "/offshoot deploy prod"), @"");
snapshot!(a_table_is_replaced, plan(&samples::replace_table(), COMMENT_CHARS), @"");
snapshot!(buckets_are_removed, plan(&samples::remove_buckets(), COMMENT_CHARS), @"");
snapshot!(access_grows, plan(&samples::broadening(), COMMENT_CHARS), @"");
snapshot!(nested_stacks, plan(&samples::nested(), COMMENT_CHARS), @"");
snapshot!(hostile_names, plan(&samples::hostile(), COMMENT_CHARS), @"");
snapshot!(a_stack_is_deleted, plan(&samples::delete(), COMMENT_CHARS), @"");
snapshot!(a_dirty_tree_and_secrets, plan(&samples::dirty(), COMMENT_CHARS), @"");
snapshot!(three_hundred_stacks_in_4000_characters, plan(&samples::many(), 4_000), @"");
snapshot!(hardly_any_room, plan(&samples::replace_table(), 200), @"");
snapshot!(a_deployment, applied(&samples::applied(), COMMENT_CHARS), @"");
snapshot!(a_failed_deployment, applied(&samples::failed(), COMMENT_CHARS), @"");
snapshot!(a_rollback_that_failed, applied(&samples::rollback_failed(), COMMENT_CHARS), @"");

#[test]
fn an_error_before_the_deployment() {
    let error = Error::refused(
        "lock.held",
        "locking stage prod",
        "another run holds the lock since 14:03:\nrun 12 of <acme/notes>",
    )
    .at("offshoot.yml", 3, 5)
    .next("wait for it, or run: offshoot unlock --stage prod");
    insta::assert_snapshot!(failure(&error, COMMENT_CHARS), @"");
}

/// The text without fenced blocks, as GitHub reads it.
fn unfenced(text: &str) -> String {
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

/// Holds for whatever we write: within the limit, `<details>` balanced and never nested, no HTML but ours, nobody mentioned.
fn sound(text: &str, limit: usize) {
    assert!(length(text) <= limit, "{} > {limit}", length(text));
    let text = unfenced(text);
    let (open, close) = (text.matches("<details>").count(), text.matches("</details>").count());
    assert_eq!(open, close, "{text}");
    assert_eq!(open, text.matches("<summary>").count(), "{text}");
    assert_eq!(open, text.matches("</summary>").count(), "{text}");
    assert_eq!(text.matches("<code>").count(), text.matches("</code>").count(), "{text}");
    assert!(
        !text.contains("<script")
            && !text.contains('\u{202e}')
            && !text.contains('\u{200b}')
            && !text.contains('\u{1b}'),
        "{text}"
    );
}

#[test]
fn every_sample_is_sound_at_every_limit() {
    for (name, sample) in samples::plans() {
        for limit in [0, 1, 50, 200, 600, 1_000, 2_000, 5_000, 20_000, COMMENT_CHARS] {
            let text = plan(&sample, limit);
            if limit >= 600 {
                sound(&text, limit);
            }
            assert!(length(&text) <= limit, "{name} at {limit}");
        }
    }
}

#[test]
fn what_is_left_out_is_counted_exactly() {
    let many = samples::many();
    let text = plan(&many, 20_000);
    let rows = text.lines().filter(|l| l.contains("| update |")).count();
    let details = text.matches("<details>").count();
    let changed = facts::changed(&many).len();
    if rows < changed {
        assert!(text.contains(&format!("{} of the table", count(changed - rows, "stack"))), "{text}");
    }
    assert!(text.contains(&format!("{} in detail", count(changed - details, "stack"))), "{text}");
    assert!(plan(&many, 1_000_000).find("Shortened").is_none());
}

#[test]
fn a_named_table_that_is_lost_is_never_cut_before_anything_else() {
    let text = plan(&samples::many(), 2_000);
    assert!(text.contains("`Data/Table/Resource`") && text.contains("deletes data"), "{text}");
}

fn any_plan() -> impl Strategy<Value = Plan> {
    let word = prop_oneof![
        Just("prod-api".to_owned()),
        ".{0,60}",
        "[`|<>@#/*_\\\\\n$~!\\[\\]()details]{0,80}",
        Just("</details><summary>```".to_owned())
    ];
    let change = (word.clone(), word.clone(), 0..5usize, word.clone(), word.clone()).prop_map(
        |(path, kind, action, before, after)| {
            let action = [
                crate::plan::Action::Add,
                crate::plan::Action::Modify,
                crate::plan::Action::Replace,
                crate::plan::Action::Remove,
                crate::plan::Action::Import,
            ][action];
            let mut change: Change = samples::change(action, &kind, &path);
            change.holds_data = path.len() % 2 == 0;
            change.properties =
                vec![samples::property(&path, before.into(), after.into(), crate::plan::Recreate::Always)];
            change
        },
    );
    let stack = (word.clone(), word.clone(), 0..4usize, prop::collection::vec(change, 0..6)).prop_map(
        |(name, why, action, changes)| {
            let action = [StackAction::Create, StackAction::Update, StackAction::Delete, StackAction::None][action];
            let mut stack = samples::stack(&name, action, &why);
            stack.outputs = vec![OutputChange { name: why.clone(), before: None, after: Some(name.clone().into()) }];
            stack.waits_for = vec![why];
            stack.changes = changes;
            stack
        },
    );
    (prop::collection::vec(stack, 0..8), prop::collection::vec(word, 0..4)).prop_map(|(stacks, notes)| {
        let mut plan = samples::plan(stacks);
        plan.notes = notes;
        plan
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_plan_breaks_out_of_its_comment(sample in any_plan(), limit in 600..30_000usize) {
        sound(&plan(&sample, limit), limit);
    }

    #[test]
    fn no_plan_is_over_any_limit(sample in any_plan(), limit in 0..2_000usize) {
        prop_assert!(length(&plan(&sample, limit)) <= limit);
    }

    #[test]
    fn the_terminal_shows_no_hidden_characters(sample in any_plan(), width in 0..200usize) {
        let text = crate::render::terminal::plan(&sample, crate::render::Style { width, ..samples::WIDE });
        prop_assert!(text.chars().all(|c| c == '\n' || !c.is_control()));
    }

    #[test]
    fn no_result_is_over_any_limit(name in ".{0,60}", reason in "(.|\n){0,400}", limit in 0..3_000usize) {
        let mut result = samples::failed();
        result.stacks[1].name = name;
        result.stacks[1].failure.as_mut().unwrap().reason = reason.clone();
        let text = applied(&result, limit);
        prop_assert!(length(&text) <= limit);
        unfenced(&text);
        prop_assert!(length(&failure(&Error::failed("x", "doing", reason), limit)) <= limit);
    }
}
