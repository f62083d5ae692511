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
use crate::config::Place;

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

impl AuthError {
    /// The setting to look at; none if the message names the line of another file.
    pub fn place(&self) -> Option<Place> {
        match self {
            #[cfg(feature = "tls")]
            Self::Certificate(_) => Some(Place::setting("auth.certificate")),
            #[cfg(feature = "http-auth")]
            Self::Http(error) => Some(Place::setting(error.setting())),
            #[cfg(feature = "jwt")]
            Self::Jwt(_) => Some(Place::setting("auth.jwt")),
            #[cfg(feature = "net")]
            Self::Passwords(PasswordFileError::Read { .. }) => Some(Place::setting("auth.password_file")),
            #[cfg(feature = "net")]
            Self::Passwords(PasswordFileError::Line { .. }) => None,
            #[cfg(feature = "scram")]
            Self::Scram(ScramFileError::Line { .. }) => None,
            #[cfg(feature = "scram")]
            Self::Scram(_) => Some(Place::setting("auth.scram")),
        }
    }
}
