//! Who approved a plan, and whether that is enough.

use std::collections::{BTreeMap, BTreeSet};

use super::Office;
use super::rights::{self, Register, Wish};
use super::seat::Seat;
use crate::config::{ApplyRule, Codeowners, Stage};
use crate::error::{Error, Result};
use crate::forge::codeowners::{self, Owners};
use crate::forge::{AccountKind, Actor, Login, Pull, PullState};
use crate::github::Membership;
use crate::pipeline;
use crate::plan::Plan;
use crate::plan::card::Approvals;
use crate::plan::state::Approval;

/// The forge lists no more files of a pull request.
const MOST_FILES: usize = 3_000;
/// So many groups of owners are named; a comment has a limit.
const MOST_MISSING: usize = 20;

/// The approvals that count for a plan of this stage, as kept in its bucket and as the rules ask for them. Who gave one
/// must still be allowed to, is not the author of the pull request, and counts once.
pub async fn of(office: &Office, seat: &Seat, plan: &Plan, pull: Option<&Pull>) -> Result<Approvals> {
    let stage = &seat.intent.stage;
    if stage.rule.apply != ApplyRule::Approved {
        return Ok(Approvals::default());
    }
    let mut register = Register::new(office);
    let kept = seat.desk.home.approvals(seat.stage(), &plan.digest).await?;
    let mut judged = Vec::new();
    for approval in eligible(kept, &plan.digest, pull.map(|p| &p.author.login)) {
        let standing = standing(&mut register, &giver(&approval), stage).await?;
        judged.push((approval, standing));
    }
    let owners_missing = match stage.rule.approvals.codeowners {
        Codeowners::Ignore => Vec::new(),
        Codeowners::Required => {
            let heard = judged.iter().filter(|(_, s)| *s != Standing::Gone).map(|(a, _)| giver(a).login).collect();
            uncovered(office, &mut register, pull, heard).await?
        }
    };
    Ok(Approvals {
        needed: stage.rule.approvals.count,
        from: stage.rule.approvals.from.clone(),
        given: judged.into_iter().filter(|(_, s)| *s == Standing::Counts).map(|(a, _)| a).collect(),
        dismissed: dismissed(seat, plan, pull).await?,
        owners_missing,
    })
}

/// Adds the approval of `actor` for the plan. Errors (`rights.missing`, `approval.own`, `approval.not_needed`): they may
/// not, or it would change nothing.
pub async fn give(office: &Office, seat: &Seat, plan: &Plan, pull: Option<&Pull>, actor: &Actor) -> Result<Approvals> {
    let stage = &seat.intent.stage;
    let doing = || format!("approving a plan of stage {}", stage.name);
    let mut register = Register::new(office);
    if let Err(error) = register.demand(actor, Wish::Approve, Some(stage)).await {
        // an owner of changed files is asked by the repository itself, whether the stage's list names them or not
        let is_asked = error.code() == rights::MISSING
            && stage.rule.approvals.codeowners == Codeowners::Required
            && standing(&mut register, actor, stage).await? == Standing::MayWrite
            && owns_some(office, &mut register, pull, &actor.login).await?;
        if !is_asked {
            return Err(error);
        }
    }
    if pull.is_some_and(|p| p.author.login == actor.login) {
        let what = format!("@{} is the author of the pull request, who does not approve it", actor.login);
        return Err(
            Error::refused("approval.own", doing(), what).next("ask somebody else to look at the plan and approve it")
        );
    }
    if stage.rule.apply != ApplyRule::Approved {
        let what = format!("the stage asks for no approval (`apply: {}`)", stage.rule.apply.as_str());
        return Err(Error::refused("approval.not_needed", doing(), what).next(unasked(stage)));
    }
    let approval = Approval { digest: plan.digest.clone(), by: format!("@{}", actor.login), at: pipeline::now() };
    seat.desk.home.approve(seat.stage(), approval).await?;
    of(office, seat, plan, pull).await
}

fn unasked(stage: &Stage) -> String {
    match stage.rule.apply {
        ApplyRule::Manual => format!("deploy it by command: deploy {}", stage.name),
        _ => "there is nothing to do: it is deployed without one".to_owned(),
    }
}

/// What the approval of somebody is worth now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Counts,
    /// They may write, and the stage's list does not name them: heard as an owner of files alone.
    MayWrite,
    /// They may not write any more.
    Gone,
}

async fn standing(register: &mut Register<'_>, giver: &Actor, stage: &Stage) -> Result<Standing> {
    let mut may = async |wish| match register.demand(giver, wish, Some(stage)).await {
        Ok(()) => Ok(true),
        Err(error) if error.code() == rights::MISSING => Ok(false),
        Err(error) => Err(error),
    };
    Ok(match (may(Wish::Approve).await?, may(Wish::Look).await?) {
        (true, _) => Standing::Counts,
        (false, true) => Standing::MayWrite,
        (false, false) => Standing::Gone,
    })
}

