//! What the threads of the shards, the writer and the reader share.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, RwLock};

use redb::Database;

use super::DiskSettings;
use crate::store::{Fetched, Op, Position, Request, Wake};

pub(super) struct Shared {
    pub(super) settings: DiskSettings,
    pub(super) queue: Mutex<Queue>,
    /// Something is in the queue, or the store is being closed.
    pub(super) work: Condvar,
    pub(super) stored: AtomicU64,
    pub(super) is_full: AtomicBool,
    /// `None` while it is opened again after an error.
    pub(super) database: RwLock<Option<Database>>,
    pub(super) requests: Mutex<Requests>,
    /// There is a request, or a commit was made that one may have waited for.
    pub(super) readable: Condvar,
    fetched: Mutex<HashMap<u16, VecDeque<Fetched>>>,
    wakes: Mutex<HashMap<u16, Wake>>,
}

/// What waits to be stored.
#[derive(Default)]
pub(super) struct Queue {
    pub(super) ops: Vec<Op>,
    pub(super) bytes: usize,
    pub(super) appended: u64,
    /// Who has appended since the queue was emptied.
    pub(super) shards: HashSet<u16>,
    pub(super) closing: bool,
}

#[derive(Default)]
pub(super) struct Requests {
    /// With the position behind which everything that is asked for is stored.
    pub(super) waiting: VecDeque<(u64, u16, Request)>,
    pub(super) closing: bool,
}

impl Shared {
    pub(super) fn new(settings: DiskSettings, database: Database) -> Self {
        Self {
            settings,
            queue: Mutex::default(),
            work: Condvar::new(),
            stored: AtomicU64::new(0),
            is_full: AtomicBool::new(false),
            database: RwLock::new(Some(database)),
            requests: Mutex::default(),
            readable: Condvar::new(),
            fetched: Mutex::default(),
            wakes: Mutex::default(),
        }
    }

    pub(super) fn append(&self, shard: u16, ops: &mut Vec<Op>) -> Position {
        let mut queue = lock(&self.queue);
        if ops.is_empty() {
            // whoever waits for what others have appended wants to hear of it as well
            queue.shards.insert(shard);
            return Position(queue.appended);
        }
        queue.appended += 1;
        queue.shards.insert(shard);
        queue.bytes += ops.iter().map(weigh).sum::<usize>();
        queue.ops.append(ops);
        let is_full = queue.ops.len() >= self.settings.store.queue_operations
            || queue.bytes >= self.settings.store.queue_bytes;
        self.is_full.store(is_full, Ordering::Relaxed);
        let position = Position(queue.appended);
        drop(queue);
        self.work.notify_one();
        position
    }

    pub(super) fn fetch(&self, shard: u16, request: Request) {
        let appended = lock(&self.queue).appended;
        lock(&self.requests).waiting.push_back((appended, shard, request));
        self.readable.notify_one();
    }

    pub(super) fn answer(&self, shard: u16, fetched: Fetched) {
        lock(&self.fetched).entry(shard).or_default().push_back(fetched);
        self.wake(shard);
    }

    pub(super) fn poll_fetched(&self, shard: u16) -> Option<Fetched> {
        lock(&self.fetched).get_mut(&shard)?.pop_front()
    }

    pub(super) fn set_wake(&self, shard: u16, wake: Wake) {
        lock(&self.wakes).insert(shard, wake);
    }

    pub(super) fn wake(&self, shard: u16) {
        let wake = lock(&self.wakes).get(&shard).cloned();
        if let Some(wake) = wake {
            wake();
        }
    }
}

/// What an operation counts for against the bytes of the queue.
fn weigh(op: &Op) -> usize {
    match op {
        Op::Message { kept, owed, .. } => size_of::<Op>() + kept.message.bytes() + size_of_val(&**owed),
        Op::Retained(kept) => size_of::<Op>() + kept.message.bytes(),
        _ => size_of::<Op>(),
    }
}

/// A thread that panicked has ended; what it guarded is as good as before.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
