//! Effects on a store: what must be remembered before something may be said.

use alloc::collections::VecDeque;

use mqtt_codec::PacketId;

/// The number of an effect of one session. Numbers rise by one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StoreSeq(pub u64);

/// Something that the session remembers across a crash.
///
/// The driver stores effects in the order of their numbers and says with `handle_stored` up to which they are
/// safe. What depends on them is held until then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreEffect {
    /// Its number.
    pub seq: StoreSeq,
    /// What to remember.
    pub op: StoreOp,
}

/// What an effect remembers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreOp {
    /// A connection was attached: the session goes on, or a new one takes the place of what there was. CONNACK
    /// waits for this.
    Attached {
        /// Whether the session goes on.
        session_present: bool,
        /// How long it outlives its connection, in seconds; `u32::MAX` for ever.
        expiry: u32,
    },
    /// A message of QoS 2 came in: a second one with this identifier is the same.
    Received(PacketId),
    /// The sender released the identifier: the next message with it is a new one.
    Released(PacketId),
    /// A message of QoS 2 goes out with this identifier.
    Sent(PacketId),
    /// The receiver has the message of QoS 2: only PUBREL is owed.
    Taken(PacketId),
    /// The exchange is over; nothing waits for this.
    Completed(PacketId),
}

/// The effects of one session that are not stored yet, and how far the store has come.
#[derive(Clone, Debug, Default)]
pub(crate) struct Effects {
    enabled: bool,
    last: StoreSeq,
    stored: StoreSeq,
    pending: VecDeque<StoreEffect>,
}

impl Effects {
    pub(crate) fn new(enabled: bool) -> Self {
        Self { enabled, ..Self::default() }
    }

    /// Notes `op`; the number to wait for, `None` with no store.
    pub(crate) fn push(&mut self, op: StoreOp) -> Option<StoreSeq> {
        let seq = self.reserve()?;
        self.pending.push_back(StoreEffect { seq, op });
        Some(seq)
    }

    /// A number for something that the driver stores itself.
    pub(crate) fn reserve(&mut self) -> Option<StoreSeq> {
        if !self.enabled {
            return None;
        }
        self.last.0 += 1;
        Some(self.last)
    }

    /// Effects of a session that has ended mean nothing any more.
    pub(crate) fn forget_pending(&mut self) {
        self.pending = VecDeque::new();
    }

    /// Whether the session of this connection is one that is stored.
    pub(crate) const fn enable(&mut self, enabled: bool) {
        self.enabled = enabled;
    }

    pub(crate) const fn is_enabled(&self) -> bool {
        self.enabled
    }

    pub(crate) fn poll(&mut self) -> Option<StoreEffect> {
        let effect = self.pending.pop_front()?;
        if self.pending.is_empty() {
            self.pending.shrink_to(4);
        }
        Some(effect)
    }

    pub(crate) fn handle_stored(&mut self, seq: StoreSeq) {
        self.stored = self.stored.max(seq.min(self.last));
    }

    /// Whether nothing is left to wait for.
    pub(crate) fn is_stored(&self, wait: Option<StoreSeq>) -> bool {
        wait.is_none_or(|seq| seq <= self.stored)
    }
}
