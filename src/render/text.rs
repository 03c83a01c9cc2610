//! Small helpers for text: making hostile characters visible, cutting, wrapping, counting, sizes and durations.

/// Makes everything visible that could deceive: control characters (also escape codes and line ends), direction
/// overrides, zero-width characters. The result is one line.
pub fn clean(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if is_deceiving(c) => out.push_str(&format!("\\u{{{:x}}}", c as u32)),
            c => out.push(c),
        }
    }
    out
}

/// Like [`clean`], line by line: line ends stay, a tab becomes four spaces.
pub fn clean_lines(text: &str) -> Vec<String> {
    text.trim_end().lines().map(|line| clean(&line.trim_end().replace('\t', "    "))).collect()
}

/// Characters that are not what they look like, or look like nothing.
fn is_deceiving(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// Columns that `text` takes in a terminal; East Asian wide characters and emoji take two.
pub fn width(text: &str) -> usize {
    text.chars().map(char_width).sum()
}

fn char_width(c: char) -> usize {
    match c as u32 {
        0x1100..=0x115f | 0x2e80..=0x303e | 0x3041..=0xa4cf | 0xac00..=0xd7a3 | 0xf900..=0xfaff => 2,
        0xfe30..=0xfe6f | 0xff00..=0xff60 | 0xffe0..=0xffe6 | 0x1f300..=0x1faff | 0x20000..=0x3fffd => 2,
        _ => 1,
    }
}

/// At most `columns` columns; what was cut off shows as `…`.
pub fn cut(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut used = 1;
    for c in text.chars() {
        used += char_width(c);
        if used > columns {
            break;
        }
        out.push(c);
    }
    out.push('…');
    out
}

/// Like [`cut`], but takes the middle out, so that both ends of a path can be read.
pub fn cut_middle(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let room = columns.saturating_sub(1);
    let head = cut(text, room / 2 + 1);
    let mut tail: Vec<char> = Vec::new();
    let mut used = width(&head);
    for c in text.chars().rev() {
        used += char_width(c);
        if used > columns {
            break;
        }
        tail.push(c);
    }
    head + &tail.iter().rev().collect::<String>()
}

/// `text` followed by spaces up to `columns`.
pub fn pad(text: &str, columns: usize) -> String {
    format!("{text}{}", " ".repeat(columns.saturating_sub(width(text))))
}

/// Breaks at spaces so that no line is wider than `columns`; a longer word stands alone and stays whole, so that it
/// can be copied.
pub fn wrap(text: &str, columns: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split(' ') {
        if !line.is_empty() && width(&line) + 1 + width(word) > columns {
            lines.push(std::mem::take(&mut line));
        } else if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    lines
}

/// Wraps with a first prefix and an indent of the same width for the lines after it.
pub fn hang(prefix: &str, text: &str, columns: usize) -> String {
    let indent = width(prefix);
    let lines = wrap(text, columns.saturating_sub(indent).max(20));
    let mut out = String::new();
    for (i, line) in lines.iter().enumerate() {
        let lead = if i == 0 { prefix.to_owned() } else { " ".repeat(indent) };
        out.push_str(format!("{lead}{line}").trim_end());
        out.push('\n');
    }
    out
}

/// Like [`hang`], but a command at the end (`…, then: offshoot deploy --resume`) gets a line of its own where it would
/// be broken, so that it can be copied.
pub fn hang_command(prefix: &str, text: &str, columns: usize) -> String {
    match text.rsplit_once(": offshoot ") {
        Some((before, command)) if width(prefix) + width(text) > columns => {
            let indent = " ".repeat(width(prefix) + 2);
            format!("{}{indent}offshoot {command}\n", hang(prefix, &format!("{before}:"), columns))
        }
        _ => hang(prefix, text, columns),
    }
}

/// `1 stack`, `3 stacks`.
pub fn count(n: usize, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{} {}", thousands(n as u64), plural(noun)) }
}

fn plural(noun: &str) -> String {
    match noun.strip_suffix('y') {
        Some(stem) if !stem.ends_with(['a', 'e', 'o']) => format!("{stem}ies"),
        _ => format!("{noun}s"),
    }
}

/// `12,345`.
pub fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// `412 B`, `12.3 kB`, `4.1 MB`.
pub fn size(bytes: u64) -> String {
    let n = bytes as f64;
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{:.1} kB", n / 1e3),
        _ => format!("{:.1} MB", n / 1e6),
    }
}

/// `0.4 s`, `12 s`, `3 m 05 s`, `1 h 02 m`.
pub fn seconds(s: f64) -> String {
    if !s.is_finite() || s < 0.0 {
        return "0.0 s".to_owned();
    }
    let whole = s.round() as u64;
    match whole {
        0..10 => format!("{s:.1} s"),
        10..60 => format!("{whole} s"),
        60..3_600 => format!("{} m {:02} s", whole / 60, whole % 60),
        _ => format!("{} h {:02} m", whole / 3_600, whole % 3_600 / 60),
    }
}

/// `a`, `a and b`, `a, b and c`.
pub fn list(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [head @ .., last] => format!("{} and {last}", head.join(", ")),
    }
}

/// The first `n` items, and how many more there are: `a, b, c and 12 more`.
pub fn first(items: &[String], n: usize) -> String {
    match items.get(..n) {
        Some(head) if items.len() > n => {
            format!("{} and {} more", head.join(", "), thousands((items.len() - n) as u64))
        }
        _ => list(items),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_characters_become_visible() {
        assert_eq!(clean("a\u{202e}b\u{200b}c\u{1b}[31m\nd"), r"a\u{202e}b\u{200b}c\u{1b}[31m\nd");
        assert_eq!(clean("Grüße 🌱 ${Table.Arn}"), "Grüße 🌱 ${Table.Arn}");
    }

    #[test]
    fn cutting_keeps_within_the_columns() {
        assert_eq!(cut("abcdef", 4), "abc…");
        assert_eq!(cut_middle("Api/Deeply/Nested/Handler/Resource", 15), "Api/Dee…esource");
        assert_eq!(width(&cut_middle("漢字漢字漢字漢字", 7)), 7);
    }

    #[test]
    fn numbers_read_well() {
        assert_eq!(thousands(1_234_567), "1,234,567");
        assert_eq!([size(999), size(12_345), size(4_100_000)].join(" "), "999 B 12.3 kB 4.1 MB");
        assert_eq!(
            [seconds(0.42), seconds(59.4), seconds(185.0), seconds(3_720.0)].join(", "),
            "0.4 s, 59 s, 3 m 05 s, 1 h 02 m"
        );
        assert_eq!(
            [count(1, "property"), count(2, "property"), count(0, "stack")].join(", "),
            "1 property, 2 properties, 0 stacks"
        );
    }
}