/// The approvals of this very plan, each person's first one, without the author's own.
fn eligible(kept: Vec<Approval>, digest: &str, author: Option<&Login>) -> Vec<Approval> {
    let mut seen: Vec<Login> = Vec::new();
    let mut of_the_forge: Vec<Approval> =
        kept.into_iter().filter(|a| a.digest == digest && a.by.starts_with('@')).collect();
    of_the_forge.retain(|approval| {
        let login = giver(approval).login;
        let counts = author != Some(&login) && !seen.contains(&login);
        seen.push(login);
        counts
    });
    of_the_forge
}

fn giver(approval: &Approval) -> Actor {
    // only people's approvals were taken
    Actor { login: Login::new(approval.by.trim_start_matches('@')), kind: AccountKind::Person }
}

/// Approvals of the plan that the pull request showed before this one; once told, they stay told until the next plan.
async fn dismissed(seat: &Seat, plan: &Plan, pull: Option<&Pull>) -> Result<u32> {
    let Some(pull) = pull else { return Ok(0) };
    let Some(card) = seat.desk.home.card(seat.stage(), pull.number).await? else { return Ok(0) };
    match card.plan {
        Some(shown) if shown.digest != plan.digest => {
            let kept = seat.desk.home.approvals(seat.stage(), &shown.digest).await?;
            Ok(u32::try_from(kept.len()).unwrap_or(u32::MAX))
        }
        _ => Ok(card.approvals.dismissed),
    }
}

/// The owners of what a pull request changes.
#[derive(Debug, Default, PartialEq, Eq)]
struct Owned {
    /// By owners, of which one is enough: the files.
    groups: BTreeMap<Vec<String>, Vec<String>>,
    /// Why it is not known whether these are all; then nobody's approval is enough.
    unknown: Option<&'static str>,
}

async fn owned(office: &Office, pull: Option<&Pull>) -> Result<Owned> {
    let Some(pull) = pull else {
        return Ok(Owned { unknown: Some("no pull request says which files changed"), ..Owned::default() });
    };
    // a pull request does not choose its own owners: once merged, its CODEOWNERS would be the branch's
    let at = match pull.state {
        PullState::Merged => pull.base.revision.as_str(),
        PullState::Open | PullState::Closed => pull.base.branch.as_str(),
    };
    for path in codeowners::PLACES {
        if let Some(text) = office.github.file(path, at).await? {
            let files = office.github.changed_files(pull.number).await?;
            return Ok(group(&Owners::parse(&text), files));
        }
    }
    Ok(Owned::default())
}

fn group(owners: &Owners, files: Vec<String>) -> Owned {
    let unknown = (files.len() >= MOST_FILES).then_some("the pull request changes more files than can be listed");
    let mut groups: BTreeMap<Vec<String>, Vec<String>> = BTreeMap::new();
    for file in files {
        let of_file = owners.of(&file).to_vec();
        if !of_file.is_empty() {
            groups.entry(of_file).or_default().push(file);
        }
    }
    Owned { groups, unknown }
}

async fn uncovered(
    office: &Office,
    register: &mut Register<'_>,
    pull: Option<&Pull>,
    heard: Vec<Login>,
) -> Result<Vec<String>> {
    let owned = owned(office, pull).await?;
    let mut agreed = BTreeSet::new();
    for owner in owned.groups.keys().flatten().collect::<BTreeSet<_>>() {
        for login in &heard {
            if register.belongs(owner, login).await? == Membership::Yes {
                agreed.insert(owner.clone());
                break;
            }
        }
    }
    Ok(missing(&owned, &agreed))
}

