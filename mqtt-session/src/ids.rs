//! Packet Identifiers: which are in use, and which comes next.

use alloc::collections::BTreeMap;

use mqtt_codec::PacketId;

use crate::lazy::{Lazy, Untouched};

/// A set of identifiers, 64 to a map entry: identifiers in use lie close together.
#[derive(Clone, Debug, Default)]
pub(crate) struct IdSet(Lazy<Members>);

#[derive(Clone, Debug, Default)]
struct Members {
    words: BTreeMap<u16, u64>,
    len: usize,
}

impl Untouched for Members {
    const UNTOUCHED: &'static Self = &Self { words: BTreeMap::new(), len: 0 };
}

impl IdSet {
    pub(crate) const NONE: Self = Self(Lazy::NONE);

    /// Whether `id` was not in the set before.
    pub(crate) fn insert(&mut self, id: PacketId) -> bool {
        let (word, bit) = place(id);
        let members = &mut *self.0;
        let bits = members.words.entry(word).or_insert(0);
        if *bits & bit != 0 {
            return false;
        }
        *bits |= bit;
        members.len += 1;
        true
    }

    /// Whether `id` was in the set.
    pub(crate) fn remove(&mut self, id: PacketId) -> bool {
        let (word, bit) = place(id);
        let Some(members) = self.0.made() else { return false };
        let Some(bits) = members.words.get_mut(&word) else { return false };
        if *bits & bit == 0 {
            return false;
        }
        *bits &= !bit;
        if *bits == 0 {
            members.words.remove(&word);
        }
        members.len -= 1;
        true
    }

    /// An empty set keeps room, so that the next identifier costs nothing: gives it back.
    pub(crate) fn shrink(&mut self) {
        if self.len() == 0 {
            self.0.take();
        }
    }

    pub(crate) fn contains(&self, id: PacketId) -> bool {
        let (word, bit) = place(id);
        self.0.words.get(&word).is_some_and(|bits| bits & bit != 0)
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.0.len
    }

    /// All identifiers, smallest first.
    #[cfg(test)]
    fn iter(&self) -> impl Iterator<Item = PacketId> {
        self.0.words.iter().flat_map(|(&word, &bits)| {
            (0..64)
                .filter(move |bit| bits >> bit & 1 == 1)
                .filter_map(move |bit| PacketId::new(word << 6 | bit))
        })
    }
}

fn place(id: PacketId) -> (u16, u64) {
    (id.get() >> 6, 1 << (id.get() & 63))
}

/// Gives identifiers that are not in use, to every kind of packet that one side numbers. [MQTT-2.2.1-3]
#[derive(Clone, Debug)]
pub(crate) struct PacketIds {
    used: IdSet,
    next: PacketId,
    /// The last one that is given.
    last: PacketId,
}

impl PacketIds {
    pub(crate) fn up_to(last: PacketId) -> Self {
        Self { used: IdSet::default(), next: PacketId::MIN, last }
    }

    /// All are free again.
    pub(crate) fn clear(&mut self) {
        *self = Self::up_to(self.last);
    }

    /// Takes on another limit; what was given above it stays in use.
    pub(crate) const fn set_last(&mut self, last: PacketId) {
        self.last = last;
    }

    /// The next free identifier, which is in use from now on; `None` if all are.
    pub(crate) fn take(&mut self) -> Option<PacketId> {
        let all = usize::from(self.last.get());
        if self.used.len() >= all {
            return None;
        }
        let mut id = self.next;
        for _ in 0..=all {
            if id > self.last {
                id = PacketId::MIN;
            }
            if self.used.insert(id) {
                self.next = id.next();
                return Some(id);
            }
            id = id.next();
        }
        None
    }

    /// Takes note of an identifier that an earlier process gave.
    pub(crate) fn insert(&mut self, id: PacketId) {
        self.used.insert(id);
    }

    /// Nothing more will come soon.
    pub(crate) fn shrink(&mut self) {
        self.used.shrink();
    }

    /// Frees `id`.
    pub(crate) fn give_back(&mut self, id: PacketId) {
        self.used.remove(id);
    }

    #[cfg(test)]
    fn in_use(&self, id: PacketId) -> bool {
        self.used.contains(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(value: u16) -> PacketId {
        PacketId::new(value).unwrap()
    }

    #[test]
    fn mqtt_5_0__2_2_1_3_an_identifier_in_use_is_not_given_again() {
        let mut ids = PacketIds::up_to(PacketId::MAX);
        let first = ids.take().unwrap();
        for _ in 0..65_534 {
            assert_ne!(ids.take().unwrap(), first);
        }
        assert_eq!(ids.take(), None);
        ids.give_back(id(700));
        assert_eq!(ids.take(), Some(id(700)));
        assert!(ids.in_use(id(700)));
    }

    #[test]
    fn no_identifier_above_the_limit_is_given() {
        let mut ids = PacketIds::up_to(id(3));
        assert_eq!([(); 4].map(|()| ids.take()), [Some(id(1)), Some(id(2)), Some(id(3)), None]);
        ids.give_back(id(2));
        assert_eq!([(); 2].map(|()| ids.take()), [Some(id(2)), None]);
        ids.set_last(id(2));
        ids.give_back(id(1));
        ids.give_back(id(3));
        assert_eq!([(); 2].map(|()| ids.take()), [Some(id(1)), None]);
    }

    #[test]
    fn a_set_knows_its_members_and_shrinks_to_nothing() {
        let mut set = IdSet::default();
        for value in [1, 63, 64, 65_535] {
            assert!(set.insert(id(value)));
            assert!(!set.insert(id(value)));
        }
        assert_eq!(set.iter().map(PacketId::get).collect::<alloc::vec::Vec<_>>(), [1, 63, 64, 65_535]);
        for value in [1, 63, 64, 65_535] {
            assert!(set.contains(id(value)));
            assert!(set.remove(id(value)));
            assert!(!set.remove(id(value)));
        }
        assert_eq!((set.len(), set.iter().count()), (0, 0));
    }
}
