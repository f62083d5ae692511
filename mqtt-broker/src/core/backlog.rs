//! Messages that wait in the store for a session: of each the session keeps only the number.
//!
//! A session without a connection, or whose client reads slowly, has its messages there. They are fetched a page at a time,
//! when the client can take them.

use std::collections::VecDeque;

use mqtt_codec::{QoS, ReasonCode};
use mqtt_session::{DropReason, Overflow, QueueLimits, StoredMessage, Ticket, Time, Transmit};

use super::clients::Client;
use super::hub::Hub;
use super::shard::{ShardCore, Slot, mark};
use super::stats::Counter;
use crate::store::{Fetched, Request, SessionNumber, StoredDelivery, Waiting};

/// Messages that are fetched at once.
const PAGE: usize = 256;
/// Messages of a session that are kept in memory while its client is connected: as many as a fast one has in flight. What
/// comes beyond them waits in the store.
const IN_MEMORY: usize = 1_024;

/// What waits for one session in the store, by its numbers, and what came in between and is not stored.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    waiting: VecDeque<Waiting>,
    bytes: usize,
    /// How many were taken out of `waiting` so far: a message in it has this and its index as its place.
    taken: u64,
    /// Messages that were asked for and are not here yet, and the place of the first.
    fetching: usize,
    page: u64,
    /// Messages that only the process has, each behind all places before this one.
    between: VecDeque<(u64, StoredMessage)>,
}

impl Backlog {
    pub(super) fn of(waiting: Vec<Waiting>) -> Option<Box<Self>> {
        let bytes = waiting.iter().map(|waiting| waiting.bytes as usize).sum();
        (!waiting.is_empty()).then(|| Box::new(Self { waiting: waiting.into(), bytes, ..Self::default() }))
    }

    fn pop(&mut self) -> Option<Waiting> {
        let waiting = self.waiting.pop_front()?;
        self.taken += 1;
        self.bytes -= waiting.bytes as usize;
        if self.waiting.capacity() > 4 * self.waiting.len().max(PAGE) {
            self.waiting.shrink_to(2 * self.waiting.len());
        }
        Some(waiting)
    }

    /// Messages that wait, or are on their way.
    fn len(&self) -> usize {
        self.waiting.len() + self.fetching + self.between.len()
    }

    fn is_full(&self, held: (usize, usize), limits: &QueueLimits) -> bool {
        held.0 + self.len() >= limits.messages || held.1 + self.bytes > limits.bytes
    }

    fn push_between(&mut self, message: StoredMessage) {
        self.bytes += message.message.bytes();
        self.between.push_back((self.taken + self.waiting.len() as u64, message));
    }

    /// The next message that is not stored and has its turn before `place`.
    fn pop_between(&mut self, place: u64) -> Option<StoredMessage> {
        self.between.front().filter(|(behind, _)| *behind <= place)?;
        let (_, message) = self.between.pop_front()?;
        self.bytes -= message.message.bytes();
        Some(message)
    }
}

impl Client {
    /// The number under which the session is owed messages: `None` if it is not kept, or there is no store.
    pub(super) fn owed_as(&self) -> Option<SessionNumber> {
        self.number.filter(|_| self.session.is_persistent())
    }

    /// Messages that wait in the store.
    pub(super) fn stored_messages(&self) -> usize {
        self.backlog.as_deref().map_or(0, Backlog::len)
    }

    /// Whether a message for the session waits in the store rather than in memory.
    pub(super) fn waits_in_store(&self) -> bool {
        // of what waits there nobody knows the topic
        let keeps_latest = self.session.queue_limits().overflow == Overflow::LatestPerTopic;
        let is_behind = self.link.is_none() || self.session.queued() >= IN_MEMORY;
        self.backlog.is_some() || (is_behind && !keeps_latest)
    }

    /// Whether a message that is not stored has to wait for some that are.
    pub(super) fn waits_behind_store(&self, qos: QoS) -> bool {
        self.backlog.is_some() && (self.link.is_some() || qos != QoS::AtMostOnce)
    }

    /// Leaves a message in the store. `dropped` hears of older ones that made room.
    pub(super) fn wait_in_store(
        &mut self,
        waiting: Waiting,
        mut dropped: impl FnMut(Ticket),
    ) -> Result<(), DropReason> {
        let held = (self.session.queued(), self.session.held_bytes() + waiting.bytes as usize);
        let limits = self.session.queue_limits();
        let backlog = self.backlog.get_or_insert_default();
        while backlog.is_full(held, limits) {
            let oldest = match limits.overflow {
                Overflow::DropOldest | Overflow::LatestPerTopic => backlog.pop(),
                _ => None,
            };
            let Some(oldest) = oldest else {
                if limits.overflow == Overflow::Disconnect {
                    self.session.disconnect(ReasonCode::QuotaExceeded);
                }
                self.forget_empty_backlog();
                return Err(DropReason::QueueFull);
            };
            dropped(oldest.ticket);
        }
        backlog.bytes += waiting.bytes as usize;
        backlog.waiting.push_back(waiting);
        Ok(())
    }

