//! Messages that are published later: to `$delayed/SECONDS/TOPIC`.
//!
//! A store keeps them as retained messages of topics that no client can name, of which [`Kept::name`] says how they are
//! made, so that a delayed message that was acknowledged outlives the process.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mqtt_codec::{Message, QoS, ReasonCode, Topic};
use mqtt_session::{Outbound, Time};

use super::hub::{Hub, RetainedMessage};
use super::router::SessionKey;
use super::shard::ShardCore;
use super::stats::Counter;
use crate::config::Limits;
use crate::store::{self, Op, WallTime};

/// What topics of delayed messages begin with.
const PREFIX: &str = "$delayed/";
/// Messages that are published in one turn.
const AT_ONCE: usize = 256;
/// Nothing is due.
const NEVER: u64 = u64::MAX;

/// The seconds, and the topic to publish to then; `None` for a topic that is not delayed.
///
/// # Errors
/// Topic Name invalid, if it begins like one that is and is none.
pub(super) fn split(topic: &str) -> Option<Result<(u32, &str), ReasonCode>> {
    let rest = topic.strip_prefix(PREFIX)?;
    let parsed = rest.split_once('/').and_then(|(seconds, topic)| Some((seconds.parse().ok()?, topic)));
    let is_good = |(_, topic): &(u32, &str)| !topic.is_empty() && !topic.starts_with(PREFIX);
    Some(parsed.filter(is_good).ok_or(ReasonCode::TopicNameInvalid))
}

/// A message that waits for its time.
#[derive(Clone, Debug)]
struct Delayed {
    message: Arc<Message>,
    qos: QoS,
    retain: bool,
    /// By when it must have been published.
    expires: Option<Time>,
    from: Option<SessionKey>,
    /// The topic under which a store has it.
    stored: Option<Topic>,
}

/// All that wait, by their time and, at the same time, in the order in which they came.
#[derive(Debug, Default)]
struct Waiting {
    messages: BTreeMap<(Time, u64), Delayed>,
    bytes: usize,
    last: u64,
}

/// The delayed messages of a broker.
pub(super) struct Delays {
    waiting: Mutex<Waiting>,
    next: AtomicU64,
}

impl Default for Delays {
    fn default() -> Self {
        Self { waiting: Mutex::default(), next: AtomicU64::new(NEVER) }
    }
}

impl Delays {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn insert(&self, waiting: &mut Waiting, due: Time, number: u64, delayed: Delayed) {
        waiting.bytes += delayed.message.bytes();
        waiting.messages.insert((due, number), delayed);
        self.next.fetch_min(due.as_nanos(), Ordering::Relaxed);
    }

    /// Takes those that are due, as many as one turn may publish.
    fn take_due(&self, now: Time) -> Vec<Delayed> {
        if self.next.load(Ordering::Relaxed) > now.as_nanos() {
            return Vec::new();
        }
        let mut waiting = self.lock();
        let mut due = Vec::new();
        while due.len() < AT_ONCE
            && let Some(first) = waiting.messages.first_entry().filter(|first| first.key().0 <= now)
        {
            let delayed = first.remove();
            waiting.bytes -= delayed.message.bytes();
            due.push(delayed);
        }
        let next = waiting.messages.keys().next().map_or(NEVER, |(due, _)| due.as_nanos());
        self.next.store(next, Ordering::Relaxed);
        due
    }
}

/// How a store keeps a delayed message.
struct Kept;

impl Kept {
    /// `$delayed/DUE/NUMBER/RETAIN/TOPIC`, with the time in milliseconds by the clock on the wall.
    fn name(due: WallTime, number: u64, retain: bool, topic: &Topic) -> Option<Topic> {
        let retain = u8::from(retain);
        Topic::new(&format!("{PREFIX}{}/{number}/{retain}/{topic}", due.0, topic = topic.as_str())).ok()
    }

    /// What such a name says.
    fn parse(name: &str) -> Option<(WallTime, u64, bool, Topic)> {
        let mut parts = name.strip_prefix(PREFIX)?.splitn(4, '/');
        let due = WallTime(parts.next()?.parse().ok()?);
        let number = parts.next()?.parse().ok()?;
        Some((due, number, parts.next()? == "1", Topic::new(parts.next()?).ok()?))
    }
}

/// The message with another topic.
fn renamed(message: &Message, topic: Topic) -> Arc<Message> {
    Arc::new(Message { topic, ..message.clone() })
}

impl Hub {
    /// When the next delayed message is due.
    pub(super) fn delayed_at(&self) -> Option<Time> {
        let next = self.delays.next.load(Ordering::Relaxed);
        (next != NEVER).then(|| Time::from_nanos(next))
    }

    /// Delayed messages that wait, and their bytes.
    pub fn delayed(&self) -> (usize, usize) {
        let waiting = self.delays.lock();
        (waiting.messages.len(), waiting.bytes)
    }

