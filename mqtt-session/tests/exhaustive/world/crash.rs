//! A side with a store: what it stores, what it may say, and how it goes on after a crash.

use std::time::Duration;

use mqtt_codec::{PacketId, PacketRef, QoS, ReasonCode};
use mqtt_session::{CleanStart, ClientSession, Receipt, ServerSession, StoredExchanges};

use super::{NOW, Side, World, client_config, server_config};
use crate::disk::Disk;

impl World {
    /// The server's application takes a message. Of every second one of QoS 2 the driver stores nothing itself.
    pub(super) fn take_at_server(&mut self, receipt: Receipt, message: usize) {
        self.write_effects();
        let stores = self.case.up[message] == QoS::AtLeastOnce || message.is_multiple_of(2);
        let wait = if stores { self.server.reserve_store_seq() } else { None };
        if let Some(seq) = wait {
            self.disk.taken(seq, message);
        }
        self.server.acknowledge(receipt, ReasonCode::Success, wait);
        self.write_effects();
        self.disk.taken_with_effect(message);
    }

    /// Hands all effects to the disk.
    pub(super) fn write_effects(&mut self) {
        if self.case.store.is_none() {
            return;
        }
        let Self { case, client, server, disk, .. } = self;
        let mut next = || match case.store {
            Some(Side::Client) => client.poll_store(),
            _ => server.poll_store(),
        };
        while let Some(effect) = next() {
            disk.effect(effect);
        }
    }

    /// The side with a store goes on with what the store has. Nobody is connected.
    pub(super) fn crash(&mut self) {
        let (stored, messages) = self.disk.crash();
        let (sends, receives) = match self.case.store {
            Some(Side::Client) => {
                let config = client_config(self.case, CleanStart::Never);
                self.client = ClientSession::restore(self.case.version, config, &stored, messages);
                self.at_client.clear();
                (&mut self.up, &mut self.down)
            }
            _ => {
                let config = server_config(self.case);
                self.server = ServerSession::restore(NOW, &config, stored, Duration::ZERO, messages);
                self.at_server.clear();
                (&mut self.down, &mut self.up)
            }
        };
        sends.sender_crashed(exchanges(&self.disk), |message| self.disk.needs(message));
        receives.receiver_crashed(&self.disk.durable);
    }
}

/// Exchanges of QoS 2 that are not over, with their messages, and whether PUBREC has come.
fn exchanges(disk: &Disk) -> Vec<(PacketId, usize, bool)> {
    let sent = disk.session.exchanges().sent.iter().map(|(id, _)| (*id, false));
    let taken = disk.session.exchanges().taken.iter().map(|id| (*id, true));
    sent.chain(taken).map(|(id, taken)| (id, disk.numbers[&id], taken)).collect()
}

/// A side writes `packet`: what it says is on its disk.
pub(super) fn check_stored(disk: &Disk, packet: &PacketRef<'_>) -> Result<(), String> {
    let StoredExchanges { received, sent, taken } = disk.session.exchanges();
    let is_stored = match packet {
        PacketRef::PubRec(ack) => received.contains(&ack.id),
        PacketRef::PubComp(ack) => !received.contains(&ack.id),
        PacketRef::PubRel(ack) => taken.contains(&ack.id),
        PacketRef::Publish(publish) if publish.delivery.qos() == QoS::ExactlyOnce => {
            sent.iter().any(|(id, _)| Some(*id) == publish.delivery.id())
        }
        _ => true,
    };
    if is_stored { Ok(()) } else { Err(format!("{packet:?} although the store has only {disk:?}")) }
}
