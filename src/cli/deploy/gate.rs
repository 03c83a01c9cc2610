//! What stands between a plan and its execution: the stage's rule, approvals, and a person's yes.

use super::Args;
use crate::cli::ask::{Answer, ask};
use crate::cli::common::Format;
use crate::cli::printer::Printer;
use crate::config::{ApplyRule, Protection};
use crate::error::{Error, Result};
use crate::pipeline::progress::Stop;
use crate::pipeline::stage::Intent;
use crate::pipeline::{self, Desk};
use crate::plan::state::Approval;
use crate::plan::{Plan, StackAction};
use crate::render;

/// Fewer digits of a digest could be met on purpose.
const MIN_DIGITS: usize = 12;

pub(super) enum Passed {
    /// With the approval to remember, where the rule asks for one.
    Yes(Option<Approval>),
    No,
}

/// `--fast` goes past review: never on a protected stage.
pub(super) fn may_be_fast(intent: &Intent) -> Result<()> {
    let doing = format!("deploying stage {} fast", intent.stage.name);
    if intent.stage.rule.protect == Protection::On {
        return Err(Error::refused("stage.protected", doing, "the stage is protected").next("deploy without --fast"));
    }
    match intent.stage.rule.apply {
        ApplyRule::Auto | ApplyRule::Fast => Ok(()),
        rule => Err(Error::refused(
            "stage.needs_review",
            doing,
            format!("its rule is `apply: {}`, so every change is reviewed", rule.as_str()),
        )
        .next("deploy without --fast")),
    }
}

/// Passes, asks, or refuses with what is missing.
pub(super) async fn pass(
    plan: &Plan,
    intent: &Intent,
    desk: &Desk,
    args: &Args,
    format: Format,
    (printer, stop): (&Printer, &Stop),
) -> Result<Passed> {
    let stage = &intent.stage;
    if !plan.has_changes() {
        return Ok(Passed::Yes(None));
    }
    let approved = args.approve.as_deref().map(|given| matches(given, plan)).transpose()?;
    match stage.rule.apply {
        ApplyRule::Approved => {
            if stage.rule.approvals.count > 1 {
                let what = format!(
                    "stage {} needs {} approvals, and the command line can give one",
                    stage.name, stage.rule.approvals.count
                );
                return Err(Error::refused("approval.count", "checking approvals", what)
                    .next("approve it on the pull request, where each person can"));
            }
            if approved.is_none() {
                show(plan, format, printer);
                return Err(missing(plan, "stage", stage.name.as_str(), "approved"));
            }
        }
        ApplyRule::Manual if approved.is_none() && args.plan.is_none() => {
            show(plan, format, printer);
            return Err(missing(plan, "stage", stage.name.as_str(), "manual"));
        }
        ApplyRule::Manual | ApplyRule::Auto | ApplyRule::Fast => {
            let grave = plan.is_dangerous() || plan.stacks.iter().any(broadens);
            show(plan, format, printer);
            if grave && !args.yes && approved.is_none() {
                match ask("Deploy this?", printer, stop).await {
                    Answer::Yes | Answer::Nobody => {}
                    Answer::No => return Ok(Passed::No),
                }
            }
        }
    }
    let by = desk.aws.identity().await?.arn.clone();
    Ok(Passed::Yes(approved.map(|()| Approval { digest: plan.digest.clone(), by, at: pipeline::now() })))
}

fn show(plan: &Plan, format: Format, printer: &Printer) {
    if format == Format::Text && !printer.quiet {
        printer.out(&render::terminal::changes(plan, printer.out));
    }
}

fn broadens(stack: &crate::plan::StackPlan) -> bool {
    stack.action != StackAction::None
        && (stack.iam.iter().any(|c| c.broadens) || stack.network.iter().any(|c| c.broadens))
}

fn matches(given: &str, plan: &Plan) -> Result<()> {
    if given.len() >= MIN_DIGITS && plan.digest.starts_with(given) {
        return Ok(());
    }
    let what = format!("the plan is {}, approved was {given}", plan.digest.get(..12).unwrap_or(&plan.digest));
    Err(Error::refused("approval.other_plan", "checking approvals", what)
        .next("look at the plan as it is now, then approve that one"))
}

fn missing(plan: &Plan, kind: &str, name: &str, rule: &str) -> Error {
    let digest = plan.digest.get(..12).unwrap_or(&plan.digest);
    let dirty = if plan.dirty { " --dirty" } else { "" };
    Error::refused(
        "approval.missing",
        "checking approvals",
        format!("{kind} {name} has the rule `apply: {rule}`, and this plan was not approved"),
    )
    .next(format!("read the plan, then: offshoot deploy --approve {digest}{dirty}"))
}
