//! The messages between the hook in the app's Node process and us: one JSON object a line.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// What the hook says.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "t", rename_all = "lowercase")]
pub(super) enum HookMessage {
    Hello {
        node: String,
        lib: String,
    },
    Function(FunctionRequest),
    Fallback {
        path: String,
        why: String,
    },
    Need {
        ids: Vec<u64>,
    },
    Hashed {
        id: u64,
        hash: String,
    },
    Done {
        files: Vec<PathBuf>,
    },
    /// Ours: the child has ended and nothing more will come.
    Stop,
}

/// One function to bundle, as the library would have done it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FunctionRequest {
    pub id: u64,
    /// The construct path.
    pub path: String,
    pub entry: PathBuf,
    #[serde(default)]
    pub args: Vec<String>,
    pub out_file: String,
    pub cwd: PathBuf,
    #[serde(default)]
    pub env: Option<BTreeMap<String, String>>,
    /// Whether the app asked for esbuild's own description in the asset.
    #[serde(default)]
    pub metafile: bool,
    /// The folder in which the library would have built; source maps depend on its place.
    #[serde(default)]
    pub out_dir: Option<PathBuf>,
}

/// What we answer for one function.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub(super) enum Reply {
    Built {
        id: u64,
        dir: PathBuf,
        hash: Option<String>,
    },
    Failed {
        id: u64,
        error: String,
    },
    /// The library shall bundle this one itself.
    Own {
        id: u64,
        own: bool,
    },
}

/// A line from the hook; what cannot be read is no message (the app can write into the pipe too).
pub(super) fn parse(line: &[u8]) -> Option<HookMessage> {
    serde_json::from_slice(line).ok()
}

/// Whether an output's name is one that NodejsFunction writes, and no path.
pub(super) fn is_plain_name(name: &str) -> bool {
    !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\\', '\0'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_is_read_and_unknown_keys_are_ignored() {
        let line = br#"{"t":"function","id":3,"path":"S/F","entry":"/a/b.ts","args":["--minify"],"out_file":"index.js","cwd":"/a","env":null,"lock":"/a/l","esbuild_version":"0.28.2","metafile":false,"out_dir":"/a/cdk.out/x"}"#;
        let Some(HookMessage::Function(request)) = parse(line) else { panic!("no function") };
        assert_eq!((request.id, request.env), (3, None));
        assert_eq!(
            parse(b"{\"t\":\"hello\",\"node\":\"20\",\"lib\":\"2\",\"lib_dir\":\"/x\"}"),
            Some(HookMessage::Hello { node: "20".into(), lib: "2".into() })
        );
        assert_eq!(parse(b"garbage"), None);
    }

    #[test]
    fn replies_have_the_form_that_the_hook_reads() {
        let built = Reply::Built { id: 1, dir: "/d".into(), hash: None };
        assert_eq!(serde_json::to_string(&built).unwrap(), r#"{"id":1,"dir":"/d","hash":null}"#);
        let failed = Reply::Failed { id: 2, error: "x".into() };
        assert_eq!(serde_json::to_string(&failed).unwrap(), r#"{"id":2,"error":"x"}"#);
        assert!(!is_plain_name("../a") && is_plain_name("index.js"));
    }
}
