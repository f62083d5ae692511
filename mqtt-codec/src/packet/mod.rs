//! The fifteen packets, borrowed and owned: one description of each serves reading, writing and owning.

mod ack;
mod auth;
mod connack;
mod connect;
mod connect_properties;
mod disconnect;
mod message;
mod packet_type;
mod properties;
mod publish;
mod storage;
mod suback;
mod subscribe;
mod unsubscribe;
mod will;

use bytes::Bytes;

pub use ack::{Ack, AckProperties, AckRef};
pub use auth::{Auth, AuthRef};
pub use connack::{ConnAck, ConnAckProperties, ConnAckPropertiesRef, ConnAckRef};
pub use connect::{Connect, ConnectRef};
pub(crate) use connect::{password_alone, peek_version, protocol};
pub use connect_properties::{ConnectProperties, ConnectPropertiesRef};
pub use disconnect::{Disconnect, DisconnectRef};
pub use message::{Message, MessageProperties, MessagePropertiesRef, MessageRef};
pub use packet_type::PacketType;
pub(crate) use publish::alias_offset;
pub use publish::{Delivery, Publish, PublishRef};
pub(crate) use storage::Storage;
pub use suback::{SubAck, SubAckRef, UnsubAck, UnsubAckRef};
pub use subscribe::{
    RetainHandling, Subscribe, SubscribeRef, Subscription, SubscriptionOptions, SubscriptionRef,
};
pub use unsubscribe::{Unsubscribe, UnsubscribeRef};
pub use will::{Will, WillRef};

