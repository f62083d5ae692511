//! Retained messages for a new subscription: sent as fast as the client reads, never copied into a queue at once.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use mqtt_codec::{QoS, SubscriptionId, TopicFilterRef};
use mqtt_session::{Matched, Outbound, StoreSeq, Time, Transmit};

use super::clients::Client;
use super::hub::{Hub, RetainedMessage};
use super::router::{Cursor, Progress};
use super::shard::{ShardCore, Slot, Work};
use super::stats::Counter;

/// Topics looked at in one turn for one client.
const TOPICS_PER_TURN: usize = 1_024;
/// Messages that may wait in the session before the replay pauses.
const QUEUED: usize = 64;

/// Retained messages that a subscription is still owed.
pub(super) struct Replay {
    filter: Arc<str>,
    qos: QoS,
    subscription_id: Option<SubscriptionId>,
    cursor: Cursor,
}

impl Replay {
    pub(super) fn new(filter: TopicFilterRef<'_>, qos: QoS, subscription_id: Option<SubscriptionId>) -> Self {
        Self { filter: filter.as_str().into(), qos, subscription_id, cursor: Cursor::default() }
    }
}

/// The replays of a client: one for each filter, in the order in which they were asked for.
///
/// A filter is found without a look at the others, because one SUBSCRIBE can name any of them any number of times.
#[derive(Default)]
pub(super) struct Replays(Option<Box<Rows>>);

/// Made when there is one.
#[derive(Default)]
struct Rows {
    waiting: BTreeMap<u64, Replay>,
    numbers: BTreeMap<Arc<str>, u64>,
    next: u64,
    /// What SUBACK waits for: many clients want it before the first message.
    wait: Option<StoreSeq>,
}

impl Replays {
    /// Adds a replay as the last, in place of one for the same filter: who asks again gets all from the beginning,
    /// not all twice.
    pub(super) fn push(&mut self, replay: Replay) {
        let rows = self.0.get_or_insert_default();
        if let Some(before) = rows.numbers.insert(Arc::clone(&replay.filter), rows.next) {
            rows.waiting.remove(&before);
        }
        rows.waiting.insert(rows.next, replay);
        rows.next += 1;
    }

    /// None comes before this is stored.
    pub(super) fn wait_for(&mut self, wait: Option<StoreSeq>) {
        if let Some(rows) = &mut self.0 {
            rows.wait = wait;
        }
    }

    fn wait(&self) -> Option<StoreSeq> {
        self.0.as_ref()?.wait
    }

    pub(super) fn remove(&mut self, filter: &str) {
        let Some(rows) = &mut self.0 else { return };
        if let Some(number) = rows.numbers.remove(filter) {
            rows.waiting.remove(&number);
        }
        self.give_back_memory();
    }

    /// Takes the first out, with the number that [`Replays::put_back`] wants.
    fn pop(&mut self) -> Option<(u64, Replay)> {
        let rows = self.0.as_mut()?;
        let (number, replay) = rows.waiting.pop_first()?;
        rows.numbers.remove(&replay.filter);
        self.give_back_memory();
        Some((number, replay))
    }

    /// Gives a replay that is not done its old place.
    fn put_back(&mut self, number: u64, replay: Replay) {
        let rows = self.0.get_or_insert_default();
        rows.next = rows.next.max(number + 1);
        rows.numbers.insert(Arc::clone(&replay.filter), number);
        rows.waiting.insert(number, replay);
    }

    fn is_empty(&self) -> bool {
        self.0.as_ref().is_none_or(|rows| rows.waiting.is_empty())
    }

    fn give_back_memory(&mut self) {
        if self.is_empty() {
            self.0 = None;
        }
    }
}

