//! Reads a cloud assembly through a function that the caller gives, and refuses paths that leave it.

use std::path::{Component, Path, PathBuf};

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::order::{Level, edges, sort};
use super::{Assembly, KNOWN_SCHEMA_MAJOR, MissingContext, Stack, assets, raw, stack};
use crate::error::{Error, Result};

/// Stages inside Stages: far more than any app has, so that garbage cannot make the reading endless.
const MAX_LEVELS: usize = 16;

const DOING: &str = "reading the cloud assembly";

/// What is collected on the way.
#[derive(Default)]
pub(super) struct Notes {
    pub warnings: Vec<String>,
    pub errors: Vec<String>,
}

/// One folder of an assembly, and the file that is being read in it.
pub(super) struct Folder<'a> {
    read: &'a dyn Fn(&Path) -> Result<Vec<u8>>,
    /// The root assembly's folder, which no path may leave.
    root: &'a Path,
    dir: PathBuf,
    /// The file that errors name.
    file: PathBuf,
}

impl Folder<'_> {
    /// A path as written in the current file, made whole; it must stay inside the root assembly.
    pub(super) fn inside(&self, written: &str) -> Result<PathBuf> {
        let path = normal(&self.dir.join(written));
        match path {
            Some(path) if path.starts_with(self.root) => Ok(path),
            _ => Err(Error::failed(
                "assembly.path_escapes",
                DOING,
                format!("{} names {written}, which lies outside the assembly", self.file.display()),
            )
            .next("let the app copy its assets into its output folder (asset staging must not be disabled)")),
        }
    }

    /// The file being read is not what it should be.
    pub(super) fn malformed(&self, what: &str) -> Error {
        Error::failed("assembly.malformed", DOING, format!("{}: {what}", self.file.display()))
    }

    /// Reads a JSON file; garbage is an error with line and column.
    pub(super) fn json<T: DeserializeOwned>(&self, path: &Path) -> Result<T> {
        let bytes = (self.read)(path).map_err(|e| missing(path, e))?;
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
        serde_json::from_slice(bytes).map_err(|e| {
            let reason = e.to_string();
            let reason = reason.split(" at line ").next().unwrap_or_default();
            Error::failed("assembly.malformed", DOING, format!("this is not what an assembly holds here: {reason}"))
                .at(path, e.line().max(1), e.column().max(1))
                .next("run the app's own synth and look at what it writes; delete its output folder if it is half written")
        })
    }
}

/// Reads the assembly in `dir`, with its nested assemblies, asset manifests and metadata files. Templates are left alone.
///
/// `read` gets whole paths below `dir`; it decides about symbolic links and sizes.
pub fn load(read: &dyn Fn(&Path) -> Result<Vec<u8>>, dir: &Path) -> Result<Assembly> {
    let Some(root) = normal(dir) else {
        return Err(Error::bug("assembly.path_escapes", DOING, format!("{} is not a folder's path", dir.display())));
    };
    let mut loading = Loading {
        read,
        root: &root,
        stacks: Vec::new(),
        levels: Vec::new(),
        missing: Vec::new(),
        notes: Notes::default(),
    };
    loading.level(root.clone(), 0)?;
    let Loading { stacks, levels, missing, notes, .. } = loading;
    let edges = edges(&levels, stacks.len());
    let stacks = sort(stacks, &edges)?;
    refuse_same_names(&stacks)?;
    Ok(Assembly { dir: dir.to_owned(), stacks, missing, warnings: notes.warnings, errors: notes.errors })
}

struct Loading<'a> {
    read: &'a dyn Fn(&Path) -> Result<Vec<u8>>,
    root: &'a Path,
    stacks: Vec<Stack>,
    levels: Vec<Level>,
    missing: Vec<MissingContext>,
    notes: Notes,
}

