//! Strangers: connections until their CONNECT is known, refused or late.

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::sync::PoisonError;

use mqtt_codec::{Connect, Decoder, Text};
use mqtt_session::Time;

use super::connections::Place;
use super::shard_loop::{Arrival, ShardLoop};
use super::stream::Stream;
use crate::core::{ConnectionId, Counter, Lobby, NewConnection, Output, Refusal, Verdict};

impl ShardLoop {
    /// Lets a new connection in, if there is a place for it.
    pub(super) fn admit(&mut self, now: Time, stream: Stream) {
        let limits = &self.shared.hub.config().limits;
        if !self.take_places() {
            if let Some(unsaid) = self.full_log.speak(now) {
                let peer = stream.peer();
                tracing::warn!(%peer, unsaid, "connection refused: the limit of connections is reached");
            }
            return self.count(Counter::ClientsRefused);
        }
        let deadline = now.after(limits.connect_timeout);
        let lobby = Box::new(Lobby::new(limits));
        let (id, token) = self.connections.insert(stream, Place::Lobby(lobby));
        self.lobby_deadlines.push(deadline, id);
        let Some(connection) = self.connections.get(id) else { return };
        if let Err(error) = connection.stream.register(self.poll.registry(), token) {
            tracing::warn!(%error, "connection not registered");
            self.drop_connection(now, id);
        }
    }

    fn take_places(&self) -> bool {
        let hub = &self.shared.hub;
        if !hub.take_half_open() {
            return false;
        }
        let free = hub.take_connection();
        if !free {
            hub.give_half_open();
        }
        free
    }

    /// Bytes of a stranger.
    pub(super) fn handle_lobby_bytes(&mut self, now: Time, id: ConnectionId, len: usize) {
        let Some(connection) = self.connections.get(id) else { return };
        let Place::Lobby(lobby) = &mut connection.place else { return };
        let verdict = lobby.handle_bytes(self.buffer.get(..len).unwrap_or_default());
        // what lies behind CONNECT is counted where it is handled
        let behind = if let Verdict::Connect { unread, .. } = &verdict { unread.len() } else { 0 };
        self.core.counters().add(Counter::BytesReceived, len.saturating_sub(behind) as u64);
        match verdict {
            Verdict::More => {}
            Verdict::Connect { connect, decoder, unread } => self.welcome(now, id, connect, decoder, unread),
            Verdict::Refuse(refusal) => {
                self.shared.hub.give_half_open();
                self.refuse(now, id, refusal);
            }
        }
    }

