//! What all sessions together hold in memory: messages that wait for their clients, or for an acknowledgement.
//!
//! A session has limits of its own. When all of them hold too much together, the largest stop growing first: from half of
//! `limits.session_bytes` on none may hold more than an equal part of the other half, or go beyond what it holds.

use super::clients::Client;
use super::hub::Hub;
use super::shard::ShardCore;
use super::stats::Counters;

/// What a session may hold however much the others do: enough to go on, a message at a time.
const FLOOR: usize = 16 << 10;
/// There is enough for all.
pub(super) const UNLIMITED: usize = usize::MAX;

impl Hub {
    /// Bytes of messages that sessions hold in memory; a message that several hold counts for each.
    pub fn held_bytes(&self) -> u64 {
        self.all_counters().map(Counters::held_bytes).sum()
    }

    /// What each session may hold now.
    fn share(&self, budget: usize) -> usize {
        let held = usize::try_from(self.held_bytes()).unwrap_or(usize::MAX);
        if held < budget / 2 {
            return UNLIMITED;
        }
        if held >= budget {
            return FLOOR;
        }
        let holders: u64 = self.all_counters().map(Counters::holders).sum();
        let holders = usize::try_from(holders).unwrap_or(usize::MAX);
        (budget / 2 / holders.max(1)).max(FLOOR)
    }
}

impl ShardCore {
    /// Looks anew at what each session may hold; once a turn.
    pub(super) fn share_memory(&mut self) {
        self.work.share = self.hub.share(self.config.limits.session_bytes);
    }
}

impl Client {
    /// Tells the counters what the session holds.
    pub(super) fn count_held(&mut self, counters: &Counters) {
        let held = self.session.held_bytes();
        if held != self.held {
            counters.change_held(self.held, held);
            self.held = held;
        }
    }

    /// What the session may hold: its share, or what it has.
    pub(super) fn ceiling(&self, share: usize) -> usize {
        self.session.held_bytes().max(share)
    }
}
