//! The numbers of messages that a session is owed, in their order.

use std::collections::VecDeque;

use mqtt_session::Ticket;

/// A set of numbers of which most come at its end and leave at its front: a row, eight bytes for each.
#[derive(Debug, Default)]
pub(super) struct Tickets(VecDeque<Ticket>);

/// Places that are kept for more, whatever has left.
const SPARE: usize = 16;

impl Tickets {
    /// Whether it was not there.
    pub(super) fn insert(&mut self, ticket: Ticket) -> bool {
        if self.0.back().is_none_or(|last| *last < ticket) {
            self.0.push_back(ticket);
            return true;
        }
        let place = self.0.binary_search(&ticket);
        place.map_err(|place| self.0.insert(place, ticket)).is_err()
    }

    /// Whether it was there.
    pub(super) fn remove(&mut self, ticket: Ticket) -> bool {
        let Ok(place) = self.0.binary_search(&ticket) else { return false };
        self.0.remove(place);
        if self.0.capacity() > 4 * self.0.len().max(SPARE) {
            self.0.shrink_to(2 * self.0.len());
        }
        true
    }

    pub(super) fn contains(&self, ticket: Ticket) -> bool {
        self.0.binary_search(&ticket).is_ok()
    }

    /// Those up to a bound.
    pub(super) fn up_to(&self, high: Ticket) -> impl ExactSizeIterator<Item = Ticket> {
        let count = self.0.partition_point(|ticket| *ticket <= high);
        self.0.iter().copied().take(count)
    }

    /// Leaves those of which `is_there`, and no room for more.
    pub(super) fn retain(&mut self, is_there: impl Fn(Ticket) -> bool) {
        self.0.retain(|ticket| is_there(*ticket));
        self.0.shrink_to_fit();
    }

    pub(super) fn into_iter(self) -> impl Iterator<Item = Ticket> {
        self.0.into_iter()
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
        assert!(tickets.0.capacity() <= 4 * SPARE);
    }
}
