//! Objects in the asset bucket: is it there, put it there.

use std::path::Path;
use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_sdk_s3::primitives::ByteStream;

use super::{Session, errors};
use crate::error::{Error, Result};

/// Objects up to this size are taken for an upload of an empty zip that went wrong.
const EMPTY_ZIP_BYTES: i64 = 22;

impl Session {
    /// Whether the object is there, with content. Asked by listing: a failed HEAD is remembered by S3 as absent. A bucket
    /// of somebody else must not say so: what lies there would be deployed in place of our own.
    pub async fn object_exists(&self, bucket: &str, key: &str) -> Result<bool> {
        let page = self
            .s3
            .list_objects_v2()
            .bucket(bucket)
            .prefix(key)
            .max_keys(1)
            .expected_bucket_owner(self.account.as_str())
            .send()
            .await
            .map_err(|e| self.bucket_error(format!("looking for s3://{bucket}/{key}"), bucket, e))?;
        Ok(page.contents().iter().any(|o| o.key() == Some(key) && o.size().unwrap_or(0) > EMPTY_ZIP_BYTES))
    }

    /// Uploads a file. The bucket must belong to the session's account, whoever made a bucket of that name first.
    pub async fn upload(&self, bucket: &str, key: &str, file: &Path, content_type: &str) -> Result<()> {
        let body = ByteStream::from_path(file)
            .await
            .map_err(|e| Error::failed("asset.unreadable", format!("reading {}", file.display()), e.to_string()))?;
        // a zip of 250 MB over a slow line takes longer than any other call
        let patience = TimeoutConfig::builder()
            .connect_timeout(Duration::from_secs(5))
            .operation_attempt_timeout(Duration::from_secs(900))
            .operation_timeout(Duration::from_secs(1800))
            .build();
        self.s3
            .put_object()
            .bucket(bucket)
            .key(key)
            .content_type(content_type)
            .expected_bucket_owner(self.account.as_str())
            .body(body)
            .customize()
            .config_override(aws_sdk_s3::config::Builder::new().timeout_config(patience))
            .send()
            .await
            .map_err(|e| self.bucket_error(format!("uploading s3://{bucket}/{key}"), bucket, e))?;
        Ok(())
    }

    /// An S3 error; a missing bucket means that the account was never bootstrapped.
    pub(super) fn bucket_error<E, R>(&self, doing: String, bucket: &str, error: aws_sdk_s3::error::SdkError<E, R>) -> Error
    where
        E: aws_sdk_s3::error::ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
        R: std::fmt::Debug + Send + Sync + 'static,
    {
        let error = errors::from_sdk(doing, error);
        if error.code() != "aws.no_bucket" {
            return error;
        }
        let what = format!("bucket {bucket} does not exist: account {} is not bootstrapped in {}", self.account, self.region);
        Error::failed("aws.not_bootstrapped", error.doing(), what)
            .next(format!("run once: npx cdk bootstrap aws://{}/{}", self.account, self.region))
    }
}