    /// Keeps a message that is not stored behind those that are.
    pub(super) fn wait_behind_store(&mut self, message: StoredMessage) -> Result<(), DropReason> {
        let held = (self.session.queued(), self.session.held_bytes() + message.message.bytes());
        let limits = self.session.queue_limits();
        let backlog = self.backlog.get_or_insert_default();
        if backlog.is_full(held, limits) {
            return Err(DropReason::QueueFull);
        }
        backlog.push_between(message);
        Ok(())
    }

    /// The connection has ended: messages of QoS 0 are for those who are connected. How many there were.
    pub(super) fn drop_fleeting(&mut self) -> u64 {
        let Some(backlog) = self.backlog.as_deref_mut() else { return 0 };
        let before = backlog.between.len();
        let Backlog { between, bytes, .. } = backlog;
        between.retain(|(_, message)| {
            let is_kept = message.qos != QoS::AtMostOnce;
            *bytes -= if is_kept { 0 } else { message.message.bytes() };
            is_kept
        });
        let dropped = before - backlog.between.len();
        self.forget_empty_backlog();
        dropped as u64
    }

    /// The next page to fetch, if the client can take it.
    fn next_page(&mut self) -> Option<Request> {
        let (key, session) = (self.key, self.number?);
        let has_room = self.link.as_ref().is_some_and(|link| link.output.has_room());
        let backlog = self.backlog.as_deref_mut()?;
        if !has_room || backlog.fetching > 0 || self.session.queued() > PAGE {
            return None;
        }
        let (page, place) = (backlog.waiting.len().min(PAGE), backlog.taken);
        let tickets: Vec<_> = (0..page).filter_map(|_| backlog.pop()).map(|waiting| waiting.ticket).collect();
        backlog.fetching = tickets.len();
        backlog.page = place;
        if tickets.is_empty() {
            // only what is not stored was left
            self.take_between(u64::MAX);
            return None;
        }
        Some(Request { key, session, tickets })
    }

    /// Takes what is not stored and has its turn before `place` into the session.
    fn take_between(&mut self, place: u64) {
        while let Some(message) = self.backlog.as_deref_mut().and_then(|backlog| backlog.pop_between(place)) {
            self.session.deliver_stored(message);
        }
        self.forget_empty_backlog();
    }

    fn forget_empty_backlog(&mut self) {
        self.backlog.take_if(|backlog| backlog.len() == 0);
    }

    /// Takes a message from the store into the session; `false` if it is not for the client any more.
    fn take_stored(&mut self, hub: &Hub, now: Time, stored: StoredDelivery) -> bool {
        let withheld = self.is_withheld(hub, &stored.kept.message.view());
        if withheld {
            hub.counters(self.key.shard).add(Counter::PublishWithheld, 1);
        } else if let Some(message) = to_session(hub, now, stored) {
            self.session.deliver_stored(message);
        }
        !withheld
    }
}

/// The message as a session has it, with what is left of its life.
pub(super) fn to_session(hub: &Hub, now: Time, stored: StoredDelivery) -> Option<StoredMessage> {
    let StoredDelivery { ticket, kept, qos, retain, subscription_ids } = stored;
    let left = kept.left(hub.durable()?.wall(now));
    let mut message = StoredMessage::new(ticket, kept.message, qos);
    message.retain = retain;
    message.expires = left.map(|left| now.after(left));
    message.subscription_ids = subscription_ids;
    Some(message)
}

impl ShardCore {
    /// Asks for the next messages that wait in the store for a client, if it can take them. Whether the session has more now.
    pub(super) fn fetch_backlog(&mut self, slot: Slot) -> bool {
        let Some(durable) = self.hub.durable() else { return false };
        let Some(client) = self.clients.get(slot).filter(|client| client.backlog.is_some()) else {
            return false;
        };
        if let Some(request) = client.next_page() {
            // what is asked for may have been noted in this turn
            self.journal.append(&self.hub, self.shard);
            durable.store.fetch(self.shard, request);
            return false;
        }
        client.backlog.is_none()
    }

    /// Takes what the store has fetched.
    pub(super) fn receive_fetched(&mut self, now: Time) {
        while let Some(fetched) =
            self.hub.durable().and_then(|durable| durable.store.poll_fetched(self.shard))
        {
            self.handle_fetched(now, fetched);
        }
    }

    fn handle_fetched(&mut self, now: Time, Fetched { key, session, messages }: Fetched) {
        let Some(client) = self.clients.get_key(key).filter(|client| client.number == Some(session)) else {
            return;
        };
        client.follow(&self.rules, &self.hub);
        let Some(backlog) = client.backlog.as_deref_mut() else { return };
        backlog.fetching = 0;
        let first = backlog.page;
        let end = first + messages.len() as u64;
        for (place, (ticket, stored)) in (first..).zip(messages) {
            client.take_between(place);
            let is_taken = match stored {
                Some(stored) => client.take_stored(&self.hub, now, stored),
                None => {
                    self.hub.counters(self.shard).add(Counter::StoredLost, 1);
                    false
                }
            };
            if !is_taken {
                self.journal.settle(session, ticket);
            }
        }
        client.take_between(end);
        mark(client, &mut self.work.dirty);
    }
}
