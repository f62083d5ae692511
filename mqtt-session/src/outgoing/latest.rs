//! Where in a queue the newest message of each topic waits.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use core::borrow::Borrow;
use core::cmp::Ordering;

use mqtt_codec::Message;

/// The place of the newest message of each topic. Places count from the first message that the queue ever had, so they
/// stay what they are when others leave.
#[derive(Clone, Debug, Default)]
pub(super) struct Latest {
    places: BTreeMap<ByTopic, i64>,
    /// The place of the front of the queue. What is put back there has a lower one.
    front: i64,
}

impl Latest {
    /// Of messages from front to back.
    pub(super) fn of<'m>(messages: impl Iterator<Item = &'m Arc<Message>>) -> Self {
        let places = (0..).zip(messages).map(|(place, message)| (ByTopic(Arc::clone(message)), place));
        Self { places: places.collect(), front: 0 }
    }

    /// The index of the newest message of a topic.
    pub(super) fn find(&self, topic: &str) -> Option<usize> {
        usize::try_from(self.places.get(topic)? - self.front).ok()
    }

    /// The message at `index` is the newest of its topic.
    pub(super) fn set(&mut self, index: usize, message: &Arc<Message>) {
        // the key goes as well: it would keep the message that was the newest before
        self.places.remove(message.topic.as_str());
        self.places.insert(ByTopic(Arc::clone(message)), self.front + index as i64);
    }

    /// The front of the queue was taken.
    pub(super) fn popped(&mut self, message: &Message) {
        if self.places.get(message.topic.as_str()) == Some(&self.front) {
            self.places.remove(message.topic.as_str());
        }
        self.front += 1;
    }

    /// A message was put before all others: it is older than they are.
    pub(super) fn pushed_front(&mut self, message: &Arc<Message>) {
        self.front -= 1;
        self.places.entry(ByTopic(Arc::clone(message))).or_insert(self.front);
    }
}

/// A message, known by its topic.
#[derive(Clone, Debug)]
struct ByTopic(Arc<Message>);

impl Borrow<str> for ByTopic {
    fn borrow(&self) -> &str {
        self.0.topic.as_str()
    }
}

impl PartialEq for ByTopic {
    fn eq(&self, other: &Self) -> bool {
        self.0.topic == other.0.topic
    }
}

impl Eq for ByTopic {}

impl PartialOrd for ByTopic {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ByTopic {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.topic.as_str().cmp(other.0.topic.as_str())
    }
}
