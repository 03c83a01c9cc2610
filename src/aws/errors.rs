//! What an error of the SDK means for the one who reads it, and what to do next.

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::display::DisplayErrorContext;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::credentials;
use crate::error::{Error, Result};

/// Turns an SDK error into ours. `doing` is the activity with its value.
pub fn from_sdk<E, R>(doing: impl Into<String>, error: SdkError<E, R>) -> Error
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    let doing = doing.into();
    match (error.code().map(str::to_owned), error.message().map(str::to_owned)) {
        (Some(code), message) => from_code(doing, &code, message.as_deref().unwrap_or("no message")),
        _ => from_words(doing, &DisplayErrorContext(&error).to_string()),
    }
}

/// An error of a provider of credentials, which hides the service's code in its words.
pub(super) fn from_credentials(doing: &str, error: &CredentialsError) -> Error {
    from_words(doing.to_owned(), &credentials::words(error))
}

/// By AWS's error code.
pub fn from_code(doing: String, code: &str, message: &str) -> Error {
    let what = format!("{code}: {message}");
    match code {
        "ExpiredToken" | "ExpiredTokenException" | "RequestExpired" | "TokenRefreshRequired" => {
            Error::failed("aws.credentials_expired", doing, what)
                .next("get new credentials (for example `aws sso login`) and run the command again; nothing is lost")
        }
        "InvalidClientTokenId" | "UnrecognizedClientException" | "SignatureDoesNotMatch" | "InvalidAccessKeyId" => {
            Error::failed("aws.credentials_invalid", doing, what)
                .next("check AWS_PROFILE, AWS_ACCESS_KEY_ID and the clock of this machine")
        }
        "AccessDenied" | "AccessDeniedException" | "UnauthorizedOperation" | "AccessDeniedForDependencyException" => {
            Error::failed("aws.denied", doing, what)
                .next("grant that action to the role or user, then run the command again")
        }
        "Throttling" | "ThrottlingException" | "RequestLimitExceeded" | "SlowDown" | "TooManyRequestsException" => {
            Error::transient("aws.throttled", doing, what)
                .next("other callers use up the account's API rate; try again in a minute")
        }
        "NoSuchBucket" => Error::failed("aws.no_bucket", doing, what),
        "InternalFailure" | "InternalError" | "ServiceUnavailable" | "ServiceUnavailableException" => {
            Error::transient("aws.unavailable", doing, what).next("AWS answers with errors; try again later")
        }
        _ => Error::failed("aws.error", doing, what),
    }
}

/// Where only words are left: the credentials chain and the connection.
fn from_words(doing: String, words: &str) -> Error {
    let short = words.split(" (").next().unwrap_or(words);
    const EXPIRED: [&str; 2] = ["ExpiredToken", "token included in the request is expired"];
    const DENIED: [&str; 2] = ["AccessDenied", "not authorized to perform"];
    const ABSENT: [&str; 4] = [
        "no providers in chain",
        "CredentialsNotLoaded",
        "credential provider was not enabled",
        "the credentials provider was not",
    ];
    if EXPIRED.iter().any(|t| words.contains(t)) {
        return from_code(doing, "ExpiredToken", "the credentials have expired");
    }
    if DENIED.iter().any(|t| words.contains(t)) {
        return from_code(doing, "AccessDenied", &message_in(words).unwrap_or_else(|| short.to_owned()));
    }
    if words.contains("InvalidClientTokenId") {
        return from_code(doing, "InvalidClientTokenId", "AWS does not know these credentials");
    }
    if ABSENT.iter().any(|t| words.contains(t)) {
        return Error::failed("aws.no_credentials", doing, "no AWS credentials were found")
            .next("set AWS_PROFILE (or pass --profile), run `aws sso login`, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY");
    }
    if words.contains("Throttling") {
        return from_code(doing, "Throttling", "Rate exceeded");
    }
    Error::transient("aws.unreachable", doing, clip(words))
        .next("check the network, the region and AWS_ENDPOINT_URL, then try again")
}

/// The message within a debug-printed error, where there is one.
fn message_in(words: &str) -> Option<String> {
    let (_, rest) = words.split_once("message: Some(\"").or_else(|| words.split_once("message: \""))?;
    Some(rest.split("\")").next().unwrap_or(rest).split("\",").next().unwrap_or(rest).to_owned())
}

fn clip(words: &str) -> String {
    words.chars().take(400).collect()
}

/// The error says that somebody may not do something.
pub fn is_denied(error: &Error) -> bool {
    error.code() == "aws.denied"
}

/// The stack named in the request is not there.
pub(super) fn is_missing_stack<E: ProvideErrorMetadata>(error: &E) -> bool {
    error.code() == Some("ValidationError") && error.message().is_some_and(|m| m.contains("does not exist"))
}

/// Turns the error "not there" into `None`.
pub(super) fn missing_is_none<T, E, R>(
    doing: impl Into<String>,
    answer: std::result::Result<T, SdkError<E, R>>,
    is_missing: impl Fn(&SdkError<E, R>) -> bool,
) -> Result<Option<T>>
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    match answer {
        Ok(found) => Ok(Some(found)),
        Err(error) if is_missing(&error) => Ok(None),
        Err(error) => Err(from_sdk(doing, error)),
    }
}
