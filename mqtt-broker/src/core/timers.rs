//! Deadlines of sessions: one entry each, re-armed only when it fires or an earlier deadline comes.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use mqtt_session::Time;

/// A heap of (deadline, slot). An entry whose slot has been re-armed or given away is passed over when it fires.
#[derive(Debug, Default)]
pub(super) struct Timers(BinaryHeap<Reverse<(Time, u32)>>);

impl Timers {
    /// Notes `deadline` for a slot, unless `armed`, the deadline noted for it, is earlier.
    pub(super) fn arm(&mut self, slot: u32, deadline: Option<Time>, armed: &mut Option<Time>) {
        let Some(deadline) = deadline else { return };
        if armed.is_none_or(|armed| deadline < armed) {
            *armed = Some(deadline);
            self.0.push(Reverse((deadline, slot)));
        }
    }

    /// Takes the next entry that is due.
    pub(super) fn pop(&mut self, now: Time) -> Option<(Time, u32)> {
        match self.0.peek() {
            Some(Reverse((deadline, _))) if *deadline <= now => self.0.pop().map(|Reverse(entry)| entry),
            _ => None,
        }
    }

    /// When the next entry is due.
    pub(super) fn next(&self) -> Option<Time> {
        self.0.peek().map(|Reverse((deadline, _))| *deadline)
    }
}
