//! Another configuration for a broker that runs.

use std::sync::PoisonError;

use super::broker::{CONFIGURATION, StartError};
use super::handle::BrokerHandle;
use super::listen::Served;
use super::shard_loop::Shared;
use crate::config::Config;

impl BrokerHandle {
    /// Replaces the configuration while the broker runs, and reads the files that it names again: certificates, keys, CAs,
    /// revocation lists, users, rules of permission. Everything is looked at before anything changes. Connections stay, each
    /// with the certificates and limits that it began with; those that come later find the new ones. TLS sessions of before
    /// are not resumed.
    ///
    /// Returns the names of settings that wait for the next start, as [`Config::renewed`] tells them.
    ///
    /// It reads files, so it may take some milliseconds in which the thread does nothing else.
    ///
    /// # Errors
    /// What [`BrokerBuilder::check`](super::BrokerBuilder::check) finds; then everything stays as it was.
    pub fn reload(&self, config: Config) -> Result<Vec<String>, StartError> {
        self.authenticators.check(&config)?;
        let mut judges = self.judges.lock().unwrap_or_else(PoisonError::into_inner);
        let Shared { hub, served, .. } = &**self.shared();
        let (config, waiting) = hub.config().renewed(config);
        let rules = config.rules(CONFIGURATION)?;
        let next = self.authenticators.judges(&config, &judges)?;
        let renewed = config.listeners.iter().map(|listener| Served::new(listener, &config, &next));
        let renewed = renewed.collect::<Result<Vec<_>, _>>()?;
        served.iter().zip(renewed).for_each(|(served, renewed)| served.renew(renewed));
        hub.set_rules(rules);
        hub.reload(config);
        *judges = next;
        Ok(waiting)
    }
}
