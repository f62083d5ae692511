//! What is wrong with the files of a listener with TLS, and what to do about it.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// Why TLS cannot be served.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TlsError {
    /// The key needs a password.
    #[error(
        "the key {0} is encrypted: write it without a password, as by openssl pkey -in {0} -out PLAIN.pem, and protect it \
         by the permissions of the file",
        path.display()
    )]
    Encrypted {
        /// The file.
        path: PathBuf,
    },
    /// The key is another's.
    #[error("the key {} does not belong to the certificate {}: set those that were made together, and let the server's own \
         certificate be the first in its file", key.display(), certificate.display())]
    Mismatch {
        /// The file of the key.
        key: PathBuf,
        /// The file of the certificate.
        certificate: PathBuf,
    },
    /// A file has something else in it.
    #[error("{option} {} has no block BEGIN {block}: it has to be a PEM file with one", path.display())]
    NoBlock {
        /// The setting.
        option: &'static str,
        /// The file.
        path: PathBuf,
        /// What it should have.
        block: &'static str,
    },
    /// A file cannot be read.
    #[error("cannot read {option} {}: {error}", path.display())]
    Read {
        /// The setting.
        option: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// The library refuses to serve.
    #[error("TLS cannot be served: {0}")]
    Refused(rustls::Error),
    /// A file is no PEM file.
    #[error("{option} {} is no PEM file: {error}", path.display())]
    Syntax {
        /// The setting.
        option: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong in it.
        error: &'static str,
    },
    /// A certificate or key that is none, or of a kind that nobody should use any more.
    #[error("{} cannot be used: {error}", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What the library says.
        error: rustls::Error,
    },
    /// The CAs or revoked certificates cannot be used.
    #[error("clients cannot be verified with {}: {error}", path.display())]
    Verifier {
        /// The file.
        path: PathBuf,
        /// What the library says.
        error: String,
    },
}
