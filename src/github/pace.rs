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

    #[tokio::test]
    async fn turns_are_apart_also_for_those_who_come_at_once() {
        let pacer = Pacer::new(Duration::from_millis(40));
        let start = Instant::now();
        let at = || async {
            pacer.turn().await;
            start.elapsed().as_millis()
        };
        let (first, second, third) = tokio::join!(at(), at(), at());
        assert!(second >= 40 && third >= 80, "{first} {second} {third}");
        let fourth = at().await;
        assert!(fourth >= 120, "{fourth}");
    }
}
