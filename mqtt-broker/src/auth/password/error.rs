//! What is wrong with a password file. Nothing here repeats what stands in one.

use std::io;
use std::path::PathBuf;
use std::str::Utf8Error;

use thiserror::Error;

/// Why a password file cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PasswordFileError {
    /// The file cannot be read.
    #[error(
        "cannot read the password file {}: {error}; make one by: mqtt-broker passwd FILE USER",
        path.display()
    )]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// A line of it is wrong.
    #[error("{}, {error}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// Which line, and why.
        error: LineError,
    },
}

/// What is wrong with the text of a password file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("line {line}: {fault}")]
#[non_exhaustive]
pub struct LineError {
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong there.
    pub fault: LineFault,
}

impl LineError {
    pub(in crate::auth) fn no_text(bytes: &[u8], error: Utf8Error) -> Self {
        let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
        let line = 1 + before.iter().filter(|&&byte| byte == b'\n').count();
        Self { line, fault: LineFault::NoText }
    }
}

/// What is wrong with a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LineFault {
    /// So few iterations that clients refuse them.
    #[error(
        "it has fewer iterations than {least}: give the user a new password by mqtt-broker passwd --scram"
    )]
    Cheap {
        /// The bound.
        least: u32,
    },
    /// Parts of the hash are missing, or not in the form that its kind has.
    #[error("the {kind} hash is damaged: give the user a new password by mqtt-broker passwd")]
    Damaged {
        /// What it says that it is.
        kind: &'static str,
    },
    /// The hash wants more than a server should do for one client.
    #[error("the hash demands more than {most}: give the user a new password by mqtt-broker passwd")]
    Dear {
        /// The bound.
        most: &'static str,
    },
    /// A hash in a file of keys for SCRAM.
    #[error("this is nothing for SCRAM-SHA-256: give the user a new password by mqtt-broker passwd --scram")]
    NotScram,
    /// There is no user and no password.
    #[error("a line is USER:HASH, or begins with #")]
    NoColon,
    /// It is no text at all.
    #[error("this is no UTF-8 text")]
    NoText,
    /// The password itself.
    #[error("the password stands there for all to read: replace it by its hash with mqtt-broker passwd")]
    Plain,
    /// Keys for SCRAM in a file of hashes.
    #[error("this is for SCRAM: files with such lines belong into auth.scram.file")]
    Scram,
    /// The user stands there already.
    #[error("the user is in line {first} already: remove one of the two")]
    Twice {
        /// The first line.
        first: usize,
    },
    /// A hash of another kind.
    #[error(
        "the hash is of none of the kinds $argon2id$, $argon2i$, $argon2d$, $7$ (PBKDF2) and $6$ (SHA-512)"
    )]
    Unknown,
    /// The user name is none.
    #[error(transparent)]
    User(UserNameError),
}

/// Why nobody can have this user name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum UserNameError {
    /// It contains what separates parts of a line, or lines.
    #[error("a user name has no colon and no control characters")]
    Characters,
    /// It begins like a comment or a file, or with space at one of its ends.
    #[error("a user name does not begin with # or a byte order mark (U+FEFF), and has no space at its ends")]
    Edges,
    /// There is none.
    #[error("the user name is empty")]
    Empty,
    /// No CONNECT could hold it.
    #[error("a user name has at most 65535 bytes")]
    Long,
    /// It cannot be prepared by SASLprep, which SCRAM wants.
    #[error("a user name has no characters that SASLprep prohibits")]
    Prohibited,
}
