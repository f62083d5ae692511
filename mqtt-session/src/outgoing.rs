//! The sending side of QoS 0, 1 and 2, the same for client and server.
//!
//! ```text
//! QoS 1   queue --PUBLISH--> Published --PUBACK--> done
//! QoS 2   queue --PUBLISH--> Published --PUBREC--> Released --PUBCOMP--> done
//!                                |                  (PUBREL sent)
//!                                +--PUBREC >= 0x80--> done
//! ```
//! Exchanges stand in the order in which they began, which is the order in which they are sent again on the next
//! connection. [MQTT-4.6.0-1]

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::sync::Arc;

use mqtt_codec::{
    AckRef, Delivery, List, Message, PacketId, PacketRef, PacketType, PublishRef, QoS, ReasonCode, Seconds,
    SubscriptionId,
};

use crate::config::{Overflow, QueueLimits};
use crate::error::{DropReason, Violation};
use crate::event::Ticket;
use crate::ids::PacketIds;
use crate::store::{Effects, StoreOp, StoreSeq};
use crate::time::Time;
use crate::transmit::Transmit;
use crate::window::Window;

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
    fn bytes(&self) -> usize {
        self.message.topic.as_str().len() + self.message.payload.len()
    }

    fn is_expired(&self, now: Time) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }

    fn publish(&self, delivery: Delivery, now: Time) -> PublishRef<'_> {
        PublishRef {
            message: self.message.view(),
            delivery,
            retain: self.retain,
            expiry: remaining(self.expires, now),
            alias: None,
            subscription_ids: List::new(&self.subscription_ids),
        }
    }
}

/// What is left of a message's life in whole seconds, rounded up: what is forwarded at once keeps its value.
pub(crate) fn remaining(expires: Option<Time>, now: Time) -> Option<Seconds> {
    let left = expires?.since(now);
    let seconds = left.as_secs() + u64::from(left.subsec_nanos() > 0);
    Some(Seconds(u32::try_from(seconds).unwrap_or(u32::MAX)))
}

/// An exchange of QoS 1 or 2 that has an identifier.
#[derive(Clone, Debug)]
struct Flight {
    id: PacketId,
    stage: Stage,
    /// Whether PUBLISH was sent on any connection: the next one has DUP. [MQTT-3.3.1-1]
    attempted: bool,
    /// What must be stored before the next packet of the exchange is sent.
    wait: Option<StoreSeq>,
}

#[derive(Clone, Debug)]
enum Stage {
    Published(Queued),
    /// PUBREC has come: only the identifier is left. [MQTT-4.3.3-6]
    Released(Ticket),
    /// Over, but older exchanges are not.
    Done,
}

/// What became of a message, for the one who holds its ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    Written,
    Dropped(DropReason),
}

/// What an acknowledgement meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Acked {
    /// The exchange is over.
    Completed(Ticket, ReasonCode),
    /// PUBREL must follow, once the effect is stored.
    Release(Ticket, Option<StoreSeq>),
    /// No exchange has this identifier.
    Unknown,
}

/// Messages to send and exchanges that are not over: session state.
#[derive(Clone, Debug)]
pub(crate) struct Outgoing {
    limits: QueueLimits,
    queue: VecDeque<Queued>,
    queue_bytes: usize,
    flights: VecDeque<Flight>,
    pub(crate) ids: PacketIds,
}

impl Outgoing {
    pub(crate) fn new(limits: QueueLimits) -> Self {
        Self {
            limits,
            queue: VecDeque::new(),
            queue_bytes: 0,
            flights: VecDeque::new(),
            ids: PacketIds::default(),
        }
    }

