//! The context and environment that the CDK toolkit gives an app, so that templates come out byte for byte the same.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value, json};

use super::store;
use crate::error::Result;

/// What we tell the app about the toolkit: the newest schema that we read, and the CLI that we behave like.
pub const TOOLKIT_SCHEMA_VERSION: &str = "55.0.0";
pub const TOOLKIT_CLI_VERSION: &str = "2.1148.1";

/// Where context comes from; the first that has a key wins.
#[derive(Clone, Debug, Default)]
pub struct ContextLayers {
    /// `-c key=value`, and what Offshoot itself gives (the stage).
    pub command_line: Map<String, Value>,
    /// `context` of cdk.json.
    pub cdk_json: Map<String, Value>,
    /// All of cdk.context.json.
    pub cdk_context_json: Map<String, Value>,
    /// `context` of the person's own `~/.cdk.json`; empty in CI.
    pub user_json: Map<String, Value>,
}

/// The settings of cdk.json that the toolkit turns into context.
#[derive(Clone, Debug, Default)]
pub struct ToolkitSwitches {
    /// The whole of cdk.json: `pathMetadata`, `assetMetadata`, `versionReporting`, `staging`, `bundlingStacks` are read.
    pub cdk_json: Map<String, Value>,
}

/// The context in the toolkit's order: command line, cdk.json, cdk.context.json, the person's own, and on top of all of
/// them the toolkit's switches.
pub fn merge_context(layers: &ContextLayers, switches: &ToolkitSwitches) -> Map<String, Value> {
    let ContextLayers { command_line, cdk_json, cdk_context_json, user_json } = layers;
    let mut merged = Map::new();
    for layer in [user_json, cdk_context_json, cdk_json, command_line] {
        merged.extend(layer.iter().map(|(key, value)| (key.clone(), value.clone())));
    }
    let setting = |name: &str| switches.cdk_json.get(name).filter(|value| !value.is_null());
    let is_on = |name: &str| setting(name).and_then(Value::as_bool).unwrap_or(true);
    let mut set = |key: &str, value: Value| {
        merged.insert(key.to_owned(), value);
    };
    if is_on("pathMetadata") {
        set("aws:cdk:enable-path-metadata", json!(true));
    }
    if is_on("assetMetadata") {
        set("aws:cdk:enable-asset-metadata", json!(true));
    }
    if is_on("versionReporting") {
        set("aws:cdk:version-reporting", json!(true));
    } else {
        set("aws:cdk:disable-version-reporting", json!(true));
    }
    if !is_on("staging") {
        set("aws:cdk:disable-asset-staging", json!(true));
    }
    set("aws:cdk:bundling-stacks", setting("bundlingStacks").cloned().unwrap_or_else(|| json!(["**"])));
    set("@aws-cdk/core:failSynthOnValidationErrors", json!(false));
    merged
}

/// What the environment of a process may hold in all, as the toolkit counts it.
const ENVIRONMENT_BYTES: usize = 131_072;

/// Puts the context into the environment; keys that do not fit go to a file in `folder`, largest last, as the toolkit does.
pub(super) fn put_context(
    env: &mut BTreeMap<String, String>,
    context: &Map<String, Value>,
    folder: &Path,
) -> Result<()> {
    let name = "CDK_CONTEXT_JSON";
    let used: usize = env.iter().filter(|(key, _)| *key != name).map(|(key, value)| key.len() + value.len()).sum();
    let room = ENVIRONMENT_BYTES.saturating_sub(used + name.len());
    let (small, overflow) = split_by_size(context, room);
    env.insert(name.to_owned(), Value::Object(small).to_string());
    if !overflow.is_empty() {
        let file = folder.join("context-overflow.json");
        store::write_json(&file, &overflow)?;
        // the variable's name is the constant's own name: that is what the library reads
        env.insert("CONTEXT_OVERFLOW_LOCATION_ENV".to_owned(), file.display().to_string());
    }
    Ok(())
}

fn split_by_size(context: &Map<String, Value>, room: usize) -> (Map<String, Value>, Map<String, Value>) {
    if Value::Object(context.clone()).to_string().len() < room {
        return (context.clone(), Map::new());
    }
    let mut sized: Vec<_> = context.iter().map(|(key, value)| (key.len() + value.to_string().len() + 4, key)).collect();
    sized.sort();
    let mut used = 2;
    let kept: Vec<_> = sized
        .into_iter()
        .take_while(|(size, _)| {
            used += size;
            used < room
        })
        .map(|(_, key)| key)
        .collect();
    let pick = |inside: bool| {
        context.iter().filter(|(key, _)| kept.contains(key) == inside).map(|(k, v)| (k.clone(), v.clone())).collect()
    };
    (pick(true), pick(false))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(value: Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap()
    }

    #[test]
    fn the_first_layer_wins_and_the_toolkit_has_the_last_word() {
        let layers = ContextLayers {
            command_line: map(json!({"a": 1, "aws:cdk:bundling-stacks": []})),
            cdk_json: map(json!({"a": 2, "b": 2})),
            cdk_context_json: map(json!({"a": 3, "b": 3, "c": 3})),
            user_json: map(json!({"d": 4, "c": 4})),
        };
        let merged = merge_context(&layers, &ToolkitSwitches::default());
        let expected = json!({
            "a": 1, "b": 2, "c": 3, "d": 4,
            "aws:cdk:enable-path-metadata": true, "aws:cdk:enable-asset-metadata": true,
            "aws:cdk:version-reporting": true, "aws:cdk:bundling-stacks": ["**"],
            "@aws-cdk/core:failSynthOnValidationErrors": false,
        });
        assert_eq!(Value::Object(merged), expected);
    }

    #[test]
    fn switches_of_cdk_json_are_heeded() {
        let switches = ToolkitSwitches {
            cdk_json: map(json!({"versionReporting": false, "pathMetadata": false, "staging": false})),
        };
        let merged = merge_context(&ContextLayers::default(), &switches);
        assert!(
            !merged.contains_key("aws:cdk:enable-path-metadata") && !merged.contains_key("aws:cdk:version-reporting")
        );
        assert_eq!(merged["aws:cdk:disable-version-reporting"], json!(true));
        assert_eq!(merged["aws:cdk:disable-asset-staging"], json!(true));
    }

    #[test]
    fn what_does_not_fit_goes_to_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let context = map(json!({"big": "x".repeat(200_000), "small": 1}));
        let mut env = BTreeMap::from([("PATH".to_owned(), "/bin".to_owned())]);
        put_context(&mut env, &context, folder.path()).unwrap();
        assert_eq!(env["CDK_CONTEXT_JSON"], "{\"small\":1}");
        let overflow: Map<String, Value> = store::read_json(Path::new(&env["CONTEXT_OVERFLOW_LOCATION_ENV"])).unwrap();
        assert_eq!(overflow.keys().collect::<Vec<_>>(), ["big"]);
    }
}
