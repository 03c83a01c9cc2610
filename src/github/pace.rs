//! Slows down what creates content: one after the other, with a pause in between.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

/// Gives turns, in order, to all clones of a client of one repository.
pub(super) struct Pacer {
    apart: Duration,
    next: Mutex<Option<Instant>>,
}

impl Pacer {
    pub(super) fn new(apart: Duration) -> Self {
        Pacer { apart, next: Mutex::new(None) }
    }

    /// Waits for our turn.
    pub(super) async fn turn(&self) {
        let mine = {
            let mut next = self.next.lock().await;
            let now = Instant::now();
            let mine = next.filter(|at| *at > now).unwrap_or(now);
            *next = Some(mine + self.apart);
            mine
        };
        tokio::time::sleep_until(mine).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn turns_are_a_second_apart_also_for_those_who_come_at_once() {
        let pacer = Pacer::new(Duration::from_secs(1));
        let start = Instant::now();
        let at = || async {
            pacer.turn().await;
            start.elapsed().as_secs()
        };
        assert_eq!(tokio::join!(at(), at(), at()), (0, 1, 2));
        tokio::time::advance(Duration::from_secs(10)).await;
        assert_eq!(at().await, 12);
        assert_eq!(at().await, 13);
    }
}
