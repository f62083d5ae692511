//! Acknowledgements that are withheld until the application has taken their messages, and when they no longer can be.
//!
//! Acknowledgements leave in the order of their messages [MQTT-4.6.0-2], so a stream that nobody reads would in the
//! end use up the server's window and stop the others. Therefore, while a stream has nothing to read, only few are
//! held back: then the oldest are given although their messages have not been taken. Those are the client's own
//! from then on, and the limits of their stream apply. The same happens to the oldest when those that are held back
//! take more bytes than one stream may keep: the server's window bounds their number only.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};

use mqtt_codec::ReasonCode;
use mqtt_session::Receipt;

use super::Core;
use crate::options::ConnectOptions;
use crate::stream::Owed;

/// Acknowledgements held back while another stream waits. Servers have windows of their own, of 10 messages and more,
/// and do not tell 3.x clients.
const HELD_WHILE_OTHERS_WAIT: usize = 8;

/// Withheld acknowledgements, oldest first.
pub(super) struct Held {
    queue: VecDeque<Withheld>,
    bytes: usize,
    limit: usize,
    limit_bytes: usize,
    limit_while_others_wait: usize,
}

struct Withheld {
    receipt: Receipt,
    owed: Weak<Owed>,
    /// Of the message.
    bytes: usize,
}

impl Held {
    pub(super) fn new(options: &ConnectOptions) -> Self {
        let limit = usize::from(options.session_config().receive_maximum.get());
        Self {
            queue: VecDeque::new(),
            bytes: 0,
            limit,
            limit_bytes: options.streams.bytes,
            limit_while_others_wait: limit.min(HELD_WHILE_OTHERS_WAIT),
        }
    }

    /// `bytes` is what the message counts for.
    pub(super) fn push(&mut self, receipt: Receipt, owed: &Arc<Owed>, bytes: usize) {
        self.bytes += bytes;
        self.queue.push_back(Withheld { receipt, owed: Arc::downgrade(owed), bytes });
    }

    fn pop(&mut self) -> Option<Withheld> {
        let oldest = self.queue.pop_front()?;
        self.bytes -= oldest.bytes;
        Some(oldest)
    }

    fn remove(&mut self, receipt: Receipt) {
        let index = self.queue.iter().position(|held| held.receipt == receipt);
        if let Some(taken) = index.and_then(|index| self.queue.remove(index)) {
            self.bytes -= taken.bytes;
        }
    }

    /// One message may be held whatever its size.
    fn is_too_much(&self, others_wait: bool) -> bool {
        self.queue.len() > self.limit
            || (self.queue.len() > 1 && self.bytes > self.limit_bytes)
            || (others_wait && self.queue.len() >= self.limit_while_others_wait)
    }
}

impl Core {
    /// Acknowledges what was taken, and what can no longer wait to be.
    pub(super) fn settle_held(&mut self) {
        for receipt in self.signals.taken() {
            self.held.remove(receipt);
            self.session.acknowledge(receipt, ReasonCode::Success);
        }
        self.signals.set_holding(!self.held.queue.is_empty());
        while self.held.is_too_much(self.router.is_any_empty()) {
            let Some(oldest) = self.held.queue.front() else { return };
            let Some(owed) = oldest.owed.upgrade() else {
                // taken just now: its receipt comes with the next turn
                return;
            };
            let must = self.held.queue.len() > self.held.limit;
            if !must && self.router.buffers().any(|buffer| buffer.holds_back(&owed)) {
                return;
            }
            if let Some(Withheld { receipt, .. }) = self.held.pop() {
                self.own(&owed);
                self.session.acknowledge(receipt, ReasonCode::Success);
            }
        }
    }

    /// The connection is gone: what was not taken becomes the client's own. At QoS 1 it will come again if the server
    /// has kept it, at QoS 2 the session answers for it.
    pub(super) fn release_all_held(&mut self) {
        while let Some(Withheld { receipt, owed, .. }) = self.held.pop() {
            if let Some(owed) = owed.upgrade() {
                self.own(&owed);
            }
            self.session.acknowledge(receipt, ReasonCode::Success);
        }
        for receipt in self.signals.taken() {
            self.session.acknowledge(receipt, ReasonCode::Success);
        }
    }

    /// A message becomes the client's own, in each of its streams.
    fn own(&self, owed: &Arc<Owed>) {
        owed.settle();
        for buffer in self.router.buffers() {
            self.shared.dropped(buffer.own(owed));
        }
    }
}
