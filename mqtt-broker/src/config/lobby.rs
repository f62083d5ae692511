//! Limits of strangers: connections whose client is not known yet.

use std::time::Duration;

use super::network::Network;

/// What connections may take until their CONNECT is accepted, one by one, by their address, and all together.
///
/// An address here is a range: all of IPv6 that share [`Self::ipv6_prefix`] bits, since a single subscriber is usually
/// given that many, and all of IPv4 that share [`Self::ipv4_prefix`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LobbyLimits {
    /// Connections that have not sent CONNECT. Default 16,384: beyond it the one that has waited longest makes room.
    pub half_open: usize,
    /// Of these, connections of one address. Default 12,288: ten thousand devices behind one address may come at once,
    /// and one address alone does not use up the places of all others.
    pub half_open_per_address: usize,
    /// Bytes that these connections hold together. Default 128 MiB. None may hold more than an eighth of what the
    /// others leave, so that few large ones do not keep out many small ones.
    pub bytes: usize,
    /// How long a stranger may take in all. Default 30 s: each stage may be slow, not all of them.
    pub timeout: Duration,
    /// How long the header of the PROXY protocol may take. Default 3 s: the proxy is near and has it ready.
    pub proxy_timeout: Duration,
    /// Bytes of that header. Default 4 KiB: addresses take 52, what proxies add seldom more than some hundred.
    pub proxy_bytes: usize,
    /// How long the handshake of TLS may take. Default 10 s: a few round trips of a slow radio link.
    pub tls_timeout: Duration,
    /// Bytes of a client in that handshake. Default 64 KiB: a chain of certificates with large keys.
    pub tls_bytes: usize,
    /// How long the opening handshake of WebSocket may take. Default 10 s.
    pub upgrade_timeout: Duration,
    /// Bytes of its request. Default 16 KiB: a browser sends all cookies of the site.
    pub upgrade_bytes: usize,
    /// How long CONNECT may take once the transport is ready. Default 10 s.
    pub connect_timeout: Duration,
    /// Bytes of a CONNECT. Default 256 KiB: a Will and a password, but no flood from a stranger.
    pub connect_packet_size: u32,
    /// How long the judgement of who a client is may take. Default 20 s, beside `timeout`: of many clients that come at once
    /// each waits until the passwords of those before it are hashed, and clients themselves seldom wait longer.
    pub authenticate_timeout: Duration,
    /// New connections of one address in a second. Default 1,000: more than one shard can do for long over TLS.
    pub rate: u32,
    /// New connections of one address at once, before `rate` counts. Default 20,000: ten thousand devices behind one
    /// address come back after a restart, and once more if that fails.
    pub burst: u32,
    /// Failures of one address that have no consequence. Default 1,000: of many devices behind one address some are
    /// always wrong, and try again and again; they must not keep out the others. Failures are bytes that are no
    /// CONNECT, a refused CONNECT, and being late; a connection that is closed without any is none.
    pub failures: u32,
    /// How long it takes until one failure is forgotten. Default 200 ms, so that hundreds of wrong devices that try
    /// once a minute have no consequence for as long as they like.
    pub failure_recovery: Duration,
    /// How long an address is turned away after a failure beyond `failures`; twice as long after each further one.
    /// Default 1 s.
    pub delay: Duration,
    /// The longest such delay. Default 60 s.
    pub delay_maximum: Duration,
    /// Addresses that are remembered. Default 65,536, about 10 MiB. Only addresses with connections in the lobby, or with
    /// something against them, are; of these the one that would be forgotten first makes room.
    pub addresses: usize,
    /// Bits of an IPv4 address that count. Default 32.
    pub ipv4_prefix: u8,
    /// Bits of an IPv6 address that count. Default 64.
    pub ipv6_prefix: u8,
    /// Addresses whose connections are not held against each other: they are only limited all together. Default the
    /// loopback addresses, which all programs and reverse proxies of a machine share.
    pub exempt: Vec<Network>,
}