impl Loading<'_> {
    /// Reads one assembly folder and returns the indexes of all stacks in it and below it.
    fn level(&mut self, dir: PathBuf, depth: usize) -> Result<Vec<usize>> {
        let file = dir.join("manifest.json");
        let mut folder = Folder { read: self.read, root: self.root, dir, file: file.clone() };
        if depth > MAX_LEVELS {
            return Err(folder.malformed("assemblies are nested too deeply"));
        }
        let manifest: raw::Manifest = folder.json(&file)?;
        self.check_version(&manifest.version, &file, depth);
        for missing in manifest.missing {
            if !self.missing.iter().any(|known| known.key == missing.key) {
                self.missing.push(MissingContext {
                    key: missing.key,
                    provider: missing.provider,
                    props: missing.props,
                });
            }
        }
        let mut level = Level::default();
        let mut manifests = Vec::new();
        let mut all = Vec::new();
        for (id, artifact) in manifest.artifacts {
            let artifact: raw::Artifact =
                serde_json::from_value(artifact).map_err(|e| folder.malformed(&format!("artifact {id}: {e}")))?;
            level.depends.insert(id.clone(), artifact.dependencies.clone());
            match artifact.kind.as_str() {
                "aws:cloudformation:stack" => {
                    let stack = stack::read(&id, artifact, &folder, &mut self.notes)?;
                    level.stacks.insert(id, vec![self.stacks.len()]);
                    all.push(self.stacks.len());
                    self.stacks.push(stack);
                }
                "cdk:cloud-assembly" => {
                    let below = reference(&id, artifact.properties, &folder)?.directory_name;
                    let name = below.ok_or_else(|| folder.malformed(&format!("artifact {id} names no folder")))?;
                    let stacks = self.level(folder.inside(&name)?, depth + 1)?;
                    all.extend(&stacks);
                    level.stacks.insert(id, stacks);
                }
                "cdk:asset-manifest" => {
                    manifests.push((id.clone(), reference(&id, artifact.properties, &folder)?.file))
                }
                _ => {}
            }
        }
        for (id, file) in manifests {
            let Some(file) = file else { continue };
            folder.file = folder.inside(&file)?;
            let (files, images) = assets::read(folder.json(&folder.file)?, &folder)?;
            self.give_assets(&level, &id, files, images);
        }
        self.levels.push(level);
        Ok(all)
    }

    /// The stacks of this level that depend on the asset manifest `id` need its assets.
    fn give_assets(
        &mut self,
        level: &Level,
        id: &str,
        files: Vec<assets::FileAsset>,
        images: Vec<assets::DockerAsset>,
    ) {
        let users = level.depends.iter().filter(|(_, depends)| depends.iter().any(|d| d == id)).map(|(user, _)| user);
        for index in users.filter_map(|user| level.stacks.get(user)).flatten() {
            if let Some(stack) = self.stacks.get_mut(*index) {
                stack.files.extend(files.iter().cloned());
                stack.images.extend(images.iter().cloned());
            }
        }
    }

    fn check_version(&mut self, version: &Value, file: &Path, depth: usize) {
        let text = assets::text(version);
        let major = text.split('.').next().and_then(|major| major.parse::<u64>().ok());
        match major {
            Some(major) if major > KNOWN_SCHEMA_MAJOR && depth == 0 => self.notes.warnings.push(format!(
                "the app's CDK library writes assembly schema {text}, newer than the {KNOWN_SCHEMA_MAJOR} this version of Offshoot knows; what is new in it is ignored"
            )),
            None => self.notes.warnings.push(format!("{} does not say which schema it follows", file.display())),
            _ => {}
        }
    }
}

fn reference(id: &str, properties: Value, folder: &Folder) -> Result<raw::Reference> {
    if properties.is_null() {
        return Ok(raw::Reference::default());
    }
    serde_json::from_value(properties).map_err(|e| folder.malformed(&format!("artifact {id}, properties: {e}")))
}

fn missing(path: &Path, cause: Error) -> Error {
    if path.file_name().is_some_and(|name| name == "manifest.json") {
        return Error::failed("assembly.missing", DOING, format!("{} cannot be read", path.display()))
            .because(cause)
            .next("the app has to call app.synth(), or run to its end; check the `app` command in cdk.json");
    }
    Error::failed("assembly.missing", DOING, format!("{} is named in the assembly and cannot be read", path.display()))
        .because(cause)
        .next("delete the app's output folder and synthesize again")
}

/// Two stacks of one name in one place would overwrite each other.
fn refuse_same_names(stacks: &[Stack]) -> Result<()> {
    let mut seen = std::collections::BTreeMap::new();
    for stack in stacks {
        let place = (&stack.name, &stack.account, &stack.region);
        if let Some(other) = seen.insert(place, &stack.display_name) {
            return Err(Error::failed(
                "assembly.same_stack_name",
                DOING,
                format!("{other} and {} would both deploy the stack {}", stack.display_name, stack.name),
            )
            .next("give one of them another stackName"));
        }
    }
    Ok(())
}

