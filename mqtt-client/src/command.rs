//! What handles ask of the driver.

use std::sync::Arc;

use mqtt_codec::{Disconnect, Message, QoS, ReasonCode, Seconds, Subscription, Text, TopicFilter};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::error::{DisconnectError, ReauthenticationError, SubscribeError};
use crate::progress::Reporter;
use crate::stream::{Buffer, StreamKey};

/// A message to send.
#[derive(Debug)]
pub(crate) struct PublishCommand {
    pub(crate) message: Arc<Message>,
    pub(crate) qos: QoS,
    pub(crate) retain: bool,
    pub(crate) expiry: Option<Seconds>,
    pub(crate) reporter: Reporter,
}

/// Everything else. Where the asker has gone, answers go nowhere.
#[derive(Debug)]
pub(crate) enum Command {
    Subscribe {
        filters: Vec<Subscription>,
        user_properties: Vec<(Text, Text)>,
        buffer: Arc<Buffer>,
        answer: SubscribeAnswer,
    },
    /// Ends one stream, and at the server those of its filters that no other stream has.
    Leave {
        key: StreamKey,
        answer: UnsubscribeAnswer,
    },
    Unsubscribe {
        filters: Vec<TopicFilter>,
        user_properties: Vec<(Text, Text)>,
        answer: UnsubscribeAnswer,
    },
    Reauthenticate {
        answer: ReauthenticateAnswer,
    },
    Disconnect {
        deadline: Instant,
        disconnect: Box<Disconnect>,
        answer: DisconnectAnswer,
    },
}

pub(crate) type SubscribeAnswer = oneshot::Sender<Result<(StreamKey, Vec<ReasonCode>), SubscribeError>>;
pub(crate) type DisconnectAnswer = oneshot::Sender<Result<Left, DisconnectError>>;
pub(crate) type ReauthenticateAnswer = oneshot::Sender<Result<(), ReauthenticationError>>;
pub(crate) type UnsubscribeAnswer = oneshot::Sender<Result<Vec<ReasonCode>, SubscribeError>>;

/// What a client that was told to disconnect had not finished in time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Left {
    /// Messages that are not acknowledged. Those in flight may have arrived.
    pub messages: usize,
    /// SUBSCRIBE and UNSUBSCRIBE without an answer.
    pub requests: usize,
}

impl Left {
    /// Whether nothing was left.
    pub const fn is_empty(&self) -> bool {
        self.messages == 0 && self.requests == 0
    }
}

/// The driver's ends of the channels from the handles. They are closed when all handles are gone.
#[derive(Debug)]
pub(crate) struct Inbox {
    pub(crate) publishes: mpsc::Receiver<PublishCommand>,
    pub(crate) commands: mpsc::Receiver<Command>,
}
