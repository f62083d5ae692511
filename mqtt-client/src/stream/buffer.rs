//! The buffer of one stream: what the reader has not taken yet.
//!
//! A message is *held* while its acknowledgement is withheld: `core/held.rs` bounds these, for all streams together. It
//! is *owned* once it is acknowledged, or if it never was to be (QoS 0): the limits of the stream bound these.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use super::owed::{Owed, Signals};
use crate::message::Message;

/// Limits of what waits in a stream that is read slowly, or not at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamLimits {
    /// Messages that were acknowledged, or are of QoS 0. Default 1,024. At least one is always kept.
    ///
    /// Messages whose acknowledgement is withheld come on top: for all streams together up to the receive maximum,
    /// and once more `bytes`.
    pub messages: usize,
    /// Bytes of their topics, payloads and properties. Default 16 MiB.
    pub bytes: usize,
    /// What happens beyond these.
    pub slow_reader: SlowReader,
}

impl Default for StreamLimits {
    fn default() -> Self {
        Self { messages: 1_024, bytes: 16 << 20, slow_reader: SlowReader::DropNewest }
    }
}

/// What happens when a stream's reader is too slow. Whatever is dropped is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SlowReader {
    /// The message that comes last is dropped: what waits is kept.
    #[default]
    DropNewest,
    /// The message that has waited longest makes room: for readers who want the present, not the past.
    DropOldest,
    /// Messages of QoS 1 and 2 are never dropped for room: their acknowledgements wait for this reader, and so, once
    /// the server's window is used up, do the other streams. QoS 0 is dropped as with `DropNewest`.
    ///
    /// What waits for this reader takes up to the receive maximum times the maximum packet size. In 3.x, where the client
    /// cannot tell the server its window, this holds up to the receive maximum.
    HoldBack,
}

/// A message in a buffer.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) message: Message,
    owed: Option<Arc<Owed>>,
    /// Whether it counts against the stream's limits. Changes under the buffer's lock only.
    owned: bool,
}

impl Entry {
    pub(crate) const fn new(message: Message, owed: Option<Arc<Owed>>) -> Self {
        let owned = owed.is_none();
        Self { message, owed, owned }
    }

    fn is_owed_as(&self, owed: &Arc<Owed>) -> bool {
        self.owed.as_ref().is_some_and(|own| Arc::ptr_eq(own, owed))
    }
}

/// Shared by the driver, which fills it, and the reader.
#[derive(Debug)]
pub(crate) struct Buffer {
    inner: Mutex<Inner>,
    limits: StreamLimits,
    signals: Arc<Signals>,
}

#[derive(Debug, Default)]
struct Inner {
    entries: VecDeque<Entry>,
    owned: usize,
    owned_bytes: usize,
    dropped: u64,
    waker: Option<Waker>,
    end: End,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum End {
    #[default]
    Open,
    /// Nothing more will come.
    Finished,
    /// Nobody reads any more.
    Abandoned,
}

impl Buffer {
    pub(crate) fn new(limits: StreamLimits, signals: Arc<Signals>) -> Self {
        Self { inner: Mutex::default(), limits, signals }
    }

    /// Puts a message at the end. What is owed for is always taken. Returns how many messages were dropped.
    pub(crate) fn push(&self, entry: Entry) -> u64 {
        let mut inner = self.lock();
        if inner.end != End::Open {
            return 0;
        }
        let owned = entry.owned;
        if owned {
            inner.owned += 1;
            inner.owned_bytes += entry.message.bytes();
        }
        inner.entries.push_back(entry);
        let before = inner.dropped;
        if owned {
            let newest = inner.entries.len() - 1;
            inner.shrink(&self.limits, newest);
        }
        let dropped = inner.dropped - before;
        let waker = inner.waker.take();
        drop(inner);
        if let Some(waker) = waker {
            waker.wake();
        }
        dropped
    }

    /// The message of `owed` has just been settled without being taken: it is owned now. Returns how many messages
    /// were dropped to make room for it.
    pub(crate) fn own(&self, owed: &Arc<Owed>) -> u64 {
        let mut inner = self.lock();
        let Some(index) = inner.entries.iter().rposition(|entry| entry.is_owed_as(owed)) else { return 0 };
        let entry = &mut inner.entries[index];
        entry.owned = true;
        let bytes = entry.message.bytes();
        inner.owned += 1;
        inner.owned_bytes += bytes;
        let before = inner.dropped;
        inner.shrink(&self.limits, index);
        inner.dropped - before
    }

