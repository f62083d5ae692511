//! The properties of CONNECT.

use alloc::vec::Vec;
use core::fmt;
use core::num::{NonZeroU16, NonZeroU32};

use bytes::Bytes;
use nom::Offset;

use super::Storage;
use crate::error::DecodeErrorKind as Kind;
use crate::field::Field;
use crate::list::UserProperties;
use crate::property::{self, Property, PropertySet, id, not_allowed, once};
use crate::read::{Fault, Parsed};
use crate::types::{Seconds, Text};
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

impl ConnectProperties {
    /// The properties, borrowed.
    pub fn view(&self) -> ConnectPropertiesRef<'_> {
        ConnectPropertiesRef {
            session_expiry: self.session_expiry,
            receive_maximum: self.receive_maximum,
            maximum_packet_size: self.maximum_packet_size,
            topic_alias_maximum: self.topic_alias_maximum,
            request_response_information: self.request_response_information,
            request_problem_information: self.request_problem_information,
            authentication_method: self.authentication_method.as_deref(),
            authentication_data: self.authentication_data.as_deref(),
            user_properties: UserProperties::new(&self.user_properties),
        }
    }
}

impl fmt::Debug for ConnectProperties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.view().fmt(f)
    }
}

/// Borrowed [`ConnectProperties`]. Their `Debug` form does not show the Authentication Data.
#[derive(Clone, Copy, Default, PartialEq)]
#[expect(missing_docs, reason = "the fields are those of ConnectProperties")]
pub struct ConnectPropertiesRef<'a> {
    pub session_expiry: Option<Seconds>,
    pub receive_maximum: Option<NonZeroU16>,
    pub maximum_packet_size: Option<NonZeroU32>,
    pub topic_alias_maximum: Option<u16>,
    pub request_response_information: Option<bool>,
    pub request_problem_information: Option<bool>,
    pub authentication_method: Option<&'a str>,
    pub authentication_data: Option<&'a [u8]>,
    pub user_properties: UserProperties<'a>,
}

impl ConnectPropertiesRef<'_> {
    pub(super) fn own(&self, storage: Storage<'_>) -> ConnectProperties {
        ConnectProperties {
            session_expiry: self.session_expiry,
            receive_maximum: self.receive_maximum,
            maximum_packet_size: self.maximum_packet_size,
            topic_alias_maximum: self.topic_alias_maximum,
            request_response_information: self.request_response_information,
            request_problem_information: self.request_problem_information,
            authentication_method: self.authentication_method.map(Text::checked),
            authentication_data: self.authentication_data.map(|data| storage.bytes(data)),
            user_properties: self.user_properties.to_vec(),
        }
    }
}

impl fmt::Debug for ConnectPropertiesRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectProperties")
            .field("session_expiry", &self.session_expiry)
            .field("receive_maximum", &self.receive_maximum)
            .field("maximum_packet_size", &self.maximum_packet_size)
            .field("topic_alias_maximum", &self.topic_alias_maximum)
            .field("request_response_information", &self.request_response_information)
            .field("request_problem_information", &self.request_problem_information)
            .field("authentication_method", &self.authentication_method)
            .field("authentication_data", &self.authentication_data.map(|_| "..."))
            .field("user_properties", &self.user_properties)
            .finish()
    }
}

impl PropertySet for ConnectPropertiesRef<'_> {
    fn write(&self, sink: &mut impl Sink) {
        property::put_u32(sink, id::SESSION_EXPIRY, self.session_expiry.map(|seconds| seconds.0));
        property::put_u16(sink, id::RECEIVE_MAXIMUM, self.receive_maximum.map(NonZeroU16::get));
        property::put_u32(sink, id::MAXIMUM_PACKET_SIZE, self.maximum_packet_size.map(NonZeroU32::get));
        property::put_u16(sink, id::TOPIC_ALIAS_MAXIMUM, self.topic_alias_maximum);
        property::put_flag(sink, id::REQUEST_RESPONSE_INFORMATION, self.request_response_information);
        property::put_flag(sink, id::REQUEST_PROBLEM_INFORMATION, self.request_problem_information);
        property::put_authentication(sink, self.authentication_method, self.authentication_data);
        property::put_user_properties(sink, self.user_properties);
    }
}

pub(super) fn parse(input: &[u8]) -> Parsed<'_, ConnectPropertiesRef<'_>> {
    let (rest, block) = property::block(input)?;
    let mut read = ConnectPropertiesRef::default();
    property::read_all(block, rest, |property| match property {
        Property::SessionExpiry(value) => once(&mut read.session_expiry, value, Field::SessionExpiry),
        Property::ReceiveMaximum(value) => once(&mut read.receive_maximum, value, Field::ReceiveMaximum),
        Property::MaximumPacketSize(value) => {
            once(&mut read.maximum_packet_size, value, Field::MaximumPacketSize)
        }
        Property::TopicAliasMaximum(value) => {
            once(&mut read.topic_alias_maximum, value, Field::TopicAliasMaximum)
        }
        Property::RequestResponseInformation(value) => {
            once(&mut read.request_response_information, value, Field::RequestResponseInformation)
        }
        Property::RequestProblemInformation(value) => {
            once(&mut read.request_problem_information, value, Field::RequestProblemInformation)
        }
        Property::AuthenticationMethod(value) => {
            once(&mut read.authentication_method, value, Field::AuthenticationMethod)
        }
        Property::AuthenticationData(value) => {
            once(&mut read.authentication_data, value, Field::AuthenticationData)
        }
        Property::User(..) => {
            read.user_properties = UserProperties::checked(block, Version::V5);
            Ok(())
        }
        other => not_allowed(other),
    })?;
    if let (Some(data), None) = (read.authentication_data, read.authentication_method) {
        // identifier and length stand before the data
        let property = block.get(block.offset(data).saturating_sub(3)..).unwrap_or_default();
        let (field, kind) = (Field::AuthenticationData, Kind::AuthenticationDataWithoutMethod);
        return Err(nom::Err::Error(Fault { kind, field, remaining: property.len() + rest.len() }));
    }
    Ok((rest, read))
}
