//! A client with a disk: what it stores, when that is safe, and how its program goes on when it dies.
//!
//! Records reach the disk one by one, in their order and late. A crash loses those that have not reached it, the one
//! that was just being written among them: a torn record is told by its checksum and is none.

use std::collections::{BTreeMap, VecDeque};

use mqtt_codec::PacketId;
use mqtt_session::{ClientSession, StoreEffect, StoredExchanges, StoredMessage, StoredSession, Ticket};

use super::client::{Client, config, number};
use super::world::World;

/// The broker's session that a program has heard of, and whether that ends with its connection.
type Known = (u32, bool);

#[derive(Default)]
pub(crate) struct Disk {
    session: StoredSession,
    /// Messages that the program has published, by ticket; on the disk before anything is said of them.
    messages: BTreeMap<u64, StoredMessage>,
    known: Option<Known>,
    /// What has not reached the disk; an effect of CONNACK with the session that it was about.
    row: VecDeque<(StoreEffect, Option<Known>)>,
}

impl Disk {
    pub(crate) fn message(&mut self, stored: StoredMessage) {
        self.messages.insert(stored.ticket.0, stored);
    }

    fn apply(&mut self, effect: &StoreEffect, known: Option<Known>) {
        if let mqtt_session::StoreOp::Attached { .. } = effect.op {
            self.known = known;
        }
        if let Some(Ticket(finished)) = self.session.apply(&effect.op) {
            self.messages.remove(&finished);
        }
    }
}

impl Client {
    /// Takes what the session wants to have stored.
    pub(crate) fn take_effects(&mut self) {
        let Some(disk) = &mut self.disk else { return };
        while let Some(effect) = self.session.poll_store() {
            disk.row.push_back((effect, self.known));
        }
    }

    /// Up to so many records reach the disk; whether there was one.
    pub(crate) fn sync(&mut self, count: usize) -> bool {
        self.take_effects();
        let Some(disk) = &mut self.disk else { return false };
        let count = count.min(disk.row.len());
        for (effect, known) in disk.row.drain(..count).collect::<Vec<_>>() {
            disk.apply(&effect, known);
            self.session.handle_stored(effect.seq);
        }
        count > 0
    }

    /// What the disk must have, or must not have, whatever has reached it.
    fn check_disk(&self) -> Result<(), String> {
        let Some(disk) = &self.disk else { return Ok(()) };
        let needs = |ticket: &Ticket| !self.taken.contains(ticket) && !disk.messages.contains_key(&ticket.0);
        if let Some((_, (number, _))) = self.promised.iter().find(|(ticket, _)| needs(ticket)) {
            return Err(format!("the disk has forgotten message {number}, which nobody has acknowledged"));
        }
        // the disk may still be about the session before
        let taken_early =
            |id: &PacketId| self.known == disk.known && disk.session.exchanges().received.contains(id);
        match self.receipts.iter().filter_map(|(_, id)| *id).find(taken_early) {
            Some(id) => Err(format!("the disk knows {id} as received, which the program has not taken")),
            None => Ok(()),
        }
    }

    /// The program dies, and goes on with what is on its disk. Returns whether there was a session.
    fn restart(&mut self) -> bool {
        let Some(disk) = self.disk.as_mut().filter(|disk| disk.session.exists) else { return false };
        disk.row.clear();
        let config = config(&self.plan, self.clean_start, self.packet_ids);
        let messages = disk.messages.values().cloned();
        self.session = ClientSession::restore(self.plan.version, config, &disk.session, messages);
        self.known = disk.known;
        self.receipts.clear();
        self.promised.retain(|ticket, _| disk.messages.contains_key(&ticket.0));
        let StoredExchanges { sent, taken, .. } = disk.session.exchanges();
        let is_that = |ticket: &Ticket, wanted| {
            disk.messages.get(&ticket.0).is_some_and(|stored| {
                let message = &stored.message;
                number(message.topic.as_str(), &message.payload) == Some(wanted)
            })
        };
        self.flights.restart(
            |id, number| sent.iter().any(|(sent, ticket)| sent.get() == id && is_that(ticket, number)),
            |id| taken.iter().any(|taken| taken.get() == id),
        );
        true
    }
}

impl World {
    /// The program dies, and another one goes on with its disk, if there is anything on it.
    pub(crate) fn restart(&mut self, client: usize) {
        let this = &mut self.clients[client];
        if let Err(error) = this.check_disk() {
            return self.fail(format!("at c{client}: {error}"));
        }
        if !this.restart() {
            this.begin_again(true);
            return;
        }
        self.report.restarts += 1;
        let (Some(disk), Some(session)) = (&this.disk, &self.model.sessions[client]) else { return };
        let received = &disk.session.exchanges().received;
        // what the disk does not know to have come may come again; it may not even know of the session
        let is_the_one = this.known.is_some_and(|(known, _)| known == session.number);
        let is_known = |id: u16| is_the_one && received.iter().any(|received| received.get() == id);
        self.model.ledgers[session.number as usize].forget(|id| !is_known(id));
        self.hear_events(client);
    }
}
