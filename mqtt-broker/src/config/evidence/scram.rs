//! Salted challenges.

use std::path::PathBuf;

/// Clients of 5.0 that prove that they know a password without showing it, by SCRAM-SHA-256 (RFC 5802, RFC 7677) as enhanced
/// authentication.
///
/// The user whom a client becomes is that of SCRAM, prepared by SASLprep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScramSettings {
    /// File with users and what is kept of their passwords, made by `mqtt-broker passwd --scram`. It is needed.
    pub file: PathBuf,
    /// Whether User Name of CONNECT, if there is one, has to be that of SCRAM. Default false: it is not looked at.
    pub match_user_name: bool,
    /// The longest message of a client in bytes. Default 4 KiB: one has a user name, two nonces of some 24 bytes and a proof
    /// of 44, and half of it comes back to the client.
    pub message_size: usize,
}

impl Default for ScramSettings {
    fn default() -> Self {
        Self { file: PathBuf::new(), match_user_name: false, message_size: 4 << 10 }
    }
}
