//! The lines of a comment that a person wrote as text: not quoted, not code, not hidden in an HTML comment.

use std::borrow::Cow;

/// Lines that are text, in order; what is hidden within them is left out.
pub(super) struct Lines<'a> {
    body: &'a str,
    /// Where the next line begins.
    next: usize,
    fence: Option<Fence>,
    /// Inside `<!-- … -->`.
    hidden: bool,
    /// Where the last `-->` is: what is opened later is never closed.
    last_close: Option<usize>,
}

/// The fence that an open code block began with.
#[derive(Clone, Copy)]
struct Fence {
    mark: char,
    length: usize,
    /// A block in an item of a list ends with the item: at the first line that is indented less than this.
    indent: usize,
}

const OPEN: &str = "<!--";
const CLOSE: &str = "-->";

impl<'a> Lines<'a> {
    pub fn of(body: &'a str) -> Self {
        Lines { body, next: 0, fence: None, hidden: false, last_close: body.rfind(CLOSE) }
    }

    /// A line without its end, and where it begins.
    fn line(&mut self) -> Option<(usize, &'a str)> {
        let begin = self.next;
        let rest = self.body.get(begin..).filter(|rest| !rest.is_empty())?;
        let length = rest.find(['\n', '\r']).unwrap_or(rest.len());
        let (line, after) = rest.split_at(length);
        self.next = begin + length + if after.starts_with("\r\n") { 2 } else { after.len().min(1) };
        Some((begin, line))
    }

    /// Whether the line belongs to a code block, of which it may be the first or last line.
    fn is_code(&mut self, line: &str) -> bool {
        if let Some(open) = self.fence {
            let item_ended = indent(line) < open.indent && !line.trim().is_empty();
            if !item_ended {
                if open.is_closed_by(line) {
                    self.fence = None;
                }
                return true;
            }
        }
        self.fence = Fence::opened_by(line);
        self.fence.is_some()
    }

    /// What of the line at `begin` is not inside `<!-- … -->`; notes where such a comment goes on in the next line.
    fn visible(&mut self, begin: usize, line: &'a str) -> Cow<'a, str> {
        let mut out = Cow::Borrowed("");
        let mut rest = line;
        loop {
            if self.hidden {
                let Some(at) = rest.find(CLOSE) else { return out };
                rest = rest.get(at + CLOSE.len()..).unwrap_or_default();
                self.hidden = false;
            }
            let open = rest.find(OPEN).filter(|at| {
                // one that is never closed hides the rest where it begins a line; within a line it is text
                let closed = self.last_close > Some(begin + line.len() - rest.len() + at);
                closed || line.trim_start().starts_with(OPEN)
            });
            let (seen, after) = rest.split_at(open.unwrap_or(rest.len()));
            out += seen;
            if open.is_none() {
                return out;
            }
            // not all four: `<!-->` is a whole comment
            rest = after.get(2..).unwrap_or_default();
            self.hidden = true;
        }
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = Cow<'a, str>;

    fn next(&mut self) -> Option<Cow<'a, str>> {
        while let Some((begin, line)) = self.line() {
            let was_hidden = self.hidden;
            if !was_hidden && (self.is_code(line) || line.trim_start().starts_with('>')) {
                continue;
            }
            let visible = self.visible(begin, line);
            if !was_hidden && !line.starts_with(OPEN) && !visible.is_empty() {
                return Some(visible);
            }
        }
        None
    }
}

impl Fence {
    fn opened_by(line: &str) -> Option<Fence> {
        let (indent, text) = match indent(line) {
            deep if deep > 3 => return None,
            _ => item(line),
        };
        let (mark, length) = run(text)?;
        let info = text.get(length..).unwrap_or_default();
        // ```like this``` is code within a line
        (!(mark == '`' && info.contains('`'))).then_some(Fence { mark, length, indent })
    }

    fn is_closed_by(self, line: &str) -> bool {
        let text = line.trim_start_matches([' ', '\t']);
        let near = indent(line) <= self.indent + 3;
        near && run(text).is_some_and(|(mark, length)| {
            mark == self.mark && length >= self.length && text.get(length..).unwrap_or_default().trim().is_empty()
        })
    }
}

/// Three or more marks of a code block at the beginning.
fn run(text: &str) -> Option<(char, usize)> {
    let mark = text.chars().next().filter(|c| matches!(c, '`' | '~'))?;
    let length = text.chars().take_while(|c| *c == mark).count();
    (length >= 3).then_some((mark, length))
}

/// How far a line is indented, in characters; a tab counts as four.
fn indent(line: &str) -> usize {
    line.chars().take_while(|c| matches!(c, ' ' | '\t')).map(|c| if c == '\t' { 4 } else { 1 }).sum()
}

/// The text of a line, and the indentation that keeps a following line in the same item where it begins one of a list.
fn item(line: &str) -> (usize, &str) {
    let text = line.trim_start_matches(' ');
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let mark = match text.as_bytes().get(digits) {
        Some(b'.' | b')') if (1..=9).contains(&digits) => digits + 1,
        Some(b'-' | b'*' | b'+') if digits == 0 => 1,
        _ => return (0, text),
    };
    let after = text.get(mark..).unwrap_or_default();
    let inner = after.trim_start_matches(' ');
    let spaces = after.len() - inner.len();
    if (1..=4).contains(&spaces) { (line.len() - inner.len(), inner) } else { (0, text) }
}

/// Characters that take no room, and come along when text is copied.
const NO_WIDTH: [char; 7] = ['\u{200b}', '\u{200c}', '\u{200d}', '\u{200e}', '\u{200f}', '\u{2060}', '\u{feff}'];

/// What follows the prefix in a line that is a command.
pub(super) fn after_prefix<'a>(line: &'a str, prefix: &str) -> Option<&'a str> {
    let line = line.trim_start_matches(NO_WIDTH);
    let head = line.get(..prefix.len()).filter(|head| !head.is_empty() && head.eq_ignore_ascii_case(prefix))?;
    let rest = line.get(head.len()..)?;
    let ends = rest.trim_start_matches(NO_WIDTH);
    (ends.is_empty() || ends.starts_with(char::is_whitespace)).then_some(rest)
}

/// The words of a command: separated by blanks of any kind, without what takes no room.
pub(super) fn words(arguments: &str) -> impl Iterator<Item = String> {
    let clean = |word: &str| word.chars().filter(|c| !NO_WIDTH.contains(c)).collect::<String>();
    arguments.split_whitespace().map(clean).filter(|word| !word.is_empty())
}
