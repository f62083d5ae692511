//! Starting a broker.

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;
use std::time::Instant;

use tokio::sync::oneshot;

use super::authenticators::Authenticators;
use super::handle::BrokerHandle;
use super::kept;
#[cfg(feature = "tls")]
use super::listen::TlsError;
use super::listen::{Entrance, Inherited, Opened, Served};
use super::shard_loop::{ShardLoop, Shared};
use super::traces::Watchers;
use crate::auth::{AuthError, Authenticator};
use crate::config::{AclError, Address, Config, ConfigError, Listener, Place};
use crate::core::Hooks;

/// Where rules of the configuration itself are from, for messages.
pub(super) const CONFIGURATION: &str = "the configuration";

/// A broker, before it runs.
#[derive(Debug)]
pub struct Broker;

/// What a broker is to be.
#[derive(Clone, Debug, Default)]
pub struct BrokerBuilder {
    config: Config,
    authenticators: Authenticators,
    inherited: Vec<Arc<TcpListener>>,
    hooks: Option<Arc<dyn Hooks>>,
}

/// Why a broker could not start. Nothing of it is left running.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The rules of permission cannot be used.
    #[error(transparent)]
    Acl(#[from] AclError),
    /// Clients cannot be judged as the configuration says.
    #[error(transparent)]
    Auth(#[from] AuthError),
    /// The address cannot be listened on: in use, not of this machine, or not permitted.
    #[error("cannot listen on {address}: {error}")]
    Bind {
        /// The address.
        address: Address,
        /// What the system says.
        error: io::Error,
    },
    /// The configuration contradicts the standard or itself, or is open to other machines unasked.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A socket that was handed over listens at an address that no listener has.
    #[error(
        "a socket was handed over that listens on {address}, and no listener of the configuration has this address: add \
         one, or take it out of the service manager's socket unit"
    )]
    Inherited {
        /// The address.
        address: SocketAddr,
    },
    /// A thread or its event queue could not be made.
    #[error("cannot start a shard: {0}")]
    Shard(io::Error),
    /// The data directory cannot be used.
    #[cfg(feature = "disk")]
    #[error(transparent)]
    Store(#[from] crate::store::OpenError),
    /// The files of a listener with TLS are not as they should be.
    #[cfg(feature = "tls")]
    #[error("{address}: {error}")]
    Tls {
        /// The listener.
        address: Address,
        /// What is wrong with them.
        error: Box<TlsError>,
    },
}

impl StartError {
    /// The setting to look at; none if it is about something else, or the message names the line of another file.
    pub fn place(&self) -> Option<Place> {
        match self {
            Self::Acl(error) => error.place(),
            Self::Auth(error) => error.place(),
            Self::Config(error) => Some(error.place()),
            #[cfg(feature = "tls")]
            Self::Tls { address, .. } => {
                Some(Place::Listener { address: address.clone(), setting: "certificate" })
            }
            #[cfg(feature = "disk")]
            Self::Store(_) => None,
            Self::Bind { .. } | Self::Inherited { .. } | Self::Shard(_) => None,
        }
    }
}

impl Broker {
    /// Begins to describe a broker. Without any listener it serves only the embedding program.
    pub fn builder() -> BrokerBuilder {
        BrokerBuilder::default()
    }
}

