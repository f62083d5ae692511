//! Topic Filters without wildcards: they match one topic, found by its text.

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use super::hashing::Hashing;
use super::matched::{Matched, Target};
use super::subscribers::Subscribers;

/// A hash table of filters.
#[derive(Debug, Default)]
pub(super) struct ExactFilters {
    table: HashTable<ExactFilter>,
}

#[derive(Debug)]
struct ExactFilter {
    filter: Box<str>,
    subscribers: Subscribers,
}

impl ExactFilters {
    pub(super) fn insert(&mut self, filter: &str, new: Matched, hashing: &Hashing) -> Option<Matched> {
        let same = |each: &ExactFilter| *each.filter == *filter;
        let rehash = |each: &ExactFilter| hashing.text(&each.filter);
        match self.table.entry(hashing.text(filter), same, rehash) {
            Entry::Occupied(entry) => entry.into_mut().subscribers.insert(new, hashing),
            Entry::Vacant(entry) => {
                entry.insert(ExactFilter { filter: filter.into(), subscribers: Subscribers::One(new) });
                None
            }
        }
    }

    pub(super) fn remove(&mut self, filter: &str, target: Target, hashing: &Hashing) -> Option<Matched> {
        let mut entry = self.table.find_entry(hashing.text(filter), |each| *each.filter == *filter).ok()?;
        let removed = entry.get_mut().subscribers.remove(target, hashing);
        if entry.get().subscribers.is_empty() {
            entry.remove();
        }
        removed
    }

    pub(super) fn visit(&self, topic: &str, hashing: &Hashing, visit: &mut impl FnMut(Matched)) {
        if let Some(found) = self.table.find(hashing.text(topic), |each| *each.filter == *topic) {
            found.subscribers.visit(visit);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.table.len()
    }
}
