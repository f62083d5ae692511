//! Messages that wait in the store for a session: of each the session keeps only the number.
//!
//! A session without a connection, or whose client reads slowly, has its messages there. They are fetched a page at a time,
//! when the client can take them.

use std::collections::VecDeque;

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

/// The numbers of what waits in the store for one session.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    waiting: VecDeque<Waiting>,
    bytes: usize,
    /// Messages that were asked for and are not here yet.
    fetching: usize,
}

impl Backlog {
    pub(super) fn of(waiting: Vec<Waiting>) -> Option<Box<Self>> {
        let bytes = waiting.iter().map(|waiting| waiting.bytes as usize).sum();
        (!waiting.is_empty()).then(|| Box::new(Self { waiting: waiting.into(), bytes, fetching: 0 }))
    }

    fn pop(&mut self) -> Option<Waiting> {
        let waiting = self.waiting.pop_front()?;
        self.bytes -= waiting.bytes as usize;
        if self.waiting.capacity() > 4 * self.waiting.len().max(PAGE) {
            self.waiting.shrink_to(2 * self.waiting.len());
        }
        Some(waiting)
    }

    /// Messages that wait, or are on their way.
    pub(super) fn len(&self) -> usize {
        self.waiting.len() + self.fetching
    }
}

impl Client {
    /// The number under which the session is owed messages: `None` if it is not kept, or there is no store.
    pub(super) fn owed_as(&self) -> Option<SessionNumber> {
        self.number.filter(|_| self.session.is_persistent())
    }

    /// Whether a message for the session waits in the store rather than in memory.
    pub(super) fn waits_in_store(&self) -> bool {
        self.link.is_none() || self.backlog.is_some() || self.session.queued() >= IN_MEMORY
    }

    /// Leaves a message in the store. `dropped` hears of older ones that made room.
    pub(super) fn wait_in_store(
        &mut self,
        waiting: Waiting,
        limits: &QueueLimits,
        mut dropped: impl FnMut(Ticket),
    ) -> Result<(), DropReason> {
        let (messages, bytes) = (self.session.queued(), self.session.held_bytes() + waiting.bytes as usize);
        let backlog = self.backlog.get_or_insert_default();
        while messages + backlog.len() >= limits.messages || bytes + backlog.bytes > limits.bytes {
            let oldest = match limits.overflow {
                Overflow::DropOldest => backlog.pop(),
                _ => None,
            };
            match oldest {
                Some(oldest) => dropped(oldest.ticket),
                None => {
                    self.backlog.take_if(|backlog| backlog.len() == 0);
                    return Err(DropReason::QueueFull);
                }
            }
        }
        backlog.bytes += waiting.bytes as usize;
        backlog.waiting.push_back(waiting);
        Ok(())
    }

    /// The next page to fetch, if the client can take it.
    fn next_page(&mut self) -> Option<Request> {
        let (key, session) = (self.key, self.number?);
        let has_room = self.link.as_ref().is_some_and(|link| link.output.has_room());
        let backlog = self.backlog.as_deref_mut()?;
        if !has_room || backlog.fetching > 0 || self.session.queued() > PAGE {
            return None;
        }
        let page = backlog.waiting.len().min(PAGE);
        let tickets: Vec<_> = (0..page).filter_map(|_| backlog.pop()).map(|waiting| waiting.ticket).collect();
        backlog.fetching = tickets.len();
        (!tickets.is_empty()).then_some(Request { key, session, tickets })
    }

    /// Takes a message from the store into the session; `false` if it is not for the client any more.
    fn take_stored(&mut self, hub: &Hub, now: Time, stored: StoredDelivery) -> bool {
        let withheld = self.guarded && !self.may_receive(stored.kept.message.topic.as_str());
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
    /// Asks for the next messages that wait in the store for a client, if it can take them.
    pub(super) fn fetch_backlog(&mut self, slot: Slot) {
        let Some(durable) = self.hub.durable() else { return };
        if let Some(request) = self.clients.get(slot).and_then(Client::next_page) {
            // what is asked for may have been noted in this turn
            self.journal.append(&self.hub, self.shard);
            durable.store.fetch(self.shard, request);
        }
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
        if let Some(backlog) = &mut client.backlog {
            backlog.fetching = 0;
        }
        client.backlog.take_if(|backlog| backlog.len() == 0);
        client.follow(&self.rules, &self.hub);
        for (ticket, stored) in messages {
            let Some(stored) = stored else {
                self.hub.counters(self.shard).add(Counter::StoredLost, 1);
                self.journal.settle(session, ticket);
                continue;
            };
            if !client.take_stored(&self.hub, now, stored) {
                self.journal.settle(session, ticket);
            }
        }
        mark(client, &mut self.work.dirty);
    }
}
