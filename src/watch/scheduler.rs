//! A queue of keys by deadline, in which no key is ever handed out twice at once.

mod heap;

use tokio::time::Instant;

use heap::{Entry, Heap};

/// Keys that wait for their deadline, or are in flight. They are places in a list: there is room for each up to the highest.
///
/// Each key is in one of two places: waiting, with one deadline, or in flight, handed out by
/// [`take_due`](Self::take_due) and not yet given back. Keys whose deadline has come may be put in an order of their own,
/// by [`line_up`](Self::line_up).
#[derive(Debug)]
pub struct Scheduler<K> {
    waiting: Heap<K>,
    /// By the instant at which it is too late. These go before all that wait for their deadline.
    due: Heap<K>,
    /// By key.
    places: Vec<Place>,
    len: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Nowhere,
    /// At this position of the heap.
    Waiting(usize),
    Due(usize),
    InFlight,
}

impl<K: Copy + Ord + Into<usize>> Scheduler<K> {
    /// An empty queue.
    pub fn new() -> Self {
        Self { waiting: Heap::new(), due: Heap::new(), places: Vec::new(), len: 0 }
    }

    /// Makes room for so many more keys.
    pub fn reserve(&mut self, keys: usize) {
        self.waiting.reserve(keys);
        // Places that keys have left are taken first.
        let places = (self.len + keys).saturating_sub(self.places.len());
        self.places.reserve_exact(places);
    }

    /// Puts a new key in the queue. A key that waits already keeps the earlier of its two deadlines; one in flight
    /// stays there.
    pub fn schedule(&mut self, key: K, deadline: Instant) {
        match self.place(&key) {
            Place::InFlight => {}
            Place::Waiting(_) | Place::Due(_) => {
                if self.at(&key).is_some_and(|at| deadline < at) {
                    self.reschedule(&key, deadline);
                }
            }
            Place::Nowhere => {
                self.len += 1;
                self.wait(key, deadline);
            }
        }
    }

    /// Gives a key that waits another deadline.
    pub fn reschedule(&mut self, key: &K, deadline: Instant) {
        if self.remove(key) {
            self.wait(*key, deadline);
        }
    }

    /// Of the keys whose deadline has come those go first that are too late first, as `too_late_at` says of a key and
    /// its deadline.
    pub fn line_up(&mut self, now: Instant, too_late_at: impl Fn(&K, Instant) -> Instant) {
        while let Some((key, deadline)) = self.take_due(now) {
            let (places, at) = (&mut self.places, too_late_at(&key, deadline));
            self.due.push(Entry { at, key }, |key, at| places[key.into()] = Place::Due(at));
        }
    }

    /// The key that goes first of those that are lined up.
    pub fn first_due(&self) -> Option<&K> {
        self.due.first().map(|entry| &entry.key)
    }

    /// The earliest deadline of a waiting key, of those that are not lined up.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.first().map(|(_, deadline)| deadline)
    }

    /// The waiting key with the earliest deadline, of those that are not lined up.
    pub fn first(&self) -> Option<(&K, Instant)> {
        self.waiting.first().map(|entry| (&entry.key, entry.at))
    }

    /// Whether the key waits for its deadline.
    pub fn is_waiting(&self, key: &K) -> bool {
        matches!(self.place(key), Place::Waiting(_) | Place::Due(_))
    }

    /// Whether the key is handed out and not given back.
    pub fn is_in_flight(&self, key: &K) -> bool {
        self.place(key) == Place::InFlight
    }

    /// Hands out the waiting key with the earliest deadline, if that has come. The key is in flight until it is
    /// given back.
    pub fn take_due(&mut self, now: Instant) -> Option<(K, Instant)> {
        let first = *self.waiting.first().filter(|entry| entry.at <= now)?;
        self.take(&first.key);
        Some((first.key, first.at))
    }

    /// Hands out a key that waits, whatever its deadline.
    pub fn take(&mut self, key: &K) {
        if self.remove(key) {
            self.places[(*key).into()] = Place::InFlight;
        }
    }

    /// Takes back a key in flight: it waits again until `deadline`, or leaves for good.
    pub fn give_back(&mut self, key: &K, deadline: Option<Instant>) {
        if !self.is_in_flight(key) {
            return;
        }
        match deadline {
            Some(deadline) => self.wait(*key, deadline),
            None => {
                self.places[(*key).into()] = Place::Nowhere;
                self.len -= 1;
            }
        }
    }

    /// The keys that wait for their deadline, each with it, in no order.
    pub fn waiting(&self) -> impl Iterator<Item = (&K, Instant)> {
        self.waiting.iter().map(|entry| (&entry.key, entry.at))
    }

    /// How many keys wait or are in flight.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether no key waits or is in flight.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    fn place(&self, key: &K) -> Place {
        self.places.get((*key).into()).copied().unwrap_or(Place::Nowhere)
    }

    /// What orders a key that waits.
    fn at(&self, key: &K) -> Option<Instant> {
        let entry = match self.place(key) {
            Place::Waiting(position) => self.waiting.get(position),
            Place::Due(position) => self.due.get(position),
            Place::InFlight | Place::Nowhere => None,
        };
        entry.map(|entry| entry.at)
    }

    /// Takes a key out that waits, and leaves its place to the caller.
    fn remove(&mut self, key: &K) -> bool {
        let (place, places) = (self.place(key), &mut self.places);
        match place {
            Place::Waiting(position) => {
                self.waiting.remove(position, |key, at| places[key.into()] = Place::Waiting(at));
            }
            Place::Due(position) => {
                self.due.remove(position, |key, at| places[key.into()] = Place::Due(at));
            }
            Place::InFlight | Place::Nowhere => return false,
        }
        true
    }

    fn wait(&mut self, key: K, deadline: Instant) {
        let slot = key.into();
        if slot >= self.places.len() {
            self.places.resize(slot + 1, Place::Nowhere);
        }
        let places = &mut self.places;
        let entry = Entry { at: deadline, key };
        self.waiting.push(entry, |key, at| places[key.into()] = Place::Waiting(at));
    }
}

