//! Deployments, made to be so: one for each environment and revision, a new status only where something changed.

use serde_json::{Map, Value, json};

use super::api::{At, Created};
use super::errors::Ask;
use super::models::{DeploymentModel, DeploymentStatus};
use super::output::is_web_address;
use super::text::{cut, escape};
use super::wire::Answer;
use super::{GitHub, Wrote};
use crate::error::{Error, Result};
use crate::forge::{Deployment, DeploymentState, EnvironmentKind};

const NEEDS: &str = "deployments: write";
const MOST_DESCRIPTION: usize = 140;
/// By this field of the payload our deployments are told from those that workflow jobs make by themselves.
const MARK: &str = "offshoot";
/// How many older deployments are looked at when a newer one succeeded; those before were when these did.
const MOST_OLDER: usize = 5;

/// A status, as it should be.
struct Wanted {
    state: &'static str,
    description: String,
    url: Option<String>,
    log_url: Option<String>,
}

impl GitHub {
    /// Makes the newest deployment of the environment be so: one deployment per environment and revision.
    pub async fn put_deployment(&self, deployment: &Deployment) -> Result<Wrote> {
        let doing = format!(
            "writing the deployment of {} to {} in {}",
            deployment.revision.short(),
            deployment.environment,
            self.repo
        );
        let ask = Ask::new(doing, NEEDS);
        let ours = self.our_deployments(&ask, &deployment.environment).await?;
        let wanted = Wanted::of(deployment);
        // a revision that was deployed before, with another one since, gets a new one: the newest is what people see
        let newest = ours.first().filter(|newest| newest.is_of(deployment)).map(|newest| newest.id);
        let (id, created) = match newest.or_else(|| self.made_a_moment_ago(deployment, &ours)) {
            Some(id) => (id, false),
            None => (self.create_deployment(&ask, deployment).await?, true),
        };
        self.memory().made(key(deployment), id);
        let before = if created { None } else { self.newest_deployment_status(&ask, id).await? };
        if before.is_some_and(|status| wanted.is_there(&status)) {
            return Ok(Wrote::Nothing);
        }
        self.add_status(&ask, id, &wanted).await?;
        if deployment.state == DeploymentState::Success {
            let replaced = Wanted::inactive(&format!("Replaced by {}", deployment.revision.short()));
            for older in ours.iter().filter(|older| older.id != id).take(MOST_OLDER) {
                self.retire(&ask, older.id, &replaced).await?;
            }
        }
        Ok(if created { Wrote::Created } else { Wrote::Changed })
    }

    /// Marks all deployments of the environment inactive; `description` at most 140 characters.
    pub async fn retire_environment(&self, environment: &str, description: &str) -> Result<Wrote> {
        let ask = Ask::new(format!("marking the deployments to {environment} in {} inactive", self.repo), NEEDS);
        let wanted = Wanted::inactive(description);
        let mut wrote = Wrote::Nothing;
        for deployment in self.deployments(&ask, environment).await? {
            if self.retire(&ask, deployment.id, &wanted).await? == Wrote::Changed {
                wrote = Wrote::Changed;
            }
        }
        Ok(wrote)
    }

    /// What the list does not show yet.
    fn made_a_moment_ago(&self, deployment: &Deployment, ours: &[DeploymentModel]) -> Option<u64> {
        let id = self.memory().made_before(&key(deployment))?;
        ours.first().is_none_or(|newest| newest.id < id).then_some(id)
    }

    async fn retire(&self, ask: &Ask, id: u64, wanted: &Wanted) -> Result<Wrote> {
        let newest = self.newest_deployment_status(ask, id).await?;
        if newest.is_some_and(|status| status.state == wanted.state) {
            return Ok(Wrote::Nothing);
        }
        self.add_status(ask, id, wanted).await?;
        Ok(Wrote::Changed)
    }

    /// Newest first; the newest 100 are enough, older ones were retired when they were replaced.
    async fn deployments(&self, ask: &Ask, environment: &str) -> Result<Vec<DeploymentModel>> {
        let at = At::repo(format!("/deployments?environment={}&per_page=100", escape(environment)));
        let mut found: Vec<DeploymentModel> = self.api().read(ask, &at).await?;
        found.sort_by_key(|deployment| std::cmp::Reverse(deployment.id));
        Ok(found)
    }

    async fn our_deployments(&self, ask: &Ask, environment: &str) -> Result<Vec<DeploymentModel>> {
        Ok(self.deployments(ask, environment).await?.into_iter().filter(DeploymentModel::is_ours).collect())
    }

