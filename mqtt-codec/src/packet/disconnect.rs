//! DISCONNECT: the last packet of a connection that ends on purpose.

use alloc::vec::Vec;

use super::ack::{ReasonProperties, reason_code};
use super::{PacketType, Storage};
use crate::error::EncodeError;
use crate::field::Field;
use crate::frame::Rules;
use crate::list::UserProperties;
use crate::property::{self, Allowed, PropertySet, id};
use crate::read::{self, Fault};
use crate::reason::ReasonCode;
use crate::types::{Seconds, Text};
use crate::value::Value;
use crate::version::{Role, Version};
use crate::write::{self, Layout, Sink};

/// A DISCONNECT with storage of its own. In 3.x it has no content and only clients send it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub struct Disconnect {
    /// Why the connection ends. Success stands for Normal disconnection.
    pub reason: ReasonCode,
    /// A new Session Expiry Interval; from a client only.
    pub session_expiry: Option<Seconds>,
    /// Reason String, for people.
    pub reason_string: Option<Text>,
    /// Another server to use; from a server only.
    pub server_reference: Option<Text>,
    /// User Properties in their order.
    pub user_properties: Vec<(Text, Text)>,
}

impl Disconnect {
    /// A DISCONNECT without properties.
    pub fn new(reason: ReasonCode) -> Self {
        Self { reason, ..Self::default() }
    }

    /// The packet, borrowed.
    pub fn view(&self) -> DisconnectRef<'_> {
        DisconnectRef {
            reason: self.reason,
            session_expiry: self.session_expiry,
            reason_string: self.reason_string.as_deref(),
            server_reference: self.server_reference.as_deref(),
            user_properties: UserProperties::new(&self.user_properties),
        }
    }
}

/// A borrowed [`Disconnect`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct DisconnectRef<'a> {
    /// Why the connection ends.
    pub reason: ReasonCode,
    /// A new Session Expiry Interval; from a client only.
    pub session_expiry: Option<Seconds>,
    /// Reason String, for people.
    pub reason_string: Option<&'a str>,
    /// Another server to use; from a server only.
    pub server_reference: Option<&'a str>,
    /// User Properties in their order.
    pub user_properties: UserProperties<'a>,
}

impl DisconnectRef<'_> {
    /// A DISCONNECT without properties.
    pub fn new(reason: ReasonCode) -> Self {
        Self { reason, ..Self::default() }
    }

    pub(super) fn own(&self, _: Storage<'_>) -> Disconnect {
        Disconnect {
            reason: self.reason,
            session_expiry: self.session_expiry,
            reason_string: self.reason_string.map(Text::checked),
            server_reference: self.server_reference.map(Text::checked),
            user_properties: self.user_properties.to_vec(),
        }
    }
}

impl PropertySet for DisconnectRef<'_> {
    fn write(&self, sink: &mut impl Sink) {
        property::put_u32(sink, id::SESSION_EXPIRY, self.session_expiry.map(|seconds| seconds.0));
        property::put_text(sink, id::REASON_STRING, Field::ReasonString, self.reason_string);
        property::put_text(sink, id::SERVER_REFERENCE, Field::ServerReference, self.server_reference);
        property::put_user_properties(sink, &self.user_properties);
    }
}

impl Layout for DisconnectRef<'_> {
    fn packet_type(&self) -> PacketType {
        PacketType::Disconnect
    }

    fn body(&self, version: Version, sink: &mut impl Sink) {
        if !version.is_v5() {
            return;
        }
        if !self.reason.allowed_in(PacketType::Disconnect) {
            sink.refuse(EncodeError::ReasonCodeNotAllowed(self.reason));
        }
        // one is for clients, the other for servers [MQTT-3.14.2-2]
        if self.session_expiry.is_some() && self.server_reference.is_some() {
            sink.refuse(EncodeError::Combination(Field::ServerReference));
        }
        let plain = self.block_len() == 0;
        if plain && self.reason == ReasonCode::Success {
            return;
        }
        write::u8(sink, self.reason.to_wire());
        if !plain {
            self.write_block(sink);
        }
    }
}

/// Reads a DISCONNECT. No body means Normal disconnection, a body of 1 has a reason code and no properties.
pub(super) fn parse<'a>(body: &'a [u8], rules: &Rules) -> Result<DisconnectRef<'a>, nom::Err<Fault>> {
    if body.is_empty() {
        return Ok(DisconnectRef::default());
    }
    if !rules.version.is_v5() {
        read::end(body)?;
    }
    let (input, reason) = reason_code(PacketType::Disconnect, body)?;
    if input.is_empty() {
        return Ok(DisconnectRef::new(reason));
    }
    let (rest, block) = property::block(input)?;
    // [MQTT-3.14.2-2]
    let of_sender = match rules.role {
        Role::Server => id::SESSION_EXPIRY,
        Role::Client => id::SERVER_REFERENCE,
    };
    let allowed = Allowed::new(&[of_sender, id::REASON_STRING], &[id::USER_PROPERTY]);
    let seen = property::check(block, rest, allowed)?;
    read::end(rest)?;
    let ReasonProperties { reason_string, user_properties } = ReasonProperties::read(block, seen);
    Ok(DisconnectRef {
        reason,
        session_expiry: property::find(block, id::SESSION_EXPIRY).and_then(Seconds::read),
        reason_string,
        server_reference: property::find(block, id::SERVER_REFERENCE).and_then(Text::read),
        user_properties,
    })
}
