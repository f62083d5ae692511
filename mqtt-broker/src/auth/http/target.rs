//! Where the server is.

use std::path::Path;
use std::sync::Arc;

use hyper::Uri;
use hyper::header::HeaderValue;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;

use super::error::HttpError;
use crate::auth::cryptography;
use crate::config::HttpSettings;
use crate::files;

/// The server, and what is said to it each time.
#[derive(Debug)]
pub(super) struct Target {
    /// As sockets are told it: without the brackets of an IPv6 address.
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) path: Uri,
    /// What the header Host says.
    pub(super) authority: HeaderValue,
    pub(super) bearer: Option<HeaderValue>,
    pub(super) tls: Option<Tls>,
}

/// TLS to one server.
pub(super) struct Tls {
    pub(super) connector: TlsConnector,
    pub(super) name: ServerName<'static>,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Tls").field(&self.name).finish()
    }
}

impl Target {
    pub(super) fn new(settings: &HttpSettings) -> Result<Self, HttpError> {
        let place = place(&settings.url).ok_or_else(|| {
            let (_, url) = settings.url.rsplit_once('@').unwrap_or(("", &settings.url));
            HttpError::Url { url: url.to_owned() }
        })?;
        if place.name.is_none() && !is_here(&place.host) {
            tracing::warn!(
                "auth.http asks {} over http://: whoever is on the way reads passwords",
                place.host
            );
        }
        let bearer = settings.bearer_token.as_deref().map(bearer).transpose()?;
        let tls = match place.name {
            Some(name) => Some(Tls { connector: connector(settings.ca.as_deref())?, name }),
            None => None,
        };
        Ok(Self {
            host: place.host,
            port: place.port,
            path: place.path,
            authority: place.authority,
            bearer,
            tls,
        })
    }
}

/// Whether the way to a host does not leave the machine.
fn is_here(host: &str) -> bool {
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

struct Place {
    host: String,
    port: u16,
    path: Uri,
    authority: HeaderValue,
    /// For TLS.
    name: Option<ServerName<'static>>,
}

fn place(url: &str) -> Option<Place> {
    let uri: Uri = url.parse().ok()?;
    let authority = uri.authority()?;
    let has_tls = match uri.scheme_str()? {
        "http" => false,
        "https" => true,
        _ => return None,
    };
    if authority.as_str().contains('@') || authority.host().is_empty() {
        return None;
    }
    let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
    let name = has_tls.then(|| ServerName::try_from(host.clone())).transpose().ok()?;
    Some(Place {
        port: authority.port_u16().unwrap_or(if has_tls { 443 } else { 80 }),
        path: uri.path_and_query()?.as_str().parse().ok()?,
        authority: HeaderValue::from_str(authority.as_str()).ok()?,
        host,
        name,
    })
}

fn bearer(path: &Path) -> Result<HeaderValue, HttpError> {
    let text = files::read_to_string(path).map_err(|error| HttpError::Read {
        option: "bearer_token",
        path: path.to_owned(),
        error,
    })?;
    let token = text.trim_end_matches(['\r', '\n']);
    let value = Some(token).filter(|token| !token.is_empty());
    let value = value.and_then(|token| HeaderValue::from_str(&format!("Bearer {token}")).ok());
    let mut value = value.ok_or_else(|| HttpError::Token { path: path.to_owned() })?;
    value.set_sensitive(true);
    Ok(value)
}

fn connector(ca: Option<&Path>) -> Result<TlsConnector, HttpError> {
    let provider = Arc::new(cryptography::provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider));
    let builder = builder.with_safe_default_protocol_versions().map_err(HttpError::Tls)?;
    let mut config = match ca {
        Some(path) => builder.with_root_certificates(roots(path)?).with_no_client_auth(),
        None => {
            let verifier = rustls_platform_verifier::Verifier::new(provider).map_err(HttpError::Tls)?;
            let builder = builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier));
            builder.with_no_client_auth()
        }
    };
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsConnector::from(Arc::new(config)))
}

fn roots(path: &Path) -> Result<RootCertStore, HttpError> {
    let unusable = |error: String| HttpError::Ca { path: path.to_owned(), error };
    let text =
        files::read(path).map_err(|error| HttpError::Read { option: "ca", path: path.to_owned(), error })?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&text) {
        let certificate = certificate.map_err(|error| unusable(error.to_string()))?;
        roots.add(certificate).map_err(|error| unusable(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(unusable("it has no certificate".to_owned()));
    }
    Ok(roots)
}
