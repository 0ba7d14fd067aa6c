//! Keys by instant, in one piece of memory: what a tree would take for its nodes, a million jobs would pay for.

use tokio::time::Instant;

/// Children of an entry. With four the heap is half as deep as with two.
const ARITY: usize = 4;

/// A heap that tells where each entry has got to, so that any of them can be taken out. The earliest is first; of equals,
/// the lowest key.
#[derive(Debug)]
pub(super) struct Heap<K>(Vec<Entry<K>>);

/// A key and its instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry<K> {
    pub(super) at: Instant,
    pub(super) key: K,
}

impl<K: Copy + Ord> Heap<K> {
    pub(super) const fn new() -> Self {
        Self(Vec::new())
    }

    pub(super) fn reserve(&mut self, entries: usize) {
        self.0.reserve_exact(entries);
    }

    pub(super) fn first(&self) -> Option<&Entry<K>> {
        self.0.first()
    }

    /// All entries, in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Entry<K>> {
        self.0.iter()
    }

    pub(super) fn get(&self, position: usize) -> Option<&Entry<K>> {
        self.0.get(position)
    }

    /// Adds an entry. `moved` is told of each that gets to another position.
    pub(super) fn push(&mut self, entry: Entry<K>, mut moved: impl FnMut(K, usize)) {
        self.0.push(entry);
        self.rise(self.0.len() - 1, entry, &mut moved);
    }

    /// Takes the entry out that is at this position. `moved` is told of each that gets to another.
    pub(super) fn remove(&mut self, position: usize, mut moved: impl FnMut(K, usize)) {
        let Some(last) = self.0.pop() else { return };
        if position == self.0.len() {
            return;
        }
        // The last one takes its place, and goes from there to where it belongs.
        let hole = self.sink(position, last, &mut moved);
        self.rise(hole, last, &mut moved);
    }

    /// Moves the hole at this position up to where `entry` belongs, and puts it there.
    fn rise(&mut self, mut hole: usize, entry: Entry<K>, moved: &mut impl FnMut(K, usize)) {
        while hole > 0 {
            let parent = (hole - 1) / ARITY;
            if self.0[parent] <= entry {
                break;
            }
            self.put(hole, self.0[parent], moved);
            hole = parent;
        }
        self.put(hole, entry, moved);
    }

    /// Moves the hole at this position down to below all that go before `entry`. Returns where it is then.
    fn sink(
        &mut self,
        mut hole: usize,
        entry: Entry<K>,
        moved: &mut impl FnMut(K, usize),
    ) -> usize {
        loop {
            let first = hole * ARITY + 1;
            let children = first..self.0.len().min(first + ARITY);
            let earliest = children.min_by_key(|&child| self.0[child]);
            let Some(child) = earliest.filter(|&child| self.0[child] < entry) else { return hole };
            self.put(hole, self.0[child], moved);
            hole = child;
        }
    }

    fn put(&mut self, position: usize, entry: Entry<K>, moved: &mut impl FnMut(K, usize)) {
        self.0[position] = entry;
        moved(entry.key, position);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeSet, HashMap};
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// `Some` adds an entry at this second, `None` takes the one out that stands at such a share of the heap.
        #[test]
        fn the_earliest_is_first_whatever_was_taken_out(
            actions in prop::collection::vec((prop::option::weighted(0.6, 0..30u64), 0.0..1.0_f64), 0..300),
        ) {
            let start = Instant::now();
            let (mut heap, mut positions) = (Heap::new(), HashMap::new());
            let mut expected = BTreeSet::new();
            for (key, (added, share)) in actions.into_iter().enumerate() {
                let moved = |key, position| {
                    positions.insert(key, position);
                };
                match added {
                    Some(second) => {
                        let entry = Entry { at: start + Duration::from_secs(second), key };
                        expected.insert(entry);
                        heap.push(entry, moved);
                    }
                    None => {
                        let position = (expected.len() as f64 * share) as usize;
                        if let Some(entry) = heap.get(position).copied() {
                            expected.remove(&entry);
                            heap.remove(position, moved);
                            positions.remove(&entry.key);
                        }
                    }
                }
                prop_assert_eq!(heap.first(), expected.first());
                prop_assert_eq!(positions.len(), expected.len());
                for entry in &expected {
                    prop_assert_eq!(heap.get(positions[&entry.key]), Some(entry));
                }
            }
        }
    }
}