use crate::characters;
use crate::error::{DecodeError, EncodeError};
use crate::frame::{FixedHeader, Rules};
use crate::read::{self, Fault};
use crate::version::Version;
use crate::write::{Layout, Sink, fixed_header};
use crate::{DecodeErrorKind, Field};

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
        #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
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
    ///
    /// # Errors
    /// What breaks a rule of the packet's layout, with the field and where in the packet it stands.
    pub fn decode(frame: &'a [u8], rules: &Rules) -> Result<Self, DecodeError> {
        let (field, offset, kind) = match FixedHeader::parse(frame, rules)? {
            Some(header) if header.packet_len() == frame.len() => {
                if rules.compat.control_characters {
                    return Self::decode_body(header, frame, rules);
                }
                let packet = Self::decode_body(header, frame, rules)?;
                return characters::check(&packet, frame, rules.version).map(|()| packet);
            }
            Some(header) if header.packet_len() < frame.len() => {
                (Field::Body, header.packet_len(), DecodeErrorKind::TrailingBytes)
            }
            _ => (Field::RemainingLength, frame.len(), DecodeErrorKind::Truncated),
        };
        let packet = frame.first().and_then(|first| PacketType::from_wire(first >> 4));
        let offset = u32::try_from(offset).unwrap_or(u32::MAX);
        Err(DecodeError { packet, version: rules.version, field, offset, kind })
    }

    /// Reads a packet whose fixed header has been parsed; `frame` is the whole packet. Does not look for characters
    /// that are refused only on demand.
    ///
    /// Acknowledgements are the small packets that come often, and do not pay for the large ones.
    #[inline(always)]
    pub(crate) fn decode_body(
        header: FixedHeader,
        frame: &'a [u8],
        rules: &Rules,
    ) -> Result<Self, DecodeError> {
        let body = frame.get(usize::from(header.header_len)..).unwrap_or_default();
        let (packet_type, version) = (header.packet_type, rules.version);
        let error = |fault| locate(fault, packet_type, frame.len(), version);
        Ok(match packet_type {
            PacketType::PubAck => Self::PubAck(ack::parse(packet_type, body, version).map_err(error)?),
            PacketType::PubRec => Self::PubRec(ack::parse(packet_type, body, version).map_err(error)?),
            PacketType::PubRel => Self::PubRel(ack::parse(packet_type, body, version).map_err(error)?),
            PacketType::PubComp => Self::PubComp(ack::parse(packet_type, body, version).map_err(error)?),
            _ => return Self::parse_other(header, frame, body, rules),
        })
    }

    #[inline(never)]
    fn parse_other(
        header: FixedHeader,
        frame: &'a [u8],
        body: &'a [u8],
        rules: &Rules,
    ) -> Result<Self, DecodeError> {
        let (packet_type, version) = (header.packet_type, rules.version);
        let error = |fault| locate(fault, packet_type, frame.len(), version);
        Ok(match packet_type {
            PacketType::Publish => Self::Publish(publish::parse(header.flags, body, rules).map_err(error)?),
            PacketType::PubAck | PacketType::PubRec | PacketType::PubRel | PacketType::PubComp => {
                return Self::decode_body(header, frame, rules);
            }
            PacketType::Connect => Self::Connect(connect(header, frame, body, rules)?),
            PacketType::ConnAck => Self::ConnAck(connack::parse(body, version).map_err(error)?),
            PacketType::Subscribe => Self::Subscribe(subscribe::parse(body, version).map_err(error)?),
            PacketType::SubAck => Self::SubAck(suback::parse_suback(body, version).map_err(error)?),
            PacketType::Unsubscribe => Self::Unsubscribe(unsubscribe::parse(body, version).map_err(error)?),
            PacketType::UnsubAck => Self::UnsubAck(suback::parse_unsuback(body, version).map_err(error)?),
            PacketType::PingReq => {
                read::end(body).map_err(error)?;
                Self::PingReq
            }
            PacketType::PingResp => {
                read::end(body).map_err(error)?;
                Self::PingResp
            }
            PacketType::Disconnect => Self::Disconnect(disconnect::parse(body, rules).map_err(error)?),
            PacketType::Auth => Self::Auth(auth::parse(body).map_err(error)?),
        })
    }

    /// Appends the packet to `sink`.
    ///
    /// What a CONNACK, PUBLISH, acknowledgement, SUBACK or DISCONNECT of 3.x cannot say (properties, reason
    /// codes) is left out, so that a message or an answer can be given to a peer of any version.
    ///
    /// A CONNECT is written in the version that it names, whatever `version` is.
    ///
    /// # Errors
    /// Then nothing has been written. What a client asks for in CONNECT, SUBSCRIBE or UNSUBSCRIBE and 3.x cannot
    /// say is [`EncodeError::NotInVersion`], and so are AUTH in 3.x and a refusal in CONNACK that 3.x has no
    /// return code for. The other kinds of [`EncodeError`] name a value that the packet may not hold.
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
    ///
    /// # Errors
    /// Those of [`PacketRef::encode`].
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
    ///
    /// # Errors
    /// Those of [`PacketRef::encode`].
    #[inline]
    pub fn encode(&self, version: Version, sink: &mut impl Sink) -> Result<(), EncodeError> {
        match self {
            // the packets that are sent most, without a view of every kind of packet
            Self::Publish(publish) => publish.view().encode(version, sink),
            Self::PubAck(ack) => ack.view().encode_as(PacketType::PubAck, version, sink),
            Self::PubRec(ack) => ack.view().encode_as(PacketType::PubRec, version, sink),
            Self::PubRel(ack) => ack.view().encode_as(PacketType::PubRel, version, sink),
            Self::PubComp(ack) => ack.view().encode_as(PacketType::PubComp, version, sink),
            _ => self.view().encode(version, sink),
        }
    }

    /// See [`PacketRef::encoded_len`].
    ///
    /// # Errors
    /// Those of [`PacketRef::encode`].
    pub fn encoded_len(&self, version: Version) -> Result<usize, EncodeError> {
        self.view().encoded_len(version)
    }
}

/// Reads a CONNECT by the rules of the version that it names.
fn connect<'a>(
    header: FixedHeader,
    frame: &[u8],
    body: &'a [u8],
    rules: &Rules,
) -> Result<ConnectRef<'a>, DecodeError> {
    let rules = Rules { version: peek_version(body, &rules.compat).unwrap_or(rules.version), ..*rules };
    header.check(&rules)?;
    connect::parse(body, &rules.compat)
        .map_err(|error| locate(error, PacketType::Connect, frame.len(), rules.version))
}

/// Turns what was left at the fault into an offset from the start of the frame.
#[cold]
fn locate(error: nom::Err<Fault>, packet: PacketType, frame_len: usize, version: Version) -> DecodeError {
    let (kind, field, remaining) = match error {
        nom::Err::Error(fault) | nom::Err::Failure(fault) => (fault.kind, fault.field, fault.remaining),
        // the parsers of bodies are complete, not streaming; if one asked for more it would be this
        nom::Err::Incomplete(_) => (DecodeErrorKind::Truncated, Field::Body, 0),
    };
    let offset = u32::try_from(frame_len.saturating_sub(remaining)).unwrap_or(u32::MAX);
    DecodeError { packet: Some(packet), version, field, offset, kind }
}
