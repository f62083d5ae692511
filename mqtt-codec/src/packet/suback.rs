//! SUBACK and UNSUBACK: a reason code for each filter.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::ack::{ReasonProperties, parse_reason_properties};
use super::{AckProperties, PacketType, Storage};
use crate::error::{DecodeErrorKind as Kind, EncodeError};
use crate::field::Field;
use crate::list::{List, UserProperties};
use crate::property::PropertySet;
use crate::read::{self, Fault, fault};
use crate::reason::ReasonCode;
use crate::types::PacketId;
use crate::version::Version;
use crate::write::{self, Layout, Sink};

macro_rules! list_ack {
    ($(#[$doc:meta])* $owned:ident, $(#[$view_doc:meta])* $view:ident, $packet_type:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
        pub struct $owned {
            /// The exchange.
            pub id: PacketId,
            /// One code for each filter of the request, in its order.
            pub reasons: Vec<ReasonCode>,
            /// Reason String and User Properties; `None` if there are none.
            pub properties: Option<Box<AckProperties>>,
        }

        impl $owned {
            /// The packet, borrowed.
            pub fn view(&self) -> $view<'_> {
                let properties = self.properties.as_deref();
                $view {
                    id: self.id,
                    reasons: List::new(&self.reasons),
                    reason_string: properties.and_then(|properties| properties.reason_string.as_deref()),
                    user_properties: properties
                        .map(|properties| UserProperties::new(&properties.user_properties))
                        .unwrap_or_default(),
                }
            }
        }

        $(#[$view_doc])*
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub struct $view<'a> {
            /// The exchange.
            pub id: PacketId,
            /// One code for each filter of the request, in its order.
            pub reasons: List<'a, ReasonCode>,
            /// Reason String, for people.
            pub reason_string: Option<&'a str>,
            /// User Properties in their order.
            pub user_properties: UserProperties<'a>,
        }

        impl<'a> $view<'a> {
            /// An acknowledgement without properties.
            pub const fn new(id: PacketId, reasons: &'a [ReasonCode]) -> Self {
                Self { id, reasons: List::new(reasons), reason_string: None, user_properties: List::EMPTY }
            }

            pub(super) fn own(&self, _: Storage<'_>) -> $owned {
                $owned {
                    id: self.id,
                    reasons: self.reasons.to_vec(),
                    properties: AckProperties::boxed(self.reason_string, self.user_properties),
                }
            }

            fn write_properties(&self, version: Version, sink: &mut impl Sink) {
                write::u16(sink, self.id.get());
                if version.is_v5() {
                    let (reason_string, user_properties) = (self.reason_string, self.user_properties);
                    ReasonProperties { reason_string, user_properties }.write_block(sink);
                }
            }

            fn write_reason(&self, version: Version, sink: &mut impl Sink, reason: ReasonCode) {
                if !reason.allowed_in(PacketType::$packet_type) {
                    sink.refuse(EncodeError::ReasonCodeNotAllowed(reason));
                }
                let refused = reason.is_error() && !version.is_v5();
                write::u8(sink, if refused { ReasonCode::UnspecifiedError.to_wire() } else { reason.to_wire() });
            }
        }
    };
}

list_ack!(
    /// The answer to SUBSCRIBE. In 3.x a refusal is 0x80, whatever the reason.
    SubAck,
    /// A borrowed [`SubAck`].
    SubAckRef,
    SubAck
);
list_ack!(
    /// The answer to UNSUBSCRIBE. In 3.x it has no codes.
    UnsubAck,
    /// A borrowed [`UnsubAck`].
    UnsubAckRef,
    UnsubAck
);

impl Layout for SubAckRef<'_> {
    fn packet_type(&self) -> PacketType {
        PacketType::SubAck
    }

    fn body(&self, version: Version, sink: &mut impl Sink) {
        self.write_properties(version, sink);
        if self.reasons.is_empty() {
            sink.refuse(EncodeError::Empty(Field::ReasonCode));
        }
        for reason in self.reasons {
            self.write_reason(version, sink, reason);
        }
    }
}

impl Layout for UnsubAckRef<'_> {
    fn packet_type(&self) -> PacketType {
        PacketType::UnsubAck
    }

    fn body(&self, version: Version, sink: &mut impl Sink) {
        self.write_properties(version, sink);
        if !version.is_v5() {
            return;
        }
        if self.reasons.is_empty() {
            sink.refuse(EncodeError::Empty(Field::ReasonCode));
        }
        for reason in self.reasons {
            self.write_reason(version, sink, reason);
        }
    }
}

pub(super) fn parse_suback(body: &[u8], version: Version) -> Result<SubAckRef<'_>, nom::Err<Fault>> {
    let (input, id) = read::packet_id(body)?;
    let (input, properties) =
        if version.is_v5() { parse_reason_properties(input)? } else { (input, ReasonProperties::default()) };
    let reasons = parse_reasons(PacketType::SubAck, input, version)?;
    let ReasonProperties { reason_string, user_properties } = properties;
    Ok(SubAckRef { id, reasons, reason_string, user_properties })
}

pub(super) fn parse_unsuback(body: &[u8], version: Version) -> Result<UnsubAckRef<'_>, nom::Err<Fault>> {
    let (input, id) = read::packet_id(body)?;
    if !version.is_v5() {
        read::end(input)?;
        return Ok(UnsubAckRef::new(id, &[]));
    }
    let (input, ReasonProperties { reason_string, user_properties }) = parse_reason_properties(input)?;
    let reasons = parse_reasons(PacketType::UnsubAck, input, version)?;
    Ok(UnsubAckRef { id, reasons, reason_string, user_properties })
}

/// The codes that fill the rest of the packet: at least one, each allowed. [MQTT-3.9.3-2] [MQTT-3.11.3-2]
fn parse_reasons(
    packet: PacketType,
    input: &[u8],
    version: Version,
) -> Result<List<'_, ReasonCode>, nom::Err<Fault>> {
    if input.is_empty() {
        return fault(input, Field::ReasonCode, Kind::Empty);
    }
    for (index, &value) in input.iter().enumerate() {
        let allowed = match ReasonCode::from_list(value, version) {
            Some(reason) if version.is_v5() => reason.allowed_in(packet),
            Some(reason) => matches!(reason.to_wire(), 0..=2 | 0x80),
            None => false,
        };
        if !allowed {
            let rest = input.get(index..).unwrap_or_default();
            return fault(rest, Field::ReasonCode, Kind::ReasonCodeNotAllowed);
        }
    }
    Ok(List::checked(input, version))
}
