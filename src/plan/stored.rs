//! A plan as it is kept between `plan` and `deploy`: the plan itself and, for each stack, how exactly it is carried out.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::state::DeployedStack;
use super::{Plan, StackPlan};
use crate::error::{Error, Result};
use crate::names::Digest;

/// What `plan --out` writes and the stage's bucket keeps: readable as a [`Plan`], executable with its recipes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StoredPlan {
    #[serde(flatten)]
    pub plan: Plan,
    /// One per stack that has something to do, by stack name.
    pub recipes: BTreeMap<String, Recipe>,
    /// Digest of everything that the assembly was made from, for the stage's state; no part of the plan's own digest, and
    /// absent where the work tree was dirty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
}

/// How one stack's change is carried out; nothing in it is decided later.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Recipe {
    pub deploy_role: Option<RoleRef>,
    /// Passed to CloudFormation.
    pub execution_role: Option<String>,
    /// `https://…` of the published template; empty for a deletion.
    #[serde(default)]
    pub template_url: String,
    /// The template itself where there is no bucket to publish to (at most 51,200 bytes).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template_body: Option<String>,
    #[serde(default)]
    pub parameters: BTreeMap<String, ParameterValue>,
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    #[serde(default)]
    pub notification_arns: Vec<String>,
    #[serde(default)]
    pub termination_protection: bool,
    pub recovery: Recovery,
    pub rollout: Rollout,
    /// Functions whose code `deploy --fast` moved past a template that has not changed since.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub settle: Vec<FunctionCode>,
    /// For a deletion: resources that CloudFormation could not delete before and now leaves behind.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub retain: Vec<String>,
    /// For a deletion: how far it may go.
    #[serde(default, skip_serializing_if = "Deletion::is_plain")]
    pub deletion: Deletion,
}

impl Recipe {
    /// How a stack that the stage has is deleted; `retain` is left behind where a deletion has failed before.
    pub fn deletion(known: &DeployedStack, retain: &[String]) -> Self {
        Recipe {
            deploy_role: known.deploy_role.clone().map(|arn| RoleRef { arn, external_id: None }),
            execution_role: known.execution_role.clone(),
            retain: retain.to_vec(),
            ..Recipe::default()
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleRef {
    pub arn: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ParameterValue {
    Value(String),
    /// What the deployed stack has.
    Previous,
}

/// How far the deletion of a stack may go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Deletion {
    /// What CloudFormation deletes by itself.
    #[default]
    Plain,
    /// Buckets of the stack that are not empty are emptied.
    EmptyBuckets,
    /// It was planned and never created: if that is no longer so, nothing is done.
    OnlyShell,
}

impl Deletion {
    fn is_plain(&self) -> bool {
        *self == Deletion::Plain
    }
}

/// What must be done to a stack before it takes a change set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Recovery {
    #[default]
    None,
    /// Its creation failed and was rolled back: nothing runs, the empty stack is deleted first.
    DeleteFirst,
    /// `UPDATE_ROLLBACK_FAILED`: the rollback is continued first.
    ContinueRollback,
    /// `CREATE_FAILED`, `UPDATE_FAILED`: rolled back to the last good state first.
    RollBack,
}

/// CloudFormation's deployment mode.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rollout {
    #[default]
    Standard,
    /// Resources count as done once configured; rollback stays on.
    Express,
}

/// Code of one function in the bucket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FunctionCode {
    pub logical_id: String,
    pub bucket: String,
    pub key: String,
}

impl StoredPlan {
    /// Sets the plan's digest: over the plan, and over how exactly it is carried out.
    pub fn seal(mut plan: Plan, recipes: BTreeMap<String, Recipe>) -> StoredPlan {
        let mut parts = plan.parts();
        parts.push(serde_json::to_vec(&recipes).unwrap_or_default());
        plan.digest = Digest::of_parts(parts).to_string();
        StoredPlan { plan, recipes, content: None }
    }

    /// The digest is that of the content, and each change set is the one that was made for it.
    fn is_whole(&self) -> bool {
        let same = StoredPlan::seal(self.plan.clone(), self.recipes.clone()).plan.digest == self.plan.digest;
        let own = |s: &StackPlan| {
            s.change_set.as_ref().is_none_or(|arn| arn.contains(&format!(":changeSet/{}/", s.bound.change_set_name())))
        };
        same && self.plan.stacks.iter().all(own)
    }

    /// Reads a stored plan. Errors: not JSON, or a format that this version does not know, with line and column.
    pub fn parse(text: &str, name: &str) -> Result<StoredPlan> {
        let doing = format!("reading the plan {name}");
        let plan: StoredPlan = serde_json::from_str(text).map_err(|e| {
            Error::usage("plan.malformed", doing.clone(), e.to_string())
                .next("make a new one: offshoot plan --out FILE")
        })?;
        if plan.plan.version != super::VERSION {
            let what = format!("it has format version {}, this offshoot reads {}", plan.plan.version, super::VERSION);
            return Err(Error::usage("plan.version", doing, what).next("make a new plan with this version"));
        }
        if !plan.is_whole() {
            return Err(Error::refused(
                "plan.tampered",
                doing,
                format!("its content does not give its digest {}", plan.plan.digest),
            )
            .next("somebody edited it; make a new plan"));
        }
        Ok(plan)
    }
}
