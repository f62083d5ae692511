//! What a store has of one side: its session, its messages, and what its application has taken.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use mqtt_codec::PacketId;
use mqtt_session::{StoreEffect, StoreOp, StoreSeq, StoredExchanges, StoredMessage, StoredSession, Ticket};

/// Something that is to be stored.
#[derive(Clone, Debug)]
enum Record {
    /// An effect, the last ticket that was given before it, and the message that the application takes with it.
    Effect(StoreEffect, u64, Option<usize>),
    /// The application has the message.
    Taken { seq: StoreSeq, message: usize },
}

impl Record {
    const fn seq(&self) -> StoreSeq {
        match self {
            Self::Effect(effect, ..) => effect.seq,
            Self::Taken { seq, .. } => *seq,
        }
    }
}

/// A disk on which each record is safe only when it is told so. Messages are known by a number of the test's.
#[derive(Clone, Debug, Default)]
pub(crate) struct Disk {
    pub(crate) session: StoredSession,
    /// Whether messages belong to the session, as at a server; those of a client outlive what the server forgets.
    is_server: bool,
    /// Messages of this side that its session needs, by ticket, with their numbers.
    messages: BTreeMap<u64, (usize, StoredMessage)>,
    /// The message that an identifier was stored with last.
    pub(crate) numbers: BTreeMap<PacketId, usize>,
    /// Messages of the other side that the application has for good.
    pub(crate) durable: BTreeSet<usize>,
    /// What is written, but may be lost.
    row: VecDeque<Record>,
    last_ticket: u64,
}

impl Disk {
    pub(crate) fn new(is_server: bool) -> Self {
        Self { is_server, ..Self::default() }
    }

    /// A message of this side, stored before anything is said of it.
    pub(crate) fn message(&mut self, number: usize, stored: StoredMessage) {
        self.last_ticket = stored.ticket.0;
        self.messages.insert(stored.ticket.0, (number, stored));
    }

    /// The session did not take the message with this ticket.
    pub(crate) fn forget(&mut self, ticket: Ticket) {
        self.messages.remove(&ticket.0);
    }

    /// The application takes `message`, which the driver stores itself under `seq`.
    pub(crate) fn taken(&mut self, seq: StoreSeq, message: usize) {
        self.row.push_back(Record::Taken { seq, message });
    }

    /// The application has taken `message`: with the effect that has come last, if it is for that.
    pub(crate) fn taken_with_effect(&mut self, message: usize) {
        if let Some(Record::Effect(StoreEffect { op: StoreOp::Received(_), .. }, _, taken @ None)) =
            self.row.back_mut()
        {
            *taken = Some(message);
        }
    }

    pub(crate) fn effect(&mut self, effect: StoreEffect) {
        self.row.push_back(Record::Effect(effect, self.last_ticket, None));
    }

    /// The oldest of what is written is safe now, and all that has the same number: that number.
    pub(crate) fn store(&mut self) -> Option<StoreSeq> {
        let seq = self.row.front()?.seq();
        while self.row.front().is_some_and(|record| record.seq() == seq)
            && let Some(record) = self.row.pop_front()
        {
            match record {
                Record::Effect(effect, last_ticket, taken) => {
                    self.apply(&effect.op, last_ticket);
                    self.durable.extend(taken);
                }
                Record::Taken { message, .. } => _ = self.durable.insert(message),
            }
        }
        Some(seq)
    }

    fn apply(&mut self, op: &StoreOp, last_ticket: u64) {
        match op {
            StoreOp::Sent { id, message } => {
                self.numbers.insert(*id, self.messages[&message.0].0);
            }
            StoreOp::Attached { session_present: false, .. } | StoreOp::Ended if self.is_server => {
                self.messages.retain(|ticket, _| *ticket > last_ticket);
            }
            _ => {}
        }
        if let Some(finished) = self.session.apply(op) {
            self.messages.remove(&finished.0).expect("no message is given up twice");
        }
    }

    /// What is only written is lost. What is left to restore the session from.
    pub(crate) fn crash(&mut self) -> (StoredSession, Vec<StoredMessage>) {
        self.row.clear();
        (self.session.clone(), self.messages.values().map(|(_, stored)| stored.clone()).collect())
    }

    /// Whether the session still needs its message with this number.
    pub(crate) fn needs(&self, message: usize) -> bool {
        self.messages.values().any(|(number, _)| *number == message)
    }

    /// Nothing is kept for anybody.
    pub(crate) fn is_at_rest(&self) -> bool {
        let StoredExchanges { received, sent, taken } = self.session.exchanges();
        received.is_empty() && sent.is_empty() && taken.is_empty() && self.messages.is_empty()
    }
}
