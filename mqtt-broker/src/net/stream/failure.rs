//! Why a stream cannot go on, said so that a person knows what to change.

use std::io;

use thiserror::Error;

#[cfg(feature = "tls")]
use super::tls_failure::TlsFailure;
use super::websocket::End;
use crate::config::Address;
use crate::core::Counter;
use crate::net::proxy::ProxyFailure;

/// Why nothing more can be read from a stream.
#[derive(Debug, Error)]
#[non_exhaustive]
pub(in crate::net) enum Failure {
    /// The socket has failed; `WouldBlock` and `Interrupted` are no ends.
    #[error("{0}")]
    Io(io::Error),
    #[error("as many connections came through {0} as it may have")]
    Full(Address),
    #[error(transparent)]
    Proxy(#[from] ProxyFailure),
    #[cfg(feature = "tls")]
    #[error(transparent)]
    Tls(#[from] TlsFailure),
    /// The peer has closed the WebSocket, which is no fault, or cannot speak it.
    #[error(transparent)]
    WebSocket(#[from] End),
}

impl Failure {
    /// Under which counter it falls, if the peer is to blame and not the network.
    pub(in crate::net) const fn counter(&self) -> Option<Counter> {
        match self {
            Self::Io(_) => None,
            Self::Full(_) => Some(Counter::ListenerFull),
            Self::Proxy(ProxyFailure::Malformed) => Some(Counter::ProxyMalformed),
            Self::Proxy(ProxyFailure::Untrusted) => Some(Counter::ProxyUntrusted),
            #[cfg(feature = "tls")]
            Self::Tls(failure) => Some(failure.counter()),
            #[cfg(feature = "websocket")]
            Self::WebSocket(end) => end.counter(),
            #[cfg(not(feature = "websocket"))]
            Self::WebSocket(end) => match *end {},
        }
    }
}
