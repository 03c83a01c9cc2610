//! Puts the stacks of all levels into deployment order, following dependencies across Stages.

use std::collections::{BTreeMap, BTreeSet};

use super::Stack;
use crate::error::{Error, Result};

/// What an artifact of one assembly stands for, by its id there.
#[derive(Debug, Default)]
pub(super) struct Level {
    /// Artifact id → the stacks inside (a stack itself; all stacks of a nested assembly).
    pub stacks: BTreeMap<String, Vec<usize>>,
    /// Artifact id → ids of the same assembly that it depends on.
    pub depends: BTreeMap<String, Vec<String>>,
}

impl Level {
    /// The stacks that come before whatever depends on `id`: the artifact's own, or those behind an artifact without any.
    fn behind(&self, id: &str, seen: &mut BTreeSet<String>, found: &mut BTreeSet<usize>) {
        if !seen.insert(id.to_owned()) {
            return;
        }
        match self.stacks.get(id) {
            Some(stacks) => found.extend(stacks),
            None => self.depends.get(id).into_iter().flatten().for_each(|next| self.behind(next, seen, found)),
        }
    }
}

/// Edges of all levels: for each stack the indexes of the stacks before it.
pub(super) fn edges(levels: &[Level], count: usize) -> Vec<BTreeSet<usize>> {
    let mut edges = vec![BTreeSet::new(); count];
    for level in levels {
        for (id, stacks) in &level.stacks {
            let mut before = BTreeSet::new();
            let mut seen = BTreeSet::from([id.clone()]);
            level.depends.get(id).into_iter().flatten().for_each(|next| level.behind(next, &mut seen, &mut before));
            for stack in stacks {
                if let Some(own) = edges.get_mut(*stack) {
                    own.extend(before.iter().filter(|b| !stacks.contains(b)));
                }
            }
        }
    }
    edges
}

/// Stable topological order; a cycle is an error that names the stacks in it.
pub(super) fn sort(stacks: Vec<Stack>, edges: &[BTreeSet<usize>]) -> Result<Vec<Stack>> {
    let mut place: Vec<Option<usize>> = vec![None; stacks.len()];
    let mut order = Vec::with_capacity(stacks.len());
    while order.len() < stacks.len() {
        let ready = (0..stacks.len()).find(|i| {
            place.get(*i).is_some_and(Option::is_none)
                && edges.get(*i).is_none_or(|e| e.iter().all(|b| place.get(*b).is_some_and(Option::is_some)))
        });
        let Some(next) = ready else {
            let stuck = stacks.iter().zip(&place).filter(|(_, p)| p.is_none()).map(|(s, _)| s.display_name.as_str());
            let names = stuck.collect::<Vec<_>>().join(", ");
            return Err(Error::failed(
                "assembly.dependency_cycle",
                "ordering the app's stacks",
                format!("these stacks depend on each other in a circle: {names}"),
            )
            .next("remove one of the dependencies between them (addDependency, or a reference across stacks)"));
        };
        if let Some(p) = place.get_mut(next) {
            *p = Some(order.len());
        }
        order.push(next);
    }
    let mut sorted: Vec<(usize, Stack)> = Vec::with_capacity(stacks.len());
    for (index, mut stack) in stacks.into_iter().enumerate() {
        let before = edges.get(index).into_iter().flatten();
        stack.depends_on = before.filter_map(|b| place.get(*b).copied().flatten()).collect();
        stack.depends_on.sort_unstable();
        sorted.push((place.get(index).copied().flatten().unwrap_or(index), stack));
    }
    sorted.sort_by_key(|(p, _)| *p);
    Ok(sorted.into_iter().map(|(_, stack)| stack).collect())
}
