//! Deployed stacks: what CloudFormation knows of them, and the calls that start, roll back and delete.

use std::collections::BTreeMap;

use aws_sdk_cloudformation::types::{self, StackStatus, TemplateStage};

use super::{Session, errors};
use crate::error::Result;

/// A deployed stack, as planned against.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DeployedStack {
    /// ARN.
    pub id: String,
    pub name: String,
    pub status: String,
    pub status_reason: String,
    /// RFC 3339; of the last update, else of the creation.
    pub last_updated: String,
    pub parameters: BTreeMap<String, String>,
    pub tags: BTreeMap<String, String>,
    pub notification_arns: Vec<String>,
    pub termination_protection: bool,
    pub outputs: BTreeMap<String, String>,
    pub role_arn: Option<String>,
}

/// One resource of a deployed stack.
#[derive(Clone, Debug, PartialEq)]
pub struct DeployedResource {
    pub logical_id: String,
    pub physical_id: String,
    pub resource_type: String,
    pub status: String,
    /// Why the status is what it is; empty where CloudFormation says nothing.
    pub reason: String,
}

impl Session {
    /// The stack by name or ARN; `None` when there is none. A stack that was deleted is found by ARN only.
    pub async fn describe_stack(&self, name: &str) -> Result<Option<DeployedStack>> {
        self.budget.take().await;
        let answer = self.cloudformation.describe_stacks().stack_name(name).send().await;
        let found = errors::missing_is_none(format!("describing stack {name}"), answer, errors::is_missing_stack)?;
        Ok(found.and_then(|page| page.stacks().first().map(deployed)))
    }

    /// The template as it was submitted, JSON or YAML text.
    pub async fn template_of(&self, name: &str) -> Result<String> {
        self.budget.take().await;
        let answer = self
            .cloudformation
            .get_template()
            .stack_name(name)
            .template_stage(TemplateStage::Original)
            .send()
            .await
            .map_err(|e| errors::from_sdk(format!("reading the template of stack {name}"), e))?;
        Ok(answer.template_body().unwrap_or_default().to_owned())
    }

    /// Every resource of the stack, all pages.
    pub async fn resources_of(&self, name: &str) -> Result<Vec<DeployedResource>> {
        let mut found = Vec::new();
        let mut next = None;
        loop {
            self.budget.take().await;
            let page = self
                .cloudformation
                .list_stack_resources()
                .stack_name(name)
                .set_next_token(next)
                .send()
                .await
                .map_err(|e| errors::from_sdk(format!("listing the resources of stack {name}"), e))?;
            found.extend(page.stack_resource_summaries().iter().map(|r| DeployedResource {
                logical_id: r.logical_resource_id().unwrap_or_default().to_owned(),
                physical_id: r.physical_resource_id().unwrap_or_default().to_owned(),
                resource_type: r.resource_type().unwrap_or_default().to_owned(),
                status: r.resource_status().map(|s| s.as_str().to_owned()).unwrap_or_default(),
                reason: r.resource_status_reason().unwrap_or_default().to_owned(),
            }));
            next = page.next_token().map(str::to_owned);
            if next.is_none() {
                return Ok(found);
            }
        }
    }

    /// Starts the deletion; an unknown stack is fine.
    pub async fn delete_stack(&self, id: &str, role: Option<&str>, token: &str, retain: &[String]) -> Result<()> {
        self.budget.take().await;
        self.cloudformation
            .delete_stack()
            .stack_name(id)
            .set_role_arn(role.map(str::to_owned))
            .client_request_token(token)
            .set_retain_resources((!retain.is_empty()).then(|| retain.to_vec()))
            .send()
            .await
            .map_err(|e| errors::from_sdk(format!("deleting stack {id}"), e))?;
        Ok(())
    }

    pub async fn set_termination_protection(&self, name: &str, enabled: bool) -> Result<()> {
        self.budget.take().await;
        self.cloudformation
            .update_termination_protection()
            .stack_name(name)
            .enable_termination_protection(enabled)
            .send()
            .await
            .map_err(|e| errors::from_sdk(format!("setting termination protection of stack {name}"), e))?;
        Ok(())
    }

    /// Starts `ContinueUpdateRollback`, leaving out `skip`.
    pub async fn continue_rollback(&self, name: &str, role: Option<&str>, token: &str, skip: &[String]) -> Result<()> {
        self.budget.take().await;
        self.cloudformation
            .continue_update_rollback()
            .stack_name(name)
            .set_role_arn(role.map(str::to_owned))
            .client_request_token(token)
            .set_resources_to_skip((!skip.is_empty()).then(|| skip.to_vec()))
            .send()
            .await
            .map_err(|e| errors::from_sdk(format!("continuing the rollback of stack {name}"), e))?;
        Ok(())
    }

    /// Starts `RollbackStack` of a stack whose creation or update was left failed.
    pub async fn roll_back(&self, name: &str, role: Option<&str>, token: &str) -> Result<()> {
        self.budget.take().await;
        self.cloudformation
            .rollback_stack()
            .stack_name(name)
            .set_role_arn(role.map(str::to_owned))
            .client_request_token(token)
            .retain_except_on_create(true)
            .send()
            .await
            .map_err(|e| errors::from_sdk(format!("rolling back stack {name}"), e))?;
        Ok(())
    }
}

fn deployed(stack: &types::Stack) -> DeployedStack {
    let updated = stack.last_updated_time().or(stack.creation_time());
    DeployedStack {
        id: stack.stack_id().unwrap_or_default().to_owned(),
        name: stack.stack_name().unwrap_or_default().to_owned(),
        status: stack.stack_status().map(StackStatus::as_str).unwrap_or_default().to_owned(),
        status_reason: stack.stack_status_reason().unwrap_or_default().to_owned(),
        last_updated: updated.map(|t| t.to_string()).unwrap_or_default(),
        parameters: stack
            .parameters()
            .iter()
            .filter_map(|p| Some((p.parameter_key()?.to_owned(), p.parameter_value().unwrap_or_default().to_owned())))
            .collect(),
        tags: stack.tags().iter().filter_map(|t| Some((t.key()?.to_owned(), t.value()?.to_owned()))).collect(),
        notification_arns: stack.notification_arns().to_vec(),
        termination_protection: stack.enable_termination_protection().unwrap_or(false),
        outputs: stack
            .outputs()
            .iter()
            .filter_map(|o| Some((o.output_key()?.to_owned(), o.output_value().unwrap_or_default().to_owned())))
            .collect(),
        role_arn: stack.role_arn().map(str::to_owned),
    }
}
