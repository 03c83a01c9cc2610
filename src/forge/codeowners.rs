//! CODEOWNERS: who owns a path; the last matching line wins.

/// Where the file may stand; the first that exists counts.
pub const PLACES: [&str; 3] = [".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS"];

/// The forge does not load a larger file: then nobody owns anything.
pub const MAX_BYTES: usize = 3 * 1024 * 1024;

/// Who owns which paths of a repository.
#[derive(Clone, Debug, Default)]
pub struct Owners {
    rules: Vec<Rule>,
}

#[derive(Clone, Debug)]
struct Rule {
    parts: Vec<Part>,
    reach: Reach,
    owners: Vec<String>,
}

/// One part of a pattern, between slashes.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    /// `**`: any number of folders.
    Any,
    /// A name in which `*` and `?` stand for letters.
    Name(Vec<Letter>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Letter {
    Is(char),
    /// `?`
    One,
    /// `*`
    Some,
}

/// What a pattern means beside the path that it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    /// Only that.
    Path,
    /// It, and all below it if it is a folder.
    PathAndBelow,
    /// Only what is below it: the pattern ended in a slash.
    Below,
}

impl Owners {
    /// Reads the file's text. A line that the forge would not understand is skipped, as there.
    pub fn parse(text: &str) -> Owners {
        let text = text.trim_start_matches('\u{feff}');
        let lines = if text.len() > MAX_BYTES { "" } else { text }.lines();
        Owners { rules: lines.filter_map(rule).collect() }
    }

    /// The owners of a path from the root of the repository, as written: `@user` or `@organization/team`.
    /// Empty where nobody owns it.
    pub fn of(&self, path: &str) -> &[String] {
        let path: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        self.rules.iter().rev().find(|rule| rule.is_about(&path)).map_or(&[], |rule| rule.owners.as_slice())
    }
}

fn rule(line: &str) -> Option<Rule> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return None;
    }
    let (pattern, rest) = split_pattern(line);
    let mut owners = Vec::new();
    for word in rest.split_whitespace().take_while(|word| !word.starts_with('#')) {
        if is_owner(word) {
            owners.push(word.to_owned());
        } else if !is_mail(word) {
            return None;
        }
    }
    let (parts, reach) = parts(&pattern)?;
    Some(Rule { parts, reach, owners })
}

/// The pattern up to the first blank without a backslash before it, and what follows.
fn split_pattern(line: &str) -> (String, &str) {
    let mut escaped = false;
    for (at, c) in line.char_indices() {
        if c.is_whitespace() && !escaped {
            let (pattern, rest) = line.split_at(at);
            return (pattern.to_owned(), rest);
        }
        escaped = c == '\\' && !escaped;
    }
    (line.to_owned(), "")
}

fn is_owner(word: &str) -> bool {
    let plain = |part: &str| {
        !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
    };
    let Some(name) = word.strip_prefix('@') else { return false };
    match name.split_once('/') {
        Some((organization, team)) => plain(organization) && plain(team),
        None => plain(name),
    }
}

fn is_mail(word: &str) -> bool {
    word.split_once('@').is_some_and(|(name, host)| !name.is_empty() && host.contains('.'))
}

/// Reads a pattern as gitignore does, without what the forge leaves out of it (`!`, `[a-z]`).
fn parts(pattern: &str) -> Option<(Vec<Part>, Reach)> {
    if pattern.starts_with('!') || pattern.contains('[') || pattern.contains("***") {
        return None;
    }
    let anchored = pattern.trim_end_matches('/').contains('/');
    let names: Vec<&str> = pattern.split('/').filter(|part| !part.is_empty()).collect();
    let last = *names.last()?;
    let mut parts: Vec<Part> = if anchored { Vec::new() } else { vec![Part::Any] };
    parts.extend(names.iter().map(|name| if *name == "**" { Part::Any } else { Part::Name(letters(name)) }));
    let reach = match last {
        _ if pattern.ends_with('/') => Reach::Below,
        // `docs/*` is about the files of docs, not about those of its folders
        "*" if anchored => Reach::Path,
        "**" if names.len() > 1 => Reach::Below,
        _ => Reach::PathAndBelow,
    };
    Some((parts, reach))
}

fn letters(name: &str) -> Vec<Letter> {
    let mut chars = name.chars();
    let mut out = Vec::new();
    while let Some(c) = chars.next() {
        out.push(match c {
            '*' => Letter::Some,
            '?' => Letter::One,
            '\\' => Letter::Is(chars.next().unwrap_or('\\')),
            c => Letter::Is(c),
        });
    }
    out
}

impl Rule {
    fn is_about(&self, path: &[&str]) -> bool {
        let whole = |path: &[&str]| {
            fits(
                &self.parts,
                path,
                |part| *part == Part::Any,
                |part, name| match part {
                    Part::Any => true,
                    Part::Name(letters) => is_name(letters, name),
                },
            )
        };
        let folders = || (1..path.len()).any(|length| path.get(..length).is_some_and(whole));
        match self.reach {
            Reach::Path => whole(path),
            Reach::PathAndBelow => whole(path) || folders(),
            Reach::Below => folders(),
        }
    }
}

fn is_name(letters: &[Letter], name: &str) -> bool {
    let name: Vec<char> = name.chars().collect();
    fits(
        letters,
        &name,
        |letter| *letter == Letter::Some,
        |letter, c| match letter {
            Letter::Is(wanted) => wanted == c,
            Letter::One | Letter::Some => true,
        },
    )
}

