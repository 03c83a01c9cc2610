//! What a check and a deployment say of a stage: a title, a summary and a description, each within its limit.

use crate::plan::card::{Card, CardState};

use super::cards;
use super::comment::{Layout, Table, body, whole};
use super::facts;
use super::markdown::CHECK_CHARS;
use super::markdown::escape::{code_within, length};
use super::markdown::fit::{Budget, chop};
use super::markdown::stack::Fold;

/// The forge's limit for a check's title.
pub const TITLE_CHARS: usize = 255;
/// The forge's limit for a deployment's description.
pub const DESCRIPTION_CHARS: usize = 140;

/// One plain line: `prod would change: 1 replacement that loses data, needs 1 approval`.
pub fn check_title(card: &Card) -> String {
    let why = match card.state {
        CardState::Refused | CardState::Cancelled => reason(card).map(|why| format!(": {why}")),
        _ => None,
    };
    let text = format!("{} {}{}", card.stage, cards::clause(card), why.unwrap_or_default());
    cards::plain(&text, TITLE_CHARS)
}

fn reason(card: &Card) -> Option<String> {
    let text = card.why.as_deref().or(card.trouble.as_ref().map(|t| t.what.as_str()))?;
    Some(text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" "))
}

/// Markdown under the title: dangers, failures, remarks, then the plan; at most 65,535 characters.
pub fn check_summary(card: &Card) -> String {
    let one = [card];
    let head = format!("**{}.**\n", cards::sentence(&one, |name| code_within(name, 60)));
    let whole = whole(&one, None);
    let mut budget = Budget::new(CHECK_CHARS, &format!("{head}{whole}"));
    let layout = Layout { table: Table::Hidden, sections: Fold::Open, whole: &whole };
    let text = format!("{head}{}", body(&one, &mut budget, layout));
    if length(&text) <= CHECK_CHARS { text } else { chop(&head, CHECK_CHARS) }
}

/// One plain line of at most 140 characters: which commit, by which plan; or how the stage stands.
pub fn deployment_description(card: &Card) -> String {
    let commit = facts::revision(&card.head);
    let text = match (card.state, &card.applied) {
        (CardState::Deployed, Some(applied)) if !applied.digest.is_empty() => {
            format!("Commit {commit}, plan {}", facts::digest(&applied.digest))
        }
        (CardState::Deployed, _) => format!("Commit {commit}"),
        _ => check_title(card),
    };
    cards::plain(&text, DESCRIPTION_CHARS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::card::CardState::*;
    use crate::render::samples::*;

    #[test]
    fn titles_say_how_the_stage_stands() {
        let stale = trouble("plan.stale", "deploying", "stack prod-notes-api was updated\nsince", "plan again");
        let titles = [
            check_title(&planned(prod(Unchanged), nothing())),
            check_title(&planned(approvals(prod(NeedsApproval), 2, &["anna"], 0), replace_table())),
            check_title(&planned(prod(Planned), update())),
            check_title(&in_trouble(prod(Refused), stale)),
            check_title(&because(preview(Cancelled), "anna cancelled it")),
            check_title(&preview(NeedsTrust)),
        ];
        insta::assert_snapshot!(titles.join("\n"), @r"
        prod stays as it is
        prod would change: 1 replacement that loses data and 1 possible replacement, needs 1 approval
        prod would change: 1 stack to update
        prod is held back: stack prod-notes-api was updated since
        pr-42 was cancelled: anna cancelled it
        pr-42 waits until a maintainer trusts this commit
        ");
    }

    #[test]
    fn a_summary_shows_one_stage_without_a_table_of_stages() {
        let card = approvals(planned(prod(NeedsApproval), security_group()), 1, &[], 0);
        insta::assert_snapshot!(check_summary(&card), @r#"
        **`prod` would change: 1 stack to update, needs 1 approval.**

        **More access than before**

        - `prod-notes-api`: 1 network rule
          - `TCP 22` in from `0.0.0.0/0` at `WebGroup`

        `prod`: 1 approval missing, from `@acme/ops` or `@ben`.

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
        "#);
    }

    #[test]
    fn a_description_names_commit_and_plan() {
        let card = applied_to(planned(preview(Deployed), create()), applied());
        assert_eq!(deployment_description(&card), "Commit 9f8e7d6c, plan 1a2b3c4d5e6f");
        assert_eq!(deployment_description(&preview(Deploying)), "pr-42 is being deployed");
    }

    #[test]
    fn nothing_is_over_its_limit_whatever_it_is_made_of() {
        for state in [Planned, NeedsApproval, NeedsTrust, PlanFailed, DeployFailed, Refused, Cancelled, Deployed] {
            let mut card = hostile_card(state);
            card.why = Some("ü🌱".repeat(300));
            assert!(length(&check_title(&card)) <= TITLE_CHARS);
            assert!(!check_title(&card).contains(['\n', '\u{202e}']));
            assert!(length(&deployment_description(&card)) <= DESCRIPTION_CHARS);
            assert!(length(&check_summary(&card)) <= CHECK_CHARS);
        }
        assert!(length(&check_summary(&planned(prod(Planned), many()))) <= CHECK_CHARS);
    }
}
