//! What evidence itself allows.

use mqtt_codec::TopicFilter;

/// What a client may do at most, as its evidence says. Rules of the broker hold besides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Permissions {
    /// Topics to which it may publish, its Will among them.
    pub publish: Vec<TopicFilter>,
    /// Topics whose messages it may get.
    pub subscribe: Vec<TopicFilter>,
}
