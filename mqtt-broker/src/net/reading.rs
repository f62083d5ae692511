//! Bytes from sockets.

use std::io;

use mqtt_session::Time;

use super::connections::Place;
use super::shard_loop::ShardLoop;
use super::stream::{Failure, Peer, Received};
use crate::core::{ConnectionId, Counter, Departure, Output, Stage};

impl ShardLoop {
    /// Has the next turn read from a connection, or strangers' part of this one.
    pub(super) fn schedule(&mut self, id: ConnectionId) {
        if let Some(connection) = self.connections.get(id)
            && !connection.scheduled
        {
            connection.scheduled = true;
            if connection.is_client() {
                self.unread.push(id);
            } else {
                self.door.unread.push_back(id);
            }
        }
    }

    /// Reads from the connections that earlier turns have left for this one.
    pub(super) fn read_scheduled(&mut self, now: Time) {
        let scheduled = self.unread.len();
        for index in 0..scheduled {
            let Some(&id) = self.unread.get(index) else { break };
            if let Some(connection) = self.connections.get(id) {
                connection.scheduled = false;
                self.read(now, id);
            }
        }
        self.unread.drain(..scheduled);
    }

    /// Reads from a connection once; what is left comes in the next turn, so that nobody waits long.
    pub(super) fn read(&mut self, now: Time, id: ConnectionId) {
        let Some(connection) = self.connections.get(id) else { return };
        if let Place::Client(slot) = connection.place {
            if !self.core.wants_read(slot) {
                // flushing its output brings it back
                return;
            }
            if self.shared.hub.is_congested() {
                return self.schedule(id);
            }
        }
        if connection.is_paused() {
            // the shard that gets it hears of what is left
            return;
        }
        let stage = connection.stream.stage();
        match connection.stream.read(&mut self.buffer) {
            Ok(received) => {
                let is_stranger = connection.is_stranger();
                // a short read means that the socket is empty, unless its end is still to be read
                connection.readable = !received.end && (received.more || connection.read_closed);
                if connection.stream.wants_write() {
                    self.answers.push(id);
                }
                if connection.readable {
                    self.schedule(id);
                }
                if is_stranger {
                    self.note_handshake(id, stage);
                    self.note_client(now, id, stage);
                }
                self.handle_received(now, id, received);
                if is_stranger {
                    self.note_progress(now, id, received.raw);
                }
            }
            Err(Failure::Io(error)) => match error.kind() {
                io::ErrorKind::WouldBlock => connection.readable = false,
                io::ErrorKind::Interrupted => self.schedule(id),
                _ => self.drop_connection(now, id),
            },
            Err(failure) => self.fail(now, id, &failure),
        }
    }

    fn handle_received(&mut self, now: Time, id: ConnectionId, received: Received) {
        if received.len > 0 {
            self.handle_bytes(now, id, received.len);
        }
        if received.end {
            self.drop_connection(now, id);
        }
    }

    /// Counts a handshake that has ended with the bytes that were just read.
    fn note_handshake(&mut self, id: ConnectionId, before: Stage) {
        let Some(connection) = self.connections.get(id) else { return };
        if before > Stage::Tls || connection.stream.stage() <= Stage::Tls || !connection.stream.has_tls() {
            return;
        }
        let resumed = connection.stream.is_resumed();
        self.count(Counter::TlsHandshakes);
        if resumed {
            self.count(Counter::TlsResumed);
        }
    }

    /// A connection that does not even get as far as the lobby.
    pub(super) fn keep_out(&mut self, now: Time, peer: Peer, failure: &Failure) {
        self.count(Counter::ClientsRefused);
        self.tell(now, peer, failure);
    }

    fn tell(&mut self, now: Time, peer: Peer, failure: &Failure) {
        let Some(counter) = failure.counter() else { return };
        self.count(counter);
        if let Some(unsaid) = self.failure_logs.speak(now, counter) {
            tracing::warn!(%peer, not_logged = unsaid, "connection refused: {failure}");
        }
    }

    /// A stream that cannot go on: its layers may have a last word, an alert, for the peer.
    fn fail(&mut self, now: Time, id: ConnectionId, failure: &Failure) {
        let Some(connection) = self.connections.get(id) else { return };
        let peer = connection.stream.peer();
        match connection.place {
            Place::Lobby(_) => {
                self.count(Counter::ClientsRefused);
                // that a peer closes is its right, in a layer as well
                let blame = if failure.counter().is_some() { Departure::Failed } else { Departure::Gone };
                self.depart(now, id, blame);
            }
            Place::Client(slot) => self.core.handle_closed(now, slot),
            Place::Arriving => {}
            // its last words are on their way already
            Place::Closing { .. } => return,
        }
        self.tell(now, peer, failure);
        self.close(now, id, Output::new(1));
        self.settle(now);
    }

    fn handle_bytes(&mut self, now: Time, id: ConnectionId, len: usize) {
        let Some(connection) = self.connections.get(id) else { return };
        match connection.place {
            Place::Client(slot) => {
                self.core.handle_bytes(now, slot, self.buffer.get(..len).unwrap_or_default());
                self.settle(now);
            }
            Place::Lobby(_) => self.handle_lobby_bytes(now, id, len),
            // nobody listens any more
            Place::Arriving | Place::Closing { .. } => {}
        }
    }
}
