//! Payloads that only those with a key can read: the server, and whoever has its files, cannot.
//!
//! ```text
//!   Sealer --seal--> envelope --PUBLISH--> server --PUBLISH--> envelope --open--> Opener
//!   SharedKey or        topic, content type: readable, bound to the      SharedKeys and PrivateKeys,
//!   PublicKey           payload by authentication                        found by their identifiers
//! ```
//!
//! # Example
//!
//! ```
//! use mqtt_client::envelope::{Cipher, Opener, Sealer, SharedKey};
//!
//! let key = SharedKey::new("2026-11", Cipher::Aes256Gcm, [7; 32])?; // of a secret place, not of the source
//! let sealer = Sealer::shared(&key)?;
//! let mut opener = Opener::new().shared(key);
//!
//! let envelope = sealer.seal("house/door", None, b"open")?;
//! let opened = opener.open_parts("house/door", None, false, &envelope)?;
//! assert_eq!(&opened.payload[..], b"open");
//! assert!(opener.open_parts("house/door", None, false, &envelope).is_err(), "a second time is a replay");
//! assert!(opener.open_parts("house/window", None, false, &envelope).is_err(), "another topic is a forgery");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! With a client it is [`Publish::sealed`](crate::Publish::sealed) and [`Opener::open`].
//!
//! # What holds
//!
//! * **Nobody without the key reads or changes a payload**, nor moves it to another topic or gives it another content type. What
//!   stays readable: topic, properties, length, time, how many messages one sender has sent.
//! * **No nonce is used twice**, whatever restarts: each [`Sealer`] draws 128 random bits when it is made, which give it a key of its own, and
//!   counts its messages. Nothing has to be stored.
//! * **A message is opened once.** An [`Opener`] knows of each sender which of its last 1,024 messages it has seen; older ones, and those of
//!   senders that it had to forget, are refused. A retained message is what the server may give again at any time, and is
//!   opened as often as it comes; [`ReplayLimits::max_age`] bounds that. An opener that is made anew has seen nothing.
//! * **With a shared key** all that have it can read and write, and cannot be told apart. **With a public key** only the owner of the
//!   private key can read, and *anybody* can write: who has sent it is not proved, and repetitions are refused all the same.
//! * **Rotation**: an opener has any number of keys, each with an identifier that travels with the message. Give the new key to all
//!   openers, then to all sealers, then take the old one away with [`Opener::forget`].
//!
//! # Format
//!
//! All numbers are big-endian. There is no padding.
//!
//! | offset | bytes | what |
//! |---|---|---|
//! | 0 | 1 | 0xC1, which begins no UTF-8 text |
//! | 1 | 1 | kind: 0x01 ChaCha20-Poly1305 with a shared key, 0x02 AES-256-GCM with a shared key, 0x11 HPKE |
//! | 2 | 1 | n, the length of the key's identifier: 1 to 64 |
//! | 3 | n | the key's identifier, UTF-8 |
//! | 3 + n | 8 | time of sealing, milliseconds since 1970 |
//! | 11 + n | 16 | the sender: random, drawn when its sealer was made |
//! | 27 + n | 8 | number of the message: 0, 1, 2 and so on for each sender |
//! | 35 + n | 32 | HPKE only: the encapsulated key |
//! | 35 + n or 67 + n | payload + 16 | ciphertext with its tag |
//!
//! *Associated data* is the first 35 + n bytes, then the length of the topic in two bytes and the topic, then the length of the content type in two
//! bytes and the content type, which is empty if there is none.
//!
//! *Shared keys*: the key of the cipher is HKDF-SHA-256 of the secret, with the 16 bytes of the sender as salt and
//! `mqtt-envelope` followed by the kind as info, 32 bytes long. The nonce is four bytes of zero and the number of the message.
//!
//! *HPKE* is RFC 9180 in base mode, one context for each message: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20-Poly1305, with
//! `mqtt-envelope` followed by 0x11 as info.
//!
//! Test vectors are in `mqtt-client/tests/envelope_vectors.txt`; `examples/python/open_envelope.py` reads them with fewer than 60 lines.

mod error;
mod format;
mod key;
mod open;
mod replay;
mod seal;
#[cfg(test)]
mod tests;

pub use error::{KeyError, OpenError, SealError};
pub use key::{Cipher, PrivateKey, PublicKey, SharedKey};
pub use open::{Opened, Opener};
pub use replay::ReplayLimits;
pub use seal::Sealer;
