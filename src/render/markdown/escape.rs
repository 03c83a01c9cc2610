//! Makes text from outside harmless in GitHub's Markdown: no markup, HTML, mention, reference or link comes through.

use crate::render::text::clean;

/// Names longer than this are cut: no AWS name is longer, and a comment has a limit.
const NAME_CHARS: usize = 200;
/// The same for sentences.
const TEXT_CHARS: usize = 1_000;

/// Breaks up what GitHub would link, and shows as nothing.
const BREAK: &str = "&#8203;";

fn clip(text: &str, chars: usize) -> String {
    let text = clean(text);
    if text.chars().count() <= chars {
        return text;
    }
    text.chars().take(chars.saturating_sub(1)).chain(['…']).collect()
}

/// A name as code, for paragraphs, lists and tables.
pub fn code(name: &str) -> String {
    code_within(name, NAME_CHARS)
}

/// [`code`] of at most `chars` characters of the name, where many names share little room.
pub fn code_within(name: &str, chars: usize) -> String {
    let name = clip(name, chars);
    let trimmed = name.trim();
    let simple = !trimmed.is_empty() && trimmed.len() == name.len() && !name.contains(['`', '|', '<', '>', '&', '\\']);
    if simple { format!("`{name}`") } else { html_code_within(&name, chars) }
}

/// A name as code inside HTML, where Markdown is not read: `<summary>`. It is safe in Markdown too.
pub fn html_code(name: &str) -> String {
    html_code_within(name, NAME_CHARS)
}

/// [`html_code`] of at most `chars` characters of the name.
pub fn html_code_within(name: &str, chars: usize) -> String {
    format!("<code>{}</code>", entities(&clip(name, chars)))
}

/// Everything but letters, digits and what never means anything as a numeric entity.
fn entities(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_ascii_punctuation()
            && !matches!(c, '.' | '-' | '/' | ',' | ':' | ';' | '(' | ')' | '?' | '%' | '"' | '+' | '=')
        {
            out.push_str(&format!("&#{};", c as u32));
        } else {
            out.push(c);
        }
    }
    // in Markdown, an address between tags would become a link
    out.replace("://", "&#58;//").replace("www.", "www&#46;")
}

/// A sentence for a paragraph, a list item or a table cell.
pub fn text(text: &str) -> String {
    prose(&clip(text, TEXT_CHARS), true)
}

/// [`text`] of what is clean and short already; `leading` where it may stand at the beginning of a line.
fn prose(text: &str, mut leading: bool) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        let begins = leading;
        leading = begins && (c.is_ascii_digit() || c == ' ');
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '$' => out.push_str("&#36;"),
            '|' => out.push_str("&#124;"),
            '@' | '#' => {
                out.push_str(if c == '#' { "\\#" } else { "@" });
                out.push_str(BREAK);
            }
            '\\' | '`' | '*' | '_' | '[' | ']' | '~' => out.extend(['\\', c]),
            // at the beginning of a line these would make a list or a heading
            '-' | '+' | '=' | '.' | ')' | ':' if begins => out.extend(['\\', c]),
            c => out.push(c),
        }
    }
    without_emoji(&without_commits(&unlinked(&out)))
}

/// A sentence of ours that quotes words in backquotes and may end in a command (`…, then: offshoot deploy --resume`):
/// both are code, to be copied. What stands between is only text.
pub fn advice(sentence: &str) -> String {
    if sentence.starts_with("offshoot ") && !sentence.contains('`') {
        return code_within(sentence, 2 * NAME_CHARS);
    }
    match sentence.rsplit_once(": offshoot ") {
        Some((before, command)) if !command.contains('`') => {
            format!("{}: {}", quoting(before), code_within(&format!("offshoot {command}"), 2 * NAME_CHARS))
        }
        _ => quoting(sentence),
    }
}

