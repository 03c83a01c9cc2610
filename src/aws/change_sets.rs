//! Change sets: made under a name that says what they hold, waited for, read whole, executed once.

use aws_sdk_cloudformation::types as t;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::{Session, errors};
use crate::diff::{SetChange, SetDetail};
use crate::error::{Error, Result};
use crate::names::Digest;
use crate::plan::stored::{ParameterValue, Recipe, Rollout};

/// What a change set is made from.
pub struct NewChangeSet<'a> {
    pub stack: &'a str,
    /// At most 128 of `[a-zA-Z0-9-]`; the same content has the same name, so that a second plan finds the first one's.
    pub name: &'a str,
    pub kind: Kind,
    pub recipe: &'a Recipe,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Create,
    Update,
}

/// How the creation of a change set ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Made {
    Ready(ChangeSet),
    /// CloudFormation sees no change; the empty change set is deleted again.
    Empty,
    /// CloudFormation refused, in its words.
    Refused(String),
}

/// A change set that can be executed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ChangeSet {
    pub id: String,
    pub stack_id: String,
    pub changes: Vec<SetChange>,
}

/// Where a change set stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Can be executed.
    Available,
    /// Somebody changed the stack after it was made.
    Obsolete,
    /// It was executed, or is being executed.
    Executed,
    /// It is not there (any more).
    Gone,
    Other(String),
}

impl Session {
    /// Makes the change set, or finds the one of the same name, and waits until CloudFormation has worked it out.
    pub async fn make_change_set(&self, new: &NewChangeSet<'_>) -> Result<Made> {
        let doing = format!("creating a change set for stack {}", new.stack);
        let mut pruned = false;
        let mut attempts = 0;
        let id = loop {
            attempts += 1;
            // retries of one call share a token; a new attempt under a freed name must not be taken for the old one
            let token = format!("{}-{}", new.name, unique());
            match self.send_create(new, &token).await {
                Ok(id) => break id,
                Err(error) if error.code() == Some("AlreadyExistsException") && attempts < 3 => {
                    if let Some(found) = self.reusable(new).await? {
                        return Ok(Made::Ready(found));
                    }
                    self.delete_change_set(new.stack, new.name).await?;
                }
                Err(error) if error.code() == Some("LimitExceededException") && !pruned => {
                    pruned = true;
                    self.prune_change_sets(new.stack).await?;
                }
                Err(error) => return Err(explain(errors::from_sdk(doing, error), new)),
            }
        };
        let made = self.await_change_set(new.stack, &id).await?;
        if made != Made::Empty {
            return Ok(made);
        }
        self.delete_change_set(new.stack, &id).await?;
        Ok(made)
    }

    async fn send_create(
        &self,
        new: &NewChangeSet<'_>,
        token: &str,
    ) -> std::result::Result<
        String,
        aws_sdk_cloudformation::error::SdkError<
            aws_sdk_cloudformation::operation::create_change_set::CreateChangeSetError,
        >,
    > {
        self.budget.take().await;
        let recipe = new.recipe;
        let mut call = self
            .cloudformation
            .create_change_set()
            .stack_name(new.stack)
            .change_set_name(new.name)
            .client_token(token)
            .change_set_type(match new.kind {
                Kind::Create => t::ChangeSetType::Create,
                Kind::Update => t::ChangeSetType::Update,
            })
            .capabilities(t::Capability::CapabilityIam)
            .capabilities(t::Capability::CapabilityNamedIam)
            .capabilities(t::Capability::CapabilityAutoExpand)
            .include_nested_stacks(true)
            .set_role_arn(recipe.execution_role.clone())
            .set_notification_arns(Some(recipe.notification_arns.clone()))
            .set_parameters(Some(parameters(recipe)))
            .set_tags(Some(recipe.tags.iter().map(|(k, v)| t::Tag::builder().key(k).value(v).build()).collect()));
        if recipe.rollout == Rollout::Express {
            let mode = t::DeploymentConfig::builder().mode(t::DeploymentConfigMode::Express).disable_rollback(false);
            call = call.deployment_config(mode.build());
        }
        call = match &recipe.template_body {
            Some(body) => call.template_body(body),
            None => call.template_url(&recipe.template_url),
        };
        Ok(call.send().await?.id().unwrap_or_default().to_owned())
    }

