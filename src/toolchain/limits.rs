//! How long a child may run and how much memory it may use, with all the processes it starts.

use std::time::Duration;

/// The limits of one child and of everything it starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    pub time_s: u64,
    pub memory_mb: u64,
}

impl Default for Limits {
    /// Ten minutes and 4 GB: several times what the largest app measured here needs.
    fn default() -> Self {
        Limits { time_s: 600, memory_mb: 4096 }
    }
}

impl Limits {
    pub(super) fn time(self) -> Duration {
        Duration::from_secs(self.time_s)
    }

    pub(super) fn memory_bytes(self) -> u64 {
        self.memory_mb.saturating_mul(1024 * 1024)
    }

    /// Node's heap gets three quarters, so that it reports a full heap itself before it has to be killed.
    pub(super) fn node_heap_option(self) -> String {
        format!("--max-old-space-size={}", (self.memory_mb / 4 * 3).max(64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_heap_stays_below_the_limit() {
        assert_eq!(Limits::default().node_heap_option(), "--max-old-space-size=3072");
        assert_eq!(Limits { time_s: 1, memory_mb: 1 }.node_heap_option(), "--max-old-space-size=64");
    }
}