    /// Whether a message that a store has kept is a delayed one; then it waits on.
    pub(super) fn restore_delayed(&self, now: Time, kept: &store::Kept) -> bool {
        let Some(durable) = self.durable() else { return false };
        let Some((due, number, retain, topic)) = Kept::parse(kept.message.topic.as_str()) else {
            return false;
        };
        let wall = durable.wall(now);
        let delayed = Delayed {
            message: renamed(&kept.message, topic),
            qos: kept.qos,
            retain,
            expires: kept.left(wall).map(|left| now.after(left)),
            from: None,
            stored: Some(kept.message.topic.clone()),
        };
        let mut waiting = self.delays.lock();
        waiting.last = waiting.last.max(number);
        self.delays.insert(&mut waiting, now.after(due.since(wall)), number, delayed);
        true
    }

    /// Keeps a message until its time.
    fn delay(
        &self,
        now: Time,
        limits: &Limits,
        seconds: u32,
        mut delayed: Delayed,
        store: Option<u16>,
    ) -> Result<(), ReasonCode> {
        let due = now.after_secs(seconds);
        let mut waiting = self.delays.lock();
        if u64::from(seconds) > limits.delay_maximum.as_secs()
            || waiting.messages.len() >= limits.delayed_messages
            || waiting.bytes + delayed.message.bytes() > limits.delayed_bytes
        {
            return Err(ReasonCode::QuotaExceeded);
        }
        waiting.last += 1;
        let number = waiting.last;
        if let (Some(shard), Some(durable)) = (store, self.durable()) {
            let name = Kept::name(durable.wall(due), number, delayed.retain, &delayed.message.topic);
            let name = name.ok_or(ReasonCode::TopicNameInvalid)?;
            let (qos, expires) = (delayed.qos, delayed.expires);
            let message = renamed(&delayed.message, name.clone());
            let message = RetainedMessage::new(message, qos, expires, now, None);
            self.store_retained(shard, now, &name, Some(&message));
            delayed.stored = Some(name);
        }
        self.delays.insert(&mut waiting, due, number, delayed);
        Ok(())
    }
}

impl ShardCore {
    /// Keeps a message for later. It may no longer be what it was published to, but its topic is.
    ///
    /// # Errors
    /// Quota exceeded, if there are too many, or the time is too far away.
    pub(super) fn delay(
        &self,
        now: Time,
        from: Option<SessionKey>,
        seconds: u32,
        message: &mut Outbound<'_>,
        stores: bool,
    ) -> Result<(), ReasonCode> {
        let (qos, retain, expires) = (message.qos, message.retain, message.expires);
        let delayed = Delayed { message: message.share(), qos, retain, expires, from, stored: None };
        let store = (stores && (qos != QoS::AtMostOnce || retain)).then_some(self.shard);
        let kept = self.hub.delay(now, &self.config.limits, seconds, delayed, store);
        if kept.is_err() {
            self.counters().add(Counter::DelayedRefused, 1);
        }
        kept
    }

    /// Publishes what is due.
    pub(super) fn publish_delayed(&mut self, now: Time) {
        for delayed in self.hub.delays.take_due(now) {
            let Delayed { message, qos, retain, expires, from, stored } = delayed;
            if let Some(name) = stored {
                // with the message that follows: in a crash there is one of the two
                self.journal.note(Op::RetainedGone(name));
            }
            if expires.is_some_and(|expires| expires <= now) {
                self.counters().add(Counter::PublishDropped, 1);
                self.counters().add(Counter::DroppedExpired, 1);
                continue;
            }
            self.publish_until(now, from, &message, qos, retain, expires);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delayed_topic_has_seconds_and_a_topic_that_is_not_delayed() {
        assert_eq!(split("a/b"), None);
        assert_eq!(split("$delayed"), None);
        assert_eq!(split("$delayed/5/a/b"), Some(Ok((5, "a/b"))));
        assert_eq!(split("$delayed/0//"), Some(Ok((0, "/"))));
        for topic in [
            "$delayed/",
            "$delayed/5",
            "$delayed/5/",
            "$delayed/x/a",
            "$delayed/-1/a",
            "$delayed/1/$delayed/1/a",
        ] {
            assert_eq!(split(topic), Some(Err(ReasonCode::TopicNameInvalid)), "{topic}");
        }
    }

    #[test]
    fn what_a_store_keeps_says_all_that_the_message_does_not() {
        let topic = Topic::new("a/b").expect("a topic");
        for retain in [false, true] {
            let name = Kept::name(WallTime(7), 8, retain, &topic).expect("a name");
            assert_eq!(Kept::parse(name.as_str()), Some((WallTime(7), 8, retain, topic.clone())));
        }
        let long = Topic::new(&"x".repeat(65_535)).expect("a topic");
        assert!(Kept::name(WallTime(7), 8, false, &long).is_none());
        assert!(Kept::parse("a/b").is_none() && Kept::parse("$delayed/5/a").is_none());
    }
}
