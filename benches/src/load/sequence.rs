//! Checks that the messages of one publisher reach one subscriber once each and in order.

use std::ops::{AddAssign, Range};

/// What one subscriber has seen of one publisher.
#[derive(Debug, Default)]
pub(crate) struct Sequence {
    next: u64,
    /// Numbers below `next` that did not come. Never longer than the publisher's window.
    missing: Vec<u64>,
    duplicated: u64,
    reordered: u64,
}

impl Sequence {
    /// Notes that message `got` came, and gives the numbers that this settles.
    ///
    /// That is exactly `got` if all is well; with a gap it includes what was skipped, because the publisher
    /// shall not wait for it; it is empty for a message that had already been passed.
    pub(crate) fn accept(&mut self, got: u64) -> Range<u64> {
        let before = self.next;
        if got >= before {
            self.missing.extend(before..got);
            self.next = got + 1;
        } else if let Some(place) = self.missing.iter().position(|&number| number == got) {
            self.missing.swap_remove(place);
            self.reordered += 1;
        } else {
            self.duplicated += 1;
        }
        before..self.next
    }

    /// The faults so far; what is missing counts as lost until it comes.
    pub(crate) fn faults(&self) -> Faults {
        Faults { lost: self.missing.len() as u64, duplicated: self.duplicated, reordered: self.reordered }
    }
}

/// How many messages broke the promise, and how.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{lost} lost, {duplicated} duplicated, {reordered} reordered")]
pub(crate) struct Faults {
    pub(crate) lost: u64,
    pub(crate) duplicated: u64,
    pub(crate) reordered: u64,
}

impl AddAssign for Faults {
    fn add_assign(&mut self, other: Self) {
        self.lost += other.lost;
        self.duplicated += other.duplicated;
        self.reordered += other.reordered;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults_of(numbers: &[u64]) -> Faults {
        let mut sequence = Sequence::default();
        for &number in numbers {
            sequence.accept(number);
        }
        sequence.faults()
    }

    #[test]
    fn messages_in_order_are_faultless() {
        assert_eq!(faults_of(&[0, 1, 2, 3]), Faults::default());
    }

    #[test]
    fn a_gap_is_a_loss() {
        assert_eq!(faults_of(&[0, 3, 4]), Faults { lost: 2, ..Faults::default() });
    }

    #[test]
    fn a_second_copy_is_a_duplicate() {
        assert_eq!(faults_of(&[0, 1, 1, 0]), Faults { duplicated: 2, ..Faults::default() });
    }

    #[test]
    fn a_late_message_is_reordered_and_not_lost() {
        assert_eq!(faults_of(&[0, 2, 1, 3]), Faults { reordered: 1, ..Faults::default() });
    }

    #[test]
    fn a_second_copy_of_a_late_message_is_a_duplicate() {
        assert_eq!(faults_of(&[1, 0, 0]), Faults { lost: 0, duplicated: 1, reordered: 1 });
    }

    #[test]
    fn each_number_is_settled_once() {
        let mut sequence = Sequence::default();
        assert_eq!(sequence.accept(0), 0..1);
        assert_eq!(sequence.accept(3), 1..4);
        assert!(sequence.accept(2).is_empty());
        assert_eq!(sequence.accept(4), 4..5);
    }
}
