//! Why a connection could not be secured, in terms of what to do about it.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use rustls::pki_types::UnixTime;
use rustls::{AlertDescription, CertificateError, Error};

use super::verifier::SelfSigned;

/// Why there is no TLS connection: something here, the server's certificate, or the server's opinion of ours.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    // here
    /// One of the CAs given cannot be used.
    #[error("a certificate given as a CA cannot be used: {0}")]
    Ca(Error),
    /// The client's certificate and key cannot be used.
    #[error("the client's certificate or key cannot be used: {0}")]
    Certificate(Error),
    /// A file cannot be read.
    #[error("cannot read {}: {error}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// The private key needs a passphrase.
    #[error("the private key is encrypted: decrypt it with `openssl pkey -in KEY -out NEW_KEY`")]
    KeyEncrypted,
    /// The private key belongs to another certificate.
    #[error(
        "the private key does not belong to the client's certificate: give the key that it was made with"
    )]
    KeyMismatch,
    /// No certificate where one was expected.
    #[error("there is no certificate in what was given as one: it has to be PEM or DER")]
    NoCertificate,
    /// No private key where one was expected.
    #[error(
        "there is no private key in what was given as one: it has to be PKCS#8, PKCS#1 or SEC1 in PEM or DER"
    )]
    NoKey,
    /// Neither a feature nor the application has chosen a provider of cryptography.
    #[error(
        "no provider of cryptography: enable the feature `ring` or `aws-lc-rs`, or install one in rustls"
    )]
    NoProvider,
    /// No revocation list where one was expected.
    #[error("there is no valid revocation list in what was given as one: it has to be PEM or DER")]
    NoRevocationList,
    /// A PEM text that is damaged.
    #[error("a PEM text is damaged: look for cut lines between its BEGIN and END")]
    Pem,
    /// A revocation list without a CA of one's own.
    #[error("a revocation list needs a CA of one's own: give `Tls::ca_file` as well")]
    RevocationListWithoutCa,
    /// The host cannot be in a certificate.
    #[error("{0} is no name that a certificate can have: set `Tls::server_name`")]
    ServerName(String),
    /// The system's CAs cannot be used.
    #[error(
        "the system's CAs cannot be used: {0}; install them (Debian: ca-certificates), or give `Tls::ca_file`"
    )]
    System(Error),

    // the server's certificate
    /// A CA's own certificate in place of a server's.
    #[error(
        "the server's certificate is that of a CA and cannot be a server's: have the CA sign one for the server, or \
         make a self-signed one with `openssl req -x509 -addext basicConstraints=critical,CA:FALSE`"
    )]
    CaCertificate,
    /// Its time is over.
    #[error("the server's certificate has expired{}: renew it, or set this machine's clock", Span(*.0, " ", " ago"))]
    Expired(
        /// For how long, if that is known.
        Option<Duration>,
    ),
    /// Its time has not come.
    #[error("the server's certificate is not valid yet{}: set this machine's clock", Span(*.0, ", but in ", ""))]
    NotValidYet(
        /// For how long, if that is known.
        Option<Duration>,
    ),
    /// It is in a revocation list.
    #[error("the server's certificate is revoked: do not trust this server before it has a new one")]
    Revoked,
    /// The revocation list is too old.
    #[error("the revocation list is out of date: get a new one from the CA")]
    RevocationListExpired,
    /// No revocation list is from its issuer.
    #[error("no revocation list is from the issuer of the server's certificate: give that list as well")]
    RevocationUnknown,
    /// It was signed by another CA of the same name.
    #[error(
        "the server's certificate is from another CA of the same name: give that CA's present certificate with `Tls::ca_file`"
    )]
    OtherIssuer,
    /// It is its own issuer, and not trusted.
    #[error("the server's certificate is self-signed: if it is the right one, trust it with `Tls::ca_file`")]
    SelfSigned,
    /// It is not from a trusted CA, or the server does not send the certificates between.
    #[error(
        "the server's certificate is from an unknown CA: give the CA with `Tls::ca_file`; if that CA is known, the server leaves out the certificates between"
    )]
    UnknownIssuer,
    /// It is for other names.
    #[error(
        "the server's certificate is not for {expected}{}: connect by one of its names, or set `Tls::server_name`",
        Names(presented)
    )]
    WrongName {
        /// The name that was looked for.
        expected: String,
        /// What it is for.
        presented: Vec<String>,
    },

    // the server
    /// The server has refused, or found fault with the client's certificate.
    #[error("the server refuses TLS: {alert:?}; {}", advice(*.0), alert = .0)]
    Alert(AlertDescription),
    /// The server has ended the connection without a word of TLS.
    #[error("the server ended the connection during the TLS handshake: is this port one for TLS?")]
    Closed,
    /// The connection failed.
    #[error("the connection failed during the TLS handshake: {0}")]
    Io(io::Error),
    /// What came is not TLS.
    #[error(
        "the server does not speak TLS on this port: take the TLS port (often 8883), or mqtt:// or ws://"
    )]
    NotTls,
    /// Anything else that rustls found wrong.
    #[error("{0}")]
    Other(Error),
}

