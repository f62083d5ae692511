//! What goes out next: PUBREL, what an earlier connection left open, then the queue.

use mqtt_codec::{AckRef, PacketId, PacketRef, QoS, ReasonCode};

use super::flights::{Flight, Released};
use super::{Outgoing, Progress, Queued, delivery};
use crate::error::DropReason;
use crate::event::Ticket;
use crate::store::{Effects, StoreOp};
use crate::time::Time;
use crate::transmit::Transmit;
use crate::window::Window;

impl Outgoing {
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
                break;
            }
        }
        self.begin_ahead(now, window, effects, &mut report);
    }

    /// Gives identifiers to those that will be sent next, while one before them waits for its own to be stored: one wait is
    /// enough for all.
    fn begin_ahead(
        &mut self,
        now: Time,
        window: &Window,
        effects: &mut Effects,
        report: &mut impl FnMut(Ticket, Progress),
    ) {
        let first = self.flights.published.get(window.sent);
        if first.is_none_or(|flight| effects.is_stored(flight.wait)) {
            return;
        }
        while window.has_room_for(self.flights.published.len() - window.sent)
            && self.queue.front().is_some_and(|next| next.qos != QoS::AtMostOnce)
            && self.begin_next(now, window, effects, report)
        {}
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
                let publish = queued.publish(delivery(queued.qos, flight.id, flight.attempted), now, window);
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
    pub(super) fn give_up(
        &mut self,
        index: usize,
        window: &mut Window,
        effects: &mut Effects,
    ) -> Option<Ticket> {
        let Flight { id, attempted, .. } = *self.flights.published.get(index)?;
        let queued = self.flights.take_message(index, window)?;
        if queued.qos == QoS::ExactlyOnce && attempted {
            let wait = effects.push(StoreOp::Taken(id));
            self.flights.released.push_back(Released { id, ticket: None, wait });
            window.open += 1;
        } else {
            self.ids.give_back(id);
            match queued.qos {
                QoS::ExactlyOnce => _ = effects.push(StoreOp::Completed(id)),
                qos => effects.finish(qos, queued.ticket),
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
        if next.qos != QoS::AtMostOnce {
            return !window.is_full() && self.begin_next(now, window, effects, report);
        }
        let Some(queued) = self.queue.pop() else { return false };
        let publish = queued.publish(delivery(queued.qos, PacketId::MIN, false), now, window);
        let progress = if queued.is_expired(now) {
            Progress::Dropped(DropReason::Expired)
        } else if window.fits(&publish) && window.write(publish, &queued.message.payload, out) {
            Progress::Written
        } else {
            Progress::Dropped(DropReason::TooLarge)
        };
        report(queued.ticket, progress);
        true
    }

    /// Gives the oldest message of the queue, which has QoS 1 or 2, an identifier, or drops it; false if there is none.
    fn begin_next(
        &mut self,
        now: Time,
        window: &Window,
        effects: &mut Effects,
        report: &mut impl FnMut(Ticket, Progress),
    ) -> bool {
        let Some(queued) = self.queue.pop() else { return false };
        let ticket = queued.ticket;
        if queued.is_expired(now) {
            effects.finish(queued.qos, ticket);
            report(ticket, Progress::Dropped(DropReason::Expired));
        } else if !window.fits(&queued.publish(delivery(queued.qos, PacketId::MAX, false), now, window)) {
            effects.finish(queued.qos, ticket);
            report(ticket, Progress::Dropped(DropReason::TooLarge));
        } else if let Some(id) = self.ids.take() {
            self.begin(id, queued, effects);
        } else {
            self.queue.push_front(queued);
            return false;
        }
        true
    }

    /// Begins an exchange whose PUBLISH is still to be written.
    ///
    /// The identifier of a QoS 2 message is stored before it is spoken of.
    pub(super) fn begin(&mut self, id: PacketId, queued: Queued, effects: &mut Effects) {
        let sent = StoreOp::Sent { id, message: queued.ticket };
        let wait = if queued.qos == QoS::ExactlyOnce { effects.push(sent) } else { None };
        self.flights.publish(id, queued, false, wait);
    }
}
