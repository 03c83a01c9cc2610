//! Keeps Markdown under a limit: room is given out by importance, and what found none is counted exactly.

use crate::plan::Plan;
use crate::render::facts;
use crate::render::text::{list, thousands};

use super::escape::{code, length};

/// Room for the sentence that says what was left out.
const SENTENCE_CHARS: usize = 500;

/// The room that is left.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    left: usize,
}

impl Budget {
    /// `fixed` is what will stand in the text in any case.
    pub fn new(limit_chars: usize, fixed: &str) -> Self {
        Budget { left: limit_chars.saturating_sub(length(fixed) + SENTENCE_CHARS) }
    }

    /// An equal share for each of `n` who still wait for one.
    pub fn share(&mut self, n: usize) -> Self {
        let share = Budget { left: self.left / n.max(1) };
        self.left -= share.left;
        share
    }

    /// Sets a share of the room apart; what is not used of it comes back by [`Budget::give_back`].
    pub fn split(&mut self, percent: usize) -> Self {
        let share = Budget { left: self.left * percent / 100 };
        self.left -= share.left;
        share
    }

    pub fn give_back(&mut self, share: Self) {
        self.left += share.left;
    }

    /// Gives the room of a text back that will be made anew.
    pub fn release(&mut self, text: &str) {
        self.left += length(text);
    }

    /// Takes the room for `text`, or says that there is not enough.
    pub fn take(&mut self, text: &str) -> bool {
        let needed = length(text);
        let fits = needed <= self.left;
        if fits {
            self.left -= needed;
        }
        fits
    }

    /// Replaces a text that already has its room by another one.
    pub fn exchange(&mut self, old: &str, new: &str) -> bool {
        let (old, new) = (length(old), length(new));
        let fits = new <= self.left + old;
        if fits {
            self.left = self.left + old - new;
        }
        fits
    }

    /// As many lines as fit, under a heading that stands only over at least one; and how many did not fit.
    pub fn take_lines(&mut self, heading: &str, lines: &[String]) -> (String, usize) {
        let Some(first) = lines.first() else { return (String::new(), 0) };
        let mut out = format!("{heading}{first}");
        if !self.take(&out) {
            return (String::new(), lines.len());
        }
        let mut taken = 1;
        for line in lines.iter().skip(1) {
            if !self.take(line) {
                break;
            }
            out.push_str(line);
            taken += 1;
        }
        (out, lines.len() - taken)
    }
}

/// How much found no room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    pub dangers: usize,
    pub failures: usize,
    pub remarks: usize,
    /// Stages of the table of stages, and stages without a section.
    pub stages: usize,
    pub sections: usize,
    pub rows: usize,
    pub notes: usize,
    pub details: usize,
    pub resources: usize,
    pub properties: usize,
    pub access: usize,
    pub functions: usize,
    pub outputs: usize,
    pub results: usize,
}

impl LeftOut {
    /// One paragraph, `whole` saying where everything is; empty when nothing is missing.
    pub fn sentence(&self, whole: &str) -> String {
        let parts: Vec<String> = [
            (self.dangers, "danger", "dangers"),
            (self.failures, "failure", "failures"),
            (self.remarks, "remark", "remarks"),
            (self.stages, "stage of the table", "stages of the table"),
            (self.sections, "stage in detail", "stages in detail"),
            (self.rows, "stack of the table", "stacks of the table"),
            (self.details, "stack in detail", "stacks in detail"),
            (self.access, "access change", "access changes"),
            (self.resources, "resource", "resources"),
            (self.properties, "changed property", "changed properties"),
            (self.functions, "function", "functions"),
            (self.outputs, "output", "outputs"),
            (self.results, "stack's result", "stacks' results"),
            (self.notes, "note", "notes"),
        ]
        .into_iter()
        .filter(|(n, ..)| *n > 0)
        .map(|(n, one, many)| format!("{} {}", thousands(n as u64), if n == 1 { one } else { many }))
        .collect();
        if parts.is_empty() {
            return String::new();
        }
        format!("\n**Shortened to fit.** Left out: {}. {whole}\n", list(&parts))
    }
}

/// `text` if it is within the limit, else the shortest thing worth saying, cut if even that is too long.
pub fn minimal(text: String, plan: &Plan, limit_chars: usize) -> String {
    if length(&text) <= limit_chars {
        return text;
    }
    let digest = facts::digest(&plan.digest);
    let danger = match facts::destroys(plan) {
        what if what.is_empty() => what,
        what => format!(" The plan {what}."),
    };
    let text = format!(
        "{}.{danger} Too long for this place; read it with {}\n",
        facts::headline(plan),
        code(&format!("offshoot show {digest}"))
    );
    chop(&text, limit_chars)
}

/// The first `limit` UTF-16 units.
pub fn chop(text: &str, limit: usize) -> String {
    let mut used = 0;
    text.chars()
        .take_while(|c| {
            used += c.len_utf16();
            used <= limit
        })
        .collect()
}
