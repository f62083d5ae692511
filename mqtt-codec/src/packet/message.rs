//! The Application Message: what a publisher said, apart from any hop.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use bytes::Bytes;

use super::Storage;
use super::properties::{Source, properties_view, shown};
use crate::list::UserProperties;
use crate::property::{self, Ids, PayloadFormat, PropertySet, id};
use crate::topic::{Topic, TopicRef};
use crate::types::Text;
use crate::value::Value;
use crate::version::Version;
use crate::write::Sink;

/// An Application Message: what the publisher said and every subscriber receives unchanged.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Message {
    /// The Topic Name.
    pub topic: Topic,
    /// The payload, which nobody on the way looks into.
    #[cfg_attr(feature = "serde", serde(with = "crate::serialize::binary"))]
    pub payload: Bytes,
    /// What 5.0 can add; `None` if nothing was.
    pub properties: Option<Box<MessageProperties>>,
}

impl Message {
    /// A message without properties.
    pub fn new(topic: Topic, payload: impl Into<Bytes>) -> Self {
        Self { topic, payload: payload.into(), properties: None }
    }

    /// The message, borrowed.
    #[inline]
    pub fn view(&self) -> MessageRef<'_> {
        MessageRef {
            topic: self.topic.view(),
            payload: &self.payload,
            properties: self.properties.as_ref().map(|properties| properties.view()).unwrap_or_default(),
        }
    }

    /// Bytes of topic, payload and properties as they are kept: what a limit of memory has to count.
    pub fn bytes(&self) -> usize {
        let properties = self.properties.as_ref().map_or(0, |properties| properties.bytes());
        self.topic.as_str().len() + self.payload.len() + properties
    }
}

/// Properties of a [`Message`] that travel from publisher to subscriber.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub struct MessageProperties {
    /// What the payload is said to be; `None` if the publisher said nothing.
    pub payload_format: Option<PayloadFormat>,
    /// Content Type, such as a MIME type.
    pub content_type: Option<Text>,
    /// Where a response is expected.
    pub response_topic: Option<Topic>,
    /// What a response repeats, so that the requester knows its request.
    #[cfg_attr(feature = "serde", serde(with = "crate::serialize::optional_binary"))]
    pub correlation_data: Option<Bytes>,
    /// User Properties in their order.
    pub user_properties: Vec<(Text, Text)>,
}

impl MessageProperties {
    /// Bytes of the properties as they are kept.
    ///
    /// A User Property counts more than on the wire, where two empty texts are five bytes: a sender could make
    /// many of them weigh nothing.
    pub fn bytes(&self) -> usize {
        /// The place in the list, and the reference counts beside each text.
        const USER_PROPERTY: usize = size_of::<(Text, Text)>() + 4 * size_of::<usize>();
        let user_properties = self.user_properties.iter();
        size_of::<Self>()
            + self.content_type.as_ref().map_or(0, |text| text.len())
            + self.response_topic.as_ref().map_or(0, |topic| topic.as_str().len())
            + self.correlation_data.as_ref().map_or(0, Bytes::len)
            + user_properties.map(|(name, value)| USER_PROPERTY + name.len() + value.len()).sum::<usize>()
    }
}

/// A borrowed [`Message`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MessageRef<'a> {
    /// The Topic Name.
    pub topic: TopicRef<'a>,
    /// The payload.
    pub payload: &'a [u8],
    /// What 5.0 can add.
    pub properties: MessagePropertiesRef<'a>,
}

impl MessageRef<'_> {
    /// The message with storage of its own; the payload is copied.
    pub fn to_message(&self) -> Message {
        self.own(Storage::Copied)
    }

    /// The message with storage of its own, whose binary parts share `frame` where they lie in it.
    pub fn to_message_in(&self, frame: &Bytes) -> Message {
        self.own(Storage::Shared(frame))
    }

    pub(crate) fn own(&self, storage: Storage<'_>) -> Message {
        Message {
            topic: self.topic.to_topic(),
            payload: storage.bytes(self.payload),
            properties: self.own_properties(storage),
        }
    }

    #[inline]
    pub(crate) fn own_properties(&self, storage: Storage<'_>) -> Option<Box<MessageProperties>> {
        if self.properties.is_empty() { None } else { Some(Box::new(self.properties.own(storage))) }
    }
}

properties_view! {
    /// Borrowed [`MessageProperties`].
    MessagePropertiesRef of MessageProperties, "MessagePropertiesRef" {
        /// What the payload is said to be.
        payload_format: PayloadFormat | PayloadFormat, PAYLOAD_FORMAT, shown;
        /// Content Type.
        content_type: Text | &'a str, CONTENT_TYPE, shown;
        /// Response Topic.
        response_topic: Topic | TopicRef<'a>, RESPONSE_TOPIC, shown;
        /// Correlation Data.
        correlation_data: Bytes | &'a [u8], CORRELATION_DATA, shown;
    }
}

/// What travels with a message, whatever packet it is in.
const OF_MESSAGE: Ids = Ids::of(&[
    id::PAYLOAD_FORMAT,
    id::CONTENT_TYPE,
    id::RESPONSE_TOPIC,
    id::CORRELATION_DATA,
    id::USER_PROPERTY,
]);

impl<'a> MessagePropertiesRef<'a> {
    /// Those in the block of a packet in which `seen` are.
    #[inline]
    pub(super) const fn among(block: &'a [u8], seen: Ids) -> Self {
        Self::checked(if seen.meets(OF_MESSAGE) { block } else { &[] })
    }
}
