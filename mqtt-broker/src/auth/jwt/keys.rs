//! Keys of tokens, and the files that they come from.

use std::io::Read;
use std::path::Path;

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, DecodingKeyKind};
use rustls::pki_types::SubjectPublicKeyInfoDer;
use rustls::pki_types::pem::PemObject;
use x509_cert::der::asn1::{ObjectIdentifier, UintRef};
use x509_cert::der::{Decode, Reader, SliceReader};
use x509_cert::spki::SubjectPublicKeyInfoRef;

use super::error::{JwtError, Unusable};
use crate::config::JwtSettings;
use crate::files;

/// Keys that a token without `kid` may have to be tried with: each takes up to some 100 microseconds.
const LIMIT: usize = 32;
/// A set of that many keys, each with a chain of certificates beside it.
const FILE_SIZE: u64 = 1 << 20;
/// RFC 7518, 3.2: as many as the hash has.
const SECRET: usize = 32;
/// In bytes.
const MODULUS: std::ops::RangeInclusive<usize> = 256..=1024;
/// The prefix of a point that is not compressed, and two coordinates.
const POINT: usize = 65;
const ED25519_KEY: usize = 32;

const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const ELLIPTIC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");

/// All keys, each for one algorithm.
#[derive(Debug)]
pub(super) struct Keys(Vec<Key>);

/// A key and what it is for.
#[derive(Debug)]
pub(super) struct Key {
    id: Option<String>,
    pub(super) algorithm: Algorithm,
    pub(super) material: DecodingKey,
}

impl Keys {
    pub(super) fn read(settings: &JwtSettings) -> Result<Self, JwtError> {
        let mut keys = Vec::new();
        if let Some(path) = &settings.secret {
            keys.push(secret(path)?);
        }
        if let Some(path) = &settings.public_keys {
            keys.extend(public_keys(path)?);
        }
        if let Some(path) = &settings.key_set {
            keys.extend(key_set(path)?);
        }
        match keys.len() {
            0 => Err(JwtError::NoKey),
            1..=LIMIT => Ok(Self(keys)),
            _ => Err(JwtError::Keys { limit: LIMIT }),
        }
    }

    /// The keys for an algorithm: those of that identifier if there are any, otherwise those that have none; without an
    /// identifier all.
    pub(super) fn fitting(&self, algorithm: Algorithm, id: Option<&str>) -> impl Iterator<Item = &Key> {
        let is_known = id.is_some() && self.0.iter().any(|key| key.id.as_deref() == id);
        self.0.iter().filter(move |key| {
            let fits = if is_known { key.id.as_deref() == id } else { id.is_none() || key.id.is_none() };
            fits && key.algorithm == algorithm
        })
    }
}

fn secret(path: &Path) -> Result<Key, JwtError> {
    let bytes = read(path)?;
    if bytes.starts_with(b"-----BEGIN") {
        return Err(JwtError::PublicSecret { path: path.to_owned() });
    }
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
    let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
    let key = Key { id: None, algorithm: Algorithm::HS256, material: DecodingKey::from_secret(bytes) };
    key.check().map_err(|reason| JwtError::Unusable { path: path.to_owned(), reason })
}

fn public_keys(path: &Path) -> Result<Vec<Key>, JwtError> {
    let text = read(path)?;
    let blocks = SubjectPublicKeyInfoDer::pem_slice_iter(&text).collect::<Result<Vec<_>, _>>();
    let blocks = blocks.map_err(|error| JwtError::Pem { path: path.to_owned(), error: error.to_string() })?;
    if blocks.is_empty() {
        return Err(JwtError::Pem { path: path.to_owned(), error: "there is another or none".to_owned() });
    }
    let unusable = |reason| JwtError::Unusable { path: path.to_owned(), reason };
    let keys = blocks.iter().map(|block| public_key(block).and_then(Key::check).map_err(unusable));
    keys.collect()
}

fn public_key(block: &[u8]) -> Result<Key, Unusable> {
    let info = SubjectPublicKeyInfoRef::from_der(block).map_err(|_| Unusable::Kind)?;
    let bits = info.subject_public_key.as_bytes().ok_or(Unusable::Kind)?;
    let (algorithm, material) = match info.algorithm.oid {
        RSA => {
            let (modulus, exponent) = rsa(bits).map_err(|_| Unusable::Kind)?;
            (Algorithm::RS256, DecodingKey::from_rsa_raw_components(modulus, exponent))
        }
        ELLIPTIC if info.algorithm.parameters_oid() == Ok(P256) => {
            (Algorithm::ES256, DecodingKey::from_ec_der(bits))
        }
        ELLIPTIC => return Err(Unusable::Curve),
        ED25519 => (Algorithm::EdDSA, DecodingKey::from_ed_der(bits)),
        _ => return Err(Unusable::Kind),
    };
    Ok(Key { id: None, algorithm, material })
}

