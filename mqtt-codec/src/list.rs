//! Lists inside a view: elements in the bytes of a frame, or in an owned packet, read alike.

use alloc::vec::Vec;
use core::fmt;

use crate::packet::{Subscription, SubscriptionOptions, SubscriptionRef};
use crate::property::{self, id};
use crate::read;
use crate::reason::ReasonCode;
use crate::topic::{TopicFilter, TopicFilterRef};
use crate::types::{SubscriptionId, Text};
use crate::version::Version;

/// A borrowed list of a packet: iterate over it as often as needed, nothing is allocated.
///
/// `T` is the element of the owned packet; iterating gives its view.
pub struct List<'a, T: Element>(Source<'a, T>);

/// User Properties in their order: pairs of name and value, names may repeat.
pub type UserProperties<'a> = List<'a, (Text, Text)>;

enum Source<'a, T> {
    /// Bytes that the decoder has checked from the first to the last.
    Wire(&'a [u8], Version),
    Owned(&'a [T]),
}

/// What a [`List`] can hold: the element of an owned packet.
pub trait Element: Sized + 'static {
    /// The element borrowed, as iterating gives it.
    type View<'a>: Copy + PartialEq + fmt::Debug;

    /// Takes the next element from checked bytes; `None` at the end.
    #[doc(hidden)]
    fn take<'a>(bytes: &mut &'a [u8], version: Version) -> Option<Self::View<'a>>;

    /// The element, borrowed.
    #[doc(hidden)]
    fn view(&self) -> Self::View<'_>;

    /// The element with storage of its own.
    #[doc(hidden)]
    fn own(view: Self::View<'_>) -> Self;
}

impl<'a, T: Element> List<'a, T> {
    /// A list with nothing in it.
    pub const EMPTY: Self = Self(Source::Owned(&[]));

    /// A view of owned elements.
    pub const fn new(elements: &'a [T]) -> Self {
        Self(Source::Owned(elements))
    }

    pub(crate) const fn checked(bytes: &'a [u8], version: Version) -> Self {
        Self(Source::Wire(bytes, version))
    }

    /// The elements, each read when it is asked for.
    pub fn iter(&self) -> ListIter<'a, T> {
        ListIter(*self)
    }

    /// Calls `visit` with each element. The list is not copied to go through it, which would cost more than a short list.
    #[inline]
    pub(crate) fn visit(&self, mut visit: impl FnMut(T::View<'a>)) {
        match self.0 {
            Source::Owned(elements) => elements.iter().for_each(|element| visit(T::view(element))),
            Source::Wire(mut bytes, version) => {
                while let Some(element) = T::take(&mut bytes, version) {
                    visit(element);
                }
            }
        }
    }

    /// Whether there is no element.
    #[inline]
    pub fn is_empty(&self) -> bool {
        match self.0 {
            Source::Wire(bytes, _) => bytes.is_empty() || self.iter().next().is_none(),
            Source::Owned(elements) => elements.is_empty(),
        }
    }

    /// The elements with storage of their own.
    #[inline]
    pub fn to_vec(&self) -> Vec<T> {
        if self.is_empty() { Vec::new() } else { self.iter().map(T::own).collect() }
    }
}

impl<'a, T: Element> IntoIterator for List<'a, T> {
    type Item = T::View<'a>;
    type IntoIter = ListIter<'a, T>;

    fn into_iter(self) -> ListIter<'a, T> {
        ListIter(self)
    }
}

/// The iterator of a [`List`].
pub struct ListIter<'a, T: Element>(List<'a, T>);

impl<'a, T: Element> Iterator for ListIter<'a, T> {
    type Item = T::View<'a>;

    #[inline]
    fn next(&mut self) -> Option<T::View<'a>> {
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

impl<T: Element> Clone for List<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: Element> Copy for List<'_, T> {}

impl<T> Clone for Source<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Source<'_, T> {}

impl<T: Element> Default for List<'_, T> {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl<T: Element> PartialEq for List<'_, T> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl<T: Element> Eq for List<'_, T> where for<'a> T::View<'a>: Eq {}

impl<T: Element> fmt::Debug for List<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// The value of the next property `id` of a checked block; others are passed over.
fn next_value<'a>(block: &mut &'a [u8], id: u8) -> Option<&'a [u8]> {
    loop {
        let (found, value) = property::take(block)?;
        if found == id {
            return Some(value);
        }
    }
}

impl Element for (Text, Text) {
    type View<'a> = (&'a str, &'a str);

    fn take<'a>(bytes: &mut &'a [u8], _: Version) -> Option<Self::View<'a>> {
        let (name, rest) = property::string(next_value(bytes, id::USER_PROPERTY)?)?;
        let (value, _) = property::string(rest)?;
        Some((str::from_utf8(name).ok()?, str::from_utf8(value).ok()?))
    }

    fn view(&self) -> Self::View<'_> {
        (&self.0, &self.1)
    }

    fn own((name, value): Self::View<'_>) -> Self {
        (Text::checked(name), Text::checked(value))
    }
}

impl Element for SubscriptionId {
    type View<'a> = Self;

    fn take(bytes: &mut &[u8], _: Version) -> Option<Self> {
        let (_, value) =
            read::varint(crate::Field::SubscriptionId, next_value(bytes, id::SUBSCRIPTION_ID)?).ok()?;
        Self::new(value)
    }

    fn view(&self) -> Self {
        *self
    }

    fn own(view: Self) -> Self {
        view
    }
}

impl Element for Subscription {
    type View<'a> = SubscriptionRef<'a>;

    fn take<'a>(bytes: &mut &'a [u8], version: Version) -> Option<SubscriptionRef<'a>> {
        let (rest, filter) = read::binary(crate::Field::TopicFilter, bytes).ok()?;
        let (options, rest) = rest.split_first()?;
        *bytes = rest;
        Some(SubscriptionRef {
            filter: TopicFilterRef::checked(core::str::from_utf8(filter).ok()?),
            options: SubscriptionOptions::from_wire(*options, version)?,
        })
    }

    fn view(&self) -> SubscriptionRef<'_> {
        SubscriptionRef { filter: self.filter.view(), options: self.options }
    }

    fn own(view: SubscriptionRef<'_>) -> Self {
        Self { filter: view.filter.to_topic_filter(), options: view.options }
    }
}

impl Element for TopicFilter {
    type View<'a> = TopicFilterRef<'a>;

    fn take<'a>(bytes: &mut &'a [u8], _: Version) -> Option<TopicFilterRef<'a>> {
        let (rest, filter) = read::binary(crate::Field::TopicFilter, bytes).ok()?;
        *bytes = rest;
        Some(TopicFilterRef::checked(core::str::from_utf8(filter).ok()?))
    }

    fn view(&self) -> TopicFilterRef<'_> {
        self.view()
    }

    fn own(view: TopicFilterRef<'_>) -> Self {
        view.to_topic_filter()
    }
}

impl Element for ReasonCode {
    type View<'a> = Self;

    fn take(bytes: &mut &[u8], version: Version) -> Option<Self> {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        Self::from_list(*first, version)
    }

    fn view(&self) -> Self {
        *self
    }

    fn own(view: Self) -> Self {
        view
    }
}
