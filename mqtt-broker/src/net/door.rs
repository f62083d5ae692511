//! The door: who is let in as a stranger, and who has to go again.
//!
//! Strangers are in the lobby, a shard without clients: what they take of its thread, they take from each other.

use std::collections::VecDeque;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use mqtt_session::Time;

use super::connections::{Place, Stranger};
use super::listen::Served;
use super::seldom::Seldom;
use super::shard_loop::ShardLoop;
use super::stream::{Peer, Socket, Stream};
use crate::core::{ConnectionId, Counter, Departure, Guest, Limit, Lobby, Stage, Timers, Visit};

/// Connections accepted from each listener, strangers read from, and strangers sent away for being late, in a turn: none
/// of these is to wait long for the others.
const VISITS: usize = 64;
/// How long accepting pauses when the process has no file descriptor left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// What a stranger gets whose time is over while its bytes wait for the broker.
const GRACE: Duration = Duration::from_secs(1);
/// Entries that are not worth looking for those that are passed over.
const SLACK: usize = 64;

/// What a shard knows of its strangers besides their connections.
#[derive(Debug, Default)]
pub(super) struct Door {
    /// When strangers have to be further.
    deadlines: Timers<ConnectionId>,
    /// Strangers in the order in which they came; those that are none any more are passed over.
    waiting: VecDeque<(Time, ConnectionId)>,
    /// Connections without a client that have something to be read.
    pub(super) unread: VecDeque<ConnectionId>,
    /// When accepting goes on that had to pause.
    pub(super) accept_at: Option<Time>,
    /// Whether listeners may have connections.
    pub(super) accept: bool,
    /// Lines about accepting that had to pause.
    failure_log: Seldom,
}

impl Door {
    pub(super) fn has_work(&self) -> bool {
        self.accept || !self.unread.is_empty()
    }

    pub(super) fn next_deadline(&self) -> Option<Time> {
        [self.deadlines.next(), self.accept_at].into_iter().flatten().min()
    }
}

impl ShardLoop {
    /// What connections without a client get of a turn.
    pub(super) fn serve_strangers(&mut self, now: Time) {
        for _ in 0..VISITS {
            let Some(id) = self.door.unread.pop_front() else { break };
            if let Some(connection) = self.connections.get(id) {
                connection.scheduled = false;
                self.read(now, id);
            }
        }
        self.send_away_late(now);
        let due = self.door.accept_at.is_some_and(|at| at <= now);
        if due {
            self.door.accept_at = None;
        }
        if std::mem::take(&mut self.door.accept) || due {
            for index in 0..self.listeners.len() {
                self.door.accept |= self.accept(now, index);
            }
        }
    }

