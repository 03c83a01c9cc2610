//! The cloud assembly's model: the stacks, assets and roles that an app's synth wrote.

mod assets;
mod load;
mod order;
mod raw;
mod stack;
mod substitute;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde_json::{Map, Value};

use crate::names::{AccountId, Region, StackName};

pub use assets::{
    AssetSource, Destination, DockerAsset, DockerSource, FileAsset, ImageDestination, Packaging, Upload, uploads,
};
pub use load::load;
pub use substitute::{partition_of, substitute, template_https_url};

/// The highest major version of the assembly schema that this was written against; newer ones are read with a warning.
pub const KNOWN_SCHEMA_MAJOR: u64 = 55;

/// Everything that one synth wrote, nested assemblies (Stages) included.
#[derive(Clone, Debug, PartialEq)]
pub struct Assembly {
    pub dir: PathBuf,
    /// All levels; a stack stands after the stacks it depends on.
    pub stacks: Vec<Stack>,
    /// Context that the app asked for and did not get; an assembly with any must not be deployed.
    pub missing: Vec<MissingContext>,
    /// What people should know and that does not stop a plan: a newer schema, the app's own warnings.
    pub warnings: Vec<String>,
    /// What the app itself reported as an error (`Annotations.addError`), with the construct path.
    pub errors: Vec<String>,
}

/// A context value that has to be looked up before the next synth.
#[derive(Clone, Debug, PartialEq)]
pub struct MissingContext {
    pub key: String,
    pub provider: String,
    pub props: Value,
}

/// One CloudFormation stack of the app. Strings may hold placeholders, see [`substitute`].
#[derive(Clone, Debug, PartialEq)]
pub struct Stack {
    /// The artifact's id, unique in its assembly only.
    pub id: String,
    pub name: StackName,
    /// The app's own name for it, as in `Prod/Api`.
    pub display_name: String,
    /// `None`: wherever the stage is.
    pub account: Option<AccountId>,
    pub region: Option<Region>,
    pub template_path: PathBuf,
    pub parameters: BTreeMap<String, String>,
    pub tags: BTreeMap<String, String>,
    pub notification_arns: Vec<String>,
    pub termination_protection: Option<bool>,
    pub roles: Roles,
    /// `s3://bucket/key` of the template, where the app publishes it.
    pub template_url: Option<String>,
    pub bootstrap: Option<Bootstrap>,
    /// Indexes into [`Assembly::stacks`], each smaller than the stack's own.
    pub depends_on: Vec<usize>,
    pub files: Vec<FileAsset>,
    pub images: Vec<DockerAsset>,
    /// Logical id → construct path (`Api/Table/Resource`).
    pub metadata: BTreeMap<String, String>,
}

impl Stack {
    /// The content hashes of the assets that the stack uses, sorted.
    pub fn asset_hashes(&self) -> Vec<String> {
        let files = self.files.iter().map(|a| a.hash.clone());
        let all: BTreeSet<String> = files.chain(self.images.iter().map(|a| a.hash.clone())).collect();
        all.into_iter().collect()
    }

    /// The construct path of a logical id.
    pub fn construct_path(&self, logical_id: &str) -> Option<String> {
        self.metadata.get(logical_id).cloned()
    }
}

/// The roles that a stack names; without them the stage's own identity is used.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Roles {
    pub deploy: Option<RoleRef>,
    /// Passed to CloudFormation.
    pub execution: Option<String>,
    pub lookup: Option<LookupRole>,
}

/// A role to assume.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RoleRef {
    pub arn: String,
    pub external_id: Option<String>,
    /// More fields of the AssumeRole request, as in STS: `Tags`, `TransitiveTagKeys`.
    pub options: Map<String, Value>,
}

/// The role for lookups, and the bootstrap version from which on it exists.
#[derive(Clone, Debug, PartialEq)]
pub struct LookupRole {
    pub role: RoleRef,
    pub bootstrap: Option<Bootstrap>,
}

/// The bootstrap version that a stack needs, and the SSM parameter that tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bootstrap {
    pub version: u32,
    pub parameter: String,
}
