//! Who somebody is in the repository, and who we are; never from a payload's `author_association`, which is unreliable.

use super::api::At;
use super::errors::Ask;
use super::models::{AppModel, Collaborator, TeamMembership, User, actor};
use super::text::escape;
use super::{GitHub, Membership};
use crate::error::Result;
use crate::forge::{AccountKind, Actor, Login, Permission};

impl GitHub {
    /// What somebody may do here; nothing at all where GitHub does not know them.
    pub async fn permission(&self, login: &Login) -> Result<Permission> {
        let ask = Ask::new(format!("asking what {login} may do in {}", self.repo), "metadata: read");
        let at = At::repo(format!("/collaborators/{}/permission", escape(login.as_str())));
        let Some(answer) = self.api().find(&ask, &at).await? else { return Ok(Permission::None) };
        let found: Collaborator = self.api().parse(&ask, &answer)?;
        let role = found.role_name.as_deref().and_then(role);
        // an organisation's own roles have names of their own, and are based on one of the five
        Ok(role.or_else(|| self::role(&found.permission)).unwrap_or(Permission::None))
    }

    pub async fn is_member(&self, organization: &str, team: &str, login: &Login) -> Result<Membership> {
        let ask = Ask::new(format!("asking whether {login} is in @{organization}/{team}"), "members: read");
        let at = At::Root(format!(
            "/orgs/{}/teams/{}/memberships/{}",
            escape(organization),
            escape(team),
            escape(login.as_str())
        ));
        let answer = self.api().get(&ask, &at).await?;
        match answer.status {
            404 => Ok(Membership::No),
            403 => Ok(Membership::Unknown),
            _ => {
                let found: TeamMembership = self.api().parse(&ask, &answer)?;
                // somebody who was invited is not in it yet
                Ok(if found.state == "active" { Membership::Yes } else { Membership::No })
            }
        }
    }

    /// Ourselves, where the token can tell; nothing for tokens that cannot (`GITHUB_TOKEN`).
    pub async fn whoami(&self) -> Result<Option<Actor>> {
        self.memory().whoami.get_or_try_init(|| self.ask_who()).await.cloned()
    }

    async fn ask_who(&self) -> Result<Option<Actor>> {
        let ask = Ask::new("asking GitHub who we are", "metadata: read");
        if let Some(app) = self.api().app::<AppModel>(&ask).await? {
            let bot = |slug| Actor { login: Login::new(format!("{slug}[bot]")), kind: AccountKind::Bot };
            return Ok(app.slug.map(bot));
        }
        let answer = self.api().get(&ask, &At::Root("/user".to_owned())).await?;
        if matches!(answer.status, 403 | 404) {
            return Ok(None);
        }
        let user: User = self.api().parse(&ask, &answer)?;
        Ok(Some(actor(Some(user))))
    }
}

fn role(name: &str) -> Option<Permission> {
    Some(match name {
        "admin" => Permission::Admin,
        "maintain" => Permission::Maintain,
        "write" | "push" => Permission::Write,
        "triage" => Permission::Triage,
        "read" | "pull" => Permission::Read,
        "none" => Permission::None,
        _ => return None,
    })
}
