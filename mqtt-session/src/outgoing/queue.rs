//! Messages that wait for their first PUBLISH, under limits.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::sync::Arc;

use mqtt_codec::{Delivery, List, Message, PacketId, PublishRef, QoS, Seconds, SubscriptionId};

use crate::config::{Overflow, QueueLimits};
use crate::error::DropReason;
use crate::event::Ticket;
use crate::lazy::{Lazy, Untouched};
use crate::time::{Time, earliest};
use crate::window::Window;

use super::latest::Latest;

/// A message that waits, with all that its PUBLISH will say.
#[derive(Clone, Debug)]
pub(crate) struct Queued {
    pub(crate) message: Arc<Message>,
    pub(crate) qos: QoS,
    pub(crate) retain: bool,
    pub(crate) expires: Option<Time>,
    pub(crate) subscription_ids: Box<[SubscriptionId]>,
    pub(crate) ticket: Ticket,
}

impl Queued {
    #[inline]
    pub(super) fn bytes(&self) -> usize {
        self.message.bytes() + size_of_val(&*self.subscription_ids)
    }

    pub(super) fn is_expired(&self, now: Time) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }

    pub(super) fn publish(&self, delivery: Delivery, now: Time, window: &Window) -> PublishRef<'_> {
        PublishRef {
            message: window.seen(self.message.view()),
            delivery,
            retain: self.retain,
            expiry: remaining(self.expires, now),
            alias: None,
            subscription_ids: List::new(&self.subscription_ids),
        }
    }
}

/// The queue of one session.
#[derive(Clone, Debug)]
pub(super) struct Queue {
    limits: QueueLimits,
    waiting: Lazy<Waiting>,
}

#[derive(Clone, Debug, Default)]
struct Waiting {
    messages: VecDeque<Queued>,
    bytes: usize,
    /// No message of the queue expires before this.
    next_expiry: Option<Time>,
    /// Kept where only the newest message of each topic waits.
    latest: Option<Box<Latest>>,
}

impl Untouched for Waiting {
    const UNTOUCHED: &'static Self =
        &Self { messages: VecDeque::new(), bytes: 0, next_expiry: None, latest: None };
}

impl Waiting {
    fn note(&mut self, queued: &Queued) {
        self.bytes += queued.bytes();
        self.next_expiry = earliest(self.next_expiry, queued.expires);
    }

    /// A burst leaves no memory behind.
    fn give_back_memory(&mut self) {
        if self.messages.is_empty() {
            self.messages.shrink_to(4);
            self.next_expiry = None;
        }
    }
}

impl Queue {
    pub(super) fn new(limits: QueueLimits) -> Self {
        Self { limits, waiting: Lazy::default() }
    }

    pub(super) const fn limits(&self) -> &QueueLimits {
        &self.limits
    }

    pub(super) fn set_limits(&mut self, limits: QueueLimits) {
        self.limits = limits;
        self.index();
    }

    /// Sets the limit in bytes; what it was.
    pub(super) const fn replace_bytes(&mut self, bytes: usize) -> usize {
        core::mem::replace(&mut self.limits.bytes, bytes)
    }

    /// Keeps an index of topics where one is needed.
    fn index(&mut self) {
        let needed = self.keeps_latest();
        let Some(waiting) = self.waiting.made() else { return };
        let messages = waiting.messages.iter().map(|queued| &queued.message);
        waiting.latest = needed.then(|| Box::new(Latest::of(messages)));
    }

    fn keeps_latest(&self) -> bool {
        self.limits.overflow == Overflow::LatestPerTopic
    }

    pub(super) fn clear(&mut self) {
        *self = Self::new(self.limits);
    }

    /// Puts a message at the end; `Err` with the reason if it is not kept.
    ///
    /// `in_flight` are the bytes that nothing here can free. `report` hears of older messages that had to make
    /// room, expired ones first.
    pub(super) fn push(
        &mut self,
        now: Time,
        queued: Queued,
        in_flight: usize,
        mut report: impl FnMut(&Queued, DropReason),
    ) -> Result<(), DropReason> {
        let bytes = queued.bytes();
        // nothing makes room for what would not fit beside an empty queue
        if !self.has_bytes(in_flight, bytes) || self.limits.messages == 0 {
            return Err(DropReason::QueueFull);
        }
        let queued = match self.replace(queued) {
            Ok(older) => {
                report(&older, DropReason::Replaced);
                self.shed(in_flight, &mut report);
                return Ok(());
            }
            Err(queued) => queued,
        };
        if self.is_full(in_flight, bytes) {
            self.drop_expired(now, &mut report);
        }
        while self.is_full(in_flight, bytes) {
            let oldest = match self.limits.overflow {
                Overflow::DropOldest | Overflow::LatestPerTopic => self.pop(),
                Overflow::DropNewest | Overflow::Disconnect => None,
            };
            let Some(oldest) = oldest else { return Err(DropReason::QueueFull) };
            report(&oldest, DropReason::QueueFull);
        }
        self.push_accepted(queued);
        Ok(())
    }

    /// Drops the oldest until the bytes are within the limit.
    fn shed(&mut self, in_flight: usize, report: &mut impl FnMut(&Queued, DropReason)) {
        while !self.has_bytes(in_flight, self.bytes()) {
            let Some(oldest) = self.pop() else { return };
            report(&oldest, DropReason::QueueFull);
        }
    }