fn quoting(sentence: &str) -> String {
    let sentence = clip(sentence, TEXT_CHARS);
    let parts: Vec<&str> = sentence.split('`').collect();
    if parts.len().is_multiple_of(2) || parts.iter().skip(1).step_by(2).any(|quoted| quoted.trim().is_empty()) {
        return text(&sentence);
    }
    let tell = |(i, part): (usize, &&str)| if i % 2 == 0 { prose(part, i == 0) } else { code(part) };
    parts.iter().enumerate().map(tell).collect()
}

/// Breaks up runs of seven and more hexadecimal digits, which GitHub links where they name a commit. Plain numbers stay,
/// and so do twelve digits: that is how a plan's digest is shown, and people copy it.
fn without_commits(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for word in text.split_inclusive(|c: char| !c.is_ascii_alphanumeric()) {
        let run = word.chars().take_while(char::is_ascii_hexdigit).count();
        let ends = word.chars().nth(run).is_none_or(|c| !c.is_ascii_alphanumeric());
        match word.get(..4) {
            Some(head)
                if ends && run != 12 && (7..=40).contains(&run) && word.contains(|c: char| c.is_ascii_alphabetic()) =>
            {
                out.push_str(&format!("{head}{BREAK}{}", word.get(4..).unwrap_or_default()));
            }
            _ => out.push_str(word),
        }
    }
    out
}

