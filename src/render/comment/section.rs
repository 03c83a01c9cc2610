//! The folded section of one stage: what its plan is bound to, its stacks, the last result, outputs, notes.

use crate::plan::card::{Card, CardState};
use crate::plan::outcome::{Applied, Ended};
use crate::plan::{Plan, StackPlan};
use crate::render::cards::{self, Apps};
use crate::render::facts;
use crate::render::markdown::escape::{code, html_code_within, text};
use crate::render::markdown::fit::{Budget, LeftOut};
use crate::render::markdown::result::{OUTPUTS, RESULTS, own_output_rows, timeless_row};
use crate::render::markdown::stack::{Details, Fold, Tense};
use crate::render::markdown::{self, STACKS};
use crate::render::outcome;

const CLOSE: &str = "\n</details>\n";

/// Lines under a heading of which some may find no room: the heaviest are taken first, all stand in their order.
struct Block {
    heading: String,
    lines: Vec<(u8, String)>,
    shown: String,
    missing: usize,
}

impl Block {
    fn new(heading: &str, lines: impl IntoIterator<Item = (u8, String)>) -> Self {
        let lines: Vec<(u8, String)> = lines.into_iter().collect();
        Block { heading: heading.to_owned(), missing: lines.len(), lines, shown: String::new() }
    }

    fn fill(&mut self, budget: &mut Budget) {
        if self.missing == 0 {
            return;
        }
        budget.release(&self.shown);
        let mut order: Vec<(usize, &(u8, String))> = self.lines.iter().enumerate().collect();
        order.sort_by_key(|(i, (weight, _))| (std::cmp::Reverse(*weight), *i));
        let mut taken: Vec<(usize, &str)> = Vec::new();
        for (i, (_, line)) in order {
            let lead = if taken.is_empty() { self.heading.as_str() } else { "" };
            if budget.take(&format!("{lead}{line}")) {
                taken.push((i, line));
            }
        }
        taken.sort_by_key(|(i, _)| *i);
        self.missing = self.lines.len() - taken.len();
        let lead = if taken.is_empty() { "" } else { self.heading.as_str() };
        self.shown = taken.into_iter().fold(lead.to_owned(), |text, (_, line)| text + line);
    }
}

/// One stage with everything that can be shown of it.
pub struct Section<'a> {
    opening: String,
    /// Whether anything of it found room.
    open: bool,
    details: Option<Details<'a>>,
    table: Block,
    results: Block,
    outputs: Block,
    notes: Block,
}

impl<'a> Section<'a> {
    /// Nothing where the row in the table of stages says everything.
    pub fn of(card: &'a Card, apps: Apps, fold: Fold) -> Option<Self> {
        if matches!(card.state, CardState::Unchanged | CardState::Removed) {
            return None;
        }
        let plan = card.plan.as_ref().filter(|p| p.has_changes());
        let applied = card.applied.as_ref().filter(|a| plan.is_none() || !went_well(a));
        if plan.is_none() && applied.is_none() && card.outputs.values().all(|o| o.is_empty()) {
            return None;
        }
        let changed: Vec<&StackPlan> = plan.map(facts::changed).unwrap_or_default();
        let inner = if changed.len() == 1 { Fold::Open } else { Fold::Closed };
        let tense = if card.state == CardState::Deployed { Tense::Past } else { Tense::Future };
        let rows = plan.into_iter().flat_map(|plan| {
            facts::changed(plan).into_iter().map(move |stack| (facts::weight(stack), markdown::row(plan, stack)))
        });
        let removal = card.state == CardState::RemoveFailed;
        let results = applied.into_iter().flat_map(|a| &a.stacks).filter(|s| s.ended != Ended::Unchanged);
        let (outputs, between) = own_output_rows(card.outputs.iter());
        let hidden = if between == 0 { String::new() } else { format!(", without {between} that only stacks read") };
        let notes = plan.iter().flat_map(|p| &p.notes).chain(applied.into_iter().flat_map(|a| &a.notes));
        Some(Section {
            opening: opening(card, plan, apps, fold),
            open: false,
            details: plan.map(|plan| Details::of(plan, inner, tense)),
            table: Block::new(STACKS, rows),
            results: Block::new(
                &format!("\n**{}**\n{RESULTS}", if removal { "Last removal" } else { "Last deploy" }),
                results.map(|s| (u8::from(s.ended != Ended::Done), timeless_row(s))),
            ),
            outputs: Block::new(
                &format!("\n**Outputs now**{hidden}\n{OUTPUTS}"),
                outputs.into_iter().map(|row| (u8::from(row.contains("| <http")), row)),
            ),
            notes: Block::new("\n**Notes**\n\n", notes.map(|note| (0, format!("- {}\n", text(note))))),
        })
    }

