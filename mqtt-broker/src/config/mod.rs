//! What an operator can set, with defaults and the reasons for them.

mod acl;
mod auth;
mod error;
mod evidence;
#[cfg(feature = "net")]
mod file;
mod guesses;
mod limits;
mod listener;
mod lobby;
mod network;
mod place;
#[cfg(feature = "net")]
pub mod quantity;
mod renewed;
mod store;
mod terms;
mod transport;

use std::collections::HashSet;
use std::num::NonZeroU16;
use std::time::Duration;

use mqtt_codec::Rules;
use mqtt_session::ServerConfig;

#[cfg(feature = "net")]
pub use acl::{AclError, parse_acl};
pub use acl::{AclSettings, RefusedPublish};
pub use auth::AuthSettings;
pub use error::ConfigError;
pub use evidence::{CertificateName, CertificateSettings, HttpSettings, JwtSettings, ScramSettings};
#[cfg(feature = "net")]
pub use file::{FileError, SyntaxError, VARIABLE_PREFIX, VariableError};
pub use guesses::GuessLimits;
pub use limits::Limits;
pub use listener::{Address, ClientCertificate, ListenError, Listener, Misfit};
pub use lobby::{LobbyLimits, StageLimits};
pub use network::{Network, NetworkError};
pub use place::Place;
pub use store::{Durability, StoreSettings};
pub use terms::{
    AutoSubscription, AutoSubscriptionError, MountPoint, MountPointError, QueueChanges, Rewrite,
    RewriteError, Terms,
};
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
    /// Client identifiers whose packets are logged, without payloads and passwords, under the target `mqtt_broker::trace`. Default:
    /// none.
    pub trace: Vec<String>,
    /// Limits of the broker as a whole and of connections.
    pub limits: Limits,
    /// Limits of connections whose client is not known yet.
    pub lobby: LobbyLimits,
    /// Limits of each session, and what CONNACK announces.
    pub session: ServerConfig,
    /// Where sessions and messages are kept.
    pub store: StoreSettings,
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
            trace: Vec::new(),
            limits: Limits::default(),
            lobby: LobbyLimits::default(),
            session: ServerConfig::default(),
            store: StoreSettings::default(),
        }
    }
}

impl Config {
    /// The most listeners of a broker.
    pub const LISTENERS: usize = 1_000;

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
        self.store.check()?;
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

    /// Whether clients of a listener that claim nothing may connect.
    pub(crate) fn allows_anonymous(&self, listener: &Listener) -> bool {
        listener.allow_anonymous.unwrap_or(self.auth.allow_anonymous)
    }

    /// Whether a client of a listener may connect that shows nothing: no password, no token and no certificate.
    pub fn lets_in_unasked(&self, listener: &Listener) -> bool {
        let is_judged = match &listener.auth {
            Some(names) => !names.is_empty(),
            None => !self.auth.kinds().is_empty(),
        };
        let needs_certificate = listener.client_certificate() == ClientCertificate::Required;
        !needs_certificate && (!is_judged || self.allows_anonymous(listener))
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
            let mut judges = kinds.iter().filter(|kind| {
                listener.auth.as_ref().is_none_or(|names| names.iter().any(|name| name == *kind))
            });
            let asks = listener.client_certificate() != ClientCertificate::None;
            if asks || self.allows_anonymous(listener) || judges.any(|kind| *kind != "certificate") {
                return Ok(());
            }
            return Err(ConfigError::NoCertificates { address: address.clone() });
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
    fn a_client_that_shows_nothing_is_let_in_where_nobody_asks_or_anonymous_ones_may_come() {
        let plain: Listener = "tcp://127.0.0.1:0".parse().expect("a URL");
        let mut config = Config::default();
        assert!(config.lets_in_unasked(&plain));
        config.auth.password_file = Some("users".into());
        assert!(!config.lets_in_unasked(&plain));
        assert!(config.lets_in_unasked(&Listener { auth: Some(Vec::new()), ..plain.clone() }));
        assert!(config.lets_in_unasked(&Listener { allow_anonymous: Some(true), ..plain.clone() }));
        config.auth.allow_anonymous = true;
        assert!(config.lets_in_unasked(&plain));
        let with_certificate = Listener { client_certificate: Some(ClientCertificate::Required), ..plain };
        assert!(!config.lets_in_unasked(&with_certificate));
    }

    #[test]
    fn certificates_alone_let_nobody_in_where_none_is_asked_for() {
        let plain: Listener = "tcp://0.0.0.0:1883".parse().expect("a URL");
        let mut config = Config { listeners: vec![plain.clone()], ..Config::default() };
        config.auth.certificate = Some(CertificateSettings::default());
        let address = plain.address;
        assert_eq!(config.check(), Err(ConfigError::NoCertificates { address: address.clone() }));
        config.listeners[0].allow_anonymous = Some(true);
        assert_eq!(config.check(), Ok(()));
        config.listeners[0].allow_anonymous = None;
        config.auth.password_file = Some("users".into());
        assert_eq!(config.check(), Ok(()));
        config.listeners[0].auth = Some(vec!["certificate".to_owned()]);
        assert_eq!(config.check(), Err(ConfigError::NoCertificates { address }));
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
