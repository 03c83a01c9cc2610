//! The templates of nested stacks, as deployed and as they should be, so that what happens inside them is told too.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use super::Planner;
use super::survey::Surveyed;
use crate::diff;
use crate::error::{Error, Result};

/// How deep nested stacks are followed.
const MAX_DEPTH: usize = 8;
const STACK: &str = "AWS::CloudFormation::Stack";

/// One nested stack that changes.
pub(super) struct Pair {
    /// Logical ids of the nested stacks above and of itself, outermost first.
    pub within: Vec<String>,
    pub old: Option<Value>,
    pub new: Option<Value>,
}

/// A stack whose nested stacks are still to be looked at.
struct Level {
    within: Vec<String>,
    old: Option<Value>,
    new: Option<Value>,
    /// ARN of the deployed stack.
    deployed: Option<String>,
}

/// Every nested stack that is new, gone or different, at any depth. Asks AWS only where there are nested stacks.
pub(super) async fn pairs(planner: &Planner<'_>, surveyed: &Surveyed) -> Result<Vec<Pair>> {
    let top = Level {
        within: Vec::new(),
        old: surveyed.old.clone(),
        new: Some(surveyed.new.clone()),
        deployed: surveyed.deployed.as_ref().map(|d| d.id.clone()),
    };
    let folder = planner.assembly.stacks.get(surveyed.index).and_then(|s| s.template_path.parent()).map(Path::to_owned).unwrap_or_default();
    let mut open = vec![top];
    let mut found = Vec::new();
    while let Some(level) = open.pop() {
        let (before, after) = (children(level.old.as_ref()), children(level.new.as_ref()));
        if level.within.len() >= MAX_DEPTH || (before.is_empty() && after.is_empty()) {
            continue;
        }
        let physical = match &level.deployed {
            Some(id) if !before.is_empty() => physical_ids(surveyed, id).await?,
            _ => BTreeMap::new(),
        };
        let mut ids: Vec<&String> = before.keys().chain(after.keys()).collect();
        ids.sort();
        ids.dedup();
        for id in ids {
            let deployed = before.get(id).and_then(|_| physical.get(id)).cloned();
            let old = match &deployed {
                Some(arn) => Some(diff::parse_template(&surveyed.session.template_of(arn).await?)?),
                None => None,
            };
            let new = after.get(id).map(|resource| template_of(&planner.assembly.dir, &folder, resource)).transpose()?.flatten();
            let mut within = level.within.clone();
            within.push(id.clone());
            let same = matches!((&old, &new), (Some(old), Some(new)) if diff::same(old, new));
            if !same && (old.is_some() || new.is_some()) {
                found.push(Pair { within: within.clone(), old: old.clone(), new: new.clone() });
                open.push(Level { within, old, new, deployed });
            }
        }
    }
    Ok(found)
}

fn children(template: Option<&Value>) -> BTreeMap<String, &Value> {
    let resources = template.and_then(|t| t.get("Resources")).and_then(Value::as_object);
    let nested = resources.into_iter().flatten().filter(|(_, r)| r.get("Type").and_then(Value::as_str) == Some(STACK));
    nested.map(|(id, resource)| (id.clone(), resource)).collect()
}

async fn physical_ids(surveyed: &Surveyed, stack: &str) -> Result<BTreeMap<String, String>> {
    let resources = surveyed.session.resources_of(stack).await?;
    Ok(resources.into_iter().filter(|r| r.resource_type == STACK).map(|r| (r.logical_id, r.physical_id)).collect())
}

/// The template that the app wrote for a nested stack; `None` where its metadata does not say.
fn template_of(root: &Path, folder: &Path, resource: &Value) -> Result<Option<Value>> {
    let Some(name) = resource.get("Metadata").and_then(|m| m.get("aws:asset:path")).and_then(Value::as_str) else { return Ok(None) };
    let path = folder.join(name);
    // a nested template lies beside its parent, or in the root of the assembly; anything else on this machine is not ours to read
    let inside = |path: &Path| Some(path.canonicalize().ok()?.starts_with(root.canonicalize().ok()?));
    if inside(&path) == Some(false) {
        let what = format!("its template {name} lies outside the assembly");
        return Err(Error::failed("assembly.path_escapes", "reading a nested stack", what).next("synthesize the app again"));
    }
    if !path.is_file() {
        return Ok(None);
    }
    match std::fs::read_to_string(&path) {
        Ok(text) => diff::parse_template(&text).map(Some),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(Error::io("reading a nested template", &path, e)),
    }
}
