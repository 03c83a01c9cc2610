//! Newtypes for every id that travels through the pipeline, and how stage names are made safe for AWS.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

macro_rules! name {
    ($(#[$doc:meta])* $type:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $type(String);

        impl $type {
            pub fn new(value: impl Into<String>) -> Self {
                Self(value.into())
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<&str> for $type {
            fn from(value: &str) -> Self {
                Self(value.to_owned())
            }
        }

        impl From<String> for $type {
            fn from(value: String) -> Self {
                Self(value)
            }
        }
    };
}

name!(
    /// The name of an app in a repository, as in `apps: - name:`.
    AppName
);
name!(
    /// The name of a stage, already safe for AWS names: `prod`, `pr-42`; see [`safe_stage`].
    StageName
);
name!(
    /// A git branch without `refs/heads/`.
    Branch
);
name!(
    /// A full commit id, 40 hexadecimal digits; for a dirty work tree the commit it stands on.
    Revision
);
name!(
    /// Which repository a stage belongs to: `owner/name` on a forge, else host and path or the folder's name.
    RepositoryId
);
name!(
    /// An AWS account, 12 digits.
    AccountId
);
name!(
    /// An AWS region: `eu-west-1`.
    Region
);
name!(
    /// The name of a CloudFormation stack (not its ARN).
    StackName
);
name!(
    /// A logical id in a CloudFormation template.
    LogicalId
);
name!(
    /// A lower-case hexadecimal SHA-256.
    Digest
);

impl Revision {
    /// The first eight digits, for people.
    pub fn short(&self) -> &str {
        self.0.get(..8).unwrap_or(&self.0)
    }
}

impl Digest {
    /// The SHA-256 of `bytes`.
    pub fn of(bytes: impl AsRef<[u8]>) -> Self {
        Digest(hex(&Sha256::digest(bytes.as_ref())))
    }

    /// The SHA-256 of several parts, each with its length, so that no two lists of parts collide.
    pub fn of_parts<P: AsRef<[u8]>>(parts: impl IntoIterator<Item = P>) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            let part = part.as_ref();
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        Digest(hex(&hash.finalize()))
    }

    /// The first twelve digits, for people and for names.
    pub fn short(&self) -> &str {
        self.0.get(..12).unwrap_or(&self.0)
    }
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

/// The longest stage name: leaves room for stack, role and function names made from it (64 characters at most).
pub const MAX_STAGE: usize = 40;

/// Makes a stage name from a branch or template text that is safe for AWS names: letters, digits and hyphens,
/// beginning with a letter, at most [`MAX_STAGE`] characters. Where anything had to be changed, a short hash of the
/// original is added, so that two branches never share a stage.
pub fn safe_stage(text: &str) -> StageName {
    let mut safe: String = text.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    while safe.contains("--") {
        safe = safe.replace("--", "-");
    }
    let mut safe = safe.trim_matches('-').to_owned();
    if !safe.starts_with(|c: char| c.is_ascii_alphabetic()) {
        safe.insert_str(0, "b-");
    }
    if safe == text && safe.len() <= MAX_STAGE {
        return StageName(safe);
    }
    let hash = Digest::of(text);
    safe.truncate(MAX_STAGE - 7);
    let safe = safe.trim_end_matches('-');
    StageName(format!("{safe}-{}", &hash.as_str()[..6]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn safe_names_stay_as_they_are() {
        assert_eq!(safe_stage("prod").as_str(), "prod");
        assert_eq!(safe_stage("pr-42").as_str(), "pr-42");
    }

    #[test]
    fn changed_names_are_told_apart_by_a_hash() {
        let a = safe_stage("feature/login");
        let b = safe_stage("feature-login");
        let c = safe_stage("feature_login");
        assert_eq!(b.as_str(), "feature-login");
        assert_ne!(a, b);
        assert_ne!(a, c);
        assert!(a.as_str().starts_with("feature-login-"), "{a}");
    }

    #[test]
    fn long_and_odd_names_stay_within_the_limit() {
        for text in ["x".repeat(300).as_str(), "", "---", "42", "é/ü", "-a-"] {
            let name = safe_stage(text);
            assert!(name.as_str().len() <= MAX_STAGE, "{name}");
            assert!(name.as_str().starts_with(|c: char| c.is_ascii_alphabetic()), "{name}");
            assert!(name.as_str().chars().all(|c| c.is_ascii_alphanumeric() || c == '-'), "{name}");
        }
    }
}
