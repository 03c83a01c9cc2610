//! The job summary: the whole report as Markdown, within what GitHub takes of one step.

use std::io::Write as _;
use std::path::Path;

use crate::error::{Error, Result};
use crate::plan::card::{Card, Trouble};
use crate::render;
use crate::review::Handled;

/// GitHub drops the summary of a step that is larger in all.
const LARGEST_BYTES: usize = render::summary::SUMMARY_BYTES;
const CUT: &str = "\n\n**The rest is left out here: GitHub takes at most 1 MiB. The log of the step has it all.**\n";

/// All that there is to say.
pub fn whole(handled: &Handled) -> String {
    let cards: Vec<Card> = handled.stages.iter().map(|s| s.card.clone()).collect();
    // what is in a card already is told with its stage
    let untold = handled.stages.iter().filter(|s| s.card.trouble.is_none()).filter_map(|s| s.error.as_ref());
    let troubles: Vec<Trouble> = handled.errors.iter().chain(untold).map(Trouble::of).collect();
    render::summary::summary(&cards, &handled.notes, &troubles)
}

/// Adds the text to the step's summary, cut to what is left of the step's room. Nothing is written where there is no file.
pub fn append(file: Option<&Path>, text: &str) -> Result<()> {
    let Some(file) = file else { return Ok(()) };
    let doing = "writing the job summary";
    let there = std::fs::metadata(file).map(|m| usize::try_from(m.len()).unwrap_or(usize::MAX)).unwrap_or(0);
    let room = LARGEST_BYTES.saturating_sub(there);
    let mut options = std::fs::OpenOptions::new();
    let mut opened = options.append(true).create(true).open(file).map_err(|e| Error::io(doing, file, e))?;
    opened.write_all(fit(text, room).as_bytes()).map_err(|e| Error::io(doing, file, e))
}

/// At most `room` bytes; cut at the end of a line, and said so.
fn fit(text: &str, room: usize) -> String {
    if text.len() <= room {
        return text.to_owned();
    }
    let Some(most) = room.checked_sub(CUT.len()) else { return String::new() };
    let end = (0..=most).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0);
    let kept = text.get(..end).unwrap_or_default();
    let kept = kept.rsplit_once('\n').map_or(kept, |(lines, _)| lines);
    format!("{kept}{CUT}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_keeps_to_the_room_that_is_left() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("summary");
        std::fs::write(&file, "x".repeat(LARGEST_BYTES - 1_000)).expect("writing");
        append(Some(&file), &"a line with é\n".repeat(500)).expect("appending");
        let text = std::fs::read_to_string(&file).expect("a summary");
        assert!(text.len() <= LARGEST_BYTES, "{}", text.len());
        assert!(text.ends_with(CUT));
        append(Some(&file), "no room\nfor this\n".repeat(100).as_str()).expect("appending");
        assert!(std::fs::metadata(&file).expect("a file").len() as usize <= LARGEST_BYTES);
    }

    #[test]
    fn what_went_wrong_is_told_without_markup_from_outside() {
        let handled = Handled {
            notes: vec!["Pull request #7 of @somebody".into()],
            errors: vec![Error::failed("x", "reading <b>", "`a` | [x](y)").next("do *this*")],
            ..Handled::default()
        };
        insta::assert_snapshot!(whole(&handled), @r"
        ### Offshoot

        **Stopped**: reading &lt;b&gt;

        ```
        `a` | [x](y)
        ```

        Next: do \*this\*

        Code: `x`

        **Notes**

        - Pull request \#&#8203;7 of @&#8203;somebody
        ");
        insta::assert_snapshot!(whole(&Handled::default()), @r"
        ### Offshoot

        **No stage is concerned.**
        ");
    }
}