/// The path without `.` and `..`, decided by its text alone; `None` when `..` leads above its beginning.
fn normal(path: &Path) -> Option<PathBuf> {
    let mut clean = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                if !clean.pop() {
                    return None;
                }
            }
            part => clean.push(part),
        }
    }
    Some(clean)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assembly::{AssetSource, Packaging, uploads};
    use serde_json::json;
    use std::collections::BTreeMap;

    fn assembly(files: &[(&str, Value)]) -> Result<Assembly> {
        let files: BTreeMap<PathBuf, Vec<u8>> =
            files.iter().map(|(path, value)| (Path::new("/out").join(path), value.to_string().into_bytes())).collect();
        read_from(files)
    }

    fn read_from(files: BTreeMap<PathBuf, Vec<u8>>) -> Result<Assembly> {
        let read = |path: &Path| {
            files.get(path).cloned().ok_or_else(|| Error::io("reading", path, std::io::ErrorKind::NotFound.into()))
        };
        load(&read, Path::new("/out"))
    }

    fn stack(name: &str, depends: Value) -> Value {
        json!({"type": "aws:cloudformation:stack", "environment": "aws://unknown-account/unknown-region",
            "properties": {"templateFile": format!("{name}.template.json"), "future": 1}, "dependencies": depends, "future": []})
    }

    fn manifest(artifacts: Value) -> Value {
        json!({"version": "55.0.0", "artifacts": artifacts, "future": {}})
    }

    fn names(assembly: &Assembly) -> Vec<String> {
        assembly.stacks.iter().map(|s| format!("{} {:?}", s.name, s.depends_on)).collect()
    }

    #[test]
    fn a_whole_app_is_read() {
        let mut api = stack("Api", json!(["Api.assets", "Data"]));
        api["environment"] = json!("aws://111111111111/eu-west-1");
        api["displayName"] = json!("Prod/Api");
        api["additionalMetadataFile"] = json!("Api.metadata.json");
        let properties = api["properties"].as_object_mut().unwrap();
        properties.extend(json!({
            "stackName": "prod-api", "tags": {"team": "x"}, "parameters": {"Size": 3}, "terminationProtection": true,
            "assumeRoleArn": "arn:${AWS::Partition}:iam::1:role/deploy", "assumeRoleExternalId": "e",
            "cloudFormationExecutionRoleArn": "arn:exec",
            "lookupRole": {"arn": "arn:lookup", "requiresBootstrapStackVersion": 8, "bootstrapStackVersionSsmParameter": "/v"},
            "stackTemplateAssetObjectUrl": "s3://b/k.json",
            "requiresBootstrapStackVersion": 6, "bootstrapStackVersionSsmParameter": "/v"
        }).as_object().unwrap().clone());
        let destination =
            json!({"bucketName": "b-${AWS::AccountId}", "objectKey": "h.zip", "assumeRoleArn": "arn:${AWS::Region}"});
        let assets = json!({"version": "55.0.0", "files": {"h": {"displayName": "F/Code", "source": {"path": "asset.h", "packaging": "zip"},
            "destinations": {"x-1": destination}}}, "dockerImages": {"i": {"source": {"directory": "asset.i", "dockerBuildArgs": {"A": "1"}, "cacheDisabled": true},
            "destinations": {"x": {"repositoryName": "r", "imageTag": "i"}}}}});
        let found = assembly(&[
            ("manifest.json", manifest(json!({
                "Api": api,
                "Api.assets": {"type": "cdk:asset-manifest", "properties": {"file": "Api.assets.json"}},
                "Data": stack("Data", json!([])),
                "Tree": {"type": "cdk:tree", "properties": {"file": "tree.json"}},
                "New": {"type": "cdk:not-yet-known", "properties": 5}
            }))),
            ("Api.assets.json", assets),
            ("Api.metadata.json", json!({
                "/Prod/Api/Table/Resource": [{"type": "aws:cdk:logicalId", "data": "Table123"}],
                "/Prod/Api": [{"type": "aws:cdk:warning", "data": "careful [ack: my:w]"}, {"type": "aws:cdk:error", "data": "no"}]
            })),
        ]).unwrap();
        assert_eq!(names(&found), ["Data []", "prod-api [0]"]);
        assert_eq!((found.warnings, found.errors), (vec!["Prod/Api: careful".into()], vec!["Prod/Api: no".into()]));
        let api = &found.stacks[1];
        assert_eq!(api.display_name, "Prod/Api");
        assert_eq!(api.account.as_ref().unwrap().as_str(), "111111111111");
        assert_eq!(found.stacks[0].region, None);
        assert_eq!(api.template_path, Path::new("/out/Api.template.json"));
        assert_eq!(api.parameters["Size"], "3");
        assert_eq!(api.roles.deploy.as_ref().unwrap().external_id.as_deref(), Some("e"));
        assert_eq!(api.roles.lookup.as_ref().unwrap().bootstrap.as_ref().unwrap().version, 8);
        assert_eq!(api.bootstrap.as_ref().unwrap().parameter, "/v");
        assert_eq!(api.construct_path("Table123").as_deref(), Some("Prod/Api/Table/Resource"));
        assert_eq!(api.asset_hashes(), ["h", "i"]);
        assert_eq!(api.files[0].source, AssetSource::Path { path: "/out/asset.h".into(), packaging: Packaging::Zip });
        let uploads = uploads(&found.stacks, &|_| ("1".into(), "eu-west-1".into(), "aws".into()));
        assert_eq!((uploads.len(), uploads[0].destination.bucket.as_str()), (1, "b-1"));
    }

    #[test]
    fn an_asset_is_named_by_a_hash_and_by_no_path() {
        for name in ["../../h", "/h", "a b", ""] {
            let mut stack = stack("A", json!(["A.assets"]));
            stack["properties"]["stackName"] = json!("a");
            let error = assembly(&[
                ("manifest.json", manifest(json!({"A": stack, "A.assets": {"type": "cdk:asset-manifest", "properties": {"file": "a.json"}}}))),
                ("a.json", json!({"files": {name: {"source": {"path": "asset.h"}, "destinations": {}}}})),
            ])
            .unwrap_err();
            assert_eq!(error.code(), "assembly.malformed", "{error}");
        }
    }

    #[test]
    fn stages_are_ordered_across_their_assemblies() {
        let stage = |name: &str, depends: Value| json!({"type": "cdk:cloud-assembly", "properties": {"directoryName": format!("assembly-{name}")}, "dependencies": depends});
        let found = assembly(&[
            ("manifest.json", manifest(json!({"B": stage("B", json!(["A"])), "A": stage("A", json!([])), "Last": stack("Last", json!(["B"]))}))),
            ("assembly-A/manifest.json", manifest(json!({"A1": stack("A1", json!([])), "A2": stack("A2", json!(["A1"]))}))),
            ("assembly-B/manifest.json", manifest(json!({"B1": stack("B1", json!(["B1.assets"])), "B1.assets": {"type": "cdk:asset-manifest", "properties": {"file": "a.json"}}}))),
            ("assembly-B/a.json", json!({"files": {"h": {"source": {"path": "../asset.h"}, "destinations": {}}}})),
        ]).unwrap();
        assert_eq!(names(&found), ["A1 []", "A2 [0]", "B1 [0, 1]", "Last [2]"]);
        assert_eq!(
            found.stacks[2].files[0].source,
            AssetSource::Path { path: "/out/asset.h".into(), packaging: Packaging::File }
        );
    }

    #[test]
    fn bad_assemblies_are_refused_with_a_code() {
        let cycle =
            [("manifest.json", manifest(json!({"A": stack("A", json!(["B"])), "B": stack("B", json!(["A"]))})))];
        let outside = [("manifest.json", manifest(json!({"A": stack("../A", json!([]))})))];
        let root = [("manifest.json", manifest(json!({"A": stack("/etc/A", json!([]))})))];
        let no_template =
            [("manifest.json", manifest(json!({"A": {"type": "aws:cloudformation:stack", "properties": {}}})))];
        let mut twin = stack("B", json!([]));
        twin["properties"]["stackName"] = json!("A");
        let twins = [("manifest.json", manifest(json!({"A": stack("A", json!([])), "B": twin})))];
        let below = json!({"type": "cdk:cloud-assembly", "properties": {"directoryName": "."}});
        let endless = [("manifest.json", manifest(json!({"A": below})))];
        let gone = [(
            "manifest.json",
            manifest(json!({"A.assets": {"type": "cdk:asset-manifest", "properties": {"file": "a.json"}}})),
        )];
        for (files, code) in [
            (&cycle[..], "assembly.dependency_cycle"),
            (&outside[..], "assembly.path_escapes"),
            (&root[..], "assembly.path_escapes"),
            (&no_template[..], "assembly.malformed"),
            (&twins[..], "assembly.same_stack_name"),
            (&endless[..], "assembly.malformed"),
            (&gone[..], "assembly.missing"),
            (&[][..], "assembly.missing"),
        ] {
            assert_eq!(assembly(files).unwrap_err().code(), code, "{files:?}");
        }
    }

    #[test]
    fn garbage_has_a_place_and_a_newer_schema_a_warning() {
        let garbage = b"{\n  \"version\": oops".to_vec();
        let error = read_from(BTreeMap::from([("/out/manifest.json".into(), garbage)])).unwrap_err();
        assert!(error.to_string().starts_with("/out/manifest.json:2:14: reading the cloud assembly: "), "{error}");
        let found = assembly(&[(
            "manifest.json",
            json!({"version": "99.0.0", "missing": [{"key": "k", "provider": "ssm", "props": {}}]}),
        )])
        .unwrap();
        assert!(found.warnings[0].contains("schema 99.0.0"));
        assert_eq!(found.missing[0].key, "k");
    }
}