    /// Takes in connections that wait at a listener, up to [`VISITS`]. Returns whether there may be more.
    fn accept(&mut self, now: Time, index: usize) -> bool {
        if self.shared.hub.is_stopping() || self.door.accept_at.is_some() {
            return false;
        }
        for _ in 0..VISITS {
            let (Some(listener), Some(served)) = (self.listeners.get(index), self.shared.served.get(index))
            else {
                return false;
            };
            match listener.accept() {
                Ok((socket, peer)) => {
                    let served = served.now();
                    self.admit(now, socket, peer, &served);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
                Err(error) if concerns_one_connection(&error) => tracing::debug!(%error, "accept"),
                Err(error) if is_out_of_files(&error) && self.has_waited(now) && self.evict(now) => {}
                Err(error) => {
                    if let Some(unsaid) = self.door.failure_log.speak(now) {
                        let advice =
                            if is_out_of_files(&error) { "; raise the limit of open files" } else { "" };
                        tracing::warn!(%error, not_logged = unsaid, "no connection can be accepted{advice}");
                    }
                    self.door.accept_at = Some(now.after(ACCEPT_PAUSE));
                    return false;
                }
            }
        }
        true
    }

    /// Lets a new connection in, if there is a place for it.
    fn admit(&mut self, now: Time, socket: Socket, peer: Peer, served: &Arc<Served>) {
        // behind a proxy that is believed are many, who are told apart once it has named them
        let address = peer.ip().filter(|_| !served.is_proxied());
        let guest = match self.take_places(now, address) {
            Ok(guest) => guest,
            Err(limit) => {
                self.count(Counter::ClientsRefused);
                return self.note_limit(now, peer, limit);
            }
        };
        // not before: TLS takes memory
        let stream = match served.begin(peer) {
            Ok((layers, place)) => Stream::new(socket, peer, layers, place),
            Err(failure) => {
                self.shared.hub.strangers().leave(now, guest, Departure::Gone);
                self.shared.hub.give_connection();
                return self.keep_out(now, peer, &failure);
            }
        };
        let limits = served.lobby();
        let visit = Visit::new(now, guest, stream.stage(), limits);
        let (lobby, served) = (Lobby::new(limits), Arc::clone(served));
        let stranger = Stranger { lobby, served, visit, pending: None, armed: None };
        let (id, token) = self.connections.insert(stream, Place::Lobby(Box::new(stranger)));
        self.wait_for(now, id);
        let Some(connection) = self.connections.get(id) else { return };
        if let Err(error) = connection.stream.register(self.poll.registry(), token) {
            tracing::warn!(%error, "connection not registered");
            return self.drop_connection(now, id);
        }
        self.note_progress(now, id, 0);
    }

    /// A place among all connections and one among the strangers.
    fn take_places(&mut self, now: Time, address: Option<IpAddr>) -> Result<Guest, Limit> {
        if !self.shared.hub.take_connection() {
            return Err(Limit::Connections);
        }
        let mut admitted = self.shared.hub.strangers().admit(now, address);
        if let Err(Limit::HalfOpen) = admitted
            && self.evict(now)
        {
            admitted = self.shared.hub.strangers().admit(now, address);
        }
        if admitted.is_err() {
            self.shared.hub.give_connection();
        }
        admitted
    }

    fn wait_for(&mut self, now: Time, id: ConnectionId) {
        let Self { connections, door, .. } = self;
        door.waiting.push_back((now, id));
        if door.waiting.len() > 2 * connections.len() + SLACK {
            door.waiting.retain(|&(_, id)| connections.is_stranger(id));
        }
        self.arm(id);
    }

    /// Sees to it that a stranger is looked at when its time is over.
    pub(super) fn arm(&mut self, id: ConnectionId) {
        let Self { connections, door, .. } = self;
        let Some(stranger) = connections.get(id).and_then(|known| known.stranger()) else { return };
        door.deadlines.arm(id, Some(stranger.visit.deadline()), &mut stranger.armed);
        let live = connections.len();
        door.deadlines.compact(live, |id, deadline| connections.is_armed(id, deadline));
    }

    /// Ends the connection of a stranger that has reached a limit.
    pub(super) fn turn_away(&mut self, now: Time, id: ConnectionId, limit: Limit) {
        let Some(connection) = self.connections.get(id) else { return };
        let peer = connection.stream.peer();
        self.note_limit(now, peer, limit);
        if limit.is_failure() {
            self.count(Counter::ClientsRefused);
            self.depart(now, id, Departure::Failed);
        }
        self.drop_connection(now, id);
    }

    /// A proxy may have said whose connection this is: from now on it counts as the client's.
    pub(super) fn note_client(&mut self, now: Time, id: ConnectionId, before: Stage) {
        let Some(connection) = self.connections.get(id) else { return };
        let is_known = before == Stage::Proxy && connection.stream.stage() > before;
        let Some(address) = connection.stream.peer().ip().filter(|_| is_known) else { return };
        let Some(stranger) = connection.stranger() else { return };
        let counted = self.shared.hub.strangers().readdress(now, &mut stranger.visit.guest, address);
        if let Err(limit) = counted {
            self.turn_away(now, id, limit);
        }
    }

    /// Gives back what a stranger had as such.
    pub(super) fn depart(&mut self, now: Time, id: ConnectionId, departure: Departure) {
        let Some(connection) = self.connections.get(id).filter(|known| known.is_stranger()) else { return };
        if let Place::Lobby(stranger) = std::mem::replace(&mut connection.place, Place::Arriving) {
            let hub = &self.shared.hub;
            let guest = stranger.visit.end(hub.lobby_bytes());
            hub.strangers().leave(now, guest, departure);
        }
    }

    /// The stranger that has waited longest makes room; false if there is none.
    fn evict(&mut self, now: Time) -> bool {
        while let Some((_, id)) = self.door.waiting.pop_front() {
            if self.connections.is_stranger(id) {
                self.turn_away(now, id, Limit::HalfOpen);
                return true;
            }
        }
        false
    }

    /// Whether the stranger that has waited longest had a turn in which to say something.
    fn has_waited(&mut self, now: Time) -> bool {
        self.forget_known();
        self.door.waiting.front().is_some_and(|&(came, id)| {
            came < now && self.connections.get(id).is_some_and(|stranger| !stranger.scheduled)
        })
    }

    /// Forgets those at the front of the row that are no strangers any more.
    fn forget_known(&mut self) {
        let Self { connections, door, .. } = self;
        while door.waiting.front().is_some_and(|&(_, id)| !connections.is_stranger(id)) {
            door.waiting.pop_front();
        }
    }

    /// Ends the connections of strangers whose time is over, and of those that do not read their last bytes.
    fn send_away_late(&mut self, now: Time) {
        for _ in 0..VISITS {
            let Some((deadline, id)) = self.door.deadlines.pop(now) else { break };
            let Some(connection) = self.connections.get(id) else { continue };
            let is_unread = connection.scheduled;
            let Some(stranger) = connection.stranger().filter(|known| known.armed == Some(deadline)) else {
                continue;
            };
            stranger.armed = None;
            if is_unread {
                stranger.visit.extend(now, GRACE);
            }
            match stranger.visit.overdue(now) {
                Some(limit @ Limit::Late(Stage::Authenticate)) => self.give_up_judging(now, id, limit),
                Some(limit) => self.turn_away(now, id, limit),
                None => self.arm(id),
            }
        }
        for _ in 0..VISITS {
            let Some(id) = self.linger_deadlines.pop(now) else { break };
            self.drop_connection(now, id);
        }
        // most connections keep theirs, and nobody is woken for nothing
        let Self { connections, door, .. } = self;
        door.deadlines.trim(|id, deadline| connections.is_armed(id, deadline));
        self.linger_deadlines.forget(|id| connections.get(id).is_none());
        self.forget_known();
    }

    /// Counts a limit that was reached, and says so now and then.
    pub(super) fn note_limit(&mut self, now: Time, peer: Peer, limit: Limit) {
        self.count(limit.counter());
        let Some(unsaid) = self.failure_logs.speak(now, limit.counter()) else { return };
        let setting = limit.setting();
        if limit.is_failure() {
            tracing::info!(%peer, not_logged = unsaid, "connection refused: {limit}; raise {setting} to allow more");
        } else {
            tracing::warn!(%peer, not_logged = unsaid, "connection refused: {limit}; raise {setting} to allow more");
        }
    }
}

/// Whether others can still be accepted.
fn concerns_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted)
}

/// EMFILE and ENFILE, which have no kind of their own.
fn is_out_of_files(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(23 | 24))
}
