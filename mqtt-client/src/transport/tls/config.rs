//! From certificates and keys to rustls's configuration.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
use rustls::{ClientConfig, RootCertStore};

use super::TlsError;
use super::material::{Material, certificates, private_key, revocation_lists};
use super::verifier::Explaining;

/// A configuration and what it was made from.
pub(super) struct Built {
    pub(super) material: Material,
    pub(super) config: Arc<ClientConfig>,
}

pub(super) fn build(material: Material) -> Result<Built, TlsError> {
    let provider = provider().ok_or(TlsError::NoProvider)?;
    let verifier = Explaining::new(verifier(&material, &provider)?);
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(TlsError::from_rustls)?
        // dangerous is what a verifier may be that somebody wrote; this one asks rustls's own and adds to its errors
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let mut config = match &material.identity {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => builder
            .with_client_auth_cert(certificates(certificate)?, private_key(key)?)
            .map_err(TlsError::from_identity)?,
    };
    config.alpn_protocols.clone_from(&material.alpn);
    Ok(Built { material, config: Arc::new(config) })
}

/// The process's own provider if the application has chosen one, else what the features say.
fn provider() -> Option<Arc<CryptoProvider>> {
    if let Some(provider) = CryptoProvider::get_default() {
        return Some(Arc::clone(provider));
    }
    #[cfg(feature = "aws-lc-rs")]
    return Some(Arc::new(rustls::crypto::aws_lc_rs::default_provider()));
    #[cfg(all(feature = "ring", not(feature = "aws-lc-rs")))]
    return Some(Arc::new(rustls::crypto::ring::default_provider()));
    #[cfg(not(any(feature = "ring", feature = "aws-lc-rs")))]
    None
}

fn verifier(
    material: &Material,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, TlsError> {
    if material.ca.is_empty() {
        if !material.crl.is_empty() {
            return Err(TlsError::RevocationListWithoutCa);
        }
        let verifier = rustls_platform_verifier::Verifier::new(Arc::clone(provider));
        return Ok(Arc::new(verifier.map_err(TlsError::from_system)?));
    }
    let mut roots = RootCertStore::empty();
    for ca in &material.ca {
        for certificate in certificates(ca)? {
            roots.add(certificate).map_err(TlsError::from_ca)?;
        }
    }
    let mut builder = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
    if !material.crl.is_empty() {
        let mut lists = Vec::new();
        for crl in &material.crl {
            lists.extend(revocation_lists(crl)?);
        }
        // who gives a list wants it to be asked, and an old one says nothing
        builder = builder.with_crls(lists).only_check_end_entity_revocation().enforce_revocation_expiration();
    }
    match builder.build() {
        Ok(verifier) => Ok(verifier),
        Err(_) => Err(TlsError::NoRevocationList),
    }
}
