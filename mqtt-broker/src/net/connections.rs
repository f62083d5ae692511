//! The connections of one shard, from accept to close.

use std::sync::Arc;

use mio::Token;
use mqtt_session::Time;

use super::admission::Pending;
use super::listen::Served;
use super::stream::Stream;
use crate::config::Config;
use crate::core::{ConnectionId, Lobby, Output, Slot, Visit};

/// Tokens below this are listeners and the waker.
pub(super) const FIRST_TOKEN: usize = 1 << 10;
const _: () = assert!(Config::LISTENERS < FIRST_TOKEN, "each listener needs a token");

/// One connection.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) id: ConnectionId,
    pub(super) stream: Stream,
    pub(super) place: Place,
    /// Whether the socket may have bytes that were not read.
    pub(super) readable: bool,
    /// Whether the peer has said that nothing more will come.
    pub(super) read_closed: bool,
    /// Whether it stands among those that the next turn reads from.
    pub(super) scheduled: bool,
    /// Whether the socket may take bytes; if not, an event will say when.
    pub(super) writable: bool,
}

/// How far a connection has come.
#[derive(Debug)]
pub(super) enum Place {
    /// CONNECT is awaited.
    Lobby(Box<Stranger>),
    /// CONNECT is being handled.
    Arriving,
    /// It belongs to a client.
    Client(Slot),
    /// It gets its last bytes, then what the peer sends is thrown away until the peer closes.
    Closing { output: Box<Output>, shut: bool },
}

/// A connection whose client is not known yet.
#[derive(Debug)]
pub(super) struct Stranger {
    pub(super) lobby: Lobby,
    /// Through what it came, whose limits it has.
    pub(super) served: Arc<Served>,
    pub(super) visit: Visit,
    /// Its CONNECT, while that is being judged.
    pub(super) pending: Option<Box<Pending>>,
    /// The deadline that the timers hold for it.
    pub(super) armed: Option<Time>,
}

impl Connection {
    pub(super) const fn is_stranger(&self) -> bool {
        matches!(self.place, Place::Lobby(_))
    }

    pub(super) const fn is_client(&self) -> bool {
        matches!(self.place, Place::Client(_))
    }

    pub(super) fn stranger(&mut self) -> Option<&mut Stranger> {
        match &mut self.place {
            Place::Lobby(stranger) => Some(stranger),
            _ => None,
        }
    }

    /// Whether what the peer sends has to wait in the socket.
    pub(super) fn is_paused(&self) -> bool {
        let Place::Lobby(stranger) = &self.place else { return false };
        stranger.pending.as_ref().is_some_and(|pending| pending.is_full())
    }
}

impl Stranger {
    /// Bytes of memory beside those of the layers of its stream.
    pub(super) fn held(&self) -> usize {
        self.lobby.held() + self.pending.as_ref().map_or(0, |pending| pending.held())
    }
}

/// A slab of connections. An id that was given is never given again.
#[derive(Debug, Default)]
pub(super) struct Connections {
    entries: Vec<Option<Connection>>,
    generations: Vec<u32>,
    free: Vec<usize>,
    /// Places that became free in this turn: events of it may still name them.
    freed: Vec<usize>,
    len: usize,
}

impl Connections {
    /// Adds a connection and says its token.
    pub(super) fn insert(&mut self, stream: Stream, place: Place) -> (ConnectionId, Token) {
        let index = self.free.pop().unwrap_or_else(|| {
            self.entries.push(None);
            self.generations.push(0);
            self.entries.len() - 1
        });
        let mut id = ConnectionId(index as u64);
        if let Some(generation) = self.generations.get_mut(index) {
            *generation = generation.wrapping_add(1);
            id = ConnectionId(u64::from(*generation) << 32 | index as u64);
        }
        if let Some(entry) = self.entries.get_mut(index) {
            *entry = Some(Connection {
                id,
                stream,
                place,
                readable: false,
                read_closed: false,
                scheduled: false,
                writable: true,
            });
            self.len += 1;
        }
        (id, Token(FIRST_TOKEN + index))
    }

    pub(super) fn get(&mut self, id: ConnectionId) -> Option<&mut Connection> {
        let index = (id.0 & u64::from(u32::MAX)) as usize;
        self.entries.get_mut(index)?.as_mut().filter(|connection| connection.id == id)
    }

    pub(super) fn by_token(&mut self, token: Token) -> Option<&mut Connection> {
        self.entries.get_mut(token.0.checked_sub(FIRST_TOKEN)?)?.as_mut()
    }

    pub(super) fn remove(&mut self, id: ConnectionId) -> Option<Connection> {
        self.get(id)?;
        let index = (id.0 & u64::from(u32::MAX)) as usize;
        let connection = self.entries.get_mut(index)?.take()?;
        self.freed.push(index);
        self.len -= 1;
        Some(connection)
    }

    /// Lets the places that became free be used again.
    pub(super) fn recycle(&mut self) {
        self.free.append(&mut self.freed);
    }

    /// Connections that have not sent CONNECT.
    pub(super) fn strangers(&self) -> Vec<ConnectionId> {
        let connections = self.entries.iter().flatten();
        let strangers = connections.filter(|connection| connection.is_stranger());
        strangers.map(|connection| connection.id).collect()
    }

    /// Whether there is such a connection, and its client is not known.
    pub(super) fn is_stranger(&mut self, id: ConnectionId) -> bool {
        self.get(id).is_some_and(|connection| connection.is_stranger())
    }

    /// Whether this is the deadline that timers hold for a stranger.
    pub(super) fn is_armed(&mut self, id: ConnectionId, deadline: Time) -> bool {
        let stranger = self.get(id).and_then(|connection| connection.stranger());
        stranger.is_some_and(|stranger| stranger.armed == Some(deadline))
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }
}

/// Deadlines that all have the same distance, so that they come in the order in which they were set.
#[derive(Debug, Default)]
pub(super) struct Deadlines(std::collections::VecDeque<(Time, ConnectionId)>);

impl Deadlines {
    pub(super) fn push(&mut self, at: Time, id: ConnectionId) {
        self.0.push_back((at, id));
    }

    /// Forgets the next deadlines as long as nothing waits for them.
    pub(super) fn forget(&mut self, mut is_over: impl FnMut(ConnectionId) -> bool) {
        while self.0.front().is_some_and(|(_, id)| is_over(*id)) {
            self.0.pop_front();
        }
    }

    pub(super) fn next(&self) -> Option<Time> {
        self.0.front().map(|(at, _)| *at)
    }

    pub(super) fn pop(&mut self, now: Time) -> Option<ConnectionId> {
        match self.0.front() {
            Some((at, _)) if *at <= now => self.0.pop_front().map(|(_, id)| id),
            _ => None,
        }
    }
}
