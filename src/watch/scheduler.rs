//! A queue of keys by deadline, in which no key is ever handed out twice at once.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;

use tokio::time::Instant;

/// Keys that wait for their deadline, or are in flight.
///
/// Each key is in one of two places: waiting, with one deadline, or in flight, handed out by
/// [`take_due`](Self::take_due) and not yet given back. Keys whose deadline has come may be put in an order of their own,
/// by [`line_up`](Self::line_up).
#[derive(Debug)]
pub struct Scheduler<K> {
    waiting: BTreeSet<(Instant, K)>,
    /// By the instant at which it is too late. These go before all that wait for their deadline.
    due: BTreeSet<(Instant, K)>,
    places: HashMap<K, Place>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Waiting(Instant),
    Due(Instant),
    InFlight,
}

impl<K: Clone + Eq + Hash + Ord> Scheduler<K> {
    /// An empty queue.
    pub fn new() -> Self {
        Self { waiting: BTreeSet::new(), due: BTreeSet::new(), places: HashMap::new() }
    }

    /// Makes room for so many more keys.
    pub fn reserve(&mut self, keys: usize) {
        self.places.reserve(keys);
    }

    /// Puts a new key in the queue. A key that waits already keeps the earlier of its two deadlines; one in flight
    /// stays there.
    pub fn schedule(&mut self, key: K, deadline: Instant) {
        match self.places.get(&key) {
            Some(Place::InFlight) => {}
            Some(&(Place::Waiting(earlier) | Place::Due(earlier))) if earlier <= deadline => {}
            Some(&Place::Waiting(later)) => {
                self.waiting.remove(&(later, key.clone()));
                self.wait(key, deadline);
            }
            Some(&Place::Due(later)) => {
                self.due.remove(&(later, key.clone()));
                self.wait(key, deadline);
            }
            None => self.wait(key, deadline),
        }
    }

    /// Gives a key that waits another deadline.
    pub fn reschedule(&mut self, key: &K, deadline: Instant) {
        if self.remove(key) {
            self.wait(key.clone(), deadline);
        }
    }

    /// Of the keys whose deadline has come those go first that are too late first, as `too_late_at` says of a key and
    /// its deadline.
    pub fn line_up(&mut self, now: Instant, too_late_at: impl Fn(&K, Instant) -> Instant) {
        while let Some((deadline, _)) = self.waiting.first()
            && *deadline <= now
            && let Some((deadline, key)) = self.waiting.pop_first()
        {
            let too_late_at = too_late_at(&key, deadline);
            self.places.insert(key.clone(), Place::Due(too_late_at));
            self.due.insert((too_late_at, key));
        }
    }

    /// The key that goes first of those that are lined up.
    pub fn first_due(&self) -> Option<&K> {
        self.due.first().map(|(_, key)| key)
    }

    /// Takes a key out that waits.
    fn remove(&mut self, key: &K) -> bool {
        match self.places.get(key) {
            Some(&Place::Waiting(deadline)) => self.waiting.remove(&(deadline, key.clone())),
            Some(&Place::Due(too_late_at)) => self.due.remove(&(too_late_at, key.clone())),
            Some(Place::InFlight) | None => false,
        }
    }

    /// The earliest deadline of a waiting key.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.first().map(|(_, deadline)| deadline)
    }

    /// The waiting key with the earliest deadline, of those that are not lined up.
    pub fn first(&self) -> Option<(&K, Instant)> {
        self.waiting.first().map(|(deadline, key)| (key, *deadline))
    }

    /// Whether the key waits for its deadline.
    pub fn is_waiting(&self, key: &K) -> bool {
        matches!(self.places.get(key), Some(Place::Waiting(_) | Place::Due(_)))
    }

    /// Whether the key is handed out and not given back.
    pub fn is_in_flight(&self, key: &K) -> bool {
        self.places.get(key) == Some(&Place::InFlight)
    }

    /// Hands out the waiting key with the earliest deadline, if that has come. The key is in flight until it is
    /// given back.
    pub fn take_due(&mut self, now: Instant) -> Option<(K, Instant)> {
        if self.next_deadline()? > now {
            return None;
        }
        let (deadline, key) = self.waiting.pop_first()?;
        self.places.insert(key.clone(), Place::InFlight);
        Some((key, deadline))
    }

    /// Hands out a key that waits, whatever its deadline.
    pub fn take(&mut self, key: &K) {
        if self.remove(key) {
            self.places.insert(key.clone(), Place::InFlight);
        }
    }

    /// Takes back a key in flight: it waits again until `deadline`, or leaves for good.
    pub fn give_back(&mut self, key: &K, deadline: Option<Instant>) {
        if self.places.get(key) != Some(&Place::InFlight) {
            return;
        }
        match deadline {
            Some(deadline) => self.wait(key.clone(), deadline),
            None => {
                self.places.remove(key);
            }
        }
    }

    /// The keys that wait for their deadline, each with it.
    pub fn waiting(&self) -> impl Iterator<Item = (&K, Instant)> {
        self.waiting.iter().map(|(deadline, key)| (key, *deadline))
    }

    /// How many keys wait or are in flight.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether no key waits or is in flight.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    fn wait(&mut self, key: K, deadline: Instant) {
        self.places.insert(key.clone(), Place::Waiting(deadline));
        self.waiting.insert((deadline, key));
    }
}

