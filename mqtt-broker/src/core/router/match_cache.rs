//! Matches of recent topics, so that a topic that repeats does not walk the tree.

use hashbrown::HashTable;

use super::generations::{Generations, Stamp};
use super::hashing::Hashing;

/// How much a [`MatchCache`] may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheLimits {
    /// Topics.
    pub entries: usize,
    /// Bytes of topics and values, as the cache's `weigh` counts them.
    pub bytes: usize,
}

/// A bounded cache from topics to what they matched, owned by one shard.
///
/// An entry is used only while its [`Stamp`] is current, so an answer is never older than the last change of the
/// subscriptions. When there is no room, the clock hand passes over the entries, spares those used since it
/// last came by, and removes the first that was not.
#[derive(Debug)]
pub struct MatchCache<V> {
    limits: CacheLimits,
    weigh: fn(&V) -> usize,
    hashing: Hashing,
    entries: Vec<CacheEntry<V>>,
    by_topic: HashTable<u32>,
    hand: usize,
    bytes: usize,
}

#[derive(Debug)]
struct CacheEntry<V> {
    topic: Box<str>,
    value: V,
    stamp: Stamp,
    used: bool,
}

impl<V> MatchCache<V> {
    /// An empty cache. `weigh` must give the same bytes for a value each time.
    pub fn new(limits: CacheLimits, weigh: fn(&V) -> usize, seed: u64) -> Self {
        let (hashing, by_topic) = (Hashing::new(seed), HashTable::new());
        Self { limits, weigh, hashing, entries: Vec::new(), by_topic, hand: 0, bytes: 0 }
    }

    /// What the topic matched, if that is known and still true.
    pub fn get(&mut self, topic: &str, generations: &Generations) -> Option<&V> {
        let position = self.position(topic)?;
        let entry = &mut self.entries[position];
        entry.used = generations.is_current(&entry.stamp);
        entry.used.then_some(&entry.value)
    }

    /// Keeps what the topic matched. The stamp must have been taken before the match was made.
    pub fn insert(&mut self, topic: &str, stamp: Stamp, value: V) {
        if let Some(position) = self.position(topic) {
            self.remove(position);
        }
        let bytes = topic.len() + (self.weigh)(&value);
        if bytes > self.limits.bytes || self.limits.entries == 0 {
            return;
        }
        while self.entries.len() >= self.limits.entries || self.bytes > self.limits.bytes - bytes {
            self.evict();
        }
        self.bytes += bytes;
        let position = u32::try_from(self.entries.len()).expect("memory ends before the numbers do");
        self.entries.push(CacheEntry { topic: topic.into(), value, stamp, used: false });
        let Self { entries, by_topic, hashing, .. } = self;
        by_topic
            .insert_unique(hashing.text(topic), position, |&at| hashing.text(&entries[at as usize].topic));
    }

    /// Number of topics held, current or not.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether no topic is held.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Bytes of topics and values held.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    fn evict(&mut self) {
        loop {
            if self.hand >= self.entries.len() {
                self.hand = 0;
            }
            if !std::mem::take(&mut self.entries[self.hand].used) {
                return self.remove(self.hand);
            }
            self.hand += 1;
        }
    }

    /// Removes an entry and moves the last one to its place.
    fn remove(&mut self, position: usize) {
        let last = self.entries.len() - 1;
        let gone = self.hashing.text(&self.entries[position].topic);
        let moved = self.hashing.text(&self.entries[last].topic);
        let place = self.by_topic.find_entry(gone, |&at| at as usize == position);
        place.expect("each entry is in the table").remove();
        if position != last {
            let place = self.by_topic.find_mut(moved, |at| *at as usize == last);
            *place.expect("each entry is in the table") =
                u32::try_from(position).expect("an earlier position is smaller");
        }
        let entry = self.entries.swap_remove(position);
        self.bytes -= entry.topic.len() + (self.weigh)(&entry.value);
    }

    fn position(&self, topic: &str) -> Option<usize> {
        let same = |&at: &u32| *self.entries[at as usize].topic == *topic;
        self.by_topic.find(self.hashing.text(topic), same).map(|&at| at as usize)
    }
}