    /// Waits for a change set and reads all its pages.
    pub async fn await_change_set(&self, stack: &str, id: &str) -> Result<Made> {
        // an hour at three seconds: nested stacks with thousands of resources take minutes
        for round in 0..1200 {
            let (set, status, reason) = self.read_change_set(stack, id, Values::Include).await?;
            match status.as_str() {
                "CREATE_COMPLETE" => {
                    if reason.contains("can return incomplete ChangeSet data") {
                        return self.complete(stack, id, set).await.map(Made::Ready);
                    }
                    return Ok(Made::Ready(set));
                }
                "FAILED" if is_empty_reason(&reason) => return Ok(Made::Empty),
                "FAILED" | "DELETE_COMPLETE" | "DELETE_FAILED" => return Ok(Made::Refused(reason)),
                _ => tokio::time::sleep(self.pace.pause(round)).await,
            }
        }
        Err(Error::transient(
            "plan.change_set_slow",
            format!("waiting for the change set of stack {stack}"),
            "it is not ready after an hour",
        )
        .next("look at the stack in the CloudFormation console, then plan again"))
    }

    /// CloudFormation may drop resources when it shows property values: read again without, and lay the two together.
    async fn complete(&self, stack: &str, id: &str, mut with_values: ChangeSet) -> Result<ChangeSet> {
        let (plain, _, _) = self.read_change_set(stack, id, Values::Omit).await?;
        for change in plain.changes {
            if !with_values.changes.iter().any(|c| c.logical_id == change.logical_id) {
                with_values.changes.push(change);
            }
        }
        Ok(with_values)
    }

    /// Reads a change set by ARN, all pages.
    pub async fn change_set(&self, stack: &str, id: &str) -> Result<ChangeSet> {
        Ok(self.read_change_set(stack, id, Values::Include).await?.0)
    }

    async fn read_change_set(&self, stack: &str, id: &str, values: Values) -> Result<(ChangeSet, String, String)> {
        let mut set = ChangeSet::default();
        let mut next = None;
        loop {
            self.budget.take().await;
            let page = self
                .cloudformation
                .describe_change_set()
                .stack_name(stack)
                .change_set_name(id)
                .include_property_values(values == Values::Include)
                .set_next_token(next)
                .send()
                .await
                .map_err(|e| errors::from_sdk(format!("reading the change set of stack {stack}"), e))?;
            set.id = page.change_set_id().unwrap_or(id).to_owned();
            set.stack_id = page.stack_id().unwrap_or_default().to_owned();
            set.changes.extend(page.changes().iter().filter_map(t::Change::resource_change).map(set_change));
            let status = page.status().map(|s| s.as_str().to_owned()).unwrap_or_default();
            let reason = page.status_reason().unwrap_or_default().to_owned();
            next = page.next_token().map(str::to_owned);
            if next.is_none() {
                return Ok((set, status, reason));
            }
        }
    }

    /// Where a change set stands now.
    pub async fn change_set_standing(&self, stack: &str, id: &str) -> Result<Standing> {
        self.budget.take().await;
        let answer = self.cloudformation.describe_change_set().stack_name(stack).change_set_name(id).send().await;
        let found = errors::missing_is_none(format!("looking at the change set of stack {stack}"), answer, |e| {
            e.code().is_some_and(|c| c.starts_with("ChangeSetNotFound")) || errors::is_missing_stack(e)
        })?;
        let Some(found) = found else { return Ok(Standing::Gone) };
        let execution = found.execution_status().map(|s| s.as_str()).unwrap_or_default();
        Ok(match execution {
            "AVAILABLE" => Standing::Available,
            "OBSOLETE" => Standing::Obsolete,
            "EXECUTE_COMPLETE" | "EXECUTE_IN_PROGRESS" | "EXECUTE_FAILED" => Standing::Executed,
            other => Standing::Other(format!("{other} {}", found.status_reason().unwrap_or_default())),
        })
    }

