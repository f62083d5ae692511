//! Strangers: connections until their CONNECT is known, refused or late.

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::sync::{Arc, PoisonError};

use mqtt_codec::{Connect, Decoder, Text};
use mqtt_session::Time;

use super::admission::Knock;
use super::connections::Place;
use super::shard_loop::{Arrival, ShardLoop};
use crate::auth::{Attempt, Refused, Rejected};
use crate::core::{Admission, ConnectionId, Counter, Departure, NewConnection, Output, Refusal, Verdict};

impl ShardLoop {
    /// Bytes of a stranger.
    pub(super) fn handle_lobby_bytes(&mut self, now: Time, id: ConnectionId, len: usize) {
        let Some(connection) = self.connections.get(id) else { return };
        let Some(stranger) = connection.stranger() else { return };
        if let Some(pending) = &mut stranger.pending {
            pending.keep(self.buffer.get(..len).unwrap_or_default());
            return self.hear(now, id);
        }
        let verdict = stranger.lobby.handle_bytes(self.buffer.get(..len).unwrap_or_default());
        // what lies behind CONNECT is counted where it is handled
        let behind = if let Verdict::Connect { unread, .. } = &verdict { unread.len() } else { 0 };
        self.core.counters().add(Counter::BytesReceived, len.saturating_sub(behind) as u64);
        match verdict {
            Verdict::More => {}
            Verdict::Connect { connect, decoder, unread } => self.welcome(now, id, connect, decoder, unread),
            Verdict::Refuse(refusal) => {
                self.depart(now, id, Departure::Failed);
                self.refuse(now, id, &refusal);
            }
        }
    }

    /// Bytes of a stranger have come that did not make it a client.
    pub(super) fn note_progress(&mut self, now: Time, id: ConnectionId, bytes: usize) {
        let Some(connection) = self.connections.get(id) else { return };
        let (stage, layers) = (connection.stream.stage(), connection.stream.held());
        let Some(stranger) = connection.stranger() else { return };
        let held = layers + stranger.held();
        let noted = stranger.visit.note_read(now, stage, bytes, stranger.served.lobby());
        match noted.and_then(|()| stranger.visit.hold(held, self.shared.hub.lobby_bytes())) {
            Ok(()) => self.arm(id),
            Err(limit) => self.turn_away(now, id, limit),
        }
    }

