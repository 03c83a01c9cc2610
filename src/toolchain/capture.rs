//! What a child wrote, bounded: the first 64 KB and the last 256 KB.

use std::collections::VecDeque;

const HEAD_BYTES: usize = 64 * 1024;
const TAIL_BYTES: usize = 256 * 1024;

/// The beginning and the end of a stream; what lay between is counted.
#[derive(Clone, Debug, Default)]
pub struct Captured {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    dropped_bytes: u64,
}

impl Captured {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        let room = HEAD_BYTES.saturating_sub(self.head.len()).min(bytes.len());
        let (first, rest) = bytes.split_at(room);
        self.head.extend_from_slice(first);
        self.tail.extend(rest);
        let excess = self.tail.len().saturating_sub(TAIL_BYTES);
        self.tail.drain(..excess);
        self.dropped_bytes += excess as u64;
    }

    /// The text, with a line that says what is missing in the middle.
    pub fn text(&self) -> String {
        let mut bytes = self.head.clone();
        if self.dropped_bytes > 0 {
            bytes.extend_from_slice(format!("\n… {} bytes left out …\n", self.dropped_bytes).as_bytes());
        }
        bytes.extend(&self.tail);
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The last lines that are not empty.
    pub fn last_lines(&self, count: usize) -> Vec<String> {
        let text = self.text();
        let mut lines: Vec<_> = text.lines().rev().filter(|line| !line.trim().is_empty()).take(count).collect();
        lines.reverse();
        lines.into_iter().map(str::to_owned).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_is_left_out_and_said() {
        let mut captured = Captured::default();
        captured.push(b"first line\n");
        for _ in 0..500 {
            captured.push(&[b'x'; 1000]);
        }
        captured.push(b"\nlast line\n");
        let text = captured.text();
        assert!(text.starts_with("first line\n") && text.ends_with("last line\n"));
        assert!(text.contains("bytes left out"));
        assert!(text.len() < HEAD_BYTES + TAIL_BYTES + 100);
        assert_eq!(captured.last_lines(1), ["last line"]);
    }
}
