//! Stage names with a hole: how they are filled, and which names they could give.

use crate::names::{Digest, MAX_STAGE, StageName, safe_stage};

/// What a name is filled with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hole {
    Branch,
    Tag,
    Number,
}

/// A name of a rule: `prod`, or `pr-` + number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Template<'a> {
    pub head: &'a str,
    pub hole: Option<Hole>,
    pub tail: &'a str,
}

impl<'a> Template<'a> {
    pub fn of(name: &'a str) -> Self {
        for (mark, hole) in [("{branch}", Hole::Branch), ("{tag}", Hole::Tag), ("{number}", Hole::Number)] {
            if let Some((head, tail)) = name.split_once(mark) {
                return Template { head, hole: Some(hole), tail };
            }
        }
        Template { head: name, hole: None, tail: "" }
    }

    /// The name with `text` in its hole. Only that text is made safe; a name that grows too long is cut and hashed.
    pub fn fill(&self, text: &str) -> StageName {
        let safe = match self.hole {
            None => return StageName::from(self.head),
            Some(Hole::Number) => text.to_owned(),
            Some(Hole::Branch | Hole::Tag) => safe_stage(text).as_str().to_owned(),
        };
        let name = format!("{}{safe}{}", self.head, self.tail);
        if name.len() <= MAX_STAGE { StageName::from(name) } else { hashed(&name, text) }
    }

    /// Whether this template could give `name`.
    pub fn gives(&self, name: &str) -> bool {
        let Some(hole) = self.hole else { return self.head == name };
        let middle = name.strip_prefix(self.head).and_then(|rest| rest.strip_suffix(self.tail));
        middle.is_some_and(|text| match hole {
            Hole::Number => !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()),
            Hole::Branch | Hole::Tag => !text.is_empty(),
        })
    }

    /// The more is fixed, the stronger the claim to a name: fixed, then numbers, then the longest text around the hole.
    pub fn rank(&self) -> (u8, usize) {
        let claim = match self.hole {
            None => 2,
            Some(Hole::Number) => 1,
            Some(Hole::Branch | Hole::Tag) => 0,
        };
        (claim, self.head.len() + self.tail.len())
    }
}

/// `name` told apart by a short hash of `text`, never longer than a stage name may be.
pub(super) fn hashed(name: &str, text: &str) -> StageName {
    let hash = Digest::of(text);
    let hash: String = hash.as_str().chars().take(6).collect();
    let kept: String = name.chars().take(MAX_STAGE - 7).collect();
    StageName::from(format!("{}-{hash}", kept.trim_end_matches('-')))
}
