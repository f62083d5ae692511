//! Who may connect.

use std::num::NonZeroU16;

/// How clients are told from each other. A listener may say otherwise for its own clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthSettings {
    /// Whether clients that say neither user name nor password may connect where something asks for these, and whether
    /// listeners that other machines can reach may be open to everybody where nothing does. Default false: such a listener
    /// is refused unless its clients need a certificate. Where nothing asks and only this machine can connect, everybody may.
    pub allow_anonymous: bool,
    /// Passwords that are hashed at once, each by a thread of its own that takes a core and the memory that the hash
    /// demands. Default 1: the other cores stay with clients.
    pub workers: NonZeroU16,
    /// Whether a session belongs to the user who began it: nobody else can go on with it, or end it, by connecting with its
    /// client identifier. Default true. A session that an anonymous client began is anybody's.
    pub sessions_have_owners: bool,
}

impl Default for AuthSettings {
    fn default() -> Self {
        Self { allow_anonymous: false, workers: NonZeroU16::MIN, sessions_have_owners: true }
    }
}

impl AuthSettings {
    /// Names of what judges clients, in the order in which they are asked.
    pub(crate) fn kinds(&self) -> Vec<&'static str> {
        Vec::new()
    }
}
