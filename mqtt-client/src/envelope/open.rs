//! The receiving side.

use std::collections::HashMap;
use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use hpke::{Deserializable, Kem, OpModeR};

use super::error::OpenError;
use super::format::{
    ENCAPSULATED, HPKE, Header, HpkeAead, HpkeKdf, HpkeKem, SenderCipher, associated, info, kind_of,
};
use super::key::{PrivateKey, SharedKey};
use super::replay::{ReplayLimits, Senders};
use super::seal::now;
use crate::Message;

/// What was in an envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Opened {
    /// The payload as it was sealed.
    pub payload: Bytes,
    /// The identifier of the key.
    pub key_id: Box<str>,
    /// When it was sealed, by the sender's clock.
    pub sealed: SystemTime,
}

/// Opens envelopes with any of its keys, each once.
#[derive(Default)]
pub struct Opener {
    shared: HashMap<(Box<str>, u8), SharedKey>,
    private: HashMap<Box<str>, PrivateKey>,
    limits: ReplayLimits,
    senders: Senders,
}

impl Opener {
    /// Without keys it opens nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a key that is shared, in place of one with its identifier and cipher.
    #[must_use]
    pub fn shared(mut self, key: SharedKey) -> Self {
        self.add_shared(key);
        self
    }

    /// Adds a private key, in place of one with its identifier.
    #[must_use]
    pub fn private(mut self, key: PrivateKey) -> Self {
        self.add_private(key);
        self
    }

    /// Sets how far back it looks.
    #[must_use]
    pub const fn replay(mut self, limits: ReplayLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Adds a key that is shared while messages come.
    pub fn add_shared(&mut self, key: SharedKey) {
        self.shared.insert((key.id.clone(), kind_of(key.cipher)), key);
    }

    /// Adds a private key while messages come.
    pub fn add_private(&mut self, key: PrivateKey) {
        self.private.insert(key.id.clone(), key);
    }

    /// Opens nothing any more with keys of this identifier. Whether there was one.
    pub fn forget(&mut self, id: &str) -> bool {
        let before = self.shared.len();
        self.shared.retain(|(known, _), _| **known != *id);
        self.private.remove(id).is_some() || self.shared.len() < before
    }

    /// Opens the payload of a received message.
    ///
    /// # Errors
    /// Each [`OpenError`]. What was published again after a lost connection, as QoS 1 does, is [`OpenError::Replayed`]: it was opened before.
    pub fn open(&mut self, message: &Message) -> Result<Opened, OpenError> {
        let properties = message.properties.as_deref();
        let content_type = properties.and_then(|properties| properties.content_type.as_deref());
        self.open_parts(message.topic.as_str(), content_type, message.retain, &message.payload)
    }

    /// The same from the parts of a message; `retained` if it is the retained message of its topic, and so may come again.
    ///
    /// # Errors
    /// As [`Opener::open`].
    pub fn open_parts(
        &mut self,
        topic: &str,
        content_type: Option<&str>,
        retained: bool,
        envelope: &[u8],
    ) -> Result<Opened, OpenError> {
        self.open_at(now(), topic, content_type, retained, envelope)
    }

    pub(super) fn open_at(
        &mut self,
        now: u64,
        topic: &str,
        content_type: Option<&str>,
        retained: bool,
        envelope: &[u8],
    ) -> Result<Opened, OpenError> {
        let (header, bytes, rest) = Header::read(envelope)?;
        let data = associated(bytes, topic, content_type);
        let payload = self.decrypt(&header, rest, &data)?;
        self.check_age(now, &header)?;
        let sender = (header.key_id.into(), header.sender);
        let is_new = self.senders.is_new(&sender, header.time, header.number);
        match is_new {
            Ok(true) => {}
            Ok(false) | Err(()) if retained => {}
            Ok(false) => return Err(OpenError::Replayed),
            Err(()) => return Err(OpenError::TooOld(millis(now.saturating_sub(header.time)))),
        }
        if is_new.is_ok() {
            self.senders.note(sender, header.time, header.number, self.limits.senders);
        }
        let sealed = UNIX_EPOCH.checked_add(millis(header.time)).unwrap_or(UNIX_EPOCH);
        Ok(Opened { payload: payload.into(), key_id: header.key_id.into(), sealed })
    }

    fn decrypt(&self, header: &Header<'_>, rest: &[u8], data: &[u8]) -> Result<Vec<u8>, OpenError> {
        let unknown = || OpenError::UnknownKey(header.key_id.into());
        if header.kind != HPKE {
            let key = self.shared.get(&(header.key_id.into(), header.kind)).ok_or_else(unknown)?;
            let cipher = SenderCipher::new(key, &header.sender);
            return cipher.open(header.number, rest, data).ok_or(OpenError::Forged);
        }
        let key = self.private.get(header.key_id).ok_or_else(unknown)?;
        let (encapsulated, ciphertext) =
            rest.split_at_checked(ENCAPSULATED).ok_or(OpenError::NotAnEnvelope)?;
        let encapsulated =
            <HpkeKem as Kem>::EncappedKey::from_bytes(encapsulated).map_err(|_| OpenError::Forged)?;
        hpke::single_shot_open::<HpkeAead, HpkeKdf, HpkeKem>(
            &OpModeR::Base,
            &key.key,
            &encapsulated,
            &info(HPKE),
            ciphertext,
            data,
        )
        .map_err(|_| OpenError::Forged)
    }

    fn check_age(&self, now: u64, header: &Header<'_>) -> Result<(), OpenError> {
        let Some(max_age) = self.limits.max_age else { return Ok(()) };
        let (age, ahead) = (millis(now.saturating_sub(header.time)), millis(header.time.saturating_sub(now)));
        if age > max_age {
            return Err(OpenError::TooOld(age));
        }
        if ahead > self.limits.max_ahead { Err(OpenError::FromTheFuture(ahead)) } else { Ok(()) }
    }
}

impl fmt::Debug for Opener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids: Vec<&str> =
            self.shared.keys().map(|(id, _)| &**id).chain(self.private.keys().map(|id| &**id)).collect();
        f.debug_struct("Opener").field("key_ids", &ids).field("limits", &self.limits).finish_non_exhaustive()
    }
}

const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}
