//! What an operator can set, with defaults and the reasons for them.

mod acl;
mod auth;
mod evidence;
#[cfg(feature = "net")]
mod file;
mod guesses;
mod listener;
mod lobby;
mod network;
#[cfg(feature = "net")]
pub mod quantity;
mod renewed;
mod transport;

use std::collections::HashSet;
use std::num::NonZeroU16;
use std::time::Duration;

use mqtt_codec::Rules;
use mqtt_session::ServerConfig;
use thiserror::Error;

#[cfg(feature = "net")]
pub use acl::{AclError, parse_acl};
pub use acl::{AclSettings, RefusedPublish};
pub use auth::AuthSettings;
pub use evidence::{CertificateName, CertificateSettings, HttpSettings, JwtSettings, ScramSettings};
#[cfg(feature = "net")]
pub use file::{FileError, SyntaxError};
pub use guesses::GuessLimits;
pub use listener::{Address, ClientCertificate, ListenError, Listener, Misfit};
pub use lobby::{LobbyLimits, StageLimits};
pub use network::{Network, NetworkError};
pub use transport::{TcpSettings, TlsSettings, TlsVersion};

/// Everything that can be set.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Where clients connect. Default: none; the program serves `tcp://127.0.0.1:1883` if nothing is given.
    pub listeners: Vec<Listener>,
    /// Threads that serve clients. Default 1: a second one pays only when the first is saturated.
    pub shards: NonZeroU16,
    /// How often the `$SYS` topics are published. Default 10 s; zero switches them off.
    pub sys_interval: Duration,
    /// Who may connect.
    pub auth: AuthSettings,
    /// Who may publish and subscribe to what.
    pub acl: AclSettings,
    /// TCP of all listeners.
    pub tcp: TcpSettings,
    /// TLS of all listeners.
    pub tls: TlsSettings,
    /// Limits of the broker as a whole and of connections.
    pub limits: Limits,
    /// Limits of connections whose client is not known yet.
    pub lobby: LobbyLimits,
    /// Limits of each session, and what CONNACK announces.
    pub session: ServerConfig,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listeners: Vec::new(),
            shards: NonZeroU16::MIN,
            sys_interval: Duration::from_secs(10),
            auth: AuthSettings::default(),
            acl: AclSettings::default(),
            tcp: TcpSettings::default(),
            tls: TlsSettings::default(),
            limits: Limits::default(),
            lobby: LobbyLimits::default(),
            session: ServerConfig::default(),
        }
    }
}

impl Config {
    /// Refuses values that contradict the standard or each other.
    ///
    /// # Errors
    /// The first such value.
    pub fn check(&self) -> Result<(), ConfigError> {
        self.check_with(&[])
    }

    /// The same for a program that has authenticators of these names.
    pub(crate) fn check_with(&self, authenticators: &[&str]) -> Result<(), ConfigError> {
        if self.listeners.len() > Self::LISTENERS {
            return Err(ConfigError::Listeners { count: self.listeners.len() });
        }
        for listener in &self.listeners {
            if let Some(misfit) = listener.misfit() {
                return Err(ConfigError::Listener { address: listener.address.clone(), misfit });
            }
        }
        if let Some(address) = self.address_of_two() {
            return Err(ConfigError::Twice { address: address.clone() });
        }
        self.auth.check()?;
        let kinds = [&self.auth.kinds()[..], authenticators].concat();
        self.listeners.iter().try_for_each(|listener| self.check_identity(listener, &kinds))?;
        let size = self.session.maximum_packet_size;
        if size == 0 || size > Rules::MAX_PACKET_SIZE {
            return Err(ConfigError::PacketSize { size });
        }
        match self.limits.that_serve_nobody().chain(self.lobby.that_serve_nobody()).next() {
            Some(name) => Err(ConfigError::Zero { name }),
            None => Ok(()),
        }
    }
}

impl Config {
    /// The most listeners of a broker.
    pub const LISTENERS: usize = 1_000;

    /// Whether clients of a listener that claim nothing may connect.
    pub(crate) fn allows_anonymous(&self, listener: &Listener) -> bool {
        listener.allow_anonymous.unwrap_or(self.auth.allow_anonymous)
    }

