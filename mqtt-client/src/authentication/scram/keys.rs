//! From the password to the proof of the client and the signature of the server.

use std::sync::{Arc, Mutex, PoisonError};

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

type Key = [u8; 32];

/// SaltedPassword for the salt that a server has used last, so that connecting again is cheap.
#[derive(Clone, Default)]
pub(super) struct Salted(Arc<Mutex<Option<Known>>>);

#[derive(Clone)]
struct Known {
    salt: Vec<u8>,
    iterations: u32,
    key: Key,
}

impl Salted {
    /// `Hi(password, salt, iterations)`, which takes as long as the server wants it to.
    pub(super) fn password(&self, password: &str, salt: &[u8], iterations: u32) -> Key {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(known) = known.filter(|known| known.salt == salt && known.iterations == iterations) {
            return known.key;
        }
        let key = pbkdf2::pbkdf2_hmac_array::<Sha256, 32>(password.as_bytes(), salt, iterations);
        let known = Known { salt: salt.to_vec(), iterations, key };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(known);
        key
    }
}

/// ClientProof.
pub(super) fn proof(salted: &Key, message: &str) -> Key {
    let mut proof = sign(salted, b"Client Key");
    let signature = sign(&Sha256::digest(proof), message.as_bytes());
    proof.iter_mut().zip(signature).for_each(|(byte, other)| *byte ^= other);
    proof
}

/// What ServerSignature is verified with.
#[derive(Clone)]
pub(super) struct Verifier(Hmac<Sha256>);

impl Verifier {
    pub(super) fn new(salted: &Key, message: &str) -> Self {
        Self(mac(&sign(salted, b"Server Key"), message.as_bytes()))
    }

    /// Takes as long for any signature of the right length.
    pub(super) fn verify(self, signature: &[u8]) -> bool {
        self.0.verify_slice(signature).is_ok()
    }
}

fn sign(key: &[u8], text: &[u8]) -> Key {
    mac(key, text).finalize().into_bytes().into()
}

fn mac(key: &[u8], text: &[u8]) -> Hmac<Sha256> {
    let mac = Hmac::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.chain_update(text)
}
