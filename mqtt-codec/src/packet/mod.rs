//! The fifteen packets: borrowed views, owned packets, and the table of packet types.

mod ack;
mod auth;
mod connack;
mod connect;
mod connect_properties;
mod disconnect;
mod message;
mod publish;
mod suback;
mod subscribe;
mod unsubscribe;

use core::fmt;

use bytes::Bytes;

pub use ack::{Ack, AckProperties, AckRef};
pub use auth::{Auth, AuthRef};
pub use connack::{ConnAck, ConnAckProperties, ConnAckPropertiesRef, ConnAckRef};
pub(crate) use connect::peek_version;
pub use connect::{Connect, ConnectRef, Will, WillRef};
pub use connect_properties::{ConnectProperties, ConnectPropertiesRef};
pub use disconnect::{Disconnect, DisconnectRef};
pub use message::{Message, MessageProperties, MessagePropertiesRef, MessageRef};
pub use publish::{Delivery, Publish, PublishRef};
pub use suback::{SubAck, SubAckRef, UnsubAck, UnsubAckRef};
pub use subscribe::{
    RetainHandling, Subscribe, SubscribeRef, Subscription, SubscriptionOptions, SubscriptionRef,
};
pub use unsubscribe::{Unsubscribe, UnsubscribeRef};

use crate::error::{DecodeError, EncodeError};
use crate::frame::{FixedHeader, Rules};
use crate::read::{Fault, fault};
use crate::version::{Role, Version};
use crate::write::{Layout, Sink, fixed_header};
use crate::{DecodeErrorKind, Field};

/// The type in the high four bits of a packet's first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum PacketType {
    /// Client asks to connect.
    Connect = 1,
    /// Server answers CONNECT.
    ConnAck = 2,
    /// A message.
    Publish = 3,
    /// Acknowledges a PUBLISH of QoS 1.
    PubAck = 4,
    /// First answer to a PUBLISH of QoS 2.
    PubRec = 5,
    /// Second packet of the sender at QoS 2.
    PubRel = 6,
    /// Ends an exchange of QoS 2.
    PubComp = 7,
    /// Client asks for subscriptions.
    Subscribe = 8,
    /// Server answers SUBSCRIBE.
    SubAck = 9,
    /// Client ends subscriptions.
    Unsubscribe = 10,
    /// Server answers UNSUBSCRIBE.
    UnsubAck = 11,
    /// Client asks whether the server is there.
    PingReq = 12,
    /// Server answers PINGREQ.
    PingResp = 13,
    /// The connection ends on purpose.
    Disconnect = 14,
    /// A step of enhanced authentication, 5.0 only.
    Auth = 15,
}

impl PacketType {
    /// All types in the order of their numbers.
    pub const ALL: [Self; 15] = [
        Self::Connect,
        Self::ConnAck,
        Self::Publish,
        Self::PubAck,
        Self::PubRec,
        Self::PubRel,
        Self::PubComp,
        Self::Subscribe,
        Self::SubAck,
        Self::Unsubscribe,
        Self::UnsubAck,
        Self::PingReq,
        Self::PingResp,
        Self::Disconnect,
        Self::Auth,
    ];

    /// `None` for 0 and above 15.
    pub const fn from_wire(value: u8) -> Option<Self> {
        Some(match value {
            1 => Self::Connect,
            2 => Self::ConnAck,
            3 => Self::Publish,
            4 => Self::PubAck,
            5 => Self::PubRec,
            6 => Self::PubRel,
            7 => Self::PubComp,
            8 => Self::Subscribe,
            9 => Self::SubAck,
            10 => Self::Unsubscribe,
            11 => Self::UnsubAck,
            12 => Self::PingReq,
            13 => Self::PingResp,
            14 => Self::Disconnect,
            15 => Self::Auth,
            _ => return None,
        })
    }

    /// The flags that every packet of this type has, PUBLISH apart. [MQTT-2.1.3-1]
    pub const fn reserved_flags(self) -> u8 {
        match self {
            Self::PubRel | Self::Subscribe | Self::Unsubscribe => 0b0010,
            _ => 0,
        }
    }

