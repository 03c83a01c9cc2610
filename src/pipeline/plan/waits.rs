//! Which stacks must wait with their change set, because what they import is not exported yet.

use std::collections::BTreeSet;

use super::survey::{Surveyed, Verdict};
use crate::diff;
use crate::plan::stored::Recovery;

/// For each stack, by index, the names of the stacks whose apply its change set must wait for.
pub(super) fn waits(surveyed: &[Surveyed]) -> Vec<Vec<String>> {
    let coming: Vec<Coming> = surveyed.iter().filter(|s| s.verdict.is_changed()).map(Coming::of).collect();
    surveyed
        .iter()
        .map(|s| {
            if matches!(s.verdict, Verdict::Unchanged(_)) {
                return Vec::new();
            }
            let (imports, reads) = (diff::imported(&s.new), diff::outputs_read(&s.new));
            let needs = |c: &&Coming| {
                let reads_output = reads.iter().any(|(stack, output)| *stack == c.name && c.outputs.contains(output));
                c.index != s.index && (reads_output || !c.exports.is_disjoint(&imports))
            };
            coming.iter().filter(needs).map(|c| c.name.clone()).collect()
        })
        .collect()
}

/// What a stack will give to others once it is deployed, and does not give now.
struct Coming {
    index: usize,
    name: String,
    exports: BTreeSet<String>,
    outputs: BTreeSet<String>,
}

impl Coming {
    fn of(s: &Surveyed) -> Coming {
        let gone = s.recipe.recovery == Recovery::DeleteFirst;
        let old = s.old.as_ref().filter(|_| !gone);
        let fresh = |names: fn(&serde_json::Value) -> BTreeSet<String>| {
            let before = old.map(names).unwrap_or_default();
            names(&s.new).difference(&before).cloned().collect()
        };
        Coming {
            index: s.index,
            name: s.name.clone(),
            exports: fresh(diff::exported),
            outputs: fresh(diff::output_names),
        }
    }
}
