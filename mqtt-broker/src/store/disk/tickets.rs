//! The numbers of messages that a session is owed, in their order.

use std::collections::VecDeque;

use mqtt_session::Ticket;

/// A set of numbers of which most come at its end and leave at its front: a row, eight bytes for each, and a pointer without any.
#[derive(Debug, Default)]
#[expect(
    clippy::box_collection,
    reason = "an empty row has four times the size, in each of a million sessions"
)]
pub(super) struct Tickets(Option<Box<VecDeque<Ticket>>>);

/// The row of nobody who is owed something.
const NONE: &VecDeque<Ticket> = &VecDeque::new();

/// Places that are kept for more, whatever has left.
const SPARE: usize = 16;

impl Tickets {
    /// Whether it was not there.
    pub(super) fn insert(&mut self, ticket: Ticket) -> bool {
        let row = self.0.get_or_insert_default();
        if row.back().is_none_or(|last| *last < ticket) {
            row.push_back(ticket);
            return true;
        }
        let place = row.binary_search(&ticket);
        place.map_err(|place| row.insert(place, ticket)).is_err()
    }

    /// Whether it was there.
    pub(super) fn remove(&mut self, ticket: Ticket) -> bool {
        let Some(row) = &mut self.0 else { return false };
        let Ok(place) = row.binary_search(&ticket) else { return false };
        row.remove(place);
        if row.capacity() > 4 * row.len().max(SPARE) {
            row.shrink_to(2 * row.len());
        }
        true
    }

    pub(super) fn contains(&self, ticket: Ticket) -> bool {
        self.0.as_ref().is_some_and(|row| row.binary_search(&ticket).is_ok())
    }

    /// Those up to a bound.
    pub(super) fn up_to(&self, high: Ticket) -> impl ExactSizeIterator<Item = Ticket> {
        let row = self.0.as_deref().unwrap_or(NONE);
        row.iter().copied().take(row.partition_point(|ticket| *ticket <= high))
    }

    /// Leaves those of which `is_there`, and no room for more.
    pub(super) fn retain(&mut self, is_there: impl Fn(Ticket) -> bool) {
        if let Some(row) = &mut self.0 {
            row.retain(|ticket| is_there(*ticket));
            row.shrink_to_fit();
        }
        self.0.take_if(|row| row.is_empty());
    }

    pub(super) fn into_iter(self) -> impl Iterator<Item = Ticket> {
        self.0.map_or_else(VecDeque::new, |row| *row).into_iter()
    }
}

impl FromIterator<Ticket> for Tickets {
    fn from_iter<I: IntoIterator<Item = Ticket>>(tickets: I) -> Self {
        let mut set = Self::default();
        tickets.into_iter().for_each(|ticket| _ = set.insert(ticket));
        set
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn it_is_a_set_whatever_the_order() {
        let (mut tickets, mut set, mut number) = (Tickets::default(), BTreeSet::new(), 1_u64);
        for step in 0..5_000 {
            number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let ticket = Ticket(if step % 3 == 0 { 1_000 + step } else { (number >> 33) % 2_000 });
            if number >> 63 == 0 {
                assert_eq!(tickets.insert(ticket), set.insert(ticket));
            } else {
                assert_eq!(tickets.remove(ticket), set.remove(&ticket));
            }
            assert_eq!(tickets.contains(ticket), set.contains(&ticket));
        }
        let bound = Ticket(1_500);
        assert!(tickets.up_to(bound).eq(set.range(..=bound).copied()));
        assert_eq!(tickets.up_to(bound).len(), set.range(..=bound).count());
        tickets.retain(|ticket| ticket.0.is_multiple_of(2));
        set.retain(|ticket| ticket.0.is_multiple_of(2));
        assert!(tickets.into_iter().eq(set));
    }

    #[test]
    fn room_is_given_back() {
        let mut tickets: Tickets = (0..100_000).map(Ticket).collect();
        (0..99_990).for_each(|number| assert!(tickets.remove(Ticket(number))));
        assert!(tickets.0.is_some_and(|row| row.capacity() <= 4 * SPARE));
    }
}
