//! The job summary: everything that came of a run, for runs with and without a pull request, within the forge's bytes.

use crate::plan::card::{Card, Trouble};

use super::cards;
use super::comment::{Layout, Table, block, body, whole};
use super::markdown::escape::{advice, code_within};
use super::markdown::fit::Budget;
use super::markdown::result::Words;
use super::markdown::stack::Fold;

/// The forge's limit for the summary of one step; above it nothing at all is shown.
pub const SUMMARY_BYTES: usize = 1_048_576;

/// More errors than this are counted.
const TROUBLES: usize = 20;
/// More notes than this are counted.
const NOTES: usize = 100;

/// What is no stage's fault first, then the stages, then what else there is to know.
pub fn summary(cards: &[Card], notes: &[String], troubles: &[Trouble]) -> String {
    let cards = cards::sorted(cards);
    // a character takes at most three bytes for each of its UTF-16 units
    let mut limit_chars = SUMMARY_BYTES;
    for _ in 0..4 {
        let text = within(&cards, notes, troubles, limit_chars);
        if text.len() <= SUMMARY_BYTES {
            return text;
        }
        limit_chars = (limit_chars.saturating_mul(SUMMARY_BYTES) / text.len()).saturating_sub(1_000);
    }
    within(&cards, notes, troubles, SUMMARY_BYTES / 3)
}

fn within(cards: &[&Card], notes: &[String], troubles: &[Trouble], limit_chars: usize) -> String {
    let stopped = self::troubles(troubles);
    let head = match (cards.is_empty(), stopped.is_empty()) {
        (true, false) => String::new(),
        _ => format!("\n**{}.**\n", cards::sentence(cards, |name| code_within(name, 60))),
    };
    let notes = self::notes(notes);
    let whole = whole(cards, None);
    let mut budget = Budget::new(limit_chars, &format!("{head}{stopped}{notes}{whole}"));
    let layout = Layout { table: Table::Shown, sections: Fold::Open, whole: &whole };
    format!("### Offshoot\n{head}{stopped}{}{notes}", body(cards, &mut budget, layout))
}

fn troubles(troubles: &[Trouble]) -> String {
    let words = if troubles.len() > 3 { Words::Few } else { Words::Most };
    let mut out: String = troubles.iter().take(TROUBLES).map(|t| block("Stopped", t, words)).collect();
    if troubles.len() > TROUBLES {
        out.push_str(&format!("\n… and {} more errors, in the log\n", troubles.len() - TROUBLES));
    }
    out
}

fn notes(notes: &[String]) -> String {
    let mut out = String::new();
    for (i, note) in notes.iter().take(NOTES).enumerate() {
        out.push_str(if i == 0 { "\n**Notes**\n\n" } else { "" });
        out.push_str(&format!("- {}\n", advice(note)));
    }
    if notes.len() > NOTES {
        out.push_str(&format!("- … and {} more, in the log\n", notes.len() - NOTES));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::card::CardState::*;
    use crate::render::samples::*;

    #[test]
    fn a_run_on_a_pull_request() {
        let cards = [planned(prod(Planned), security_group())];
        let notes = ["ready_for_review: the preview `pr-42` is deployed now".to_owned()];
        insta::assert_snapshot!(summary(&cards, &notes, &[]), @r#"
        ### Offshoot

        **`prod` would change: 1 stack to update.**

        | | Stage | State | Commit | Changes |
        |---|---|---|---|---|
        | 📝 | `prod` | planned | `9f8e7d6c` | ~1 🔑 |

        **More access than before**

        - `prod-notes-api`: 1 network rule
          - `TCP 22` in from `0.0.0.0/0` at `WebGroup`

        <details open><summary><b><code>prod</code></b>: 1 stack to update</summary>

        Plan `1a2b3c4d5e6f` of commit `9f8e7d6c` on base `0a1b2c3d`, account `111111111111`, `eu-west-1`.

        | | Stack | Action | Resources | Why |
        |---|---|---|---|---|
        | 🔑 | `prod-notes-api` | update, **grants more** | ~1 | the template differs from what is deployed |

        <details open><summary>~ <code>prod-notes-api</code>: update (~1), grants more: 1 network rule</summary>

        | | Resource | Type | |
        |---|---|---|---|
        | ~ | `Api/WebGroup/Resource` | `AWS::EC2::SecurityGroup` | is modified |

        **Network**

        | | Group | Direction | Protocol | Peer | |
        |---|---|---|---|---|---|
        | **+** | `WebGroup` | `in` | `TCP 22` | `0.0.0.0/0` | **grants more** |
        | − | `WebGroup` | `out` | `all traffic` | `10.0.0.0/8` |  |

        </details>

        </details>

        **Notes**

        - ready\_for\_review: the preview `pr-42` is deployed now
        "#);
    }

    #[test]
    fn a_run_that_could_not_begin() {
        let wrong = trouble(
            "config.unknown_key",
            "reading offshoot.yml",
            "unknown key \"brnach\" in a stage rule",
            "did you mean `branch`?",
        );
        let wrong = Trouble { place: Some(("offshoot.yml".into(), 7, 5)), ..wrong };
        insta::assert_snapshot!(summary(&[], &[], &[wrong]), @r#"
        ### Offshoot

        **Stopped**: reading offshoot.yml

        ```
        unknown key "brnach" in a stage rule
        ```

        At `offshoot.yml:7:5`

        Next: did you mean `branch`?

        Code: `config.unknown_key`
        "#);
    }

    #[test]
    fn a_run_with_nothing_to_do() {
        insta::assert_snapshot!(summary(&[], &["labeled: says nothing to us".to_owned()], &[]), @r#"
        ### Offshoot

        **No stage is concerned.**

        **Notes**

        - labeled: says nothing to us
        "#);
    }

    #[test]
    fn the_limit_is_in_bytes() {
        let mut card = planned(prod(Planned), many());
        for stack in card.plan.iter_mut().flat_map(|p| &mut p.stacks) {
            stack.why = "漢".repeat(900);
            let change = stack.changes.first().cloned();
            stack.changes.extend(change.iter().flat_map(|c| std::iter::repeat_n(c.clone(), 30)));
        }
        let text = summary(&[card], &["漢".repeat(900)], &[]);
        assert!(text.len() <= SUMMARY_BYTES, "{}", text.len());
        assert!(text.len() > SUMMARY_BYTES / 3 && text.contains("Shortened to fit"), "{}", text.len());
    }
}