    /// Whether this stream wants acknowledgements to wait rather than lose the message of `owed`.
    pub(crate) fn holds_back(&self, owed: &Arc<Owed>) -> bool {
        if self.limits.slow_reader != SlowReader::HoldBack {
            return false;
        }
        let inner = self.lock();
        inner.entries.iter().rfind(|entry| entry.is_owed_as(owed)).is_some_and(|entry| {
            inner.owned >= self.limits.messages
                || inner.owned_bytes + entry.message.bytes() > self.limits.bytes
        })
    }

    /// The next message; `None` at the end. Its acknowledgement goes out now.
    pub(crate) fn poll_next(&self, cx: &Context<'_>) -> Poll<Option<Message>> {
        let mut inner = self.lock();
        let Some(entry) = inner.pop() else {
            if inner.end == End::Open {
                inner.waker = Some(cx.waker().clone());
                return Poll::Pending;
            }
            return Poll::Ready(None);
        };
        let emptied = inner.entries.is_empty();
        drop(inner);
        if emptied {
            self.signals.emptied();
        }
        Poll::Ready(Some(entry.message))
    }

    /// The next message if there is one.
    pub(crate) fn try_next(&self) -> Option<Message> {
        match self.poll_next(&Context::from_waker(Waker::noop())) {
            Poll::Ready(message) => message,
            Poll::Pending => None,
        }
    }

    /// Nothing more will come; `keep_held` says whether what is not acknowledged can still be read.
    pub(crate) fn finish(&self, keep_held: bool) {
        let mut inner = self.lock();
        let unwanted: VecDeque<Entry> = if keep_held {
            VecDeque::new()
        } else {
            let (owned, held): (VecDeque<_>, _) =
                std::mem::take(&mut inner.entries).into_iter().partition(|entry| entry.owned);
            inner.entries = owned;
            held
        };
        if inner.end == End::Open {
            inner.end = End::Finished;
        }
        let waker = inner.waker.take();
        drop(inner);
        for owed in unwanted.iter().filter_map(|entry| entry.owed.as_ref()) {
            owed.settle();
        }
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// The reader has gone. What it left waits for the driver.
    pub(crate) fn abandon(&self) {
        self.lock().end = End::Abandoned;
        self.signals.abandoned();
    }

    /// Takes everything out.
    pub(crate) fn drain(&self) -> VecDeque<Entry> {
        let mut inner = self.lock();
        inner.owned = 0;
        inner.owned_bytes = 0;
        std::mem::take(&mut inner.entries)
    }

    pub(crate) fn is_abandoned(&self) -> bool {
        self.lock().end == End::Abandoned
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lock().entries.is_empty()
    }

    /// Messages that wait.
    pub(crate) fn len(&self) -> usize {
        self.lock().entries.len()
    }

    /// Messages dropped so far.
    pub(crate) fn dropped(&self) -> u64 {
        self.lock().dropped
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Keeps to the limits, after the entry at `newest` has become owned.
    fn shrink(&mut self, limits: &StreamLimits, newest: usize) {
        while self.owned > 1 && (self.owned > limits.messages || self.owned_bytes > limits.bytes) {
            let index = match limits.slow_reader {
                SlowReader::DropOldest => self.entries.iter().position(|entry| entry.owned),
                SlowReader::DropNewest | SlowReader::HoldBack => Some(newest),
            };
            let Some(entry) = index.and_then(|index| self.entries.remove(index)) else { return };
            self.uncount(&entry);
            self.dropped += 1;
            if limits.slow_reader != SlowReader::DropOldest {
                return;
            }
        }
    }

    fn uncount(&mut self, entry: &Entry) {
        self.owned -= 1;
        self.owned_bytes -= entry.message.bytes();
    }

    fn pop(&mut self) -> Option<Entry> {
        let entry = self.entries.pop_front()?;
        if entry.owned {
            self.uncount(&entry);
        }
        Some(entry)
    }
}
