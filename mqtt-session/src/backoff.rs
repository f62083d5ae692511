//! How long to wait before the next attempt to connect.

use core::time::Duration;

/// Delays that double from a first one up to a longest one, with jitter.
///
/// Pure: the random value is an argument, so that many clients cut off together do not come back together.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    next: Duration,
}

impl Backoff {
    /// Delays from `first` to `longest`.
    pub const fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest, next: first }
    }

    /// The next delay: between half of the current step and all of it, as `random` (any value) says.
    pub fn next(&mut self, random: u32) -> Duration {
        let step = self.next.min(self.longest);
        self.next = self.next.saturating_mul(2).min(self.longest.max(self.first));
        let half = step / 2;
        half + half.mul_f64(f64::from(random) / f64::from(u32::MAX))
    }

    /// A connection has held: the next delay is the first again.
    pub const fn reset(&mut self) {
        self.next = self.first;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_the_longest_and_start_anew_after_a_reset() {
        let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(5));
        let mut delays = [0; 4].map(|_| backoff.next(u32::MAX).as_millis());
        assert_eq!(delays, [1_000, 2_000, 4_000, 5_000]);
        backoff.reset();
        delays = [0; 4].map(|_| backoff.next(0).as_millis());
        assert_eq!(delays, [500, 1_000, 2_000, 2_500]);
    }
}
