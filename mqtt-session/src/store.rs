//! Effects on a store: what must be remembered before something may be said.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::sync::Arc;

use mqtt_codec::{PacketId, QoS, Will};

use crate::event::Ticket;

/// The number of an effect of one session. Numbers rise by one, and begin anew with the process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StoreSeq(pub u64);

/// Something that the session remembers across a crash.
///
/// The driver stores effects in the order of their numbers and says with `handle_stored` up to which they are
/// safe. What depends on them is held until then. An effect may have the number that the driver has reserved for
/// something of its own: the two are stored as one, both or none. Applied in this order to a [`StoredSession`], they give what a
/// session is restored from.
///
/// [`StoredSession`]: crate::StoredSession
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreEffect {
    /// Its number.
    pub seq: StoreSeq,
    /// What to remember.
    pub op: StoreOp,
}

/// What an effect remembers.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreOp {
    /// A connection was attached: the session goes on, or a new one takes the place of what there was. CONNACK
    /// waits for this.
    Attached {
        /// Whether the session goes on.
        session_present: bool,
        /// How long it outlives its connection, in seconds; `u32::MAX` for ever.
        expiry: u32,
        /// The Will of the connection.
        will: Option<Arc<Will>>,
    },
    /// The connection has ended; from now on the session is away.
    Detached {
        /// How long the session lives on, in seconds; `u32::MAX` for ever.
        expiry: u32,
        /// Whether the Will waits for its delay; else it was published or taken back.
        will: bool,
    },
    /// The delay of the Will is over: it was given to be published.
    WillReleased,
    /// The session has ended: nothing of it is needed any more.
    Ended,
    /// A message of QoS 2 came in, and the application has it: a second one with this identifier is the same.
    Received(PacketId),
    /// The sender released the identifier: the next message with it is a new one.
    Released(PacketId),
    /// A message of QoS 2 goes out with this identifier.
    Sent {
        /// The identifier.
        id: PacketId,
        /// The number under which the driver has the message.
        message: Ticket,
    },
    /// The receiver has the message of QoS 2: only PUBREL is owed.
    Taken(PacketId),
    /// The exchange of QoS 2 is over; nothing waits for this.
    Completed(PacketId),
    /// The message is no longer needed for this session: delivered at QoS 1, or dropped; nothing waits for this.
    Finished(Ticket),
}

/// The effects of one session that are not stored yet, and how far the store has come.
#[derive(Clone, Debug, Default)]
pub(crate) struct Effects {
    /// Whether there is a store.
    store: bool,
    /// Whether messages and identifiers of this session are stored.
    enabled: bool,
    /// Whether the store knows of the session.
    known: bool,
    /// Nothing, until there is something to store.
    row: Option<Box<Row>>,
}

#[derive(Clone, Debug, Default)]
struct Row {
    last: StoreSeq,
    stored: StoreSeq,
    pending: VecDeque<StoreEffect>,
}

impl Row {
    fn push(&mut self, op: StoreOp) -> StoreSeq {
        self.last.0 += 1;
        self.pending.push_back(StoreEffect { seq: self.last, op });
        self.last
    }
}

impl Effects {
    /// Of a session that the store knows, if it has one.
    pub(crate) fn known(store: bool, enabled: bool) -> Self {
        Self { store, enabled: enabled && store, known: store, row: None }
    }

    /// Notes `op` of a message or an identifier; the number to wait for, `None` with no store.
    pub(crate) fn push(&mut self, op: StoreOp) -> Option<StoreSeq> {
        self.enabled.then(|| self.row.get_or_insert_default().push(op))
    }

    /// Notes `op` with what the driver stores under `with`, as one, if that is what was numbered last.
    pub(crate) fn push_with(&mut self, with: Option<StoreSeq>, op: StoreOp) -> Option<StoreSeq> {
        match &mut self.row {
            Some(row) if self.enabled && with == Some(row.last) => {
                row.pending.push_back(StoreEffect { seq: row.last, op });
                with
            }
            _ => self.push(op),
        }
    }

    /// A number for something that the driver stores itself.
    pub(crate) fn reserve(&mut self) -> Option<StoreSeq> {
        if !self.store {
            return None;
        }
        let row = self.row.get_or_insert_default();
        row.last.0 += 1;
        Some(row.last)
    }

    /// The session no longer needs the message of `queued`.
    pub(crate) fn finish(&mut self, qos: QoS, message: Ticket) {
        if self.enabled && qos != QoS::AtMostOnce && message != Ticket::default() {
            self.push(StoreOp::Finished(message));
        }
    }

    /// A connection begins, and with it what is stored of this session: `enabled` for everything, else only what
    /// `op` says. The number that CONNACK waits for.
    pub(crate) fn begin(&mut self, op: StoreOp, enabled: bool) -> Option<StoreSeq> {
        (self.store, self.enabled) = (true, enabled);
        self.known = true;
        Some(self.row.get_or_insert_default().push(op))
    }

    /// A connection begins of which nothing is stored but what the driver stores itself, if there is a `store`.
    pub(crate) const fn begin_without(&mut self, store: bool) {
        (self.store, self.enabled) = (store, false);
    }

    /// Notes `op` of the session's life, if the store knows of the session.
    pub(crate) fn live(&mut self, op: StoreOp) {
        if self.known {
            self.row.get_or_insert_default().push(op);
        }
    }

    /// The session has ended: its effects mean nothing any more, and the store may forget it.
    pub(crate) fn end(&mut self) {
        if core::mem::take(&mut self.known) {
            let row = self.row.get_or_insert_default();
            row.pending.clear();
            row.push(StoreOp::Ended);
        }
    }

    /// Effects of a session that another one replaces mean nothing any more; that it has ended is to be heard all
    /// the same.
    pub(crate) fn forget_pending(&mut self) {
        if let Some(row) = self.row.as_mut().filter(|_| self.known) {
            row.pending = VecDeque::new();
        }
    }

    pub(crate) const fn is_enabled(&self) -> bool {
        self.enabled
    }

    /// Whether the store knows of the session.
    pub(crate) const fn is_known(&self) -> bool {
        self.known
    }

    pub(crate) fn poll(&mut self) -> Option<StoreEffect> {
        let row = self.row.as_mut()?;
        let effect = row.pending.pop_front()?;
        if row.pending.is_empty() {
            row.pending.shrink_to(4);
        }
        Some(effect)
    }

    pub(crate) fn handle_stored(&mut self, seq: StoreSeq) {
        if let Some(row) = &mut self.row {
            row.stored = row.stored.max(seq.min(row.last));
        }
    }

    /// Whether nothing is left to wait for.
    pub(crate) fn is_stored(&self, wait: Option<StoreSeq>) -> bool {
        wait.is_none_or(|seq| self.row.as_ref().is_none_or(|row| seq <= row.stored))
    }

    /// The last number that was given; to wait for everything.
    pub(crate) fn last(&self) -> Option<StoreSeq> {
        self.row.as_ref().map(|row| row.last)
    }
}
