//! What a broker asks a store to remember.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use mqtt_codec::{Message, QoS, SubscriptionId, Text, TopicFilter};
use mqtt_session::{StoreOp, Ticket};

use crate::core::router::Granted;

/// Names a session in a store. A number is never used for another session, in this process or a later one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionNumber(pub NonZeroU64);

/// Milliseconds since the beginning of 1970 by the clock on the wall, which goes on while the broker is down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WallTime(pub u64);

impl WallTime {
    /// How long `self` is after `earlier`; zero if the clock has jumped back in between.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    /// The time so much later.
    #[must_use]
    pub fn after(self, span: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(span.as_millis()).unwrap_or(u64::MAX)))
    }
}

/// One thing to remember. Those of a session come in their order, whichever shards they come from.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Op {
    /// The session is this client's. The first of a session, and whenever another user has taken it on.
    Client {
        /// The session.
        session: SessionNumber,
        /// Whose it is.
        client: StoredClient,
    },
    /// An effect of the session's state machine; [`StoredSession::apply`] says what it does.
    ///
    /// [`StoredSession::apply`]: mqtt_session::StoredSession::apply
    Effect {
        /// The session.
        session: SessionNumber,
        /// The effect.
        op: StoreOp,
        /// When; of interest if it ends a connection.
        at: WallTime,
    },
    /// A subscription that was made or replaced.
    Subscribed {
        /// The session.
        session: SessionNumber,
        /// The filter as it was subscribed to, `$share` included.
        filter: TopicFilter,
        /// What it was granted.
        granted: Granted,
    },
    /// A subscription that has ended.
    Unsubscribed {
        /// The session.
        session: SessionNumber,
        /// The filter as it was subscribed to.
        filter: TopicFilter,
    },
    /// A message, with the sessions that are owed it. A session that has ended by now is owed nothing.
    Message {
        /// Its number: rising, but for those of different shards at the same time.
        ticket: Ticket,
        /// The message.
        kept: Kept,
        /// Who is owed it, and how; not empty.
        owed: Box<[Owed]>,
    },
    /// The retained message of its topic.
    Retained(Kept),
    /// The topic has no retained message any more.
    RetainedGone(mqtt_codec::Topic),
}

/// Whose session it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredClient {
    /// The client identifier.
    pub client_id: Text,
    /// The user that the session belongs to; `None` if nobody in particular.
    pub user: Option<Box<StoredUser>>,
}

/// What is remembered of a user: enough to judge by the rules of permission what may be kept for the session.
///
/// What a client's own evidence allows, such as the claims of a token, is not: it is shown anew with the next CONNECT.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoredUser {
    /// The name that permissions go by.
    pub name: Option<Text>,
    /// Groups that the evidence has named.
    pub groups: Vec<Text>,
}

/// A message as it was published.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    /// The message.
    pub message: Arc<Message>,
    /// The QoS it was published with.
    pub qos: QoS,
    /// When it was published.
    pub published: WallTime,
    /// When it expires.
    pub expires: Option<WallTime>,
}

impl Kept {
    /// What is left of its life; `None` if it does not expire.
    ///
    /// By a clock that has jumped back a message never lives longer than it would have from its beginning.
    pub fn left(&self, now: WallTime) -> Option<Duration> {
        let expires = self.expires?;
        Some(expires.since(now).min(expires.since(self.published)))
    }
}

/// What one session is owed of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owed {
    /// The session.
    pub session: SessionNumber,
    /// The QoS of its delivery: 1 or 2.
    pub qos: QoS,
    /// RETAIN towards the client.
    pub retain: bool,
    /// The identifiers of the subscriptions that matched.
    pub subscription_ids: Box<[SubscriptionId]>,
}

#[cfg(test)]
mod tests {
    use mqtt_codec::Topic;

    use super::*;

    #[test]
    fn a_clock_that_jumps_back_gives_no_message_a_longer_life() {
        let topic = Topic::new("a").expect("a topic");
        let kept = Kept {
            message: Arc::new(Message::new(topic, "")),
            qos: QoS::AtLeastOnce,
            published: WallTime(100_000),
            expires: Some(WallTime(110_000)),
        };
        let left = |now| kept.left(WallTime(now)).expect("it expires");
        assert_eq!(left(103_000), Duration::from_secs(7));
        assert_eq!(left(50_000), Duration::from_secs(10));
        assert_eq!(left(200_000), Duration::ZERO);
    }
}