    /// A CONNECT that conforms: the connection goes to the shard where its client lives.
    fn welcome(
        &mut self,
        now: Time,
        id: ConnectionId,
        mut connect: Box<Connect>,
        decoder: Decoder,
        unread: Vec<u8>,
    ) {
        if self.shared.hub.is_stopping() {
            return self.drop_connection(now, id);
        }
        let assigned = connect.client_id.is_empty();
        if assigned {
            connect.client_id = self.assign_id();
        }
        let home = self.shared.hub.home(&connect.client_id);
        self.shared.hub.give_half_open();
        if home == self.shard {
            return self.attach(now, NewConnection { connection: id, connect, assigned, decoder, unread });
        }
        let Some(mut connection) = self.connections.remove(id) else { return };
        if let Err(error) = connection.stream.deregister(self.poll.registry()) {
            tracing::warn!(%error, "connection lost on its way to another shard");
            return self.shared.hub.give_connection();
        }
        let arrival = Arrival { stream: connection.stream, connect, assigned, decoder, unread };
        let Some(arrivals) = self.shared.arrivals.get(usize::from(home)) else { return };
        match arrivals.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            Some(arrivals) => arrivals.push(arrival),
            None => return self.shared.hub.give_connection(),
        }
        self.shared.hub.wake(home);
    }

    /// A connection whose CONNECT another shard has read.
    pub(super) fn connect(&mut self, now: Time, arrival: Arrival) {
        if self.core.is_stopped() {
            return self.shared.hub.give_connection();
        }
        let Arrival { stream, connect, assigned, decoder, unread } = arrival;
        let limits = &self.shared.hub.config().limits;
        let lobby = Box::new(Lobby::new(limits));
        let (id, token) = self.connections.insert(stream, Place::Lobby(lobby));
        let registered = self
            .connections
            .get(id)
            .map(|connection| connection.stream.register(self.poll.registry(), token));
        if !matches!(registered, Some(Ok(()))) {
            self.connections.remove(id);
            return self.shared.hub.give_connection();
        }
        self.answer(id);
        self.attach(now, NewConnection { connection: id, connect, assigned, decoder, unread });
    }

    /// Gives a connection to its client, or says why not.
    fn attach(&mut self, now: Time, new: NewConnection) {
        let id = new.connection;
        match self.core.connect(now, new) {
            Ok(slot) => {
                if let Some(connection) = self.connections.get(id) {
                    connection.place = Place::Client(slot);
                }
            }
            Err(refusal) => self.refuse(now, id, refusal),
        }
        self.settle(now);
    }

    fn refuse(&mut self, now: Time, id: ConnectionId, refusal: Refusal) {
        self.count(Counter::ClientsRefused);
        if let Some(connection) = self.connections.get(id) {
            tracing::info!(peer = %connection.stream.peer(), "connection refused: {}", refusal.reason);
        }
        let mut output = Output::new(usize::MAX);
        mqtt_codec::Sink::put(&mut output, &refusal.reply);
        self.close(now, id, output);
    }

    /// Closes connections that are late with CONNECT, or with reading their last bytes.
    pub(super) fn handle_deadlines(&mut self, now: Time) {
        while let Some(id) = self.lobby_deadlines.pop(now) {
            let late = self.connections.get(id).is_some_and(|connection| {
                let late = matches!(connection.place, Place::Lobby(_));
                if late {
                    tracing::info!(peer = %connection.stream.peer(), "connection closed: no CONNECT in time");
                }
                late
            });
            if late {
                self.drop_connection(now, id);
            }
        }
        while let Some(id) = self.linger_deadlines.pop(now) {
            self.drop_connection(now, id);
        }
        // most connections keep theirs, and nobody is woken for nothing
        let connections = &mut self.connections;
        self.lobby_deadlines.forget(|id| connections.get(id).is_none_or(|known| !known.place.is_lobby()));
        self.linger_deadlines.forget(|id| connections.get(id).is_none());
    }

    /// A client identifier that nobody has and whose home is this shard, so that the connection need not move.
    fn assign_id(&mut self) -> Text {
        let random = RandomState::new();
        loop {
            self.assigned_ids += 1;
            let id = format!("auto-{:016x}{:04x}", random.hash_one(self.assigned_ids), self.shard);
            if self.shared.hub.home(&id) == self.shard
                && let Ok(id) = Text::new(&id)
            {
                return id;
            }
        }
    }

    /// Removes a connection at once, whatever it was.
    pub(super) fn drop_connection(&mut self, now: Time, id: ConnectionId) {
        let Some(mut connection) = self.connections.remove(id) else { return };
        self.shared.hub.give_connection();
        if connection.stream.has_last_words() {
            // there is nobody to wait for
            let _ = connection.stream.finish();
        }
        ignore(connection.stream.deregister(self.poll.registry()));
        match connection.place {
            Place::Lobby(_) => {
                self.shared.hub.give_half_open();
                self.count(Counter::ClientsRefused);
            }
            Place::Client(slot) => {
                self.core.handle_closed(now, slot);
                self.settle(now);
            }
            Place::Closing { .. } => {}
        }
    }
}

/// Closing the socket removes it from the poll as well.
fn ignore(result: io::Result<()>) {
    drop(result);
}