async fn owns_some(office: &Office, register: &mut Register<'_>, pull: Option<&Pull>, login: &Login) -> Result<bool> {
    let owned = owned(office, pull).await?;
    for owner in owned.groups.keys().flatten().collect::<BTreeSet<_>>() {
        if register.belongs(owner, login).await? == Membership::Yes {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Who has to approve yet, one line for each group of files with the same owners.
fn missing(owned: &Owned, agreed: &BTreeSet<String>) -> Vec<String> {
    let open = owned.groups.iter().filter(|(owners, _)| !owners.iter().any(|o| agreed.contains(o)));
    let mut lines: Vec<String> = open
        .map(|(owners, files)| {
            let first = files.first().map(String::as_str).unwrap_or_default();
            let more = match files.len() {
                0 | 1 => String::new(),
                2 => " and 1 more file".to_owned(),
                all => format!(" and {} more files", all - 1),
            };
            format!("{}: {first}{more}", owners.join(" or "))
        })
        .collect();
    let left = lines.len().saturating_sub(MOST_MISSING);
    lines.truncate(MOST_MISSING);
    if left > 0 {
        lines.push(format!("and the owners of {left} more groups of files"));
    }
    lines.extend(owned.unknown.map(|why| format!("the owners of all files: {why}")));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "1a2b3c";

    fn approval(by: &str, digest: &str) -> Approval {
        Approval { digest: digest.to_owned(), by: by.to_owned(), at: "2026-03-01T10:00:00Z".to_owned() }
    }

    fn counted(kept: &[(&str, &str)], author: Option<&str>) -> Vec<String> {
        let kept = kept.iter().map(|(by, digest)| approval(by, digest)).collect();
        let author = author.map(Login::new);
        eligible(kept, DIGEST, author.as_ref()).into_iter().map(|a| a.by).collect()
    }

    #[test]
    fn each_person_counts_once() {
        assert_eq!(counted(&[("@ana", DIGEST), ("@Ana", DIGEST), ("@ben", DIGEST)], None), ["@ana", "@ben"]);
    }

    #[test]
    fn the_author_does_not_count() {
        assert_eq!(counted(&[("@Ana", DIGEST), ("@ben", DIGEST)], Some("ana")), ["@ben"]);
    }

    #[test]
    fn approvals_of_other_plans_and_of_other_ways_in_do_not_count() {
        let kept = [("@ana", "ffffff"), ("arn:aws:iam::111111111111:user/ben", DIGEST), ("@cleo", DIGEST)];
        assert_eq!(counted(&kept, None), ["@cleo"]);
    }

    fn owned(groups: &[(&[&str], &[&str])]) -> Owned {
        let texts = |list: &[&str]| list.iter().map(|&t| t.to_owned()).collect::<Vec<String>>();
        Owned { groups: groups.iter().map(|(o, f)| (texts(o), texts(f))).collect(), unknown: None }
    }

    fn agreed(owners: &[&str]) -> BTreeSet<String> {
        owners.iter().map(|&o| o.to_owned()).collect()
    }

    #[test]
    fn files_with_the_same_owners_belong_together() {
        let owners = Owners::parse("* @ana\n/stacks/ @acme/data @ben\n/docs/\n");
        let files = ["README.md", "stacks/a.ts", "docs/x.md", "stacks/b/c.ts"].map(str::to_owned).to_vec();
        let expected: &[(&[&str], &[&str])] =
            &[(&["@ana"], &["README.md"]), (&["@acme/data", "@ben"], &["stacks/a.ts", "stacks/b/c.ts"])];
        assert_eq!(group(&owners, files), owned(expected));
    }

    #[test]
    fn a_list_of_files_that_was_cut_off_is_not_enough() {
        let files = (0..MOST_FILES).map(|n| format!("{n}.ts")).collect();
        let lines = missing(&group(&Owners::parse(""), files), &BTreeSet::new());
        assert_eq!(lines, ["the owners of all files: the pull request changes more files than can be listed"]);
    }

    #[test]
    fn one_owner_of_each_file_is_enough() {
        let owned = owned(&[
            (&["@acme/data", "@ana"], &["stacks/table.ts", "stacks/bucket.ts", "stacks/queue.ts"]),
            (&["@ben"], &["README.md"]),
        ]);
        assert_eq!(missing(&owned, &agreed(&["@ana", "@ben"])), Vec::<String>::new());
        assert_eq!(missing(&owned, &agreed(&["@ben"])), ["@acme/data or @ana: stacks/table.ts and 2 more files"]);
        assert_eq!(missing(&owned, &agreed(&["@acme/data"])), ["@ben: README.md"]);
    }

    #[test]
    fn what_cannot_be_known_is_not_enough() {
        let owned = Owned { unknown: Some("no pull request says which files changed"), ..Owned::default() };
        assert_eq!(
            missing(&owned, &agreed(&["@ana"])),
            ["the owners of all files: no pull request says which files changed"]
        );
    }

    #[test]
    fn many_groups_of_owners_are_counted() {
        let names: Vec<String> = (0..25).map(|n| format!("@owner-{n:02}")).collect();
        let groups = names.iter().map(|n| (vec![n.clone()], vec!["a".to_owned()])).collect();
        let lines = missing(&Owned { groups, unknown: None }, &BTreeSet::new());
        assert_eq!(lines.len(), 21);
        assert_eq!(lines.last().map(String::as_str), Some("and the owners of 5 more groups of files"));
    }
}
