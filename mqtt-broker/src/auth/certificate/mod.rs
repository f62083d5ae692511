//! Certificates: who a client is by the one that it has proved to own.
//!
//! TLS has judged before that the listener's CA has signed it, that it is valid and not revoked. What is left is which of its
//! names counts.

mod names;

use std::collections::HashMap;
use std::time::SystemTime;

use mqtt_codec::Text;
use thiserror::Error;
use x509_cert::der::Decode;

use super::{Attempt, Authenticator, Decision, Identity, Judging, Refused};
use crate::config::CertificateSettings;
use names::name;

/// Admits clients by the name in their certificate.
#[derive(Debug)]
pub struct Certificate {
    settings: CertificateSettings,
    user_names: HashMap<String, Text>,
}

/// Why certificates cannot be judged.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// All certificates would be one user.
    #[error(
        "auth.certificate.user_name has no {}, so all certificates would be the same user: write it there, or \"none\" to let \
         in those of user_names only",
        CertificateSettings::NAME
    )]
    SameUser,
    /// Nobody could connect.
    #[error(
        "auth.certificate.user_name is \"none\" and user_names is empty, so nobody could connect: set one of them"
    )]
    Nobody,
    /// A user name that MQTT cannot carry.
    #[error("auth.certificate.user_names gives \"{name}\" a user name that is empty or no text of MQTT")]
    UserName {
        /// The name in the certificate.
        name: String,
    },
}

impl Certificate {
    /// Judges as the settings say.
    ///
    /// # Errors
    /// If they cannot be.
    pub fn new(settings: &CertificateSettings) -> Result<Self, CertificateError> {
        match &settings.user_name {
            Some(template) if !template.contains(CertificateSettings::NAME) => {
                return Err(CertificateError::SameUser);
            }
            None if settings.user_names.is_empty() => return Err(CertificateError::Nobody),
            _ => {}
        }
        let user_name = |(name, user_name): (&String, &String)| {
            let text = Some(user_name).filter(|user_name| !user_name.is_empty());
            let text = text.and_then(|user_name| Text::new(user_name).ok());
            text.map(|text| (name.clone(), text))
                .ok_or_else(|| CertificateError::UserName { name: name.clone() })
        };
        let user_names = settings.user_names.iter().map(user_name).collect::<Result<_, _>>()?;
        Ok(Self { settings: settings.clone(), user_names })
    }

    fn judge(&self, der: &[u8], attempt: &Attempt) -> Result<Identity, Doubt> {
        let certificate = x509_cert::Certificate::from_der(der).map_err(|_| Doubt::Damaged)?;
        let certificate = certificate.tbs_certificate();
        let name = name(certificate, self.settings.name)?;
        let user_name = self.user_name(&name)?;
        if self.settings.match_user_name && attempt.user_name.as_ref().is_some_and(|said| *said != user_name)
        {
            return Err(Doubt::OtherUserName);
        }
        let end = certificate.validity().not_after.to_unix_duration();
        let expires = SystemTime::UNIX_EPOCH.checked_add(end);
        Ok(Identity { user_name: Some(user_name), expires, ..Identity::default() })
    }

    fn user_name(&self, name: &Text) -> Result<Text, Doubt> {
        if let Some(user_name) = self.user_names.get(name.as_str()) {
            return Ok(user_name.clone());
        }
        let template = self.settings.user_name.as_ref().ok_or(Doubt::Unknown)?;
        Text::new(&template.replace(CertificateSettings::NAME, name.as_str())).map_err(|_| Doubt::Characters)
    }
}

impl Authenticator for Certificate {
    fn name(&self) -> &'static str {
        "certificate"
    }

    fn authenticate<'a>(&'a self, attempt: &'a Attempt) -> Judging<'a, Decision> {
        let decision = match attempt.certificates.first().map(|der| self.judge(der, attempt)) {
            None => Decision::Pass,
            Some(Ok(identity)) => Decision::Admit(identity),
            Some(Err(doubt)) => {
                tracing::debug!(client_id = attempt.client_id.as_str(), "a certificate is refused: {doubt}");
                Decision::Refuse(match doubt {
                    Doubt::OtherUserName => Refused::Credentials,
                    _ => Refused::NotAuthorized,
                })
            }
        };
        Box::pin(async { decision })
    }
}

/// Why a certificate that TLS has verified says nobody's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
enum Doubt {
    #[error("its name has characters that no user name has")]
    Characters,
    #[error("it cannot be read")]
    Damaged,
    #[error("it has several names of the kind that counts")]
    Names,
    #[error("it has no name of the kind that counts")]
    NoName,
    #[error("its user name is not that of CONNECT")]
    OtherUserName,
    #[error("its name is not among auth.certificate.user_names")]
    Unknown,
}

#[cfg(test)]
mod tests;
