//! Deadlines of sessions: one entry each, re-armed only when it fires or an earlier deadline comes.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use mqtt_session::Time;

/// Entries that are not worth looking for those that are passed over.
const SLACK: usize = 64;

/// A heap of (deadline, key). An entry whose key has been re-armed or given away is passed over when it fires.
#[derive(Debug)]
pub(crate) struct Timers<K = u32>(BinaryHeap<Reverse<(Time, K)>>);

impl<K: Ord> Default for Timers<K> {
    fn default() -> Self {
        Self(BinaryHeap::new())
    }
}

impl<K: Copy + Ord> Timers<K> {
    /// Notes `deadline` for a key, unless `armed`, the deadline noted for it, is earlier.
    pub(crate) fn arm(&mut self, key: K, deadline: Option<Time>, armed: &mut Option<Time>) {
        let Some(deadline) = deadline else { return };
        if armed.is_none_or(|armed| deadline < armed) {
            *armed = Some(deadline);
            self.0.push(Reverse((deadline, key)));
        }
    }

    /// Takes the next entry that is due.
    pub(crate) fn pop(&mut self, now: Time) -> Option<(Time, K)> {
        match self.0.peek() {
            Some(Reverse((deadline, _))) if *deadline <= now => self.0.pop().map(|Reverse(entry)| entry),
            _ => None,
        }
    }

    /// Forgets entries that would be passed over, once they are more than those that `is_armed` for `live` keys.
    pub(crate) fn compact(&mut self, live: usize, mut is_armed: impl FnMut(K, Time) -> bool) {
        if self.0.len() <= 2 * live + SLACK {
            return;
        }
        let mut entries = std::mem::take(&mut self.0).into_vec();
        entries.retain(|Reverse((deadline, key))| is_armed(*key, *deadline));
        entries.sort_unstable();
        entries.dedup();
        entries.shrink_to_fit();
        self.0 = entries.into();
    }

    /// Forgets the next entries as long as they would be passed over, so that nobody is woken for them.
    #[cfg(feature = "net")]
    pub(crate) fn trim(&mut self, mut is_armed: impl FnMut(K, Time) -> bool) {
        while self.0.peek().is_some_and(|Reverse((deadline, key))| !is_armed(*key, *deadline)) {
            self.0.pop();
        }
    }

    /// When the next entry is due.
    pub(crate) fn next(&self) -> Option<Time> {
        self.0.peek().map(|Reverse((deadline, _))| *deadline)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_of_clients_that_come_and_go_do_not_pile_up() {
        let mut timers = Timers::default();
        let mut armed = None;
        for second in 0..100_000 {
            // each connection has an earlier deadline than the session that it leaves behind
            armed = None;
            timers.arm(0, Some(Time::from_secs(second + 1_000_000)), &mut armed);
            timers.arm(0, Some(Time::from_secs(second + 90)), &mut armed);
            timers.compact(1, |slot, deadline| slot == 0 && armed == Some(deadline));
            assert!(timers.0.len() <= 2 + SLACK + 2);
        }
        assert_eq!(timers.pop(Time::from_secs(1_000_000)).map(|(_, slot)| slot), Some(0));
        assert!(armed.is_some());
    }
}
