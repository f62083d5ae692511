//! UNSUBSCRIBE: filters whose subscriptions end.

use alloc::vec::Vec;

use super::{PacketType, Storage};
use crate::error::{DecodeErrorKind as Kind, EncodeError};
use crate::field::Field;
use crate::list::{List, UserProperties};
use crate::property::{self, Allowed, PropertySet, id};
use crate::read::{self, Fault, fault};
use crate::topic::TopicFilter;
use crate::types::{PacketId, Text};
use crate::version::Version;
use crate::write::{self, Layout, Sink};

/// An UNSUBSCRIBE with storage of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Unsubscribe {
    /// The exchange.
    pub id: PacketId,
    /// User Properties in their order. 5.0 only.
    pub user_properties: Vec<(Text, Text)>,
    /// At least one filter, each compared literally with those of the session.
    pub filters: Vec<TopicFilter>,
}

impl Unsubscribe {
    /// An UNSUBSCRIBE without what 5.0 can add.
    pub const fn new(id: PacketId, filters: Vec<TopicFilter>) -> Self {
        Self { id, user_properties: Vec::new(), filters }
    }

    /// The packet, borrowed.
    pub fn view(&self) -> UnsubscribeRef<'_> {
        UnsubscribeRef {
            id: self.id,
            user_properties: UserProperties::new(&self.user_properties),
            filters: List::new(&self.filters),
        }
    }
}

/// A borrowed [`Unsubscribe`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UnsubscribeRef<'a> {
    /// The exchange.
    pub id: PacketId,
    /// User Properties in their order.
    pub user_properties: UserProperties<'a>,
    /// The filters, at least one.
    pub filters: List<'a, TopicFilter>,
}

impl UnsubscribeRef<'_> {
    pub(super) fn own(&self, _: Storage<'_>) -> Unsubscribe {
        Unsubscribe {
            id: self.id,
            user_properties: self.user_properties.to_vec(),
            filters: self.filters.to_vec(),
        }
    }
}

impl PropertySet for UserProperties<'_> {
    fn write(&self, sink: &mut impl Sink) {
        property::put_user_properties(sink, self);
    }
}

impl Layout for UnsubscribeRef<'_> {
    fn packet_type(&self) -> PacketType {
        PacketType::Unsubscribe
    }

    fn body(&self, version: Version, sink: &mut impl Sink) {
        write::u16(sink, self.id.get());
        if version.is_v5() {
            self.user_properties.write_block(sink);
        } else if !self.user_properties.is_empty() {
            sink.refuse(EncodeError::NotInVersion(Field::UserProperty));
        }
        // [MQTT-3.10.3-2]
        if self.filters.is_empty() {
            sink.refuse(EncodeError::Empty(Field::TopicFilter));
        }
        for filter in self.filters {
            write::binary(sink, Field::TopicFilter, filter.as_str().as_bytes());
        }
    }
}

/// Reads an UNSUBSCRIBE and checks every filter.
pub(super) fn parse(body: &[u8], version: Version) -> Result<UnsubscribeRef<'_>, nom::Err<Fault>> {
    let (mut input, id) = read::packet_id(body)?;
    let mut user_properties = UserProperties::EMPTY;
    if version.is_v5() {
        let (rest, block) = property::block(input)?;
        let seen = property::check(block, rest, Allowed::new(&[], &[id::USER_PROPERTY]))?;
        user_properties = property::user_properties(block, seen);
        input = rest;
    }
    if input.is_empty() {
        return fault(input, Field::Body, Kind::Empty);
    }
    let mut rest = input;
    while !rest.is_empty() {
        (rest, _) = read::filter(rest)?;
    }
    Ok(UnsubscribeRef { id, user_properties, filters: List::checked(input, version) })
}
