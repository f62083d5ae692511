//! Where clients connect, and what holds there.

mod address;
mod misfit;

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use super::{Network, StageLimits, Terms};

pub use address::{Address, ListenError};
pub use misfit::Misfit;

/// A place where clients connect. From text, such as `tcp://127.0.0.1:1883`, it has its address and defaults.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// Transport and place.
    pub address: Address,
    /// PEM file with the certificate of the server, and those between it and its CA. TLS needs it.
    pub certificate: Option<PathBuf>,
    /// PEM file with the private key of that certificate. TLS needs it.
    pub key: Option<PathBuf>,
    /// PEM file with the CAs that sign certificates of clients.
    pub client_ca: Option<PathBuf>,
    /// PEM file with certificates that those CAs have revoked.
    pub client_crl: Option<PathBuf>,
    /// Whether clients need a certificate. Default: required where there is a `client_ca`, not asked for elsewhere.
    pub client_certificate: Option<ClientCertificate>,
    /// The path that WebSocket clients ask for. Default `/mqtt`, or what the address says.
    pub path: Option<String>,
    /// Web pages whose scripts may connect by WebSocket, as browsers name them: `https://example.org`. Default: all.
    /// Clients that are no browsers say no origin, and are let in.
    pub origins: Vec<String>,
    /// Whether connections begin with a header of the PROXY protocol, version 1 or 2, which names the client's
    /// address. Default false. Then only `trusted_proxies` can connect.
    pub proxy_protocol: bool,
    /// The proxies that are believed.
    pub trusted_proxies: Vec<Network>,
    /// Who judges its clients, by name and in this order. Default: all of `[auth]`. None at all leaves it open to everybody,
    /// or to all whose certificate `client_ca` has signed.
    pub auth: Option<Vec<String>>,
    /// Whether its clients may be anonymous. Default: as `auth.allow_anonymous` says.
    pub allow_anonymous: Option<bool>,
    /// Connections at once through this listener. Default: as many as `limits.connections`.
    pub connections: Option<usize>,
    /// What its strangers may take, where that is other than in [`LobbyLimits`](super::LobbyLimits).
    pub lobby: StageLimits,
    /// What holds for its clients.
    pub terms: Arc<Terms>,
    /// Who on the machine may connect to a unix socket, as mode bits of its file. Default 0o660: owner and group.
    pub permissions: Option<u32>,
}

/// Whether the clients of a listener with TLS need a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientCertificate {
    /// They are not asked for one.
    None,
    /// They may have none, but not a bad one.
    Optional,
    /// They need one that `client_ca` has signed.
    Required,
}

impl Listener {
    /// The port of MQTT over TCP.
    pub const PORT: u16 = 1883;
    /// The port of MQTT over TLS.
    pub const TLS_PORT: u16 = 8883;
    /// The path that WebSocket clients usually ask for.
    pub const PATH: &str = "/mqtt";
    /// Mode bits of a unix socket: clients of the same group can connect.
    pub const PERMISSIONS: u32 = 0o660;

    /// A listener with defaults.
    pub fn new(address: Address) -> Self {
        Self {
            address,
            certificate: None,
            key: None,
            client_ca: None,
            client_crl: None,
            client_certificate: None,
            path: None,
            origins: Vec::new(),
            proxy_protocol: false,
            trusted_proxies: Vec::new(),
            auth: None,
            allow_anonymous: None,
            connections: None,
            lobby: StageLimits::default(),
            terms: Arc::default(),
            permissions: None,
        }
    }

    /// The loopback address with the usual port, which only programs on the same machine reach.
    pub fn loopback() -> Self {
        SocketAddr::from((std::net::Ipv4Addr::LOCALHOST, Self::PORT)).into()
    }

    /// Whether clients need a certificate, with the default that depends on `client_ca`.
    pub fn client_certificate(&self) -> ClientCertificate {
        let default =
            if self.client_ca.is_some() { ClientCertificate::Required } else { ClientCertificate::None };
        self.client_certificate.unwrap_or(default)
    }
}

/// MQTT over TCP.
impl From<SocketAddr> for Listener {
    fn from(address: SocketAddr) -> Self {
        Self::new(Address::Tcp(address))
    }
}

impl std::str::FromStr for Listener {
    type Err = ListenError;

    /// Looks up a host that is a name, which may take the time of a query. Of several addresses the first of
    /// IPv4 counts, if there is one.
    fn from_str(url: &str) -> Result<Self, ListenError> {
        let (address, path) = Address::parse(url)?;
        Ok(Self { path, ..Self::new(address) })
    }
}

impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(f)?;
        if self.address.is_websocket() {
            f.write_str(self.path.as_deref().unwrap_or(Self::PATH))?;
        }
        Ok(())
    }
}
