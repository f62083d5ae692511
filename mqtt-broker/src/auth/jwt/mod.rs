//! Tokens as passwords: JSON Web Tokens (RFC 7519), signed by somebody who is trusted to say who a client is.
//!
//! ```text
//!  password --- no token ---------------------------------> Pass
//!      |
//!   header: alg, kid ---> keys of that alg and kid ---> signature ---> exp, nbf, iss, aud ---> claims ---> Admit
//!      |                      |                            |                |                    |
//!      +----------------------+----------------------------+----------------+--------------------+-------> Refuse
//! ```
//!
//! The algorithm is the key's. What the token says of it only chooses among keys, so neither "none" nor a public key that is
//! used as a secret finds one.

mod claims;
mod error;
mod keys;
#[cfg(not(feature = "aws-lc-rs"))]
mod ring;

use std::str;
use std::time::SystemTime;

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Validation, decode, decode_header};
use thiserror::Error;

use super::{Attempt, Authenticator, Decision, Identity, Judging, Refused};
use crate::config::JwtSettings;
use claims::{Claims, claim, identity, text};
pub use error::{JwtError, Unusable};
use keys::{Key, Keys};

/// More than any clock is wrong, and less than the time since 1970: the library subtracts it.
const LEEWAY: u64 = 1 << 30;

/// Judges passwords that are tokens.
#[derive(Debug)]
pub struct Jwt {
    keys: Keys,
    settings: JwtSettings,
    validation: Validation,
}

impl Jwt {
    /// Reads the keys.
    ///
    /// The crate `jsonwebtoken` has its cryptography once for a process. If nobody has chosen it before, what verifies TLS
    /// becomes it, which signs nothing with ring: a program that makes tokens as well installs its own before.
    ///
    /// # Errors
    /// If there is no key, or one that cannot be used.
    pub fn new(settings: &JwtSettings) -> Result<Self, JwtError> {
        let keys = Keys::read(settings)?;
        #[cfg(not(feature = "aws-lc-rs"))]
        // whoever was first, verifies
        let _ = ring::PROVIDER.install_default();
        Ok(Self { keys, validation: validation(settings), settings: settings.clone() })
    }

    fn judge(&self, token: &str, attempt: &Attempt) -> Result<Identity, Doubt> {
        let claims = self.believe(token)?;
        // [RFC 7519, 4.1.3] whatever it is: the library looks only at what could be an audience
        if self.settings.audiences.is_empty() && claims.get("aud").is_some_and(|audience| !audience.is_null())
        {
            return Err(Doubt::Audience);
        }
        let identity = identity(&claims, &self.settings)?;
        // the library counts whole seconds, and the last one in
        if identity.expires.is_some_and(|end| end <= SystemTime::now()) {
            return Err(Doubt::Expired);
        }
        let named = attempt.user_name.as_ref();
        if self.settings.match_user_name
            && named.is_some_and(|name| identity.user_name.as_ref() != Some(name))
        {
            return Err(Doubt::OtherUserName);
        }
        if let Some(name) = &self.settings.client_id_claim
            && claim(&claims, name).and_then(text).as_ref() != Some(&attempt.client_id)
        {
            return Err(Doubt::OtherClientId);
        }
        Ok(identity)
    }

    /// The claims of a token that somebody who is trusted has signed, and that holds now.
    fn believe(&self, token: &str) -> Result<Claims, Doubt> {
        if token.len() > self.settings.token_size {
            return Err(Doubt::Size);
        }
        let header = decode_header(token).map_err(|_| Doubt::Header)?;
        // [RFC 7515, 4.1.11] extensions that have to be understood, of which none is
        if header.crit.is_some() {
            return Err(Doubt::Header);
        }
        let mut doubt = Doubt::Key;
        for key in self.keys.fitting(header.alg, header.kid.as_deref()) {
            match self.verify(token, key) {
                Err(Doubt::Signature) => doubt = Doubt::Signature,
                outcome => return outcome,
            }
        }
        Err(doubt)
    }

