//! Answers to commands in a pull request: one short comment each, which names the person without calling them.

use crate::plan::card::{Card, Trouble};

use super::cards::{self, Apps};
use super::comment::block;
use super::facts;
use super::markdown::COMMENT_CHARS;
use super::markdown::escape::{advice, code, code_within, text};
use super::markdown::fit::Budget;
use super::markdown::result::{OUTPUTS, Words, output_rows};
use super::text::{clean, count};

/// What was done for a command, where the sticky comment alone does not answer it.
#[derive(Clone, Copy, Debug)]
pub enum Done<'a> {
    /// The plan is in the sticky comment.
    Planned {
        stage: &'a str,
    },
    Deployed {
        stage: &'a str,
        digest: &'a str,
    },
    Removed {
        stage: &'a str,
    },
    /// The plan's digest, and how many approvals are missing now.
    Approved {
        stage: &'a str,
        digest: &'a str,
        missing: u32,
    },
    /// A stranger's commit may run.
    Trusted {
        revision: &'a str,
    },
    /// Until when the stage lives now, RFC 3339.
    Extended {
        stage: &'a str,
        until: &'a str,
    },
    /// The run ends at the next point where that is safe.
    Cancelling {
        stage: &'a str,
    },
    Unlocked {
        stage: &'a str,
    },
    Promoted {
        from: &'a str,
        to: &'a str,
        revision: &'a str,
    },
    RolledBack {
        stage: &'a str,
        revision: &'a str,
    },
    /// There was nothing to do, and why: `nothing runs on prod`.
    Nothing {
        why: &'a str,
    },
}

/// The commands, as rows of usage (`deploy [stage]`) and a sentence about it.
pub fn help<'a>(to: &str, prefix: &str, rows: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let rows: String = rows
        .into_iter()
        .map(|(usage, about)| format!("| {} | {} |\n", code(&format!("{prefix} {usage}")), advice(about)))
        .collect();
    format!(
        "{} A command stands on a line of its own, not quoted or indented.\n\n| Type | It |\n|---|---|\n{rows}",
        dear(to, "these are the commands.")
    )
}

/// Why a command was not carried out: a rule says no, or something is wrong.
pub fn refusal(to: &str, command: &str, trouble: &Trouble) -> String {
    let said = format!("{} was not carried out", code(command));
    let one = trouble.causes.is_empty() && trouble.place.is_none() && trouble.what.lines().count() < 2;
    if !one {
        return format!("{}\n{}", dear(to, &format!("{said}.")), block("Stopped", trouble, Words::Most));
    }
    let next = trouble.next.as_deref().map(|next| format!("\n\nNext: {}.", advice(next.trim_end_matches('.'))));
    format!(
        "{}{}\n",
        dear(to, &format!("{said}: {}.", advice(trouble.what.trim_end_matches('.')))),
        next.unwrap_or_default()
    )
}

/// A line that begins like a command and is none: the line, and a sentence on what to write.
pub fn unknown(to: &str, line: &str, say: &str) -> String {
    format!("{} {}\n", dear(to, &format!("{} is not understood.", code(line))), advice(say))
}

/// A command that belongs to a part that is not there yet.
pub fn later(to: &str, word: &str) -> String {
    let what = match word {
        "drift" | "revert-drift" => "drift detection",
        "dev" => "live development",
        "logs" => "reading logs",
        _ => "this command",
    };
    dear(to, &format!("{} is not there yet: {what} comes with a later version.", code(word))) + "\n"
}

