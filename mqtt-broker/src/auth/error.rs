//! What is wrong with the evidence that the configuration names.

use thiserror::Error;

#[cfg(feature = "tls")]
use super::CertificateError;
#[cfg(feature = "http-auth")]
use super::HttpError;
#[cfg(feature = "jwt")]
use super::JwtError;
#[cfg(feature = "net")]
use super::password::PasswordFileError;
#[cfg(feature = "scram")]
use super::scram::ScramFileError;

/// Why clients cannot be judged as the configuration says.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AuthError {
    /// The table `[auth.certificate]`.
    #[cfg(feature = "tls")]
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The table `[auth.http]`.
    #[cfg(feature = "http-auth")]
    #[error(transparent)]
    Http(#[from] HttpError),
    /// The table `[auth.jwt]`.
    #[cfg(feature = "jwt")]
    #[error("auth.jwt: {0}")]
    Jwt(#[from] JwtError),
    /// The password file.
    #[cfg(feature = "net")]
    #[error(transparent)]
    Passwords(#[from] PasswordFileError),
    /// The table `[auth.scram]`.
    #[cfg(feature = "scram")]
    #[error("auth.scram: {0}")]
    Scram(#[from] ScramFileError),
}
