//! A list in which each key occurs once and is found fast, however long the list.

use hashbrown::HashTable;

use super::hashing::Hashing;

/// A list entry that has a key.
pub(super) trait Keyed {
    type Key: Copy + PartialEq;

    fn key(&self) -> Self::Key;

    /// A number to hash; equal keys have equal numbers.
    fn number(key: Self::Key) -> u64;
}

/// Entries in the order of their insertion; a removal moves the last entry into the gap.
///
/// Short lists are searched. Longer ones have an index, so that the hundred-thousandth subscriber of a filter
/// costs what the tenth does.
#[derive(Debug)]
pub(super) struct KeyedList<T> {
    entries: Vec<T>,
    /// Positions by key; empty until the list has once been longer than `UNINDEXED`.
    index: HashTable<u32>,
}

impl<T: Keyed> KeyedList<T> {
    pub(super) fn new() -> Self {
        Self { entries: Vec::new(), index: HashTable::new() }
    }

    /// Adds the entry, or puts it in the place of the one with the same key.
    pub(super) fn insert(&mut self, entry: T, hashing: &Hashing) -> Option<T> {
        if let Some(position) = self.position(entry.key(), hashing) {
            return Some(std::mem::replace(&mut self.entries[position], entry));
        }
        self.entries.push(entry);
        if !self.index.is_empty() {
            self.index_from(self.entries.len() - 1, hashing);
        } else if self.entries.len() > UNINDEXED {
            self.index_from(0, hashing);
        }
        None
    }

    /// Removes the entry at a position and moves the last one there.
    pub(super) fn swap_remove(&mut self, position: usize, hashing: &Hashing) -> T {
        let last = self.entries.len() - 1;
        self.swap(position, last, hashing);
        if let Some(place) = self.place(last, hashing) {
            self.index.find_entry(place.0, |&at| at == place.1).expect("a place is in the index").remove();
        }
        self.entries.pop().expect("the position was in the list")
    }

    pub(super) fn swap(&mut self, a: usize, b: usize, hashing: &Hashing) {
        if a == b {
            return;
        }
        if let (Some(a), Some(b)) = (self.place(a, hashing), self.place(b, hashing)) {
            for (from, to) in [(a, u32::MAX), (b, a.1), ((a.0, u32::MAX), b.1)] {
                *self.index.find_mut(from.0, |&at| at == from.1).expect("a place is in the index") = to;
            }
        }
        self.entries.swap(a, b);
    }

    pub(super) fn position(&self, key: T::Key, hashing: &Hashing) -> Option<usize> {
        let same = |entry: &T| entry.key() == key;
        if self.index.is_empty() {
            return self.entries.iter().position(same);
        }
        let hash = hashing.number(T::number(key));
        self.index.find(hash, |&at| same(&self.entries[at as usize])).map(|&at| at as usize)
    }

    pub(super) fn as_slice(&self) -> &[T] {
        &self.entries
    }

    /// The hash and the content of the index entry of a position, if the list is indexed.
    fn place(&self, position: usize, hashing: &Hashing) -> Option<(u64, u32)> {
        let indexed = !self.index.is_empty();
        indexed.then(|| (hash(&self.entries[position], hashing), number(position)))
    }

    fn index_from(&mut self, start: usize, hashing: &Hashing) {
        let Self { entries, index } = self;
        for (position, entry) in entries.iter().enumerate().skip(start) {
            index.insert_unique(hash(entry, hashing), number(position), |&at| {
                hash(&entries[at as usize], hashing)
            });
        }
    }
}

fn hash<T: Keyed>(entry: &T, hashing: &Hashing) -> u64 {
    hashing.number(T::number(entry.key()))
}

fn number(position: usize) -> u32 {
    u32::try_from(position).expect("memory ends before the numbers do")
}

/// Up to this length a search is about as fast as a probe.
const UNINDEXED: usize = 16;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    impl Keyed for (u8, u32) {
        type Key = u8;

        fn key(&self) -> u8 {
            self.0
        }

        fn number(key: u8) -> u64 {
            u64::from(key)
        }
    }

    fn model_position(model: &[(u8, u32)], key: u8) -> Option<usize> {
        model.iter().position(|entry| entry.0 == key)
    }

    proptest! {
        #[test]
        fn a_list_with_an_index_does_what_a_plain_list_does(
            steps in prop::collection::vec((0u8..5, 0u8..60, any::<u32>()), 1..300)
        ) {
            let hashing = Hashing::new(7);
            let (mut list, mut model) = (KeyedList::new(), Vec::new());
            for (step, key, value) in steps {
                let position = model_position(&model, key);
                prop_assert_eq!(list.position(key, &hashing), position);
                match (step, position) {
                    (0, Some(position)) => {
                        prop_assert_eq!(list.swap_remove(position, &hashing), model.swap_remove(position));
                    }
                    (1, Some(position)) => {
                        let other = value as usize % model.len();
                        list.swap(position, other, &hashing);
                        model.swap(position, other);
                    }
                    (_, Some(position)) => {
                        let previous = std::mem::replace(&mut model[position], (key, value));
                        prop_assert_eq!(list.insert((key, value), &hashing), Some(previous));
                    }
                    (_, None) => {
                        prop_assert_eq!(list.insert((key, value), &hashing), None);
                        model.push((key, value));
                    }
                }
                prop_assert_eq!(list.as_slice(), &model[..]);
            }
        }
    }
}
