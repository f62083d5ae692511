//! The store of a broker: its numbers, and the clock that goes on while the broker is down.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use mqtt_codec::{Message, QoS, Topic};
use mqtt_session::{Ticket, Time};

use super::hub::{Hub, RetainedMessage};
use crate::store::{Kept, Op, Restored, SessionNumber, Store, WallTime};

/// What all shards share of a store.
pub(super) struct Durable {
    pub(super) store: Arc<dyn Store>,
    /// The wall clock at `Time::ZERO`. It is not asked again: a clock that is set while the broker runs moves no deadline.
    began: WallTime,
    last_ticket: AtomicU64,
    last_session: AtomicU64,
}

impl Durable {
    pub(super) fn new(store: Arc<dyn Store>, began: WallTime, restored: &Restored) -> Self {
        Self {
            store,
            began,
            last_ticket: AtomicU64::new(restored.last_ticket.0),
            last_session: AtomicU64::new(restored.last_session),
        }
    }

    pub(super) fn wall(&self, now: Time) -> WallTime {
        self.began.after(now.since(Time::ZERO))
    }

    /// A number for a message.
    pub(super) fn next_ticket(&self) -> Ticket {
        Ticket(self.last_ticket.fetch_add(1, Ordering::Relaxed) + 1)
    }

    /// A number for a session.
    pub(super) fn next_session(&self) -> SessionNumber {
        let last = self.last_session.fetch_add(1, Ordering::Relaxed);
        SessionNumber(NonZeroU64::MIN.saturating_add(last))
    }

    /// A message for the store.
    pub(super) fn kept(&self, now: Time, message: Arc<Message>, qos: QoS, expires: Option<Time>) -> Kept {
        Kept { message, qos, published: self.wall(now), expires: expires.map(|expires| self.wall(expires)) }
    }

    /// The message as it is after the time that went by; `None` if it has expired.
    fn restored(&self, now: Time, limit: Option<Duration>, kept: Kept) -> Option<RetainedMessage> {
        let wall = self.wall(now);
        let expires = kept.left(wall).map(|left| now.after(left));
        let limit = limit.map(|limit| limit.saturating_sub(wall.since(kept.published)));
        let retained = RetainedMessage::new(kept.message, kept.qos, expires, now, limit);
        retained.is_retained(now).then_some(retained)
    }
}

impl Hub {
    pub(super) fn durable(&self) -> Option<&Durable> {
        self.durable.as_deref()
    }

    /// Puts the retained messages that a store has into their places, and has it forget those that have expired.
    pub fn restore_retained(&self, now: Time, messages: Vec<Kept>) {
        let Some(durable) = self.durable() else { return };
        let limit = self.config().limits.retained_expiry;
        let mut expired = Vec::new();
        let mut retained = self.change_retained();
        for kept in messages {
            if self.restore_delayed(now, &kept) {
                continue;
            }
            let topic = kept.message.topic.clone();
            match durable.restored(now, limit, kept) {
                Some(message) => {
                    self.note_expiry(message.until);
                    retained.set(topic.as_str(), message);
                }
                None => expired.push(Op::RetainedGone(topic)),
            }
        }
        durable.store.append(0, &mut expired);
    }

    /// Notes what a topic retains now. To be called while no other message can be retained, so that the store hears of
    /// changes in their order.
    pub(super) fn store_retained(
        &self,
        shard: u16,
        now: Time,
        topic: &Topic,
        kept: Option<&RetainedMessage>,
    ) {
        let Some(durable) = self.durable() else { return };
        let op = match kept {
            Some(RetainedMessage { message, qos, expires, .. }) => {
                Op::Retained(durable.kept(now, Arc::clone(message), *qos, *expires))
            }
            None => Op::RetainedGone(topic.clone()),
        };
        durable.store.append(shard, &mut vec![op]);
    }
}
