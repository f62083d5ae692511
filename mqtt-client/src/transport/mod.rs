//! How servers are reached: one file for each layer, and the order in which they are laid.
//!
//! ```text
//!   mqtt, tcp        mqtts, tls, ssl      ws               wss              unix
//!   --------------------------------------------------------------------------------
//!                                         WebSocket        WebSocket
//!                    TLS                                   TLS
//!        a tunnel through a SOCKS5 or HTTP proxy, if there is one
//!   TCP              TCP                  TCP              TCP              a file
//! ```

mod options;
#[cfg(feature = "proxy")]
pub(crate) mod proxy;
mod stream;
mod tcp;
#[cfg(feature = "tls")]
pub(crate) mod tls;
#[cfg(feature = "websocket")]
mod websocket;

use std::future::Future;

use tokio::time::{Instant, timeout_at};

use crate::address::{Address, Transport};
use crate::connection::{Dial, Redirect};
use crate::credentials::Credentials;
use crate::error::{ConnectionError, Step};
use crate::options::ConnectOptions;

pub(crate) use options::TransportOptions;
pub use stream::NetworkStream;

/// Dials the options' address: TCP, TLS, WebSocket or a Unix socket, through a proxy if there is one.
#[derive(Clone, Debug)]
pub struct Network {
    address: Address,
    /// Where the client began, while it is elsewhere for now.
    home: Option<Address>,
    options: TransportOptions,
    /// The largest packet, which bounds what a WebSocket may bring at once.
    #[cfg(feature = "websocket")]
    maximum_packet_size: u32,
}

impl Network {
    /// The options have been checked before.
    pub(crate) fn new(options: &ConnectOptions) -> Self {
        Self {
            address: options.address.clone(),
            home: None,
            options: options.transport.clone(),
            #[cfg(feature = "websocket")]
            maximum_packet_size: options.session_config().maximum_packet_size,
        }
    }

    async fn socket(&self, deadline: Instant) -> Result<NetworkStream, ConnectionError> {
        if self.address.transport == Transport::Unix {
            return self.unix_socket(deadline).await;
        }
        let stream = self.tcp_or_tunnel(deadline).await?;
        if !self.address.transport.has_tls() {
            return Ok(NetworkStream::new(stream));
        }
        #[cfg(feature = "tls")]
        {
            let protocol = if self.address.transport.is_web_socket() { "http/1.1" } else { "mqtt" };
            let secured = self.options.tls.connect(stream, &self.address.host, protocol);
            let stream = within(deadline, Step::Tls, secured).await?.map_err(ConnectionError::Tls)?;
            Ok(NetworkStream::new(stream))
        }
        #[cfg(not(feature = "tls"))]
        unreachable!("the options were checked: there is no such address without the feature")
    }

    async fn tcp_or_tunnel(&self, deadline: Instant) -> Result<tokio::net::TcpStream, ConnectionError> {
        let (host, port) = (self.address.host.as_str(), self.address.port());
        #[cfg(feature = "proxy")]
        if let Some(proxy) = &self.options.proxy {
            let reached = tcp::connect(proxy.host(), proxy.port(), &self.options.tcp, deadline).await;
            let stream = reached.map_err(|error| proxy.not_reached(error))?;
            return within(deadline, Step::Proxy, proxy.tunnel(stream, host, port)).await?;
        }
        tcp::connect(host, port, &self.options.tcp, deadline).await
    }

    #[cfg(unix)]
    async fn unix_socket(&self, deadline: Instant) -> Result<NetworkStream, ConnectionError> {
        let path = self.address.path();
        let connected = within(deadline, Step::Transport, tokio::net::UnixStream::connect(path)).await?;
        connected.map(NetworkStream::new).map_err(|error| ConnectionError::Unix { path: path.into(), error })
    }

    #[cfg(not(unix))]
    async fn unix_socket(&self, _: Instant) -> Result<NetworkStream, ConnectionError> {
        Err(crate::address::AddressError::NoUnixSockets.into())
    }
}

impl Dial for Network {
    type Stream = NetworkStream;

    async fn dial(&mut self, deadline: Instant) -> Result<NetworkStream, ConnectionError> {
        let socket = self.socket(deadline).await?;
        #[cfg(feature = "websocket")]
        if self.address.transport.is_web_socket() {
            let upgraded =
                websocket::upgrade(socket, &self.address, &self.options.headers, self.maximum_packet_size);
            return Ok(NetworkStream::new(within(deadline, Step::Upgrade, upgraded).await??));
        }
        Ok(socket)
    }

    fn use_credentials(&mut self, credentials: &Credentials) {
        #[cfg(feature = "tls")]
        if let Some(tls) = credentials.tls_options() {
            self.options.tls = tls.clone();
        }
        let _ = credentials;
    }

    fn redirect(&mut self, redirect: Redirect<'_>) -> bool {
        let (Redirect::ForNow(reference) | Redirect::ForGood(reference)) = redirect else {
            if let Some(home) = self.home.take() {
                self.address = home;
            }
            return true;
        };
        let Some(named) = self.address.of_reference(reference) else { return false };
        let left = core::mem::replace(&mut self.address, named);
        self.home = match redirect {
            Redirect::ForNow(_) => self.home.take().or(Some(left)),
            _ => None,
        };
        true
    }
}

/// Awaits `work`; at the deadline the error names the step.
async fn within<T>(
    deadline: Instant,
    step: Step,
    work: impl Future<Output = T>,
) -> Result<T, ConnectionError> {
    timeout_at(deadline, work).await.map_err(|_| ConnectionError::Timeout(step))
}
