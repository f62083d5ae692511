//! The configuration of a broker that runs.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use crate::config::Config;

/// A configuration that may be replaced. Shards keep what they have seen of it, and are told when it changes; what all of
/// them ask for in each turn is readable without a lock.
#[derive(Debug)]
pub(super) struct Settings {
    config: RwLock<Arc<Config>>,
    connections: AtomicUsize,
    mailbox: AtomicUsize,
}

impl Settings {
    pub(super) fn new(config: Config) -> Self {
        Self {
            connections: AtomicUsize::new(config.limits.connections),
            mailbox: AtomicUsize::new(config.limits.mailbox),
            config: RwLock::new(Arc::new(config)),
        }
    }

    pub(super) fn config(&self) -> Arc<Config> {
        Arc::clone(&self.config.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn replace(&self, config: Config) {
        self.connections.store(config.limits.connections, Ordering::Relaxed);
        self.mailbox.store(config.limits.mailbox, Ordering::Relaxed);
        *self.config.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(config);
    }

    /// `limits.connections`.
    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// `limits.mailbox`.
    pub(super) fn mailbox(&self) -> usize {
        self.mailbox.load(Ordering::Relaxed)
    }
}
