//! An eavesdropper on a sender: identifiers in flight are its own, repetitions say so, and quotas hold.

use std::collections::BTreeMap;

use mqtt_codec::{Ack, Delivery, Packet, Publish};

/// Exchanges that a session has begun, as its packets show them.
#[derive(Default)]
pub(crate) struct Flights(BTreeMap<u16, Flight>);

struct Flight {
    number: u32,
    /// The connection that carried its PUBLISH last.
    connection: u64,
    /// PUBREC was handled.
    is_released: bool,
}

/// One connection of it.
#[derive(Default)]
pub(crate) struct Window {
    open: usize,
    /// The receiver's Receive Maximum, if it has one.
    pub(crate) maximum: Option<usize>,
}

impl Flights {
    /// The sender has written a PUBLISH with message `number`.
    pub(crate) fn written(
        &mut self,
        window: &mut Window,
        connection: u64,
        publish: &Publish,
        number: u32,
    ) -> Result<(), String> {
        let (id, dup) = match publish.delivery {
            Delivery::AtMostOnce => return Ok(()),
            Delivery::AtLeastOnce { id, dup } | Delivery::ExactlyOnce { id, dup } => (id.get(), dup),
        };
        window.open += 1;
        if window.maximum.is_some_and(|maximum| window.open > maximum) {
            return Err(format!("more messages are open than the Receive Maximum of {:?}", window.maximum));
        }
        match self.0.get_mut(&id) {
            None => {}
            Some(flight) if flight.number != number => {
                return Err(format!("identifier {id} is that of message {} in flight", flight.number));
            }
            Some(flight) if flight.is_released => {
                return Err(format!("{id} was published again after its PUBREC"));
            }
            Some(flight) if flight.connection == connection => {
                return Err(format!("{id} was published twice on one connection"));
            }
            Some(_) if !dup => return Err(format!("{id} was published again without DUP")),
            Some(_) => {}
        }
        self.0.insert(id, Flight { number, connection, is_released: false });
        Ok(())
    }

    /// The sender goes on with what it has stored: the messages that were `sent` with an identifier, and those of which
    /// PUBREC was `taken`. The identifiers of QoS 1 are not stored, and another message may have them again.
    pub(crate) fn restart(&mut self, sent: impl Fn(u16, u32) -> bool, taken: impl Fn(u16) -> bool) {
        self.0.retain(|id, flight| {
            flight.is_released &= taken(*id);
            flight.is_released || sent(*id, flight.number)
        });
    }

    /// The sender has handled a packet; whether that ended an exchange.
    pub(crate) fn handled(&mut self, window: &mut Window, packet: &Packet) -> Option<u16> {
        let ended = |ack: &Ack| Some(ack.id.get());
        let id = match packet {
            Packet::PubAck(ack) | Packet::PubComp(ack) => ended(ack),
            Packet::PubRec(ack) if ack.reason.is_error() => ended(ack),
            Packet::PubRec(ack) => {
                if let Some(flight) = self.0.get_mut(&ack.id.get()) {
                    flight.is_released = true;
                }
                None
            }
            _ => None,
        }?;
        window.open = window.open.saturating_sub(1);
        self.0.remove(&id);
        Some(id)
    }
}
