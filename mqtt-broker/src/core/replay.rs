//! Retained messages for a new subscription: sent as fast as the client reads, never copied into a queue at once.

use std::ops::ControlFlow;

use mqtt_codec::{QoS, SubscriptionId, TopicFilterRef};
use mqtt_session::{Matched, Outbound, Time, Transmit};

use super::clients::Client;
use super::hub::{Hub, RetainedMessage};
use super::router::{Cursor, Progress};
use super::shard::{ShardCore, Slot, Work};

/// Topics looked at in one turn for one client.
const TOPICS_PER_TURN: usize = 1_024;
/// Messages that may wait in the session before the replay pauses.
const QUEUED: usize = 64;

/// Retained messages that a subscription is still owed.
pub(super) struct Replay {
    filter: Box<str>,
    qos: QoS,
    subscription_id: Option<SubscriptionId>,
    cursor: Cursor,
}

impl Replay {
    pub(super) fn new(filter: TopicFilterRef<'_>, qos: QoS, subscription_id: Option<SubscriptionId>) -> Self {
        Self { filter: filter.as_str().into(), qos, subscription_id, cursor: Cursor::default() }
    }

    pub(super) fn filter(&self) -> &str {
        &self.filter
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
        let Some(mut replay) = client.replays.pop_front() else { return false };
        let found = next_messages(&self.hub, &mut replay, now);
        for message in found.messages {
            deliver(now, client, &mut self.work, &replay, &message);
        }
        if !found.done {
            client.replays.push_front(replay);
        }
        !client.replays.is_empty() && has_room(client)
    }
}

/// Whether the client can be given more: its output has room, and not too much waits for acknowledgements.
fn has_room(client: &Client) -> bool {
    client.link.as_ref().is_some_and(|link| link.output.has_room()) && client.session.queued() <= QUEUED
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
            if retained.expires.is_none_or(|expires| expires > now) {
                messages.push(retained.clone());
            }
            if messages.len() < QUEUED { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
    Found { messages, done: matches!(progress, Progress::Done) }
}

fn deliver(now: Time, client: &mut Client, work: &mut Work, replay: &Replay, retained: &RetainedMessage) {
    let RetainedMessage { message, qos, expires } = retained;
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
