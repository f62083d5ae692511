//! The sending side of QoS 0, 1 and 2, the same for client and server.
//!
//! ```text
//! QoS 1   queue --PUBLISH--> published --PUBACK--> done
//! QoS 2   queue --PUBLISH--> published --PUBREC--> released --PUBCOMP--> done
//!                                |                 (PUBREL sent)
//!                                +--PUBREC >= 0x80--> done
//! ```

mod flights;
mod queue;

use mqtt_codec::{AckRef, Message, PacketId, PacketRef, PacketType, QoS, ReasonCode};

use crate::config::QueueLimits;
use crate::error::{DropReason, Violation};
use crate::event::Ticket;
use crate::ids::PacketIds;
use crate::store::{Effects, StoreOp};
use crate::time::Time;
use crate::transmit::Transmit;
use crate::window::Window;

use flights::{Flight, Flights, Released};
use queue::Queue;
pub(crate) use queue::{Queued, delivery, remaining};

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
    /// The receiver has the message; PUBREL follows by itself.
    Taken(Ticket),
    /// PUBREL with this code must be sent besides.
    Release(ReasonCode),
    /// Nothing that matters now.
    Ignored,
}

/// Messages to send and exchanges that are not over: session state.
#[derive(Clone, Debug)]
pub(crate) struct Outgoing {
    queue: Queue,
    flights: Flights,
    pub(crate) ids: PacketIds,
}

impl Outgoing {
    pub(crate) fn new(limits: QueueLimits) -> Self {
        Self {
            queue: Queue::new(limits),
            flights: Flights::default(),
            ids: PacketIds::up_to(limits.packet_ids),
        }
    }

    /// Forgets everything but the limits.
    pub(crate) fn clear(&mut self) {
        self.queue.clear();
        self.flights = Flights::default();
        self.ids.clear();
    }

    /// Takes on new limits; what was accepted under the old ones stays.
    pub(crate) const fn set_limits(&mut self, limits: QueueLimits) {
        self.queue.set_limits(limits);
        self.ids.set_last(limits.packet_ids);
    }

    /// Puts a message at the end of the queue; `Err` with the reason if it is not kept.
    ///
    /// `report` hears of older messages that had to make room.
    pub(crate) fn enqueue(
        &mut self,
        now: Time,
        queued: Queued,
        report: impl FnMut(Ticket, Progress),
    ) -> Result<(), DropReason> {
        self.queue.push(now, queued, self.flights.bytes(), report)
    }

    /// Whether a message may overtake nothing by being sent now.
    pub(crate) fn is_clear(&self, window: &Window) -> bool {
        self.queue.is_empty() && window.sent == self.flights.published.len()
    }

    /// Whether there is room to keep `queued` until it is acknowledged.
    pub(crate) fn holds(&self, queued: &Queued) -> bool {
        self.queue.has_bytes(self.held_bytes(), queued.bytes())
    }

    /// Begins an exchange whose PUBLISH the caller has just written with `id`.
    pub(crate) fn began(&mut self, id: PacketId, queued: Queued, window: &mut Window) {
        self.flights.publish(id, queued, true, None);
        window.sent += 1;
        window.open += 1;
    }

    /// Writes what may be sent now: PUBRELs, which no window holds back [MQTT-3.3.4-8], then what an earlier
    /// connection left open, then the queue.
    pub(crate) fn transmit(
        &mut self,
        now: Time,
        window: &mut Window,
        effects: &mut Effects,
        out: &mut impl Transmit,
        mut report: impl FnMut(Ticket, Progress),
    ) {
        while out.has_room() {
            let progress = self.transmit_release(window, effects, out)
                || if window.sent < self.flights.published.len() {
                    self.transmit_flight(now, window, effects, out, &mut report)
                } else {
                    self.transmit_queued(now, window, effects, out, &mut report)
                };
            if !progress {
                return;
            }
        }
    }

    /// Sends the next PUBREL that this connection has not seen; false if there is none, or it must wait.
    fn transmit_release(&self, window: &mut Window, effects: &Effects, out: &mut impl Transmit) -> bool {
        let Some(released) = self.flights.released.get(window.released) else { return false };
        if !effects.is_stored(released.wait) {
            return false;
        }
        let release = PacketRef::PubRel(AckRef::new(released.id, ReasonCode::Success));
        window.released += 1;
        release.encode(window.version, out).is_ok()
    }

