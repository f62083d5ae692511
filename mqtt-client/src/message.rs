//! A message as the application gets it.

use bytes::Bytes;
use mqtt_codec::{MessageProperties, PublishRef, QoS, Seconds, Topic};

/// A received message.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Message {
    /// The Topic Name that it was published to.
    pub topic: Topic,
    /// The payload.
    pub payload: Bytes,
    /// The QoS of this delivery: the lower of the publisher's and the subscription's.
    pub qos: QoS,
    /// Whether this is the retained message of its topic; with Retain As Published, what the publisher said.
    pub retain: bool,
    /// Whether the server has sent this PUBLISH before.
    pub dup: bool,
    /// What is left of the Message Expiry Interval. 5.0 only.
    pub expiry: Option<Seconds>,
    /// Content type, response topic, user properties and so on. 5.0 only.
    pub properties: Option<Box<MessageProperties>>,
}

/// Payloads above this many bytes share the memory they were read into.
const COPY_LIMIT: usize = mqtt_session::COPY_LIMIT;

impl Message {
    /// `frame` has the bytes of the packet where they may be shared.
    pub(crate) fn new(publish: &PublishRef<'_>, frame: Option<&Bytes>) -> Self {
        let message = match frame {
            Some(frame) if publish.message.payload.len() > COPY_LIMIT => publish.message.to_message_in(frame),
            _ => publish.message.to_message(),
        };
        Self {
            topic: message.topic,
            payload: message.payload,
            qos: publish.delivery.qos(),
            retain: publish.retain,
            dup: publish.delivery.dup(),
            expiry: publish.expiry,
            properties: message.properties,
        }
    }

    /// What it counts for in a stream's limit.
    pub(crate) fn bytes(&self) -> usize {
        let properties = self.properties.as_ref().map_or(0, |properties| properties.bytes());
        self.topic.as_str().len() + self.payload.len() + properties
    }
}
