//! The sending side of QoS 0, 1 and 2, the same for client and server.
//!
//! ```text
//! QoS 1   queue --PUBLISH--> published --PUBACK--> done
//! QoS 2   queue --PUBLISH--> published --PUBREC--> released --PUBCOMP--> done
//!                                |                 (PUBREL sent)
//!                                +--PUBREC >= 0x80--> done
//! ```

mod acknowledged;
mod flights;
mod latest;
mod queue;
mod restore;
mod sending;

use mqtt_codec::{Message, PacketId, QoS};

use crate::config::QueueLimits;
use crate::error::DropReason;
use crate::event::Ticket;
use crate::ids::PacketIds;
use crate::lazy::Lazy;
use crate::store::Effects;
use crate::time::Time;
use crate::window::Window;

pub(crate) use acknowledged::Acked;
use flights::Flights;
use queue::Queue;
pub(crate) use queue::{Queued, delivery, remaining};

/// What became of a message, for the one who holds its ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    Written,
    Dropped(DropReason),
}

/// Messages to send and exchanges that are not over: session state.
#[derive(Clone, Debug)]
pub(crate) struct Outgoing {
    queue: Queue,
    flights: Lazy<Flights>,
    pub(crate) ids: PacketIds,
}

impl Outgoing {
    pub(crate) fn new(limits: QueueLimits) -> Self {
        Self { queue: Queue::new(limits), flights: Lazy::default(), ids: PacketIds::up_to(limits.packet_ids) }
    }

    /// Forgets everything but the limits.
    pub(crate) fn clear(&mut self) {
        self.queue.clear();
        self.flights = Lazy::default();
        self.ids.clear();
    }

    /// Takes on new limits; what was accepted under the old ones stays.
    pub(crate) fn set_limits(&mut self, limits: QueueLimits) {
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
        effects: &mut Effects,
        mut report: impl FnMut(Ticket, Progress),
    ) -> Result<(), DropReason> {
        self.queue.push(now, queued, self.flights.bytes(), |dropped, reason| {
            effects.finish(dropped.qos, dropped.ticket);
            report(dropped.ticket, Progress::Dropped(reason));
        })
    }

    /// Puts a message at the end of the queue that was accepted before; `report` hears of the one that it replaces.
    pub(crate) fn accept(
        &mut self,
        queued: Queued,
        effects: &mut Effects,
        report: impl FnOnce(Ticket, Progress),
    ) {
        if let Some(replaced) = self.queue.accept(queued) {
            effects.finish(replaced.qos, replaced.ticket);
            report(replaced.ticket, Progress::Dropped(DropReason::Replaced));
        }
    }

    /// The limits that hold now.
    pub(crate) const fn limits(&self) -> &QueueLimits {
        self.queue.limits()
    }

    /// Sets the limit in bytes; what it was.
    pub(crate) const fn replace_bytes(&mut self, bytes: usize) -> usize {
        self.queue.replace_bytes(bytes)
    }

    /// Whether a message may overtake nothing by being sent now.
    #[inline]
    pub(crate) fn is_clear(&self, window: &Window) -> bool {
        self.queue.is_empty() && window.sent == self.flights.published.len()
    }

    /// Whether there is room to keep `queued` until it is acknowledged.
    #[inline]
    pub(crate) fn holds(&self, queued: &Queued) -> bool {
        self.queue.has_bytes(self.held_bytes(), queued.bytes())
    }

    /// Begins an exchange whose PUBLISH the caller has just written with `id`.
    pub(crate) fn began(&mut self, id: PacketId, queued: Queued, window: &mut Window) {
        self.flights.publish(id, queued, true, None);
        window.sent += 1;
        window.open += 1;
    }

    /// The connection has ended: all that is left must be sent on the next.
    pub(crate) fn handle_disconnected(&mut self) {
        if let Some(flights) = self.flights.made() {
            flights.tidy();
            flights.shrink();
            if flights.len() == 0 {
                self.flights.take();
            }
        }
        self.queue.shrink();
        self.ids.shrink();
    }

    /// The peer has no session: what it did not take becomes new messages, first in the queue and in order.
    ///
    /// `delivered` hears of the exchanges whose message the peer had taken.
    pub(crate) fn begin_again(&mut self, window: &mut Window, mut delivered: impl FnMut(Ticket)) {
        let Flights { published, released, .. } =
            self.flights.take().map_or_else(Flights::default, |made| *made);
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
        if let Some(flights) = self.flights.made() {
            flights.tidy();
        }
        self.queue.retain(|queued| match judge(queued.qos, queued.retain) {
            Some(error) => {
                effects.finish(queued.qos, queued.ticket);
                report(queued.ticket, error);
                false
            }
            None => true,
        });
    }

    /// Forgets messages that wait for their first PUBLISH, unless `keep` wants them. Returns how many.
    pub(crate) fn withdraw(
        &mut self,
        mut keep: impl FnMut(&Message) -> bool,
        effects: &mut Effects,
    ) -> usize {
        let before = self.queue.len();
        self.queue.retain(|queued| {
            let kept = keep(&queued.message);
            if !kept {
                effects.finish(queued.qos, queued.ticket);
            }
            kept
        });
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
    #[inline]
    pub(crate) fn held_bytes(&self) -> usize {
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
