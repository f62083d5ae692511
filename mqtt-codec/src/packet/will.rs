//! The Will in a CONNECT: the message that the server publishes for a client that is lost.

use alloc::sync::Arc;
use core::fmt;

use super::{Message, MessagePropertiesRef, MessageRef, Storage};
use crate::field::Field;
use crate::property::{self, Allowed, PropertySet, id};
use crate::read::{self, Parsed};
use crate::topic::{Topic, TopicRef};
use crate::types::{QoS, Seconds};
use crate::value::Value;
use crate::version::Version;
use crate::write::Sink;

/// Where the Will QoS stands in the Connect Flags.
pub(super) const WILL_QOS_SHIFT: u8 = 3;
/// Will Retain in the Connect Flags.
pub(super) const WILL_RETAIN: u8 = 0x20;

/// A Will: the message that the server publishes for a client that is lost.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Will {
    /// Topic, payload and properties.
    pub message: Arc<Message>,
    /// The QoS it is published with.
    pub qos: QoS,
    /// Whether it becomes the retained message of its topic.
    pub retain: bool,
    /// Message Expiry Interval, counted from when it is published.
    pub expiry: Option<Seconds>,
    /// Will Delay Interval: how long the server waits for the client to come back. `None` means 0.
    pub delay: Option<Seconds>,
}

impl Will {
    /// The Will, borrowed.
    pub fn view(&self) -> WillRef<'_> {
        WillRef(WillSource::Owned(self))
    }
}

/// A borrowed [`Will`], read from the frame when somebody asks for it.
#[derive(Clone, Copy)]
pub struct WillRef<'a>(WillSource<'a>);

#[derive(Clone, Copy)]
enum WillSource<'a> {
    /// Connect Flags, and the properties, topic and payload that the decoder has checked.
    Wire {
        flags: u8,
        v5: bool,
        bytes: &'a [u8],
    },
    Owned(&'a Will),
}

impl<'a> WillRef<'a> {
    /// Topic, payload and properties.
    pub fn message(&self) -> MessageRef<'a> {
        match self.0 {
            WillSource::Wire { v5, bytes, .. } => {
                let (block, bytes) = will_properties(v5, bytes);
                let (topic, rest) = property::string(bytes).unwrap_or_default();
                let (payload, _) = property::string(rest).unwrap_or_default();
                let topic = Topic::read(topic).unwrap_or(TopicRef::ALIASED);
                MessageRef {
                    topic,
                    payload,
                    properties: MessagePropertiesRef::among(block, property::ids(block)),
                }
            }
            WillSource::Owned(will) => will.message.view(),
        }
    }

    /// The QoS it is published with.
    pub fn qos(&self) -> QoS {
        match self.0 {
            WillSource::Wire { flags, .. } => {
                QoS::from_wire(flags >> WILL_QOS_SHIFT & 0b11).unwrap_or_default()
            }
            WillSource::Owned(will) => will.qos,
        }
    }

    /// Whether it becomes the retained message of its topic.
    pub const fn retain(&self) -> bool {
        match self.0 {
            WillSource::Wire { flags, .. } => flags & WILL_RETAIN != 0,
            WillSource::Owned(will) => will.retain,
        }
    }

    /// Message Expiry Interval.
    pub fn expiry(&self) -> Option<Seconds> {
        match self.0 {
            WillSource::Wire { v5, bytes, .. } => seconds(v5, bytes, id::MESSAGE_EXPIRY),
            WillSource::Owned(will) => will.expiry,
        }
    }

    /// Will Delay Interval.
    pub fn delay(&self) -> Option<Seconds> {
        match self.0 {
            WillSource::Wire { v5, bytes, .. } => seconds(v5, bytes, id::WILL_DELAY),
            WillSource::Owned(will) => will.delay,
        }
    }

    /// The Will with storage of its own.
    pub fn to_will(&self) -> Will {
        self.own(Storage::Copied)
    }

    pub(super) fn own(&self, storage: Storage<'_>) -> Will {
        Will {
            message: Arc::new(self.message().own(storage)),
            qos: self.qos(),
            retain: self.retain(),
            expiry: self.expiry(),
            delay: self.delay(),
        }
    }
}

/// The block of a Will that was checked, and what follows it.
fn will_properties(v5: bool, bytes: &[u8]) -> (&[u8], &[u8]) {
    if !v5 {
        return (&[], bytes);
    }
    property::block(bytes).map_or((&[], &[]), |(rest, block)| (block, rest))
}

fn seconds(v5: bool, bytes: &[u8], id: u8) -> Option<Seconds> {
    property::find(will_properties(v5, bytes).0, id).and_then(Seconds::read)
}

impl PartialEq for WillRef<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.message() == other.message()
            && (self.qos(), self.retain()) == (other.qos(), other.retain())
            && (self.expiry(), self.delay()) == (other.expiry(), other.delay())
    }
}

impl fmt::Debug for WillRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WillRef")
            .field("message", &self.message())
            .field("qos", &self.qos())
            .field("retain", &self.retain())
            .field("expiry", &self.expiry())
            .field("delay", &self.delay())
            .finish()
    }
}

impl PropertySet for WillRef<'_> {
    fn write(&self, sink: &mut impl Sink) {
        property::put_u32(sink, id::WILL_DELAY, self.delay().map(|seconds| seconds.0));
        property::put_u32(sink, id::MESSAGE_EXPIRY, self.expiry().map(|seconds| seconds.0));
        self.message().properties.write(sink);
    }
}

/// Reads the Will that these Connect Flags announce.
pub(super) fn parse(flags: u8, input: &[u8], version: Version) -> Parsed<'_, Option<WillRef<'_>>> {
    let v5 = version.is_v5();
    let mut rest = input;
    if v5 {
        let (after, block) = property::block(input)?;
        property::check(block, after, OF_WILL)?;
        rest = after;
    }
    let (rest, _) = read::topic(Field::WillTopic, rest)?;
    let (rest, _) = read::binary(Field::WillPayload, rest)?;
    let bytes = input.get(..input.len() - rest.len()).unwrap_or_default();
    Ok((rest, Some(WillRef(WillSource::Wire { flags, v5, bytes }))))
}

const OF_WILL: Allowed = Allowed::new(
    &[
        id::PAYLOAD_FORMAT,
        id::MESSAGE_EXPIRY,
        id::CONTENT_TYPE,
        id::RESPONSE_TOPIC,
        id::CORRELATION_DATA,
        id::WILL_DELAY,
    ],
    &[id::USER_PROPERTY],
);
