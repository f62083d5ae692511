//! What a store gives back when the broker starts.

use mqtt_codec::{QoS, SubscriptionId, Text, TopicFilter};
use mqtt_session::{StoredSession, Ticket};

use super::op::{Kept, SessionNumber, StoredUser, WallTime};
use crate::core::router::Granted;

/// All that a store has: everything but the messages that wait for sessions, of which it has only the numbers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Restored {
    /// When the broker ran last, or as close as the store knows it: not before its connections have ended.
    pub alive: WallTime,
    /// The sessions, in the order of their numbers.
    pub sessions: Vec<RestoredSession>,
    /// The retained messages. Some may have expired.
    pub retained: Vec<Kept>,
    /// The highest number that a message has had.
    pub last_ticket: Ticket,
    /// The highest number that a session has had.
    pub last_session: u64,
}

/// A session that a store has.
#[derive(Clone, Debug, PartialEq)]
pub struct RestoredSession {
    /// Its number.
    pub number: SessionNumber,
    /// The client identifier.
    pub client_id: Text,
    /// Whose it is.
    pub user: Option<Box<StoredUser>>,
    /// Its state.
    pub state: StoredSession,
    /// When its connection ended, if that was before the process did.
    pub detached: WallTime,
    /// Its subscriptions, in the order of the filters.
    pub subscriptions: Vec<(TopicFilter, Granted)>,
    /// Messages up to the last that has an identifier: they were in flight.
    pub in_flight: Vec<StoredDelivery>,
    /// The messages behind them, in their order.
    pub waiting: Vec<Waiting>,
}

/// A message that waits in the store for a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Its number.
    pub ticket: Ticket,
    /// What it counts for against the limit of the session; see [`Message::bytes`](mqtt_codec::Message::bytes).
    pub bytes: u32,
}

/// A message as it is owed to a session.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredDelivery {
    /// Its number.
    pub ticket: Ticket,
    /// The message.
    pub kept: Kept,
    /// The QoS of its delivery: 1 or 2.
    pub qos: QoS,
    /// RETAIN towards the client.
    pub retain: bool,
    /// The identifiers of the subscriptions that matched.
    pub subscription_ids: Box<[SubscriptionId]>,
}

impl StoredDelivery {
    /// What the message counts for against the limit of a session.
    pub fn bytes(&self) -> u32 {
        u32::try_from(self.kept.message.bytes()).unwrap_or(u32::MAX)
    }
}
