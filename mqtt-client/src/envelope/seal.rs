//! The sending side.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use hpke::{OpModeS, Serializable};

use super::error::SealError;
use super::format::{HPKE, Header, HpkeAead, HpkeKdf, HpkeKem, SenderCipher, associated, info, kind_of};
use super::key::{PublicKey, SharedKey, random};

/// Seals payloads with one key, as a sender of its own; tasks and threads may share it.
///
/// Making one draws random numbers, and gives it a key that no other sealer has: so it needs to remember nothing over restarts.
pub struct Sealer {
    key_id: Box<str>,
    to: Reader,
    sender: [u8; 16],
    next: AtomicU64,
}

enum Reader {
    Shared(u8, SenderCipher),
    Public(Box<PublicKey>),
}

impl Sealer {
    /// For those who have the same key.
    ///
    /// # Errors
    /// A system without random numbers.
    pub fn shared(key: &SharedKey) -> Result<Self, SealError> {
        Ok(Self::shared_as(key, sender()?))
    }

    /// For the owner of the private half.
    ///
    /// # Errors
    /// A system without random numbers.
    pub fn public(key: &PublicKey) -> Result<Self, SealError> {
        let to = Reader::Public(Box::new(key.clone()));
        Ok(Self { key_id: key.id.clone(), to, sender: sender()?, next: AtomicU64::new(0) })
    }

    pub(super) fn shared_as(key: &SharedKey, sender: [u8; 16]) -> Self {
        let to = Reader::Shared(kind_of(key.cipher), SenderCipher::new(key, &sender));
        Self { key_id: key.id.clone(), to, sender, next: AtomicU64::new(0) }
    }

    /// The envelope of `payload`, for a message with this topic and content type. It is longer than the payload by 51 bytes and the key's
    /// identifier, for a public key by 83.
    ///
    /// # Errors
    /// A sealer that has no numbers left; a payload that is too long for the cipher (64 GiB).
    pub fn seal(&self, topic: &str, content_type: Option<&str>, payload: &[u8]) -> Result<Bytes, SealError> {
        self.seal_at(now(), topic, content_type, payload)
    }

    pub(super) fn seal_at(
        &self,
        time: u64,
        topic: &str,
        content_type: Option<&str>,
        payload: &[u8],
    ) -> Result<Bytes, SealError> {
        let number = self.number()?;
        let kind = match &self.to {
            Reader::Shared(kind, _) => *kind,
            Reader::Public(_) => HPKE,
        };
        let mut envelope = Vec::with_capacity(payload.len() + 160);
        Header { kind, key_id: &self.key_id, time, sender: self.sender, number }.write(&mut envelope);
        let data = associated(&envelope, topic, content_type);
        match &self.to {
            Reader::Shared(_, cipher) => {
                envelope.extend(cipher.seal(number, payload, &data).ok_or(SealError::Cipher)?);
            }
            Reader::Public(key) => {
                let sealed = hpke::single_shot_seal::<HpkeAead, HpkeKdf, HpkeKem>(
                    &OpModeS::Base,
                    &key.key,
                    &info(HPKE),
                    payload,
                    &data,
                );
                let (encapsulated, ciphertext) = sealed.map_err(|_| SealError::Cipher)?;
                envelope.extend_from_slice(&encapsulated.to_bytes());
                envelope.extend(ciphertext);
            }
        }
        Ok(envelope.into())
    }

    fn number(&self) -> Result<u64, SealError> {
        // the last number is never given, so that it cannot wrap
        self.next
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |next| next.checked_add(1))
            .map_err(|_| SealError::Exhausted)
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealer").field("key_id", &self.key_id).finish_non_exhaustive()
    }
}

fn sender() -> Result<[u8; 16], SealError> {
    let mut sender = [0; 16];
    random(&mut sender)?;
    Ok(sender)
}

/// Milliseconds since 1970.
pub(super) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
