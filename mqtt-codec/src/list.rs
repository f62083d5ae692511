//! Lists inside a view: elements in the bytes of a frame, or in an owned packet, read alike.

use alloc::vec::Vec;
use core::fmt;

use crate::packet::{Subscription, SubscriptionOptions, SubscriptionRef};
use crate::property::{Property, property};
use crate::read;
use crate::reason::ReasonCode;
use crate::topic::{TopicFilter, TopicFilterRef};
use crate::types::{SubscriptionId, Text};
use crate::version::Version;

/// A borrowed list of a packet: iterate over it as often as needed, nothing is allocated.
pub struct List<'a, T: Element<'a>>(Source<'a, T::Owned>);

/// User Properties in their order: pairs of name and value, names may repeat.
pub type UserProperties<'a> = List<'a, (&'a str, &'a str)>;

enum Source<'a, T> {
    /// Bytes that the decoder has checked from the first to the last.
    Wire(&'a [u8], Version),
    Owned(&'a [T]),
}

/// What a [`List`] can hold.
pub trait Element<'a>: Copy + PartialEq + fmt::Debug {
    /// The element in an owned packet.
    type Owned: 'a;

    /// Takes the next element from checked bytes; `None` at the end.
    #[doc(hidden)]
    fn take(bytes: &mut &'a [u8], version: Version) -> Option<Self>;

    /// The element of an owned packet.
    #[doc(hidden)]
    fn view(owned: &'a Self::Owned) -> Self;

    /// The element with storage of its own.
    #[doc(hidden)]
    fn to_owned(self) -> Self::Owned;
}

impl<'a, T: Element<'a>> List<'a, T> {
    /// A list with nothing in it.
    pub const EMPTY: Self = Self(Source::Owned(&[]));

    /// A view of owned elements.
    pub const fn new(elements: &'a [T::Owned]) -> Self {
        Self(Source::Owned(elements))
    }

    pub(crate) const fn checked(bytes: &'a [u8], version: Version) -> Self {
        Self(Source::Wire(bytes, version))
    }

    /// The elements, each read when it is asked for.
    pub fn iter(&self) -> ListIter<'a, T> {
        ListIter(*self)
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    /// The elements with storage of their own.
    pub fn to_vec(&self) -> Vec<T::Owned> {
        self.iter().map(T::to_owned).collect()
    }
}

impl<'a, T: Element<'a>> IntoIterator for List<'a, T> {
    type Item = T;
    type IntoIter = ListIter<'a, T>;

    fn into_iter(self) -> ListIter<'a, T> {
        ListIter(self)
    }
}

/// The iterator of a [`List`].
pub struct ListIter<'a, T: Element<'a>>(List<'a, T>);

impl<'a, T: Element<'a>> Iterator for ListIter<'a, T> {
    type Item = T;

    #[inline]
    fn next(&mut self) -> Option<T> {
        match &mut self.0.0 {
            Source::Wire(bytes, version) => T::take(bytes, *version),
            Source::Owned(elements) => {
                let (first, rest) = elements.split_first()?;
                *elements = rest;
                Some(T::view(first))
            }
        }
    }
}

impl<'a, T: Element<'a>> Clone for List<'a, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<'a, T: Element<'a>> Copy for List<'a, T> {}

impl<T> Clone for Source<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Source<'_, T> {}

impl<'a, T: Element<'a>> Default for List<'a, T> {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl<'a, T: Element<'a>> PartialEq for List<'a, T> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl<'a, T: Element<'a> + Eq> Eq for List<'a, T> {}

impl<'a, T: Element<'a>> fmt::Debug for List<'a, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// The next property of a checked block that `select` wants; others are passed over.
fn next_property<'a, T>(block: &mut &'a [u8], select: impl Fn(Property<'a>) -> Option<T>) -> Option<T> {
    while !block.is_empty() {
        let (rest, property) = property(block).ok()?;
        *block = rest;
        if let Some(selected) = select(property) {
            return Some(selected);
        }
    }
    None
}

impl<'a> Element<'a> for (&'a str, &'a str) {
    type Owned = (Text, Text);

    fn take(bytes: &mut &'a [u8], _: Version) -> Option<Self> {
        next_property(bytes, |property| match property {
            Property::User(name, value) => Some((name, value)),
            _ => None,
        })
    }

    fn view((name, value): &'a Self::Owned) -> Self {
        (name, value)
    }

    fn to_owned(self) -> Self::Owned {
        (Text::checked(self.0), Text::checked(self.1))
    }
}

impl<'a> Element<'a> for SubscriptionId {
    type Owned = Self;

    fn take(bytes: &mut &'a [u8], _: Version) -> Option<Self> {
        next_property(bytes, |property| match property {
            Property::SubscriptionId(id) => Some(id),
            _ => None,
        })
    }

    fn view(owned: &'a Self) -> Self {
        *owned
    }

    fn to_owned(self) -> Self {
        self
    }
}

impl<'a> Element<'a> for SubscriptionRef<'a> {
    type Owned = Subscription;

    fn take(bytes: &mut &'a [u8], version: Version) -> Option<Self> {
        let (rest, filter) = read::binary(crate::Field::TopicFilter, bytes).ok()?;
        let (options, rest) = rest.split_first()?;
        *bytes = rest;
        Some(SubscriptionRef {
            filter: TopicFilterRef::checked(core::str::from_utf8(filter).ok()?),
            options: SubscriptionOptions::from_wire(*options, version)?,
        })
    }

    fn view(owned: &'a Subscription) -> Self {
        SubscriptionRef { filter: owned.filter.view(), options: owned.options }
    }

    fn to_owned(self) -> Subscription {
        Subscription { filter: self.filter.to_topic_filter(), options: self.options }
    }
}

impl<'a> Element<'a> for TopicFilterRef<'a> {
    type Owned = TopicFilter;

    fn take(bytes: &mut &'a [u8], _: Version) -> Option<Self> {
        let (rest, filter) = read::binary(crate::Field::TopicFilter, bytes).ok()?;
        *bytes = rest;
        Some(TopicFilterRef::checked(core::str::from_utf8(filter).ok()?))
    }

    fn view(owned: &'a TopicFilter) -> Self {
        owned.view()
    }

    fn to_owned(self) -> TopicFilter {
        self.to_topic_filter()
    }
}

impl<'a> Element<'a> for ReasonCode {
    type Owned = Self;

    fn take(bytes: &mut &'a [u8], version: Version) -> Option<Self> {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        Self::from_list(*first, version)
    }

    fn view(owned: &'a Self) -> Self {
        *owned
    }

    fn to_owned(self) -> Self {
        self
    }
}
