//! Reads one stack of an assembly: its properties, and the metadata that the app left about its constructs.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::assets::{role, text};
use super::load::{Folder, Notes};
use super::raw::{Artifact, Assume, StackProperties};
use super::{Bootstrap, LookupRole, Roles, Stack};
use crate::error::Result;
use crate::names::{AccountId, Region, StackName};

/// One stack, without the assets that its dependencies name.
pub(super) fn read(id: &str, artifact: Artifact, folder: &Folder, notes: &mut Notes) -> Result<Stack> {
    let properties: StackProperties = serde_json::from_value(artifact.properties)
        .map_err(|e| folder.malformed(&format!("artifact {id}, properties: {e}")))?;
    let metadata = match &artifact.metadata_file {
        Some(file) => folder.json::<Map<String, Value>>(&folder.inside(file)?)?.into_iter().collect(),
        None => artifact.metadata,
    };
    let display_name = artifact.display_name.unwrap_or_else(|| id.to_owned());
    let (account, region) = environment(artifact.environment.as_deref().unwrap_or_default());
    let lookup = properties.lookup_role.map(|lookup| LookupRole {
        bootstrap: bootstrap(lookup.requires_bootstrap_stack_version, lookup.bootstrap_stack_version_ssm_parameter),
        role: super::RoleRef {
            arn: lookup.arn,
            external_id: lookup.assume_role_external_id,
            options: lookup.assume_role_additional_options.unwrap_or_default(),
        },
    });
    let texts = |map: Map<String, Value>| map.iter().map(|(k, v)| (k.clone(), text(v))).collect::<BTreeMap<_, _>>();
    Ok(Stack {
        id: id.to_owned(),
        name: StackName::new(properties.stack_name.unwrap_or_else(|| id.to_owned())),
        account,
        region,
        template_path: folder.inside(&properties.template_file)?,
        parameters: texts(properties.parameters),
        tags: texts(properties.tags),
        notification_arns: properties.notification_arns,
        termination_protection: properties.termination_protection,
        roles: Roles {
            deploy: role(Assume { ..properties.role }),
            execution: properties.cloud_formation_execution_role_arn,
            lookup,
        },
        template_url: properties.stack_template_asset_object_url,
        bootstrap: bootstrap(
            properties.requires_bootstrap_stack_version,
            properties.bootstrap_stack_version_ssm_parameter,
        ),
        depends_on: Vec::new(),
        files: Vec::new(),
        images: Vec::new(),
        metadata: construct_paths(&metadata, &display_name, notes),
        display_name,
    })
}

/// `aws://account/region`; the `unknown-` words mean wherever the stage is.
fn environment(text: &str) -> (Option<AccountId>, Option<Region>) {
    let rest = text.strip_prefix("aws://").unwrap_or(text);
    let (account, region) = rest.split_once('/').unwrap_or((rest, ""));
    let known = |part: &str| (!part.is_empty() && !part.starts_with("unknown-")).then(|| part.to_owned());
    (known(account).map(AccountId::new), known(region).map(Region::new))
}

fn bootstrap(version: Option<f64>, parameter: Option<String>) -> Option<Bootstrap> {
    let version = version.filter(|v| (0.0..1e6).contains(v))?;
    Some(Bootstrap { version: version as u32, parameter: parameter? })
}

/// Logical id → construct path; the app's own warnings and errors go to the notes.
fn construct_paths(metadata: &BTreeMap<String, Value>, stack: &str, notes: &mut Notes) -> BTreeMap<String, String> {
    let mut paths = BTreeMap::new();
    for (path, entries) in metadata {
        let path = path.trim_start_matches('/');
        for entry in entries.as_array().into_iter().flatten() {
            let data = entry.get("data").unwrap_or(&Value::Null);
            match entry.get("type").and_then(Value::as_str).unwrap_or_default() {
                "aws:cdk:logicalId" => {
                    paths.entry(text(data)).or_insert_with(|| path.to_owned());
                }
                "aws:cdk:error" => notes.errors.push(format!("{path}: {}", message(data))),
                "aws:cdk:warning" => notes.warnings.push(format!("{path}: {}", message(data))),
                "aws:cdk:asset" if data.get("s3BucketParameter").is_some() || data.get("imageTag").is_some() => {
                    notes.errors.push(format!(
                        "{stack}: asset {path} is in the old format of CDK 1 (legacy stack synthesizer); use the default stack synthesizer"
                    ));
                }
                _ => {}
            }
        }
    }
    paths
}

/// A warning's text without the marker that acknowledges it.
fn message(data: &Value) -> String {
    let whole = text(data);
    match whole.rfind(" [ack: ") {
        Some(at) if whole.ends_with(']') => whole.get(..at).unwrap_or(&whole).to_owned(),
        _ => whole,
    }
}
