//! What is deployed of one stack, and whether it differs from the assembly: decided without a single write.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde_json::Value;

use super::Planner;
use crate::assembly::{self, Stack};
use crate::aws::recover::{self, Readiness};
use crate::aws::stacks::DeployedStack;
use crate::aws::{IfDenied, Role, Session};
use crate::diff;
use crate::error::{Error, Result};
use crate::names::{AccountId, Digest, Region};
use crate::plan::stored::{FunctionCode, ParameterValue, Recipe, Recovery, RoleRef};

/// What is to be done with a stack, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Unchanged(String),
    Create(String),
    Update(String),
}

impl Verdict {
    pub fn is_changed(&self) -> bool {
        !matches!(self, Verdict::Unchanged(_))
    }
}

/// One stack as it is deployed and as it should be.
pub(super) struct Surveyed {
    pub index: usize,
    pub name: String,
    pub account: AccountId,
    pub region: Region,
    pub session: Session,
    /// `None` also for a shell that only waits for its first change set.
    pub deployed: Option<DeployedStack>,
    pub old: Option<Value>,
    pub new: Value,
    pub template_digest: String,
    pub settings_digest: String,
    pub verdict: Verdict,
    pub recipe: Recipe,
}

pub(super) async fn survey(planner: &Planner<'_>, index: usize) -> Result<Surveyed> {
    let Some(stack) = planner.assembly.stacks.get(index) else {
        return Err(Error::bug("plan.index", "planning", format!("there is no stack {index}")));
    };
    let (account, region) = planner.environment(stack);
    let text = read_template(&stack.template_path).await?;
    let new = diff::parse_template(&text)?;
    diff::check(stack.name.as_str(), &new, text.len())?;
    let role = stack.roles.deploy.as_ref().map(|r| Role {
        arn: planner.fill(stack, &r.arn),
        external_id: r.external_id.as_ref().map(|id| planner.fill(stack, id)),
    });
    let session = planner.bench.aws.session(&account, &region, role.as_ref(), IfDenied::UseOwn).await?;
    let found = session.describe_stack(stack.name.as_str()).await?;
    let readiness = recover::readiness(found.as_ref())?;
    let deployed = found.filter(|_| readiness != Readiness::Absent);
    let old = match &deployed {
        Some(deployed) => Some(deployed_template(planner, &session, deployed).await?),
        None => None,
    };
    let mut recipe = recipe(planner, stack, &new, deployed.as_ref(), &text)?;
    recipe.deploy_role = role.map(|r| RoleRef { arn: r.arn, external_id: r.external_id });
    if let Readiness::After(recovery) = readiness {
        recipe.recovery = recovery;
    }
    recipe.settle = settle(planner, stack, &new);
    // nothing of a stack whose creation failed stands: all that it gets is new
    let old = old.filter(|_| recipe.recovery != Recovery::DeleteFirst);
    let settings_digest = settings_digest(&recipe);
    let known = planner.bench.state.as_ref().and_then(|(s, _)| s.stacks.get(stack.name.as_str()));
    let same_settings = known.is_some_and(|k| k.settings == settings_digest);
    let verdict = verdict(deployed.as_ref(), old.as_ref(), &new, &recipe, same_settings);
    Ok(Surveyed {
        index,
        name: stack.name.to_string(),
        account,
        region,
        session,
        deployed,
        old,
        template_digest: Digest::of(&text).to_string(),
        settings_digest,
        new,
        verdict,
        recipe,
    })
}

async fn read_template(path: &PathBuf) -> Result<String> {
    let bytes = tokio::fs::read(path).await.map_err(|e| Error::io("reading a template of the assembly", path, e))?;
    String::from_utf8(bytes).map_err(|e| {
        Error::failed("assembly.malformed", format!("reading {}", path.display()), e.to_string())
            .next("the template must be UTF-8")
    })
}

/// The deployed template; kept by stack and time of last update, since it cannot change without that time changing.
async fn deployed_template(planner: &Planner<'_>, session: &Session, deployed: &DeployedStack) -> Result<Value> {
    let key = Digest::of_parts([&deployed.id, &deployed.last_updated]);
    let path = planner.bench.cache_dir.join("templates").join(format!("{key}.txt"));
    // another emulator may give the same ids and times again: what was kept is for real AWS only
    let keep = session.sdk_config().endpoint_url().is_none();
    if keep && let Ok(text) = tokio::fs::read_to_string(&path).await {
        return diff::parse_template(&text);
    }
    let text = session.template_of(&deployed.id).await?;
    if keep && let Some(folder) = path.parent() {
        // a cache that cannot be written only costs a call next time
        let _ = tokio::fs::create_dir_all(folder).await;
        let temp = path.with_extension(format!("{}.tmp", std::process::id()));
        if tokio::fs::write(&temp, &text).await.is_ok() {
            let _ = tokio::fs::rename(&temp, &path).await;
        }
    }
    diff::parse_template(&text)
}

