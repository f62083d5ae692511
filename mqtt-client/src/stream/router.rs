//! Which streams a message belongs to.
//!
//! In 5.0 each subscription has an identifier of its own, which the server sends with every message that it causes.
//! Else, and where identifiers may stem from an earlier run of the program, topics are matched with filters.

use std::collections::HashMap;
use std::sync::Arc;

use mqtt_codec::{PublishRef, SubscriptionId, TopicFilter, TopicRef};

use super::buffer::Buffer;

/// Names a stream inside one client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StreamKey(u64);

#[derive(Debug)]
struct Stream {
    key: StreamKey,
    filters: Vec<TopicFilter>,
    buffer: Arc<Buffer>,
}

/// The streams of one client.
#[derive(Debug)]
pub(crate) struct Router {
    streams: Vec<Stream>,
    /// The identifier that each filter was subscribed with last: a second SUBSCRIBE replaces the first.
    ids: HashMap<TopicFilter, Option<SubscriptionId>>,
    /// Messages of a kept session that no stream has asked for yet; `None` if they are not waited for.
    unclaimed: Option<Arc<Buffer>>,
    next_key: u64,
    next_id: u32,
}

impl Router {
    /// `unclaimed` is where messages of a session that outlives the program wait for their stream. `first_id` is the
    /// first Subscription Identifier.
    pub(crate) fn new(unclaimed: Option<Arc<Buffer>>, first_id: u32) -> Self {
        Self { streams: Vec::new(), ids: HashMap::new(), unclaimed, next_key: 0, next_id: first_id.max(1) }
    }

    /// An identifier that no stream of this client has had.
    pub(crate) fn next_subscription_id(&mut self) -> Option<SubscriptionId> {
        let id = SubscriptionId::new(self.next_id)?;
        self.next_id += 1;
        Some(id)
    }

    /// From now on messages for `filters` go to `buffer`, those that have waited for it first.
    pub(crate) fn add(
        &mut self,
        filters: Vec<TopicFilter>,
        id: Option<SubscriptionId>,
        buffer: Arc<Buffer>,
    ) -> StreamKey {
        let key = StreamKey(self.next_key);
        self.next_key += 1;
        if let Some(unclaimed) = &self.unclaimed {
            for entry in unclaimed.drain() {
                let topic = entry.message.topic.view();
                let wanted = filters.iter().any(|filter| matches(filter, topic));
                if wanted { &buffer } else { unclaimed }.push(entry);
            }
        }
        for filter in &filters {
            self.ids.insert(filter.clone(), id);
        }
        self.streams.push(Stream { key, filters, buffer });
        key
    }

    /// The filter was subscribed with another identifier.
    pub(crate) fn set_id(&mut self, key: StreamKey, id: Option<SubscriptionId>) {
        if let Some(stream) = self.streams.iter().find(|stream| stream.key == key) {
            for filter in &stream.filters {
                self.ids.insert(filter.clone(), id);
            }
        }
    }

    /// Ends a stream. Returns those of its filters that no other stream has.
    pub(crate) fn remove(&mut self, key: StreamKey, keep_held: bool) -> Vec<TopicFilter> {
        let Some(index) = self.streams.iter().position(|stream| stream.key == key) else { return Vec::new() };
        let stream = self.streams.remove(index);
        stream.buffer.finish(keep_held);
        let mut filters = stream.filters;
        filters.retain(|filter| !self.streams.iter().any(|other| other.filters.contains(filter)));
        for filter in &filters {
            self.ids.remove(filter);
        }
        filters
    }

    /// Takes `filter` away from all streams; a stream without filters ends.
    pub(crate) fn remove_filter(&mut self, filter: &TopicFilter) {
        self.ids.remove(filter);
        self.streams.retain_mut(|stream| {
            stream.filters.retain(|other| other != filter);
            if stream.filters.is_empty() {
                stream.buffer.finish(true);
            }
            !stream.filters.is_empty()
        });
    }

    /// Takes `filter` away from one stream, because the server refused it.
    pub(crate) fn refuse(&mut self, key: StreamKey, filter: &TopicFilter) {
        if let Some(stream) = self.streams.iter_mut().find(|stream| stream.key == key) {
            stream.filters.retain(|other| other != filter);
        }
        if !self.streams.iter().any(|stream| stream.filters.contains(filter)) {
            self.ids.remove(filter);
        }
    }

    /// Ends the streams whose readers have gone. Returns the filters that nobody has any more.
    pub(crate) fn sweep(&mut self) -> Vec<TopicFilter> {
        let mut filters = Vec::new();
        while let Some(stream) = self.streams.iter().find(|stream| stream.buffer.is_abandoned()) {
            let buffer = Arc::clone(&stream.buffer);
            let key = stream.key;
            filters.append(&mut self.remove(key, true));
            let left = buffer.drain();
            if let Some(unclaimed) = &self.unclaimed {
                for entry in left {
                    unclaimed.push(entry);
                }
            }
        }
        filters
    }

    /// Calls `to` with each buffer that a message belongs to.
    pub(crate) fn route(&self, publish: &PublishRef<'_>, mut to: impl FnMut(&Arc<Buffer>)) {
        let topic = publish.message.topic;
        let mut found = false;
        if !publish.subscription_ids.is_empty() {
            let caused = |filter: &TopicFilter| {
                let id = self.ids.get(filter).copied().flatten();
                id.is_some_and(|id| publish.subscription_ids.iter().any(|caused| caused == id))
            };
            for stream in &self.streams {
                if stream.filters.iter().any(|filter| caused(filter) && matches(filter, topic)) {
                    found = true;
                    to(&stream.buffer);
                }
            }
        }
        // the identifiers of a session that an earlier run of the program has left are not ours
        let by_filter = publish.subscription_ids.is_empty() || (!found && self.unclaimed.is_some());
        if by_filter {
            for stream in &self.streams {
                if stream.filters.iter().any(|filter| matches(filter, topic)) {
                    found = true;
                    to(&stream.buffer);
                }
            }
        }
        if !found
            && publish.delivery.id().is_some()
            && let Some(unclaimed) = &self.unclaimed
        {
            to(unclaimed);
        }
    }

    /// All buffers.
    pub(crate) fn buffers(&self) -> impl Iterator<Item = &Arc<Buffer>> {
        self.streams.iter().map(|stream| &stream.buffer).chain(&self.unclaimed)
    }

    /// Whether a stream has nothing to read: it may be waiting for a message that the window has no room for.
    pub(crate) fn is_any_empty(&self) -> bool {
        self.streams.iter().any(|stream| stream.buffer.is_empty())
    }
}

/// Whether a filter, shared or not, matches.
fn matches(filter: &TopicFilter, topic: TopicRef<'_>) -> bool {
    match filter.view().share() {
        Ok(Some(share)) => share.filter.matches(topic),
        Ok(None) | Err(_) => filter.view().matches(topic),
    }
}
