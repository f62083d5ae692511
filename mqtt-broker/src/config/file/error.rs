//! What is wrong with a configuration file.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use super::wording;

/// Why a file is no configuration.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FileError {
    /// The file is something else than text.
    #[error("{} is no text in UTF-8: save it in that encoding", path.display())]
    Encoding {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be read.
    #[error("cannot read the configuration {}: {error}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// The file can be read, but not understood.
    #[error("{}, {error}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// What is wrong in it.
        error: SyntaxError,
    },
}

/// What is wrong with the text of a configuration.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("line {line}: {message}")]
#[non_exhaustive]
pub struct SyntaxError {
    /// The line, counted from 1.
    pub line: usize,
    /// What it should be.
    pub message: String,
}

impl SyntaxError {
    pub(in crate::config) fn new(text: &str, error: &toml::de::Error) -> Self {
        let line = line_of(text, error.span().map_or(0, |span| span.start));
        Self { line, message: wording::plain(&error.message().trim().replace('\n', ", ")) }
    }
}

/// The line of a byte, counted from 1.
pub(in crate::config) fn line_of(text: &str, byte: usize) -> usize {
    1 + text.bytes().take(byte).filter(|&byte| byte == b'\n').count()
}
