//! PUBLISH: one hop of a message.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::num::NonZeroU16;

use super::{Message, MessagePropertiesRef, MessageRef, PacketType, Storage, locate};
use crate::error::{DecodeError, DecodeErrorKind as Kind, EncodeError};
use crate::field::Field;
use crate::frame::{FixedHeader, Rules};
use crate::list::List;
use crate::property::{self, Allowed, PropertySet, id};
use crate::read::{self, Fault, fault};
use crate::types::{PacketId, QoS, Seconds, SubscriptionId};
use crate::value::Value;
use crate::version::{Role, Version};
use crate::write::{self, MAX_REMAINING_LENGTH, Sink, fixed_header_and_len, varint_len};

/// QoS, Packet Identifier and DUP of a PUBLISH: no identifier and no DUP at QoS 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Delivery {
    /// QoS 0.
    AtMostOnce,
    /// QoS 1.
    AtLeastOnce {
        /// The exchange.
        id: PacketId,
        /// Whether the packet was sent before.
        dup: bool,
    },
    /// QoS 2.
    ExactlyOnce {
        /// The exchange.
        id: PacketId,
        /// Whether the packet was sent before.
        dup: bool,
    },
}

impl Delivery {
    /// The quality of service.
    pub const fn qos(self) -> QoS {
        match self {
            Self::AtMostOnce => QoS::AtMostOnce,
            Self::AtLeastOnce { .. } => QoS::AtLeastOnce,
            Self::ExactlyOnce { .. } => QoS::ExactlyOnce,
        }
    }

    /// The Packet Identifier, which QoS 0 has not. [MQTT-2.2.1-2]
    pub const fn id(self) -> Option<PacketId> {
        match self {
            Self::AtMostOnce => None,
            Self::AtLeastOnce { id, .. } | Self::ExactlyOnce { id, .. } => Some(id),
        }
    }

    /// Whether the packet was sent before; never at QoS 0. [MQTT-3.3.1-2]
    pub const fn dup(self) -> bool {
        match self {
            Self::AtMostOnce => false,
            Self::AtLeastOnce { dup, .. } | Self::ExactlyOnce { dup, .. } => dup,
        }
    }
}

/// A PUBLISH with storage of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Publish {
    /// The message, shared by all hops.
    pub message: Arc<Message>,
    /// QoS, Packet Identifier and DUP.
    pub delivery: Delivery,
    /// RETAIN.
    pub retain: bool,
    /// Message Expiry Interval: what is left of the message's life at this hop.
    pub expiry: Option<Seconds>,
    /// Topic Alias.
    pub alias: Option<NonZeroU16>,
    /// Identifiers of the subscriptions that matched; only a server sends them.
    pub subscription_ids: Vec<SubscriptionId>,
}

impl Publish {
    /// A PUBLISH without RETAIN and without what 5.0 can add.
    pub fn new(message: impl Into<Arc<Message>>, delivery: Delivery) -> Self {
        Self {
            message: message.into(),
            delivery,
            retain: false,
            expiry: None,
            alias: None,
            subscription_ids: Vec::new(),
        }
    }

    /// The packet, borrowed.
    #[inline]
    pub fn view(&self) -> PublishRef<'_> {
        PublishRef {
            message: self.message.view(),
            delivery: self.delivery,
            retain: self.retain,
            expiry: self.expiry,
            alias: self.alias,
            subscription_ids: List::new(&self.subscription_ids),
        }
    }
}

/// A borrowed [`Publish`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PublishRef<'a> {
    /// The message. Its topic is empty where only `alias` names it.
    pub message: MessageRef<'a>,
    /// QoS, Packet Identifier and DUP.
    pub delivery: Delivery,
    /// RETAIN.
    pub retain: bool,
    /// Message Expiry Interval.
    pub expiry: Option<Seconds>,
    /// Topic Alias, as it stands in the packet.
    pub alias: Option<NonZeroU16>,
    /// Identifiers of the subscriptions that matched.
    pub subscription_ids: List<'a, SubscriptionId>,
}