    /// Whether the peer of `reader` may send packets of this type at all.
    pub const fn may_reach(self, reader: Role, version: Version) -> bool {
        match self {
            Self::Connect | Self::Subscribe | Self::Unsubscribe | Self::PingReq => {
                matches!(reader, Role::Server)
            }
            Self::ConnAck | Self::SubAck | Self::UnsubAck | Self::PingResp => matches!(reader, Role::Client),
            Self::Publish | Self::PubAck | Self::PubRec | Self::PubRel | Self::PubComp => true,
            Self::Disconnect => matches!(reader, Role::Server) || version.is_v5(),
            Self::Auth => version.is_v5(),
        }
    }

    pub(crate) const fn bit(self) -> u16 {
        1 << self as u16
    }

    /// The name in the standard.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connect => "CONNECT",
            Self::ConnAck => "CONNACK",
            Self::Publish => "PUBLISH",
            Self::PubAck => "PUBACK",
            Self::PubRec => "PUBREC",
            Self::PubRel => "PUBREL",
            Self::PubComp => "PUBCOMP",
            Self::Subscribe => "SUBSCRIBE",
            Self::SubAck => "SUBACK",
            Self::Unsubscribe => "UNSUBSCRIBE",
            Self::UnsubAck => "UNSUBACK",
            Self::PingReq => "PINGREQ",
            Self::PingResp => "PINGRESP",
            Self::Disconnect => "DISCONNECT",
            Self::Auth => "AUTH",
        }
    }
}

impl fmt::Display for PacketType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Where the bytes of an owned packet come from.
#[derive(Clone, Copy)]
pub(crate) enum Storage<'f> {
    /// A copy of each part.
    Copied,
    /// Slices that share the frame.
    Shared(&'f Bytes),
}

impl Storage<'_> {
    /// `part` as [`Bytes`]. A part that does not lie in the frame is copied: it may come from somewhere else.
    pub(crate) fn bytes(self, part: &[u8]) -> Bytes {
        let Self::Shared(frame) = self else { return Bytes::copy_from_slice(part) };
        let (start, from) = (frame.as_ptr() as usize, part.as_ptr() as usize);
        if from >= start && from + part.len() <= start + frame.len() {
            frame.slice_ref(part)
        } else {
            Bytes::copy_from_slice(part)
        }
    }
}

macro_rules! packets {
    ($($name:ident($view:ident $owned:ident))*) => {
        /// A packet that borrows from its frame: every rule of the standard has been checked, nothing allocated.
        #[derive(Clone, Copy, Debug, PartialEq)]
        #[expect(missing_docs, reason = "the variants are the packet types")]
        pub enum PacketRef<'a> {
            $($name($view<'a>),)*
            PingReq,
            PingResp,
        }

        /// A packet with storage of its own.
        #[derive(Clone, Debug, PartialEq)]
        #[expect(missing_docs, reason = "the variants are the packet types")]
        pub enum Packet {
            $($name($owned),)*
            PingReq,
            PingResp,
        }

        impl PacketRef<'_> {
            /// The packet's type.
            pub const fn packet_type(&self) -> PacketType {
                match self {
                    $(Self::$name(_) => PacketType::$name,)*
                    Self::PingReq => PacketType::PingReq,
                    Self::PingResp => PacketType::PingResp,
                }
            }

            fn own(&self, storage: Storage<'_>) -> Packet {
                match self {
                    $(Self::$name(packet) => Packet::$name(packet.own(storage)),)*
                    Self::PingReq => Packet::PingReq,
                    Self::PingResp => Packet::PingResp,
                }
            }
        }

        impl Packet {
            /// The same packet, borrowed: what is encoded and handled.
            pub fn view(&self) -> PacketRef<'_> {
                match self {
                    $(Self::$name(packet) => PacketRef::$name(packet.view()),)*
                    Self::PingReq => PacketRef::PingReq,
                    Self::PingResp => PacketRef::PingResp,
                }
            }
        }
    };
}

