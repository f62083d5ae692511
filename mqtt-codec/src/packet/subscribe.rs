//! SUBSCRIBE: filters and how each wants its messages.

use alloc::vec::Vec;

use super::{PacketType, Storage};
use crate::error::{DecodeErrorKind as Kind, EncodeError};
use crate::field::Field;
use crate::list::{List, UserProperties};
use crate::property::{self, Allowed, PropertySet, id};
use crate::read::{self, Fault, Parsed, fault};
use crate::topic::{TopicFilter, TopicFilterRef};
use crate::types::{PacketId, QoS, SubscriptionId, Text};
use crate::version::Version;
use crate::write::{self, Layout, Sink};

/// Whether a subscription is answered with retained messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum RetainHandling {
    /// On each SUBSCRIBE; what 3.x always does.
    #[default]
    OnSubscribe = 0,
    /// Only if the subscription did not exist.
    OnNewSubscription = 1,
    /// Never.
    Never = 2,
}

/// Subscription Options: how a subscription wants its messages. 3.x has only the QoS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub struct SubscriptionOptions {
    /// The highest QoS of deliveries.
    pub qos: QoS,
    /// Leaves out what was published under the subscriber's own client identifier.
    pub no_local: bool,
    /// Keeps the RETAIN flag of the publisher.
    pub retain_as_published: bool,
    /// Whether retained messages are sent.
    pub retain_handling: RetainHandling,
}

impl SubscriptionOptions {
    /// Options of 3.x, and the defaults of 5.0, for a maximum QoS.
    pub const fn new(qos: QoS) -> Self {
        Self {
            qos,
            no_local: false,
            retain_as_published: false,
            retain_handling: RetainHandling::OnSubscribe,
        }
    }

    /// Reads the options byte, whose reserved bits were looked at; `None` if a value does not exist.
    pub(crate) fn from_wire(byte: u8, version: Version) -> Option<Self> {
        // 3.1 leaves the upper six bits unused
        let byte = if version == Version::V3_1 { byte & 0b11 } else { byte };
        Some(Self {
            qos: QoS::from_wire(byte & 0b11)?,
            no_local: byte & 0b100 != 0,
            retain_as_published: byte & 0b1000 != 0,
            retain_handling: match byte >> 4 & 0b11 {
                0 => RetainHandling::OnSubscribe,
                1 => RetainHandling::OnNewSubscription,
                2 => RetainHandling::Never,
                _ => return None,
            },
        })
    }

    const fn to_wire(self) -> u8 {
        self.qos as u8
            | (self.no_local as u8) << 2
            | (self.retain_as_published as u8) << 3
            | (self.retain_handling as u8) << 4
    }
}

/// One filter of a SUBSCRIBE with its options.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Subscription {
    /// The filter, with `$share/NAME/` in front for a Shared Subscription.
    pub filter: TopicFilter,
    /// How messages are wanted.
    pub options: SubscriptionOptions,
}

impl Subscription {
    /// A filter with the defaults of 5.0, which are all that 3.x has, for a maximum QoS.
    pub const fn new(filter: TopicFilter, qos: QoS) -> Self {
        Self { filter, options: SubscriptionOptions::new(qos) }
    }
}

/// A borrowed [`Subscription`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubscriptionRef<'a> {
    /// The filter.
    pub filter: TopicFilterRef<'a>,
    /// How messages are wanted.
    pub options: SubscriptionOptions,
}

/// A SUBSCRIBE with storage of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Subscribe {
    /// The exchange.
    pub id: PacketId,
    /// Comes back with every message that these subscriptions cause. 5.0 only.
    pub subscription_id: Option<SubscriptionId>,
    /// User Properties in their order. 5.0 only.
    pub user_properties: Vec<(Text, Text)>,
    /// At least one filter.
    pub filters: Vec<Subscription>,
}

impl Subscribe {
    /// A SUBSCRIBE without what 5.0 can add.
    pub const fn new(id: PacketId, filters: Vec<Subscription>) -> Self {
        Self { id, subscription_id: None, user_properties: Vec::new(), filters }
    }

    /// The packet, borrowed.
    pub fn view(&self) -> SubscribeRef<'_> {
        SubscribeRef {
            id: self.id,
            subscription_id: self.subscription_id,
            user_properties: UserProperties::new(&self.user_properties),
            filters: List::new(&self.filters),
        }
    }
}

/// A borrowed [`Subscribe`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SubscribeRef<'a> {
    /// The exchange.
    pub id: PacketId,
    /// Comes back with every message that these subscriptions cause.
    pub subscription_id: Option<SubscriptionId>,
    /// User Properties in their order.
    pub user_properties: UserProperties<'a>,
    /// The filters, at least one.
    pub filters: List<'a, Subscription>,
}