/// Breaks up `:tada:`, which GitHub draws.
fn without_emoji(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(':') {
        out.push_str(before);
        out.push(':');
        let name = after.split(':').next().unwrap_or_default();
        let drawn = !name.is_empty()
            && name.len() < after.len()
            && name.contains(|c: char| c.is_ascii_lowercase())
            && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "+-_\\".contains(c));
        if drawn {
            out.push_str(BREAK);
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

/// Takes apart what GitHub links by itself: URLs, `www.`, `GH-12`, addresses.
fn unlinked(text: &str) -> String {
    let mut out = text.replace("://", &format!(":{BREAK}//")).replace("mailto:", &format!("mailto{BREAK}:"));
    for word in ["www.", "WWW.", "Www."] {
        out = out.replace(word, &format!("{}{BREAK}.", word.trim_end_matches('.')));
    }
    for word in ["GH-", "gh-", "Gh-", "gH-"] {
        out = out.replace(word, &format!("{}{BREAK}-", word.trim_end_matches('-')));
    }
    out
}

/// Lines in a fence that they cannot close; each line is cut at `columns`.
pub fn fence(language: &str, lines: &[String], columns: usize) -> String {
    let lines: Vec<String> = lines.iter().map(|line| clip(line, columns)).collect();
    let longest = lines.iter().map(|line| backticks(line)).max().unwrap_or(0);
    let fence = "`".repeat((longest + 1).max(3));
    format!("{fence}{language}\n{}\n{fence}\n", lines.join("\n"))
}

fn backticks(line: &str) -> usize {
    line.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

/// A value as a link when it is a plain web address, else as code.
pub fn link_or_code(value: &str) -> String {
    if is_address(value) { format!("<{value}>") } else { code(value) }
}

/// `label`, a word of ours, as a link to the address; where it is none, the address as code after the label.
pub fn link(label: &str, address: &str) -> String {
    if is_address(address) { format!("[{label}](<{address}>)") } else { format!("{label}: {}", code(address)) }
}

/// Only `http` and `https`, and no character that means anything to Markdown or HTML; nothing before the host.
fn is_address(value: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._~:/?=%+,#&".contains(c);
    let rest = value.strip_prefix("https://").or_else(|| value.strip_prefix("http://"));
    rest.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_alphanumeric()) && rest.chars().all(plain))
        && value.len() <= 1_000
}

/// The length that counts against a limit, in UTF-16 units: never less than what GitHub counts.
pub fn length(text: &str) -> usize {
    text.encode_utf16().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn simple_names_stay_readable() {
        assert_eq!(code("prod-notes-api"), "`prod-notes-api`");
        assert_eq!(code("${Table.Arn}/index/*"), "`${Table.Arn}/index/*`");
        assert_eq!(code(""), "<code></code>");
    }

    #[test]
    fn hostile_names_are_only_text() {
        assert_eq!(code("a`b|c"), "<code>a&#96;b&#124;c</code>");
        assert_eq!(code("</code><img src=x>"), "<code>&#60;/code&#62;&#60;img src=x&#62;</code>");
        assert_eq!(code("a\u{202e}\nb"), "<code>a&#92;u&#123;202e&#125;&#92;nb</code>");
        assert_eq!(code(&"x".repeat(500)).chars().count(), 202);
    }

    #[test]
    fn sentences_mention_and_link_nobody() {
        assert_eq!(
            text("thanks @octocat, fixes #12 and GH-3"),
            "thanks @&#8203;octocat, fixes \\#&#8203;12 and GH&#8203;-3"
        );
        assert_eq!(
            text("see https://evil.example or www.evil.example"),
            "see https:&#8203;//evil.example or www&#8203;.evil.example"
        );
        assert_eq!(
            text("<b>*bold*</b> ![x](y) a|b $x$"),
            "&lt;b&gt;\\*bold\\*&lt;/b&gt; !\\[x\\](y) a&#124;b &#36;x&#36;"
        );
        assert_eq!(text("- a"), "\\- a");
        assert_eq!(text("1. a.b"), "1\\. a.b");
    }

    #[test]
    fn advice_can_be_copied_and_holds_nothing_else() {
        assert_eq!(
            advice("write `branch`, then: offshoot deploy --approve 4f1c2a90b7de"),
            "write `branch`, then: `offshoot deploy --approve 4f1c2a90b7de`"
        );
        assert_eq!(advice("offshoot deploy --resume"), "`offshoot deploy --resume`");
        assert_eq!(advice("a `<b>` and @octocat"), "a <code>&#60;b&#62;</code> and @&#8203;octocat");
        assert_eq!(advice("odd ` one"), "odd \\` one");
        assert_eq!(advice("held since 14:03: run 12"), "held since 14:03: run 12");
    }

    #[test]
    fn a_fence_outlasts_its_content() {
        assert_eq!(fence("", &["a ```` b".into()], 100), "`````\na ```` b\n`````\n");
    }

    #[test]
    fn only_plain_web_addresses_become_links() {
        assert_eq!(link_or_code("https://a.example/x?y=1&z=2#/home"), "<https://a.example/x?y=1&z=2#/home>");
        assert_eq!(link_or_code("http://localhost:4566/x"), "<http://localhost:4566/x>");
        assert_eq!(link_or_code("https://a.example/>x"), "<code>https&#58;//a.example/&#62;x</code>");
        assert_eq!(link_or_code("https://bank.example@evil.example/"), "`https://bank.example@evil.example/`");
        assert_eq!(link_or_code("javascript:alert(1)"), "`javascript:alert(1)`");
        assert_eq!(link("the run", "https://a.example/1"), "[the run](<https://a.example/1>)");
        assert_eq!(link("the run", "javascript:x"), "the run: `javascript:x`");
    }

    #[test]
    fn commits_and_emoji_are_only_text() {
        assert_eq!(
            text("at 9f8e7d6c5b4a39281706f5e4d3c2b1a098765432, acme/notes@9f8e7d6 and deadbeefs"),
            "at 9f8e&#8203;7d6c5b4a39281706f5e4d3c2b1a098765432, acme/notes@&#8203;9f8e&#8203;7d6 and deadbeefs"
        );
        assert_eq!(
            text("12 of 123456 :tada: AWS::S3::Bucket, a: b"),
            "12 of 123456 :&#8203;tada: AWS::S3::Bucket, a: b"
        );
        assert_eq!(text("GH-1 gh-2 octo/cat#3"), "GH&#8203;-1 gh&#8203;-2 octo/cat\\#&#8203;3");
    }
}
