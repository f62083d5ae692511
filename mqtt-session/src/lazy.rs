//! A part that most sessions do not need most of the time: made when it is first changed.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::ops::{Deref, DerefMut};

/// A part that is empty until it is changed, and takes the room of a pointer until then.
///
/// Reading sees what an untouched part looks like; changing makes it. [`Lazy::made`] is for changes that would do
/// nothing to an empty one.
#[derive(Clone, Debug)]
pub(crate) struct Lazy<T>(Option<Box<T>>);

/// What an untouched part looks like.
pub(crate) trait Untouched: Default + 'static {
    const UNTOUCHED: &'static Self;
}

impl<T: 'static> Untouched for Vec<T> {
    const UNTOUCHED: &'static Self = &Self::new();
}

impl<T: Untouched + PartialEq> PartialEq for Lazy<T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: Untouched + Eq> Eq for Lazy<T> {}

impl<T> Default for Lazy<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> Lazy<T> {
    /// A part that was not made.
    pub(crate) const NONE: Self = Self(None);

    /// The part, if it was made.
    #[inline]
    pub(crate) fn made(&mut self) -> Option<&mut T> {
        self.0.as_deref_mut()
    }

    /// The part as it was; what is left is empty.
    pub(crate) fn take(&mut self) -> Option<Box<T>> {
        self.0.take()
    }
}

impl<T: Untouched> Deref for Lazy<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        self.0.as_deref().unwrap_or(T::UNTOUCHED)
    }
}

impl<T: Untouched> DerefMut for Lazy<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        self.0.get_or_insert_default()
    }
}
