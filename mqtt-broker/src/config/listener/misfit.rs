//! Settings of a listener that do not fit together.

use thiserror::Error;

use super::{ClientCertificate, Listener};
use crate::config::LobbyLimits;

/// Why a listener cannot be as it is described.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Misfit {
    /// TLS without a certificate.
    #[error(
        "TLS needs a certificate and its key: set certificate and key (--certificate, --key) to PEM files, or use a \
         scheme without TLS"
    )]
    NoCertificate,
    /// One of the two files that belong together.
    #[error("it has {has} but no {lacks}: set both, to PEM files that belong together")]
    HalfCertificate {
        /// What is set.
        has: &'static str,
        /// What is missing.
        lacks: &'static str,
    },
    /// Clients cannot be asked for certificates of nobody.
    #[error("{option} needs client_ca: set that to a PEM file with the CAs of the clients")]
    NoClientCa {
        /// What is set.
        option: &'static str,
    },
    /// A CA that is not used.
    #[error(
        "client_ca is set, but client_certificate = \"none\" asks for no certificate: set \"required\" or \"optional\", \
         or leave out client_ca"
    )]
    ClientCaUnused,
    /// An option of another transport.
    #[error("{option} belongs to {schemes} listeners: leave it out, or change the scheme")]
    Scheme {
        /// What is set.
        option: &'static str,
        /// Where it belongs.
        schemes: &'static str,
    },
    /// The PROXY protocol from nobody.
    #[error(
        "proxy_protocol lets in only proxies that are trusted to name the client: set trusted_proxies to their \
         addresses, for example [\"127.0.0.1\", \"10.0.0.0/8\"]"
    )]
    NoProxies,
    /// Proxies without the PROXY protocol.
    #[error("{option} is set, but proxy_protocol is not: set it to true, or leave out {option}")]
    ProxiesUnused {
        /// What is set.
        option: &'static str,
    },
    /// The path is no path.
    #[error("path has to begin with / and to have neither spaces nor ? or #, for example \"/mqtt\"")]
    Path,
    /// An origin that no browser names.
    #[error(
        "each of origins is written as browsers name it: SCHEME://HOST, with :PORT if it is not the usual one, and \
         nothing behind it, for example \"https://example.org\""
    )]
    Origin,
    /// Nobody could connect.
    #[error("{option} is 0, so nobody could connect: set 1 or more, or leave it out")]
    Zero {
        /// What is set.
        option: &'static str,
    },
    /// Mode bits that no file has.
    #[error("permissions are mode bits up to 0o777: write for example 0o660 or \"660\"")]
    Permissions,
    /// The broker was built without what it needs.
    #[error("this broker was built without {feature}: build it with that feature, or use tcp://")]
    NotBuilt {
        /// The feature.
        feature: &'static str,
    },
}

impl Listener {
    /// What does not fit, if anything.
    pub(in crate::config) fn misfit(&self) -> Option<Misfit> {
        self.misfit_of_scheme().or_else(|| self.misfit_of_tls()).or_else(|| self.misfit_of_values())
    }

    /// An option that belongs to another scheme, or a scheme that this broker does not know.
    fn misfit_of_scheme(&self) -> Option<Misfit> {
        let address = &self.address;
        let tls = [
            ("certificate", self.certificate.is_some()),
            ("key", self.key.is_some()),
            ("client_ca", self.client_ca.is_some()),
            ("client_crl", self.client_crl.is_some()),
            ("client_certificate", self.client_certificate.is_some()),
            ("lobby.tls_timeout", self.lobby.tls_timeout.is_some()),
            ("lobby.tls_bytes", self.lobby.tls_bytes.is_some()),
        ];
        let websocket = [
            ("path", self.path.is_some()),
            ("origins", !self.origins.is_empty()),
            ("lobby.upgrade_timeout", self.lobby.upgrade_timeout.is_some()),
            ("lobby.upgrade_bytes", self.lobby.upgrade_bytes.is_some()),
        ];
        let unix = [("permissions", self.permissions.is_some())];
        let groups = [
            (address.has_tls(), &tls[..], "tls:// and wss://"),
            (address.is_websocket(), &websocket[..], "ws:// and wss://"),
            (address.socket().is_none(), &unix[..], "unix://"),
        ];
        for (belongs, options, schemes) in groups {
            if let Some((option, _)) = options.iter().find(|(_, is_set)| *is_set && !belongs) {
                return Some(Misfit::Scheme { option, schemes });
            }
        }
        let features = [
            (address.has_tls(), cfg!(feature = "tls"), "tls"),
            (address.is_websocket(), cfg!(feature = "websocket"), "websocket"),
        ];
        let lacking = features.iter().find(|(is_needed, is_there, _)| *is_needed && !is_there);
        lacking.map(|&(_, _, feature)| Misfit::NotBuilt { feature })
    }

    fn misfit_of_tls(&self) -> Option<Misfit> {
        match (&self.certificate, &self.key) {
            (None, None) if self.address.has_tls() => return Some(Misfit::NoCertificate),
            (Some(_), None) => return Some(Misfit::HalfCertificate { has: "a certificate", lacks: "key" }),
            (None, Some(_)) => return Some(Misfit::HalfCertificate { has: "a key", lacks: "certificate" }),
            _ => {}
        }
        let asks = self.client_certificate.is_some_and(|asked| asked != ClientCertificate::None);
        match &self.client_ca {
            None if asks => Some(Misfit::NoClientCa { option: "client_certificate" }),
            None if self.client_crl.is_some() => Some(Misfit::NoClientCa { option: "client_crl" }),
            Some(_) if self.client_certificate == Some(ClientCertificate::None) => {
                Some(Misfit::ClientCaUnused)
            }
            _ => None,
        }
    }

    fn misfit_of_values(&self) -> Option<Misfit> {
        // who can open a unix socket is a matter of its permissions
        let needs_proxies = self.proxy_protocol && self.address.socket().is_some();
        let is_path = |path: &str| path.starts_with('/') && !path.contains(['?', '#', ' ']);
        let of_proxies = [
            ("trusted_proxies", !self.trusted_proxies.is_empty()),
            ("lobby.proxy_timeout", self.lobby.proxy_timeout.is_some()),
            ("lobby.proxy_bytes", self.lobby.proxy_bytes.is_some()),
        ];
        if let Some((option, _)) = of_proxies.iter().find(|(_, is_set)| *is_set && !self.proxy_protocol) {
            return Some(Misfit::ProxiesUnused { option });
        }
        // the defaults have no limit that serves nobody
        if let Some(option) = LobbyLimits::default().with(&self.lobby).that_serve_nobody().next() {
            return Some(Misfit::Zero { option });
        }
        let misfits = [
            (needs_proxies && self.trusted_proxies.is_empty(), Misfit::NoProxies),
            (self.path.as_deref().is_some_and(|path| !is_path(path)), Misfit::Path),
            (!self.origins.iter().all(|origin| is_origin(origin)), Misfit::Origin),
            (self.connections == Some(0), Misfit::Zero { option: "connections" }),
            (self.permissions.is_some_and(|mode| mode > 0o777), Misfit::Permissions),
        ];
        misfits.into_iter().find(|(is_so, _)| *is_so).map(|(_, misfit)| misfit)
    }
}

/// Whether a browser may name itself so; a page from a file is `null`.
fn is_origin(text: &str) -> bool {
    let host = text.split_once("://").map(|(_, host)| host.strip_suffix('/').unwrap_or(host));
    text == "null" || host.is_some_and(|host| !host.is_empty() && !host.contains(['/', '?', '#', '*', ' ']))
}