impl ShardCore {
    /// Goes on with the replays of a client as far as its output and session have room.
    ///
    /// True if there is more that only a later turn should do.
    pub(super) fn replay(&mut self, now: Time, slot: Slot) -> bool {
        let Some(client) = self.clients.get(slot) else { return false };
        if !has_room(client) {
            return false;
        }
        let Some((number, mut replay)) = client.replays.pop() else { return false };
        let found = next_messages(&self.hub, &mut replay, now);
        for message in found.messages {
            if client.is_withheld(&self.hub, &message.message.view()) {
                self.hub.counters(self.shard).add(Counter::PublishWithheld, 1);
            } else {
                deliver(now, client, &mut self.work, &replay, &message);
            }
        }
        if !found.done {
            client.replays.put_back(number, replay);
        }
        // what could not be written at once, for its topic alias or its identifier, waits in the session
        self.fill(now, slot);
        self.clients.get(slot).is_some_and(|client| !client.replays.is_empty() && has_room(client))
    }
}

/// Whether the client can be given more: its output has room, and not too much waits for acknowledgements.
fn has_room(client: &Client) -> bool {
    client.link.as_ref().is_some_and(|link| link.output.has_room())
        && client.session.queued() <= QUEUED
        && client.session.is_stored(client.replays.wait())
}

struct Found {
    messages: Vec<RetainedMessage>,
    done: bool,
}

/// The next few messages: shared, not copied, so that the lock is free again before anything is written.
fn next_messages(hub: &Hub, replay: &mut Replay, now: Time) -> Found {
    let mut messages = Vec::new();
    let progress =
        hub.retained().matching_from(&replay.filter, &mut replay.cursor, TOPICS_PER_TURN, |_, retained| {
            if retained.is_retained(now) {
                messages.push(retained.clone());
            }
            if messages.len() < QUEUED { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
    Found { messages, done: matches!(progress, Progress::Done) }
}

fn deliver(now: Time, client: &mut Client, work: &mut Work, replay: &Replay, retained: &RetainedMessage) {
    let RetainedMessage { message, qos, expires, .. } = retained;
    let mut scratch = std::mem::take(&mut work.scratch);
    let mut outbound = Outbound::kept(message, *qos, true, *expires, &mut scratch);
    let matched =
        Matched { qos: replay.qos, retain: true, subscription_ids: replay.subscription_id.as_slice() };
    let output = client.link.as_deref_mut().map(|link| {
        work.prepare(&mut link.output);
        &mut link.output
    });
    client.session.deliver(now, &mut outbound, &matched, output);
    work.scratch = scratch;
}

#[cfg(test)]
mod tests {
    use mqtt_codec::TopicFilter;

    use super::*;

    fn replay(filter: &str) -> Replay {
        let filter = TopicFilter::new(filter).expect("a filter");
        Replay::new(filter.view(), QoS::AtMostOnce, None)
    }

    fn drain(replays: &mut Replays) -> Vec<String> {
        std::iter::from_fn(|| replays.pop()).map(|(_, replay)| replay.filter.to_string()).collect()
    }

    #[test]
    fn there_is_one_replay_for_each_filter_and_the_one_asked_for_last_comes_last() {
        let mut replays = Replays::default();
        for filter in ["a", "b", "c", "a", "d", "d"] {
            replays.push(replay(filter));
        }
        replays.remove("c");
        replays.remove("unknown");
        assert_eq!(drain(&mut replays), ["b", "a", "d"]);
    }

    #[test]
    fn a_replay_that_is_not_done_stays_the_first() {
        let mut replays = Replays::default();
        replays.push(replay("a"));
        let (number, first) = replays.pop().expect("one");
        assert!(replays.is_empty());
        replays.put_back(number, first);
        replays.push(replay("b"));
        assert_eq!(drain(&mut replays), ["a", "b"]);
    }

    #[test]
    fn replays_that_are_asked_for_again_and_again_do_not_pile_up() {
        let mut replays = Replays::default();
        for number in 0..100_000 {
            replays.push(replay(&format!("{}", number % 9_000)));
        }
        assert_eq!(
            replays.0.as_ref().map(|rows| (rows.waiting.len(), rows.numbers.len())),
            Some((9_000, 9_000))
        );
        assert_eq!(replays.pop().map(|(number, _)| number), Some(91_000));
    }
}