    fn is_full(&self, in_flight: usize, bytes: usize) -> bool {
        self.len() >= self.limits.messages || !self.has_bytes(in_flight + self.bytes(), bytes)
    }

    /// Whether the limit allows `bytes` beside those `held`.
    pub(super) const fn has_bytes(&self, held: usize, bytes: usize) -> bool {
        held.saturating_add(bytes) <= self.limits.bytes
    }

    fn drop_expired(&mut self, now: Time, report: &mut impl FnMut(&Queued, DropReason)) {
        if self.waiting.next_expiry.is_none_or(|at| at > now) {
            return;
        }
        let mut next_expiry = None;
        self.retain(|queued| {
            let expired = queued.is_expired(now);
            if expired {
                report(queued, DropReason::Expired);
            } else {
                next_expiry = earliest(next_expiry, queued.expires);
            }
            !expired
        });
        self.waiting.next_expiry = next_expiry;
    }

    /// Puts a message at the end, whatever the limits say: it was accepted before.
    pub(super) fn push_accepted(&mut self, queued: Queued) {
        let keeps_latest = self.keeps_latest();
        let waiting = &mut *self.waiting;
        waiting.note(&queued);
        if keeps_latest {
            waiting.latest.get_or_insert_default().set(waiting.messages.len(), &queued.message);
        }
        waiting.messages.push_back(queued);
    }

    /// The same, or in the place of the message of its topic that waits where only one may; which that was.
    pub(super) fn accept(&mut self, queued: Queued) -> Option<Queued> {
        match self.replace(queued) {
            Ok(older) => Some(older),
            Err(queued) => {
                self.push_accepted(queued);
                None
            }
        }
    }

    /// Puts a message in the place of one that waits with its topic, and returns that; or gives it back if there is none.
    fn replace(&mut self, queued: Queued) -> Result<Queued, Queued> {
        let topic = queued.message.topic.as_str();
        let Some(waiting) = self.waiting.made() else { return Err(queued) };
        let Some(latest) = waiting.latest.as_deref_mut() else { return Err(queued) };
        let found = latest.find(topic);
        let Some((index, older)) = found.and_then(|index| Some((index, waiting.messages.get_mut(index)?)))
        else {
            return Err(queued);
        };
        latest.set(index, &queued.message);
        let older = core::mem::replace(older, queued);
        let newer = waiting.messages.get(index).map_or(0, Queued::bytes);
        waiting.bytes = waiting.bytes - older.bytes() + newer;
        Ok(older)
    }

    /// Puts a message before all others, whatever the limits say: it was accepted before.
    pub(super) fn push_front(&mut self, queued: Queued) {
        let keeps_latest = self.keeps_latest();
        let waiting = &mut *self.waiting;
        waiting.note(&queued);
        if keeps_latest {
            waiting.latest.get_or_insert_default().pushed_front(&queued.message);
        }
        waiting.messages.push_front(queued);
    }

    pub(super) fn pop(&mut self) -> Option<Queued> {
        let waiting = self.waiting.made()?;
        let queued = waiting.messages.pop_front()?;
        waiting.bytes -= queued.bytes();
        if let Some(latest) = &mut waiting.latest {
            latest.popped(&queued.message);
        }
        waiting.give_back_memory();
        Some(queued)
    }

    /// Keeps only what `keep` wants.
    pub(super) fn retain(&mut self, keep: impl FnMut(&Queued) -> bool) {
        let Some(waiting) = self.waiting.made() else { return };
        waiting.messages.retain(keep);
        waiting.bytes = waiting.messages.iter().map(Queued::bytes).sum();
        waiting.give_back_memory();
        self.index();
    }

    /// Nothing more will come soon: no room is kept for it.
    pub(super) fn shrink(&mut self) {
        if self.is_empty() {
            self.waiting.take();
        } else if let Some(waiting) = self.waiting.made() {
            waiting.messages.shrink_to_fit();
        }
    }

    #[inline]
    pub(super) fn front(&self) -> Option<&Queued> {
        self.waiting.messages.front()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Queued> {
        self.waiting.messages.iter()
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.messages.is_empty()
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.waiting.messages.len()
    }

    #[inline]
    pub(super) fn bytes(&self) -> usize {
        self.waiting.bytes
    }
}

/// What is left of a message's life in whole seconds, rounded up: what is forwarded at once keeps its value.
pub(crate) fn remaining(expires: Option<Time>, now: Time) -> Option<Seconds> {
    let seconds = expires?.since(now).as_nanos().div_ceil(1_000_000_000);
    Some(Seconds(u32::try_from(seconds).unwrap_or(u32::MAX)))
}

/// The header of a PUBLISH with `qos`.
pub(crate) const fn delivery(qos: QoS, id: PacketId, dup: bool) -> Delivery {
    match qos {
        QoS::AtMostOnce => Delivery::AtMostOnce,
        QoS::AtLeastOnce => Delivery::AtLeastOnce { id, dup },
        QoS::ExactlyOnce => Delivery::ExactlyOnce { id, dup },
    }
}
