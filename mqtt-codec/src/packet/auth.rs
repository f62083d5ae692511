//! AUTH: a step of enhanced authentication, 5.0 only.

use alloc::vec::Vec;
use core::fmt;

use bytes::Bytes;

use super::ack::{ReasonProperties, reason_code};
use super::{PacketType, Storage};
use crate::error::{DecodeErrorKind as Kind, EncodeError};
use crate::field::Field;
use crate::list::UserProperties;
use crate::property::{self, Allowed, PropertySet, id};
use crate::read::{self, Fault, fault};
use crate::reason::ReasonCode;
use crate::types::Text;
use crate::value::Value;
use crate::version::Version;
use crate::write::{self, Layout, Sink};

/// An AUTH with storage of its own.
#[derive(Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Auth {
    /// Success, Continue authentication or Re-authenticate.
    pub reason: ReasonCode,
    /// The method of the whole exchange, which every AUTH names.
    pub method: Text,
    /// What the method says in this step.
    #[cfg_attr(feature = "serde", serde(default, with = "crate::serialize::optional_binary"))]
    pub data: Option<Bytes>,
    /// Reason String, for people.
    pub reason_string: Option<Text>,
    /// User Properties in their order.
    pub user_properties: Vec<(Text, Text)>,
}

impl Auth {
    /// The packet, borrowed.
    pub fn view(&self) -> AuthRef<'_> {
        AuthRef {
            reason: self.reason,
            method: &self.method,
            data: self.data.as_deref(),
            reason_string: self.reason_string.as_deref(),
            user_properties: UserProperties::new(&self.user_properties),
        }
    }
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.view().fmt(f)
    }
}

/// A borrowed [`Auth`]. Its `Debug` form does not show the data.
#[derive(Clone, Copy, PartialEq)]
pub struct AuthRef<'a> {
    /// Success, Continue authentication or Re-authenticate.
    pub reason: ReasonCode,
    /// The method of the whole exchange.
    pub method: &'a str,
    /// What the method says in this step.
    pub data: Option<&'a [u8]>,
    /// Reason String, for people.
    pub reason_string: Option<&'a str>,
    /// User Properties in their order.
    pub user_properties: UserProperties<'a>,
}

impl AuthRef<'_> {
    pub(super) fn own(&self, storage: Storage<'_>) -> Auth {
        Auth {
            reason: self.reason,
            method: Text::checked(self.method),
            data: self.data.map(|data| storage.bytes(data)),
            reason_string: self.reason_string.map(Text::checked),
            user_properties: self.user_properties.to_vec(),
        }
    }
}

impl fmt::Debug for AuthRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Auth")
            .field("reason", &self.reason)
            .field("method", &self.method)
            .field("data", &self.data.map(|_| "..."))
            .field("reason_string", &self.reason_string)
            .field("user_properties", &self.user_properties)
            .finish()
    }
}

impl PropertySet for AuthRef<'_> {
    fn write(&self, sink: &mut impl Sink) {
        property::put_authentication(sink, Some(self.method), self.data);
        property::put_text(sink, id::REASON_STRING, Field::ReasonString, self.reason_string);
        property::put_user_properties(sink, &self.user_properties);
    }
}

impl Layout for AuthRef<'_> {
    fn packet_type(&self) -> PacketType {
        PacketType::Auth
    }

    fn body(&self, version: Version, sink: &mut impl Sink) {
        if !version.is_v5() {
            sink.refuse(EncodeError::NotInVersion(Field::Auth));
        }
        if !self.reason.allowed_in(PacketType::Auth) {
            sink.refuse(EncodeError::ReasonCodeNotAllowed(self.reason));
        }
        write::u8(sink, self.reason.to_wire());
        self.write_block(sink);
    }
}

const ALLOWED: Allowed = Allowed::new(
    &[id::AUTHENTICATION_METHOD, id::AUTHENTICATION_DATA, id::REASON_STRING],
    &[id::USER_PROPERTY],
);

/// Reads an AUTH. The standard has a form without a body, but every AUTH must name its method.
pub(super) fn parse(body: &[u8]) -> Result<AuthRef<'_>, nom::Err<Fault>> {
    if body.is_empty() {
        return fault(body, Field::AuthenticationMethod, Kind::AuthenticationMethodMissing);
    }
    let (input, reason) = reason_code(PacketType::Auth, body)?;
    let (rest, block) = property::block(input)?;
    let seen = property::check(block, rest, ALLOWED)?;
    read::end(rest)?;
    let Some(method) = property::find(block, id::AUTHENTICATION_METHOD).and_then(Text::read) else {
        return fault(body, Field::AuthenticationMethod, Kind::AuthenticationMethodMissing);
    };
    let data = property::find(block, id::AUTHENTICATION_DATA);
    let ReasonProperties { reason_string, user_properties } = ReasonProperties::read(block, seen);
    Ok(AuthRef { reason, method, data, reason_string, user_properties })
}
