//! Reads the sources of this house: what is code, what is text, what is only for tests, and which paths are named where.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// One Rust file, ready to be judged.
pub struct Source {
    /// From the root of the repository, with `/`.
    pub path: String,
    pub text: String,
    /// The text with comments and the insides of literals blanked; every byte keeps its place.
    pub code: String,
    /// `code` without what only tests see.
    pub shipped: String,
    /// Where what only tests see begins and ends.
    tests: Vec<(usize, usize)>,
    /// Where each line begins.
    lines: Vec<usize>,
    /// String literals: where each begins in `code`, and what stands in it.
    pub literals: Vec<(usize, String)>,
    /// The whole file is declared under `cfg(test)`.
    pub for_tests: bool,
}

impl Source {
    pub fn new(path: &str, text: &str) -> Source {
        let (code, literals) = blank(text);
        let tests = test_parts(&code);
        let mut bytes = code.clone().into_bytes();
        for (begin, end) in &tests {
            blank_out(&mut bytes[*begin..*end]);
        }
        let shipped = String::from_utf8(bytes).expect("blanks are UTF-8");
        let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(i, _)| i + 1)).collect();
        Source { path: path.to_owned(), text: text.to_owned(), code, shipped, tests, lines, literals, for_tests: false }
    }

    pub fn line_of(&self, at: usize) -> usize {
        self.lines.partition_point(|begin| *begin <= at)
    }

    /// This place is in a part that only tests see.
    pub fn is_in_tests(&self, at: usize) -> bool {
        self.for_tests || self.tests.iter().any(|(begin, end)| (*begin..*end).contains(&at))
    }

    /// Lines of the file that ship.
    pub fn shipped_lines(&self) -> usize {
        let tests: usize = self.tests.iter().map(|(begin, end)| self.line_of(*end) - self.line_of(*begin) + 1).sum();
        self.text.lines().count() - tests
    }

    /// `["aws", "lock"]` for `src/aws/lock.rs`, `["aws"]` for `src/aws/mod.rs`, nothing for `src/lib.rs`.
    pub fn module(&self) -> Vec<String> {
        let inner = self.path.strip_prefix("src/").unwrap_or(&self.path).trim_end_matches(".rs");
        let mut parts: Vec<String> = inner.split('/').map(str::to_owned).collect();
        if matches!(parts.last().map(String::as_str), Some("mod" | "lib" | "main")) {
            parts.pop();
        }
        parts
    }

    /// The room: the first folder or file below `src`.
    pub fn room(&self) -> String {
        self.module()
            .first()
            .cloned()
            .unwrap_or_else(|| self.path.trim_start_matches("src/").trim_end_matches(".rs").to_owned())
    }

    /// Every path into our own crate that shipped code names, absolute, with its line.
    pub fn references(&self) -> Vec<(usize, Vec<String>)> {
        let tokens = tokens(&self.shipped);
        let mut found = Vec::new();
        let mut i = 0;
        while i < tokens.len() {
            let (at, token) = tokens[i];
            let first = i == 0 || tokens[i - 1].1 != "::";
            if first
                && matches!(token, "crate" | "super" | "offshoot")
                && tokens.get(i + 1).is_some_and(|t| t.1 == "::")
            {
                let mut paths = Vec::new();
                i = tree(&tokens, i, &[], &mut paths);
                let line = self.line_of(at);
                found.extend(paths.into_iter().map(|p| (line, self.absolute(&p))));
            } else {
                i += 1;
            }
        }
        found
    }

    fn absolute(&self, path: &[String]) -> Vec<String> {
        let mut whole = self.module();
        let mut rest = path;
        if rest.first().is_some_and(|p| p == "crate" || p == "offshoot") {
            whole.clear();
            rest = &rest[1..];
        }
        while rest.first().is_some_and(|p| p == "super") {
            whole.pop();
            rest = &rest[1..];
        }
        whole.extend(rest.iter().filter(|p| *p != "self").cloned());
        whole
    }
}

