//! The table of packet types.

use core::fmt;

use crate::version::{Role, Version};

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