impl<'a> PublishRef<'a> {
    /// Reads a PUBLISH whose fixed header has been parsed; `frame` may end where its payload begins.
    #[inline(always)]
    pub(crate) fn decode(header: FixedHeader, frame: &'a [u8], rules: &Rules) -> Result<Self, DecodeError> {
        let body = frame.get(usize::from(header.header_len)..).unwrap_or_default();
        parse(header.flags, body, rules)
            .map_err(|fault| locate(fault, PacketType::Publish, frame.len(), rules.version))
    }

    /// The packet with storage of its own; the payload is copied.
    pub fn to_publish(&self) -> Publish {
        self.own(Storage::Copied)
    }

    pub(super) fn own(&self, storage: Storage<'_>) -> Publish {
        Publish {
            message: Arc::new(self.message.own(storage)),
            delivery: self.delivery,
            retain: self.retain,
            expiry: self.expiry,
            alias: self.alias,
            subscription_ids: self.subscription_ids.to_vec(),
        }
    }

    /// Where in `frame` the payload begins, which is its end.
    #[inline]
    pub(crate) const fn payload_offset(&self, frame: &[u8]) -> usize {
        frame.len() - self.message.payload.len()
    }

    /// Appends the packet.
    ///
    /// # Errors
    /// Those of [`PacketRef::encode`](super::PacketRef::encode).
    // a view that is made for this alone need not be made
    #[inline(always)]
    pub fn encode(&self, version: Version, sink: &mut impl Sink) -> Result<(), EncodeError> {
        let payload = self.message.payload;
        self.start(self.lengths(version, payload.len())?, version, sink);
        sink.put(payload);
        Ok(())
    }

    /// Appends the packet without its payload, whose length it counts: the payload follows from elsewhere. For one that
    /// is not there as a whole see [`PublishRef::encode_head_for`].
    ///
    /// # Errors
    /// Those of [`PublishRef::encode`], which counts the payload as well.
    pub fn encode_head(&self, version: Version, sink: &mut impl Sink) -> Result<(), EncodeError> {
        self.start(self.lengths(version, self.message.payload.len())?, version, sink);
        Ok(())
    }

    /// Appends the packet up to a payload of `payload_len` bytes, which the caller sends next in whatever pieces it
    /// has; the payload in the view is not looked at.
    ///
    /// The other direction is [`StreamingDecoder`](crate::StreamingDecoder), whose heads can be passed on with this.
    ///
    /// ```
    /// use mqtt_codec::{PublishRef, Delivery, List, MessageRef, TopicRef, Version};
    ///
    /// let message = MessageRef { topic: TopicRef::new("a/b")?, payload: &[], properties: Default::default() };
    /// let publish = PublishRef {
    ///     message,
    ///     delivery: Delivery::AtMostOnce,
    ///     retain: false,
    ///     expiry: None,
    ///     alias: None,
    ///     subscription_ids: List::EMPTY,
    /// };
    /// let mut output = Vec::new();
    /// publish.encode_head_for(5, Version::V3_1_1, &mut output)?;
    /// for piece in ["he", "llo"] {
    ///     output.extend_from_slice(piece.as_bytes());
    /// }
    /// assert_eq!(output, b"\x30\x0A\x00\x03a/bhello");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`PublishRef::encode`] with a payload of that length.
    pub fn encode_head_for(
        &self,
        payload_len: u32,
        version: Version,
        sink: &mut impl Sink,
    ) -> Result<(), EncodeError> {
        self.start(self.lengths(version, payload_len as usize)?, version, sink);
        Ok(())
    }

    /// The size of the encoded packet in bytes.
    ///
    /// # Errors
    /// Those of [`PublishRef::encode`].
    pub fn encoded_len(&self, version: Version) -> Result<usize, EncodeError> {
        let remaining = self.lengths(version, self.message.payload.len())?.remaining;
        Ok(1 + varint_len(remaining) + remaining)
    }

    /// Where the two bytes of the Packet Identifier lie in the encoded packet; `None` at QoS 0.
    ///
    /// One encoded PUBLISH can serve many receivers that differ only there.
    pub fn packet_id_offset(&self, version: Version) -> Option<usize> {
        self.delivery.id()?;
        let remaining = self.lengths(version, self.message.payload.len()).ok()?.remaining;
        Some(1 + varint_len(remaining) + 2 + self.message.topic.as_str().len())
    }