/// All Rust files below a folder of the repository, sorted, with those under `cfg(test)` marked.
pub fn read(root: &Path, folder: &str) -> Vec<Source> {
    let mut paths = Vec::new();
    collect(&root.join(folder), &mut paths);
    paths.sort();
    let mut sources: Vec<Source> = paths
        .iter()
        .map(|path| {
            let name = path.strip_prefix(root).expect("below the root").to_string_lossy().replace('\\', "/");
            Source::new(&name, &std::fs::read_to_string(path).expect("a readable source"))
        })
        .collect();
    mark_test_files(&mut sources);
    sources
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a readable folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

/// `#[cfg(test)] mod x;` makes the file `x.rs` and the folder `x/` beside it test code.
pub fn mark_test_files(sources: &mut [Source]) {
    let mut under: BTreeSet<Vec<String>> = BTreeSet::new();
    for source in sources.iter() {
        for name in declared(&source.code).into_iter().filter(|name| !declared(&source.shipped).contains(name)) {
            let mut module = source.module();
            module.push(name);
            under.insert(module);
        }
    }
    for source in sources.iter_mut() {
        let module = source.module();
        source.for_tests = under.iter().any(|u| module.starts_with(u));
    }
}

/// The modules that a file declares without a body, in its order.
pub fn declared(code: &str) -> Vec<String> {
    let tokens = tokens(code);
    tokens.windows(3).filter(|w| w[0].1 == "mod" && w[2].1 == ";").map(|w| w[1].1.to_owned()).collect()
}

/// Functions with a body: name, first line, number of lines.
pub fn functions(code: &str) -> Vec<(String, usize, usize)> {
    let tokens = tokens(code);
    let lines: Vec<usize> = code.match_indices('\n').map(|(i, _)| i).collect();
    let line = |at: usize| lines.partition_point(|end| *end < at) + 1;
    let mut found = Vec::new();
    for (i, (at, token)) in tokens.iter().enumerate() {
        let Some((_, name)) = tokens.get(i + 1).filter(|_| *token == "fn").filter(|(_, t)| is_word(t)) else {
            continue;
        };
        let mut depth = 0_i32;
        for (j, (_, t)) in tokens.iter().enumerate().skip(i) {
            match *t {
                "(" | "[" => depth += 1,
                ")" | "]" => depth -= 1,
                ";" if depth == 0 => break,
                "{" if depth == 0 => {
                    let end = tokens[closing(&tokens, j)].0;
                    found.push(((*name).to_owned(), line(*at), line(end) - line(*at) + 1));
                    break;
                }
                _ => {}
            }
        }
    }
    found
}

/// Words and punctuation of blanked code; `::` is one token.
pub fn tokens(code: &str) -> Vec<(usize, &str)> {
    let bytes = code.as_bytes();
    let mut found = Vec::new();
    let mut i = 0;
    while i < bytes.len() {
        let begin = i;
        if is_word_byte(bytes[i]) {
            while i < bytes.len() && is_word_byte(bytes[i]) {
                i += 1;
            }
        } else if bytes[i..].starts_with(b"::") {
            i += 2;
        } else {
            i += 1;
        }
        if !bytes[begin].is_ascii_whitespace() && code.is_char_boundary(begin) && code.is_char_boundary(i) {
            found.push((begin, &code[begin..i]));
        }
    }
    found
}

fn is_word_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

pub fn is_word(token: &str) -> bool {
    token.bytes().all(is_word_byte)
}

/// The place of the brace that closes the one at `open`.
fn closing(tokens: &[(usize, &str)], open: usize) -> usize {
    let mut depth = 0_i32;
    for (i, (_, token)) in tokens.iter().enumerate().skip(open) {
        depth += i32::from(*token == "{") - i32::from(*token == "}");
        if depth == 0 {
            return i;
        }
    }
    tokens.len() - 1
}

/// Reads a path or a tree of a `use`; gives the place after it.
fn tree(tokens: &[(usize, &str)], mut i: usize, prefix: &[String], paths: &mut Vec<Vec<String>>) -> usize {
    let mut path = prefix.to_vec();
    while let Some((_, token)) = tokens.get(i) {
        if *token == "{" {
            i += 1;
            while tokens.get(i).is_some_and(|t| t.1 != "}") {
                i = tree(tokens, i, &path, paths);
                while tokens.get(i).is_some_and(|t| !matches!(t.1, "," | "}")) {
                    i += 1; // `as name`
                }
                i += usize::from(tokens.get(i).is_some_and(|t| t.1 == ","));
            }
            return i + 1;
        }
        if !is_word(token) && *token != "*" {
            break;
        }
        path.push((*token).to_owned());
        i += 1;
        if tokens.get(i).is_none_or(|t| t.1 != "::")
            || tokens.get(i + 1).is_none_or(|t| !is_word(t.1) && !matches!(t.1, "{" | "*"))
        {
            break;
        }
        i += 1;
    }
    if path.len() > prefix.len() {
        paths.push(path);
        return i;
    }
    i + 1
}

fn blank_out(bytes: &mut [u8]) {
    bytes.iter_mut().filter(|b| **b != b'\n').for_each(|b| *b = b' ');
}

/// Every item under `#[cfg(test)]`, from its attribute to its end.
fn test_parts(code: &str) -> Vec<(usize, usize)> {
    const MARK: &str = "#[cfg(test)]";
    let mut parts = Vec::new();
    let mut from = 0;
    while let Some(at) = code[from..].find(MARK).map(|i| i + from) {
        let body = at + MARK.len();
        let inner = tokens(&code[body..]);
        let (mut end, mut depth) = (code.len(), 0_i32);
        for (i, (place, token)) in inner.iter().enumerate() {
            match *token {
                "(" | "[" => depth += 1,
                ")" | "]" => depth -= 1,
                ";" | "," if depth == 0 => {
                    end = body + place + 1;
                    break;
                }
                "{" if depth == 0 => {
                    end = body + inner[closing(&inner, i)].0 + 1;
                    break;
                }
                _ => {}
            }
        }
        parts.push((at, end));
        from = end;
    }
    parts
}

/// Comments and the insides of literals become blanks; string literals are given with their places.
fn blank(text: &str) -> (String, Vec<(usize, String)>) {
    let bytes = text.as_bytes();
    let mut out = bytes.to_vec();
    let mut literals = Vec::new();
    let mut i = 0;
    while i < bytes.len() {
        let rest = &bytes[i..];
        let end = if rest.starts_with(b"//") {
            i + rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len())
        } else if rest.starts_with(b"/*") {
            i + comment_length(rest)
        } else if let Some((begin, inside, length)) = string(rest, i == 0 || !is_word_byte(bytes[i - 1])) {
            literals.push((i, text[i + begin..i + begin + inside].to_owned()));
            i + length
        } else if let Some(length) = character(rest) {
            i + length
        } else {
            i += 1;
            continue;
        };
        blank_out(&mut out[i..end]);
        i = end;
    }
    (String::from_utf8(out).expect("blanks are UTF-8"), literals)
}