    async fn create_deployment(&self, ask: &Ask, deployment: &Deployment) -> Result<u64> {
        let body = json!({
            "ref": deployment.revision.as_str(),
            "environment": deployment.environment,
            "description": cut(&deployment.description, MOST_DESCRIPTION),
            // else GitHub merges the default branch into it, or refuses while any check, ours too, is not green
            "auto_merge": false,
            "required_contexts": [],
            "transient_environment": deployment.kind == EnvironmentKind::Preview,
            "production_environment": deployment.kind == EnvironmentKind::Production,
            "payload": { MARK: deployment.environment },
        });
        let look = || async move {
            let ours = self.our_deployments(ask, &deployment.environment).await?;
            Ok(ours.into_iter().next().filter(|newest| newest.is_of(deployment)))
        };
        match self.api().create(ask, &At::repo("/deployments"), &body, look).await? {
            Created::Before(made) => Ok(made.id),
            Created::Answer(answer) if answer.status == 201 => {
                Ok(self.api().parse::<DeploymentModel>(ask, &answer)?.id)
            }
            Created::Answer(answer) => {
                // somebody else may have made the same one meanwhile
                look().await?.map(|made| made.id).ok_or_else(|| self.not_deployed(ask, &answer))
            }
        }
    }

    fn not_deployed(&self, ask: &Ask, answer: &Answer) -> Error {
        match answer.status {
            202 => Error::transient("forge.conflict", &ask.doing, "GitHub merged branches instead of deploying")
                .next("try again; the branch has another tip now"),
            _ => self.api().refused(ask, answer),
        }
    }

    async fn newest_deployment_status(&self, ask: &Ask, id: u64) -> Result<Option<DeploymentStatus>> {
        let at = At::repo(format!("/deployments/{id}/statuses?per_page=100"));
        let statuses: Vec<DeploymentStatus> = self.api().read(ask, &at).await?;
        Ok(statuses.into_iter().max_by_key(|status| status.id))
    }

    async fn add_status(&self, ask: &Ask, id: u64, wanted: &Wanted) -> Result<()> {
        let look = || async move {
            Ok(self.newest_deployment_status(ask, id).await?.filter(|status| wanted.is_there(status)))
        };
        let at = At::repo(format!("/deployments/{id}/statuses"));
        if let Created::Answer(answer) = self.api().create(ask, &at, &wanted.to_create(), look).await? {
            self.api().parse::<DeploymentStatus>(ask, &answer)?;
        }
        Ok(())
    }
}

impl DeploymentModel {
    fn is_ours(&self) -> bool {
        match &self.payload {
            // it comes back as it was sent, or as text
            Value::String(text) => serde_json::from_str::<Value>(text).is_ok_and(|payload| payload.get(MARK).is_some()),
            payload => payload.get(MARK).is_some(),
        }
    }

    fn is_of(&self, deployment: &Deployment) -> bool {
        self.sha.eq_ignore_ascii_case(deployment.revision.as_str())
    }
}

impl Wanted {
    fn of(deployment: &Deployment) -> Wanted {
        let state = match deployment.state {
            DeploymentState::Pending => "pending",
            DeploymentState::InProgress => "in_progress",
            DeploymentState::Success => "success",
            DeploymentState::Failure => "failure",
            DeploymentState::Inactive => "inactive",
        };
        let web = |url: &Option<String>| url.clone().filter(|url| is_web_address(url));
        Wanted {
            state,
            description: cut(&deployment.description, MOST_DESCRIPTION),
            url: web(&deployment.url),
            log_url: web(&deployment.log_url),
        }
    }

    fn inactive(description: &str) -> Wanted {
        Wanted { state: "inactive", description: cut(description, MOST_DESCRIPTION), url: None, log_url: None }
    }

    fn is_there(&self, status: &DeploymentStatus) -> bool {
        let same = |theirs: &Option<String>, ours: Option<&str>| {
            theirs.as_deref().unwrap_or_default() == ours.unwrap_or_default()
        };
        status.state == self.state
            && same(&status.description, Some(&self.description))
            && same(&status.environment_url, self.url.as_deref())
            && same(&status.log_url, self.log_url.as_deref())
    }

    fn to_create(&self) -> Value {
        let mut body = Map::new();
        body.insert("state".to_owned(), json!(self.state));
        body.insert("description".to_owned(), json!(self.description));
        // it would touch what is not ours, and nothing of previews and production
        body.insert("auto_inactive".to_owned(), json!(false));
        if let Some(url) = &self.url {
            body.insert("environment_url".to_owned(), json!(url));
        }
        if let Some(url) = &self.log_url {
            body.insert("log_url".to_owned(), json!(url));
        }
        Value::Object(body)
    }
}

fn key(deployment: &Deployment) -> String {
    format!("deployment {} {}", deployment.revision, deployment.environment)
}
