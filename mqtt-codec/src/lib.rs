//! MQTT 3.1, 3.1.1 and 5.0 packets: framing, borrowed views, owned packets, encoding. No I/O, no clock, `no_std`.
#![no_std]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

mod alias;
#[cfg(feature = "arbitrary")]
mod arbitrary;
mod decoder;
mod error;
mod field;
mod frame;
mod list;
mod packet;
mod property;
mod read;
mod reason;
mod statement;
mod topic;
mod types;
mod version;
mod write;

pub use alias::{AliasUse, IncomingAliases, OutgoingAliases};
pub use decoder::Decoder;
pub use error::{DecodeError, DecodeErrorKind, EncodeError};
pub use field::Field;
pub use frame::{Compat, FixedHeader, Rules};
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
pub use topic::{InvalidTopic, InvalidTopicFilter, Share, Topic, TopicFilter, TopicFilterRef, TopicRef};
pub use types::{InvalidText, PacketId, QoS, Seconds, SubscriptionId, Text};
pub use version::{Role, Version};
pub use write::Sink;
