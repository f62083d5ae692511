//! The filters of one session, as they were subscribed to.

use std::collections::{BTreeSet, btree_set};
use std::ops::Deref;

use mqtt_codec::TopicFilter;

/// A set that takes the room of a pointer while it is empty.
#[derive(Default)]
#[expect(
    clippy::box_collection,
    reason = "an empty set has three times the size, in each of a million sessions"
)]
pub(super) struct Filters(Option<Box<BTreeSet<TopicFilter>>>);

/// The set of a session without subscriptions.
const NONE: &BTreeSet<TopicFilter> = &BTreeSet::new();

impl Filters {
    pub(super) fn insert(&mut self, filter: TopicFilter) {
        self.0.get_or_insert_default().insert(filter);
    }

    /// Whether it was there.
    pub(super) fn remove(&mut self, filter: &str) -> bool {
        let removed = self.0.as_mut().is_some_and(|filters| filters.remove(filter));
        self.0.take_if(|filters| filters.is_empty());
        removed
    }
}

impl Deref for Filters {
    type Target = BTreeSet<TopicFilter>;

    fn deref(&self) -> &BTreeSet<TopicFilter> {
        self.0.as_deref().unwrap_or(NONE)
    }
}

impl IntoIterator for Filters {
    type Item = TopicFilter;
    type IntoIter = btree_set::IntoIter<TopicFilter>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.map_or_else(BTreeSet::new, |filters| *filters).into_iter()
    }
}
