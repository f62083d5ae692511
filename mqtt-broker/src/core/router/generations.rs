//! Telling whether an earlier match of a topic is still true.

use std::sync::atomic::{AtomicU64, Ordering};

use super::hashing::Hashing;

/// Counters of changes to the subscriptions, each for a part of all topics.
///
/// A change counts where every topic that its filter can match looks: for a filter without wildcards at the whole
/// text, otherwise at its literal first two levels, its literal first level, or, if it begins with a wildcard, at
/// the one counter that concerns everybody. So a device that subscribes to its own `site/7/#` leaves what is known
/// about `site/8/..` alone. Places are shared by hash: that can only make an answer be forgotten, never be kept
/// too long.
///
/// Counters are atomic so that a shard can ask without locking the subscriptions.
#[derive(Debug)]
pub struct Generations {
    hashing: Hashing,
    counters: Box<[AtomicU64]>,
    /// Changes of filters that begin with a wildcard.
    everywhere: AtomicU64,
}

/// The state of all counters that concern one topic, at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// The counters of the first level, the first two levels and the whole topic.
    places: [u16; 3],
    /// Counters only grow, so their sum is the same only if each of them is.
    sum: u64,
}

impl Generations {
    pub(super) fn new(hashing: Hashing) -> Self {
        let counters = (0..PLACES).map(|_| AtomicU64::new(0)).collect();
        Self { hashing, counters, everywhere: AtomicU64::new(0) }
    }

    /// Counts a change of what the filter matches.
    pub(super) fn change(&self, filter: &str) {
        let counter = match scope(filter) {
            Scope::Exactly(topic) => &self.counters[usize::from(self.place_of(topic))],
            Scope::Below(prefix) => &self.counters[usize::from(self.place_below(prefix))],
            Scope::Everywhere => &self.everywhere,
        };
        counter.fetch_add(1, Ordering::Release);
    }

    /// The present state for a topic. To be taken before the match that it is kept with.
    pub fn stamp(&self, topic: &str) -> Stamp {
        let [first, second] = [1, 2].map(|levels| self.place_below(prefix(topic, levels)));
        let places = [first, second, self.place_of(topic)];
        Stamp { places, sum: self.sum(places) }
    }

    /// Whether nothing has changed for the stamp's topic since.
    pub fn is_current(&self, stamp: &Stamp) -> bool {
        self.sum(stamp.places) == stamp.sum
    }

    fn sum(&self, places: [u16; 3]) -> u64 {
        let counted = places.map(|place| self.counters[usize::from(place)].load(Ordering::Acquire));
        counted.iter().sum::<u64>() + self.everywhere.load(Ordering::Acquire)
    }

    fn place_of(&self, topic: &str) -> u16 {
        (self.hashing.text(topic) % PLACES) as u16
    }

    /// Another place than that of the topic with the same text: who subscribes to `a` says nothing about `a/b`.
    fn place_below(&self, prefix: &str) -> u16 {
        (self.hashing.text(prefix).rotate_left(32) % PLACES) as u16
    }
}

/// The topics that a change of a filter may concern.
enum Scope<'f> {
    /// Only this one.
    Exactly(&'f str),
    /// Those that begin with these levels.
    Below(&'f str),
    Everywhere,
}

fn scope(filter: &str) -> Scope<'_> {
    let wildcard = filter.split('/').position(|level| matches!(level, "+" | "#"));
    match wildcard {
        None => Scope::Exactly(filter),
        Some(0) => Scope::Everywhere,
        Some(1) => Scope::Below(prefix(filter, 1)),
        Some(_) => Scope::Below(prefix(filter, 2)),
    }
}

/// The first levels of a text, or all of it if it has no more.
fn prefix(text: &str, levels: usize) -> &str {
    text.match_indices('/').nth(levels - 1).map_or(text, |(end, _)| &text[..end])
}

const PLACES: u64 = 4096;
