//! Retained Messages: one value for each topic, found by topic or by Topic Filter.

use std::collections::BTreeSet;
use std::collections::btree_set::Range;
use std::ops::{Bound, ControlFlow};
use std::sync::Arc;

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use super::hashing::Hashing;
use super::skip::{Fit, fit};
use super::subscriptions::has_wildcard;

/// The store of Retained Messages.
///
/// A hash table has the values, so to replace one costs one probe. A set has the same topics in byte order: a
/// filter's matches are found by walking it and jumping over what cannot match, and a position in it is a
/// topic, which stays meaningful whatever comes and goes.
#[derive(Debug)]
pub struct Retained<M> {
    hashing: Hashing,
    weigh: fn(&M) -> usize,
    by_topic: HashTable<(Arc<str>, M)>,
    topics: BTreeSet<Arc<str>>,
    bytes: usize,
}

/// How far a walk over the matches of one filter has come.
///
/// Each topic that is there from the beginning to the end of the walk is visited exactly once; one that comes or
/// goes meanwhile is visited once or not at all.
#[derive(Debug, Clone, Default)]
pub struct Cursor {
    position: Position,
}

#[derive(Debug, Clone, Default)]
enum Position {
    #[default]
    Start,
    /// Go on after this topic, which was looked at last.
    After(Arc<str>),
    /// Go on here: nothing before it is left.
    From(Box<str>),
    Done,
}

/// Whether a walk has more to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Everything has been visited.
    Done,
    /// The limit was reached or the visitor stopped, and there may be more.
    Stopped,
}

impl<M> Retained<M> {
    /// An empty store. `weigh` must give the same bytes for a value each time; the seed is for the hash table.
    pub fn new(weigh: fn(&M) -> usize, seed: u64) -> Self {
        let (by_topic, topics) = (HashTable::new(), BTreeSet::new());
        Self { hashing: Hashing::new(seed), weigh, by_topic, topics, bytes: 0 }
    }

    /// Keeps the message as that of the topic and returns the one before.
    pub fn set(&mut self, topic: &str, message: M) -> Option<M> {
        let Self { hashing, weigh, by_topic, .. } = self;
        self.bytes += weigh(&message);
        let rehash = |each: &(Arc<str>, M)| hashing.text(&each.0);
        match by_topic.entry(hashing.text(topic), |each| *each.0 == *topic, rehash) {
            Entry::Occupied(entry) => {
                let previous = std::mem::replace(&mut entry.into_mut().1, message);
                self.bytes -= weigh(&previous);
                Some(previous)
            }
            Entry::Vacant(entry) => {
                let topic: Arc<str> = topic.into();
                self.bytes += topic.len();
                self.topics.insert(topic.clone());
                entry.insert((topic, message));
                None
            }
        }
    }

    /// Forgets the topic's message and returns it.
    pub fn remove(&mut self, topic: &str) -> Option<M> {
        let entry = self.by_topic.find_entry(self.hashing.text(topic), |each| *each.0 == *topic).ok()?;
        let ((topic, message), _) = entry.remove();
        self.topics.remove(&topic);
        self.bytes -= topic.len() + (self.weigh)(&message);
        Some(message)
    }

    /// The topic's message.
    pub fn get(&self, topic: &str) -> Option<&M> {
        let found = self.by_topic.find(self.hashing.text(topic), |each| *each.0 == *topic)?;
        Some(&found.1)
    }

    /// Visits all messages whose topic matches the filter, in byte order of the topics.
    pub fn matching(&self, filter: &str, mut visit: impl FnMut(&str, &M)) {
        let go_on = |topic: &str, message: &M| {
            visit(topic, message);
            ControlFlow::Continue(())
        };
        self.matching_from(filter, &mut Cursor::default(), usize::MAX, go_on);
    }

