//! The closed loop: how far a publisher may be ahead of those who receive its messages.

use std::ops::Range;

/// Counts the messages of one publisher that not every one of its subscribers has received yet.
#[derive(Debug)]
pub(crate) struct Window {
    size: u64,
    published: u64,
    /// All numbers below this one have reached every subscriber.
    released: u64,
    receivers: u32,
    /// How many subscribers have received the numbers from `released` on; a ring of a power of two places.
    receipts: Vec<u32>,
}

impl Window {
    /// A window of `size` messages in front of `receivers` subscribers.
    pub(crate) fn new(size: u32, receivers: u32) -> Self {
        let receipts = vec![0; size.next_power_of_two() as usize];
        Self { size: size.into(), published: 0, released: 0, receivers, receipts }
    }

    /// How many messages can be on their way, rounded up to a power of two.
    pub(crate) fn places(&self) -> usize {
        self.receipts.len()
    }

    /// Takes the number of the next message, if there is room for one.
    pub(crate) fn publish(&mut self) -> Option<u64> {
        if self.published - self.released >= self.size {
            return None;
        }
        self.published += 1;
        Some(self.published - 1)
    }

    /// One subscriber has received these messages. Each number may come at most once per subscriber.
    pub(crate) fn receive(&mut self, numbers: Range<u64>) {
        let mask = self.receipts.len() - 1;
        for number in numbers {
            self.receipts[number as usize & mask] += 1;
        }
        while self.released < self.published {
            let oldest = &mut self.receipts[self.released as usize & mask];
            if *oldest < self.receivers {
                break;
            }
            *oldest = 0;
            self.released += 1;
        }
    }

    /// Whether message `number` has been published.
    pub(crate) fn has_published(&self, number: u64) -> bool {
        number < self.published
    }

    /// Messages that somebody has not received.
    pub(crate) fn outstanding(&self) -> u64 {
        self.published - self.released
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_window_opens_with_a_receipt() {
        let mut window = Window::new(2, 1);
        assert_eq!([window.publish(), window.publish(), window.publish()], [Some(0), Some(1), None]);
        window.receive(0..1);
        assert_eq!([window.publish(), window.publish()], [Some(2), None]);
        assert_eq!(window.outstanding(), 2);
    }

    #[test]
    fn the_slowest_receiver_holds_the_window() {
        let mut window = Window::new(2, 2);
        window.publish();
        window.publish();
        window.receive(0..2);
        assert_eq!((window.publish(), window.outstanding()), (None, 2));
        window.receive(0..1);
        assert_eq!(window.publish(), Some(2));
        window.receive(1..3);
        window.receive(2..3);
        assert_eq!(window.outstanding(), 0);
    }

    #[test]
    fn only_numbers_that_were_handed_out_are_published() {
        let mut window = Window::new(4, 1);
        assert!(!window.has_published(0));
        window.publish();
        assert!(window.has_published(0) && !window.has_published(1));
    }
}
