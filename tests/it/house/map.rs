//! The map in ARCHITECTURE.md: one line for each file, made from the first lines of the sources.

use std::collections::BTreeMap;

use super::source::{self, Source};

pub const BEGIN: &str = "<!-- map: `OFFSHOOT_WRITE_DOCS=1 cargo test --test it house` writes this part -->";
pub const END: &str = "<!-- end of map -->";

/// Rooms in the order in which `lib.rs` declares them, each under its heading.
const HEADINGS: &[(&str, &str)] = &[
    ("", "The door"),
    ("cli", "Ways in"),
    ("pipeline", "The pipeline, in its order"),
    ("names", "The words"),
    ("git", "The outside"),
    ("error", "Everywhere"),
];

/// The map as it should stand between [`BEGIN`] and [`END`].
pub fn map(sources: &[Source]) -> String {
    let shipped: Vec<&Source> = sources.iter().filter(|s| !s.for_tests).collect();
    let ranks = ranks(&shipped);
    let mut files: Vec<(&Vec<usize>, &Source)> =
        shipped.iter().filter_map(|s| Some((ranks.get(&s.path)?, *s))).collect();
    files.sort_by_key(|(rank, s)| ((*rank).clone(), s.path.clone()));
    let mut lines = Vec::new();
    let mut last = None;
    for (_, source) in files {
        let room = source.module().first().cloned().unwrap_or_default();
        if last.as_ref() != Some(&room)
            && let Some((_, heading)) = HEADINGS.iter().find(|(first, _)| *first == room)
        {
            lines.push(format!("\n### {heading}\n"));
        }
        last = Some(room);
        lines.push(format!("- `{}`: {}", source.path, purpose(source)));
    }
    format!("{}\n", lines.join("\n"))
}

/// The first line of a file, without its `//!`.
fn purpose(source: &Source) -> &str {
    source.text.lines().next().and_then(|l| l.strip_prefix("//! ")).unwrap_or_default()
}

/// Where each file stands: the order of the `mod` lines above it, `mod.rs` before the files beside it.
fn ranks(shipped: &[&Source]) -> BTreeMap<String, Vec<usize>> {
    let declared: BTreeMap<Vec<String>, Vec<String>> =
        shipped.iter().filter(|s| s.path != "src/main.rs").map(|s| (s.module(), source::declared(&s.code))).collect();
    let mut ranks = BTreeMap::new();
    for source in shipped {
        let module = source.module();
        let rank: Vec<usize> = (0..module.len())
            .map(|depth| {
                let siblings = declared.get(&module[..depth]);
                siblings.and_then(|names| names.iter().position(|n| *n == module[depth])).unwrap_or(usize::MAX)
            })
            .collect();
        ranks.insert(source.path.clone(), rank);
    }
    ranks
}

/// The document with its map replaced. `None` when the markers are missing.
pub fn replaced(document: &str, map: &str) -> Option<String> {
    let begin = document.find(BEGIN)? + BEGIN.len();
    let end = begin + document.get(begin..)?.find(END)?;
    Some(format!("{}\n{map}\n{}", &document[..begin], &document[end..]))
}

/// Lines that are in one text and not in the other, as `+ wanted` and `- stale`.
pub fn difference(found: &str, wanted: &str) -> Vec<String> {
    let lines = |text: &str| text.lines().filter(|l| l.starts_with("- `")).map(str::to_owned).collect::<Vec<_>>();
    let (found, wanted) = (lines(found), lines(wanted));
    let missing = wanted.iter().filter(|l| !found.contains(l)).map(|l| format!("missing: {l}"));
    let stale = found.iter().filter(|l| !wanted.contains(l)).map(|l| format!("stale:   {l}"));
    missing.chain(stale).collect()
}
