//! What is wrong with the keys of tokens, and what to do about it.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// Why tokens cannot be judged.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum JwtError {
    /// A file with no key that could be used.
    #[error("{} has no key for HS256, RS256, ES256 or EdDSA", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// A file that is no JSON Web Key Set.
    #[error("{} is no JSON Web Key Set: {error}", path.display())]
    KeySet {
        /// The file.
        path: PathBuf,
        /// What is wrong in it.
        error: String,
    },
    /// More keys than anybody should have to try.
    #[error("there are more than {limit} keys for tokens: leave out those that are no longer used")]
    Keys {
        /// How many there may be.
        limit: usize,
    },
    /// Nothing to judge tokens by.
    #[error("it has no key: set secret, public_keys or key_set to a file with one")]
    NoKey,
    /// A file that is not PEM, or has something else in it.
    #[error(
        "{} has no block BEGIN PUBLIC KEY: it has to be a PEM file with one, as by openssl pkey -pubout ({error})",
        path.display()
    )]
    Pem {
        /// The file.
        path: PathBuf,
        /// What is wrong in it.
        error: String,
    },
    /// A public key where the secret belongs: everybody could make tokens with it.
    #[error("the secret {} is a PEM file: if it holds public keys, set public_keys", path.display())]
    PublicSecret {
        /// The file.
        path: PathBuf,
    },
    /// A file cannot be read.
    #[error("cannot read {}: {error}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// A file that nobody wrote by hand.
    #[error("{} has more than {limit} bytes: it is no file of keys", path.display())]
    Size {
        /// The file.
        path: PathBuf,
        /// How many it may have.
        limit: u64,
    },
    /// A key that is no key, or of a kind that does not protect.
    #[error("a key in {} cannot be used: {reason}", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What it should be.
        reason: Unusable,
    },
}

/// What is wrong with one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Unusable {
    /// Another curve than P-256.
    #[error("ES256 needs a point of the curve P-256")]
    Curve,
    /// Neither RSA nor P-256 nor Ed25519, or damaged.
    #[error("it is neither a key of RSA, nor of the curve P-256, nor of Ed25519")]
    Kind,
    /// A secret that can be guessed.
    #[error("a secret of HS256 has to have 32 bytes or more")]
    ShortSecret,
    /// A modulus outside of what is verified.
    #[error("the modulus of an RSA key has to have 2048 to 8192 bits")]
    Modulus,
}