    /// Puts a message at the end of the queue; `Err` with the reason if it is not kept.
    ///
    /// `report` hears of older messages that had to make room.
    pub(crate) fn enqueue(
        &mut self,
        queued: Queued,
        mut report: impl FnMut(Ticket, Progress),
    ) -> Result<(), DropReason> {
        let bytes = queued.bytes();
        while self.queue.len() >= self.limits.messages || self.queue_bytes + bytes > self.limits.bytes {
            let oldest = match self.limits.overflow {
                Overflow::DropOldest => self.pop_queue(),
                Overflow::DropNewest => None,
            };
            let Some(oldest) = oldest else { return Err(DropReason::QueueFull) };
            report(oldest.ticket, Progress::Dropped(DropReason::QueueFull));
        }
        self.queue_bytes += bytes;
        self.queue.push_back(queued);
        Ok(())
    }

    /// Whether a message may overtake nothing by being sent now.
    pub(crate) fn is_clear(&self, window: &Window) -> bool {
        self.queue.is_empty() && window.sent == self.flights.len()
    }

    /// Begins an exchange whose PUBLISH the caller has just written with `id`.
    pub(crate) fn began(&mut self, id: PacketId, queued: Queued, window: &mut Window) {
        self.flights.push_back(Flight { id, stage: Stage::Published(queued), attempted: true, wait: None });
        window.sent += 1;
        window.open += 1;
    }

    /// Writes what may be sent now: first what an earlier connection left open, then the queue.
    pub(crate) fn transmit(
        &mut self,
        now: Time,
        window: &mut Window,
        effects: &mut Effects,
        out: &mut impl Transmit,
        mut report: impl FnMut(Ticket, Progress),
    ) {
        while out.has_room() {
            let progress = if window.sent < self.flights.len() {
                self.transmit_flight(now, window, effects, out, &mut report)
            } else {
                self.transmit_queued(now, window, effects, out, &mut report)
            };
            if !progress {
                return;
            }
        }
    }

    /// Sends the next packet of the oldest exchange that this connection has not seen; false if it must wait.
    fn transmit_flight(
        &mut self,
        now: Time,
        window: &mut Window,
        effects: &Effects,
        out: &mut impl Transmit,
        report: &mut impl FnMut(Ticket, Progress),
    ) -> bool {
        let Some(flight) = self.flights.get_mut(window.sent) else { return false };
        if !effects.is_stored(flight.wait) {
            return false;
        }
        let id = flight.id;
        let dropped = match &flight.stage {
            Stage::Done => None,
            Stage::Released(_) => {
                let release = PacketRef::PubRel(AckRef::new(id, ReasonCode::Success));
                if release.encode(window.version, out).is_err() {
                    return false;
                }
                window.open += 1;
                None
            }
            Stage::Published(_) if window.is_full() => return false,
            Stage::Published(queued) if !flight.attempted && queued.is_expired(now) => {
                Some((queued.ticket, DropReason::Expired))
            }
            Stage::Published(queued) => {
                let publish = queued.publish(delivery(queued.qos, id, flight.attempted), now);
                if window.fits(&publish) && window.write(publish, &queued.message.payload, out) {
                    window.open += 1;
                    flight.attempted = true;
                    report(queued.ticket, Progress::Written);
                    None
                } else {
                    Some((queued.ticket, DropReason::TooLarge))
                }
            }
        };
        if let Some((ticket, reason)) = dropped {
            flight.stage = Stage::Done;
            self.ids.give_back(id);
            report(ticket, Progress::Dropped(reason));
        }
        window.sent += 1;
        self.forget_done(window);
        true
    }

