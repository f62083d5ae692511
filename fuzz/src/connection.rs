//! What the targets share: a side of a connection and the rules of its reader, chosen by the first bytes of an input.

use mqtt_codec::{Compat, Connect, Decoder, Packet, PacketRef, Role, Text, Version};

/// One side of a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Side {
    pub(crate) role: Role,
    /// `None` at a server that has not seen CONNECT yet.
    pub(crate) version: Option<Version>,
    pub(crate) compat: Compat,
}

impl Side {
    /// The side that two bytes choose, and what follows them.
    pub(crate) fn choose(data: &[u8]) -> Option<(Self, &[u8])> {
        let [side, compat, rest @ ..] = data else { return None };
        let side = usize::from(side % 7);
        let role = if side < 4 { Role::Server } else { Role::Client };
        let version = side.checked_sub(1).map(|index| Version::ALL[index % 3]);
        Some((Self { role, version, compat: compat_of(*compat) }, rest))
    }

    /// A decoder of this side; a server's knows the version from a CONNECT.
    pub(crate) fn decoder(self, max_packet_size: u32) -> Decoder {
        let mut decoder = match (self.role, self.version) {
            (Role::Client, version) => Decoder::client(version.unwrap_or(Version::V5), max_packet_size),
            (Role::Server, None) => Decoder::server(max_packet_size),
            (Role::Server, Some(version)) => connected(version),
        };
        decoder.set_max_packet_size(max_packet_size);
        decoder.set_compat(self.compat);
        decoder
    }
}

fn connected(version: Version) -> Decoder {
    let mut decoder = Decoder::server(100);
    let connect = Packet::Connect(Connect::new(version, Text::default()));
    decoder.decode(&encode(&connect.view(), version)).expect("a valid CONNECT");
    decoder
}

/// Every rule of `Compat`.
pub(crate) const RULES: [fn(&mut Compat) -> &mut bool; 7] = [
    |compat| &mut compat.overlong_remaining_length,
    |compat| &mut compat.bridge_bit,
    |compat| &mut compat.mqtt_level_3,
    |compat| &mut compat.reserved_flags,
    |compat| &mut compat.dup_at_qos_0,
    |compat| &mut compat.password_without_user_name,
    |compat| &mut compat.control_characters,
];

/// A bit for each rule that is not as in [`Compat::STRICT`].
fn compat_of(bits: u8) -> Compat {
    let mut compat = Compat::STRICT;
    for (index, rule) in RULES.iter().enumerate() {
        *rule(&mut compat) ^= bits >> index & 1 != 0;
    }
    compat
}

/// The packet's bytes, as many as were announced.
pub(crate) fn encode(packet: &PacketRef<'_>, version: Version) -> Vec<u8> {
    let mut encoded = Vec::new();
    packet.encode(version, &mut encoded).expect("a valid packet");
    assert_eq!(packet.encoded_len(version), Ok(encoded.len()));
    encoded
}
