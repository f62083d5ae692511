//! The Will: what the server publishes for a client that is lost.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use mqtt_codec::{MessageProperties, QoS, Text, Topic, Version};

use crate::error::{ConnectionError, OptionProblem};
use crate::options::{invalid, seconds};

/// A message that the server publishes if the connection ends without DISCONNECT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Will {
    topic: String,
    payload: Bytes,
    qos: QoS,
    retain: bool,
    delay: Option<Duration>,
    expiry: Option<Duration>,
    properties: MessageProperties,
}

impl Will {
    /// A Will of QoS 0 that is not retained. The topic is looked at when connecting.
    pub fn new(topic: impl Into<String>, payload: impl Into<Bytes>) -> Self {
        Self {
            topic: topic.into(),
            payload: payload.into(),
            qos: QoS::AtMostOnce,
            retain: false,
            delay: None,
            expiry: None,
            properties: MessageProperties::default(),
        }
    }

    /// The QoS it is published with.
    pub const fn qos(mut self, qos: QoS) -> Self {
        self.qos = qos;
        self
    }

    /// Whether it becomes the retained message of its topic.
    pub const fn retain(mut self, retain: bool) -> Self {
        self.retain = retain;
        self
    }

    /// How long the server waits for the client to come back before it publishes. 5.0 only.
    pub const fn delay(mut self, delay: Duration) -> Self {
        self.delay = Some(delay);
        self
    }

    /// How long the message lives once it is published. 5.0 only.
    pub const fn expiry(mut self, expiry: Duration) -> Self {
        self.expiry = Some(expiry);
        self
    }

    /// Content type, response topic, user properties and so on. 5.0 only.
    pub fn properties(mut self, properties: MessageProperties) -> Self {
        self.properties = properties;
        self
    }

    pub(crate) fn to_will(&self, version: Version) -> Result<mqtt_codec::Will, ConnectionError> {
        let topic = Topic::new(&self.topic).map_err(|error| invalid("will", OptionProblem::Topic(error)))?;
        if self.payload.len() > Text::MAX_LEN {
            return Err(invalid("will", OptionProblem::OutOfRange));
        }
        let has_properties = self.properties != MessageProperties::default();
        if !version.is_v5() && (has_properties || self.delay.is_some() || self.expiry.is_some()) {
            return Err(invalid("will", OptionProblem::OnlyInV5));
        }
        let mut message = mqtt_codec::Message::new(topic, self.payload.clone());
        message.properties = has_properties.then(|| Box::new(self.properties.clone()));
        Ok(mqtt_codec::Will {
            message: Arc::new(message),
            qos: self.qos,
            retain: self.retain,
            expiry: self.expiry.map(seconds),
            delay: self.delay.map(seconds),
        })
    }
}
