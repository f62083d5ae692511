//! The TLS of a listener: its files, and what handshakes there may be.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer, UnixTime};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoClientAuth, ParsedCertificate, ServerSessionMemoryCache, WebPkiClientVerifier};
use rustls::{CertificateError, Error, RootCertStore, ServerConfig, SupportedProtocolVersion, version};
use x509_cert::crl::CertificateList;
use x509_cert::der::Decode;

#[cfg(feature = "aws-lc-rs")]
use rustls::crypto::aws_lc_rs as cryptography;
#[cfg(all(feature = "ring", not(feature = "aws-lc-rs")))]
use rustls::crypto::ring as cryptography;
#[cfg(not(any(feature = "ring", feature = "aws-lc-rs")))]
compile_error!("the feature tls needs one that says whose cryptography does the work: ring or aws-lc-rs");

use super::tls_error::TlsError;
use crate::config::{ClientCertificate, Listener, TlsSettings, TlsVersion};
use crate::files;

/// Tickets for a later handshake that a client of TLS 1.3 gets: it has one connection, and will have one again.
const TICKETS: usize = 1;
/// The protocol's name for ALPN, and that of HTTP, which a WebSocket begins with.
const MQTT: &[u8] = b"mqtt";
const HTTP: &[u8] = b"http/1.1";

/// Reads the files of a listener with TLS.
pub(super) fn load(listener: &Listener, settings: &TlsSettings) -> Result<Arc<ServerConfig>, TlsError> {
    let provider = Arc::new(cryptography::default_provider());
    let versions: &[&SupportedProtocolVersion] = match settings.minimum_version {
        TlsVersion::V1_2 => &[&version::TLS13, &version::TLS12],
        TlsVersion::V1_3 => &[&version::TLS13],
    };
    let certificate = listener.certificate.as_deref().unwrap_or_else(|| Path::new(""));
    let key = listener.key.as_deref().unwrap_or_else(|| Path::new(""));
    let chain = certificates("certificate", certificate)?;
    warn_of_validity(certificate, &chain);
    let private = private_key(key)?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .map_err(TlsError::Refused)?
        .with_client_cert_verifier(verifier(listener)?)
        .with_single_cert(chain, private)
        .map_err(|error| match error {
            Error::InconsistentKeys(_) => {
                TlsError::Mismatch { key: key.to_owned(), certificate: certificate.to_owned() }
            }
            Error::InvalidCertificate(_) => TlsError::Unusable { path: certificate.to_owned(), error },
            error => TlsError::Unusable { path: key.to_owned(), error },
        })?;
    config.alpn_protocols = vec![if listener.address.is_websocket() { HTTP } else { MQTT }.to_vec()];
    config.ticketer = cryptography::Ticketer::new().map_err(TlsError::Refused)?;
    config.send_tls13_tickets = TICKETS;
    config.session_storage = ServerSessionMemoryCache::new(settings.sessions);
    Ok(Arc::new(config))
}

/// Who looks at the certificates of clients.
fn verifier(listener: &Listener) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let Some(path) = &listener.client_ca else { return Ok(Arc::new(NoClientAuth)) };
    let mut roots = RootCertStore::empty();
    for certificate in certificates("client_ca", path)? {
        roots.add(certificate).map_err(|error| TlsError::Unusable { path: path.clone(), error })?;
    }
    let provider = Arc::new(cryptography::default_provider());
    let mut builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    if let Some(path) = &listener.client_crl {
        // a client whose own CA says nothing of it is refused; the CAs in between are the operator's
        let lists = lists(path)?;
        warn_of_age(path, &lists);
        builder = builder.with_crls(lists).only_check_end_entity_revocation();
    }
    if listener.client_certificate() == ClientCertificate::Optional {
        builder = builder.allow_unauthenticated();
    }
    builder.build().map(|verifier| verifier as Arc<dyn ClientCertVerifier>).map_err(|error| {
        TlsError::Verifier {
            path: listener.client_crl.as_ref().unwrap_or(path).clone(),
            error: error.to_string(),
        }
    })
}

fn certificates(option: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    read(option, path, "CERTIFICATE")
}

fn lists(path: &Path) -> Result<Vec<CertificateRevocationListDer<'static>>, TlsError> {
    read("client_crl", path, "X509 CRL")
}

