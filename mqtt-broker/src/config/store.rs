//! Where sessions and messages are kept.

use std::path::PathBuf;
use std::time::Duration;

use super::ConfigError;

/// How long what was acknowledged survives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Durability {
    /// The machine losing power: each commit waits for the disk.
    #[default]
    Fsync,
    /// The process being killed: the system writes when it likes.
    Os,
}

/// A store in files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreSettings {
    /// The data directory, made if it is not there; `None`, the default, keeps nothing beyond the process. The program
    /// `mqtt-broker` takes `mqtt-data` then, unless `memory` says otherwise.
    pub directory: Option<PathBuf>,
    /// That nothing is to be kept, said so that no program takes a directory of its own. Not together with `directory`.
    pub memory: bool,
    /// What a commit waits for. Default: the disk.
    pub durability: Durability,
    /// How long a commit waits for more to write. Default none: while one is being written the next one gathers anyway.
    pub delay: Duration,
    /// Operations for which it waits no longer. Default 1,000.
    pub operations: usize,
    /// Operations that may wait to be stored before who publishes has to. Default 100,000: some commits of a busy broker.
    pub queue_operations: usize,
    /// Bytes that may wait. Default 64 MiB.
    pub queue_bytes: usize,
    /// Bytes of the file that are kept in memory. Default 16 MiB: it is written and read mostly in its order, and the system has it in
    /// memory as well.
    pub cache: usize,
}

impl StoreSettings {
    pub(super) const fn check(&self) -> Result<(), ConfigError> {
        match &self.directory {
            Some(_) if self.memory => Err(ConfigError::MemoryAndDirectory),
            Some(_) if !cfg!(feature = "disk") => Err(ConfigError::NoDisk),
            _ => Ok(()),
        }
    }
}

impl Default for StoreSettings {
    fn default() -> Self {
        Self {
            directory: None,
            memory: false,
            durability: Durability::Fsync,
            delay: Duration::ZERO,
            operations: 1_000,
            queue_operations: 100_000,
            queue_bytes: 64 << 20,
            cache: 16 << 20,
        }
    }
}
