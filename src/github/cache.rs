//! Remembers answers by their ETag, so that asking again costs nothing where nothing changed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

const MOST_ANSWERS: usize = 256;
const MOST_BYTES: usize = 8 << 20;
/// Larger answers are asked for anew each time.
const MOST_BYTES_OF_ONE: usize = 1 << 20;

/// An answer as it was.
pub(super) struct Kept {
    pub etag: String,
    pub body: Arc<str>,
    /// The address of the next page: an answer of "not modified" does not repeat it.
    pub next: Option<String>,
}

/// What was asked for most recently, within limits.
#[derive(Default)]
pub(super) struct Cache(Mutex<Shelf>);

#[derive(Default)]
struct Shelf {
    answers: HashMap<String, (u64, Arc<Kept>)>,
    bytes: usize,
    clock: u64,
}

impl Cache {
    pub(super) fn get(&self, path: &str) -> Option<Arc<Kept>> {
        let mut shelf = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        shelf.clock += 1;
        let now = shelf.clock;
        let (used, kept) = shelf.answers.get_mut(path)?;
        *used = now;
        Some(kept.clone())
    }

    pub(super) fn put(&self, path: &str, kept: Kept) {
        let mut shelf = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        shelf.remove(path);
        if kept.body.len() > MOST_BYTES_OF_ONE {
            return;
        }
        shelf.clock += 1;
        shelf.bytes += kept.body.len();
        let now = shelf.clock;
        shelf.answers.insert(path.to_owned(), (now, Arc::new(kept)));
        while shelf.answers.len() > MOST_ANSWERS || shelf.bytes > MOST_BYTES {
            let Some(oldest) = shelf.answers.iter().min_by_key(|(_, (used, _))| *used).map(|(path, _)| path.clone())
            else {
                break;
            };
            shelf.remove(&oldest);
        }
    }
}

impl Shelf {
    fn remove(&mut self, path: &str) {
        if let Some((_, kept)) = self.answers.remove(path) {
            self.bytes = self.bytes.saturating_sub(kept.body.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(size: usize) -> Kept {
        Kept { etag: "\"1\"".to_owned(), body: "x".repeat(size).into(), next: None }
    }

    #[test]
    fn what_was_not_asked_for_lately_makes_room() {
        let cache = Cache::default();
        for n in 0..MOST_ANSWERS {
            cache.put(&format!("/{n}"), kept(1));
        }
        assert!(cache.get("/0").is_some());
        cache.put("/new", kept(1));
        assert!(cache.get("/0").is_some(), "was used a moment ago");
        assert!(cache.get("/1").is_none());
    }

    #[test]
    fn bytes_are_bounded_too() {
        let cache = Cache::default();
        cache.put("/huge", kept(MOST_BYTES_OF_ONE + 1));
        assert!(cache.get("/huge").is_none());
        for n in 0..20 {
            cache.put(&format!("/{n}"), kept(MOST_BYTES_OF_ONE));
        }
        assert!(cache.get("/11").is_none());
        assert!((12..20).all(|n| cache.get(&format!("/{n}")).is_some()));
    }
}