/// Limits of [`LobbyLimits`] that are others at one listener: of those that its own strangers meet one by one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StageLimits {
    /// See [`LobbyLimits::timeout`].
    pub timeout: Option<Duration>,
    /// See [`LobbyLimits::proxy_timeout`].
    pub proxy_timeout: Option<Duration>,
    /// See [`LobbyLimits::proxy_bytes`].
    pub proxy_bytes: Option<usize>,
    /// See [`LobbyLimits::tls_timeout`].
    pub tls_timeout: Option<Duration>,
    /// See [`LobbyLimits::tls_bytes`].
    pub tls_bytes: Option<usize>,
    /// See [`LobbyLimits::upgrade_timeout`].
    pub upgrade_timeout: Option<Duration>,
    /// See [`LobbyLimits::upgrade_bytes`].
    pub upgrade_bytes: Option<usize>,
    /// See [`LobbyLimits::connect_timeout`].
    pub connect_timeout: Option<Duration>,
    /// See [`LobbyLimits::connect_packet_size`].
    pub connect_packet_size: Option<u32>,
    /// See [`LobbyLimits::authenticate_timeout`].
    pub authenticate_timeout: Option<Duration>,
}

impl Default for LobbyLimits {
    fn default() -> Self {
        let loopback = [std::net::Ipv4Addr::LOCALHOST.into(), std::net::Ipv6Addr::LOCALHOST.into()];
        Self {
            half_open: 16_384,
            half_open_per_address: 12_288,
            bytes: 128 << 20,
            timeout: Duration::from_secs(30),
            proxy_timeout: Duration::from_secs(3),
            proxy_bytes: 4 << 10,
            tls_timeout: Duration::from_secs(10),
            tls_bytes: 64 << 10,
            upgrade_timeout: Duration::from_secs(10),
            upgrade_bytes: 16 << 10,
            connect_timeout: Duration::from_secs(10),
            connect_packet_size: 256 << 10,
            authenticate_timeout: Duration::from_secs(20),
            rate: 1_000,
            burst: 20_000,
            failures: 1_000,
            failure_recovery: Duration::from_millis(200),
            delay: Duration::from_secs(1),
            delay_maximum: Duration::from_secs(60),
            addresses: 65_536,
            ipv4_prefix: 32,
            ipv6_prefix: 64,
            exempt: loopback.map(|address| Network::around(address, 8, 128)).into(),
        }
    }
}

impl LobbyLimits {
    /// The same with what is others at one listener.
    #[must_use]
    pub fn with(&self, stages: &StageLimits) -> Self {
        Self {
            timeout: stages.timeout.unwrap_or(self.timeout),
            proxy_timeout: stages.proxy_timeout.unwrap_or(self.proxy_timeout),
            proxy_bytes: stages.proxy_bytes.unwrap_or(self.proxy_bytes),
            tls_timeout: stages.tls_timeout.unwrap_or(self.tls_timeout),
            tls_bytes: stages.tls_bytes.unwrap_or(self.tls_bytes),
            upgrade_timeout: stages.upgrade_timeout.unwrap_or(self.upgrade_timeout),
            upgrade_bytes: stages.upgrade_bytes.unwrap_or(self.upgrade_bytes),
            connect_timeout: stages.connect_timeout.unwrap_or(self.connect_timeout),
            connect_packet_size: stages.connect_packet_size.unwrap_or(self.connect_packet_size),
            authenticate_timeout: stages.authenticate_timeout.unwrap_or(self.authenticate_timeout),
            ..self.clone()
        }
    }

    /// Names of limits that are 0 although every client needs one of what they limit.
    pub(super) fn that_serve_nobody(&self) -> impl Iterator<Item = &'static str> + use<> {
        let some = |time: Duration| usize::from(!time.is_zero());
        let needed = [
            ("lobby.half_open", self.half_open),
            ("lobby.half_open_per_address", self.half_open_per_address),
            ("lobby.bytes", self.bytes),
            ("lobby.timeout", some(self.timeout)),
            ("lobby.proxy_timeout", some(self.proxy_timeout)),
            ("lobby.proxy_bytes", self.proxy_bytes),
            ("lobby.tls_timeout", some(self.tls_timeout)),
            ("lobby.tls_bytes", self.tls_bytes),
            ("lobby.upgrade_timeout", some(self.upgrade_timeout)),
            ("lobby.upgrade_bytes", self.upgrade_bytes),
            ("lobby.connect_timeout", some(self.connect_timeout)),
            ("lobby.authenticate_timeout", some(self.authenticate_timeout)),
            ("lobby.connect_packet_size", self.connect_packet_size as usize),
            ("lobby.rate", self.rate as usize),
            ("lobby.burst", self.burst as usize),
            ("lobby.addresses", self.addresses),
        ];
        needed.into_iter().filter(|(_, limit)| *limit == 0).map(|(name, _)| name)
    }
}
