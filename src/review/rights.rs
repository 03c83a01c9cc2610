//! Who may do what to which stage, asked of the forge and compared with the rules of the repository.

use std::collections::BTreeMap;

use super::Office;
use crate::config::Stage;
use crate::error::{Error, Result};
use crate::forge::{AccountKind, Actor, Login, Permission, RepoName};
use crate::github::Membership;

/// The code of every refusal of this file.
pub const MISSING: &str = "rights.missing";

/// What somebody wants to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Plan, look at outputs: nothing is changed.
    Look,
    /// Deploy, promote to it, roll it back.
    Deploy,
    /// Remove, extend, cancel, unlock.
    Manage,
    /// Approve a plan.
    Approve,
    /// Let a stranger's code run.
    Trust,
}

/// Errors (`rights.missing`): they may not; says who may. Nobody is exempt from the lists of `offshoot.yml`, also not
/// an administrator: who may change the lists may add themselves, and that is seen.
pub async fn demand(office: &Office, actor: &Actor, wish: Wish, stage: Option<&Stage>) -> Result<()> {
    Register::new(office).demand(actor, wish, stage).await
}

/// What the forge has said about people, each asked once.
pub struct Register<'a> {
    office: &'a Office,
    permissions: BTreeMap<String, Permission>,
    members: BTreeMap<(String, String), Membership>,
}

impl<'a> Register<'a> {
    pub fn new(office: &'a Office) -> Self {
        Register { office, permissions: BTreeMap::new(), members: BTreeMap::new() }
    }

    /// The same as [`demand`], with what was asked before.
    pub async fn demand(&mut self, actor: &Actor, wish: Wish, stage: Option<&Stage>) -> Result<()> {
        let asking = Asking { actor, wish, stage, repo: &self.office.repo };
        asking.is_person()?;
        let permission = self.permission(&actor.login).await?;
        asking.may_write(permission)?;
        let named = self.named(asking.listed(), &actor.login).await?;
        asking.is_listed(&named)
    }

    /// Whether somebody is, or belongs to, `@name` or `@organization/team`; no for anything else, such as an address.
    pub async fn belongs(&mut self, name: &str, login: &Login) -> Result<Membership> {
        match listed(name) {
            Listed::Person(person) => Ok(if person == *login { Membership::Yes } else { Membership::No }),
            Listed::Nobody => Ok(Membership::No),
            Listed::Team { organization, team } => {
                let key = (name.to_ascii_lowercase(), login.as_str().to_ascii_lowercase());
                if let Some(known) = self.members.get(&key) {
                    return Ok(*known);
                }
                let membership = self.office.github.is_member(organization, team, login).await?;
                self.members.insert(key, membership);
                Ok(membership)
            }
        }
    }

    async fn permission(&mut self, login: &Login) -> Result<Permission> {
        let key = login.as_str().to_ascii_lowercase();
        if let Some(known) = self.permissions.get(&key) {
            return Ok(*known);
        }
        let permission = self.office.github.permission(login).await?;
        self.permissions.insert(key, permission);
        Ok(permission)
    }

    /// People first: they cost no question.
    async fn named(&mut self, list: &[String], login: &Login) -> Result<Named> {
        if list.is_empty() || list.iter().any(|name| listed(name) == Listed::Person(login.clone())) {
            return Ok(Named::Yes);
        }
        let mut unseen = Vec::new();
        for name in list {
            match self.belongs(name, login).await? {
                Membership::Yes => return Ok(Named::Yes),
                Membership::No => {}
                Membership::Unknown => unseen.push(name.clone()),
            }
        }
        Ok(if unseen.is_empty() { Named::No } else { Named::Unseen(unseen) })
    }
}

/// An entry of a list of people and teams.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Listed<'a> {
    Person(Login),
    Team { organization: &'a str, team: &'a str },
    Nobody,
}

fn listed(name: &str) -> Listed<'_> {
    match name.strip_prefix('@').map(|rest| (rest, rest.split_once('/'))) {
        Some((_, Some((organization, team)))) => Listed::Team { organization, team },
        Some((person, None)) => Listed::Person(Login::new(person)),
        None => Listed::Nobody,
    }
}

