//! The limits that a stranger can meet, each with its setting and its counter.

use crate::core::stats::Counter;

/// What a stranger is busy with. A transport has those of its parts, in this order, and always CONNECT.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// The header of the PROXY protocol.
    Proxy,
    /// The handshake of TLS.
    Tls,
    /// The opening handshake of WebSocket.
    Upgrade,
    /// CONNECT.
    Connect,
    /// Somebody else judges who the client is.
    Authenticate,
}

/// Why a stranger is turned away before anything is wrong with its CONNECT.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Limit {
    /// More addresses cannot be remembered.
    #[error("as many addresses are remembered as there are places")]
    Addresses,
    /// Strangers hold too much memory, or this one too much of what is left.
    #[error("strangers hold too much memory")]
    Bytes,
    /// All places for connections are taken.
    #[error("all places for connections are taken")]
    Connections,
    /// The address has failed too often.
    #[error("its address has failed too often and has to wait")]
    Delay,
    /// All places for strangers are taken.
    #[error("all places for strangers are taken, and others have waited less")]
    HalfOpen,
    /// All places for strangers of one address are taken.
    #[error("its address has too many connections that have not sent CONNECT")]
    HalfOpenPerAddress,
    /// The stage takes too long.
    #[error("{} takes too long", .0.activity())]
    Late(Stage),
    /// All stages together take too long.
    #[error("it takes too long in all until CONNECT")]
    LateInAll,
    /// The stage has taken too many bytes.
    #[error("{} takes too many bytes", .0.activity())]
    Long(Stage),
    /// The address connects too often.
    #[error("its address connects too often")]
    Rate,
}

impl Limit {
    /// The setting that allows more.
    pub const fn setting(self) -> &'static str {
        match self {
            Self::Addresses => "lobby.addresses",
            Self::Bytes => "lobby.bytes",
            Self::Connections => "limits.connections",
            Self::Delay => "lobby.failures",
            Self::HalfOpen => "lobby.half_open",
            Self::HalfOpenPerAddress => "lobby.half_open_per_address",
            Self::Late(Stage::Proxy) => "lobby.proxy_timeout",
            Self::Late(Stage::Tls) => "lobby.tls_timeout",
            Self::Late(Stage::Upgrade) => "lobby.upgrade_timeout",
            Self::Late(Stage::Connect) => "lobby.connect_timeout",
            Self::Late(Stage::Authenticate) => "lobby.authenticate_timeout",
            Self::LateInAll => "lobby.timeout",
            Self::Long(Stage::Proxy) => "lobby.proxy_bytes",
            Self::Long(Stage::Tls) => "lobby.tls_bytes",
            Self::Long(Stage::Upgrade) => "lobby.upgrade_bytes",
            Self::Long(Stage::Connect | Stage::Authenticate) => "lobby.connect_packet_size",
            Self::Rate => "lobby.rate",
        }
    }

    /// Under which counter, besides [`Counter::ClientsRefused`], such a connection falls.
    pub const fn counter(self) -> Counter {
        match self {
            Self::Addresses => Counter::RefusedAddresses,
            Self::Bytes => Counter::RefusedBytes,
            Self::Connections => Counter::RefusedConnections,
            Self::Delay => Counter::RefusedDelay,
            Self::HalfOpen => Counter::RefusedHalfOpen,
            Self::HalfOpenPerAddress => Counter::RefusedHalfOpenPerAddress,
            Self::Late(Stage::Proxy) => Counter::LateProxy,
            Self::Late(Stage::Tls) => Counter::LateTls,
            Self::Late(Stage::Upgrade) => Counter::LateUpgrade,
            Self::Late(Stage::Connect) => Counter::LateConnect,
            Self::Late(Stage::Authenticate) => Counter::LateAuthenticate,
            Self::LateInAll => Counter::LateInAll,
            Self::Long(Stage::Proxy) => Counter::LongProxy,
            Self::Long(Stage::Tls) => Counter::LongTls,
            // where an upgrade that is too long is refused with an answer
            Self::Long(Stage::Upgrade) => Counter::WebSocketRequest,
            Self::Long(Stage::Connect | Stage::Authenticate) => Counter::LongConnect,
            Self::Rate => Counter::RefusedRate,
        }
    }

    /// Whether it is held against the address: what others have used up is not, nor the time that a judgement takes.
    pub const fn is_failure(self) -> bool {
        match self {
            Self::Late(stage) => !matches!(stage, Stage::Authenticate),
            other => matches!(other, Self::LateInAll | Self::Long(_)),
        }
    }
}

impl Stage {
    const fn activity(self) -> &'static str {
        match self {
            Self::Proxy => "the header of the PROXY protocol",
            Self::Tls => "the handshake of TLS",
            Self::Upgrade => "the opening handshake of WebSocket",
            Self::Connect => "CONNECT",
            Self::Authenticate => "authentication",
        }
    }
}
