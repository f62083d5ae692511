//! The subscribers of one Topic Filter.

use super::hashing::Hashing;
use super::keyed_list::{Keyed, KeyedList};
use super::matched::{Matched, Target};

/// Mostly none or one, so one needs no allocation.
#[derive(Debug, Default)]
pub(super) enum Subscribers {
    #[default]
    None,
    One(Matched),
    Many(Box<KeyedList<Matched>>),
}

impl Subscribers {
    /// Adds a subscriber; the same one that was granted something else is replaced and returned.
    pub(super) fn insert(&mut self, new: Matched, hashing: &Hashing) -> Option<Matched> {
        match self {
            Self::None => {
                *self = Self::One(new);
                None
            }
            Self::One(old) if old.key() == new.key() => Some(std::mem::replace(old, new)),
            Self::One(old) => {
                let mut list = KeyedList::new();
                list.insert(*old, hashing);
                list.insert(new, hashing);
                *self = Self::Many(Box::new(list));
                None
            }
            Self::Many(list) => list.insert(new, hashing),
        }
    }

    pub(super) fn remove(&mut self, target: Target, hashing: &Hashing) -> Option<Matched> {
        match self {
            Self::None => None,
            Self::One(only) => {
                let removed = *only;
                (removed.key() == target).then(|| {
                    *self = Self::None;
                    removed
                })
            }
            Self::Many(list) => {
                let position = list.position(target, hashing)?;
                let removed = list.swap_remove(position, hashing);
                if let &[only] = list.as_slice() {
                    *self = Self::One(only);
                }
                Some(removed)
            }
        }
    }

    pub(super) fn visit(&self, visit: &mut impl FnMut(Matched)) {
        match self {
            Self::None => {}
            Self::One(only) => visit(*only),
            Self::Many(list) => list.as_slice().iter().for_each(|&each| visit(each)),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        matches!(self, Self::None)
    }
}

/// A million of these are kept: the tags of all three enums share the spare values of one `bool`.
const _: () = assert!(size_of::<Subscribers>() == 16);
