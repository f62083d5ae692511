//! Who may publish and subscribe to what: the table `[acl]`, and files of rules.

#[cfg(feature = "net")]
mod table;
#[cfg(all(test, feature = "net"))]
mod tests;

use std::collections::BTreeMap;

use crate::core::access::Rule;

#[cfg(feature = "net")]
pub(super) use table::settings;
#[cfg(feature = "net")]
pub use table::{AclError, parse_acl};

/// What clients may do. With no rules and without `auth.acl_file` that is everything; else it is what a rule allows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AclSettings {
    /// What happens to a client of 3.x that publishes without permission.
    pub refused_publish: RefusedPublish,
    /// The rules, in the order in which they are asked: the first that is about a client, an action and a topic decides.
    pub rules: Vec<Rule>,
    /// Groups that rules name, with the user names of their members. Evidence such as a token may name more members.
    pub groups: BTreeMap<Box<str>, Vec<Box<str>>>,
}

/// What happens to a client that publishes without permission and cannot be told: 3.x has no code for it.
/// [MQTT-3.3.5-2]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RefusedPublish {
    /// The message is acknowledged and dropped: the client goes on with what it may do.
    #[default]
    Drop,
    /// The connection ends: nobody takes the message for delivered.
    Disconnect,
}
