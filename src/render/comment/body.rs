//! Gives room to the parts of a text about stages by importance, and says exactly what found none.

use crate::plan::card::Card;
use crate::render::cards::Apps;
use crate::render::markdown;
use crate::render::markdown::escape::link;
use crate::render::markdown::fit::{Budget, LeftOut};
use crate::render::markdown::stack::Fold;

use super::danger::dangers;
use super::failure::failures;
use super::remark::remarks;
use super::section::Section;
use super::table::table;

/// An address for the rest is at most this long, or it is not given.
const URL_CHARS: usize = 300;

/// A part that is made whole or shortened, and how many of its lines are missing.
type Part = fn(&[&Card], &mut Budget) -> (String, usize);

/// What stands for all stages, in order of importance, with the share of the room that each may take at first.
const PARTS: [(Part, usize); 4] = [(table, 35), (dangers, 50), (failures, 60), (remarks, 60)];

/// Whether the table of stages is wanted; one stage alone needs none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    Shown,
    Hidden,
}

/// How the text is laid out.
#[derive(Clone, Copy, Debug)]
pub struct Layout<'a> {
    pub table: Table,
    pub sections: Fold,
    /// Where everything can be read: see [`whole`].
    pub whole: &'a str,
}

/// Table, dangers, failures, remarks, a section for each stage, and what was left out with where it is ([`whole`], whose
/// room the budget holds already).
pub fn body(cards: &[&Card], budget: &mut Budget, layout: Layout<'_>) -> String {
    let mut parts = PARTS.map(|(part, percent)| {
        let mut share = budget.split(percent);
        let made = part(cards, &mut share);
        budget.give_back(share);
        made
    });
    // what is important is whole before there is any room for details
    for (made, (part, _)) in parts.iter_mut().zip(PARTS) {
        if made.1 > 0 {
            budget.release(&made.0);
            *made = part(cards, budget);
        }
    }
    if layout.table == Table::Hidden
        && let Some(table) = parts.first_mut()
    {
        budget.release(&table.0);
        *table = (String::new(), 0);
    }
    let [(table, stages), (dangers, danger_lines), (failures, failed), (remarks, remarks_left)] = parts;
    let mut left =
        LeftOut { stages, dangers: danger_lines, failures: failed, remarks: remarks_left, ..LeftOut::default() };
    let sections = sections(cards, budget, layout.sections, &mut left);
    let sentence = left.sentence(layout.whole);
    format!("{table}{dangers}{failures}{remarks}{sections}{sentence}")
}

fn sections(cards: &[&Card], budget: &mut Budget, fold: Fold, left: &mut LeftOut) -> String {
    let apps = Apps::of(cards);
    let mut sections: Vec<Section<'_>> = cards.iter().filter_map(|card| Section::of(card, apps, fold)).collect();
    for step in [Section::add_dangers, Section::add_tables, Section::add_notable, Section::add_the_rest] {
        fairly(&mut sections, budget, step);
    }
    sections.into_iter().map(|section| section.finish(left)).collect()
}

/// Each stage has an equal share first; what others did not use goes to those who need more.
fn fairly<'a>(sections: &mut [Section<'a>], budget: &mut Budget, step: fn(&mut Section<'a>, &mut Budget)) {
    let n = sections.len();
    for (i, section) in sections.iter_mut().enumerate() {
        let mut share = budget.share(n - i);
        step(section, &mut share);
        budget.give_back(share);
    }
    for section in sections {
        step(section, budget);
    }
}

/// Where everything can be read: the address if there is one, and the shell commands that print the plans.
pub fn whole(cards: &[&Card], full_url: Option<&str>) -> String {
    let mut commands: Vec<String> = Vec::new();
    for plan in cards.iter().filter_map(|c| c.plan.as_ref()).filter(|p| p.has_changes()) {
        let command = markdown::show(plan);
        if !commands.contains(&command) {
            commands.push(command);
        }
    }
    let page = full_url.filter(|url| url.len() <= URL_CHARS).map(|url| link("the whole text", url));
    let plans = match commands.as_slice() {
        [] => None,
        [one] => Some(format!("the whole plan: {one}")),
        [first, ..] => Some(format!("a whole plan by its digest: {first}")),
    };
    let parts: Vec<String> = page.into_iter().chain(plans).collect();
    match parts.is_empty() {
        true => String::new(),
        false => format!("To read: {}.", parts.join("; ")),
    }
}
