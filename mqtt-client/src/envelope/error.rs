//! What can be wrong with keys and envelopes.

use std::time::Duration;

/// Why a key cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// An identifier has 1 to 64 bytes.
    #[error("the identifier of a key has 1 to 64 bytes, and this one has {0}")]
    Identifier(usize),
    /// Not the bytes of a key.
    #[error("these are not the bytes of an X25519 key")]
    Invalid,
}

/// Why a payload was not sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// The system gave no random numbers.
    #[error("the system has no random numbers")]
    Random,
    /// The sender has sealed as many messages as it can number: a new [`Sealer`](super::Sealer) begins anew.
    #[error("this sealer has no numbers left: make a new one")]
    Exhausted,
    /// The cipher takes no payload of this length, or the key is none.
    #[error("the payload cannot be sealed with this key")]
    Cipher,
}

/// Why an envelope was not opened. Nothing of its payload is given away then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Something else: it begins otherwise, or is too short.
    #[error("this is no envelope")]
    NotAnEnvelope,
    /// An envelope of a kind that came later.
    #[error("an envelope of the unknown kind {0:#04x}: sealed by something newer")]
    Kind(u8),
    /// No key has this identifier and is of the envelope's kind.
    #[error("there is no key {0:?} of this kind")]
    UnknownKey(Box<str>),
    /// The payload, the topic or the content type is not what was sealed, or the key is another of the same identifier.
    #[error("sealed with another key, or changed, or for another topic or content type")]
    Forged,
    /// The message was opened before.
    #[error("opened before")]
    Replayed,
    /// Older than [`ReplayLimits::max_age`](super::ReplayLimits::max_age), or than what can be told apart from a replay.
    #[error("too old: sealed {0:?} ago")]
    TooOld(Duration),
    /// Sealed by a clock that is ahead by more than [`ReplayLimits::max_ahead`](super::ReplayLimits::max_ahead).
    #[error("from the future: sealed by a clock that is {0:?} ahead")]
    FromTheFuture(Duration),
}
