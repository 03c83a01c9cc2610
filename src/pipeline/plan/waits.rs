//! Which stacks must wait with their change set, because what they import is not exported yet.

use std::collections::BTreeSet;

use super::survey::{Surveyed, Verdict};
use crate::assembly::Assembly;
use crate::diff;
use crate::plan::stored::Recovery;

/// For each stack, by index, the names of the stacks whose apply its change set must wait for.
pub(super) fn waits(assembly: &Assembly, surveyed: &[Surveyed]) -> Vec<Vec<String>> {
    let new_exports: Vec<(usize, BTreeSet<String>)> = surveyed
        .iter()
        .filter(|s| s.verdict.is_changed())
        .map(|s| {
            let gone = s.recipe.recovery == Recovery::DeleteFirst;
            let old = s.old.as_ref().filter(|_| !gone).map(diff::exported).unwrap_or_default();
            (s.index, diff::exported(&s.new).difference(&old).cloned().collect())
        })
        .collect();
    surveyed
        .iter()
        .map(|s| {
            if matches!(s.verdict, Verdict::Unchanged(_)) {
                return Vec::new();
            }
            let imports = diff::imported(&s.new);
            let waits_for = |(index, exports): &(usize, BTreeSet<String>)| {
                (*index != s.index && !exports.is_disjoint(&imports)).then(|| assembly.stacks.get(*index).map(|s| s.name.to_string())).flatten()
            };
            new_exports.iter().filter_map(waits_for).collect()
        })
        .collect()
}
