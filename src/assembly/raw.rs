//! The files of a cloud assembly as written: lenient shapes that ignore every field and artifact type they do not know.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

/// `manifest.json`.
#[derive(Debug, Deserialize)]
pub(super) struct Manifest {
    #[serde(default)]
    pub version: Value,
    #[serde(default)]
    pub artifacts: Map<String, Value>,
    #[serde(default, deserialize_with = "lenient")]
    pub missing: Vec<Missing>,
}

/// One entry of `artifacts`.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Artifact {
    #[serde(rename = "type", default)]
    pub kind: String,
    #[serde(default)]
    pub environment: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub metadata: BTreeMap<String, Value>,
    #[serde(rename = "additionalMetadataFile", default)]
    pub metadata_file: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub dependencies: Vec<String>,
    #[serde(default)]
    pub properties: Value,
    #[serde(rename = "displayName", default)]
    pub display_name: Option<String>,
}

/// A context value that the app could not find.
#[derive(Debug, Deserialize)]
pub(super) struct Missing {
    pub key: String,
    #[serde(default)]
    pub provider: String,
    #[serde(default)]
    pub props: Value,
}

/// `properties` of an `aws:cloudformation:stack` artifact.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StackProperties {
    pub template_file: String,
    #[serde(default)]
    pub stack_name: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub parameters: Map<String, Value>,
    #[serde(default, deserialize_with = "lenient")]
    pub tags: Map<String, Value>,
    #[serde(default, deserialize_with = "lenient")]
    pub notification_arns: Vec<String>,
    #[serde(default)]
    pub termination_protection: Option<bool>,
    #[serde(flatten)]
    pub role: Assume,
    #[serde(default)]
    pub cloud_formation_execution_role_arn: Option<String>,
    #[serde(default)]
    pub lookup_role: Option<LookupRole>,
    #[serde(default)]
    pub stack_template_asset_object_url: Option<String>,
    #[serde(default)]
    pub requires_bootstrap_stack_version: Option<f64>,
    #[serde(default)]
    pub bootstrap_stack_version_ssm_parameter: Option<String>,
}

/// The fields that name a role to assume; stacks and asset destinations share them.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Assume {
    #[serde(default)]
    pub assume_role_arn: Option<String>,
    #[serde(default)]
    pub assume_role_external_id: Option<String>,
    #[serde(default)]
    pub assume_role_additional_options: Option<Map<String, Value>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LookupRole {
    pub arn: String,
    #[serde(default)]
    pub assume_role_external_id: Option<String>,
    #[serde(default)]
    pub assume_role_additional_options: Option<Map<String, Value>>,
    #[serde(default)]
    pub requires_bootstrap_stack_version: Option<f64>,
    #[serde(default)]
    pub bootstrap_stack_version_ssm_parameter: Option<String>,
}

/// `properties` of a nested assembly and of an asset manifest.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Reference {
    #[serde(default)]
    pub directory_name: Option<String>,
    #[serde(default)]
    pub file: Option<String>,
}

/// `<stack>.assets.json`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AssetManifest {
    #[serde(default, deserialize_with = "lenient")]
    pub files: BTreeMap<String, File>,
    #[serde(default, deserialize_with = "lenient")]
    pub docker_images: BTreeMap<String, Image>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct File {
    #[serde(default)]
    pub display_name: Option<String>,
    pub source: FileSource,
    #[serde(default, deserialize_with = "lenient")]
    pub destinations: BTreeMap<String, FileDestination>,
}

#[derive(Debug, Deserialize)]
pub(super) struct FileSource {
    #[serde(default)]
    pub path: Option<String>,
    #[serde(default)]
    pub packaging: Option<String>,
    #[serde(default)]
    pub executable: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FileDestination {
    pub bucket_name: String,
    pub object_key: String,
    #[serde(default)]
    pub region: Option<String>,
    #[serde(flatten)]
    pub role: Assume,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Image {
    #[serde(default)]
    pub display_name: Option<String>,
    pub source: ImageSource,
    #[serde(default, deserialize_with = "lenient")]
    pub destinations: BTreeMap<String, ImageDestination>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ImageSource {
    #[serde(default)]
    pub directory: Option<String>,
    #[serde(default)]
    pub executable: Option<Vec<String>>,
    #[serde(default)]
    pub docker_file: Option<String>,
    #[serde(default)]
    pub docker_build_target: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub docker_build_args: BTreeMap<String, String>,
    #[serde(default, deserialize_with = "lenient")]
    pub docker_build_contexts: BTreeMap<String, String>,
    #[serde(default, deserialize_with = "lenient")]
    pub docker_build_secrets: BTreeMap<String, String>,
    #[serde(default)]
    pub docker_build_ssh: Option<String>,
    #[serde(default)]
    pub network_mode: Option<String>,
    #[serde(default)]
    pub platform: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub docker_outputs: Vec<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub cache_from: Vec<CacheOption>,
    #[serde(default)]
    pub cache_to: Option<CacheOption>,
    #[serde(default)]
    pub cache_disabled: Option<bool>,
}

#[derive(Debug, Deserialize)]
pub(super) struct CacheOption {
    #[serde(rename = "type")]
    pub kind: String,
    #[serde(default, deserialize_with = "lenient")]
    pub params: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ImageDestination {
    pub repository_name: String,
    pub image_tag: String,
    #[serde(default)]
    pub region: Option<String>,
    #[serde(flatten)]
    pub role: Assume,
}

/// `null` reads as the default: some generators write it for an absent list or map.
fn lenient<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}
