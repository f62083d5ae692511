//! A number of bytes that many share, none of them too much.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Who holds more than one in so many of the free bytes gets no more.
const SHARE: usize = 8;

/// Bytes that strangers of all shards hold together.
///
/// Nobody may come to hold more than an eighth of what is left. With few about, each may hold much; the more is held,
/// the less anybody may add, so a newcomer who needs little finds room where large ones hold most of it.
#[derive(Debug)]
pub struct Budget {
    limit: AtomicUsize,
    used: AtomicUsize,
}

impl Budget {
    /// Of so many bytes, none of which is held.
    pub const fn new(limit: usize) -> Self {
        Self { limit: AtomicUsize::new(limit), used: AtomicUsize::new(0) }
    }

    /// Changes what one holds from `before` bytes to `after`; false if that is too much, then it stays as it was. Less
    /// is always possible.
    pub fn resize(&self, before: usize, after: usize) -> bool {
        if after <= before {
            self.used.fetch_sub(before - after, Ordering::Relaxed);
            return true;
        }
        let more = after - before;
        let used = self.used.fetch_add(more, Ordering::Relaxed) + more;
        let fits = after <= self.limit.load(Ordering::Relaxed).saturating_sub(used - after) / SHARE;
        if !fits {
            self.used.fetch_sub(more, Ordering::Relaxed);
        }
        fits
    }

    /// So many bytes from now on. Who holds more than that leaves keeps it.
    pub fn set_limit(&self, limit: usize) {
        self.limit.store(limit, Ordering::Relaxed);
    }

    /// Bytes that are held.
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_holds_more_than_an_eighth_of_what_the_others_leave() {
        let budget = Budget::new(8_000);
        assert!(!budget.resize(0, 1_001));
        assert!(budget.resize(0, 1_000));
        assert!(!budget.resize(0, 876));
        assert!(budget.resize(0, 875));
        assert!(budget.resize(1_000, 0));
        assert_eq!(budget.used(), 875);
    }

    #[test]
    fn however_many_hold_what_they_can_one_more_finds_a_little() {
        let budget = Budget::new(1 << 20);
        let held: Vec<usize> = (0..1_000)
            .map(|_| {
                let most = (0..=1 << 17).rev().step_by(16).find(|&bytes| budget.resize(0, bytes));
                most.expect("nothing is always possible")
            })
            .collect();
        assert!(budget.used() <= 1 << 20);
        assert_eq!(held.iter().sum::<usize>(), budget.used());
        assert!(held.is_sorted_by(|one, next| one >= next));
    }

    #[test]
    fn with_nothing_left_only_less_is_possible() {
        let budget = Budget::new(0);
        assert!(budget.resize(0, 0) && !budget.resize(0, 1));
    }
}