packets! {
    Connect(ConnectRef Connect)
    ConnAck(ConnAckRef ConnAck)
    Publish(PublishRef Publish)
    PubAck(AckRef Ack)
    PubRec(AckRef Ack)
    PubRel(AckRef Ack)
    PubComp(AckRef Ack)
    Subscribe(SubscribeRef Subscribe)
    SubAck(SubAckRef SubAck)
    Unsubscribe(UnsubscribeRef Unsubscribe)
    UnsubAck(UnsubAckRef UnsubAck)
    Disconnect(DisconnectRef Disconnect)
    Auth(AuthRef Auth)
}

impl<'a> PacketRef<'a> {
    /// Reads the packet that fills `frame` from its first byte to its last.
    ///
    /// Topic Aliases are not resolved: that needs the memory of a connection, which a
    /// [`Decoder`](crate::Decoder) has.
    pub fn decode(frame: &'a [u8], rules: &Rules) -> Result<Self, DecodeError> {
        let error =
            |packet, field, offset, kind| DecodeError { packet, version: rules.version, field, offset, kind };
        match FixedHeader::parse(frame, rules)? {
            Some(header) if header.packet_len() == frame.len() => Self::decode_body(header, frame, rules),
            Some(header) if header.packet_len() < frame.len() => Err(error(
                Some(header.packet_type),
                Field::Body,
                header.packet_len() as u32,
                DecodeErrorKind::TrailingBytes,
            )),
            _ => Err(error(None, Field::RemainingLength, frame.len() as u32, DecodeErrorKind::Truncated)),
        }
    }

    /// Reads a packet whose fixed header has been parsed; `frame` is the whole packet.
    #[inline]
    pub(crate) fn decode_body(
        header: FixedHeader,
        frame: &'a [u8],
        rules: &Rules,
    ) -> Result<Self, DecodeError> {
        let body = frame.get(usize::from(header.header_len)..).unwrap_or_default();
        Self::parse(header, body, rules)
            .map_err(|error| locate(error, header.packet_type, frame.len(), rules))
    }

    fn parse(header: FixedHeader, body: &'a [u8], rules: &Rules) -> Result<Self, nom::Err<Fault>> {
        let version = rules.version;
        Ok(match header.packet_type {
            PacketType::Publish => Self::Publish(publish::parse(header.flags, body, rules)?),
            PacketType::PubAck => Self::PubAck(ack::parse(PacketType::PubAck, body, version)?),
            PacketType::PubRec => Self::PubRec(ack::parse(PacketType::PubRec, body, version)?),
            PacketType::PubRel => Self::PubRel(ack::parse(PacketType::PubRel, body, version)?),
            PacketType::PubComp => Self::PubComp(ack::parse(PacketType::PubComp, body, version)?),
            PacketType::Connect => Self::Connect(connect::parse(body)?),
            PacketType::ConnAck => Self::ConnAck(connack::parse(body, version)?),
            PacketType::Subscribe => Self::Subscribe(subscribe::parse(body, version)?),
            PacketType::SubAck => Self::SubAck(suback::parse_suback(body, version)?),
            PacketType::Unsubscribe => Self::Unsubscribe(unsubscribe::parse(body, version)?),
            PacketType::UnsubAck => Self::UnsubAck(suback::parse_unsuback(body, version)?),
            PacketType::PingReq => no_body(body, Self::PingReq)?,
            PacketType::PingResp => no_body(body, Self::PingResp)?,
            PacketType::Disconnect => Self::Disconnect(disconnect::parse(body, rules)?),
            PacketType::Auth => Self::Auth(auth::parse(body)?),
        })
    }

