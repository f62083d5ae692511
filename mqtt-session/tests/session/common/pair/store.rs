//! What the two sides store, and what is left of them after a loss or a crash.

use std::sync::Arc;
use std::time::Duration;

use mqtt_codec::{Message, QoS, ReasonCode};
use mqtt_session::{ClientConfig, ClientSession, ServerSession, StoredMessage, Ticket, Time};

use super::super::Got;
use super::{Disk, Pair, Side};

impl Pair {
    /// The server's store is looked at, if it has one.
    pub(crate) fn keep_server_disk(&mut self) {
        self.server_disk = self.server_config.store.then(|| Disk::new(true));
    }

    /// The server forgets the session, as if its disk was lost.
    pub(crate) fn lose_server(&mut self) {
        self.cut();
        self.server = ServerSession::new(&self.server_config);
        self.keep_server_disk();
    }

    /// The client forgets the session, as if its program began anew without a store.
    pub(crate) fn lose_client(&mut self, config: ClientConfig) {
        self.cut();
        self.client_config = config;
        self.client = ClientSession::new(self.version, config);
        self.client_disk = self.client_disk.take().map(|_| Disk::new(false));
    }

    /// One side is gone, with all that is not stored, and begins with what its store has.
    pub(crate) fn crash(&mut self, side: Side) {
        let stores = core::mem::replace(&mut self.stores, false);
        self.cut();
        self.stores = stores;
        match side {
            Side::Client => {
                let (stored, messages) = self.client_disk.as_mut().unwrap().crash();
                self.client = ClientSession::restore(self.version, self.client_config, &stored, messages);
            }
            Side::Server => {
                let (stored, messages) = self.server_disk.as_mut().unwrap().crash();
                let config = &self.server_config;
                self.server = ServerSession::restore(self.now, config, stored, Duration::ZERO, messages);
            }
        }
        self.store();
    }

    /// The server's application takes a message. Of every second one its driver stores something itself.
    pub(crate) fn take_at_server(&mut self, got: &Got) {
        let Some(receipt) = got.receipt else { return };
        self.write_effects();
        let mut wait = None;
        if let Some(disk) = &mut self.server_disk
            && (got.qos == QoS::AtLeastOnce || got.number().is_multiple_of(2))
        {
            wait = self.server.reserve_store_seq();
            disk.taken(wait.unwrap(), got.number());
        }
        self.server.acknowledge(receipt, ReasonCode::Success, wait);
        self.write_effects();
        if let Some(disk) = &mut self.server_disk {
            disk.taken_with_effect(got.number());
        }
    }

    pub(crate) fn take_at_client(&mut self, got: &Got) {
        let Some(receipt) = got.receipt else { return };
        self.write_effects();
        self.client.acknowledge(receipt, ReasonCode::Success);
        self.write_effects();
        if let Some(disk) = &mut self.client_disk {
            match got.qos {
                QoS::ExactlyOnce => disk.taken_with_effect(got.number()),
                _ => _ = disk.durable.insert(got.number()),
            }
        }
    }

    pub(super) fn write_effects(&mut self) {
        while let Some(effect) = self.server.poll_store() {
            if let Some(disk) = &mut self.server_disk {
                disk.effect(effect.clone());
            }
            self.effects.push(effect);
        }
        while let Some(effect) = self.client.poll_store() {
            if let Some(disk) = &mut self.client_disk {
                disk.effect(effect);
            }
        }
    }

    /// Fetches effects, and stores them if this pair does; whether a disk has more than before.
    pub(crate) fn store(&mut self) -> bool {
        self.write_effects();
        if !self.stores {
            return false;
        }
        let mut moved = false;
        while let Some(seq) = self.client_disk.as_mut().and_then(Disk::store) {
            self.client.handle_stored(seq);
            moved = true;
        }
        while let Some(seq) = self.server_disk.as_mut().and_then(Disk::store) {
            self.server.handle_stored(seq);
            moved = true;
        }
        if let (Some(effect), None) = (self.effects.last(), &self.server_disk) {
            self.server.handle_stored(effect.seq);
        }
        moved
    }
}

pub(super) fn stored(
    ticket: Ticket,
    message: &Arc<Message>,
    qos: QoS,
    expires: Option<Time>,
) -> StoredMessage {
    StoredMessage { expires, ..StoredMessage::new(ticket, Arc::clone(message), qos) }
}
