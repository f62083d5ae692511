//! What is wrong with a file of keys, with a user, or with what a client says.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::auth::Refused;
use crate::auth::password::{LineError, UserNameError};

/// Why a file of keys cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ScramFileError {
    /// A line of it is wrong.
    #[error("{}, {error}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// Which line, and why.
        error: LineError,
    },
    /// There is none.
    #[error("it has no file: set file to one that mqtt-broker passwd --scram FILE USER makes")]
    NoFile,
    /// The system gives no random numbers.
    #[error("the system gives no random numbers: {0}")]
    Random(io::Error),
    /// The file cannot be read.
    #[error("cannot read {}: {error}; make it by: mqtt-broker passwd --scram FILE USER", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
}

/// Why nobody can have this user name, or this password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NewUserError {
    /// SASLprep does not let it pass, or leaves nothing of it.
    #[error("the password is empty, or has characters that SASLprep prohibits")]
    Password,
    /// The name.
    #[error(transparent)]
    User(#[from] UserNameError),
}

/// Why a client is not believed. It is told little of that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(super) enum Doubt {
    #[error("what binds to a channel is not what it has announced")]
    Binding,
    #[error("it wants channel binding, which is another method")]
    ChannelBinding,
    #[error("it wants an extension of SCRAM that is unknown here")]
    Extension,
    #[error("too many proofs for its user name were wrong")]
    Guessing,
    #[error("its message is longer than auth.scram.message_size, or too long for an answer")]
    Long,
    #[error("its message is not in the form of SCRAM")]
    Malformed,
    #[error("it answers with a nonce that it was not given")]
    Nonce,
    #[error("it wants to act for somebody else")]
    OtherAuthorization,
    #[error("its CONNECT names another user")]
    OtherUserName,
    #[error("its proof is wrong, or its user unknown")]
    Proof,
    #[error("the system gives no random numbers")]
    Random,
    #[error("it goes on where nothing is to follow")]
    Unexpected,
    #[error("its user name has characters that SASLprep prohibits")]
    UserName,
}

impl Doubt {
    pub(super) const fn refused(self) -> Refused {
        match self {
            Self::ChannelBinding | Self::Extension => Refused::Method,
            Self::Guessing => Refused::Guessing,
            Self::OtherAuthorization => Refused::NotAuthorized,
            Self::Random => Refused::Unavailable,
            Self::Binding
            | Self::Long
            | Self::Malformed
            | Self::Nonce
            | Self::OtherUserName
            | Self::Proof
            | Self::Unexpected
            | Self::UserName => Refused::Credentials,
        }
    }
}
