//! Texts made fit for GitHub: parts of addresses are escaped, what is too long is cut at a character.

/// What is put in the place of what was cut off.
const CUT: &str = "…";

/// Escapes everything that is not plainly a name, slashes too.
pub(super) fn escape(text: &str) -> String {
    escaped(text, "")
}

/// The same, but slashes stay: paths of files and names of branches.
pub(super) fn escape_path(text: &str) -> String {
    escaped(text, "/")
}

fn escaped(text: &str, kept: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        let c = char::from(byte);
        if c.is_ascii_alphanumeric() || "-_.~".contains(c) || kept.contains(c) {
            out.push(c);
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// At most `most` characters, the last one an ellipsis where something was cut off.
pub(super) fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(most.saturating_sub(1)).collect();
    short.push_str(CUT);
    short
}

/// At most `most` bytes: a limit that is counted in characters in one place and in bytes in the next is held for both.
pub(super) fn cut_bytes(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(most.saturating_sub(CUT.len()));
    let mut short = text.get(..end).unwrap_or_default().to_owned();
    short.push_str(CUT);
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_addresses_are_escaped() {
        assert_eq!(escape("dependabot[bot]"), "dependabot%5Bbot%5D");
        assert_eq!(escape("a/b c"), "a%2Fb%20c");
        assert_eq!(escape_path("feature/ä?#%"), "feature/%C3%A4%3F%23%25");
    }

    #[test]
    fn long_texts_are_cut_at_a_character() {
        assert_eq!(cut("four", 4), "four");
        assert_eq!(cut("fünfe", 4), "fün…");
        assert_eq!(cut_bytes("ääää", 8), "ääää");
        assert_eq!(cut_bytes("äääää", 8), "ää…");
        assert!(cut_bytes(&"é".repeat(40_000), 65_535).len() <= 65_535);
    }
}
