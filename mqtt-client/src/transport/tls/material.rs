//! Certificates and keys from files and memory, PEM or DER.

use std::fmt;
use std::path::PathBuf;

use bytes::Bytes;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};

use super::{Tls, TlsError};

/// Where a certificate, key or revocation list comes from.
#[derive(Clone)]
pub(super) enum Source {
    Bytes(Bytes),
    File(PathBuf),
}

/// All that a configuration is made from, as read for one attempt.
#[derive(PartialEq, Eq)]
pub(super) struct Material {
    pub(super) ca: Vec<Bytes>,
    pub(super) crl: Vec<Bytes>,
    pub(super) identity: Option<(Bytes, Bytes)>,
    pub(super) alpn: Vec<Vec<u8>>,
}

impl Tls {
    pub(super) async fn read(&self, alpn: Vec<Vec<u8>>) -> Result<Material, TlsError> {
        let (mut ca, mut crl) = (Vec::new(), Vec::new());
        for source in &self.ca {
            ca.push(source.read().await?);
        }
        for source in &self.crl {
            crl.push(source.read().await?);
        }
        let identity = match &self.certificate {
            Some(identity) => Some((identity.certificate.read().await?, identity.key.read().await?)),
            None => None,
        };
        Ok(Material { ca, crl, identity, alpn })
    }
}

impl Source {
    async fn read(&self) -> Result<Bytes, TlsError> {
        match self {
            Self::Bytes(bytes) => Ok(bytes.clone()),
            Self::File(path) => {
                let file = path.clone();
                let read = tokio::task::spawn_blocking(move || std::fs::read(file)).await;
                let read = read.unwrap_or_else(|error| Err(error.into()));
                read.map(Bytes::from).map_err(|error| TlsError::File { path: path.clone(), error })
            }
        }
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(_) => f.write_str("..."),
            Self::File(path) => path.fmt(f),
        }
    }
}

/// One certificate at least.
pub(super) fn certificates(bytes: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let all = sections(bytes, |der| Some(CertificateDer::from(der)))?;
    if all.is_empty() { Err(TlsError::NoCertificate) } else { Ok(all) }
}

/// One revocation list at least.
pub(super) fn revocation_lists(bytes: &[u8]) -> Result<Vec<CertificateRevocationListDer<'static>>, TlsError> {
    let all = sections(bytes, |der| Some(CertificateRevocationListDer::from(der)))?;
    if all.is_empty() { Err(TlsError::NoRevocationList) } else { Ok(all) }
}

pub(super) fn private_key(bytes: &[u8]) -> Result<PrivateKeyDer<'static>, TlsError> {
    if !is_pem(bytes) {
        return PrivateKeyDer::try_from(bytes.to_vec()).map_err(|_| TlsError::NoKey);
    }
    match PrivateKeyDer::from_pem_slice(bytes) {
        Ok(key) => Ok(key),
        Err(pem::Error::NoItemsFound) if contains(bytes, b"ENCRYPTED PRIVATE KEY") => {
            Err(TlsError::KeyEncrypted)
        }
        Err(pem::Error::NoItemsFound) => Err(TlsError::NoKey),
        Err(_) => Err(TlsError::Pem),
    }
}

/// The parts of one kind in a PEM text, or the one of a DER encoding.
fn sections<T: PemObject>(bytes: &[u8], from_der: impl Fn(Vec<u8>) -> Option<T>) -> Result<Vec<T>, TlsError> {
    if is_pem(bytes) {
        T::pem_slice_iter(bytes).collect::<Result<_, _>>().map_err(|_| TlsError::Pem)
    } else if bytes.first() == Some(&SEQUENCE) {
        Ok(from_der(bytes.to_vec()).into_iter().collect())
    } else {
        Ok(Vec::new())
    }
}

/// What every DER encoding here begins with.
const SEQUENCE: u8 = 0x30;

fn is_pem(bytes: &[u8]) -> bool {
    contains(bytes, b"-----BEGIN ")
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}