    fn verify(&self, token: &str, key: &Key) -> Result<Claims, Doubt> {
        let mut validation = self.validation.clone();
        validation.algorithms = vec![key.algorithm];
        let data = decode::<Claims>(token, &key.material, &validation);
        data.map(|data| data.claims).map_err(|error| match error.kind() {
            ErrorKind::InvalidSignature => Doubt::Signature,
            ErrorKind::ExpiredSignature => Doubt::Expired,
            ErrorKind::ImmatureSignature => Doubt::Immature,
            ErrorKind::InvalidIssuer => Doubt::Issuer,
            ErrorKind::InvalidAudience => Doubt::Audience,
            ErrorKind::MissingRequiredClaim(_) => Doubt::Missing,
            _ => Doubt::Claims,
        })
    }
}

impl Authenticator for Jwt {
    fn name(&self) -> &'static str {
        "jwt"
    }

    fn authenticate<'a>(&'a self, attempt: &'a Attempt) -> Judging<'a, Decision> {
        let Some(token) = attempt.password.as_ref().and_then(|password| token(password.expose())) else {
            return Box::pin(async { Decision::Pass });
        };
        Box::pin(async move {
            self.judge(token, attempt).map_or_else(
                |doubt| {
                    tracing::debug!(client_id = attempt.client_id.as_str(), "a token is refused: {doubt}");
                    Decision::Refuse(Refused::Credentials)
                },
                Decision::Admit,
            )
        })
    }
}

/// Why a token is not believed. The client is told none of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
enum Doubt {
    #[error("it is made for somebody else (aud)")]
    Audience,
    #[error("its claims are damaged")]
    Claims,
    #[error("it expires at no time (exp)")]
    Expiry,
    #[error("it is expired (exp)")]
    Expired,
    #[error("its groups are no names")]
    Groups,
    #[error("its header is none, or demands what is not known here")]
    Header,
    #[error("it does not hold yet (nbf)")]
    Immature,
    #[error("somebody else has issued it (iss)")]
    Issuer,
    #[error("there is no key of its kid and alg")]
    Key,
    #[error("it lacks a claim that auth.jwt asks for (exp, iss or aud)")]
    Missing,
    #[error("its client identifier is not that of CONNECT")]
    OtherClientId,
    #[error("its user name is not that of CONNECT")]
    OtherUserName,
    #[error("its permissions are not lists of topic filters for publish and subscribe")]
    Permissions,
    #[error("nobody who is trusted has signed it")]
    Signature,
    #[error("it is too long")]
    Size,
    #[error("it has no user name")]
    UserName,
}

/// What the library has to look at, whatever the key.
fn validation(settings: &JwtSettings) -> Validation {
    let mut validation = Validation { validate_nbf: true, ..Validation::default() };
    validation.leeway = settings.leeway.as_secs().min(LEEWAY);
    validation.required_spec_claims.clear();
    let mut require = |claim: &str| validation.required_spec_claims.insert(claim.to_owned());
    if settings.require_expiry {
        require("exp");
    }
    if !settings.issuers.is_empty() {
        require("iss");
    }
    if !settings.audiences.is_empty() {
        require("aud");
    }
    if !settings.issuers.is_empty() {
        validation.set_issuer(&settings.issuers);
    }
    if !settings.audiences.is_empty() {
        validation.set_audience(&settings.audiences);
    }
    validation
}

/// Whether a password is a token, good or bad: three parts in base64url, of which the first begins as a JSON object does.
fn token(password: &[u8]) -> Option<&str> {
    let token = str::from_utf8(password).ok()?;
    let is_ours = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let is_object = token.starts_with("ey") || token.starts_with("ew");
    let has_parts = token.bytes().filter(|&byte| byte == b'.').count() == 2;
    (is_object && has_parts && token.bytes().all(is_ours)).then_some(token)
}

#[cfg(test)]
mod tests;
