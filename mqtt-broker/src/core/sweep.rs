//! Retained messages that have expired are removed, a bounded number of topics at a time.
//!
//! They are passed over wherever they are found, so nobody is sent one: this is about memory.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use mqtt_session::Time;

use super::hub::Hub;
use super::router::{Cursor, Progress};
use super::shard::ShardCore;

/// Topics looked at in one turn.
const TOPICS_PER_TURN: usize = 1_024;
/// The shortest time between two walks over all topics.
const PAUSE: Duration = Duration::from_secs(10);
/// Nothing expires.
const NEVER: u64 = u64::MAX;

/// When expired messages are looked for, and how far the walk has come.
pub(super) struct Sweep {
    at: AtomicU64,
    /// The first expiry among messages that were kept or met since the walk began.
    first: AtomicU64,
    /// How far the walk has come, if there is one.
    walk: Mutex<Option<Cursor>>,
}

impl Default for Sweep {
    fn default() -> Self {
        Self { at: AtomicU64::new(NEVER), first: AtomicU64::new(NEVER), walk: Mutex::default() }
    }
}

impl Hub {
    /// A message is retained until a time.
    pub(super) fn note_expiry(&self, until: Time) {
        if until != super::hub::NEVER {
            self.sweep.first.fetch_min(until.as_nanos(), Ordering::Relaxed);
            self.sweep.at.fetch_min(until.after(PAUSE).as_nanos(), Ordering::Relaxed);
        }
    }

    /// When expired messages are to be looked for.
    pub(super) fn sweep_at(&self) -> Option<Time> {
        let at = self.sweep.at.load(Ordering::Relaxed);
        (at != NEVER).then(|| Time::from_nanos(at))
    }
}

impl ShardCore {
    /// Removes expired retained messages among the next topics, if it is time. One shard does so for all.
    pub(super) fn sweep_retained(&self, now: Time) {
        let sweep = &self.hub.sweep;
        let at = sweep.at.load(Ordering::Relaxed);
        // whoever takes the deadline does the work
        if at > now.as_nanos()
            || sweep.at.compare_exchange(at, NEVER, Ordering::Relaxed, Ordering::Relaxed).is_err()
        {
            return;
        }
        let mut walk = sweep.walk.lock().unwrap_or_else(PoisonError::into_inner);
        let cursor = walk.get_or_insert_with(|| {
            sweep.first.store(NEVER, Ordering::Relaxed);
            Cursor::default()
        });
        let mut expired = Vec::new();
        let progress = self.hub.retained().walk(cursor, TOPICS_PER_TURN, |topic, retained| {
            if retained.is_retained(now) {
                sweep.first.fetch_min(retained.until.as_nanos(), Ordering::Relaxed);
            } else {
                expired.push(Box::<str>::from(topic));
            }
            ControlFlow::Continue(())
        });
        self.remove_expired(now, &expired);
        if progress == Progress::Stopped {
            sweep.at.fetch_min(now.as_nanos(), Ordering::Relaxed);
            return;
        }
        *walk = None;
        let first = sweep.first.load(Ordering::Relaxed);
        if first != NEVER {
            self.hub.note_expiry(Time::from_nanos(first).max(now));
        }
    }

    /// Another message may have come to a topic meanwhile.
    fn remove_expired(&self, now: Time, topics: &[Box<str>]) {
        if topics.is_empty() {
            return;
        }
        let mut retained = self.hub.change_retained();
        for topic in topics {
            if retained.get(topic).is_some_and(|retained| !retained.is_retained(now))
                && let Some(removed) = retained.remove(topic)
            {
                self.hub.store_retained(self.shard, now, &removed.message.topic, None);
            }
        }
    }
}
