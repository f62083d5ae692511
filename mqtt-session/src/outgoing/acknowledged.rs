//! What the receiver's packets mean for exchanges: PUBACK, PUBREC, PUBCOMP.

use mqtt_codec::{AckRef, PacketId, PacketType, QoS, ReasonCode};

use super::Outgoing;
use super::flights::Released;
use crate::error::Violation;
use crate::event::Ticket;
use crate::store::{Effects, StoreOp};
use crate::window::Window;

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

impl Outgoing {
    /// PUBACK: ends an exchange of QoS 1, whatever its code. [MQTT-4.4.0-2]
    pub(crate) fn handle_puback(
        &mut self,
        ack: &AckRef<'_>,
        window: &mut Window,
        effects: &mut Effects,
    ) -> Result<Acked, Violation> {
        match self.published(ack.id, window) {
            Some((index, QoS::AtLeastOnce)) => {
                let acked = self.complete(index, ack, window);
                if let Acked::Completed(ticket, _) = acked {
                    effects.finish(QoS::AtLeastOnce, ticket);
                }
                Ok(acked)
            }
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

    /// The exchange is over with the answer to its PUBLISH.
    fn complete(&mut self, index: usize, ack: &AckRef<'_>, window: &mut Window) -> Acked {
        let Some(queued) = self.flights.take_message(index, window) else { return Acked::Ignored };
        self.ids.give_back(ack.id);
        window.open = window.open.saturating_sub(1);
        Acked::Completed(queued.ticket, ack.reason)
    }
}