fn recipe(
    planner: &Planner<'_>,
    stack: &Stack,
    new: &Value,
    deployed: Option<&DeployedStack>,
    text: &str,
) -> Result<Recipe> {
    let mut parameters = BTreeMap::new();
    let known = new.get("Parameters").and_then(Value::as_object);
    for name in known.into_iter().flat_map(|p| p.keys()) {
        if let Some(value) = stack.parameters.get(name) {
            parameters.insert(name.clone(), ParameterValue::Value(planner.fill(stack, value)));
        } else if deployed.is_some_and(|d| d.parameters.contains_key(name)) {
            parameters.insert(name.clone(), ParameterValue::Previous);
        }
    }
    let mut tags = planner.target.tags.clone();
    tags.extend(stack.tags.clone());
    let (_, region) = planner.environment(stack);
    let (template_url, template_body) = match &stack.template_url {
        Some(url) => (assembly::template_https_url(&planner.fill(stack, url), region.as_str()), None),
        None if text.len() <= diff::INLINE_TEMPLATE_BYTES => (String::new(), Some(text.to_owned())),
        None => {
            let what = format!(
                "its template has {} bytes and the app names no bucket for it; inline CloudFormation takes 51,200",
                text.len()
            );
            return Err(Error::failed("plan.template_too_large", format!("planning stack {}", stack.name), what)
                .next("use the default stack synthesizer of the CDK"));
        }
    };
    Ok(Recipe {
        execution_role: stack.roles.execution.as_ref().map(|r| planner.fill(stack, r)),
        template_url: endpoint_url(template_url),
        template_body,
        parameters,
        tags,
        notification_arns: stack.notification_arns.clone(),
        termination_protection: stack.termination_protection.unwrap_or(false),
        rollout: planner.target.rollout,
        ..Recipe::default()
    })
}

/// Emulators fetch templates from where they are; the toolkit knows the same variable.
fn endpoint_url(url: String) -> String {
    let Ok(endpoint) = std::env::var("AWS_ENDPOINT_URL_S3_FOR_CLOUDFORMATION") else { return url };
    match url.strip_prefix("https://").and_then(|rest| rest.split_once('/')) {
        Some((_, path)) => format!("{}/{path}", endpoint.trim_end_matches('/')),
        None => url,
    }
}

/// Functions that `--fast` moved, with the code that the template asks for.
fn settle(planner: &Planner<'_>, stack: &Stack, new: &Value) -> Vec<FunctionCode> {
    let state = planner.bench.state.as_ref().and_then(|(s, _)| s.stacks.get(stack.name.as_str()));
    let Some(state) = state else { return Vec::new() };
    let code = |id: &String| {
        let (bucket, key) = diff::function_code(new, id)?;
        Some(FunctionCode {
            logical_id: id.clone(),
            bucket: planner.fill(stack, &bucket),
            key: planner.fill(stack, &key),
        })
    };
    state.fast.iter().filter_map(|(id, hash)| code(id).filter(|c| !c.key.contains(hash.as_str()))).collect()
}

fn verdict(
    deployed: Option<&DeployedStack>,
    old: Option<&Value>,
    new: &Value,
    recipe: &Recipe,
    same_settings: bool,
) -> Verdict {
    if let Some(deployed) = deployed.filter(|_| recipe.recovery == Recovery::DeleteFirst) {
        let words = recover::recovery_words(recipe.recovery, &deployed.status).unwrap_or_default();
        return Verdict::Create(format!("{}: {words}", deployed.status));
    }
    let (Some(deployed), Some(old)) = (deployed, old) else {
        return Verdict::Create("the stack does not exist".into());
    };
    if let Some(words) = recover::recovery_words(recipe.recovery, &deployed.status) {
        return Verdict::Update(format!("{}: {words}", deployed.status));
    }
    let mut why = Vec::new();
    if !diff::same(old, new) {
        why.push("the template changed");
    }
    if deployed.tags != recipe.tags {
        why.push("tags changed");
    }
    let (before, after): (BTreeSet<_>, BTreeSet<_>) =
        (deployed.notification_arns.iter().collect(), recipe.notification_arns.iter().collect());
    if before != after {
        why.push("notification ARNs changed");
    }
    if deployed.termination_protection != recipe.termination_protection {
        why.push("termination protection changed");
    }
    if let Some(reason) = parameters_changed(deployed, new, recipe, same_settings) {
        why.push(reason);
    }
    if why.is_empty() && !recipe.settle.is_empty() {
        why.push("function code was deployed with --fast and is put right");
    }
    if why.is_empty() {
        Verdict::Unchanged("same template, parameters and tags as deployed".into())
    } else {
        Verdict::Update(why.join(", "))
    }
}

fn parameters_changed(
    deployed: &DeployedStack,
    new: &Value,
    recipe: &Recipe,
    same_settings: bool,
) -> Option<&'static str> {
    let declared = new.get("Parameters").and_then(Value::as_object)?;
    for (name, declaration) in declared {
        match recipe.parameters.get(name) {
            // CloudFormation hides the value of a NoEcho parameter: our own record of the last deploy decides
            Some(ParameterValue::Value(_))
                if deployed.parameters.get(name).is_some_and(|v| v == "****") && same_settings => {}
            Some(ParameterValue::Value(value)) if deployed.parameters.get(name) != Some(value) => {
                return Some("parameters changed");
            }
            None => return Some("parameters changed"),
            _ => {}
        }
        let text = |key: &str| declaration.get(key).and_then(Value::as_str).unwrap_or_default();
        // its value may have changed in the parameter store; CloudFormation looks when it updates
        if text("Type").starts_with("AWS::SSM::Parameter::") && !text("Description").contains("[cdk:skip]") {
            return Some("a parameter is read from the parameter store");
        }
    }
    None
}

fn settings_digest(recipe: &Recipe) -> String {
    let parts =
        (&recipe.parameters, &recipe.tags, &recipe.notification_arns, recipe.termination_protection, recipe.rollout);
    Digest::of(serde_json::to_vec(&parts).unwrap_or_default()).to_string()
}