/// All blocks of one kind in a PEM file, of which there has to be one.
fn read<T: PemObject>(option: &'static str, path: &Path, block: &'static str) -> Result<Vec<T>, TlsError> {
    let bytes = files::read(path).map_err(pem::Error::Io);
    let blocks = bytes.and_then(|bytes| T::pem_slice_iter(&bytes).collect::<Result<Vec<T>, _>>());
    let blocks = blocks.map_err(|error| unread(option, path, block, error))?;
    if blocks.is_empty() {
        return Err(TlsError::NoBlock { option, path: path.to_owned(), block });
    }
    Ok(blocks)
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let bytes =
        files::read(path).map_err(|error| unread("key", path, "PRIVATE KEY", pem::Error::Io(error)))?;
    PrivateKeyDer::from_pem_slice(&bytes).map_err(|error| {
        let is_encrypted = bytes.windows(9).any(|window| window == b"ENCRYPTED");
        if is_encrypted {
            TlsError::Encrypted { path: path.to_owned() }
        } else {
            unread("key", path, "PRIVATE KEY", error)
        }
    })
}

fn unread(option: &'static str, path: &Path, block: &'static str, error: pem::Error) -> TlsError {
    let path = PathBuf::from(path);
    match error {
        pem::Error::Io(error) => TlsError::Read { option, path, error },
        pem::Error::NoItemsFound => TlsError::NoBlock { option, path, block },
        // nothing of the file itself may be told: it may be a key
        pem::Error::MissingSectionEnd { .. } => TlsError::Syntax {
            option,
            path,
            error: "a block has no END line of its own: the file may be cut off, or its lines joined",
        },
        pem::Error::IllegalSectionStart { .. } => {
            TlsError::Syntax { option, path, error: "a BEGIN line does not end in five dashes" }
        }
        pem::Error::SectionTooLarge => TlsError::Syntax { option, path, error: "a block is too large" },
        _ => TlsError::Syntax { option, path, error: "a block is not in Base64" },
    }
}

/// An operator may be about to replace it, so it is no reason not to serve.
fn warn_of_validity(path: &Path, chain: &[CertificateDer<'_>]) {
    for certificate in chain {
        let problem = match validity(certificate) {
            Err(Error::InvalidCertificate(
                CertificateError::Expired | CertificateError::ExpiredContext { .. },
            )) => "is expired",
            Err(Error::InvalidCertificate(
                CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. },
            )) => "is not valid yet",
            _ => continue,
        };
        tracing::warn!("a certificate in {} {problem}: clients will refuse it", path.display());
    }
}

/// Without any CA to trust, the time is all that is looked at before it is found that none is there.
fn validity(certificate: &CertificateDer<'_>) -> Result<(), Error> {
    let certificate = ParsedCertificate::try_from(certificate)?;
    let algorithms = cryptography::default_provider().signature_verification_algorithms.all;
    let nobody = RootCertStore::empty();
    verify_server_cert_signed_by_trust_anchor(&certificate, &nobody, &[], UnixTime::now(), algorithms)
}

/// An old list still refuses those on it, which is better than to refuse everybody; nobody knows who would be on a new one.
fn warn_of_age(path: &Path, lists: &[CertificateRevocationListDer<'_>]) {
    let now = SystemTime::now();
    if lists.iter().any(|list| is_overdue(list, now)) {
        let path = path.display();
        tracing::warn!("a newer list than that in {path} is due: who was revoked meanwhile is let in");
    }
}

/// Whether there should be a newer revocation list.
fn is_overdue(list: &[u8], now: SystemTime) -> bool {
    let list: Result<CertificateList, _> = CertificateList::from_der(list);
    let next = list.ok().and_then(|list| list.tbs_cert_list.next_update);
    next.is_some_and(|next| SystemTime::UNIX_EPOCH + next.to_unix_duration() < now)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rcgen::{
        BasicConstraints, CertificateParams, CertificateRevocationListParams, IsCa, Issuer, KeyIdMethod,
        KeyPair, SerialNumber,
    };

    use super::*;

    #[test]
    fn a_revocation_list_is_overdue_after_the_time_that_it_says() {
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = Issuer::new(authority, KeyPair::generate().expect("a key"));
        let next_update = SystemTime::UNIX_EPOCH + Duration::from_secs(2_000_000_000);
        let list = CertificateRevocationListParams {
            this_update: (next_update - Duration::from_secs(60)).into(),
            next_update: next_update.into(),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: Vec::new(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let list = list.signed_by(&issuer).expect("a list");
        assert!(!is_overdue(list.der(), next_update));
        assert!(is_overdue(list.der(), next_update + Duration::from_secs(1)));
        assert!(!is_overdue(b"no list", next_update));
    }
}
