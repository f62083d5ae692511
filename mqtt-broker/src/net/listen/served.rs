//! What all connections of a listener have in common.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use super::super::broker::StartError;
use super::super::stream::{Failure, Layers, Peer, Under};
use crate::auth::{Chain, Judge};
use crate::config::{Address, Config, Listener, LobbyLimits};
use crate::net::proxy::ProxyFailure;

#[cfg(feature = "tls")]
use {super::certificates, crate::net::stream::Tls, rustls::ServerConfig};

#[cfg(feature = "websocket")]
use crate::net::websocket::{Door, WebSocket};

/// A listener as its connections see it.
#[derive(Debug)]
pub(in crate::net) struct Served {
    listener: Listener,
    lobby: LobbyLimits,
    #[cfg(feature = "tls")]
    tls: Option<Arc<ServerConfig>>,
    #[cfg(feature = "websocket")]
    door: Option<Arc<Door>>,
    /// Who judges its clients, if anybody.
    chain: Option<Arc<Chain>>,
    /// Those that came before a reload count as well.
    connections: Arc<AtomicUsize>,
}

impl Served {
    /// Reads the files of a listener. Its clients are judged by those of `judges` that it names, or all.
    pub(in crate::net) fn new(
        listener: &Listener,
        config: &Config,
        judges: &[Arc<Judge>],
    ) -> Result<Self, StartError> {
        let lobby = config.lobby.with(&listener.lobby);
        #[cfg(feature = "tls")]
        let tls = if listener.address.has_tls() {
            let refused =
                |error| StartError::Tls { address: listener.address.clone(), error: Box::new(error) };
            Some(certificates::load(listener, &config.tls).map_err(refused)?)
        } else {
            None
        };
        #[cfg(feature = "websocket")]
        let door = listener.address.is_websocket().then(|| {
            Arc::new(Door {
                path: listener.path.clone().unwrap_or_else(|| Listener::PATH.to_owned()),
                // as people copy them from an address bar
                origins: listener.origins.iter().map(|origin| origin.trim_end_matches('/').into()).collect(),
                request_bytes: lobby.upgrade_bytes,
            })
        });
        let judges: Vec<Arc<Judge>> = match &listener.auth {
            None => judges.to_vec(),
            Some(names) => names
                .iter()
                .filter_map(|name| judges.iter().find(|judge| judge.name() == name))
                .cloned()
                .collect(),
        };
        let allow_anonymous = config.allows_anonymous(listener);
        let chain = (!judges.is_empty()).then(|| Arc::new(Chain::new(judges, allow_anonymous)));
        Ok(Self {
            listener: listener.clone(),
            lobby,
            chain,
            #[cfg(feature = "tls")]
            tls,
            #[cfg(feature = "websocket")]
            door,
            connections: Arc::default(),
        })
    }

    /// The same with the address that the system chose.
    pub(super) fn at(mut self, address: Address) -> Self {
        self.listener.address = address;
        self
    }

    /// What its strangers may take.
    pub(in crate::net) const fn lobby(&self) -> &LobbyLimits {
        &self.lobby
    }

    /// Whether connections are those of proxies, which name the client first.
    pub(in crate::net) const fn is_proxied(&self) -> bool {
        self.listener.proxy_protocol
    }

    pub(in crate::net) fn chain(&self) -> Option<Arc<Chain>> {
        self.chain.clone()
    }

    pub(in crate::net) const fn listener(&self) -> &Listener {
        &self.listener
    }

    /// What belongs to the stream of a socket that has come through this listener: its layers, and its place here.
    pub(in crate::net) fn begin(&self, peer: Peer) -> Result<(Option<Box<Layers>>, Place), Failure> {
        let Listener { proxy_protocol, trusted_proxies, .. } = &self.listener;
        if *proxy_protocol
            && peer.ip().is_some_and(|ip| !trusted_proxies.iter().any(|trusted| trusted.contains(ip)))
        {
            return Err(ProxyFailure::Untrusted.into());
        }
        let place = self.place()?;
        Ok((self.layers()?, place))
    }

    fn place(&self) -> Result<Place, Failure> {
        let Some(limit) = self.listener.connections else { return Ok(Place(None)) };
        let place = Place(Some(Arc::clone(&self.connections)));
        if self.connections.fetch_add(1, Ordering::Relaxed) < limit {
            Ok(place)
        } else {
            Err(Failure::Full(self.listener.address.clone()))
        }
    }

    fn layers(&self) -> Result<Option<Box<Layers>>, Failure> {
        let Listener { proxy_protocol, address, .. } = &self.listener;
        if !proxy_protocol && !address.has_tls() && !address.is_websocket() {
            return Ok(None);
        }
        let mut layers = Box::<Layers>::default();
        if *proxy_protocol || address.has_tls() {
            let mut under = Box::<Under>::default();
            under.proxy = *proxy_protocol;
            #[cfg(feature = "tls")]
            if let Some(tls) = &self.tls {
                under.tls = Some(Tls::new(tls)?);
            }
            layers.under = Some(under);
        }
        #[cfg(feature = "websocket")]
        if let Some(door) = &self.door {
            layers.websocket = Some(WebSocket::new(Arc::clone(door)));
        }
        Ok(Some(layers))
    }
}

/// A listener that a reload may change.
#[derive(Debug)]
pub(in crate::net) struct Renewable(RwLock<Arc<Served>>);

impl Renewable {
    pub(super) fn new(served: Served) -> Self {
        Self(RwLock::new(Arc::new(served)))
    }

    /// As it is now.
    pub(in crate::net) fn now(&self) -> Arc<Served> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// From now on it is like this; the connections that it has count on.
    pub(in crate::net) fn renew(&self, mut served: Served) {
        let mut now = self.0.write().unwrap_or_else(PoisonError::into_inner);
        served.listener.address.clone_from(&now.listener.address);
        served.connections = Arc::clone(&now.connections);
        *now = Arc::new(served);
    }
}

/// A place among the connections of a listener that has a limit of its own.
#[derive(Debug)]
pub(in crate::net) struct Place(Option<Arc<AtomicUsize>>);

impl Place {
    /// Frees it before the connection itself is gone.
    pub(in crate::net) fn give_back(&mut self) {
        if let Some(connections) = self.0.take() {
            connections.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.give_back();
    }
}