    /// Sends the PUBLISH of the oldest exchange that this connection has not seen; false if it must wait.
    fn transmit_flight(
        &mut self,
        now: Time,
        window: &mut Window,
        effects: &mut Effects,
        out: &mut impl Transmit,
        report: &mut impl FnMut(Ticket, Progress),
    ) -> bool {
        let index = window.sent;
        let Some(flight) = self.flights.published.get_mut(index) else { return false };
        if window.is_full() || !effects.is_stored(flight.wait) {
            return false;
        }
        let dropped = match &flight.queued {
            None => None,
            // [MQTT-4.3.3-7] what was sent once does not expire any more
            Some(queued) if !flight.attempted && queued.is_expired(now) => Some(DropReason::Expired),
            Some(queued) => {
                let publish = queued.publish(delivery(queued.qos, flight.id, flight.attempted), now);
                if window.fits(&publish) && window.write(publish, &queued.message.payload, out) {
                    window.open += 1;
                    flight.attempted = true;
                    report(queued.ticket, Progress::Written);
                    None
                } else {
                    Some(DropReason::TooLarge)
                }
            }
        };
        window.sent += 1;
        if let Some(reason) = dropped
            && let Some(ticket) = self.give_up(index, window, effects)
        {
            report(ticket, Progress::Dropped(reason));
        }
        true
    }

