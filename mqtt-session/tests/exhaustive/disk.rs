//! What a store has of a server's session, and what may be said only once it has it.

use std::collections::BTreeSet;

use mqtt_codec::{PacketId, PacketRef, QoS};
use mqtt_session::StoreOp;

#[derive(Clone, Debug, Default, Hash)]
pub(crate) struct Disk {
    received: BTreeSet<PacketId>,
    sent: BTreeSet<PacketId>,
    taken: BTreeSet<PacketId>,
}

impl Disk {
    pub(crate) fn store(&mut self, op: StoreOp) {
        match op {
            StoreOp::Received(id) => drop(self.received.insert(id)),
            StoreOp::Released(id) => drop(self.received.remove(&id)),
            StoreOp::Sent(id) => drop(self.sent.insert(id)),
            StoreOp::Taken(id) => drop(self.taken.insert(id)),
            StoreOp::Completed(id) => {
                self.sent.remove(&id);
                self.taken.remove(&id);
            }
            StoreOp::Attached { .. } => {}
            other => panic!("{other:?} means nothing here yet"),
        }
    }

    /// The server writes `packet`.
    pub(crate) fn check(&self, packet: &PacketRef<'_>) -> Result<(), String> {
        let is_stored = match packet {
            PacketRef::PubRec(ack) => self.received.contains(&ack.id),
            PacketRef::PubComp(ack) => !self.received.contains(&ack.id),
            PacketRef::PubRel(ack) => self.taken.contains(&ack.id),
            PacketRef::Publish(publish) if publish.delivery.qos() == QoS::ExactlyOnce => {
                publish.delivery.id().is_some_and(|id| self.sent.contains(&id))
            }
            _ => true,
        };
        if is_stored { Ok(()) } else { Err(format!("{packet:?} although the store has only {self:?}")) }
    }
}
