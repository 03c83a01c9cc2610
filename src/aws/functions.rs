//! Function code straight to Lambda, for `deploy --fast`.

use std::path::Path;

use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::LastUpdateStatus;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::{Session, errors};
use crate::error::{Error, Result};

/// Where a function's new code is.
#[derive(Clone, Debug)]
pub enum Code<'a> {
    /// A zip of at most 50 MiB, sent with the call.
    Zip(&'a Path),
    Object {
        bucket: &'a str,
        key: &'a str,
    },
}

impl Session {
    /// Replaces a function's code and waits until Lambda runs it. Returns Lambda's `CodeSha256`.
    pub async fn update_code(&self, function: &str, code: Code<'_>) -> Result<String> {
        let doing = format!("updating the code of function {function}");
        let mut round = 0;
        let answer = loop {
            let mut call = self.lambda.update_function_code().function_name(function);
            call = match &code {
                Code::Zip(path) => {
                    let bytes = tokio::fs::read(path).await.map_err(|e| Error::io(doing.clone(), path, e))?;
                    call.zip_file(Blob::new(bytes))
                }
                Code::Object { bucket, key } => call.s3_bucket(*bucket).s3_key(*key),
            };
            match call.send().await {
                Ok(answer) => break answer,
                // an update of somebody else is under way: how that one ends is theirs to know
                Err(e) if e.code() == Some("ResourceConflictException") && round < 20 => {
                    self.await_function(function, &doing).await?;
                    round += 1;
                }
                Err(e) => return Err(errors::from_sdk(doing, e)),
            }
        };
        let sha = answer.code_sha256().unwrap_or_default().to_owned();
        let ended = match answer.last_update_status() {
            Some(LastUpdateStatus::InProgress) => self.await_function(function, &doing).await?,
            other => (other.cloned(), answer.last_update_status_reason().unwrap_or_default().to_owned()),
        };
        match ended {
            (Some(LastUpdateStatus::Failed), reason) => Err(Error::failed("lambda.update_failed", doing, reason)),
            _ => Ok(sha),
        }
    }

    /// Waits until no update of the function is in progress; how the last one ended, and why.
    async fn await_function(&self, function: &str, doing: &str) -> Result<(Option<LastUpdateStatus>, String)> {
        for round in 0..1200 {
            // new code is in place within a second as a rule, and Lambda answers more often than CloudFormation
            tokio::time::sleep(self.pace.pause(round) / 4).await;
            let now = self
                .lambda
                .get_function_configuration()
                .function_name(function)
                .send()
                .await
                .map_err(|e| errors::from_sdk(doing, e))?;
            if now.last_update_status() != Some(&LastUpdateStatus::InProgress) {
                return Ok((
                    now.last_update_status().cloned(),
                    now.last_update_status_reason().unwrap_or_default().to_owned(),
                ));
            }
        }
        Err(Error::transient("lambda.update_slow", doing, "Lambda has not finished it after fifteen minutes"))
    }
}