    /// Refuses a listener that asks somebody who is not there, lets everybody in unasked, or nobody.
    fn check_identity(&self, listener: &Listener, kinds: &[&str]) -> Result<(), ConfigError> {
        let address = &listener.address;
        if let Some(name) = listener.auth.iter().flatten().find(|name| !kinds.contains(&name.as_str())) {
            return Err(ConfigError::Authenticator { address: address.clone(), name: name.clone() });
        }
        let is_judged = listener.auth.as_ref().map_or(!kinds.is_empty(), |names| !names.is_empty());
        let needs_certificate = listener.client_certificate() == ClientCertificate::Required;
        if is_judged || needs_certificate {
            return Ok(());
        }
        if listener.allow_anonymous == Some(false) {
            return Err(ConfigError::NobodyIn { address: address.clone() });
        }
        if address.is_local() || self.allows_anonymous(listener) {
            return Ok(());
        }
        Err(ConfigError::Open { address: address.clone() })
    }

    /// The address of a listener that one before it has as well. With port 0 each gets one of its own.
    fn address_of_two(&self) -> Option<&Address> {
        let place = |address: &Address| match address {
            Address::Unix(path) => (None, Some(path.clone())),
            address => (address.socket().filter(|socket| socket.port() != 0), None),
        };
        let mut places = HashSet::new();
        let mut addresses = self.listeners.iter().map(|listener| &listener.address);
        addresses.find(|address| {
            let place = place(address);
            place != (None, None) && !places.insert(place)
        })
    }
}

/// Values that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// Settings of a listener that do not fit together.
    #[error("{address}: {misfit}")]
    Listener {
        /// The listener.
        address: Address,
        /// What does not fit.
        misfit: Misfit,
    },
    /// Other machines could connect, and nobody has said that they may.
    #[error(
        "{address} can be reached from other machines and nothing asks clients who they are: name \
         users in a file (--password-file), or ask for certificates (client_ca), or let everybody in \
         (--allow-anonymous), or listen on {}",
        Listener::loopback()
    )]
    Open {
        /// The first such listener.
        address: Address,
    },
    /// A listener that asks somebody who is not configured.
    #[error(
        "{address}: auth names \"{name}\", which is not configured: configure it in the table [auth], or leave it out"
    )]
    Authenticator {
        /// The listener.
        address: Address,
        /// Who is asked.
        name: String,
    },
    /// A listener at which nothing could tell anybody from strangers, whom it refuses.
    #[error(
        "{address}: allow_anonymous is false and nothing asks clients who they are, so nobody could connect: \
         configure something in the table [auth] that does, or leave out allow_anonymous"
    )]
    NobodyIn {
        /// The listener.
        address: Address,
    },
    /// Evidence that would not be looked at.
    #[error("auth.{kind} is set, and auth.order does not name it: add \"{kind}\" there")]
    Unasked {
        /// What is set.
        kind: &'static str,
    },
    /// Evidence that this program cannot look at.
    #[error(
        "auth.{kind} is set, but this program was built without it: build it with the features that cargo has by default"
    )]
    NotBuilt {
        /// What is set.
        kind: &'static str,
    },
    /// An order of what there is not, or of something twice.
    #[error(
        "auth.order names \"{name}\", which is no kind of evidence or stands there twice: certificate, jwt, \
         scram, password_file and http are"
    )]
    Order {
        /// What is named.
        name: String,
    },
    /// Two listeners at one place.
    #[error("{address}: another listener has the same address and port, or path: give each its own")]
    Twice {
        /// The second of them.
        address: Address,
    },
    /// A limit of 0 that would let nobody in.
    #[error("{name} is 0, so nobody could connect: set 1 or more, or leave it out for the default")]
    Zero {
        /// The limit.
        name: &'static str,
    },
    /// More listeners than there are places in an event loop.
    #[error("{count} listeners are too many: a broker has {} at most", Config::LISTENERS)]
    Listeners {
        /// How many were given.
        count: usize,
    },
    /// A size that MQTT does not know.
    #[error(
        "session.maximum_packet_size (--max-packet-size) is {size}, but has to lie between 1 and {}",
        Rules::MAX_PACKET_SIZE
    )]
    PacketSize {
        /// What was set.
        size: u32,
    },
}