fn comment_length(rest: &[u8]) -> usize {
    let (mut depth, mut i) = (0, 0);
    while i < rest.len() {
        if rest[i..].starts_with(b"/*") {
            depth += 1;
            i += 2;
        } else if rest[i..].starts_with(b"*/") {
            depth -= 1;
            i += 2;
            if depth == 0 {
                return i;
            }
        } else {
            i += 1;
        }
    }
    rest.len()
}

/// Where the inside begins, how long it is, and the length of the whole literal.
fn string(rest: &[u8], fresh: bool) -> Option<(usize, usize, usize)> {
    let prefix =
        if rest[0] == b'"' { 0 } else { rest.iter().take(2).take_while(|b| fresh && b"brc".contains(b)).count() };
    let raw = rest[..prefix].contains(&b'r');
    let hashes = if raw { rest[prefix..].iter().take_while(|b| **b == b'#').count() } else { 0 };
    let begin = prefix + hashes + 1;
    if rest.get(begin - 1) != Some(&b'"') || (prefix == 0 && rest[0] != b'"') {
        return None;
    }
    let mut i = begin;
    while i < rest.len() {
        if rest[i] == b'\\' && !raw {
            i += 2;
        } else if rest[i] == b'"' && rest[i + 1..].iter().take(hashes).filter(|b| **b == b'#').count() == hashes {
            return Some((begin, i - begin, i + 1 + hashes));
        } else {
            i += 1;
        }
    }
    Some((begin, rest.len() - begin, rest.len()))
}

/// The length of a character literal; a lifetime is none.
fn character(rest: &[u8]) -> Option<usize> {
    if rest[0] != b'\'' {
        return None;
    }
    if rest.get(1) == Some(&b'\\') {
        return rest[3.min(rest.len())..].iter().position(|b| *b == b'\'').map(|p| p + 4);
    }
    let width = match rest.get(1)? {
        b if b & 0x80 == 0 => 1,
        b if b & 0xe0 == 0xc0 => 2,
        b if b & 0xf0 == 0xe0 => 3,
        _ => 4,
    };
    (rest.get(1 + width) == Some(&b'\'')).then_some(width + 2)
}
