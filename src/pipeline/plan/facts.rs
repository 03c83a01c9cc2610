//! Fills in what a change set does not say: IAM, network, functions, outputs; and takes secrets out.

use std::collections::BTreeMap;

use super::Planner;
use super::nested::Pair;
use super::survey::Surveyed;
use crate::diff;
use crate::plan::StackPlan;

pub(super) fn fill(
    planner: &Planner<'_>,
    surveyed: &Surveyed,
    sizes: &BTreeMap<String, u64>,
    inside: &[Pair],
    plan: &mut StackPlan,
) {
    let (old, new) = (surveyed.old.as_ref(), Some(&surveyed.new));
    let stack = planner.assembly.stacks.get(surveyed.index);
    let paths = |id: &str| stack.and_then(|s| s.construct_path(id));
    plan.iam = diff::iam(old, new);
    plan.network = diff::network(old, new);
    for pair in inside {
        plan.iam.extend(diff::iam(pair.old.as_ref(), pair.new.as_ref()));
        plan.network.extend(diff::network(pair.old.as_ref(), pair.new.as_ref()));
    }
    plan.outputs = diff::outputs_with(old, new, planner.target.secrets);
    plan.functions = diff::functions(old, new, &paths);
    for function in &mut plan.functions {
        let hash = |template| diff::function_code(template, &function.logical_id).map(|(_, key)| hash_of(&key));
        let before = surveyed.old.as_ref().and_then(hash);
        let after = hash(&surveyed.new);
        function.size_before = before.and_then(|h| sizes.get(&h).copied().or_else(|| kept_size(planner, &h)));
        function.size_after = after.as_ref().and_then(|h| sizes.get(h).copied());
        if let Some(bundle) = after.and_then(|h| planner.bench.bundles.get(&h)) {
            function.sources = bundle.sources.clone();
        }
    }
}

/// The content hash in an asset's object key: `prefix/<hash>.zip`.
fn hash_of(key: &str) -> String {
    let name = key.rsplit('/').next().unwrap_or(key);
    name.split('.').next().unwrap_or(name).to_owned()
}

/// The size of a zip that an earlier run of this machine made.
fn kept_size(planner: &Planner<'_>, hash: &str) -> Option<u64> {
    std::fs::metadata(
        super::zips(&planner.bench.cache_dir, planner.target.repository.as_str()).join(format!("{hash}.zip")),
    )
    .ok()
    .map(|m| m.len())
}
