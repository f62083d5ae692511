//! The protocol versions and the questions in which they differ.

use core::fmt;

/// A version of MQTT, with its protocol level as the discriminant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Version {
    /// MQTT 3.1, protocol name `MQIsdp`.
    #[cfg_attr(feature = "serde", serde(rename = "3.1"))]
    V3_1 = 3,
    /// MQTT 3.1.1.
    #[cfg_attr(feature = "serde", serde(rename = "3.1.1"))]
    V3_1_1 = 4,
    /// MQTT 5.0.
    #[cfg_attr(feature = "serde", serde(rename = "5.0"))]
    V5 = 5,
}

impl Version {
    /// All versions, oldest first.
    pub const ALL: [Self; 3] = [Self::V3_1, Self::V3_1_1, Self::V5];

    /// The version that CONNECT names by `name` and `level`; `None` if there is none.
    pub fn from_wire(name: &[u8], level: u8) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|version| version.protocol_name().as_bytes() == name && version.level() == level)
    }

    /// The protocol name in CONNECT.
    pub const fn protocol_name(self) -> &'static str {
        match self {
            Self::V3_1 => "MQIsdp",
            Self::V3_1_1 | Self::V5 => "MQTT",
        }
    }

    /// The protocol level in CONNECT.
    pub const fn level(self) -> u8 {
        self as u8
    }

    /// Whether packets have properties, reason codes in acknowledgements, and AUTH exists: 5.0 only.
    pub const fn is_v5(self) -> bool {
        matches!(self, Self::V5)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V3_1 => "3.1",
            Self::V3_1_1 => "3.1.1",
            Self::V5 => "5.0",
        })
    }
}

/// Which side of a connection reads a packet. A few rules hold for one side only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Role {
    /// The reader is a client: the packet was sent by a server.
    Client,
    /// The reader is a server: the packet was sent by a client.
    Server,
}