    async fn reusable(&self, new: &NewChangeSet<'_>) -> Result<Option<ChangeSet>> {
        let Made::Ready(set) = self.await_change_set(new.stack, new.name).await? else { return Ok(None) };
        let available = self.change_set_standing(new.stack, new.name).await? == Standing::Available;
        Ok(available.then_some(set))
    }

    /// Deletes a change set and waits until its name is free; one that is not there is fine.
    pub async fn delete_change_set(&self, stack: &str, id: &str) -> Result<()> {
        self.budget.take().await;
        let answer = self.cloudformation.delete_change_set().stack_name(stack).change_set_name(id).send().await;
        let doing = format!("deleting a change set of stack {stack}");
        errors::missing_is_none(doing.clone(), answer, |e| {
            e.code().is_some_and(|c| c.starts_with("ChangeSetNotFound")) || errors::is_missing_stack(e)
        })?;
        for round in 0..200 {
            match self.change_set_standing(stack, id).await? {
                Standing::Gone => return Ok(()),
                _ => tokio::time::sleep(self.pace.pause(round)).await,
            }
        }
        Err(Error::transient("plan.change_set_stuck", doing, "it is still there after ten minutes"))
    }

    /// Deletes the oldest half of our own change sets of a stack that has reached CloudFormation's limit.
    async fn prune_change_sets(&self, stack: &str) -> Result<()> {
        let mut ours = self.change_sets_of(stack).await?;
        ours.retain(|(_, name)| name.starts_with(NAME_PREFIX));
        ours.sort();
        for (_, name) in ours.iter().take(ours.len().div_ceil(2)) {
            self.delete_change_set(stack, name).await?;
        }
        Ok(())
    }

    /// Every change set of the stack: when it was made (seconds since 1970), and its name.
    pub async fn change_sets_of(&self, stack: &str) -> Result<Vec<(i64, String)>> {
        let mut all = Vec::new();
        let mut next = None;
        loop {
            self.budget.take().await;
            let page = self
                .cloudformation
                .list_change_sets()
                .stack_name(stack)
                .set_next_token(next)
                .send()
                .await
                .map_err(|e| errors::from_sdk(format!("listing the change sets of stack {stack}"), e))?;
            all.extend(page.summaries().iter().filter_map(|s| {
                Some((s.creation_time().map(|t| t.secs()).unwrap_or(0), s.change_set_name()?.to_owned()))
            }));
            next = page.next_token().map(str::to_owned);
            if next.is_none() {
                return Ok(all);
            }
        }
    }

    /// Executes a change set under `token`; executing it a second time under the same token is no error.
    pub async fn execute_change_set(&self, stack: &str, id: &str, token: &str) -> Result<()> {
        self.budget.take().await;
        let answer = self
            .cloudformation
            .execute_change_set()
            .stack_name(stack)
            .change_set_name(id)
            .client_request_token(token)
            .send()
            .await;
        match answer {
            Ok(_) => Ok(()),
            Err(e) if e.code() == Some("TokenAlreadyExistsException") => Ok(()),
            Err(e) if matches!(e.code(), Some("InvalidChangeSetStatus" | "InvalidChangeSetStatusException")) => {
                Err(stale(stack, e.message().unwrap_or("the change set can no longer be executed")))
            }
            Err(e) => Err(errors::from_sdk(format!("executing the change set of stack {stack}"), e)),
        }
    }
}

