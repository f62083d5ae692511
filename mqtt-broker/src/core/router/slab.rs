//! Values at small stable numbers.

use std::ops::{Index, IndexMut};

/// A growing array whose freed places are used again, addressed by `u32`.
#[derive(Debug)]
pub(super) struct Slab<T> {
    places: Vec<Place<T>>,
    /// The freed place to use next; each freed place names the one after it.
    free: Option<u32>,
    len: usize,
}

#[derive(Debug)]
enum Place<T> {
    Free(Option<u32>),
    Taken(T),
}

impl<T> Slab<T> {
    pub(super) fn new() -> Self {
        Self { places: Vec::new(), free: None, len: 0 }
    }

    pub(super) fn insert(&mut self, value: T) -> u32 {
        self.len += 1;
        let Some(id) = self.free else {
            let id = u32::try_from(self.places.len()).expect("memory ends before the numbers do");
            self.places.push(Place::Taken(value));
            return id;
        };
        let place = &mut self.places[id as usize];
        if let Place::Free(next) = *place {
            self.free = next;
        }
        *place = Place::Taken(value);
        id
    }

    pub(super) fn remove(&mut self, id: u32) -> T {
        let place = &mut self.places[id as usize];
        match std::mem::replace(place, Place::Free(self.free)) {
            Place::Taken(value) => {
                self.free = Some(id);
                self.len -= 1;
                value
            }
            Place::Free(_) => unreachable!("place {id} was freed twice"),
        }
    }

    pub(super) fn get(&self, id: u32) -> Option<&T> {
        match self.places.get(id as usize)? {
            Place::Taken(value) => Some(value),
            Place::Free(_) => None,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }
}

impl<T> Index<u32> for Slab<T> {
    type Output = T;

    fn index(&self, id: u32) -> &T {
        match &self.places[id as usize] {
            Place::Taken(value) => value,
            Place::Free(_) => unreachable!("place {id} is free"),
        }
    }
}

impl<T> IndexMut<u32> for Slab<T> {
    fn index_mut(&mut self, id: u32) -> &mut T {
        match &mut self.places[id as usize] {
            Place::Taken(value) => value,
            Place::Free(_) => unreachable!("place {id} is free"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn freed_places_are_used_again_before_the_array_grows() {
        let mut slab = Slab::new();
        let ids: Vec<u32> = (0..3).map(|value| slab.insert(value)).collect();
        assert_eq!(ids, [0, 1, 2]);
        assert_eq!((slab.remove(0), slab.remove(2), slab.len()), (0, 2, 1));
        assert_eq!((slab.get(0), slab.get(1), slab.get(9)), (None, Some(&1), None));
        assert_eq!((slab.insert(10), slab.insert(11), slab.insert(12)), (2, 0, 3));
        slab[0] += 1;
        assert_eq!((slab[0], slab[2], slab.len()), (12, 10, 4));
    }
}
