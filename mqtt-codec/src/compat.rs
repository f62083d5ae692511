//! Deviations from the standard that can be let through, each by its name.

use crate::frame::FixedHeader;
use crate::packet::{PacketRef, PacketType, password_alone, protocol};
use crate::version::Version;

macro_rules! compat {
    ($($(#[$doc:meta])* $name:ident = $strict:literal;)*) => {
        /// Deviations that a reader lets through, each on or off by name.
        ///
        /// Off is what the standard demands; on is for peers that cannot be changed. A [`Decoder`](crate::Decoder)
        /// says which rules its peer has needed: [`Decoder::take_used`](crate::Decoder::take_used).
        ///
        /// Begin with [`Compat::STRICT`] and turn on what is needed: there may be more rules in a later version. Who
        /// does it is known from the trackers of the projects that are named. What can not be let through is a
        /// Packet Identifier of 0 (Adafruit MQTT Library before its counter began at 1, Net::MQTT::Simple, some
        /// inverters): its acknowledgement could not be told from a mistake of this crate.
        ///
        /// ```
        /// use mqtt_codec::{Compat, Decoder, Version};
        ///
        /// let mut decoder = Decoder::server(1024);
        /// decoder.set_compat(Compat { bridge_bit: true, ..Compat::STRICT });
        /// decoder.decode(b"\x10\x0D\x00\x04MQTT\x84\x02\x00\x3C\x00\x01b")?; // a bridge of Mosquitto
        /// assert_eq!(decoder.version(), Some(Version::V3_1_1));
        /// assert_eq!(decoder.take_used().names().collect::<Vec<_>>(), ["bridge_bit"]);
        /// assert_eq!(decoder.take_used(), Compat::NONE);
        /// # Ok::<(), mqtt_codec::DecodeError>(())
        /// ```
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
        #[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
        pub struct Compat {
            $($(#[$doc])* pub $name: bool,)*
        }

        impl Compat {
            /// What the standard of each version demands, and nothing more. What it leaves to the reader is
            /// accepted: overlong lengths in 3.x, and control characters.
            pub const STRICT: Self = Self { $($name: $strict,)* };

            /// No rule at all: where [`Decoder::take_used`](crate::Decoder::take_used) begins.
            pub const NONE: Self = Self { $($name: false,)* };

            /// The names of the rules that are on, for logs and counters.
            pub fn names(&self) -> impl Iterator<Item = &'static str> {
                [$((self.$name, stringify!($name)),)*]
                    .into_iter()
                    .filter_map(|(on, name)| if on { Some(name) } else { None })
            }
        }
    };
}

compat! {
    /// A Remaining Length in more bytes than it needs, in 3.x only, whose standard does not forbid it. On unless it is
    /// turned off.
    overlong_remaining_length = true;
    /// A protocol level of 0x83 or 0x84, read as 3 or 4. Bridges of Mosquitto send it unless they are configured
    /// with `try_private false`. What such a bridge expects beyond (its own messages not back, RETAIN as published)
    /// is for the server to do.
    bridge_bit = false;
    /// Protocol name `MQTT` with level 3, read as MQTT 3.1, whose name is `MQIsdp`: devices and scripts that were
    /// moved to the newer name and not to its level, such as some built on Net::MQTT::Simple.
    mqtt_level_3 = false;
    /// Fixed header flags other than those of the packet type, PUBLISH apart; they are not looked at. Servers that
    /// answer with flags (SUBACK and PUBACK of Orange Live Objects), clients that set DUP on a repeated PUBREL or
    /// QoS on CONNECT (early MQTT-Client-Framework and qmqtt). 3.1 allows it anyway.
    reserved_flags = false;
    /// DUP on a PUBLISH of QoS 0, which is read without it: servers that pass the publisher's flag on (EMQ 2.2,
    /// ThingsBoard until 2020). 3.1 allows it anyway.
    dup_at_qos_0 = false;
    /// A password without a user name in 3.x: clients that use it as a token, and clients that always set the flag
    /// (early phpMQTT).
    password_without_user_name = false;
    /// U+0001 to U+001F, U+007F to U+009F and the non-characters of Unicode in strings. The standard advises senders
    /// against them and leaves it to the reader; turned off, they are
    /// [`ControlCharacter`](crate::DecodeErrorKind::ControlCharacter). That costs a second look at every string.
    /// Never among the used, since nobody looks while it is on.
    control_characters = true;
}

impl Default for Compat {
    fn default() -> Self {
        Self::STRICT
    }
}

impl Compat {
    /// The version that `name` and `level` of a CONNECT mean.
    pub(crate) fn version(&self, name: &[u8], level: u8) -> Option<Version> {
        let level = if self.bridge_bit && is_of_bridge(level) { level & 0x7F } else { level };
        if self.mqtt_level_3 && is_mqtt_3(name, level) {
            return Some(Version::V3_1);
        }
        Version::from_wire(name, level)
    }

    /// Adds the rules without which `packet` would have been refused on a connection of `version`.
    #[cold]
    pub(crate) fn note(
        &mut self,
        header: FixedHeader,
        packet: &PacketRef<'_>,
        body: &[u8],
        version: Version,
    ) {
        self.overlong_remaining_length |= header.is_overlong();
        // a CONNECT was read by the rules of the version that it names, also where it comes a second time
        let version = if let PacketRef::Connect(connect) = packet { connect.version } else { version };
        let unused = version == Version::V3_1;
        match packet {
            PacketRef::Publish(_) => {
                self.dup_at_qos_0 |= header.flags & 0b1110 == 0b1000 && !unused;
                return;
            }
            PacketRef::Connect(_) => {
                let (name, level, rest) = protocol(body).unwrap_or_default();
                self.bridge_bit |= is_of_bridge(level);
                self.mqtt_level_3 |= is_mqtt_3(name, level & 0x7F);
                // the flag is what counts: in 3.1 the password itself may be missing
                let flags = rest.first().copied().unwrap_or_default();
                self.password_without_user_name |= password_alone(flags) && !version.is_v5();
            }
            _ => {}
        }
        self.reserved_flags |= header.flags != PacketType::reserved_flags(header.packet_type) && !unused;
    }
}

const fn is_of_bridge(level: u8) -> bool {
    matches!(level, 0x83 | 0x84)
}

fn is_mqtt_3(name: &[u8], level: u8) -> bool {
    name == b"MQTT" && level == 3
}