    /// The lengths that stand in the packet, or why it cannot be sent.
    #[inline(always)]
    fn lengths(&self, version: Version, payload: usize) -> Result<Lengths, EncodeError> {
        if self.message.topic.is_aliased() && (self.alias.is_none() || !version.is_v5()) {
            return Err(EncodeError::Empty(Field::Topic));
        }
        let id = if self.delivery.id().is_some() { 2 } else { 0 };
        let without_properties = 2 + self.message.topic.as_str().len() + id + payload;
        let (remaining, properties) = match Properties(self) {
            _ if !version.is_v5() => (without_properties, 0),
            properties if properties.is_empty() => (without_properties + 1, 0),
            properties => {
                let properties = properties.checked_len()?;
                (without_properties + varint_len(properties) + properties, properties)
            }
        };
        if remaining > MAX_REMAINING_LENGTH {
            return Err(EncodeError::PacketTooLarge);
        }
        Ok(Lengths { remaining, properties })
    }

    /// What was checked, up to the payload.
    #[inline(always)]
    fn start(&self, lengths: Lengths, version: Version, sink: &mut impl Sink) {
        let topic = self.message.topic.as_str().as_bytes();
        fixed_header_and_len(sink, PacketType::Publish, self.flags(), lengths.remaining, topic.len());
        sink.put(topic);
        match self.delivery.id().map(|id| id.get().to_be_bytes()) {
            Some([high, low]) if version.is_v5() && lengths.properties == 0 => {
                return sink.put(&[high, low, 0]);
            }
            Some(id) => sink.put(&id),
            None => {}
        }
        if version.is_v5() {
            write::varint(sink, lengths.properties as u32);
            if lengths.properties > 0 {
                Properties(self).write(sink);
            }
        }
    }

    #[inline]
    fn flags(&self) -> u8 {
        u8::from(self.delivery.dup()) << 3 | (self.delivery.qos() as u8) << 1 | u8::from(self.retain)
    }
}

/// Remaining Length and Property Length, the latter 0 where there is none.
#[derive(Clone, Copy)]
struct Lengths {
    remaining: usize,
    properties: usize,
}

/// The properties of a PUBLISH: those of the hop, then those of the message.
struct Properties<'p, 'a>(&'p PublishRef<'a>);

impl PropertySet for Properties<'_, '_> {
    fn write(&self, sink: &mut impl Sink) {
        property::put_u32(sink, id::MESSAGE_EXPIRY, self.0.expiry.map(|seconds| seconds.0));
        property::put_u16(sink, id::TOPIC_ALIAS, self.0.alias.map(NonZeroU16::get));
        self.0.subscription_ids.visit(|value| property::put_varint(sink, id::SUBSCRIPTION_ID, value.get()));
        self.0.message.properties.write(sink);
    }

    #[inline]
    fn is_empty(&self) -> bool {
        let publish = self.0;
        publish.expiry.is_none()
            && publish.alias.is_none()
            && publish.message.properties.is_empty()
            && publish.subscription_ids.is_empty()
    }
}

/// Reads the body of a PUBLISH.
///
/// The view is made of values alone and nobody is given a reference to it, so that it need not be in memory before
/// it is complete.
#[inline(always)]
pub(super) fn parse<'a>(flags: u8, body: &'a [u8], rules: &Rules) -> Result<PublishRef<'a>, nom::Err<Fault>> {
    let v5 = rules.version.is_v5();
    let (input, topic) = if v5 { read::topic_or_empty(body)? } else { read::topic(Field::Topic, body)? };
    let (input, delivery) = delivery(flags, input)?;
    let (payload, block) = if v5 { property::block(input)? } else { (input, &[][..]) };
    let properties = if block.is_empty() {
        PublishProperties::default()
    } else {
        parse_properties(block, payload, rules.role)?
    };
    let PublishProperties { message: properties, expiry, alias, subscription_ids } = properties;
    if topic.is_aliased() && alias.is_none() {
        return fault(body, Field::Topic, Kind::Empty);
    }
    Ok(PublishRef {
        message: MessageRef { topic, payload, properties },
        delivery,
        retain: flags & 1 != 0,
        expiry,
        alias,
        subscription_ids,
    })
}