/// What was done.
pub fn done(to: &str, done: &Done<'_>) -> String {
    let digest = |digest: &str| code(&facts::digest(digest));
    let commit = |revision: &str| code(&facts::revision(revision));
    let said = match *done {
        Done::Planned { stage } => format!("{} is planned; the plan is in the comment above.", code(stage)),
        Done::Deployed { stage, digest: plan } => format!("{} is deployed, by plan {}.", code(stage), digest(plan)),
        Done::Removed { stage } => format!("{} is removed.", code(stage)),
        Done::Approved { stage, digest: plan, missing: 0 } => {
            format!("plan {} of {} is approved and may be deployed.", digest(plan), code(stage))
        }
        Done::Approved { stage, digest: plan, missing } => format!(
            "your approval of plan {} of {} is noted; {missing} more {} needed.",
            digest(plan),
            code(stage),
            if missing == 1 { "is" } else { "are" }
        ),
        Done::Trusted { revision } => {
            format!("the code of commit {} may run. A further push needs another approval.", commit(revision))
        }
        Done::Extended { stage, until } => {
            let until = cards::moment(until).unwrap_or_else(|| code(until));
            format!("{} lives until {until}.", code(stage))
        }
        Done::Cancelling { stage } => {
            format!("the run of {} begins no further stack and ends when those that run are done.", code(stage))
        }
        Done::Unlocked { stage } => format!("the lock of {} is taken away.", code(stage)),
        Done::Promoted { from, to, revision } => {
            format!("{} runs what {} runs: commit {}.", code(to), code(from), commit(revision))
        }
        Done::RolledBack { stage, revision } => format!("{} runs commit {} again.", code(stage), commit(revision)),
        Done::Nothing { why } => format!("there was nothing to do: {}.", advice(why.trim_end_matches('.'))),
    };
    dear(to, &said) + "\n"
}

/// The outputs of these stages as tables; within a comment, with an exact count of what is left out.
pub fn outputs(to: &str, stages: &[Card]) -> String {
    let stages = cards::sorted(stages);
    let apps = Apps::of(&stages);
    let names: Vec<String> = stages.iter().map(|c| code_within(&cards::name(c, apps), 60)).collect();
    let rows: Vec<String> =
        stages.iter().flat_map(|c| &c.outputs).flat_map(|(stack, outputs)| output_rows(stack, outputs)).collect();
    if rows.is_empty() {
        return dear(to, "nothing that is deployed here has outputs.") + "\n";
    }
    let head = dear(to, &format!("the outputs of {}:", super::text::first(&names, 5)));
    let mut budget = Budget::new(COMMENT_CHARS, &head);
    let (table, missing) = budget.take_lines(OUTPUTS, &rows);
    let more = if missing > 0 { format!("\n{} left out.\n", count(missing, "output")) } else { String::new() };
    format!("{head}\n{table}{more}")
}

/// A whole sentence to a person; their name is code, so that nobody is called.
fn dear(to: &str, sentence: &str) -> String {
    format!("{}: {sentence}", code(&clean(to)))
}

