//! MQTT 3.1, 3.1.1 and 5.0 packets: framing, borrowed views, owned packets, encoding. No I/O, no clock, `no_std`.
//!
//! ```text
//!   bytes of a connection                    one packet (a frame)
//!  +---------------------+                +------------------------------------------+
//!  | ... | frame | fra...|   1 framing    | type, flags | Remaining Length | body     |
//!  +---------------------+ -------------> +------------------------------------------+
//!                          FixedHeader                      | 2 views: every rule checked, nothing allocated
//!                                                           v
//!            encode                        +-----------+        +--------+
//!   bytes <------------------------------- | PacketRef | -----> | Packet |  3 owned: binary parts share the frame
//!                                          +-----------+ <----- +--------+
//!                                                         view()
//! ```
//!
//! There is one set of packets for all versions. 5.0 says the most; what 3.x cannot say is absent when it is read,
//! and left out or refused when it is written (see [`PacketRef::encode`]).
//!
//! # Reading, in three steps
//!
//! **Framing** finds where a packet ends. It needs the first two to five bytes, and refuses a packet above the
//! limit before its body is there or room was made for it.
//!
//! ```
//! use mqtt_codec::{FixedHeader, PacketType, Role, Rules, Version};
//!
//! let rules = Rules { max_packet_size: 1024, ..Rules::new(Version::V3_1_1, Role::Server) };
//! assert_eq!(FixedHeader::parse(b"\x30", &rules)?, None); // more bytes are needed: that is no error
//! let header = FixedHeader::parse(b"\x30\x07", &rules)?.expect("two bytes are enough here");
//! assert_eq!((header.packet_type, header.packet_len()), (PacketType::Publish, 9));
//! assert!(FixedHeader::parse(b"\x30\xFF\xFF\xFF\x7F", &rules).is_err()); // 256 MiB
//! # Ok::<(), mqtt_codec::DecodeError>(())
//! ```
//!
//! **Views** borrow from the frame. A view that exists obeys every rule of its version; lists in it are read when
//! they are iterated over.
//!
//! ```
//! use mqtt_codec::{PacketRef, QoS, Role, Rules, Version};
//!
//! let frame = b"\x82\x08\x00\x0A\x00\x03a/+\x01";
//! let rules = Rules::new(Version::V3_1_1, Role::Server);
//! let PacketRef::Subscribe(subscribe) = PacketRef::decode(frame, &rules)? else { panic!("a SUBSCRIBE") };
//! for subscription in subscribe.filters {
//!     assert_eq!(subscription.filter.as_str(), "a/+");
//!     assert_eq!(subscription.options.qos, QoS::AtLeastOnce);
//! }
//! # Ok::<(), mqtt_codec::DecodeError>(())
//! ```
//!
//! **Owned packets** outlive the frame. [`PacketRef::to_packet_in`] shares its payload and other binary parts,
//! [`PacketRef::to_packet`] copies them, which is better for what is kept long: a shared part keeps the whole
//! frame. [`Decoder::decode_packet`] is the shortest way from a frame that is not needed otherwise.
//!
//! ```
//! use bytes::Bytes;
//! use mqtt_codec::{Packet, PacketRef, Role, Rules, Version};
//!
//! let frame = Bytes::from_static(b"\x30\x07\x00\x03a/bhi");
//! let packet = PacketRef::decode(&frame, &Rules::new(Version::V3_1_1, Role::Client))?.to_packet_in(&frame);
//! let Packet::Publish(publish) = packet else { panic!("a PUBLISH") };
//! assert_eq!(publish.message.topic.as_str(), "a/b");
//! assert_eq!(&publish.message.payload[..], b"hi");
//! # Ok::<(), mqtt_codec::DecodeError>(())
//! ```
//!
//! A [`Decoder`] does the first two for one side of one connection: it learns the version from CONNECT and fills
//! in the topics that Topic Aliases stand for.
//!
//! ```
//! use mqtt_codec::{Decoder, PacketRef, Version};
//!
//! let mut decoder = Decoder::server(1024);
//! let mut received: &[u8] = b"\x10\x0C\x00\x04MQTT\x04\x02\x00\x3C\x00\x00\xC0\x00\x30";
//! let mut seen = Vec::new();
//! while let Some((packet, len)) = decoder.decode_next(received)? {
//!     seen.push(packet.packet_type().name());
//!     received = &received[len..];
//! }
//! assert_eq!(seen, ["CONNECT", "PINGREQ"]);
//! assert_eq!(received, b"\x30"); // the beginning of the next packet
//! assert_eq!(decoder.version(), Some(Version::V3_1_1));
//! # Ok::<(), mqtt_codec::DecodeError>(())
//! ```
//!
//! Payloads that need not fit into memory come through a [`StreamingDecoder`]: the PUBLISH up to its payload as soon
//! as that is there, then the payload in the pieces that were read.
//!
//! # Writing
//!
//! Packets and views encode alike, into anything that is a [`Sink`]. The layout of a packet is described once: its
//! length is that description run on a counter, so [`Packet::encoded_len`] is exact. What cannot be sent is an
//! [`EncodeError`] that names the field, and nothing has been written then.
//!
//! ```
//! use bytes::BytesMut;
//! use mqtt_codec::{Delivery, Message, Packet, Publish, Topic, Version};
//!
//! let message = Message::new(Topic::new("a/b")?, "hi");
//! let packet = Packet::Publish(Publish::new(message, Delivery::AtMostOnce));
//! let mut output = BytesMut::new();
//! packet.encode(Version::V3_1_1, &mut output)?;
//! packet.encode(Version::V5, &mut output)?;
//! assert_eq!(&output[..], b"\x30\x07\x00\x03a/bhi\x30\x08\x00\x03a/b\x00hi");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A payload that lies elsewhere is sent after [`PublishRef::encode_head`], one that is not there as a whole after
//! [`PublishRef::encode_head_for`]. [`EncodedPublish`] is a PUBLISH for many receivers: encoded once, payload shared.
//!
//! # What holds always
//!
//! * No bytes make it panic, and nothing is allocated for what a length announces.
//! * A view is read from its frame alone: what lies behind the frame is not looked at.
//! * What was decoded can be encoded in its version, and decodes to an equal packet.
//! * What was encoded is accepted by the decoder of a peer that may receive it. A packet is not asked who sends it:
//!   that only servers put Subscription Identifiers into PUBLISH, or only clients a Session Expiry Interval into
//!   DISCONNECT, is seen by the reader.
//! * Rules are strict, and those of the version and the reader. Deviations that can be let through have names in
//!   [`Compat`], and a [`Decoder`] says which were needed.
//! * Strings of 3.1 are held to the rules of 3.1.1. Beyond that, 3.1 is read as leniently as its text wants it.
//! * Whether a packet may come at this moment is asked of `mqtt-session`, not of the codec.
//!
//! # What each error means, and what to send
//!
//! After a [`DecodeError`] the connection ends. [`DecodeError::answer`] is the packet that says why: in 5.0 a server
//! sends CONNACK if the packet was CONNECT and DISCONNECT otherwise, a client DISCONNECT, with
//! [`DecodeError::reason_code`]. In 3.x nothing is said; only a wrong protocol level is answered, by a CONNACK with
//! return code 1.
//!
//! | [`DecodeErrorKind`] | what it means, and where it comes from | reason code |
//! |---|---|---|
//! | `Truncated`, `TrailingBytes` | the lengths in a packet disagree: one was counted in characters, or the packet is of another version | 0x81 Malformed Packet |
//! | `VarintTooLong`, `OverlongVarint` | a length in more than four bytes, or in more than it needs | 0x81 |
//! | `ReservedType`, `Flags`, `ReservedBit`, `AcknowledgeFlags`, `DupWithoutQoS` | bits are set that have no meaning: often bytes went missing before, or this is no MQTT at all ([`Compat`] has some) | 0x81 |
//! | `NotInVersion` | AUTH, which only 5.0 has | 0x81 |
//! | `InvalidUtf8`, `NullCharacter`, `ControlCharacter` | a string in another character set, or with its C terminator | 0x81 |
//! | `Wildcard`, `MultiLevelWildcard`, `SingleLevelWildcard` | `+` or `#` in a topic, or not as a whole level of a filter | 0x81 |
//! | `WillFlags`, `InvalidWillQoS`, `PasswordWithoutUserName`, `SessionPresentInRefusal` | flags that do not go together | 0x81 |
//! | `UnknownProperty`, `PropertyNotAllowed` | a property of another packet, or of none | 0x81 |
//! | `DuplicateProperty`, `InvalidValue` | a property twice, or with a value outside its range | 0x82 Protocol Error |
//! | `PacketIdZero` | a counter that begins at 0: the most frequent mistake of small clients | 0x82 |
//! | `Empty` | a topic or filter without a character, a list without an element | 0x82 |
//! | `ReasonCodeNotAllowed` | a reason code of another packet, or of none | 0x82 |
//! | `NoLocalOnShare`, `SubscriptionIdFromClient`, `AuthenticationMethodMissing`, `AuthenticationDataWithoutMethod` | what may not be asked for or said together | 0x82 |
//! | `TopicAliasUnknown` | an alias that was given on an earlier connection, or never | 0x82 |
//! | `TopicAliasZero`, `TopicAliasAboveMaximum` | an alias of 0, or above the maximum that was announced | 0x94 Topic Alias invalid |
//! | `ProtocolName`, `ProtocolLevel` | a version that is not spoken here, or no MQTT | 0x84 Unsupported Protocol Version |
//! | `PacketTooLarge` | more than the limit of this reader | 0x95 Packet too large |
//!
//! The error also has the packet, the [`Field`], the offset of the byte, and the id of the statement that is broken:
//!
//! ```
//! use mqtt_codec::{PacketRef, Role, Rules, Version};
//!
//! let error = PacketRef::decode(b"\x36\x06\x00\x01t\x00\x01\x00", &Rules::new(Version::V5, Role::Server));
//! assert_eq!(
//!     error.unwrap_err().to_string(),
//!     "PUBLISH (MQTT 5.0), fixed header flags at byte 0: the fixed header flags are not those of the packet \
//!      type [MQTT-3.3.1-4]"
//! );
//! ```
//!
//! The example `dump` in the repository prints a capture packet by packet with this, and explains its first fault.
//!
//! An [`EncodeError`] is a mistake of the caller, and nothing has been sent: the version has no such field
//! (`NotInVersion`), the value breaks a rule of the field (`Empty`, `NullCharacter`, `TooLong`), of its packet
//! (`Combination`, `PasswordWithoutUserName`, `ReasonCodeNotAllowed`), or the packet is above a limit (`PacketTooLarge`).
//!
//! # Features
//!
//! * `std` (default) only turns on `std` in the dependencies; without it the crate needs `alloc`.
//! * `arbitrary` makes valid packets from random bytes, for tests of what is built on this crate.
//! * `serde` serialises owned packets and the small types. What comes back holds what its type promises: a [`Topic`]
//!   is a Topic Name. Binary data is a string in JSON if it is UTF-8 and `{"hex": "00FF"}` if not, and bytes in compact
//!   formats. Passwords are written as they are, other than in `Debug`. The topic that a PUBLISH leaves to an alias
//!   does not come back: it means something on one connection only.
//! * `tokio-util` has `PacketCodec`, for packets by `tokio_util::codec::Framed`; with `std`.
//!
//! # Where to read next
//!
//! [`Decoder`] and [`FixedHeader`] for a connection, [`StreamingDecoder`] for one with large payloads, [`PublishRef`] for
//! the packet that matters most, [`Rules`] for what can be chosen, [`TopicFilterRef`] for matching and shared
//! subscriptions.
#![no_std]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

