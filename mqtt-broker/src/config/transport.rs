//! What holds for the sockets and the TLS of all listeners.

use std::time::Duration;

/// Options of TCP sockets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TcpSettings {
    /// Whether small packets leave at once instead of waiting for more. Default true: what belongs together is written
    /// together anyway.
    pub no_delay: bool,
    /// Silence after which the kernel asks the other end whether it is there. Default 120 s: a client without keep
    /// alive whose machine is gone would stay for ever. Zero switches it off.
    pub keep_alive: Duration,
    /// How often it asks again. Default 15 s.
    pub keep_alive_interval: Duration,
    /// How long bytes, or such questions, may wait for an acknowledgement before the connection is given up. Default
    /// 60 s: a pause of the network passes. Zero leaves it to the kernel, which takes about a quarter of an hour. Linux
    /// only.
    pub user_timeout: Duration,
}

impl Default for TcpSettings {
    fn default() -> Self {
        Self {
            no_delay: true,
            keep_alive: Duration::from_secs(120),
            keep_alive_interval: Duration::from_secs(15),
            user_timeout: Duration::from_secs(60),
        }
    }
}

/// TLS, the same for all listeners.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsSettings {
    /// The oldest version that is spoken. Default 1.2, which embedded clients still need.
    pub minimum_version: TlsVersion,
    /// Sessions that are remembered for clients of TLS 1.2 that cannot keep a ticket. Default 4,096 for each listener;
    /// all others bring what is needed with them.
    pub sessions: usize,
}

impl Default for TlsSettings {
    fn default() -> Self {
        Self { minimum_version: TlsVersion::V1_2, sessions: 4_096 }
    }
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsVersion {
    /// TLS 1.2.
    V1_2,
    /// TLS 1.3.
    V1_3,
}