/// A sentence that is not about a command: `text`, with the person's name before it.
pub fn note(to: &str, sentence: &str) -> String {
    dear(to, &text(sentence)) + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::card::CardState::*;
    use crate::render::samples::*;

    const DIGEST: &str = "1a2b3c4d5e6f70819200";

    #[test]
    fn every_answer_in_one_place() {
        let refused = trouble(
            "rights.missing",
            "deploying prod",
            "prod may be deployed by @acme/ops, and anna is not among them",
            "ask one of them to comment `/offshoot deploy prod`",
        );
        let texts = [
            done("anna", &Done::Planned { stage: "prod" }),
            done("anna", &Done::Deployed { stage: "prod", digest: DIGEST }),
            done("anna", &Done::Removed { stage: "pr-42" }),
            done("anna", &Done::Approved { stage: "prod", digest: DIGEST, missing: 1 }),
            done("anna", &Done::Approved { stage: "prod", digest: DIGEST, missing: 0 }),
            done("anna", &Done::Trusted { revision: REVISION }),
            done("anna", &Done::Extended { stage: "pr-42", until: "2026-11-30T14:00:00Z" }),
            done("anna", &Done::Cancelling { stage: "prod" }),
            done("anna", &Done::Unlocked { stage: "prod" }),
            done("anna", &Done::Promoted { from: "staging", to: "prod", revision: REVISION }),
            done("anna", &Done::RolledBack { stage: "prod", revision: REVISION }),
            done("anna", &Done::Nothing { why: "nothing runs on prod" }),
            later("anna", "drift"),
            later("anna", "dev"),
            later("anna", "logs"),
            unknown("anna", "/offshoot deplyo @octocat", "There is no command `deplyo`. Did you mean `deploy`?"),
            refusal("anna", "/offshoot deploy prod", &refused),
            refusal("anna", "/offshoot plan", &synth_error()),
            note("anna", "more than 5 commands in one comment"),
        ];
        insta::assert_snapshot!(texts.join("---\n"), @r#"
        `anna`: `prod` is planned; the plan is in the comment above.
        ---
        `anna`: `prod` is deployed, by plan `1a2b3c4d5e6f`.
        ---
        `anna`: `pr-42` is removed.
        ---
        `anna`: your approval of plan `1a2b3c4d5e6f` of `prod` is noted; 1 more is needed.
        ---
        `anna`: plan `1a2b3c4d5e6f` of `prod` is approved and may be deployed.
        ---
        `anna`: the code of commit `9f8e7d6c` may run. A further push needs another approval.
        ---
        `anna`: `pr-42` lives until 2026-11-30 14:00 UTC.
        ---
        `anna`: the run of `prod` begins no further stack and ends when those that run are done.
        ---
        `anna`: the lock of `prod` is taken away.
        ---
        `anna`: `prod` runs what `staging` runs: commit `9f8e7d6c`.
        ---
        `anna`: `prod` runs commit `9f8e7d6c` again.
        ---
        `anna`: there was nothing to do: nothing runs on prod.
        ---
        `anna`: `drift` is not there yet: drift detection comes with a later version.
        ---
        `anna`: `dev` is not there yet: live development comes with a later version.
        ---
        `anna`: `logs` is not there yet: reading logs comes with a later version.
        ---
        `anna`: `/offshoot deplyo @octocat` is not understood. There is no command `deplyo`. Did you mean `deploy`?
        ---
        `anna`: `/offshoot deploy prod` was not carried out: prod may be deployed by @&#8203;acme/ops, and anna is not among them.

        Next: ask one of them to comment `/offshoot deploy prod`.
        ---
        `anna`: `/offshoot plan` was not carried out.

        **Stopped**: running the app of notes

        ```
        TypeError: Cannot read properties of undefined (reading 'tableName')
            at new Api (lib/api.ts:31:18)
            at Object.<anonymous> (bin/app.ts:12:5)
        ```

        At `bin/app.ts:12:5`

        Next: correct the app, then push

        Code: `synth.failed`
        ---
        `anna`: more than 5 commands in one comment
        "#);
    }

    #[test]
    fn help_is_a_table() {
        let rows =
            [("plan [stage]", "Makes a new plan."), ("approve [stage | commit]", "With a commit, lets `it` run.")];
        insta::assert_snapshot!(help("anna", "/offshoot", rows), @r#"
        `anna`: these are the commands. A command stands on a line of its own, not quoted or indented.

        | Type | It |
        |---|---|
        | `/offshoot plan [stage]` | Makes a new plan. |
        | <code>/offshoot approve &#91;stage &#124; commit&#93;</code> | With a commit, lets `it` run. |
        "#);
    }

    #[test]
    fn outputs_are_a_table() {
        let card = applied_to(preview(Deployed), applied());
        insta::assert_snapshot!(outputs("anna", &[card]), @r#"
        `anna`: the outputs of `pr-42`:

        | Stack | Output | Value |
        |---|---|---|
        | `pr-42-notes-api` | `Url` | <https://abc.execute-api.eu-west-1.amazonaws.com/> |
        | `pr-42-notes-data` | `TableName` | `prod-notes-data-Table-1ABC` |
        "#);
        insta::assert_snapshot!(outputs("anna", &[preview(Deployed)]), @"`anna`: nothing that is deployed here has outputs.");
    }

    #[test]
    fn nobody_is_called_and_nothing_breaks_out() {
        let card = hostile_card(Deployed);
        let evil = trouble(EVIL, EVIL, EVIL, EVIL);
        let texts = [
            refusal(EVIL, EVIL, &evil),
            refusal("@octocat", EVIL, &Trouble { causes: vec![EVIL.into()], ..evil }),
            unknown(EVIL, EVIL, EVIL),
            later(EVIL, EVIL),
            done(EVIL, &Done::Nothing { why: EVIL }),
            outputs(EVIL, &[card]),
            note(EVIL, EVIL),
        ];
        for text in texts {
            crate::render::samples::assert_harmless(&text);
        }
    }
}
