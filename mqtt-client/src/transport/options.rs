//! What can be chosen of the way to the server.

use std::time::Duration;

use crate::address::Transport;
use crate::credentials::{Credentials, Provider};
use crate::error::ConnectionError;
use crate::options::ConnectOptions;

/// The part of [`ConnectOptions`] that lies below MQTT.
#[derive(Clone, Debug, Default)]
pub(crate) struct TransportOptions {
    pub(crate) tcp: TcpOptions,
    #[cfg(feature = "proxy")]
    pub(crate) proxy: Option<super::proxy::Proxy>,
    #[cfg(feature = "tls")]
    pub(crate) tls: super::tls::Tls,
    #[cfg(feature = "websocket")]
    pub(crate) headers: super::websocket::Headers,
    pub(crate) provider: Option<Provider>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct TcpOptions {
    pub(crate) keep_alive: Option<Duration>,
    pub(crate) user_timeout: Option<Duration>,
}

impl Default for TcpOptions {
    /// A path that is dead is found within two minutes even where MQTT's own Keep Alive is switched off.
    fn default() -> Self {
        Self { keep_alive: Some(Duration::from_secs(60)), user_timeout: Some(Duration::from_secs(60)) }
    }
}

impl TransportOptions {
    pub(crate) fn check(&self) -> Result<(), ConnectionError> {
        #[cfg(feature = "websocket")]
        self.headers.check()?;
        Ok(())
    }

    /// Whether the way goes through another machine whatever the host is.
    pub(crate) const fn has_proxy(&self) -> bool {
        #[cfg(feature = "proxy")]
        {
            self.proxy.is_some()
        }
        #[cfg(not(feature = "proxy"))]
        false
    }
}

impl ConnectOptions {
    /// How packets travel, instead of the scheme of the address. The default port goes with it.
    pub const fn transport(mut self, transport: Transport) -> Self {
        self.address.transport = transport;
        self
    }

    /// How long a TCP connection may be silent before the system asks whether the other side is still there, then
    /// every quarter of that. Default 60 s; `None` switches it off.
    pub const fn tcp_keep_alive(mut self, idle: Option<Duration>) -> Self {
        self.transport.tcp.keep_alive = idle;
        self
    }

    /// How long sent bytes may stay unacknowledged before the system gives a TCP connection up. Default 60 s; `None`
    /// leaves it to the system, which may try for a quarter of an hour. Only Linux and its kin can.
    pub const fn tcp_user_timeout(mut self, timeout: Option<Duration>) -> Self {
        self.transport.tcp.user_timeout = timeout;
        self
    }

    /// The proxy through which the server is reached. It also looks up the server's name. Needs the feature `proxy`.
    ///
    /// ```
    /// # use mqtt_client::{ConnectOptions, ConnectionError};
    /// # fn main() -> Result<(), ConnectionError> {
    /// let options = ConnectOptions::new("mqtt://broker.example")?.proxy("socks5://me:secret@10.0.0.1:1080".parse()?);
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "proxy")]
    pub fn proxy(mut self, proxy: super::proxy::Proxy) -> Self {
        self.transport.proxy = Some(proxy);
        self
    }

    /// Whom to trust, and who this client is, where the address asks for TLS. Default: whom the system trusts, and
    /// nobody. Needs the feature `tls`.
    #[cfg(feature = "tls")]
    pub fn tls(mut self, tls: super::tls::Tls) -> Self {
        self.transport.tls = tls;
        self
    }

    /// Adds a header to the WebSocket upgrade request, `Origin` or `Authorization` for example. Needs the feature
    /// `websocket`. `Debug` shows the name only.
    #[cfg(feature = "websocket")]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.transport.headers.push(name.into(), value.into());
        self
    }

    /// Whom to ask for credentials before each attempt to connect: for passwords and certificates that expire.
    ///
    /// What it leaves out stays as in these options. Its time is part of the connect timeout; when it fails the
    /// attempt fails, and the next one asks again.
    ///
    /// ```
    /// # use mqtt_client::{ConnectOptions, ConnectionError, Credentials};
    /// # async fn fresh_token() -> Result<String, std::io::Error> { Ok(String::new()) }
    /// # fn main() -> Result<(), ConnectionError> {
    /// let options = ConnectOptions::new("mqtt://127.0.0.1")?.credentials(|| async {
    ///     Ok::<_, std::io::Error>(Credentials::new().user_name("me").password(fresh_token().await?))
    /// });
    /// # Ok(())
    /// # }
    /// ```
    pub fn credentials<P, F, E>(mut self, provider: P) -> Self
    where
        P: Fn() -> F + Send + Sync + 'static,
        F: Future<Output = Result<Credentials, E>> + Send + 'static,
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        self.transport.provider = Some(Provider::new(provider));
        self
    }
}