impl TlsError {
    /// Whether another attempt with the same options would end alike.
    pub(crate) const fn is_permanent(&self) -> bool {
        matches!(
            self,
            Self::Ca(_)
                | Self::Certificate(_)
                | Self::File { .. }
                | Self::KeyEncrypted
                | Self::KeyMismatch
                | Self::NoCertificate
                | Self::NoKey
                | Self::NoProvider
                | Self::NoRevocationList
                | Self::Pem
                | Self::RevocationListWithoutCa
                | Self::ServerName(_)
                | Self::System(_)
        )
    }

    /// The error of TLS that an error of a stream carries, if it does.
    pub(crate) fn inside(error: &io::Error) -> Option<Self> {
        let error = error.get_ref()?.downcast_ref::<Error>()?;
        Some(Self::from_rustls(error.clone()))
    }

    pub(super) fn from_io(error: io::Error) -> Self {
        if let Some(error) = Self::inside(&error) {
            return error;
        }
        match error.kind() {
            io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
                Self::Closed
            }
            _ => Self::Io(error),
        }
    }

    pub(super) fn from_rustls(error: Error) -> Self {
        match error {
            Error::AlertReceived(alert) => Self::Alert(alert),
            Error::InvalidCertificate(error) => Self::from_certificate(error),
            Error::InvalidMessage(_) => Self::NotTls,
            other => Self::Other(other),
        }
    }

    pub(super) fn from_identity(error: Error) -> Self {
        match error {
            Error::InconsistentKeys(rustls::InconsistentKeys::KeyMismatch) => Self::KeyMismatch,
            other => Self::Certificate(other),
        }
    }

    pub(super) const fn from_ca(error: Error) -> Self {
        Self::Ca(error)
    }

    pub(super) const fn from_system(error: Error) -> Self {
        Self::System(error)
    }

    fn from_certificate(error: CertificateError) -> Self {
        match error {
            CertificateError::Expired => Self::Expired(None),
            CertificateError::ExpiredContext { time, not_after } => {
                Self::Expired(Some(since(not_after, time)))
            }
            CertificateError::NotValidYet => Self::NotValidYet(None),
            CertificateError::NotValidYetContext { time, not_before } => {
                Self::NotValidYet(Some(since(time, not_before)))
            }
            CertificateError::NotValidForNameContext { expected, presented } => {
                Self::WrongName { expected: expected.to_str().into_owned(), presented }
            }
            CertificateError::NotValidForName => {
                Self::WrongName { expected: "this host".to_owned(), presented: Vec::new() }
            }
            // the second where the keys of the two are of different kinds
            CertificateError::BadSignature
            | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => Self::OtherIssuer,
            CertificateError::Revoked => Self::Revoked,
            CertificateError::UnknownIssuer => Self::UnknownIssuer,
            CertificateError::UnknownRevocationStatus => Self::RevocationUnknown,
            CertificateError::ExpiredRevocationList
            | CertificateError::ExpiredRevocationListContext { .. } => Self::RevocationListExpired,
            CertificateError::Other(ref other) if other.0.is::<SelfSigned>() => Self::SelfSigned,
            CertificateError::Other(ref other)
                if matches!(other.0.downcast_ref(), Some(webpki::Error::CaUsedAsEndEntity)) =>
            {
                Self::CaCertificate
            }
            other => Self::Other(Error::InvalidCertificate(other)),
        }
    }
}