fn unique() -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map(|d| d.as_nanos()).unwrap_or(0);
    Digest::of(format!("{now} {}", std::process::id())).as_str().chars().take(12).collect()
}

pub use crate::plan::CHANGE_SET_PREFIX as NAME_PREFIX;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Values {
    Include,
    Omit,
}

/// A stack moved after it was planned.
pub fn stale(stack: &str, moved: &str) -> Error {
    Error::refused("plan.stale", format!("applying the plan of stack {stack}"), moved)
        .next("plan again and look at what changed: offshoot plan")
}

/// CloudFormation's two ways to say that a change set is empty.
pub fn is_empty_reason(reason: &str) -> bool {
    reason.starts_with("The submitted information didn't contain changes")
        || reason.starts_with("No updates are to be performed")
}

fn explain(error: Error, new: &NewChangeSet<'_>) -> Error {
    if error.code() == "aws.denied" {
        let who = new.recipe.deploy_role.as_ref().map_or("the plan role", |r| r.arn.as_str());
        return error.next(format!("grant the missing action to {who}"));
    }
    if error.what().contains("LimitExceededException") {
        return error.next(
            "delete change sets of this stack that nobody needs any more; those of Offshoot are deleted already",
        );
    }
    if error.what().contains("already exists and cannot be created again") {
        return stale(new.stack, "somebody else created the stack meanwhile");
    }
    if error.what().contains("IN_PROGRESS state") {
        return Error::refused("stack.busy", error.doing().to_owned(), error.what().to_owned())
            .next("wait until the running operation has ended, then try again");
    }
    error
}

fn parameters(recipe: &Recipe) -> Vec<t::Parameter> {
    recipe
        .parameters
        .iter()
        .map(|(key, value)| match value {
            ParameterValue::Value(value) => t::Parameter::builder().parameter_key(key).parameter_value(value).build(),
            ParameterValue::Previous => t::Parameter::builder().parameter_key(key).use_previous_value(true).build(),
        })
        .collect()
}

fn set_change(change: &t::ResourceChange) -> SetChange {
    let text = |s: Option<&str>| s.unwrap_or_default().to_owned();
    SetChange {
        action: change.action().map(|a| a.as_str().to_owned()).unwrap_or_default(),
        logical_id: text(change.logical_resource_id()),
        physical_id: text(change.physical_resource_id()),
        resource_type: text(change.resource_type()),
        replacement: change.replacement().map(|r| r.as_str().to_owned()).unwrap_or_default(),
        policy_action: change.policy_action().map(|p| p.as_str().to_owned()).unwrap_or_default(),
        scope: change.scope().iter().map(|s| s.as_str().to_owned()).collect(),
        details: change.details().iter().map(set_detail).collect(),
        before_context: text(change.before_context()),
        after_context: text(change.after_context()),
        change_set_id: text(change.change_set_id()),
        module: text(change.module_info().and_then(|m| m.logical_id_hierarchy())),
    }
}

fn set_detail(detail: &t::ResourceChangeDetail) -> SetDetail {
    let target = detail.target();
    let text = |s: Option<&str>| s.unwrap_or_default().to_owned();
    SetDetail {
        evaluation: detail.evaluation().map(|e| e.as_str().to_owned()).unwrap_or_default(),
        source: detail.change_source().map(|c| c.as_str().to_owned()).unwrap_or_default(),
        causing_entity: text(detail.causing_entity()),
        attribute: target.and_then(|t| t.attribute()).map(|a| a.as_str().to_owned()).unwrap_or_default(),
        name: text(target.and_then(|t| t.name())),
        path: text(target.and_then(|t| t.path())),
        recreation: target.and_then(|t| t.requires_recreation()).map(|r| r.as_str().to_owned()).unwrap_or_default(),
        before: target.and_then(|t| t.before_value()).map(str::to_owned),
        after: target.and_then(|t| t.after_value()).map(str::to_owned),
    }
}
