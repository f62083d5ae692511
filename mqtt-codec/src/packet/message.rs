//! The Application Message: what a publisher said, apart from any hop.

use alloc::boxed::Box;
use alloc::vec::Vec;

use bytes::Bytes;

use super::Storage;
use crate::error::{DecodeErrorKind as Kind, EncodeError};
use crate::field::Field;
use crate::list::UserProperties;
use crate::property::{self, PayloadFormat, Property, PropertySet, id, once};
use crate::topic::{Topic, TopicRef};
use crate::types::Text;
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
    /// The properties, borrowed.
    pub fn view(&self) -> MessagePropertiesRef<'_> {
        MessagePropertiesRef {
            payload_format: self.payload_format,
            content_type: self.content_type.as_deref(),
            response_topic: self.response_topic.as_ref().map(Topic::view),
            correlation_data: self.correlation_data.as_deref(),
            user_properties: UserProperties::new(&self.user_properties),
        }
    }

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
            properties: (!self.properties.is_empty()).then(|| Box::new(self.properties.own(storage))),
        }
    }
}

/// Borrowed [`MessageProperties`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct MessagePropertiesRef<'a> {
    /// What the payload is said to be.
    pub payload_format: Option<PayloadFormat>,
    /// Content Type.
    pub content_type: Option<&'a str>,
    /// Response Topic.
    pub response_topic: Option<TopicRef<'a>>,
    /// Correlation Data.
    pub correlation_data: Option<&'a [u8]>,
    /// User Properties in their order.
    pub user_properties: UserProperties<'a>,
}

impl<'a> MessagePropertiesRef<'a> {
    /// Whether the message has no property at all.
    pub fn is_empty(&self) -> bool {
        self.payload_format.is_none()
            && self.content_type.is_none()
            && self.response_topic.is_none()
            && self.correlation_data.is_none()
            && self.user_properties.is_empty()
    }

    /// The properties with storage of their own; Correlation Data is copied.
    pub fn to_properties(&self) -> MessageProperties {
        self.own(Storage::Copied)
    }

    pub(crate) fn own(&self, storage: Storage<'_>) -> MessageProperties {
        MessageProperties {
            payload_format: self.payload_format,
            content_type: self.content_type.map(Text::checked),
            response_topic: self.response_topic.map(TopicRef::to_topic),
            correlation_data: self.correlation_data.map(|data| storage.bytes(data)),
            user_properties: self.user_properties.to_vec(),
        }
    }

    /// Keeps `property` of `block` if it is one of a message; what is not is given back.
    pub(crate) fn store(&mut self, property: Property<'a>, block: &'a [u8]) -> Result<(), Unstored<'a>> {
        match property {
            Property::PayloadFormat(format) => once(&mut self.payload_format, format, Field::PayloadFormat)?,
            Property::ContentType(text) => once(&mut self.content_type, text, Field::ContentType)?,
            Property::ResponseTopic(topic) => once(&mut self.response_topic, topic, Field::ResponseTopic)?,
            Property::CorrelationData(data) => {
                once(&mut self.correlation_data, data, Field::CorrelationData)?
            }
            // read from the block when they are asked for
            Property::User(..) => self.user_properties = UserProperties::checked(block, Version::V5),
            other => return Err(Unstored::Other(other)),
        }
        Ok(())
    }
}

/// A property that [`MessagePropertiesRef::store`] did not take.
pub(crate) enum Unstored<'a> {
    Other(Property<'a>),
    Fault(Kind, Field),
}

impl From<(Kind, Field)> for Unstored<'_> {
    fn from((kind, field): (Kind, Field)) -> Self {
        Self::Fault(kind, field)
    }
}

impl PropertySet for MessagePropertiesRef<'_> {
    fn write(&self, sink: &mut impl Sink) {
        property::put_flag(
            sink,
            id::PAYLOAD_FORMAT,
            self.payload_format.map(|format| format == PayloadFormat::Utf8),
        );
        property::put_text(sink, id::CONTENT_TYPE, Field::ContentType, self.content_type);
        if self.response_topic.is_some_and(TopicRef::is_aliased) {
            sink.refuse(EncodeError::Empty(Field::ResponseTopic));
        }
        let response_topic = self.response_topic.map(|topic| topic.as_str().as_bytes());
        property::put_binary(sink, id::RESPONSE_TOPIC, Field::ResponseTopic, response_topic);
        property::put_binary(sink, id::CORRELATION_DATA, Field::CorrelationData, self.correlation_data);
        property::put_user_properties(sink, self.user_properties);
    }
}
