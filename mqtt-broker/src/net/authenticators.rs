//! Who judges clients: what the configuration names, and what the embedding program brings along.

use std::sync::Arc;

use super::broker::StartError;
#[cfg(feature = "tls")]
use crate::auth::Certificate;
#[cfg(feature = "http-auth")]
use crate::auth::Http;
#[cfg(feature = "jwt")]
use crate::auth::Jwt;
use crate::auth::password::PasswordFile;
#[cfg(feature = "scram")]
use crate::auth::scram::Scram;
use crate::auth::{AuthError, Authenticator, Judge};
use crate::config::{AuthSettings, Config, ConfigError};

/// The authenticators of the embedding program.
#[derive(Clone, Debug, Default)]
pub(super) struct Authenticators(Vec<Arc<dyn Authenticator>>);

impl Authenticators {
    pub(super) fn push(&mut self, authenticator: Arc<dyn Authenticator>) {
        self.0.push(authenticator);
    }

    /// Looks at a configuration in the light of these.
    pub(super) fn check(&self, config: &Config) -> Result<(), ConfigError> {
        let names: Vec<&str> = self.0.iter().map(|own| own.name()).collect();
        config.check_with(&names)
    }

    /// Those who judge clients with this configuration, whose files are read. Who was there before goes on counting.
    pub(super) fn judges(
        &self,
        config: &Config,
        before: &[Arc<Judge>],
    ) -> Result<Vec<Arc<Judge>>, StartError> {
        let built_in = built_in(config)?;
        let all = built_in.into_iter().chain(self.0.iter().cloned());
        Ok(all.map(|authenticator| Judge::new(authenticator, before)).collect())
    }
}

/// What the table `[auth]` names, in the order of [`AuthSettings::kinds`](crate::config::AuthSettings::kinds).
fn built_in(config: &Config) -> Result<Vec<Arc<dyn Authenticator>>, AuthError> {
    let kinds = config.auth.kinds();
    let made = kinds.into_iter().map(|kind| made(kind, &config.auth));
    made.filter_map(Result::transpose).collect()
}

/// None for what this program was built without, which [`Config::check`] has refused.
fn made(kind: &str, settings: &AuthSettings) -> Result<Option<Arc<dyn Authenticator>>, AuthError> {
    match kind {
        PasswordFile::NAME => match &settings.password_file {
            Some(path) => Ok(Some(Arc::new(PasswordFile::read(path, settings)?))),
            None => Ok(None),
        },
        #[cfg(feature = "tls")]
        "certificate" => made_by(settings.certificate.as_ref(), Certificate::new),
        #[cfg(feature = "jwt")]
        "jwt" => made_by(settings.jwt.as_ref(), Jwt::new),
        #[cfg(feature = "scram")]
        Scram::NAME => match &settings.scram {
            Some(scram) => Ok(Some(Arc::new(Scram::new(scram, &settings.guesses)?))),
            None => Ok(None),
        },
        #[cfg(feature = "http-auth")]
        "http" => made_by(settings.http.as_ref(), Http::new),
        _ => Ok(None),
    }
}

#[cfg(feature = "tls")]
fn made_by<S, A: Authenticator + 'static, E: Into<AuthError>>(
    settings: Option<&S>,
    new: fn(&S) -> Result<A, E>,
) -> Result<Option<Arc<dyn Authenticator>>, AuthError> {
    let made = settings.map(new).transpose().map_err(Into::into)?;
    Ok(made.map(|authenticator| Arc::new(authenticator) as _))
}