    /// Ends an exchange whose PUBLISH cannot be sent on this connection.
    ///
    /// The receiver of an earlier attempt at QoS 2 may know the identifier: a next message with it would be taken
    /// for the same. It is told with PUBREL, as if the message had been sent. [MQTT-3.1.2-25]
    fn give_up(&mut self, index: usize, window: &mut Window, effects: &mut Effects) -> Option<Ticket> {
        let Flight { id, attempted, .. } = *self.flights.published.get(index)?;
        let queued = self.flights.take_message(index, window)?;
        if queued.qos == QoS::ExactlyOnce && attempted {
            let wait = effects.push(StoreOp::Taken(id));
            self.flights.released.push_back(Released { id, ticket: None, wait });
            window.open += 1;
        } else {
            self.ids.give_back(id);
            if queued.qos == QoS::ExactlyOnce {
                effects.push(StoreOp::Completed(id));
            }
        }
        Some(queued.ticket)
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
        let Some(queued) = self.queue.pop() else { return false };
        let ticket = queued.ticket;
        if queued.is_expired(now) {
            report(ticket, Progress::Dropped(DropReason::Expired));
        } else if queued.qos == QoS::AtMostOnce {
            let publish = queued.publish(delivery(queued.qos, PacketId::MIN, false), now);
            let written = window.fits(&publish) && window.write(publish, &queued.message.payload, out);
            report(ticket, if written { Progress::Written } else { Progress::Dropped(DropReason::TooLarge) });
        } else if !window.fits(&queued.publish(delivery(queued.qos, PacketId::MAX, false), now)) {
            report(ticket, Progress::Dropped(DropReason::TooLarge));
        } else if let Some(id) = self.ids.take() {
            // the identifier of a QoS 2 message is stored before it is spoken of
            let wait = if queued.qos == QoS::ExactlyOnce { effects.push(StoreOp::Sent(id)) } else { None };
            self.flights.publish(id, queued, false, wait);
        } else {
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
        match self.published(ack.id, window) {
            Some((index, QoS::AtLeastOnce)) => Ok(self.complete(index, ack, window)),
            Some(_) => Err(Violation::AckMismatch(PacketType::PubAck)),
            None if self.flights.find_released(ack.id).is_some() => {
                Err(Violation::AckMismatch(PacketType::PubAck))
            }
            None => Ok(Acked::Ignored),
        }
    }

    /// PUBREC: the receiver has the message of QoS 2, or refuses it.
    pub(crate) fn handle_pubrec(
        &mut self,
        ack: &AckRef<'_>,
        window: &mut Window,
        effects: &mut Effects,
    ) -> Result<Acked, Violation> {
        match self.published(ack.id, window) {
            Some((index, QoS::ExactlyOnce)) if ack.reason.is_error() => {
                effects.push(StoreOp::Completed(ack.id));
                Ok(self.complete(index, ack, window))
            }
            Some((index, QoS::ExactlyOnce)) => {
                // [MQTT-4.3.3-4] the PUBREC is stored before PUBREL is sent
                let wait = effects.push(StoreOp::Taken(ack.id));
                let Some(queued) = self.flights.take_message(index, window) else {
                    return Ok(Acked::Ignored);
                };
                let ticket = queued.ticket;
                self.flights.released.push_back(Released { id: ack.id, ticket: Some(ticket), wait });
                Ok(Acked::Taken(ticket))
            }
            Some(_) => Err(Violation::AckMismatch(PacketType::PubRec)),
            None if ack.reason.is_error() => Ok(Acked::Ignored),
            None => Ok(match self.flights.find_released(ack.id) {
                Some(index) if index < window.released => Acked::Release(ReasonCode::Success),
                Some(_) => Acked::Ignored,
                None => Acked::Release(ReasonCode::PacketIdentifierNotFound),
            }),
        }
    }

    /// PUBCOMP: ends an exchange of QoS 2.
    pub(crate) fn handle_pubcomp(
        &mut self,
        ack: &AckRef<'_>,
        window: &mut Window,
        effects: &mut Effects,
    ) -> Result<Acked, Violation> {
        let Some(index) = self.flights.find_released(ack.id) else {
            return match self.published(ack.id, window) {
                Some(_) => Err(Violation::AckMismatch(PacketType::PubComp)),
                None => Ok(Acked::Ignored),
            };
        };
        if index >= window.released {
            return Ok(Acked::Ignored);
        }
        let Some(Released { ticket, .. }) = self.flights.released.remove(index) else {
            return Ok(Acked::Ignored);
        };
        self.flights.give_back_memory();
        self.ids.give_back(ack.id);
        effects.push(StoreOp::Completed(ack.id));
        window.released -= 1;
        window.open = window.open.saturating_sub(1);
        // 0x92 says that the receiver had finished before: the message was delivered
        Ok(ticket.map_or(Acked::Ignored, |ticket| Acked::Completed(ticket, ReasonCode::Success)))
    }

    /// The place and QoS of the unanswered PUBLISH with `id` that this connection has seen.
    fn published(&self, id: PacketId, window: &Window) -> Option<(usize, QoS)> {
        let index = self.flights.find_published(id, window)?;
        let queued = self.flights.published.get(index)?.queued.as_ref()?;
        Some((index, queued.qos))
    }

    fn complete(&mut self, index: usize, ack: &AckRef<'_>, window: &mut Window) -> Acked {
        let Some(queued) = self.flights.take_message(index, window) else { return Acked::Ignored };
        self.ids.give_back(ack.id);
        window.open = window.open.saturating_sub(1);
        Acked::Completed(queued.ticket, ack.reason)
    }

    /// The connection has ended: all that is left must be sent on the next.
    pub(crate) fn handle_disconnected(&mut self) {
        self.flights.tidy();
        self.flights.shrink();
        self.queue.shrink();
        self.ids.shrink();
    }

    /// The peer has no session: what it did not take becomes new messages, first in the queue and in order.
    ///
    /// `delivered` hears of the exchanges whose message the peer had taken.
    pub(crate) fn begin_again(&mut self, window: &mut Window, mut delivered: impl FnMut(Ticket)) {
        let Flights { published, released, .. } = core::mem::take(&mut self.flights);
        for queued in published.into_iter().rev().filter_map(|flight| flight.queued) {
            self.queue.push_front(queued);
        }
        released.into_iter().filter_map(|released| released.ticket).for_each(&mut delivered);
        self.ids.clear();
        window.forget_session();
    }

    /// Gives up messages that `judge` has an error for; `report` hears of each. For a window that has sent nothing.
    pub(crate) fn refuse<E>(
        &mut self,
        judge: impl Fn(QoS, bool) -> Option<E>,
        window: &mut Window,
        effects: &mut Effects,
        mut report: impl FnMut(Ticket, E),
    ) {
        for index in 0..self.flights.published.len() {
            let queued = self.flights.published.get(index).and_then(|flight| flight.queued.as_ref());
            if let Some(error) = queued.and_then(|queued| judge(queued.qos, queued.retain))
                && let Some(ticket) = self.give_up(index, window, effects)
            {
                report(ticket, error);
            }
        }
        self.flights.tidy();
        self.queue.retain(|queued| match judge(queued.qos, queued.retain) {
            Some(error) => {
                report(queued.ticket, error);
                false
            }
            None => true,
        });
    }

    /// Forgets messages that wait for their first PUBLISH, unless `keep` wants them. Returns how many.
    pub(crate) fn withdraw(&mut self, mut keep: impl FnMut(&Message) -> bool) -> usize {
        let before = self.queue.len();
        self.queue.retain(|queued| keep(&queued.message));
        before - self.queue.len()
    }

    /// Forgets messages of QoS 0: they are for those who are connected. Returns how many there were.
    pub(crate) fn drop_qos0(&mut self) -> usize {
        let before = self.queue.len();
        self.queue.retain(|queued| queued.qos != QoS::AtMostOnce);
        before - self.queue.len()
    }

    /// Tickets of everything that is not over, oldest first.
    pub(crate) fn tickets(&self) -> impl Iterator<Item = Ticket> {
        self.flights.tickets().chain(self.queue.iter().map(|queued| queued.ticket))
    }

    /// Messages that wait for their first PUBLISH.
    pub(crate) fn queued(&self) -> usize {
        self.queue.len()
    }

    /// Bytes of the messages that wait, or are kept to be sent again.
    pub(crate) const fn held_bytes(&self) -> usize {
        self.queue.bytes() + self.flights.bytes()
    }

    /// Exchanges that are not over.
    pub(crate) fn in_flight(&self) -> usize {
        self.flights.len()
    }

    /// Exchanges of an earlier connection that only wait for PUBCOMP: open from the start of the next.
    pub(crate) fn released(&self) -> u16 {
        u16::try_from(self.flights.released.len()).unwrap_or(u16::MAX)
    }
}
