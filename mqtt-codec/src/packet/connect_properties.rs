//! The properties of CONNECT.

use alloc::vec::Vec;
use core::fmt;
use core::num::{NonZeroU16, NonZeroU32};

use bytes::Bytes;
use nom::Offset;

use super::Storage;
use super::properties::{Source, hidden, properties_view, shown};
use crate::error::DecodeErrorKind as Kind;
use crate::field::Field;
use crate::list::UserProperties;
use crate::property::{self, Allowed, PropertySet, id};
use crate::read::{Fault, Parsed};
use crate::types::{Seconds, Text};
use crate::value::Value;
use crate::version::Version;
use crate::write::Sink;

/// What a client of 5.0 can add to CONNECT. `None` leaves a property out and means its default.
#[derive(Clone, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub struct ConnectProperties {
    /// How long the session outlives the connection. Default 0.
    pub session_expiry: Option<Seconds>,
    /// Unacknowledged messages of QoS 1 and 2 that the client takes at once. Default 65,535.
    pub receive_maximum: Option<NonZeroU16>,
    /// The largest packet in bytes that the client takes. Default: no limit but the protocol's.
    pub maximum_packet_size: Option<NonZeroU32>,
    /// Topic aliases that the client remembers. Default 0.
    pub topic_alias_maximum: Option<u16>,
    /// Whether the server may send Response Information. Default false.
    pub request_response_information: Option<bool>,
    /// Whether the server may explain itself in any packet. Default true.
    pub request_problem_information: Option<bool>,
    /// The method of enhanced authentication.
    pub authentication_method: Option<Text>,
    /// The first step of that method.
    #[cfg_attr(feature = "serde", serde(with = "crate::serialize::optional_binary"))]
    pub authentication_data: Option<Bytes>,
    /// User Properties in their order.
    pub user_properties: Vec<(Text, Text)>,
}

impl fmt::Debug for ConnectProperties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.view().fmt(f)
    }
}

properties_view! {
    /// Borrowed [`ConnectProperties`]. Their `Debug` form does not show the Authentication Data.
    ConnectPropertiesRef of ConnectProperties, "ConnectProperties" {
        /// How long the session outlives the connection.
        session_expiry: Seconds | Seconds, SESSION_EXPIRY, shown;
        /// Unacknowledged messages of QoS 1 and 2 that the client takes at once.
        receive_maximum: NonZeroU16 | NonZeroU16, RECEIVE_MAXIMUM, shown;
        /// The largest packet in bytes that the client takes.
        maximum_packet_size: NonZeroU32 | NonZeroU32, MAXIMUM_PACKET_SIZE, shown;
        /// Topic aliases that the client remembers.
        topic_alias_maximum: u16 | u16, TOPIC_ALIAS_MAXIMUM, shown;
        /// Whether the server may send Response Information.
        request_response_information: bool | bool, REQUEST_RESPONSE_INFORMATION, shown;
        /// Whether the server may explain itself in any packet.
        request_problem_information: bool | bool, REQUEST_PROBLEM_INFORMATION, shown;
        /// The method of enhanced authentication.
        authentication_method: Text | &'a str, AUTHENTICATION_METHOD, shown;
        /// The first step of that method.
        authentication_data: Bytes | &'a [u8], AUTHENTICATION_DATA, hidden;
    }
}

const ALLOWED: Allowed = Allowed::new(
    &[
        id::SESSION_EXPIRY,
        id::RECEIVE_MAXIMUM,
        id::MAXIMUM_PACKET_SIZE,
        id::TOPIC_ALIAS_MAXIMUM,
        id::REQUEST_RESPONSE_INFORMATION,
        id::REQUEST_PROBLEM_INFORMATION,
        id::AUTHENTICATION_METHOD,
        id::AUTHENTICATION_DATA,
    ],
    &[id::USER_PROPERTY],
);

pub(super) fn parse(input: &[u8]) -> Parsed<'_, ConnectPropertiesRef<'_>> {
    let (rest, block) = property::block(input)?;
    let seen = property::check(block, rest, ALLOWED)?;
    if seen.has(id::AUTHENTICATION_DATA) && !seen.has(id::AUTHENTICATION_METHOD) {
        let data = property::find(block, id::AUTHENTICATION_DATA).unwrap_or_default();
        // identifier and length stand before the data
        let property = block.get(block.offset(data).saturating_sub(3)..).unwrap_or_default();
        let (field, kind) = (Field::AuthenticationData, Kind::AuthenticationDataWithoutMethod);
        return Err(nom::Err::Error(Fault { kind, field, remaining: property.len() + rest.len() }));
    }
    Ok((rest, ConnectPropertiesRef::checked(block)))
}