/// Modulus and exponent of RSAPublicKey (RFC 8017, A.1.1).
fn rsa(der: &[u8]) -> x509_cert::der::Result<(&[u8], &[u8])> {
    let mut reader = SliceReader::new(der)?;
    let numbers = reader.sequence(|inner| {
        let modulus = UintRef::decode(inner)?;
        let exponent = UintRef::decode(inner)?;
        Ok::<_, x509_cert::der::Error>((modulus.as_bytes(), exponent.as_bytes()))
    })?;
    reader.finish()?;
    Ok(numbers)
}

#[derive(serde::Deserialize)]
struct Set {
    keys: Vec<serde_json::Value>,
}

/// Keys of other kinds, and for other purposes, are no mistake.
fn key_set(path: &Path) -> Result<Vec<Key>, JwtError> {
    let refused =
        |error: serde_json::Error| JwtError::KeySet { path: path.to_owned(), error: error.to_string() };
    let set: Set = serde_json::from_slice(&read(path)?).map_err(refused)?;
    let mut keys = Vec::new();
    for value in set.keys {
        let key: Jwk = serde_json::from_value(value).map_err(refused)?;
        if let Some(algorithm) = algorithm(&key) {
            let unusable = |reason| JwtError::Unusable { path: path.to_owned(), reason };
            let material = DecodingKey::from_jwk(&key).map_err(|_| unusable(Unusable::Kind))?;
            let key = Key { id: key.common.key_id, algorithm, material };
            keys.push(key.check().map_err(unusable)?);
        }
    }
    if keys.is_empty() {
        return Err(JwtError::Empty { path: path.to_owned() });
    }
    Ok(keys)
}

/// What a key of a set is for; none if that is nothing that is spoken here.
fn algorithm(key: &Jwk) -> Option<Algorithm> {
    if key.common.public_key_use.as_ref().is_some_and(|purpose| *purpose != PublicKeyUse::Signature) {
        return None;
    }
    let (algorithm, name) = match &key.algorithm {
        AlgorithmParameters::RSA(_) => (Algorithm::RS256, KeyAlgorithm::RS256),
        AlgorithmParameters::EllipticCurve(parameters) if parameters.curve == EllipticCurve::P256 => {
            (Algorithm::ES256, KeyAlgorithm::ES256)
        }
        AlgorithmParameters::OctetKeyPair(parameters) if parameters.curve == EllipticCurve::Ed25519 => {
            (Algorithm::EdDSA, KeyAlgorithm::EdDSA)
        }
        AlgorithmParameters::OctetKey(_) => (Algorithm::HS256, KeyAlgorithm::HS256),
        _ => return None,
    };
    (key.common.key_algorithm.unwrap_or(name) == name).then_some(algorithm)
}

impl Key {
    /// The length of a key says whether it can be one.
    fn check(self) -> Result<Self, Unusable> {
        let is = match (self.algorithm, self.material.kind()) {
            (Algorithm::RS256, DecodingKeyKind::RsaModulusExponent { n, .. }) => {
                MODULUS.contains(&n.len()).then_some(()).ok_or(Unusable::Modulus)
            }
            (Algorithm::ES256, DecodingKeyKind::SecretOrDer(point)) => {
                (point.len() == POINT && point.first() == Some(&4)).then_some(()).ok_or(Unusable::Curve)
            }
            (Algorithm::EdDSA, DecodingKeyKind::SecretOrDer(point)) => {
                (point.len() == ED25519_KEY).then_some(()).ok_or(Unusable::Kind)
            }
            (Algorithm::HS256, DecodingKeyKind::SecretOrDer(secret)) => {
                (secret.len() >= SECRET).then_some(()).ok_or(Unusable::ShortSecret)
            }
            _ => Err(Unusable::Kind),
        };
        is.map(|()| self)
    }
}

fn read(path: &Path) -> Result<Vec<u8>, JwtError> {
    let mut bytes = Vec::new();
    let outcome = files::open(path).and_then(|file| file.take(FILE_SIZE + 1).read_to_end(&mut bytes));
    match outcome {
        Ok(_) if bytes.len() as u64 > FILE_SIZE => {
            Err(JwtError::Size { path: path.to_owned(), limit: FILE_SIZE })
        }
        Ok(_) => Ok(bytes),
        Err(error) => Err(JwtError::Read { path: path.to_owned(), error }),
    }
}
