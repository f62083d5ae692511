//! Who judges clients: what the configuration names, and what the embedding program brings along.

use std::sync::Arc;

use super::broker::StartError;
use crate::auth::{Authenticator, Judge};
use crate::config::{Config, ConfigError};

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
#[expect(clippy::unnecessary_wraps, reason = "files may be wrong")]
fn built_in(_: &Config) -> Result<Vec<Arc<dyn Authenticator>>, StartError> {
    Ok(Vec::new())
}