mod alias;
#[cfg(feature = "arbitrary")]
mod arbitrary;
mod characters;
mod compat;
mod decoder;
mod encoded;
mod error;
mod field;
mod frame;
#[cfg(feature = "tokio-util")]
mod framed;
mod list;
mod packet;
mod property;
mod read;
mod reason;
mod scan;
#[cfg(feature = "serde")]
mod serialize;
mod statement;
mod streaming;
mod topic;
mod types;
mod value;
mod version;
mod write;

pub use alias::{AliasUse, IncomingAliases, OutgoingAliases};
pub use compat::Compat;
pub use decoder::Decoder;
pub use encoded::EncodedPublish;
pub use error::{DecodeError, DecodeErrorKind, EncodeError};
pub use field::Field;
pub use frame::{FixedHeader, Rules};
#[cfg(feature = "tokio-util")]
pub use framed::{PacketCodec, PacketCodecError};
pub use list::{Element, List, ListIter, UserProperties};
pub use packet::{
    Ack, AckProperties, AckRef, Auth, AuthRef, ConnAck, ConnAckProperties, ConnAckPropertiesRef, ConnAckRef,
    Connect, ConnectProperties, ConnectPropertiesRef, ConnectRef, Delivery, Disconnect, DisconnectRef,
    Message, MessageProperties, MessagePropertiesRef, MessageRef, Packet, PacketRef, PacketType, Publish,
    PublishRef, RetainHandling, SubAck, SubAckRef, Subscribe, SubscribeRef, Subscription,
    SubscriptionOptions, SubscriptionRef, UnsubAck, UnsubAckRef, Unsubscribe, UnsubscribeRef, Will, WillRef,
};
pub use property::PayloadFormat;
pub use reason::ReasonCode;
pub use streaming::{StreamItem, StreamingDecoder};
pub use topic::{InvalidTopic, InvalidTopicFilter, Share, Topic, TopicFilter, TopicFilterRef, TopicRef};
pub use types::{InvalidText, PacketId, QoS, Seconds, SubscriptionId, Text};
pub use version::{Role, Version};
pub use write::Sink;

/// The example of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
