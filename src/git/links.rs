//! Decides whether a commit's symbolic links stay inside its tree, also through other links.

use std::collections::HashMap;

/// As many hops as the system itself follows.
const MAX_HOPS: usize = 40;

/// All symbolic links of a commit: path → target, as bytes.
#[derive(Default)]
pub(super) struct Links(HashMap<Vec<u8>, Vec<u8>>);

impl Links {
    pub fn add(&mut self, path: &[u8], target: &[u8]) {
        self.0.insert(path.to_vec(), target.to_vec());
    }

    /// The first link (by name) that leads outside, with its target.
    pub fn escaping(&self) -> Option<(&[u8], &[u8])> {
        let mut outside: Vec<_> = self.0.iter().filter(|(path, _)| !self.stays(path)).collect();
        outside.sort();
        outside.first().map(|(path, target)| (path.as_slice(), target.as_slice()))
    }

    /// Follows `path` component by component, as the system would, and never above the root. What does not exist
    /// counts as a folder: whoever creates it later must not open a way out.
    fn stays(&self, path: &[u8]) -> bool {
        let mut todo: Vec<Vec<u8>> = components(path);
        let mut at: Vec<Vec<u8>> = Vec::new();
        let mut hops = 0;
        while let Some(part) = todo.pop() {
            match part.as_slice() {
                b"" | b"." => continue,
                b".." => {
                    if at.pop().is_none() {
                        return false;
                    }
                    continue;
                }
                _ => at.push(part),
            }
            let Some(target) = self.0.get(&at.join(&b'/')) else { continue };
            if target.first() == Some(&b'/') || target.contains(&0) {
                return false;
            }
            hops += 1;
            if hops > MAX_HOPS {
                // a loop leads nowhere, so not outside either
                return true;
            }
            at.pop();
            todo.extend(components(target));
        }
        true
    }
}

/// In reverse, so that the next one is popped.
fn components(path: &[u8]) -> Vec<Vec<u8>> {
    path.split(|byte| *byte == b'/').rev().map(<[u8]>::to_vec).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first_escape(links: &[(&str, &str)]) -> Option<String> {
        let mut all = Links::default();
        for (path, target) in links {
            all.add(path.as_bytes(), target.as_bytes());
        }
        all.escaping().map(|(path, _)| String::from_utf8(path.to_vec()).unwrap())
    }

    #[test]
    fn links_inside_are_kept() {
        assert_eq!(
            first_escape(&[("a/b", "../c"), ("c/d", "./../a/x"), ("loop", "loop"), ("top", "."), ("a/top", "..")]),
            None
        );
    }

    #[test]
    fn links_that_leave_are_named() {
        assert_eq!(first_escape(&[("x", "/etc/passwd")]).as_deref(), Some("x"));
        assert_eq!(first_escape(&[("a/b", "../../etc")]).as_deref(), Some("a/b"));
        assert_eq!(first_escape(&[("a", "missing/../../x")]).as_deref(), Some("a"));
    }

    #[test]
    fn links_through_other_links_are_followed() {
        // d/e/up → d, so d/e/up/../.. is outside although it looks like d
        assert_eq!(first_escape(&[("d/e/up", ".."), ("out", "d/e/up/../../x")]).as_deref(), Some("out"));
        assert_eq!(first_escape(&[("d/e/up", ".."), ("in", "d/e/up/../x")]), None);
    }
}
