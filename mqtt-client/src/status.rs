//! What the application can see of the connection at any time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use mqtt_codec::ConnAck;
use tokio::sync::watch;

use crate::error::ConnectionError;

/// How the connection to the server stands.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Status {
    /// An attempt to connect is under way.
    Connecting,
    /// The server has accepted the connection.
    Connected {
        /// Whether the server went on with a session that it had.
        session_present: bool,
        /// All that the server said: in 5.0 its limits, the identifier that it gave, Response Information, Server Keep
        /// Alive, Reason String and User Properties. The client keeps to what concerns it by itself.
        connack: Arc<ConnAck>,
    },
    /// There is no connection, but there will be another attempt.
    Disconnected {
        /// Why there is none.
        cause: Arc<ConnectionError>,
        /// The pause before the next attempt, counted from this change of the status.
        pause: Duration,
    },
    /// The client has ended: by `disconnect`, because all handles were dropped, or for the reason given.
    Closed {
        /// What ended it, if the application did not.
        cause: Option<Arc<ConnectionError>>,
    },
}

impl Status {
    /// Whether messages can reach the server now.
    pub const fn is_connected(&self) -> bool {
        matches!(self, Self::Connected { .. })
    }
}

/// What a client has counted since it began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Connections that the server accepted.
    pub connections: u64,
    /// Messages received, each counted once.
    pub received: u64,
    /// Messages that belonged to no stream; they were acknowledged.
    pub unmatched: u64,
    /// Messages dropped because a stream was read too slowly, each counted once per stream.
    pub dropped: u64,
}

/// Written by the driver, read by the handles.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) status: watch::Sender<Status>,
    connections: AtomicU64,
    received: AtomicU64,
    unmatched: AtomicU64,
    dropped: AtomicU64,
}

impl Default for Shared {
    fn default() -> Self {
        Self {
            status: watch::Sender::new(Status::Connecting),
            connections: AtomicU64::default(),
            received: AtomicU64::default(),
            unmatched: AtomicU64::default(),
            dropped: AtomicU64::default(),
        }
    }
}

impl Shared {
    pub(crate) fn connected(&self, connack: Box<ConnAck>) {
        self.connections.fetch_add(1, Ordering::Relaxed);
        let (session_present, connack) = (connack.session_present, connack.into());
        self.status.send_replace(Status::Connected { session_present, connack });
    }

    pub(crate) fn received(&self) {
        self.received.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn unmatched(&self) {
        self.unmatched.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn dropped(&self, messages: u64) {
        self.dropped.fetch_add(messages, Ordering::Relaxed);
    }

    pub(crate) fn stats(&self) -> Stats {
        Stats {
            connections: self.connections.load(Ordering::Relaxed),
            received: self.received.load(Ordering::Relaxed),
            unmatched: self.unmatched.load(Ordering::Relaxed),
            dropped: self.dropped.load(Ordering::Relaxed),
        }
    }
}
