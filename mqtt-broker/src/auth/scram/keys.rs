//! What is kept of a password, and what it is good for.

use std::fmt;

use data_encoding::BASE64;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::auth::password::LineFault;

/// As long as what SHA-256 makes.
pub(super) type Key = [u8; 32];

/// The least that RFC 7677 allows, and clients accept.
pub(super) const LEAST_ITERATIONS: u32 = 4_096;
/// Seconds of a client's processor, more than any accepts.
const MOST_ITERATIONS: u32 = 10_000_000;
/// Bytes of salt that are read.
const SALT: std::ops::RangeInclusive<usize> = 8..=64;

const KIND: &str = "SCRAM-SHA-256";

/// What a server keeps of a password. It proves that it has it, and sees that the client knows the password, but cannot
/// play the client: for that it would have to guess the password, at the price of the iterations for each try.
#[derive(Clone)]
pub(super) struct Keys {
    pub(super) iterations: u32,
    pub(super) salt: Box<[u8]>,
    stored: Key,
    server: Key,
}

impl Keys {
    pub(super) const fn new(iterations: u32, salt: Box<[u8]>, stored: Key, server: Key) -> Self {
        Self { iterations, salt, stored, server }
    }

    /// Of a prepared password.
    pub(super) fn derive(password: &str, salt: &[u8], iterations: u32) -> Self {
        let salted = pbkdf2::pbkdf2_hmac_array::<Sha256, 32>(password.as_bytes(), salt, iterations);
        let stored = Sha256::digest(sign(&salted, b"Client Key")).into();
        Self { iterations, salt: salt.into(), stored, server: sign(&salted, b"Server Key") }
    }

    /// `SCRAM-SHA-256$ITERATIONS:SALT$STORED-KEY:SERVER-KEY`, as RFC 5803 and PostgreSQL write it.
    pub(super) fn parse(text: &str) -> Result<Self, LineFault> {
        let Some(rest) = text.strip_prefix(KIND).and_then(|rest| rest.strip_prefix('$')) else {
            let is_other = text.starts_with('$') || text.starts_with("SCRAM-SHA-");
            return Err(if is_other { LineFault::NotScram } else { LineFault::Plain });
        };
        let damaged = LineFault::Damaged { kind: KIND };
        let (cost, keys) = rest.split_once('$').ok_or(damaged)?;
        let (iterations, salt) = cost.split_once(':').ok_or(damaged)?;
        let (stored, server) = keys.split_once(':').ok_or(damaged)?;
        let is_number = iterations.bytes().all(|byte| byte.is_ascii_digit());
        let iterations: u32 = iterations.parse().ok().filter(|_| is_number).ok_or(damaged)?;
        if iterations < LEAST_ITERATIONS {
            return Err(LineFault::Cheap { least: LEAST_ITERATIONS });
        }
        if iterations > MOST_ITERATIONS {
            return Err(LineFault::Dear { most: "10 million iterations" });
        }
        let decode = |text: &str| BASE64.decode(text.as_bytes()).map_err(|_| damaged);
        let salt = decode(salt)?;
        if !SALT.contains(&salt.len()) {
            return Err(damaged);
        }
        let key = |text: &str| Key::try_from(decode(text)?).map_err(|_| damaged);
        Ok(Self { iterations, salt: salt.into(), stored: key(stored)?, server: key(server)? })
    }

    /// The text of a file.
    pub(super) fn to_text(&self) -> String {
        let [salt, stored, server] = [&*self.salt, &self.stored, &self.server].map(|key| BASE64.encode(key));
        format!("{KIND}${}:{salt}${stored}:{server}", self.iterations)
    }

    /// Whether a proof shows that the client knows the password. It takes as long for any proof.
    pub(super) fn verify(&self, message: &str, proof: &Key) -> bool {
        let mut client = sign(&self.stored, message.as_bytes());
        client.iter_mut().zip(proof).for_each(|(byte, other)| *byte ^= other);
        Sha256::digest(client)[..].ct_eq(&self.stored).into()
    }

    /// What shows the client that the server knows these keys.
    pub(super) fn signature(&self, message: &str) -> Key {
        sign(&self.server, message.as_bytes())
    }
}

/// With the keys somebody could play the server.
impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("iterations", &self.iterations).finish_non_exhaustive()
    }
}

fn sign(key: &Key, text: &[u8]) -> Key {
    Hmac::<Sha256>::new_from_slice(key)
        .map(|mac| mac.chain_update(text).finalize().into_bytes().into())
        .expect("HMAC takes keys of any length")
}
