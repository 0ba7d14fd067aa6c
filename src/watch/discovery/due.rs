//! What is due when: a few dozen things, each with one deadline at the most.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;

use tokio::time::Instant;

/// Things that wait for their deadlines.
#[derive(Debug)]
pub(super) struct Due<K> {
    by_deadline: BTreeSet<(Instant, K)>,
    deadlines: HashMap<K, Instant>,
}

impl<K: Clone + Eq + Hash + Ord> Due<K> {
    pub(super) fn new() -> Self {
        Self { by_deadline: BTreeSet::new(), deadlines: HashMap::new() }
    }

    /// Waits for this deadline, in the place of another.
    pub(super) fn set(&mut self, key: K, deadline: Instant) {
        self.remove(&key);
        self.by_deadline.insert((deadline, key.clone()));
        self.deadlines.insert(key, deadline);
    }

    /// Waits no more.
    pub(super) fn remove(&mut self, key: &K) {
        if let Some(deadline) = self.deadlines.remove(key) {
            self.by_deadline.remove(&(deadline, key.clone()));
        }
    }

    /// Takes out what has waited longest beyond its deadline.
    pub(super) fn take(&mut self, now: Instant) -> Option<K> {
        if self.next()? > now {
            return None;
        }
        let (_, key) = self.by_deadline.pop_first()?;
        self.deadlines.remove(&key);
        Some(key)
    }

    /// The next deadline.
    pub(super) fn next(&self) -> Option<Instant> {
        self.by_deadline.first().map(|(deadline, _)| *deadline)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_is_due_is_taken_once_the_earliest_first_and_at_its_last_deadline() {
        let (now, second) = (Instant::now(), Duration::from_secs(1));
        let mut due = Due::new();
        due.set("late", now + 3 * second);
        due.set("early", now + second);
        due.set("moved", now);
        due.set("moved", now + 2 * second);
        due.set("gone", now);
        due.remove(&"gone");
        assert_eq!((due.take(now), due.next()), (None, Some(now + second)));
        let later = now + 10 * second;
        let taken: Vec<_> = std::iter::from_fn(|| due.take(later)).collect();
        assert_eq!(taken, ["early", "moved", "late"]);
    }
}
