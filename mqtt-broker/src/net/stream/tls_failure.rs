//! What goes wrong in TLS, by who has to change what.

use rustls::{AlertDescription, CertificateError, Error, PeerIncompatible};
use thiserror::Error;

use crate::core::Counter;

/// Why TLS has ended a connection.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub(in crate::net) enum TlsFailure {
    #[error(
        "the client does not accept the certificate of this listener ({0:?}): it has to trust the CA that has signed it, \
         connect by a name that is in it, and have the right time"
    )]
    NotTrusted(AlertDescription),
    #[error("the client has given up TLS: {0:?}")]
    Alert(AlertDescription),
    #[error(
        "the certificate of the client is expired, or not valid yet: give it a new one, and look at both clocks"
    )]
    CertificateExpired,
    #[error("the client has no certificate, but this listener has client_certificate = \"required\"")]
    CertificateMissing,
    #[error("the certificate of the client is revoked by client_crl")]
    CertificateRevoked,
    #[error("the certificate of the client is signed by none of client_ca")]
    CertificateUnknown,
    #[error(
        "the certificate of the client is that of a CA, as self-signed ones often are: have a CA of client_ca sign one \
         for the client"
    )]
    CertificateOfCa,
    #[error("the certificate of the client is refused: {0}")]
    Certificate(CertificateError),
    #[error(
        "the client speaks plain MQTT, this port speaks TLS: let it use tls:// (mqtts://), or another port"
    )]
    PlainMqtt,
    #[error("the client does not speak TLS, this port does")]
    NotTls,
    #[error("the client speaks neither TLS 1.2 nor TLS 1.3")]
    Version,
    #[error("the client shares no way to encrypt with us: {0:?}")]
    Incompatible(PeerIncompatible),
    #[error("the client asks for another protocol than MQTT by ALPN: let it ask for mqtt, or for none")]
    Protocol,
    #[error("a message of the handshake is larger than any that is needed")]
    TooLarge,
    #[error("{0}")]
    Broken(Error),
}

impl TlsFailure {
    /// For a connection that does not begin with a handshake.
    pub(super) const fn of_first_byte(first: u8) -> Self {
        // the first byte of CONNECT
        if first == 0x10 { Self::PlainMqtt } else { Self::NotTls }
    }

    pub(super) const fn counter(&self) -> Counter {
        match self {
            Self::NotTrusted(_) => Counter::TlsNotTrusted,
            Self::CertificateExpired => Counter::TlsCertificateExpired,
            Self::CertificateMissing => Counter::TlsCertificateMissing,
            Self::CertificateRevoked => Counter::TlsCertificateRevoked,
            Self::CertificateOfCa | Self::CertificateUnknown => Counter::TlsCertificateUnknown,
            Self::PlainMqtt | Self::NotTls => Counter::TlsNotSpoken,
            Self::Version => Counter::TlsVersion,
            Self::Alert(_)
            | Self::Certificate(_)
            | Self::Incompatible(_)
            | Self::Protocol
            | Self::TooLarge
            | Self::Broken(_) => Counter::TlsOther,
        }
    }
}

impl From<Error> for TlsFailure {
    fn from(error: Error) -> Self {
        use CertificateError as Certificate;
        use PeerIncompatible as Incompatible;
        match error {
            Error::AlertReceived(alert) => Self::of_alert(alert),
            Error::NoCertificatesPresented => Self::CertificateMissing,
            Error::InvalidCertificate(error) => match error {
                Certificate::Expired
                | Certificate::ExpiredContext { .. }
                | Certificate::NotValidYet
                | Certificate::NotValidYetContext { .. } => Self::CertificateExpired,
                Certificate::Revoked => Self::CertificateRevoked,
                Certificate::UnknownIssuer => Self::CertificateUnknown,
                Certificate::Other(ref other)
                    if matches!(other.0.downcast_ref(), Some(webpki::Error::CaUsedAsEndEntity)) =>
                {
                    Self::CertificateOfCa
                }
                other => Self::Certificate(other),
            },
            Error::PeerIncompatible(
                Incompatible::ServerDoesNotSupportTls12Or13
                | Incompatible::ServerTlsVersionIsDisabledByOurConfig
                // which came with 1.2
                | Incompatible::SignatureAlgorithmsExtensionRequired
                | Incompatible::SupportedVersionsExtensionRequired
                | Incompatible::Tls12NotOffered
                | Incompatible::Tls12NotOfferedOrEnabled,
            ) => Self::Version,
            Error::PeerIncompatible(incompatible) => Self::Incompatible(incompatible),
            Error::NoApplicationProtocol => Self::Protocol,
            other => Self::Broken(other),
        }
    }
}

impl TlsFailure {
    const fn of_alert(alert: AlertDescription) -> Self {
        match alert {
            AlertDescription::UnknownCA
            | AlertDescription::BadCertificate
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnsupportedCertificate => Self::NotTrusted(alert),
            AlertDescription::ProtocolVersion => Self::Version,
            _ => Self::Alert(alert),
        }
    }
}
