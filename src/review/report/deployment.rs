//! The deployment of a stage: what the forge shows under its environments, with the address where the stage answers.

use super::web;
use crate::error::Result;
use crate::forge::{Deployment, DeploymentState, EnvironmentKind};
use crate::names::Revision;
use crate::plan::card::{Card, CardState, StageClass};
use crate::render::check::deployment_description;
use crate::review::Office;

/// Brings the deployment of a stage to what its card says; a card on which nothing is deployed writes nothing.
pub async fn deployment(office: &Office, card: &Card) -> Result<()> {
    if let Some(deployment) = as_deployment(card) {
        office.github.put_deployment(&deployment).await?;
    }
    Ok(())
}

/// The stage is gone: its deployments are inactive.
pub async fn retired(office: &Office, card: &Card) -> Result<()> {
    office.github.retire_environment(&card.environment, &deployment_description(card)).await?;
    Ok(())
}

fn as_deployment(card: &Card) -> Option<Deployment> {
    Some(Deployment {
        environment: card.environment.clone(),
        kind: match card.class {
            StageClass::Preview => EnvironmentKind::Preview,
            StageClass::Production => EnvironmentKind::Production,
            StageClass::Other => EnvironmentKind::Other,
        },
        revision: Revision::new(card.head.as_str()),
        state: state(card)?,
        url: web(card.url.as_deref()),
        log_url: web(card.run_url.as_deref()),
        description: deployment_description(card),
    })
}

/// Plans deploy nothing and are no deployments.
fn state(card: &Card) -> Option<DeploymentState> {
    match card.state {
        CardState::Deploying => Some(DeploymentState::InProgress),
        CardState::Deployed => Some(DeploymentState::Success),
        CardState::DeployFailed => Some(DeploymentState::Failure),
        // begun, then stopped by a person: it would be shown as in progress for ever
        CardState::Cancelled if card.applied.as_ref().is_some_and(|a| a.revision == card.head) => {
            Some(DeploymentState::Failure)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::outcome::Applied;
    use crate::review::report::samples::{ALL, card};

    #[test]
    fn only_what_is_deployed_is_a_deployment() {
        let told: Vec<_> = ALL.into_iter().filter_map(|s| Some((s, state(&card(s))?))).collect();
        assert_eq!(
            told,
            [
                (CardState::Deploying, DeploymentState::InProgress),
                (CardState::Deployed, DeploymentState::Success),
                (CardState::DeployFailed, DeploymentState::Failure),
            ]
        );
    }

    #[test]
    fn a_deploy_that_was_cancelled_does_not_stay_in_progress() {
        let mut cancelled = card(CardState::Cancelled);
        let applied = |revision: &str| Applied {
            version: 1,
            app: "notes".to_owned(),
            stage: "prod".to_owned(),
            revision: revision.to_owned(),
            digest: String::new(),
            stacks: Vec::new(),
            notes: Vec::new(),
            timings: Default::default(),
        };
        cancelled.applied = Some(applied("an earlier commit"));
        assert_eq!(state(&cancelled), None, "only its plan was cancelled");
        cancelled.applied = Some(applied(&cancelled.head));
        assert_eq!(state(&cancelled), Some(DeploymentState::Failure));
    }

    #[test]
    fn a_deployment_has_what_the_forge_takes() {
        let mut deployed = card(CardState::Deployed);
        deployed.class = StageClass::Preview;
        deployed.url = Some("notes.example".to_owned());
        deployed.stage = "x".repeat(500);
        deployed.state = CardState::DeployFailed;
        let deployment = as_deployment(&deployed).expect("it is deployed");
        assert_eq!(deployment.kind, EnvironmentKind::Preview);
        assert_eq!(deployment.url, None);
        assert!(deployment.description.chars().count() <= 140);
    }
}
