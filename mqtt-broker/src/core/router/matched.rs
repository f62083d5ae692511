//! What a match is: a Session with what it was granted, or a share group.

use mqtt_codec::{QoS, SubscriptionId};

use super::keyed_list::Keyed;

/// Where a Session lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionKey {
    /// The shard that owns the Session.
    pub shard: u16,
    /// Counts the Sessions that have used this slot, so that what is still on the way to one of them does not
    /// reach the next.
    pub generation: u16,
    /// The place in the shard's table.
    pub slot: u32,
}

/// What a subscription was granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Granted {
    /// Maximum QoS.
    pub qos: QoS,
    /// Messages of the Session's own connection are left out. Never set on a shared subscription.
    pub no_local: bool,
    /// The RETAIN flag is forwarded as it was published.
    pub retain_as_published: bool,
    /// Sent with each message that this subscription matched.
    pub subscription_id: Option<SubscriptionId>,
}

/// One match of a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Matched {
    /// A Session's own subscription. A Session with several matching filters is matched several times.
    Session(SessionKey, Granted),
    /// A share group: one of its members gets the message.
    Group(GroupId),
}

/// Names a share group for as long as it has members; an id is not used for another group later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupId {
    pub(super) place: u32,
    pub(super) serial: u32,
}

/// Who is matched, without what was granted: at most one entry of a filter has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    Session(SessionKey),
    Group(GroupId),
}

impl Keyed for Matched {
    type Key = Target;

    fn key(&self) -> Target {
        match *self {
            Self::Session(session, _) => Target::Session(session),
            Self::Group(id) => Target::Group(id),
        }
    }

    fn number(key: Target) -> u64 {
        match key {
            Target::Session(session) => session.number(),
            Target::Group(id) => u64::from(id.place) << 32 | u64::from(id.serial),
        }
    }
}

impl SessionKey {
    pub(super) fn number(self) -> u64 {
        u64::from(self.shard) << 48 | u64::from(self.generation) << 32 | u64::from(self.slot)
    }
}