/// Limits that hold for all clients, or for one connection whoever it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at once. Default 100,000; the limit of open files is usually lower.
    pub connections: usize,
    /// Sessions, connected or not. Default 1,000,000: many more than connections, since clients may keep theirs for
    /// ever; beyond it only clients with a session can connect.
    pub sessions: usize,
    /// Unsent bytes of one connection above which its messages wait in the session. Default 128 KiB: a few round
    /// trips of a fast link.
    pub output: usize,
    /// How long a connection that was given up may take to read its last packets. Default 1 s.
    pub linger: Duration,
    /// How long a client may take nothing of what it is sent, while something waits for it. Default 60 s: a pause of
    /// the network passes, one who reads no more does not hold its output and, unread itself, escape its keep alive.
    pub stall: Duration,
    /// Levels of a topic or filter. Default 200: far above what people use, far below what makes matching slow.
    pub topic_levels: usize,
    /// Subscriptions of one session. Default 10,000.
    pub subscriptions: usize,
    /// Retained messages. Default 1,000,000.
    pub retained_messages: usize,
    /// Bytes of retained messages: topics, payloads and properties. Default 1 GiB.
    pub retained_bytes: usize,
    /// Messages on the way from one shard to another, above which the sender stops reading from its clients; each
    /// counts once more for each KiB of itself and of the list of its receivers. Default 65,536.
    pub mailbox: usize,
    /// Entries of each shard's cache of match results. Default 16,384.
    pub match_cache: usize,
}

impl Limits {
    /// Names of limits that are 0 although every client needs one of what they limit.
    fn that_serve_nobody(&self) -> impl Iterator<Item = &'static str> {
        let needed = [("limits.connections", self.connections), ("limits.sessions", self.sessions)];
        needed.into_iter().filter(|(_, limit)| *limit == 0).map(|(name, _)| name)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 100_000,
            sessions: 1_000_000,
            output: 128 << 10,
            linger: Duration::from_secs(1),
            stall: Duration::from_secs(60),
            topic_levels: 200,
            subscriptions: 10_000,
            retained_messages: 1_000_000,
            retained_bytes: 1 << 30,
            mailbox: 65_536,
            match_cache: 16_384,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broker_has_so_many_listeners_and_no_more() {
        let any: Listener = "tcp://127.0.0.1:0".parse().expect("a URL");
        let mut config = Config { listeners: vec![any.clone(); Config::LISTENERS], ..Config::default() };
        assert_eq!(config.check(), Ok(()));
        config.listeners.push(any);
        assert_eq!(config.check(), Err(ConfigError::Listeners { count: Config::LISTENERS + 1 }));
    }

    #[test]
    fn a_limit_that_would_let_nobody_in_is_refused_by_its_name() {
        let refused = |name, set: fn(&mut Config)| {
            let mut config = Config::default();
            set(&mut config);
            assert_eq!(config.check(), Err(ConfigError::Zero { name }));
        };
        refused("limits.connections", |config| config.limits.connections = 0);
        refused("limits.sessions", |config| config.limits.sessions = 0);
        refused("lobby.half_open", |config| config.lobby.half_open = 0);
        refused("lobby.half_open_per_address", |config| config.lobby.half_open_per_address = 0);
        refused("lobby.bytes", |config| config.lobby.bytes = 0);
        refused("lobby.timeout", |config| config.lobby.timeout = Duration::ZERO);
        refused("lobby.proxy_timeout", |config| config.lobby.proxy_timeout = Duration::ZERO);
        refused("lobby.tls_timeout", |config| config.lobby.tls_timeout = Duration::ZERO);
        refused("lobby.upgrade_timeout", |config| config.lobby.upgrade_timeout = Duration::ZERO);
        refused("lobby.connect_timeout", |config| config.lobby.connect_timeout = Duration::ZERO);
        refused("lobby.proxy_bytes", |config| config.lobby.proxy_bytes = 0);
        refused("lobby.tls_bytes", |config| config.lobby.tls_bytes = 0);
        refused("lobby.upgrade_bytes", |config| config.lobby.upgrade_bytes = 0);
        refused("lobby.connect_packet_size", |config| config.lobby.connect_packet_size = 0);
        refused("lobby.rate", |config| config.lobby.rate = 0);
        refused("lobby.burst", |config| config.lobby.burst = 0);
        refused("lobby.addresses", |config| config.lobby.addresses = 0);
        assert_eq!(Config::default().check(), Ok(()));
    }
}