    /// Appends the packet to `sink`; on an error nothing has been written.
    ///
    /// What a 3.x PUBLISH, acknowledgement, SUBACK or DISCONNECT cannot say (properties, reason codes) is left
    /// out, so that a message or an answer can be given to a peer of any version. What a client asks for in
    /// CONNECT, SUBSCRIBE or UNSUBSCRIBE and 3.x cannot say is [`EncodeError::NotInVersion`].
    pub fn encode(&self, version: Version, sink: &mut impl Sink) -> Result<(), EncodeError> {
        match self {
            Self::Connect(packet) => packet.encode(version, sink),
            Self::ConnAck(packet) => packet.encode(version, sink),
            Self::Publish(packet) => packet.encode(version, sink),
            Self::PubAck(ack) => ack.encode_as(PacketType::PubAck, version, sink),
            Self::PubRec(ack) => ack.encode_as(PacketType::PubRec, version, sink),
            Self::PubRel(ack) => ack.encode_as(PacketType::PubRel, version, sink),
            Self::PubComp(ack) => ack.encode_as(PacketType::PubComp, version, sink),
            Self::Subscribe(packet) => packet.encode(version, sink),
            Self::SubAck(packet) => packet.encode(version, sink),
            Self::Unsubscribe(packet) => packet.encode(version, sink),
            Self::UnsubAck(packet) => packet.encode(version, sink),
            Self::PingReq | Self::PingResp => {
                fixed_header(sink, self.packet_type(), 0, 0);
                Ok(())
            }
            Self::Disconnect(packet) => packet.encode(version, sink),
            Self::Auth(packet) => packet.encode(version, sink),
        }
    }

    /// The size of the encoded packet in bytes, by the same description that encodes it.
    pub fn encoded_len(&self, version: Version) -> Result<usize, EncodeError> {
        match self {
            Self::Connect(packet) => packet.encoded_len(version),
            Self::ConnAck(packet) => packet.encoded_len(version),
            Self::Publish(packet) => packet.encoded_len(version),
            Self::PubAck(ack) => ack.encoded_len_as(PacketType::PubAck, version),
            Self::PubRec(ack) => ack.encoded_len_as(PacketType::PubRec, version),
            Self::PubRel(ack) => ack.encoded_len_as(PacketType::PubRel, version),
            Self::PubComp(ack) => ack.encoded_len_as(PacketType::PubComp, version),
            Self::Subscribe(packet) => packet.encoded_len(version),
            Self::SubAck(packet) => packet.encoded_len(version),
            Self::Unsubscribe(packet) => packet.encoded_len(version),
            Self::UnsubAck(packet) => packet.encoded_len(version),
            Self::PingReq | Self::PingResp => Ok(2),
            Self::Disconnect(packet) => packet.encoded_len(version),
            Self::Auth(packet) => packet.encoded_len(version),
        }
    }

    /// The packet with storage of its own; payloads and other binary parts are copied.
    pub fn to_packet(&self) -> Packet {
        self.own(Storage::Copied)
    }

    /// The packet with storage of its own whose binary parts share `frame` where they lie in it.
    pub fn to_packet_in(&self, frame: &Bytes) -> Packet {
        self.own(Storage::Shared(frame))
    }
}

impl Packet {
    /// See [`PacketRef::encode`].
    pub fn encode(&self, version: Version, sink: &mut impl Sink) -> Result<(), EncodeError> {
        self.view().encode(version, sink)
    }

    /// See [`PacketRef::encoded_len`].
    pub fn encoded_len(&self, version: Version) -> Result<usize, EncodeError> {
        self.view().encoded_len(version)
    }
}

fn no_body<'a>(body: &[u8], packet: PacketRef<'a>) -> Result<PacketRef<'a>, nom::Err<Fault>> {
    if body.is_empty() { Ok(packet) } else { fault(body, Field::Body, DecodeErrorKind::TrailingBytes) }
}

/// Turns what was left at the fault into an offset from the start of the frame.
fn locate(error: nom::Err<Fault>, packet: PacketType, frame_len: usize, rules: &Rules) -> DecodeError {
    let (kind, field, remaining) = match error {
        nom::Err::Error(fault) | nom::Err::Failure(fault) => (fault.kind, fault.field, fault.remaining),
        // the parsers of bodies are complete, not streaming; if one asked for more it would be this
        nom::Err::Incomplete(_) => (DecodeErrorKind::Truncated, Field::Body, 0),
    };
    let offset = u32::try_from(frame_len.saturating_sub(remaining)).unwrap_or(u32::MAX);
    DecodeError { packet: Some(packet), version: rules.version, field, offset, kind }
}