impl SubscribeRef<'_> {
    pub(super) fn own(&self, _: Storage<'_>) -> Subscribe {
        Subscribe {
            id: self.id,
            subscription_id: self.subscription_id,
            user_properties: self.user_properties.to_vec(),
            filters: self.filters.to_vec(),
        }
    }
}

impl PropertySet for SubscribeRef<'_> {
    fn write(&self, sink: &mut impl Sink) {
        if let Some(subscription_id) = self.subscription_id {
            property::put_varint(sink, id::SUBSCRIPTION_ID, subscription_id.get());
        }
        property::put_user_properties(sink, &self.user_properties);
    }
}

impl Layout for SubscribeRef<'_> {
    fn packet_type(&self) -> PacketType {
        PacketType::Subscribe
    }

    fn body(&self, version: Version, sink: &mut impl Sink) {
        write::u16(sink, self.id.get());
        if version.is_v5() {
            self.write_block(sink);
        } else {
            if self.subscription_id.is_some() {
                sink.refuse(EncodeError::NotInVersion(Field::SubscriptionId));
            }
            if !self.user_properties.is_empty() {
                sink.refuse(EncodeError::NotInVersion(Field::UserProperty));
            }
        }
        // [MQTT-3.8.3-2], in 3.1.1 [MQTT-3.8.3-3]
        if self.filters.is_empty() {
            sink.refuse(EncodeError::Empty(Field::TopicFilter));
        }
        for SubscriptionRef { filter, options } in self.filters {
            if !version.is_v5() && options != SubscriptionOptions::new(options.qos) {
                sink.refuse(EncodeError::NotInVersion(Field::SubscriptionOptions));
            }
            if options.no_local && is_shared(filter.as_str().as_bytes()) {
                sink.refuse(EncodeError::Combination(Field::SubscriptionOptions));
            }
            write::binary(sink, Field::TopicFilter, filter.as_str().as_bytes());
            write::u8(sink, options.to_wire());
        }
    }
}

/// Whether the filter asks for a Shared Subscription, be it well formed or not.
fn is_shared(filter: &[u8]) -> bool {
    filter.strip_prefix(b"$share").is_some_and(|rest| matches!(rest.first(), None | Some(b'/')))
}

/// Reads a SUBSCRIBE and checks every filter; the view reads them again when it is iterated over.
pub(super) fn parse(body: &[u8], version: Version) -> Result<SubscribeRef<'_>, nom::Err<Fault>> {
    let (input, id) = read::packet_id(body)?;
    let (input, subscription_id, user_properties) =
        if version.is_v5() { properties(input)? } else { (input, None, UserProperties::EMPTY) };
    if input.is_empty() {
        return fault(input, Field::Body, Kind::Empty);
    }
    let mut rest = input;
    while !rest.is_empty() {
        (rest, _) = subscription(rest, version)?;
    }
    Ok(SubscribeRef { id, subscription_id, user_properties, filters: List::checked(input, version) })
}

type SubscribeProperties<'a> = (&'a [u8], Option<SubscriptionId>, UserProperties<'a>);

fn properties(input: &[u8]) -> Result<SubscribeProperties<'_>, nom::Err<Fault>> {
    let (rest, block) = property::block(input)?;
    let seen = property::check(block, rest, Allowed::new(&[id::SUBSCRIPTION_ID], &[id::USER_PROPERTY]))?;
    let subscription_id = if seen.has(id::SUBSCRIPTION_ID) {
        List::<SubscriptionId>::checked(block, Version::V5).iter().next()
    } else {
        None
    };
    Ok((rest, subscription_id, property::user_properties(block, seen)))
}

#[inline]
fn subscription(input: &[u8], version: Version) -> Parsed<'_, ()> {
    let (at_options, filter) = read::filter(input)?;
    let (rest, byte) = read::u8(Field::SubscriptionOptions, at_options)?;
    let reserved = match version {
        Version::V3_1 => 0,
        Version::V3_1_1 => byte & !0b11,
        Version::V5 => byte & 0b1100_0000,
    };
    if reserved != 0 {
        return fault(at_options, Field::SubscriptionOptions, Kind::ReservedBit);
    }
    let Some(options) = SubscriptionOptions::from_wire(byte, version) else {
        return fault(at_options, Field::SubscriptionOptions, Kind::InvalidValue);
    };
    // [MQTT-3.8.3-4]
    if options.no_local && is_shared(filter) {
        return fault(at_options, Field::SubscriptionOptions, Kind::NoLocalOnShare);
    }
    Ok((rest, ()))
}