impl BrokerBuilder {
    /// Replaces the whole configuration, listeners included.
    #[must_use]
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Listens for MQTT over TCP; port 0 lets the system choose, and [`BrokerHandle::addresses`] tells.
    #[must_use]
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.config.listeners.push(address.into());
        self
    }

    /// Listens at one more place, by any transport: what a [`Listener`] is made from is a URL.
    ///
    /// ```no_run
    /// use mqtt_broker::Broker;
    /// use mqtt_broker::config::Listener;
    ///
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// let tls = Listener {
    ///     certificate: Some("/etc/mqtt-broker/server.pem".into()),
    ///     key: Some("/etc/mqtt-broker/server.key".into()),
    ///     ..("tls://127.0.0.1:8883".parse()?)
    /// };
    /// let browsers = Listener { origins: vec!["https://example.org".into()], ..("ws://127.0.0.1:8080".parse()?) };
    /// let broker = Broker::builder().listener(tls).listener(browsers).start().await?;
    /// for listener in broker.listeners() {
    ///     println!("clients connect to {listener}");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn listener(mut self, listener: Listener) -> Self {
        self.config.listeners.push(listener);
        self
    }

    /// Asks the program about all that clients do, and tells it; the one that is given last.
    #[must_use]
    pub fn hooks(mut self, hooks: impl Hooks + 'static) -> Self {
        self.hooks = Some(Arc::new(hooks));
        self
    }

    /// Has clients judged by the program itself: after those that the configuration names, and after authenticators that
    /// were added before. Listeners may name it in their `auth`, and everybody whom it does not admit or refuse is
    /// treated as `auth.allow_anonymous` says.
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// use mqtt_broker::Broker;
    /// use mqtt_broker::auth::{Attempt, Authenticator, Decision, Identity, Judging};
    ///
    /// /// Devices whose client identifier is their user name, and who know the word of the day.
    /// #[derive(Debug)]
    /// struct WordOfTheDay(&'static [u8]);
    ///
    /// impl Authenticator for WordOfTheDay {
    ///     fn name(&self) -> &str {
    ///         "word_of_the_day"
    ///     }
    ///
    ///     fn authenticate<'a>(&'a self, attempt: &'a Attempt) -> Judging<'a, Decision> {
    ///         Box::pin(async move {
    ///             let Some(password) = &attempt.password else { return Decision::Pass };
    ///             if password.expose() != self.0 || attempt.user_name.as_ref() != Some(&attempt.client_id) {
    ///                 return Decision::Pass;
    ///             }
    ///             Decision::Admit(Identity { user_name: attempt.user_name.clone(), ..Identity::default() })
    ///         })
    ///     }
    /// }
    ///
    /// #[tokio::main(flavor = "current_thread")]
    /// async fn main() -> Result<(), Box<dyn std::error::Error>> {
    ///     let broker = Broker::builder()
    ///         .listen("127.0.0.1:0".parse()?)
    ///         .authenticator(Arc::new(WordOfTheDay(b"heron")))
    ///         .start()
    ///         .await?;
    ///     assert_eq!(broker.judged()[0].admitted, 0);
    ///     broker.shutdown().await;
    ///     Ok(())
    /// }
    /// ```
    #[must_use]
    pub fn authenticator(mut self, authenticator: Arc<dyn Authenticator>) -> Self {
        self.authenticators.push(authenticator);
        self
    }

    /// Takes a socket that listens already, as a service manager hands it over, for the listener of its address, in place of opening one.
    #[must_use]
    pub fn inherit(mut self, socket: TcpListener) -> Self {
        self.inherited.push(Arc::new(socket));
        self
    }

    /// Looks at all that [`BrokerBuilder::start`] looks at before it opens a socket: the configuration, and the files that
    /// it names.
    ///
    /// # Errors
    /// [`StartError::Acl`], [`StartError::Auth`], [`StartError::Config`] and [`StartError::Tls`].
    pub fn check(&self) -> Result<(), StartError> {
        self.authenticators.check(&self.config)?;
        self.config.rules(CONFIGURATION)?;
        let judges = self.authenticators.judges(&self.config, &[])?;
        let mut listeners = self.config.listeners.iter();
        listeners.try_for_each(|listener| Served::new(listener, &self.config, &judges).map(drop))
    }

    /// Opens the listeners and starts the shards, each on a thread of its own.
    ///
    /// # Errors
    /// [`StartError`]; then nothing runs.
    ///
    /// # Cancel safety
    /// There is no point at which this waits: dropped before the first poll it has done nothing.
    pub async fn start(self) -> Result<BrokerHandle, StartError> {
        self.authenticators.check(&self.config)?;
        let rules = self.config.rules(CONFIGURATION)?;
        let judges = self.authenticators.judges(&self.config, &[])?;
        let inherited = Inherited::of(&self.inherited)?;
        inherited.check(&self.config.listeners)?;
        let opened = self.config.listeners.iter();
        let opened = opened.map(|listener| Opened::open(listener, &self.config, &judges, &inherited));
        let opened = opened.collect::<Result<Vec<_>, _>>()?;
        opened.iter().for_each(Opened::warn_of_plaintext);
        let listeners: Vec<Listener> = opened.iter().map(|opened| opened.listener().clone()).collect();
        let (hub, restored) = kept::open(self.config, RandomState::new().hash_one(0), self.hooks)?;
        let start = Instant::now();
        hub.set_rules(rules);
        let arrivals = (0..=hub.lobby()).map(|_| Mutex::new(Some(Vec::new()))).collect();
        let (entrances, served): (Vec<_>, Vec<_>) = opened.into_iter().map(Opened::into_entrance).unzip();
        let findings = (0..=hub.lobby()).map(|_| Mutex::default()).collect();
        let (served, cases, watchers) = (served.into(), OnceLock::new(), Watchers::default());
        let shared = Shared { hub, arrivals, served, findings, cases, watchers, start };
        let shared = Arc::new(shared);
        let mut shards = make_shards(&shared, entrances).map_err(StartError::Shard)?;
        kept::restore(&shared, &mut shards, restored);
        let mut ends = Vec::new();
        for shard in shards {
            match spawn(shard) {
                Ok(end) => ends.push(end),
                Err(error) => {
                    shared.hub.stop();
                    return Err(StartError::Shard(error));
                }
            }
        }
        Ok(BrokerHandle::new(shared, listeners, self.authenticators, judges, ends))
    }
}

/// The shards of clients, and the lobby if there is anything to listen at.
fn make_shards(shared: &Arc<Shared>, entrances: Vec<Entrance>) -> io::Result<Vec<ShardLoop>> {
    let homes = 0..shared.hub.lobby();
    let homes = homes.map(|shard| ShardLoop::new(Arc::clone(shared), shard, Vec::new()));
    let mut shards = homes.collect::<io::Result<Vec<_>>>()?;
    if !entrances.is_empty() {
        shards.push(ShardLoop::new(Arc::clone(shared), shared.hub.lobby(), entrances)?);
    }
    Ok(shards)
}

/// Runs a shard; the receiver hears of its end.
fn spawn(shard: ShardLoop) -> io::Result<oneshot::Receiver<io::Result<()>>> {
    let (sender, receiver) = oneshot::channel();
    let name = shard.name();
    thread::Builder::new().name(name.clone()).spawn(move || {
        let result = shard.run();
        if let Err(error) = &result {
            tracing::error!(%error, "{name} failed");
        }
        // nobody may wait for the end
        drop(sender.send(result));
    })?;
    Ok(receiver)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_program_that_embeds_the_broker_is_refused_what_the_configuration_refuses() {
        let open = Broker::builder().listen("0.0.0.0:0".parse().expect("an address")).start().await;
        assert!(matches!(open, Err(StartError::Config(ConfigError::Open { .. }))));
        let mut config = Config::default();
        config.session.maximum_packet_size = 0;
        let empty = Broker::builder().config(config).start().await;
        assert!(matches!(empty, Err(StartError::Config(ConfigError::PacketSize { size: 0 }))));
    }
}
