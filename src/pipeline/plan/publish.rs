//! Uploads the assets of changed stacks, each once, and only those that are not there yet.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use futures_util::StreamExt;
use futures_util::stream;

use super::survey::Surveyed;
use super::{Origin, Planner};
use crate::assembly::{self, AssetSource, Packaging, Upload};
use crate::aws::{IfDenied, Role, bootstrap};
use crate::error::{Error, Result};
use crate::names::{AccountId, Digest, Region};
use crate::toolchain;

/// Existence checks and uploads at the same time.
const PARALLEL: usize = 16;

/// Publishes and gives back the size in bytes of each asset that was zipped or found in the cache, by hash.
pub(super) async fn publish(planner: &Planner<'_>, changed: &[&Surveyed]) -> Result<BTreeMap<String, u64>> {
    let stacks: Vec<&assembly::Stack> = changed.iter().filter_map(|s| planner.assembly.stacks.get(s.index)).collect();
    for stack in &stacks {
        if let Some(image) = stack.images.first() {
            let what = format!(
                "its container image {} has to be built with docker, which offshoot cannot do yet",
                image.display_name.as_deref().unwrap_or(&image.hash)
            );
            return Err(Error::failed("asset.image", format!("publishing stack {}", stack.name), what)
                .next("publish it with `npx cdk publish-assets`, or use a zipped function"));
        }
    }
    for (surveyed, stack) in changed.iter().zip(&stacks) {
        if let Some(needs) = &stack.bootstrap {
            let parameter = planner.fill(stack, &needs.parameter);
            bootstrap::check_bootstrap(&surveyed.session, &parameter, needs.version).await?;
        }
    }
    let environment = |stack: &assembly::Stack| {
        let (account, region) = planner.environment(stack);
        (account.to_string(), region.to_string(), planner.partition.clone())
    };
    let uploads = assembly::uploads(stacks, &environment);
    if !uploads.is_empty() {
        planner.bench.teller.step(format!(
            "publishing {} {}",
            uploads.len(),
            if uploads.len() == 1 { "asset" } else { "assets" }
        ));
    }
    let reserved = |u: &&Upload| {
        u.destination.bucket == planner.bench.home.bucket()
            && u.destination.key.trim_start_matches('/').starts_with("offshoot/")
    };
    if let Some(upload) = uploads.iter().find(reserved) {
        let what = format!(
            "asset {} asks to be put at {}, where the state, locks and plans of stages are",
            upload.asset.hash, upload.destination.key
        );
        return Err(Error::failed("asset.reserved_key", "publishing assets", what)
            .next("give the app's assets another prefix than offshoot/"));
    }
    let done: Vec<Result<(String, Option<u64>)>> =
        stream::iter(uploads.iter().map(|u| one(planner, u))).buffer_unordered(PARALLEL).collect().await;
    let mut sizes = BTreeMap::new();
    for result in done {
        if let (hash, Some(size)) = result? {
            sizes.insert(hash, size);
        }
    }
    Ok(sizes)
}

async fn one(planner: &Planner<'_>, upload: &Upload) -> Result<(String, Option<u64>)> {
    let to = &upload.destination;
    let role = to.role.as_ref().map(|r| Role { arn: r.arn.clone(), external_id: r.external_id.clone() });
    let (account, region) = (AccountId::new(&upload.account), Region::new(&upload.region));
    let session = planner.bench.aws.session(&account, &region, role.as_ref(), IfDenied::UseOwn).await?;
    let zipped = zips_folder(planner).join(format!("{}.zip", upload.asset.hash));
    if session.object_exists(&to.bucket, &to.key).await? {
        let size = tokio::fs::metadata(&zipped).await.ok().map(|m| m.len());
        return Ok((upload.asset.hash.clone(), size));
    }
    let (file, content_type) = file_of(planner, upload, &zipped).await?;
    let size = tokio::fs::metadata(&file).await.map_err(|e| Error::io("reading an asset", &file, e))?.len();
    session.upload(&to.bucket, &to.key, &file, content_type).await?;
    Ok((upload.asset.hash.clone(), Some(size)))
}

/// Where a repository's zips are kept: apart, because an app may choose the hash of its assets.
pub(in crate::pipeline) fn zips(cache_dir: &Path, repository: &str) -> PathBuf {
    cache_dir.join("zips").join(Digest::of(repository).short())
}

fn zips_folder(planner: &Planner<'_>) -> PathBuf {
    zips(&planner.bench.cache_dir, planner.target.repository.as_str())
}

/// The file to upload: the asset itself, its zip (kept by hash), or what its program makes.
async fn file_of(planner: &Planner<'_>, upload: &Upload, zipped: &Path) -> Result<(PathBuf, &'static str)> {
    if planner.bench.origin == Origin::Kept
        && let AssetSource::Path { path, .. } = &upload.asset.source
        && !path.exists()
        && !zipped.exists()
    {
        return Err(gone(upload));
    }
    match &upload.asset.source {
        AssetSource::Path { path, packaging: Packaging::File } => {
            let json = path.extension().is_some_and(|e| e == "json");
            Ok((path.clone(), if json { "application/json" } else { "application/octet-stream" }))
        }
        AssetSource::Path { path, packaging: Packaging::Zip } => {
            let done = zip_once(path, zipped, &zips_folder(planner)).await?;
            Ok((done, "application/zip"))
        }
        AssetSource::Executable(argv) => {
            let what = format!(
                "asset {} is made by running {:?}, which offshoot does not do with credentials at hand",
                upload.asset.hash,
                argv.first()
            );
            Err(Error::failed("asset.executable", "publishing assets", what)
                .next("publish it with `npx cdk publish-assets` first"))
        }
    }
}

/// A kept assembly names an asset that nobody has any more.
fn gone(upload: &Upload) -> Error {
    let name = upload.asset.display_name.as_ref().map(|n| format!(" ({n})")).unwrap_or_default();
    let what = format!(
        "asset {}{name} of the kept assembly is no longer at s3://{}/{}, and an assembly is kept without its assets",
        upload.asset.hash, upload.destination.bucket, upload.destination.key
    );
    Error::failed("assembly.asset_gone", "publishing assets", what)
        .next("deploy the commit again instead: then the asset is built anew")
}

/// Zips a folder into the cache unless it is there.
pub(in crate::pipeline) async fn zip_once(folder: &Path, zipped: &Path, cache: &Path) -> Result<PathBuf> {
    if tokio::fs::try_exists(zipped).await.unwrap_or(false) {
        return Ok(zipped.to_owned());
    }
    tokio::fs::create_dir_all(cache).await.map_err(|e| Error::io("making the folder for zips", cache, e))?;
    let (from, to) = (folder.to_owned(), zipped.to_owned());
    tokio::task::spawn_blocking(move || toolchain::zip(&from, &to))
        .await
        .map_err(|e| Error::bug("zip.task", "zipping an asset", e.to_string()))??;
    Ok(zipped.to_owned())
}