    /// A CONNECT that conforms.
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
        let stranger = self.connections.get(id).and_then(|known| known.stranger());
        let terms = stranger.as_ref().map(|stranger| Arc::clone(&stranger.served.listener().terms));
        let knock = Knock { connect, assigned, decoder, unread, terms: terms.unwrap_or_default() };
        match stranger.and_then(|stranger| stranger.served.chain()) {
            Some(chain) => self.hand_in(now, id, chain, knock),
            // [MQTT-4.12.0-1]
            None if knock.connect.properties.authentication_method.is_some() => {
                let rejected = Rejected { refused: Refused::Method, by: None };
                self.reject(now, id, &knock.connect, &rejected);
            }
            None => self.send_home(now, id, knock, Admission::default(), None),
        }
    }

    /// A client: its connection goes to the shard where it lives.
    pub(super) fn send_home(
        &mut self,
        now: Time,
        id: ConnectionId,
        knock: Knock,
        admission: Admission,
        attempt: Option<Box<Attempt>>,
    ) {
        let home = self.shared.hub.home(&knock.connect.client_id);
        self.depart(now, id, Departure::Accepted);
        let Some(mut connection) = self.connections.remove(id) else { return };
        if let Err(error) = connection.stream.deregister(self.poll.registry()) {
            tracing::warn!(%error, "connection lost on its way to another shard");
            return self.shared.hub.give_connection();
        }
        let arrival = Arrival { stream: connection.stream, knock, admission, attempt };
        let Some(arrivals) = self.shared.arrivals.get(usize::from(home)) else { return };
        match arrivals.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            Some(arrivals) => {
                arrivals.push(arrival);
                if arrivals.len() > 1 {
                    // those before it have woken the shard
                    return;
                }
            }
            None => return self.shared.hub.give_connection(),
        }
        self.shared.hub.wake(home);
    }

    /// A connection whose CONNECT another shard has read.
    pub(super) fn connect(&mut self, now: Time, arrival: Arrival) {
        if self.core.is_stopped() {
            return self.shared.hub.give_connection();
        }
        let Arrival {
            stream,
            knock: Knock { connect, assigned, decoder, unread, terms },
            admission,
            attempt,
        } = arrival;
        let (id, token) = self.connections.insert(stream, Place::Arriving);
        let registered = self
            .connections
            .get(id)
            .map(|connection| connection.stream.register(self.poll.registry(), token));
        if !matches!(registered, Some(Ok(()))) {
            self.connections.remove(id);
            return self.shared.hub.give_connection();
        }
        self.answer(id);
        if let Some(attempt) = attempt {
            self.reauthentications.insert(id, attempt);
        }
        self.attach(
            now,
            NewConnection { connection: id, connect, assigned, decoder, unread, admission, terms },
        );
        if let Some(connection) = self.connections.get(id)
            && connection.stream.has_ended()
        {
            // it came with CONNECT, and the socket says nothing of it here
            connection.readable = true;
            self.schedule(id);
        }
    }

    /// Gives a connection to its client, or says why not.
    fn attach(&mut self, now: Time, new: NewConnection) {
        let id = new.connection;
        let client_id = new.connect.client_id.clone();
        match self.core.connect(now, new) {
            Ok(slot) => {
                if let Some(connection) = self.connections.get(id) {
                    connection.place = Place::Client(slot);
                }
            }
            Err(refusal) => self.refuse_client(now, id, Some(&client_id), &refusal),
        }
        self.settle(now);
    }

    pub(super) fn refuse(&mut self, now: Time, id: ConnectionId, refusal: &Refusal) {
        self.refuse_client(now, id, None, refusal);
    }

    fn refuse_client(&mut self, now: Time, id: ConnectionId, client_id: Option<&str>, refusal: &Refusal) {
        if let Some(unsaid) = self.failure_logs.speak(now, refusal.reason.counter())
            && let Some(connection) = self.connections.get(id)
        {
            let peer = connection.stream.peer();
            tracing::info!(%peer, ?client_id, not_logged = unsaid, "connection refused: {}", refusal.reason);
        }
        self.turn_down(now, id, refusal);
    }

    /// Counts a refusal, tells the client, and ends its connection.
    pub(super) fn turn_down(&mut self, now: Time, id: ConnectionId, refusal: &Refusal) {
        self.count(Counter::ClientsRefused);
        self.count(refusal.reason.counter());
        let mut output = Output::new(usize::MAX);
        mqtt_codec::Sink::put(&mut output, &refusal.reply);
        self.close(now, id, output);
    }

    /// A client identifier that nobody has.
    fn assign_id(&mut self) -> Text {
        let random = RandomState::new();
        loop {
            self.assigned_ids += 1;
            if let Ok(id) = Text::new(&format!("auto-{:016x}", random.hash_one(self.assigned_ids))) {
                return id;
            }
        }
    }

    /// Removes a connection at once, whatever it was.
    pub(super) fn drop_connection(&mut self, now: Time, id: ConnectionId) {
        if self.connections.is_stranger(id) {
            self.count(Counter::ClientsRefused);
            self.depart(now, id, Departure::Gone);
        }
        self.reauthentications.remove(id);
        let Some(mut connection) = self.connections.remove(id) else { return };
        self.shared.hub.give_connection();
        // whoever sees that the client is gone finds its places free, and whoever sees the end finds it counted
        connection.stream.give_back_place();
        if let Place::Client(slot) = connection.place {
            self.core.handle_closed(now, slot);
            self.settle(now);
        }
        if connection.stream.has_last_words() {
            // there is nobody to wait for
            let _ = connection.stream.finish(self.closing());
        }
        ignore(connection.stream.deregister(self.poll.registry()));
    }
}

/// Closing the socket removes it from the poll as well.
fn ignore(result: io::Result<()>) {
    drop(result);
}
