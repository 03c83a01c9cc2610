//! Gives room to many lines of many stages in turns, so that no stage's lines push out another's.

use crate::render::markdown::fit::Budget;

/// One line or block, and a shorter one where there is no room for it.
#[derive(Clone, Debug, Default)]
pub struct Item {
    pub full: String,
    pub short: Option<String>,
}

impl Item {
    pub fn new(full: String) -> Self {
        Item { full, short: None }
    }
}

/// The lines of one stage.
#[derive(Clone, Debug, Default)]
pub struct Group {
    /// Stands over the group when at least one of its lines does.
    pub heading: String,
    pub items: Vec<Item>,
}

/// As many items as fit: the first of every group, then the second of every group, and so on. They stand group by
/// group under `heading`. Also gives how many found no room.
pub fn in_turns(heading: &str, groups: &[Group], budget: &mut Budget) -> (String, usize) {
    let mut taken: Vec<(String, usize)> = groups.iter().map(|_| (String::new(), 0)).collect();
    let mut begun = false;
    let rounds = groups.iter().map(|g| g.items.len()).max().unwrap_or(0);
    for round in 0..rounds {
        for (group, (text, shown)) in groups.iter().zip(&mut taken) {
            let Some(item) = group.items.get(round) else { continue };
            let lead = if *shown == 0 { group.heading.as_str() } else { "" };
            let top = if begun { "" } else { heading };
            let fits = [Some(&item.full), item.short.as_ref()]
                .into_iter()
                .flatten()
                .find(|line| budget.take(&format!("{top}{lead}{line}")));
            if let Some(line) = fits {
                text.push_str(lead);
                text.push_str(line);
                *shown += 1;
                begun = true;
            }
        }
    }
    let total: usize = groups.iter().map(|g| g.items.len()).sum();
    let shown: usize = taken.iter().map(|(_, n)| n).sum();
    let text: String = taken.into_iter().map(|(text, _)| text).collect();
    (if begun { format!("{heading}{text}") } else { text }, total - shown)
}