impl<K: Copy + Ord + Into<usize>> Default for Scheduler<K> {
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
        let (later, sooner) = (0_usize, 1);
        scheduler.schedule(later, start + Duration::from_secs(2));
        scheduler.schedule(sooner, start + Duration::from_secs(1));
        assert_eq!(scheduler.take_due(start), None);
        let now = start + Duration::from_secs(5);
        assert_eq!(scheduler.take_due(now).map(|(key, _)| key), Some(sooner));
        assert_eq!(scheduler.take_due(now).map(|(key, _)| key), Some(later));
        assert_eq!(scheduler.take_due(now), None);
    }

    #[test]
    fn a_key_scheduled_twice_keeps_its_earlier_deadline() {
        let start = Instant::now();
        let mut scheduler = Scheduler::new();
        scheduler.schedule(7_usize, start + Duration::from_secs(1));
        scheduler.schedule(7_usize, start + Duration::from_secs(9));
        assert_eq!(scheduler.next_deadline(), Some(start + Duration::from_secs(1)));
        scheduler.schedule(7_usize, start);
        assert_eq!(scheduler.next_deadline(), Some(start));
        assert_eq!(scheduler.len(), 1);
    }

    #[test]
    fn of_keys_that_are_due_that_goes_first_which_is_too_late_first() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let (patient, pressed, later) = (0_usize, 1, 2);
        let mut scheduler = Scheduler::new();
        for (key, deadline) in [(patient, 1), (pressed, 2), (later, 9)] {
            scheduler.schedule(key, at(deadline));
        }
        let too_late_at = |key: &usize, deadline| {
            deadline + Duration::from_secs(if *key == patient { 60 } else { 1 })
        };
        scheduler.line_up(at(5), too_late_at);
        assert_eq!(scheduler.first_due(), Some(&pressed));
        scheduler.take(&pressed);
        assert!(scheduler.is_in_flight(&pressed));
        assert_eq!(scheduler.first_due(), Some(&patient));
        assert_eq!(scheduler.next_deadline(), Some(at(9)), "it is not due");
        // Something else is to be asked at once, and one that is lined up after all not yet.
        scheduler.schedule(later, start);
        scheduler.reschedule(&patient, at(7));
        scheduler.line_up(at(5), too_late_at);
        assert_eq!(scheduler.first_due(), Some(&later));
        assert_eq!(scheduler.next_deadline(), Some(at(7)));
        assert_eq!(scheduler.len(), 3);
    }

    #[derive(Debug, Clone)]
    enum Action {
        Schedule(usize, u64),
        TakeDue(u64),
        GiveBack(usize, Option<u64>),
    }

    fn action() -> impl Strategy<Value = Action> {
        prop_oneof![
            (0..8usize, 0..100u64).prop_map(|(key, at)| Action::Schedule(key, at)),
            (0..100u64).prop_map(Action::TakeDue),
            (0..8usize, prop::option::of(0..100u64))
                .prop_map(|(key, at)| Action::GiveBack(key, at)),
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
