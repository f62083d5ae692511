//! Somebody who makes tokens: keys, signatures, and the files for those who verify them.

use std::cell::Cell;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;

use data_encoding::BASE64URL_NOPAD;
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ED25519};
use ring::hmac;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
    RsaPublicKeyComponents,
};
use serde_json::{Value, json};

/// Made for these tests with openssl; ring makes none.
const RSA: &[u8] = include_bytes!("rsa.pk8");
pub(super) const RSA_PEM: &str = include_str!("rsa.pem");

/// The private half of a key.
pub(super) enum Signer {
    Hs256(Vec<u8>),
    Rs256,
    Es256(KeyPair),
    EdDsa(KeyPair),
}

impl Signer {
    /// One of each kind; the secret differs by `seed`, the others in every run.
    pub(super) fn all(seed: u8) -> [Self; 4] {
        [Self::Hs256(vec![seed; 32]), Self::Rs256, Self::es256(), Self::ed_dsa()]
    }

    pub(super) fn es256() -> Self {
        Self::Es256(KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("a key"))
    }

    pub(super) fn ed_dsa() -> Self {
        Self::EdDsa(KeyPair::generate_for(&PKCS_ED25519).expect("a key"))
    }

    pub(super) const fn algorithm(&self) -> &'static str {
        match self {
            Self::Hs256(_) => "HS256",
            Self::Rs256 => "RS256",
            Self::Es256(_) => "ES256",
            Self::EdDsa(_) => "EdDSA",
        }
    }

    /// A token with these claims.
    pub(super) fn token(&self, claims: &Value) -> String {
        self.token_with(&json!({ "alg": self.algorithm(), "typ": "JWT" }), claims)
    }

    /// The same with a header that may lie.
    pub(super) fn token_with(&self, header: &Value, claims: &Value) -> String {
        let part = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
        let message = format!("{}.{}", part(header), part(claims));
        let signature = BASE64URL_NOPAD.encode(&self.sign(message.as_bytes()));
        format!("{message}.{signature}")
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Self::Hs256(secret) => {
                hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message).as_ref().to_vec()
            }
            Self::Rs256 => {
                let key = RsaKeyPair::from_pkcs8(RSA).expect("a key");
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).expect("signed");
                signature
            }
            Self::Es256(key) => {
                let key = key.serialize_der();
                let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &key, &random);
                key.expect("a key").sign(&random, message).expect("signed").as_ref().to_vec()
            }
            Self::EdDsa(key) => {
                let key = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&key.serialize_der());
                key.expect("a key").sign(message).as_ref().to_vec()
            }
        }
    }

    /// The public half.
    pub(super) fn pem(&self) -> String {
        match self {
            Self::Hs256(_) => panic!("a secret is not public"),
            Self::Rs256 => RSA_PEM.to_owned(),
            Self::Es256(key) | Self::EdDsa(key) => key.public_key_pem(),
        }
    }

    /// What verifies, as it stands in a key set.
    pub(super) fn jwk(&self, id: Option<&str>) -> Value {
        let text = |bytes: &[u8]| BASE64URL_NOPAD.encode(bytes);
        let mut key = match self {
            Self::Hs256(secret) => json!({ "kty": "oct", "k": text(secret) }),
            Self::Rs256 => {
                let key = RsaKeyPair::from_pkcs8(RSA).expect("a key");
                let public: RsaPublicKeyComponents<Vec<u8>> = key.public().into();
                json!({ "kty": "RSA", "n": text(&public.n), "e": text(&public.e) })
            }
            Self::Es256(key) => {
                let (x, y) = key.public_key_raw()[1..].split_at(32);
                json!({ "kty": "EC", "crv": "P-256", "x": text(x), "y": text(y) })
            }
            Self::EdDsa(key) => json!({ "kty": "OKP", "crv": "Ed25519", "x": text(key.public_key_raw()) }),
        };
        if let Some(id) = id {
            key["kid"] = json!(id);
        }
        key
    }
}

/// A file that nobody else has, until the test ends.
pub(super) fn file(content: impl AsRef<[u8]>) -> PathBuf {
    thread_local!(static DIRECTORY: Directory = Directory::new());
    DIRECTORY.with(|directory| directory.write(content.as_ref()))
}

struct Directory {
    path: PathBuf,
    files: Cell<usize>,
}

impl Directory {
    fn new() -> Self {
        static DIRECTORIES: AtomicUsize = AtomicUsize::new(0);
        let number = DIRECTORIES.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("mqtt-broker-jwt-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).expect("a directory");
        Self { path, files: Cell::new(0) }
    }

    fn write(&self, content: &[u8]) -> PathBuf {
        let path = self.path.join(self.files.replace(self.files.get() + 1).to_string());
        fs::write(&path, content).expect("written");
        path
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Seconds since 1970 so long after now, or before.
pub(super) fn at(seconds: i64) -> i64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
    i64::try_from(now.as_secs()).expect("before the end of time") + seconds
}
