//! What can be wrong with a data directory.

use std::io;
use std::path::PathBuf;

/// Why a data directory cannot be used. The message says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// It cannot be made, or is not one's own.
    #[error(
        "cannot use {path} as data directory: {error}; give another one with --data, or keep nothing with --memory"
    )]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// No broker has kept anything there.
    #[error("there is no store in {path}; name the directory that a broker has as --data")]
    Nothing {
        /// The directory.
        path: PathBuf,
    },
    /// The file cannot be read.
    #[error(
        "{path} is damaged and cannot be read; a broker that starts with it sets it aside and begins with an empty one"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// Another broker uses it.
    #[error(
        "{path} is in use by another broker; stop that one, or give this one a directory of its own with --data"
    )]
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// It was written by a later version.
    #[error(
        "{path} was written by a newer version of the broker (format {format}); start that one, or give another --data"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// The format.
        format: u64,
    },
    /// The engine does not get on with it, although it is not damaged.
    #[error("cannot open {path}: {error}")]
    Engine {
        /// The file.
        path: PathBuf,
        /// What the engine says.
        error: String,
    },
}

/// An error of the engine, whatever it was about.
#[derive(Debug, thiserror::Error)]
pub(super) enum EngineError {
    #[error(transparent)]
    Engine(Box<redb::Error>),
    #[error("format {0}")]
    Newer(u64),
}

impl<E: Into<redb::Error>> From<E> for EngineError {
    fn from(error: E) -> Self {
        Self::Engine(Box::new(error.into()))
    }
}
