//! The thread that writes: everything that waits, in one commit after the other.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use super::ledger::{Batch, Ledger};
use super::shared::{Shared, lock};
use super::tables;
use crate::store::{Op, WallTime};

pub(super) struct Writer {
    pub(super) shared: Arc<Shared>,
    pub(super) ledger: Ledger,
    /// What the next commit is to write besides what waits.
    pub(super) batch: Batch,
}

/// What was taken out of the queue.
struct Taken {
    ops: Vec<Op>,
    position: u64,
    shards: Vec<u16>,
    closing: bool,
}

impl Writer {
    /// Until the store is closed and the queue is empty.
    pub(super) fn run(mut self) {
        loop {
            let taken = self.take();
            let is_idle = taken.ops.is_empty();
            for op in taken.ops {
                self.ledger.apply(op, &mut self.batch);
            }
            // an idle store says that it is alive while that makes a difference
            let is_alive = || self.ledger.sessions.values().any(|account| account.life.state.connected);
            let has_work = !is_idle || !self.batch.gone.is_empty() || (!taken.closing && is_alive());
            let is_written = !has_work || self.commit(taken.closing);
            if is_written {
                self.shared.stored.store(taken.position, Ordering::Release);
            }
            self.shared.readable.notify_all();
            taken.shards.into_iter().for_each(|shard| self.shared.wake(shard));
            if taken.closing && is_idle {
                return;
            }
        }
    }

    /// Waits for something to write, or for the time to say that the broker is alive.
    fn take(&self) -> Taken {
        let settings = &self.shared.settings;
        let mut queue = lock(&self.shared.queue);
        if queue.ops.is_empty() && !queue.closing && self.batch.gone.is_empty() {
            let waited = self.shared.work.wait_timeout_while(queue, settings.heartbeat, |queue| {
                queue.ops.is_empty() && !queue.closing
            });
            queue = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        if !settings.store.delay.is_zero() && !queue.closing {
            let is_little = |queue: &mut super::shared::Queue| {
                queue.ops.len() < settings.store.operations && !queue.closing
            };
            let waited = self.shared.work.wait_timeout_while(queue, settings.store.delay, is_little);
            queue = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        queue.bytes = 0;
        self.shared.is_full.store(false, Ordering::Relaxed);
        Taken {
            ops: std::mem::take(&mut queue.ops),
            position: queue.appended,
            shards: queue.shards.drain().collect(),
            closing: queue.closing,
        }
    }

    /// Writes the batch; as often as it takes, unless the store is being closed. Whether it is written.
    fn commit(&mut self, closing: bool) -> bool {
        let rest = match self.batch.gone.iter().nth(self.shared.settings.trim).copied() {
            Some(first) => self.batch.gone.split_off(&first),
            None => BTreeSet::new(),
        };
        let mut said: Option<Instant> = None;
        loop {
            let database = self.shared.database.read().unwrap_or_else(PoisonError::into_inner);
            let written = database
                .as_ref()
                .map(|database| tables::write(database, &self.ledger, &self.batch, wall_now()));
            drop(database);
            match written {
                Some(Ok(())) => {
                    if said.is_some() {
                        tracing::info!("the store can be written again");
                    }
                    let Batch { last_ticket, last_session, .. } = self.batch;
                    self.batch = Batch { gone: rest, last_ticket, last_session, ..Batch::default() };
                    return true;
                }
                Some(Err(error)) if said.is_none_or(|at| at.elapsed() > self.shared.settings.complain) => {
                    said = Some(Instant::now());
                    tracing::error!(
                        "the store cannot be written: {error}; nothing is acknowledged until it can, which is tried \
                         again and again"
                    );
                }
                Some(Err(_)) | None => {}
            }
            if closing {
                return false;
            }
            self.pause();
            self.open_again();
        }
    }

    fn pause(&self) {
        let queue = lock(&self.shared.queue);
        let waited =
            self.shared.work.wait_timeout_while(queue, self.shared.settings.retry, |queue| !queue.closing);
        drop(waited);
    }

    /// After an error the engine wants to be opened again.
    fn open_again(&self) {
        let mut database = self.shared.database.write().unwrap_or_else(PoisonError::into_inner);
        *database = None;
        match super::open_database(&self.shared.settings, true) {
            Ok(opened) => *database = Some(opened),
            Err(error) => tracing::debug!("the store cannot be opened again yet: {error}"),
        }
    }
}

/// The clock on the wall.
pub(super) fn wall_now() -> WallTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    WallTime(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