/// Whether somebody is on a list.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Named {
    Yes,
    No,
    /// Not by name, and these teams cannot be seen.
    Unseen(Vec<String>),
}

/// Somebody with a wish; what they get to hear.
struct Asking<'a> {
    actor: &'a Actor,
    wish: Wish,
    stage: Option<&'a Stage>,
    repo: &'a RepoName,
}

impl Asking<'_> {
    fn is_person(&self) -> Result<()> {
        if self.actor.kind == AccountKind::Person && !self.actor.login.as_str().ends_with("[bot]") {
            return Ok(());
        }
        Err(self
            .refused(format!("@{} is no person's account, and only people give commands", self.actor.login))
            .next(format!("a person with write access to {} can do it", self.repo)))
    }

    fn may_write(&self, permission: Permission) -> Result<()> {
        let has = match permission {
            Permission::Write | Permission::Maintain | Permission::Admin => return Ok(()),
            Permission::None => "no access",
            Permission::Read => "only read access",
            Permission::Triage => "only triage access",
        };
        let what = format!("@{} has {has} to {}, and it takes write access", self.actor.login, self.repo);
        let next = match self.listed() {
            [] => format!("ask somebody with write access to {}", self.repo),
            list => format!("ask one of those who may: {}", list.join(", ")),
        };
        Err(self.refused(what).next(next))
    }

    fn is_listed(&self, named: &Named) -> Result<()> {
        let (list, login) = (self.listed().join(", "), &self.actor.login);
        match named {
            Named::Yes => Ok(()),
            Named::No => {
                let mut next = format!("ask one of them; {} of the stage, in offshoot.yml, says who may", self.key());
                // to some tokens a team that they may not see looks like one with nobody in it
                if self.listed().iter().any(|name| matches!(listed(name), Listed::Team { .. })) {
                    next.push_str("; a token without `members: read` sees nobody in a team");
                }
                Err(self.refused(format!("@{login} is not among those who may: {list}")).next(next))
            }
            Named::Unseen(teams) => {
                let teams = teams.join(", ");
                let what = format!(
                    "those who may: {list}; @{login} is not named, and the token cannot see who belongs to {teams}"
                );
                let next = "give Offshoot a GitHub App with `members: read`, or name people instead of teams";
                Err(self.refused(what).next(format!("{next} under {} in offshoot.yml", self.key())))
            }
        }
    }

    /// Who the rules name for it; anyone who may write where empty.
    fn listed(&self) -> &[String] {
        match (self.wish, self.stage) {
            (Wish::Deploy | Wish::Manage, Some(stage)) => &stage.rule.deployers,
            (Wish::Approve, Some(stage)) => &stage.rule.approvals.from,
            _ => &[],
        }
    }

    fn key(&self) -> &'static str {
        if self.wish == Wish::Approve { "`approvals.from`" } else { "`deployers`" }
    }

    fn refused(&self, what: String) -> Error {
        let stage = self.stage.map(|stage| format!("stage {}", stage.name));
        let on = stage.unwrap_or_else(|| self.repo.to_string());
        let doing = match self.wish {
            Wish::Look => format!("looking at {on}"),
            Wish::Deploy => format!("deploying {on}"),
            Wish::Manage => format!("managing {on}"),
            Wish::Approve => format!("approving a plan of {on}"),
            Wish::Trust => format!("letting the code of a pull request run in {}", self.repo),
        };
        Error::refused("rights.missing", doing, what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Source, StageRule};
    use crate::names::StageName;

    fn stage() -> Stage {
        let mut rule = StageRule::new("prod", Source::Branch("main".to_owned()));
        rule.deployers = vec!["@ana".to_owned(), "@acme/platform".to_owned()];
        rule.approvals.from = vec!["@acme/security".to_owned()];
        Stage { name: StageName::new("prod"), rule, git_ref: None }
    }

    fn said(wish: Wish, judge: impl Fn(&Asking<'_>) -> Result<()>) -> String {
        let (stage, repo) = (stage(), RepoName { owner: "acme".to_owned(), name: "notes".to_owned() });
        let actor = Actor { login: Login::new("mallory"), kind: AccountKind::Person };
        let asking = Asking { actor: &actor, wish, stage: Some(&stage), repo: &repo };
        match judge(&asking) {
            Ok(()) => "may".to_owned(),
            Err(error) => {
                assert_eq!((error.code(), error.class()), (MISSING, crate::error::Class::Refused));
                format!("{error}\nnext: {}", error.next_step().unwrap_or_default())
            }
        }
    }

    #[test]
    fn write_access_is_the_least() {
        for enough in [Permission::Write, Permission::Maintain, Permission::Admin] {
            assert_eq!(said(Wish::Look, |a| a.may_write(enough)), "may");
        }
        insta::assert_snapshot!(said(Wish::Look, |a| a.may_write(Permission::None)), @"
        looking at stage prod: @mallory has no access to acme/notes, and it takes write access
        next: ask somebody with write access to acme/notes
        ");
        insta::assert_snapshot!(said(Wish::Deploy, |a| a.may_write(Permission::Read)), @"
        deploying stage prod: @mallory has only read access to acme/notes, and it takes write access
        next: ask one of those who may: @ana, @acme/platform
        ");
        insta::assert_snapshot!(said(Wish::Trust, |a| a.may_write(Permission::Triage)), @"
        letting the code of a pull request run in acme/notes: @mallory has only triage access to acme/notes, and it takes write access
        next: ask somebody with write access to acme/notes
        ");
    }

    #[test]
    fn a_list_counts_for_everyone() {
        assert_eq!(said(Wish::Deploy, |a| a.is_listed(&Named::Yes)), "may");
        insta::assert_snapshot!(said(Wish::Deploy, |a| a.is_listed(&Named::No)), @"
        deploying stage prod: @mallory is not among those who may: @ana, @acme/platform
        next: ask one of them; `deployers` of the stage, in offshoot.yml, says who may; a token without `members: read` sees nobody in a team
        ");
        insta::assert_snapshot!(said(Wish::Approve, |a| a.is_listed(&Named::No)), @"
        approving a plan of stage prod: @mallory is not among those who may: @acme/security
        next: ask one of them; `approvals.from` of the stage, in offshoot.yml, says who may; a token without `members: read` sees nobody in a team
        ");
    }

    #[test]
    fn a_team_that_cannot_be_seen_is_said_so() {
        let unseen = Named::Unseen(vec!["@acme/platform".to_owned()]);
        insta::assert_snapshot!(said(Wish::Manage, |a| a.is_listed(&unseen)), @"
        managing stage prod: those who may: @ana, @acme/platform; @mallory is not named, and the token cannot see who belongs to @acme/platform
        next: give Offshoot a GitHub App with `members: read`, or name people instead of teams under `deployers` in offshoot.yml
        ");
    }

    #[test]
    fn bots_give_no_commands() {
        let repo = RepoName { owner: "acme".to_owned(), name: "notes".to_owned() };
        let by = |login: &str, kind| {
            let actor = Actor { login: Login::new(login), kind };
            Asking { actor: &actor, wish: Wish::Look, stage: None, repo: &repo }.is_person().map_err(|e| e.to_string())
        };
        assert_eq!(by("ana", AccountKind::Person), Ok(()));
        assert!(by("github-actions[bot]", AccountKind::Person).is_err());
        assert!(by("ghost", AccountKind::Other).is_err());
        insta::assert_snapshot!(by("dependabot[bot]", AccountKind::Bot).unwrap_err(), @"looking at acme/notes: @dependabot[bot] is no person's account, and only people give commands");
    }

    #[test]
    fn lists_hold_people_and_teams() {
        assert_eq!(listed("@Ana"), Listed::Person(Login::new("ana")));
        assert_eq!(listed("@acme/platform"), Listed::Team { organization: "acme", team: "platform" });
        assert_eq!(listed("ana@acme.example"), Listed::Nobody);
    }
}