    /// Sends the oldest message of the queue, or gives it an identifier; false if it must wait.
    fn transmit_queued(
        &mut self,
        now: Time,
        window: &mut Window,
        effects: &mut Effects,
        out: &mut impl Transmit,
        report: &mut impl FnMut(Ticket, Progress),
    ) -> bool {
        let Some(next) = self.queue.front() else { return false };
        // a full window holds back QoS 1 and 2, and what was published after them
        if next.qos != QoS::AtMostOnce && window.is_full() {
            return false;
        }
        let Some(queued) = self.pop_queue() else { return false };
        let ticket = queued.ticket;
        if queued.is_expired(now) {
            report(ticket, Progress::Dropped(DropReason::Expired));
        } else if queued.qos == QoS::AtMostOnce {
            let publish = queued.publish(Delivery::AtMostOnce, now);
            let written = window.fits(&publish) && window.write(publish, &queued.message.payload, out);
            report(ticket, if written { Progress::Written } else { Progress::Dropped(DropReason::TooLarge) });
        } else if !window.fits(&queued.publish(delivery(queued.qos, PacketId::MAX, false), now)) {
            report(ticket, Progress::Dropped(DropReason::TooLarge));
        } else if let Some(id) = self.ids.take() {
            // the identifier of a QoS 2 message is stored before it is spoken of
            let wait = if queued.qos == QoS::ExactlyOnce { effects.push(StoreOp::Sent(id)) } else { None };
            self.flights.push_back(Flight { id, stage: Stage::Published(queued), attempted: false, wait });
        } else {
            self.queue_bytes += queued.bytes();
            self.queue.push_front(queued);
            return false;
        }
        true
    }

    /// PUBACK: ends an exchange of QoS 1, whatever its code. [MQTT-4.4.0-2]
    pub(crate) fn handle_puback(
        &mut self,
        ack: &AckRef<'_>,
        window: &mut Window,
    ) -> Result<Acked, Violation> {
        let Some(index) = self.position(ack.id, window) else { return Ok(Acked::Unknown) };
        match self.flights.get(index).map(|flight| &flight.stage) {
            Some(Stage::Published(queued)) if queued.qos == QoS::AtLeastOnce => {
                let ticket = queued.ticket;
                self.complete(index, window);
                Ok(Acked::Completed(ticket, ack.reason))
            }
            _ => Err(Violation::AckMismatch(PacketType::PubAck)),
        }
    }

    /// PUBREC: the receiver has the message of QoS 2, or refuses it.
    pub(crate) fn handle_pubrec(
        &mut self,
        ack: &AckRef<'_>,
        window: &mut Window,
        effects: &mut Effects,
    ) -> Result<Acked, Violation> {
        let Some(index) = self.position(ack.id, window) else { return Ok(Acked::Unknown) };
        let Some(flight) = self.flights.get_mut(index) else { return Ok(Acked::Unknown) };
        match &flight.stage {
            Stage::Published(queued) if queued.qos == QoS::ExactlyOnce => {
                let ticket = queued.ticket;
                if ack.reason.is_error() {
                    effects.push(StoreOp::Completed(ack.id));
                    self.complete(index, window);
                    return Ok(Acked::Completed(ticket, ack.reason));
                }
                // [MQTT-4.3.3-4] the PUBREC is stored before PUBREL is sent
                flight.wait = effects.push(StoreOp::Taken(ack.id));
                flight.stage = Stage::Released(ticket);
                Ok(Acked::Release(ticket, flight.wait))
            }
            Stage::Released(ticket) => Ok(Acked::Release(*ticket, flight.wait)),
            _ => Err(Violation::AckMismatch(PacketType::PubRec)),
        }
    }

    /// PUBCOMP: ends an exchange of QoS 2.
    pub(crate) fn handle_pubcomp(
        &mut self,
        ack: &AckRef<'_>,
        window: &mut Window,
        effects: &mut Effects,
    ) -> Result<Acked, Violation> {
        let Some(index) = self.position(ack.id, window) else { return Ok(Acked::Unknown) };
        match self.flights.get(index).map(|flight| &flight.stage) {
            Some(&Stage::Released(ticket)) => {
                effects.push(StoreOp::Completed(ack.id));
                self.complete(index, window);
                // 0x92 says that the receiver had finished before: the message was delivered
                Ok(Acked::Completed(ticket, ReasonCode::Success))
            }
            _ => Err(Violation::AckMismatch(PacketType::PubComp)),
        }
    }

    /// The peer has no session: what it did not take becomes new messages, first in the queue and in order.
    ///
    /// `report` hears of the exchanges whose message the peer had taken.
    pub(crate) fn begin_again(&mut self, mut delivered: impl FnMut(Ticket)) {
        while let Some(flight) = self.flights.pop_back() {
            match flight.stage {
                Stage::Published(queued) => {
                    self.queue_bytes += queued.bytes();
                    self.queue.push_front(queued);
                }
                Stage::Released(ticket) => delivered(ticket),
                Stage::Done => {}
            }
        }
        self.ids = PacketIds::default();
    }