    pub fn add_dangers(&mut self, budget: &mut Budget) {
        self.add(budget, |section, budget| section.detail(Details::add_dangers, budget));
    }

    pub fn add_tables(&mut self, budget: &mut Budget) {
        self.add(budget, |section, budget| {
            // one long table may not eat the room of the others
            let blocks = [&mut section.results, &mut section.table, &mut section.outputs, &mut section.notes];
            for (block, percent) in blocks.into_iter().zip([60, 60, 60, 100]) {
                let mut share = budget.split(percent);
                block.fill(&mut share);
                budget.give_back(share);
            }
        });
    }

    pub fn add_notable(&mut self, budget: &mut Budget) {
        self.add(budget, |section, budget| section.detail(Details::add_notable, budget));
    }

    pub fn add_the_rest(&mut self, budget: &mut Budget) {
        self.add(budget, |section, budget| section.detail(Details::add_the_rest, budget));
    }

    fn detail(&mut self, add: fn(&mut Details<'a>, &mut Budget), budget: &mut Budget) {
        if let Some(details) = &mut self.details {
            add(details, budget);
        }
    }

    /// Opens the section with the first thing that finds room in it; an empty one helps nobody.
    fn add(&mut self, budget: &mut Budget, step: impl FnOnce(&mut Self, &mut Budget)) {
        let frame = format!("{}{CLOSE}", self.opening);
        if self.open {
            step(self, budget);
        } else if budget.take(&frame) {
            step(self, budget);
            let blocks = [&self.results, &self.table, &self.outputs, &self.notes];
            self.open =
                blocks.iter().any(|b| !b.shown.is_empty()) || self.details.as_ref().is_some_and(|d| !d.is_empty());
            if !self.open {
                budget.release(&frame);
            }
        }
    }

    /// The text; what found no room is added to `left`.
    pub fn finish(self, left: &mut LeftOut) -> String {
        left.sections += usize::from(!self.open);
        left.rows += self.table.missing;
        left.results += self.results.missing;
        left.outputs += self.outputs.missing;
        left.notes += self.notes.missing;
        let details = self.details.map(|d| d.finish(left)).unwrap_or_default();
        if !self.open {
            return String::new();
        }
        let [table, results, outputs, notes] = [self.table, self.results, self.outputs, self.notes].map(|b| b.shown);
        format!("{}{results}{table}{details}{outputs}{notes}{CLOSE}", self.opening)
    }
}

/// Everything that was begun was done: the plan's own table says the same.
fn went_well(applied: &Applied) -> bool {
    applied.stacks.iter().all(|s| matches!(s.ended, Ended::Done | Ended::Unchanged)) && applied.notes.is_empty()
}

fn opening(card: &Card, plan: Option<&Plan>, apps: Apps, fold: Fold) -> String {
    let stage = html_code_within(&cards::name(card, apps), super::NAME_CHARS);
    let what = match (plan, &card.applied) {
        (_, Some(applied)) if card.state == CardState::Deployed => result(applied),
        (Some(plan), _) => facts::headline(plan),
        (None, Some(applied)) => result(applied),
        (None, None) => "outputs".to_owned(),
    };
    let mut out = format!("\n{}<summary><b>{stage}</b>: {what}</summary>\n", fold.tag());
    if let Some(plan) = plan {
        out.push_str(&format!(
            "\nPlan {} of commit {}{}, account {}, {}.\n",
            code(&facts::digest(&plan.digest)),
            code(&facts::revision(&card.head)),
            if card.base.is_empty() {
                String::new()
            } else {
                format!(" on base {}", code(&facts::revision(&card.base)))
            },
            code(&plan.account),
            code(&plan.region)
        ));
    }
    out
}

/// What the apply came to, without how long it took.
fn result(applied: &Applied) -> String {
    let timeless = Applied { timings: Default::default(), digest: String::new(), ..applied.clone() };
    outcome::summary(&timeless)
}
