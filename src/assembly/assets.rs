//! Assets: what an app's stacks need in a bucket or a repository before they can be deployed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde_json::Value;

use super::load::Folder;
use super::substitute::substitute;
use super::{RoleRef, Stack, raw};
use crate::error::Result;

/// A file or folder that goes to S3.
#[derive(Clone, Debug, PartialEq)]
pub struct FileAsset {
    /// The asset's id in its manifest: a hash of the source, not of the zip.
    pub hash: String,
    pub display_name: Option<String>,
    pub source: AssetSource,
    pub destinations: Vec<Destination>,
}

/// Where a file asset comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AssetSource {
    Path {
        path: PathBuf,
        packaging: Packaging,
    },
    /// A program (no shell) that prints the path of a finished zip.
    Executable(Vec<String>),
}

/// What has to happen to a file asset before it is uploaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packaging {
    Zip,
    File,
}

/// Where a file asset goes. Strings may hold placeholders until [`Destination::substituted`].
#[derive(Clone, Debug, PartialEq)]
pub struct Destination {
    pub bucket: String,
    pub key: String,
    pub region: Option<String>,
    pub role: Option<RoleRef>,
}

impl Destination {
    /// The destination with its placeholders filled.
    pub fn substituted(&self, account: &str, region: &str, partition: &str) -> Destination {
        let fill = |text: &String| substitute(text, account, region, partition);
        Destination {
            bucket: fill(&self.bucket),
            key: fill(&self.key),
            region: self.region.as_ref().map(fill),
            role: self.role.as_ref().map(|role| RoleRef { arn: fill(&role.arn), ..role.clone() }),
        }
    }
}

/// A container image that goes to ECR.
#[derive(Clone, Debug, PartialEq)]
pub struct DockerAsset {
    pub hash: String,
    pub display_name: Option<String>,
    pub source: DockerSource,
    pub destinations: Vec<ImageDestination>,
}

/// Where a container image comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum DockerSource {
    /// A build: the folder, and the arguments for `docker build` that stand before it.
    Build { directory: PathBuf, arguments: Vec<String> },
    /// A program (no shell) that prints the name of a local image.
    Executable(Vec<String>),
}

/// Where an image goes.
#[derive(Clone, Debug, PartialEq)]
pub struct ImageDestination {
    pub repository: String,
    pub tag: String,
    pub region: Option<String>,
    pub role: Option<RoleRef>,
}

/// One upload: the asset, the account of the stack that asked first, and where it goes, placeholders filled.
#[derive(Clone, Debug, PartialEq)]
pub struct Upload {
    pub asset: FileAsset,
    pub account: String,
    pub region: String,
    pub destination: Destination,
}

/// Every upload that the stacks need, each (bucket, key) once. `environment` tells account, region and partition of a stack.
pub fn uploads<'a>(
    stacks: impl IntoIterator<Item = &'a Stack>,
    environment: &dyn Fn(&Stack) -> (String, String, String),
) -> Vec<Upload> {
    let mut seen = BTreeSet::new();
    let mut uploads = Vec::new();
    for stack in stacks {
        let (account, region, partition) = environment(stack);
        for asset in &stack.files {
            for destination in &asset.destinations {
                let destination = destination.substituted(&account, &region, &partition);
                if seen.insert((destination.bucket.clone(), destination.key.clone())) {
                    let region = destination.region.clone().unwrap_or_else(|| region.clone());
                    uploads.push(Upload { asset: asset.clone(), account: account.clone(), region, destination });
                }
            }
        }
    }
    uploads
}

/// Reads one asset manifest's entries; paths are relative to `folder`.
pub(super) fn read(manifest: raw::AssetManifest, folder: &Folder) -> Result<(Vec<FileAsset>, Vec<DockerAsset>)> {
    let mut files = Vec::new();
    for (hash, file) in manifest.files {
        // it becomes a file name in our cache
        let plain = !hash.is_empty() && hash.len() <= 128 && hash.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
        if !plain {
            return Err(folder.malformed(&format!("asset {hash:?} is not named by a hash")));
        }
        let source = match (file.source.path, file.source.executable) {
            (_, Some(argv)) if !argv.is_empty() => AssetSource::Executable(argv),
            (Some(path), _) => AssetSource::Path {
                path: folder.inside(&path)?,
                packaging: if file.source.packaging.as_deref() == Some("zip") {
                    Packaging::Zip
                } else {
                    Packaging::File
                },
            },
            _ => return Err(folder.malformed(&format!("asset {hash} has neither a path nor a program to run"))),
        };
        let destinations = file.destinations.into_values().map(|d| Destination {
            bucket: d.bucket_name,
            key: d.object_key,
            region: d.region,
            role: role(d.role),
        });
        files.push(FileAsset { hash, display_name: file.display_name, source, destinations: destinations.collect() });
    }
    let mut images = Vec::new();
    for (hash, image) in manifest.docker_images {
        let source = docker_source(&hash, image.source, folder)?;
        let destinations = image.destinations.into_values().map(|d| ImageDestination {
            repository: d.repository_name,
            tag: d.image_tag,
            region: d.region,
            role: role(d.role),
        });
        images.push(DockerAsset {
            hash,
            display_name: image.display_name,
            source,
            destinations: destinations.collect(),
        });
    }
    Ok((files, images))
}

/// The role fields of a stack or a destination, when they name a role.
pub(super) fn role(assume: raw::Assume) -> Option<RoleRef> {
    Some(RoleRef {
        arn: assume.assume_role_arn?,
        external_id: assume.assume_role_external_id,
        options: assume.assume_role_additional_options.unwrap_or_default(),
    })
}

fn docker_source(hash: &str, source: raw::ImageSource, folder: &Folder) -> Result<DockerSource> {
    if let Some(argv) = source.executable.filter(|argv| !argv.is_empty()) {
        return Ok(DockerSource::Executable(argv));
    }
    let Some(directory) = source.directory else {
        return Err(folder.malformed(&format!("image {hash} has neither a folder nor a program to run")));
    };
    let mut arguments: Vec<String> = Vec::new();
    let mut pair = |flag: &str, value: String| arguments.extend([flag.to_owned(), value]);
    let each = |map: BTreeMap<String, String>| map.into_iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>();
    each(source.docker_build_args).into_iter().for_each(|v| pair("--build-arg", v));
    each(source.docker_build_contexts).into_iter().for_each(|v| pair("--build-context", v));
    source.docker_build_secrets.into_iter().for_each(|(id, v)| pair("--secret", format!("id={id},{v}")));
    if let Some(ssh) = source.docker_build_ssh {
        pair("--ssh", ssh);
    }
    if let Some(target) = source.docker_build_target {
        pair("--target", target);
    }
    if let Some(file) = source.docker_file {
        pair("--file", file);
    }
    if let Some(network) = source.network_mode {
        pair("--network", network);
    }
    if let Some(platform) = source.platform {
        pair("--platform", platform);
    }
    source.docker_outputs.into_iter().for_each(|output| pair("--output", output));
    source.cache_from.into_iter().for_each(|cache| pair("--cache-from", cache_option(cache)));
    if let Some(cache) = source.cache_to {
        pair("--cache-to", cache_option(cache));
    }
    if source.cache_disabled == Some(true) {
        arguments.push("--no-cache".to_owned());
    }
    Ok(DockerSource::Build { directory: folder.inside(&directory)?, arguments })
}

fn cache_option(cache: raw::CacheOption) -> String {
    cache.params.into_iter().fold(format!("type={}", cache.kind), |text, (k, v)| format!("{text},{k}={v}"))
}

/// A JSON scalar as the text that CloudFormation would take for it.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
