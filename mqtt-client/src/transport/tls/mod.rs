//! TLS: whom to trust, who this client is, and what rustls makes of it.
//!
//! Certificates of servers are judged by the system's own means (rustls-platform-verifier), so that what an administrator
//! trusts or has withdrawn holds here as well; with a CA of one's own, by webpki and that CA alone.

mod config;
mod error;
mod material;
mod verifier;

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

pub use error::TlsError;

use config::Built;
use material::Source;

/// TLS towards a server: with nothing set, the system decides whom to trust, and the client has no certificate.
///
/// Files and bytes are PEM or DER. Files are read at each attempt to connect, so that a renewed certificate counts from
/// the next connection on; as long as nothing changes, TLS sessions are resumed. There is no option that trusts
/// everybody: give the server's CA, or its certificate if it is self-signed without being a CA, with [`Tls::ca_file`].
///
/// ```
/// # use mqtt_client::{ConnectOptions, ConnectionError, Tls};
/// # fn main() -> Result<(), ConnectionError> {
/// let tls = Tls::new().ca_file("ca.pem").certificate_files("client.pem", "client.key");
/// let options = ConnectOptions::new("mqtts://broker.local")?.tls(tls);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default)]
#[must_use]
pub struct Tls {
    ca: Vec<Source>,
    crl: Vec<Source>,
    certificate: Option<Identity>,
    server_name: Option<String>,
    alpn: Option<Vec<Vec<u8>>>,
    config: Option<Arc<ClientConfig>>,
    /// The last one that was built, shared by clones, since resumption hangs on it.
    built: Arc<Mutex<Option<Built>>>,
}

#[derive(Clone)]
struct Identity {
    certificate: Source,
    key: Source,
}

impl Tls {
    /// Trust as the system does, and no certificate of the client's own.
    pub fn new() -> Self {
        Self::default()
    }

    /// TLS exactly as the application has set it up with rustls. Of the other settings only
    /// [`server_name`](Self::server_name) and [`alpn`](Self::alpn) count then.
    pub fn from_config(config: Arc<ClientConfig>) -> Self {
        Self { config: Some(config), ..Self::default() }
    }

    /// Trusts the CAs in a file, and no longer those of the system. May be given several times.
    pub fn ca_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.ca.push(Source::File(path.into()));
        self
    }

    /// Trusts these CAs, and no longer those of the system. May be given several times.
    pub fn ca(mut self, certificates: impl Into<Bytes>) -> Self {
        self.ca.push(Source::Bytes(certificates.into()));
        self
    }

    /// The client's certificate, with those between it and its CA after it, and its private key.
    pub fn certificate_files(mut self, certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        let (certificate, key) = (Source::File(certificate.into()), Source::File(key.into()));
        self.certificate = Some(Identity { certificate, key });
        self
    }

    /// As [`certificate_files`](Self::certificate_files), from memory.
    pub fn certificate(mut self, certificate: impl Into<Bytes>, key: impl Into<Bytes>) -> Self {
        let (certificate, key) = (Source::Bytes(certificate.into()), Source::Bytes(key.into()));
        self.certificate = Some(Identity { certificate, key });
        self
    }

    /// Refuses servers whose certificates are in the revocation lists of a file. The lists have to be in date, and one
    /// has to come from the issuer of the server's certificate. Needs a CA of one's own.
    pub fn crl_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.crl.push(Source::File(path.into()));
        self
    }

    /// As [`crl_file`](Self::crl_file), from memory.
    pub fn crl(mut self, lists: impl Into<Bytes>) -> Self {
        self.crl.push(Source::Bytes(lists.into()));
        self
    }

    /// The name that the server's certificate has to have, and that the server is told (SNI), instead of the host in the
    /// address.
    pub fn server_name(mut self, name: impl Into<String>) -> Self {
        self.server_name = Some(name.into());
        self
    }

    /// The protocols that the server is offered (ALPN), the preferred one first; none at all for nothing. Default: `mqtt`,
    /// and `http/1.1` for WebSockets.
    pub fn alpn<P: Into<Vec<u8>>>(mut self, protocols: impl IntoIterator<Item = P>) -> Self {
        self.alpn = Some(protocols.into_iter().map(Into::into).collect());
        self
    }

    /// Secures a connection to `host`.
    pub(super) async fn connect(
        &self,
        stream: TcpStream,
        host: &str,
        protocol: &str,
    ) -> Result<TlsStream<TcpStream>, TlsError> {
        let name = self.server_name.as_deref().unwrap_or(host);
        let name =
            ServerName::try_from(name.to_owned()).map_err(|_| TlsError::ServerName(name.to_owned()))?;
        let connector = TlsConnector::from(self.client_config(protocol).await?);
        connector.connect(name, stream).await.map_err(TlsError::from_io)
    }

    async fn client_config(&self, protocol: &str) -> Result<Arc<ClientConfig>, TlsError> {
        if let (Some(config), None) = (&self.config, &self.alpn) {
            return Ok(Arc::clone(config));
        }
        let alpn = self.alpn.clone().unwrap_or_else(|| vec![protocol.into()]);
        let material = self.read(alpn).await?;
        if let Some(built) = &*self.built()
            && built.material == material
        {
            return Ok(Arc::clone(&built.config));
        }
        let built = match &self.config {
            Some(config) => {
                let mut config = ClientConfig::clone(config);
                config.alpn_protocols.clone_from(&material.alpn);
                Built { material, config: Arc::new(config) }
            }
            // the system's CAs may be many files
            None => match tokio::task::spawn_blocking(|| config::build(material)).await {
                Ok(built) => built?,
                Err(error) => return Err(TlsError::Io(error.into())),
            },
        };
        let config = Arc::clone(&built.config);
        *self.built() = Some(built);
        Ok(config)
    }

    fn built(&self) -> MutexGuard<'_, Option<Built>> {
        self.built.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// No key, and no content of files.
impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Tls");
        debug.field("ca", &self.ca).field("crl", &self.crl);
        debug.field("certificate", &self.certificate.as_ref().map(|identity| &identity.certificate));
        debug.field("server_name", &self.server_name).field("alpn", &self.alpn);
        debug.field("has_own_config", &self.config.is_some()).finish()
    }
}