    /// Takes out of the queue what `judge` has an error for; `report` hears of each.
    pub(crate) fn refuse<E>(
        &mut self,
        judge: impl Fn(QoS, bool) -> Option<E>,
        mut report: impl FnMut(Ticket, E),
    ) {
        self.queue.retain(|queued| match judge(queued.qos, queued.retain) {
            Some(error) => {
                report(queued.ticket, error);
                false
            }
            None => true,
        });
        self.queue_bytes = self.queue.iter().map(Queued::bytes).sum();
    }

    /// Forgets messages of QoS 0: they are for those who are connected. Returns how many there were.
    pub(crate) fn drop_qos0(&mut self) -> usize {
        let before = self.queue.len();
        self.queue.retain(|queued| queued.qos != QoS::AtMostOnce);
        self.queue_bytes = self.queue.iter().map(Queued::bytes).sum();
        before - self.queue.len()
    }

    /// Tickets of everything that is not over, oldest first.
    pub(crate) fn tickets(&self) -> impl Iterator<Item = Ticket> {
        let flights = self.flights.iter().filter_map(|flight| match &flight.stage {
            Stage::Published(queued) => Some(queued.ticket),
            Stage::Released(ticket) => Some(*ticket),
            Stage::Done => None,
        });
        flights.chain(self.queue.iter().map(|queued| queued.ticket))
    }

    /// Messages that wait for their first PUBLISH.
    pub(crate) fn queued(&self) -> usize {
        self.queue.len()
    }

    /// Bytes of topics and payloads in the queue.
    pub(crate) const fn queued_bytes(&self) -> usize {
        self.queue_bytes
    }

    /// Exchanges that are not over.
    pub(crate) fn in_flight(&self) -> usize {
        self.flights.iter().filter(|flight| !matches!(flight.stage, Stage::Done)).count()
    }

    fn pop_queue(&mut self) -> Option<Queued> {
        let queued = self.queue.pop_front()?;
        self.queue_bytes -= queued.bytes();
        if self.queue.is_empty() {
            // a burst leaves no memory behind
            self.queue.shrink_to(4);
        }
        Some(queued)
    }

    /// Where the exchange stands, among those that this connection has seen.
    fn position(&self, id: PacketId, window: &Window) -> Option<usize> {
        let first = self.flights.front()?.id;
        // identifiers are given in order, so without gaps the distance is the place
        let guess = usize::from(id.get().wrapping_sub(first.get()));
        let is_it = |flight: &Flight| flight.id == id && !matches!(flight.stage, Stage::Done);
        if guess < window.sent && self.flights.get(guess).is_some_and(is_it) {
            return Some(guess);
        }
        self.flights.iter().take(window.sent).position(is_it)
    }

    fn complete(&mut self, index: usize, window: &mut Window) {
        if let Some(flight) = self.flights.get_mut(index) {
            flight.stage = Stage::Done;
            self.ids.give_back(flight.id);
        }
        window.open = window.open.saturating_sub(1);
        self.forget_done(window);
    }

    fn forget_done(&mut self, window: &mut Window) {
        while window.sent > 0 && matches!(self.flights.front(), Some(Flight { stage: Stage::Done, .. })) {
            self.flights.pop_front();
            window.sent -= 1;
        }
        if self.flights.is_empty() {
            self.flights.shrink_to(4);
        }
    }
}

/// The header of a PUBLISH with `qos`.
pub(crate) const fn delivery(qos: QoS, id: PacketId, dup: bool) -> Delivery {
    match qos {
        QoS::AtMostOnce => Delivery::AtMostOnce,
        QoS::AtLeastOnce => Delivery::AtLeastOnce { id, dup },
        QoS::ExactlyOnce => Delivery::ExactlyOnce { id, dup },
    }
}