    /// Goes on with a walk over the messages whose topic matches the filter, which must be the same each time.
    ///
    /// At most `limit` topics are looked at, matching or not, so a call's work is bounded whatever the filter is.
    /// A message for which `visit` breaks counts as visited.
    pub fn matching_from(
        &self,
        filter: &str,
        cursor: &mut Cursor,
        limit: usize,
        mut visit: impl FnMut(&str, &M) -> ControlFlow<()>,
    ) -> Progress {
        if !has_wildcard(filter) && limit > 0 {
            return self.matching_exactly(filter, cursor, visit);
        }
        let mut topics = self.topics(filter, &cursor.position);
        let mut bound = String::new();
        let mut last = None;
        for _ in 0..limit {
            let Some(topic) = topics.next() else {
                return cursor.finish();
            };
            last = Some(topic);
            match fit(filter, topic, &mut bound) {
                Fit::Matches => {
                    let message = self.get(topic).expect("each topic of the set has a message");
                    if visit(topic, message).is_break() {
                        break;
                    }
                }
                Fit::NotThis => {}
                Fit::NotBefore => {
                    last = None;
                    topics = self.topics_from(Bound::Included(&bound));
                }
                Fit::NoneAfter => return cursor.finish(),
            }
        }
        match last {
            Some(topic) => cursor.position = Position::After(topic.clone()),
            None if limit > 0 => cursor.position = Position::From(bound.into()),
            None => {}
        }
        Progress::Stopped
    }

    /// Goes on with a walk over all messages, whatever their topic begins with; otherwise as
    /// [`Retained::matching_from`].
    pub fn walk(
        &self,
        cursor: &mut Cursor,
        limit: usize,
        mut visit: impl FnMut(&str, &M) -> ControlFlow<()>,
    ) -> Progress {
        let mut last = None;
        for topic in self.topics("#", &cursor.position).take(limit) {
            last = Some(topic);
            let message = self.get(topic).expect("each topic of the set has a message");
            if visit(topic, message).is_break() {
                break;
            }
        }
        match last {
            Some(topic) => cursor.position = Position::After(topic.clone()),
            None if limit > 0 => return cursor.finish(),
            None => {}
        }
        Progress::Stopped
    }

    /// Number of Retained Messages.
    pub fn len(&self) -> usize {
        self.by_topic.len()
    }

    /// Whether there are no Retained Messages.
    pub fn is_empty(&self) -> bool {
        self.by_topic.is_empty()
    }

    /// Bytes of topics and messages.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Subscriptions to one topic are the most frequent: they cost a probe and no walk.
    fn matching_exactly(
        &self,
        topic: &str,
        cursor: &mut Cursor,
        mut visit: impl FnMut(&str, &M) -> ControlFlow<()>,
    ) -> Progress {
        if matches!(cursor.position, Position::Start)
            && let Some(message) = self.get(topic)
        {
            // There is nothing after it, so it does not matter whether the visitor wants more.
            let _ = visit(topic, message);
        }
        cursor.finish()
    }

    fn topics(&self, filter: &str, position: &Position) -> Range<'_, Arc<str>> {
        match position {
            Position::Start => self.topics_from(Bound::Included(literal_prefix(filter))),
            Position::After(topic) => self.topics_from(Bound::Excluded(topic)),
            Position::From(bound) => self.topics_from(Bound::Included(bound)),
            Position::Done => Range::default(),
        }
    }

    fn topics_from(&self, from: Bound<&str>) -> Range<'_, Arc<str>> {
        self.topics.range::<str, _>((from, Bound::Unbounded))
    }
}

impl Cursor {
    fn finish(&mut self) -> Progress {
        self.position = Position::Done;
        Progress::Done
    }
}

/// What every topic that matches the filter begins with.
fn literal_prefix(filter: &str) -> &str {
    let end = filter.find(['+', '#']).unwrap_or(filter.len());
    let prefix = &filter[..end];
    // `a/#` matches `a` too.
    prefix.strip_suffix('/').filter(|_| filter.ends_with("/#")).unwrap_or(prefix)
}
