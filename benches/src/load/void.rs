//! Why a measurement does not count.

use std::io;
use std::time::Duration;

use super::frame::Frame;
use super::packets::DISCONNECT;
use super::sequence::Faults;

/// What voids a row.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Void {
    #[error("{0} was closed by the broker")]
    Closed(Peer),
    #[error("{0} was ended by the broker with DISCONNECT {1:#04x}")]
    Disconnected(Peer, u8),
    #[error("{0}")]
    Faults(#[from] Faults),
    #[error("the flood cannot start: {0}")]
    Flood(io::Error),
    #[error("{0} received a message nobody published to it, or one that was changed")]
    Foreign(Peer),
    #[error("{0}: {1}")]
    Io(Peer, io::Error),
    #[error("{0} received a remaining length of more than four bytes or a packet of unexpected size")]
    Malformed(Peer),
    #[error("not finished after {0:?}")]
    OverTime(Duration),
    #[error("no place for the data: {0}")]
    Place(io::Error),
    #[error("/proc: {0}")]
    Proc(io::Error),
    #[error("{0} was refused: {1} has reason code {2:#04x}")]
    Refused(Peer, &'static str, u8),
    #[error("event loop: {0}")]
    Poll(io::Error),
    #[error("{0} got no answer within {1:?}")]
    Silent(Peer, Duration),
    #[error("stalled: no progress for {0:?} while {1}; {2} messages not received, {3} handshakes open")]
    Stalled(Duration, &'static str, u64, usize),
    #[error("{0}")]
    Start(#[from] super::program::StartError),
    #[error("{0} received packet type {1}, which was not due")]
    Unexpected(Peer, u8),
}

impl Void {
    /// The broker sent a packet that has no place under load.
    pub(crate) fn unexpected(peer: Peer, frame: Frame<'_>) -> Self {
        match frame.kind() {
            DISCONNECT => Self::Disconnected(peer, frame.body.first().copied().unwrap_or(0)),
            kind => Self::Unexpected(peer, kind),
        }
    }
}

/// One of the load program's own connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Peer {
    Publisher(u32),
    Subscriber(u32),
    /// A client of the scenarios without messages.
    Client(u32),
}

impl std::fmt::Display for Peer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Publisher(number) => write!(f, "publisher {number}"),
            Self::Subscriber(number) => write!(f, "subscriber {number}"),
            Self::Client(number) => write!(f, "client {number}"),
        }
    }
}

impl Peer {
    /// The client identifier it connects with.
    pub(crate) fn client_id(self) -> String {
        match self {
            Self::Publisher(number) => format!("load-p{number:05}"),
            Self::Subscriber(number) => format!("load-s{number:05}"),
            Self::Client(number) => format!("load-c{number:05}"),
        }
    }
}