#[inline(always)]
fn delivery(flags: u8, input: &[u8]) -> read::Parsed<'_, Delivery> {
    let dup = flags & 0b1000 != 0;
    match QoS::from_wire(flags >> 1 & 0b11) {
        Some(QoS::AtMostOnce) => Ok((input, Delivery::AtMostOnce)),
        Some(QoS::AtLeastOnce) => {
            let (input, id) = read::packet_id(input)?;
            Ok((input, Delivery::AtLeastOnce { id, dup }))
        }
        Some(QoS::ExactlyOnce) => {
            let (input, id) = read::packet_id(input)?;
            Ok((input, Delivery::ExactlyOnce { id, dup }))
        }
        None => fault(input, Field::Flags, Kind::Flags),
    }
}

/// The properties of a PUBLISH as they are read.
#[derive(Default)]
struct PublishProperties<'a> {
    message: MessagePropertiesRef<'a>,
    expiry: Option<Seconds>,
    alias: Option<NonZeroU16>,
    subscription_ids: List<'a, SubscriptionId>,
}

/// What may stand once in a PUBLISH.
const ONCE: &[u8] = &[
    id::PAYLOAD_FORMAT,
    id::MESSAGE_EXPIRY,
    id::CONTENT_TYPE,
    id::RESPONSE_TOPIC,
    id::CORRELATION_DATA,
    id::TOPIC_ALIAS,
];
const FROM_CLIENT: Allowed = Allowed::new(ONCE, &[id::USER_PROPERTY]);
const FROM_SERVER: Allowed = Allowed::new(ONCE, &[id::USER_PROPERTY, id::SUBSCRIPTION_ID]);

#[inline(never)]
fn parse_properties<'a>(
    block: &'a [u8],
    payload: &'a [u8],
    reader: Role,
) -> Result<PublishProperties<'a>, nom::Err<Fault>> {
    let seen = match reader {
        Role::Client => property::check(block, payload, FROM_SERVER)?,
        Role::Server => property::check(block, payload, FROM_CLIENT).map_err(from_client)?,
    };
    let mut read =
        PublishProperties { message: MessagePropertiesRef::among(block, seen), ..Default::default() };
    if seen.has(id::MESSAGE_EXPIRY) {
        read.expiry = property::find(block, id::MESSAGE_EXPIRY).and_then(Seconds::read);
    }
    if seen.has(id::TOPIC_ALIAS) {
        read.alias = property::find(block, id::TOPIC_ALIAS).and_then(NonZeroU16::read);
    }
    if seen.has(id::SUBSCRIPTION_ID) {
        read.subscription_ids = List::checked(block, Version::V5);
    }
    Ok(read)
}

/// Several Subscription Identifiers are right, but only from a server. [MQTT-3.3.4-6]
#[cold]
fn from_client(error: nom::Err<Fault>) -> nom::Err<Fault> {
    error.map(|fault| match fault {
        Fault { kind: Kind::PropertyNotAllowed, field: Field::SubscriptionId, .. } => {
            Fault { kind: Kind::SubscriptionIdFromClient, ..fault }
        }
        fault => fault,
    })
}

/// Where in `frame` the value of the Topic Alias of a PUBLISH lies; for errors that only a connection sees.
pub(crate) fn alias_offset(frame: &[u8], rules: &Rules) -> Option<usize> {
    let header = FixedHeader::parse(frame, rules).ok()??;
    let (input, _) = read::topic_or_empty(frame.get(usize::from(header.header_len)..)?).ok()?;
    let (input, _) = delivery(header.flags, input).ok()?;
    let (payload, mut block) = property::block(input).ok()?;
    while let Some((id, _)) = property::take(&mut block) {
        if id == id::TOPIC_ALIAS {
            return Some(frame.len() - payload.len() - block.len() - 2);
        }
    }
    None
}