fn since(earlier: UnixTime, later: UnixTime) -> Duration {
    Duration::from_secs(later.as_secs().saturating_sub(earlier.as_secs()))
}

/// What an alert of the server asks for.
const fn advice(alert: AlertDescription) -> &'static str {
    match alert {
        AlertDescription::CertificateRequired => {
            "it wants a client certificate: set `Tls::certificate_files`"
        }
        AlertDescription::UnknownCA => "it does not know the CA of the client's certificate",
        AlertDescription::CertificateExpired => "renew the client's certificate",
        AlertDescription::CertificateRevoked => "the client's certificate is revoked: get a new one",
        AlertDescription::AccessDenied
        | AlertDescription::BadCertificate
        | AlertDescription::CertificateUnknown
        | AlertDescription::UnsupportedCertificate => {
            "it does not take the client's certificate: look at its log"
        }
        AlertDescription::NoApplicationProtocol => "it takes none of the protocols offered: set `Tls::alpn`",
        AlertDescription::UnrecognisedName => {
            "it does not know the name it was asked for: set `Tls::server_name`"
        }
        AlertDescription::HandshakeFailure => {
            "there is no cipher in common, or it wants a client certificate: set `Tls::certificate_files`"
        }
        AlertDescription::ProtocolVersion => "it has neither TLS 1.2 nor 1.3: have it updated",
        _ => "look at its log",
    }
}

/// A span of time in the unit that a person would take, if it is known.
struct Span(Option<Duration>, &'static str, &'static str);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(Some(span), before, after) = self else { return Ok(()) };
        let (count, unit) = match span.as_secs() {
            seconds @ 0..120 => (seconds, "seconds"),
            seconds @ 120..7_200 => (seconds / 60, "minutes"),
            seconds @ 7_200..172_800 => (seconds / 3_600, "hours"),
            seconds => (seconds / 86_400, "days"),
        };
        write!(f, "{before}{count} {unit}{after}")
    }
}

/// What a certificate is for.
struct Names<'a>(&'a [String]);

impl fmt::Display for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [] => f.write_str(" (it has no names)"),
            names => {
                write!(f, " but for {}", names.iter().map(|name| plain(name)).collect::<Vec<_>>().join(", "))
            }
        }
    }
}

/// A name without what rustls writes around it: `DnsName("h")`, `IpAddress(::1)`.
fn plain(name: &str) -> &str {
    let inside = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')'));
    inside.unwrap_or(name).trim_matches('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_a_certificate_are_listed_as_people_write_them() {
        let names = ["DnsName(\"a.example\")", "IpAddress(192.0.2.1)", "b.example"].map(str::to_owned);
        assert_eq!(Names(&names).to_string(), " but for a.example, 192.0.2.1, b.example");
    }

    #[test]
    fn spans_are_in_the_unit_of_their_size() {
        for (seconds, text) in [
            (0, "0 seconds"),
            (119, "119 seconds"),
            (7_199, "119 minutes"),
            (7_200, "2 hours"),
            (200_000, "2 days"),
        ] {
            assert_eq!(Span(Some(Duration::from_secs(seconds)), "", "").to_string(), text);
        }
    }
}