/// Whether a pattern, in which some parts stand for any number of things, fits all the things. What such a part took is
/// only ever given back to the last one: more is never needed, and the work stays within pattern times things.
fn fits<P, T>(pattern: &[P], things: &[T], is_any: impl Fn(&P) -> bool, is: impl Fn(&P, &T) -> bool) -> bool {
    let (mut at, mut seen) = (0, 0);
    // where to go on when it does not fit: after the last "any", and one thing later than before
    let mut back: Option<(usize, usize)> = None;
    while let Some(thing) = things.get(seen) {
        match pattern.get(at) {
            Some(part) if is_any(part) => {
                back = Some((at + 1, seen));
                at += 1;
            }
            Some(part) if is(part, thing) => {
                at += 1;
                seen += 1;
            }
            _ => {
                let Some((after, from)) = back else { return false };
                back = Some((after, from + 1));
                at = after;
                seen = from + 1;
            }
        }
    }
    pattern.iter().skip(at).all(is_any)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(text: &str, path: &str) -> String {
        Owners::parse(text).of(path).join(" ")
    }

    #[test]
    fn the_example_of_the_manual() {
        let owners = Owners::parse(
            "# This is a comment.\n*       @global-owner1 @global-owner2\n*.js    @js-owner #This is an inline comment.\n*.go docs@example.com\n*.txt @octo-org/octocats\n/build/logs/ @doctocat\ndocs/* docs@example.com @docs\napps/ @octocat\n/docs/ @doctocat\n/scripts/ @doctocat @octocat\n**/logs @logs\n/apps/ @octocat\n/apps/github\n",
        );
        for (path, wanted) in [
            ("README.md", "@global-owner1 @global-owner2"),
            ("src/a/b.js", "@js-owner"),
            ("main.go", ""),
            ("a/b.txt", "@octo-org/octocats"),
            ("build/logs/x/y.log", "@logs"),
            ("deeply/nested/logs/x", "@logs"),
            ("docs/getting-started.md", "@doctocat"),
            ("docs/build-app/troubleshooting.md", "@doctocat"),
            ("scripts/a.sh", "@doctocat @octocat"),
            ("lib/apps/x", "@octocat"),
            ("apps/web/x", "@octocat"),
            ("apps/github", ""),
            ("apps/github/x", ""),
            ("apps/github2", "@octocat"),
        ] {
            assert_eq!(owners.of(path).join(" "), wanted, "{path}");
        }
    }

    #[test]
    fn patterns_are_those_of_gitignore() {
        for (pattern, yes, no) in [
            ("*", &["a", "a/b"][..], &[][..]),
            ("**", &["a", "a/b"], &[]),
            ("/*", &["a"], &["a/b"]),
            ("docs/*", &["docs/a"], &["docs/a/b", "x/docs/a", "docs"]),
            ("docs/**", &["docs/a", "docs/a/b"], &["docs", "x/docs/a"]),
            ("docs/**/a", &["docs/a", "docs/x/y/a", "docs/x/a/z"], &["docs/ab"]),
            ("docs", &["docs", "x/docs", "x/docs/a"], &["docs2"]),
            ("/docs", &["docs", "docs/a"], &["x/docs"]),
            ("docs/", &["docs/a", "x/docs/a/b"], &["docs", "x/docs"]),
            ("a/b", &["a/b", "a/b/c"], &["x/a/b"]),
            ("**/a/b", &["a/b", "x/y/a/b"], &["a/x/b"]),
            ("a/**/b/*.rs", &["a/b/x.rs", "a/x/b/b/y.rs"], &["a/b/x.go", "b/x.rs"]),
            ("*.tf", &["x.tf", "a/b.tf", ".tf", "mod.tf/x"], &["x.tfx", "xtf"]),
            ("a?c", &["abc", "x/aéc"], &["ac", "a/c"]),
            ("a*b*c", &["abc", "aXbXc", "abcbc"], &["abcX", "acb"]),
            ("a\\ b", &["a b", "a b/c"], &["a\\ b"]),
            ("a\\*", &["a*"], &["ab"]),
            ("{a,b}", &["{a,b}"], &["a"]),
        ] {
            for path in yes {
                assert_eq!(of(&format!("{pattern} @o"), path), "@o", "{pattern} is about {path}");
            }
            for path in no {
                assert_eq!(of(&format!("{pattern} @o"), path), "", "{pattern} is not about {path}");
            }
        }
    }

    #[test]
    fn lines_that_the_forge_does_not_understand_are_skipped() {
        for line in ["!a @x", "[ab] @x", "a x", "a @", "a @x/", "a @x/y/z", "a***b @x", "/ @x", "# a @x", "a @x\u{0}"] {
            assert_eq!(of(&format!("* @all\r\n{line}"), "a"), "@all", "{line}");
        }
        assert_eq!(of("\u{feff}a @x @acme/team # @z\n", "a"), "@x @acme/team");
        assert_eq!(of("a @x\na one@example.com\n", "a"), "", "an owner by mail is nobody we know");
        assert_eq!(of(&format!("a @x\n#{}", "x".repeat(MAX_BYTES)), "a"), "");
        assert_eq!(of("", "a"), "");
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in "[-a-c*?/!#@ \\[\\\\\\n]{0,80}", path in "[a-c/.]{0,20}") {
            let _ = Owners::parse(&text).of(&path);
        }

        #[test]
        fn names_fit_as_globs_do(pattern in "[ab?*]{1,8}", name in "[ab]{1,8}") {
            let glob = globset::GlobBuilder::new(&format!("/{pattern}")).literal_separator(true).build().expect("a glob").compile_matcher();
            let file = format!("/{name}");
            let ours = of(&format!("/{pattern} @o"), &name) == "@o";
            prop_assert!(pattern.contains("***") || pattern == "**" || ours == glob.is_match(file));
        }
    }
}