impl<K: Clone + Eq + Hash + Ord> Default for Scheduler<K> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_earliest_deadline_leaves_first_and_none_before_its_time() {
        let start = Instant::now();
        let mut scheduler = Scheduler::new();
        scheduler.schedule("later", start + Duration::from_secs(2));
        scheduler.schedule("sooner", start + Duration::from_secs(1));
        assert_eq!(scheduler.take_due(start), None);
        let now = start + Duration::from_secs(5);
        assert_eq!(scheduler.take_due(now).map(|(key, _)| key), Some("sooner"));
        assert_eq!(scheduler.take_due(now).map(|(key, _)| key), Some("later"));
        assert_eq!(scheduler.take_due(now), None);
    }

    #[test]
    fn a_key_scheduled_twice_keeps_its_earlier_deadline() {
        let start = Instant::now();
        let mut scheduler = Scheduler::new();
        scheduler.schedule("job", start + Duration::from_secs(1));
        scheduler.schedule("job", start + Duration::from_secs(9));
        assert_eq!(scheduler.next_deadline(), Some(start + Duration::from_secs(1)));
        scheduler.schedule("job", start);
        assert_eq!(scheduler.next_deadline(), Some(start));
        assert_eq!(scheduler.len(), 1);
    }

    #[test]
    fn of_keys_that_are_due_that_goes_first_which_is_too_late_first() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut scheduler = Scheduler::new();
        for (key, deadline) in [("patient", 1), ("pressed", 2), ("later", 9)] {
            scheduler.schedule(key, at(deadline));
        }
        let too_late_at = |key: &&str, deadline| match *key {
            "patient" => deadline + Duration::from_secs(60),
            _ => deadline + Duration::from_secs(1),
        };
        scheduler.line_up(at(5), too_late_at);
        assert_eq!(scheduler.first_due(), Some(&"pressed"));
        scheduler.take(&"pressed");
        assert!(scheduler.is_in_flight(&"pressed"));
        assert_eq!(scheduler.first_due(), Some(&"patient"));
        assert_eq!(scheduler.next_deadline(), Some(at(9)), "it is not due");
        // Something else is to be asked at once, and one that is lined up after all not yet.
        scheduler.schedule("later", start);
        scheduler.reschedule(&"patient", at(7));
        scheduler.line_up(at(5), too_late_at);
        assert_eq!(scheduler.first_due(), Some(&"later"));
        assert_eq!(scheduler.next_deadline(), Some(at(7)));
        assert_eq!(scheduler.len(), 3);
    }

    #[derive(Debug, Clone)]
    enum Action {
        Schedule(u8, u64),
        TakeDue(u64),
        GiveBack(u8, Option<u64>),
    }

    fn action() -> impl Strategy<Value = Action> {
        prop_oneof![
            (0..8u8, 0..100u64).prop_map(|(key, at)| Action::Schedule(key, at)),
            (0..100u64).prop_map(Action::TakeDue),
            (0..8u8, prop::option::of(0..100u64)).prop_map(|(key, at)| Action::GiveBack(key, at)),
        ]
    }

    proptest! {
        #[test]
        fn a_key_is_never_in_flight_twice_and_never_lost(
            actions in prop::collection::vec(action(), 0..200),
        ) {
            let start = Instant::now();
            let at = |seconds| start + Duration::from_secs(seconds);
            let mut scheduler = Scheduler::new();
            let mut present = HashSet::new();
            let mut in_flight = HashSet::new();
            for action in actions {
                match action {
                    Action::Schedule(key, deadline) => {
                        scheduler.schedule(key, at(deadline));
                        present.insert(key);
                    }
                    Action::TakeDue(now) => {
                        let earliest = scheduler.next_deadline();
                        if let Some((key, deadline)) = scheduler.take_due(at(now)) {
                            prop_assert!(in_flight.insert(key), "{} was in flight already", key);
                            prop_assert!(deadline <= at(now));
                            prop_assert_eq!(Some(deadline), earliest);
                        }
                    }
                    Action::GiveBack(key, deadline) => {
                        if in_flight.remove(&key) && deadline.is_none() {
                            present.remove(&key);
                        }
                        scheduler.give_back(&key, deadline.map(at));
                    }
                }
                prop_assert_eq!(scheduler.len(), present.len());
            }
        }
    }
}
