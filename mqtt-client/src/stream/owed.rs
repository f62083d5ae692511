//! What the application still has to take before the server hears of it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use mqtt_session::Receipt;
use tokio::sync::Notify;

/// How readers reach the driver without ever waiting for it.
#[derive(Debug, Default)]
pub(crate) struct Signals {
    notify: Notify,
    /// Receipts of messages that were taken; never more than there are messages in buffers.
    taken: Mutex<Vec<Receipt>>,
    /// Whether a reader has gone.
    abandoned: AtomicBool,
    /// Whether the driver holds acknowledgements back, so that an emptied buffer may matter.
    holding: AtomicBool,
}

impl Signals {
    /// Waits for anything that a reader did. Safe to cancel.
    pub(crate) async fn wait(&self) {
        self.notify.notified().await;
    }

    pub(crate) fn taken(&self) -> Vec<Receipt> {
        std::mem::take(&mut *self.taken.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether a reader has gone since the last call.
    pub(crate) fn take_abandoned(&self) -> bool {
        self.abandoned.swap(false, Ordering::AcqRel)
    }

    pub(crate) fn set_holding(&self, holding: bool) {
        self.holding.store(holding, Ordering::Release);
    }

    pub(super) fn abandoned(&self) {
        self.abandoned.store(true, Ordering::Release);
        self.notify.notify_one();
    }

    /// A buffer has become empty.
    pub(super) fn emptied(&self) {
        if self.holding.load(Ordering::Acquire) {
            self.notify.notify_one();
        }
    }
}

/// The acknowledgement owed for one message. Shared by the streams that the message went to: when the last of
/// them has given it up, to the application or otherwise, the driver hears of it.
#[derive(Debug)]
pub(crate) struct Owed {
    receipt: Receipt,
    /// Whether the acknowledgement has been given, or cannot be given any more.
    settled: AtomicBool,
    signals: Arc<Signals>,
}

impl Owed {
    pub(crate) const fn new(receipt: Receipt, signals: Arc<Signals>) -> Self {
        Self { receipt, settled: AtomicBool::new(false), signals }
    }

    pub(crate) fn settle(&self) {
        self.settled.store(true, Ordering::Release);
    }

    fn is_settled(&self) -> bool {
        self.settled.load(Ordering::Acquire)
    }
}

impl Drop for Owed {
    fn drop(&mut self) {
        if !self.is_settled() {
            self.signals.taken.lock().unwrap_or_else(PoisonError::into_inner).push(self.receipt);
            self.signals.notify.notify_one();
        }
    }
}
