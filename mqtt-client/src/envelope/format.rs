//! The bytes of an envelope.

use aes_gcm::Aes256Gcm;
use chacha20poly1305::ChaCha20Poly1305;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use hkdf::Hkdf;
use hpke::kem::X25519HkdfSha256;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::error::OpenError;
use super::key::{Cipher, SharedKey};

const MARK: u8 = 0xC1;
pub(super) const HPKE: u8 = 0x11;
const INFO: &[u8] = b"mqtt-envelope";
/// Bytes before and behind the identifier, up to the ciphertext or the encapsulated key.
const BEFORE_ID: usize = 3;
const BEHIND_ID: usize = 8 + 16 + 8;
/// An X25519 key that HPKE sends along.
pub(super) const ENCAPSULATED: usize = 32;

pub(super) type HpkeKem = X25519HkdfSha256;
pub(super) type HpkeKdf = hpke::kdf::HkdfSha256;
pub(super) type HpkeAead = hpke::aead::ChaCha20Poly1305;

pub(super) const fn kind_of(cipher: Cipher) -> u8 {
    match cipher {
        Cipher::ChaCha20Poly1305 => 0x01,
        Cipher::Aes256Gcm => 0x02,
    }
}

/// What HKDF and HPKE are told besides keys.
pub(super) fn info(kind: u8) -> Vec<u8> {
    [INFO, &[kind]].concat()
}

/// What stands before the ciphertext.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header<'a> {
    pub(super) kind: u8,
    pub(super) key_id: &'a str,
    /// Milliseconds since 1970.
    pub(super) time: u64,
    pub(super) sender: [u8; 16],
    pub(super) number: u64,
}

impl<'a> Header<'a> {
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.extend([MARK, self.kind, self.key_id.len() as u8]);
        out.extend_from_slice(self.key_id.as_bytes());
        out.extend(self.time.to_be_bytes());
        out.extend(self.sender);
        out.extend(self.number.to_be_bytes());
    }

    /// The header, its bytes, and what follows it.
    pub(super) fn read(envelope: &'a [u8]) -> Result<(Self, &'a [u8], &'a [u8]), OpenError> {
        let [MARK, kind, length, ..] = *envelope else { return Err(OpenError::NotAnEnvelope) };
        if ![0x01, 0x02, HPKE].contains(&kind) {
            return Err(OpenError::Kind(kind));
        }
        let end = BEFORE_ID + usize::from(length) + BEHIND_ID;
        let (bytes, rest) = envelope.split_at_checked(end).ok_or(OpenError::NotAnEnvelope)?;
        let (id, numbers) = bytes[BEFORE_ID..].split_at(usize::from(length));
        let key_id = std::str::from_utf8(id).map_err(|_| OpenError::NotAnEnvelope)?;
        let [time, high, low, number] = [0, 8, 16, 24]
            .map(|at| numbers.get(at..).and_then(|bytes| bytes.first_chunk()).copied().unwrap_or_default());
        let mut sender = [0; 16];
        sender[..8].copy_from_slice(&high);
        sender[8..].copy_from_slice(&low);
        let header = Header {
            kind,
            key_id,
            time: u64::from_be_bytes(time),
            sender,
            number: u64::from_be_bytes(number),
        };
        Ok((header, bytes, rest))
    }
}

/// What is authenticated besides the payload.
pub(super) fn associated(header: &[u8], topic: &str, content_type: Option<&str>) -> Vec<u8> {
    let mut data = header.to_vec();
    for text in [topic, content_type.unwrap_or_default()] {
        data.extend((text.len() as u16).to_be_bytes());
        data.extend_from_slice(text.as_bytes());
    }
    data
}

/// The cipher of one sender under a shared key.
pub(super) enum SenderCipher {
    ChaCha(Box<ChaCha20Poly1305>),
    Aes(Box<Aes256Gcm>),
}

impl SenderCipher {
    pub(super) fn new(key: &SharedKey, sender: &[u8; 16]) -> Self {
        let mut derived = Zeroizing::new([0; 32]);
        let derivation = Hkdf::<Sha256>::new(Some(sender), &key.secret[..]);
        let expanded = derivation.expand(&info(kind_of(key.cipher)), &mut derived[..]);
        debug_assert!(expanded.is_ok(), "32 bytes are not too many");
        match key.cipher {
            Cipher::ChaCha20Poly1305 => Self::ChaCha(Box::new(ChaCha20Poly1305::new((&*derived).into()))),
            Cipher::Aes256Gcm => Self::Aes(Box::new(Aes256Gcm::new((&*derived).into()))),
        }
    }

    pub(super) fn seal(&self, number: u64, payload: &[u8], associated: &[u8]) -> Option<Vec<u8>> {
        let (nonce, payload) = (nonce(number), Payload { msg: payload, aad: associated });
        match self {
            Self::ChaCha(cipher) => cipher.encrypt((&nonce).into(), payload),
            Self::Aes(cipher) => cipher.encrypt((&nonce).into(), payload),
        }
        .ok()
    }

    pub(super) fn open(&self, number: u64, ciphertext: &[u8], associated: &[u8]) -> Option<Vec<u8>> {
        let (nonce, payload) = (nonce(number), Payload { msg: ciphertext, aad: associated });
        match self {
            Self::ChaCha(cipher) => cipher.decrypt((&nonce).into(), payload),
            Self::Aes(cipher) => cipher.decrypt((&nonce).into(), payload),
        }
        .ok()
    }
}

fn nonce(number: u64) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&number.to_be_bytes());
    nonce
}
