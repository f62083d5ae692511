//! Keys, each with the identifier by which messages name it.

use std::fmt;

use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable, Kem, Serializable};
use zeroize::Zeroizing;

use super::error::{KeyError, SealError};

/// The cipher of a shared key. Both are as strong; AES is faster where the processor has it, and is what browsers have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cipher {
    /// ChaCha20-Poly1305 of RFC 8439.
    ChaCha20Poly1305,
    /// AES-256-GCM of NIST SP 800-38D.
    Aes256Gcm,
}

/// A secret that all have who read and write.
#[derive(Clone)]
pub struct SharedKey {
    pub(super) id: Box<str>,
    pub(super) cipher: Cipher,
    pub(super) secret: Zeroizing<[u8; 32]>,
}

impl SharedKey {
    /// A key of 32 random bytes: not a password, which would have to be stretched first.
    ///
    /// # Errors
    /// An identifier that is empty or longer than 64 bytes.
    pub fn new(id: &str, cipher: Cipher, secret: [u8; 32]) -> Result<Self, KeyError> {
        Ok(Self { id: identifier(id)?, cipher, secret: Zeroizing::new(secret) })
    }
}

/// The public half of a [`PrivateKey`]: who has it can write.
#[derive(Clone)]
pub struct PublicKey {
    pub(super) id: Box<str>,
    pub(super) key: <X25519HkdfSha256 as Kem>::PublicKey,
}

impl PublicKey {
    /// The key of these 32 bytes, as RFC 7748 has them.
    ///
    /// # Errors
    /// An identifier that is empty or longer than 64 bytes; bytes that are no key.
    pub fn new(id: &str, bytes: &[u8; 32]) -> Result<Self, KeyError> {
        let key = Deserializable::from_bytes(bytes).map_err(|_| KeyError::Invalid)?;
        Ok(Self { id: identifier(id)?, key })
    }

    /// The 32 bytes to give to those who write.
    pub fn to_bytes(&self) -> [u8; 32] {
        self.key.to_bytes().into()
    }
}

/// A key that only the reader has.
#[derive(Clone)]
pub struct PrivateKey {
    pub(super) id: Box<str>,
    pub(super) key: <X25519HkdfSha256 as Kem>::PrivateKey,
}

impl PrivateKey {
    /// The key of these 32 bytes.
    ///
    /// # Errors
    /// An identifier that is empty or longer than 64 bytes; bytes that are no key.
    pub fn new(id: &str, bytes: &[u8; 32]) -> Result<Self, KeyError> {
        let key = Deserializable::from_bytes(bytes).map_err(|_| KeyError::Invalid)?;
        Ok(Self { id: identifier(id)?, key })
    }

    /// A new key, of random bytes of the system. [`PrivateKey::to_bytes`] is to be kept secret.
    ///
    /// # Errors
    /// An identifier that is empty or longer than 64 bytes. A system without random numbers: [`KeyError::Invalid`].
    pub fn generate(id: &str) -> Result<Self, KeyError> {
        let mut bytes = Zeroizing::new([0; 32]);
        random(&mut bytes[..]).map_err(|_| KeyError::Invalid)?;
        Self::new(id, &bytes)
    }

    /// The 32 bytes of the key.
    pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.key.to_bytes().into())
    }

    /// The half for those who write, under the same identifier.
    pub fn public(&self) -> PublicKey {
        PublicKey { id: self.id.clone(), key: X25519HkdfSha256::sk_to_pk(&self.key) }
    }
}

fn identifier(id: &str) -> Result<Box<str>, KeyError> {
    if (1..=64).contains(&id.len()) { Ok(id.into()) } else { Err(KeyError::Identifier(id.len())) }
}

pub(super) fn random(bytes: &mut [u8]) -> Result<(), SealError> {
    getrandom::fill(bytes).map_err(|_| SealError::Random)
}

macro_rules! without_secrets {
    ($($key:ty),*) => {$(
        impl fmt::Debug for $key {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($key)).field("id", &self.id).finish_non_exhaustive()
            }
        }
    )*};
}

without_secrets!(SharedKey, PublicKey, PrivateKey);
