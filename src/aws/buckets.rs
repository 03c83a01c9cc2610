//! Buckets that keep a stack from being deleted because something lies in them, and how they are emptied.

use std::collections::BTreeSet;

use aws_sdk_s3::types::{Delete, ObjectIdentifier};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use super::{Session, errors};
use crate::error::{Error, Result};

/// How deep nested stacks are followed; CloudFormation itself does not go deeper in practice.
const MAX_NESTING: usize = 8;

/// A bucket of a stack that CloudFormation could not delete.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FullBucket {
    pub name: String,
    /// In the stack that was looked at; none where a nested stack has it, of which nothing can be left behind alone.
    pub logical_id: Option<String>,
}

impl Session {
    /// The buckets for which the stack's deletion failed because they are not empty, those of its nested stacks among
    /// them. Buckets that the template retains never fail to be deleted, so they are never in it.
    pub async fn full_buckets(&self, stack: &str) -> Result<Vec<FullBucket>> {
        let mut found = BTreeSet::new();
        self.look_for_full(stack, 0, &mut found).await?;
        Ok(found.into_iter().collect())
    }

    fn look_for_full<'a>(
        &'a self,
        stack: &'a str,
        depth: usize,
        found: &'a mut BTreeSet<FullBucket>,
    ) -> BoxFuture<'a, Result<()>> {
        async move {
            for resource in self.resources_of(stack).await?.into_iter().filter(|r| r.status == "DELETE_FAILED") {
                match resource.resource_type.as_str() {
                    "AWS::S3::Bucket" if resource.reason.contains("not empty") => {
                        let logical_id = (depth == 0).then_some(resource.logical_id);
                        found.insert(FullBucket { name: resource.physical_id, logical_id });
                    }
                    "AWS::CloudFormation::Stack" if depth < MAX_NESTING => {
                        self.look_for_full(&resource.physical_id, depth + 1, found).await?;
                    }
                    _ => {}
                }
            }
            Ok(())
        }
        .boxed()
    }

    /// Deletes up to a thousand versions and delete markers of a bucket for good; gives how many, 0 where it is empty or
    /// gone. The bucket must belong to the session's account.
    pub async fn empty_some(&self, bucket: &str) -> Result<usize> {
        let doing = format!("emptying bucket {bucket}");
        let owner = self.account.as_str();
        let answer = self.s3.list_object_versions().bucket(bucket).expected_bucket_owner(owner).send().await;
        let page = errors::missing_is_none(doing.clone(), answer, |e| {
            aws_sdk_s3::error::ProvideErrorMetadata::code(e) == Some("NoSuchBucket")
        })
        .map_err(explain)?;
        let Some(page) = page else { return Ok(0) };
        let versions = page.versions().iter().map(|v| (v.key(), v.version_id()));
        let markers = page.delete_markers().iter().map(|m| (m.key(), m.version_id()));
        let all: Vec<ObjectIdentifier> = versions
            .chain(markers)
            .filter_map(|(key, version)| {
                let version = version.filter(|v| !v.is_empty()).map(str::to_owned);
                ObjectIdentifier::builder().key(key?).set_version_id(version).build().ok()
            })
            .take(1000)
            .collect();
        if all.is_empty() {
            return Ok(0);
        }
        let count = all.len();
        let delete = Delete::builder()
            .set_objects(Some(all))
            .quiet(true)
            .build()
            .map_err(|e| Error::bug("bucket.delete", doing.clone(), e.to_string()))?;
        let answer = self.s3.delete_objects().bucket(bucket).expected_bucket_owner(owner).delete(delete).send().await;
        let done = answer.map_err(|e| explain(errors::from_sdk(doing.clone(), e)))?;
        match done.errors().first() {
            None => Ok(count),
            Some(refused) => {
                let what =
                    format!("object {}: {}", refused.key().unwrap_or_default(), refused.message().unwrap_or_default());
                Err(explain(errors::from_code(doing, refused.code().unwrap_or("Error"), &what)))
            }
        }
    }
}

/// The rights that emptying needs are not among those of a deployment role.
fn explain(error: Error) -> Error {
    if !errors::is_denied(&error) {
        return error;
    }
    error.next("allow the apply role s3:ListBucketVersions, s3:DeleteObject and s3:DeleteObjectVersion on the buckets of the stage, or empty the bucket yourself")
}
