//! How output is dressed: colour, width and how much of it is shown.

use anstyle::{AnsiColor, Style as Ansi};

/// Whether escape codes are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    On,
    Off,
}

/// How much is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// What fits a person's patience; says how much was left out.
    Short,
    /// Everything.
    Full,
}

/// How terminal output is dressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    pub colour: Colour,
    /// Columns of the terminal; lines are cut or wrapped to it. Less than 40 counts as 40.
    pub width: usize,
    pub detail: Detail,
}

impl Default for Style {
    /// No colour, 100 columns, short: what a log in CI gets.
    fn default() -> Self {
        Style { colour: Colour::Off, width: 100, detail: Detail::Short }
    }
}

/// What a piece of text means, which decides its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    Plain,
    Heading,
    Faint,
    Good,
    Change,
    Danger,
    Alarm,
    Link,
}

impl Style {
    pub(crate) fn columns(&self) -> usize {
        self.width.max(40)
    }

    /// `text` in the colour of its tone; the text itself must already be cut and aligned.
    pub(crate) fn paint(&self, tone: Tone, text: &str) -> String {
        let ansi = match tone {
            Tone::Plain => return text.to_owned(),
            Tone::Heading => Ansi::new().bold(),
            Tone::Faint => Ansi::new().dimmed(),
            Tone::Good => AnsiColor::Green.on_default(),
            Tone::Change => AnsiColor::Yellow.on_default(),
            Tone::Danger => AnsiColor::Red.on_default(),
            Tone::Alarm => AnsiColor::Red.on_default().bold(),
            Tone::Link => AnsiColor::Cyan.on_default(),
        };
        match self.colour {
            Colour::Off => text.to_owned(),
            Colour::On if text.is_empty() => String::new(),
            Colour::On => format!("{}{text}{}", ansi.render(), ansi.render_reset()),
        }
    }
}
