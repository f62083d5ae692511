//! What a store has of a session: the sum of its effects, and what the session is restored from.

use alloc::boxed::Box;
use alloc::collections::{BTreeSet, VecDeque};
use alloc::sync::Arc;

use mqtt_codec::{Message, PacketId, QoS, SubscriptionId, Will};

use crate::event::Ticket;
use crate::lazy::{Lazy, Untouched};
use crate::store::StoreOp;
use crate::time::Time;

/// What a store has of a session, subscriptions and messages apart: those are the driver's.
///
/// A plain value without a clock: a store keeps one for each session, applies effects to it in their order, and
/// writes it as it likes. [`ServerSession::restore`] and [`ClientSession::restore`] make a session of it.
///
/// [`ServerSession::restore`]: crate::ServerSession::restore
/// [`ClientSession::restore`]: crate::ClientSession::restore
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredSession {
    /// Whether there is a session; without one the rest means nothing.
    pub exists: bool,
    /// Whether it had a connection: it ended with the process.
    pub connected: bool,
    /// How long the session outlives its connection, in seconds; `u32::MAX` for ever.
    pub expiry: u32,
    /// The Will of the connection, or of the last one while its delay runs.
    pub will: Option<Arc<Will>>,
    exchanges: Lazy<StoredExchanges>,
}

/// Exchanges of QoS 2 that are not over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoredExchanges {
    /// Identifiers that were received and not released.
    pub received: BTreeSet<PacketId>,
    /// Identifiers that were sent, with their messages, and have no PUBREC; in the order of sending.
    pub sent: VecDeque<(PacketId, Ticket)>,
    /// Identifiers that wait for PUBCOMP, in the order of their PUBRECs.
    pub taken: VecDeque<PacketId>,
}

impl StoredExchanges {
    fn is_empty(&self) -> bool {
        self.received.is_empty() && self.sent.is_empty() && self.taken.is_empty()
    }
}

impl Untouched for StoredExchanges {
    const UNTOUCHED: &'static Self =
        &Self { received: BTreeSet::new(), sent: VecDeque::new(), taken: VecDeque::new() };
}

impl StoredSession {
    /// Its exchanges of QoS 2 that are not over.
    pub fn exchanges(&self) -> &StoredExchanges {
        &self.exchanges
    }

    /// Says which exchanges are not over.
    pub fn set_exchanges(&mut self, exchanges: StoredExchanges) {
        self.exchanges = Lazy::default();
        if !exchanges.is_empty() {
            *self.exchanges = exchanges;
        }
    }

    /// Applies the next effect. The message that the session no longer needs, if there is one.
    ///
    /// A session that did not go on ([`StoreOp::Attached`]) at a server, or has ended, needs none of its messages.
    pub fn apply(&mut self, op: &StoreOp) -> Option<Ticket> {
        match op {
            StoreOp::Attached { session_present, expiry, will } => {
                if !session_present {
                    *self = Self::default();
                }
                (self.exists, self.connected) = (true, true);
                (self.expiry, self.will) = (*expiry, will.clone());
            }
            StoreOp::Detached { expiry, will } => {
                (self.connected, self.expiry) = (false, *expiry);
                self.will = self.will.take().filter(|_| *will);
            }
            StoreOp::WillReleased => self.will = None,
            StoreOp::Ended => *self = Self::default(),
            StoreOp::Received(id) => _ = self.exchanges.received.insert(*id),
            StoreOp::Sent { id, message } => self.exchanges.sent.push_back((*id, *message)),
            StoreOp::Taken(id) => {
                self.exchanges.taken.push_back(*id);
                return self.remove_sent(*id);
            }
            StoreOp::Released(_) | StoreOp::Completed(_) => return self.end_exchange(op),
            StoreOp::Finished(message) => return Some(*message),
        }
        None
    }

    /// One exchange less; its message, if it was not taken.
    fn end_exchange(&mut self, op: &StoreOp) -> Option<Ticket> {
        let exchanges = self.exchanges.made()?;
        let message = match op {
            StoreOp::Completed(id) => {
                exchanges.taken.retain(|taken| taken != id);
                self.remove_sent(*id)
            }
            StoreOp::Released(id) => {
                exchanges.received.remove(id);
                None
            }
            _ => None,
        };
        if self.exchanges.is_empty() {
            self.exchanges.take();
        }
        message
    }

    /// The message that was sent with `id`. The oldest usually ends first.
    fn remove_sent(&mut self, id: PacketId) -> Option<Ticket> {
        let sent = &mut self.exchanges.made()?.sent;
        let index = sent.iter().position(|(sent, _)| *sent == id)?;
        let (_, message) = sent.remove(index)?;
        (message != Ticket::default()).then_some(message)
    }
}

/// A message that a store has for a session, not delivered yet as far as it knows.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredMessage {
    /// The number under which the driver has it; not zero.
    pub ticket: Ticket,
    /// The message.
    pub message: Arc<Message>,
    /// The QoS of its delivery: 1 or 2.
    pub qos: QoS,
    /// RETAIN towards the receiver.
    pub retain: bool,
    /// When it expires.
    pub expires: Option<Time>,
    /// The identifiers of the subscriptions that matched.
    pub subscription_ids: Box<[SubscriptionId]>,
}

impl StoredMessage {
    /// A message that is not retained, does not expire and matched no subscription with an identifier.
    pub fn new(ticket: Ticket, message: Arc<Message>, qos: QoS) -> Self {
        Self { ticket, message, qos, retain: false, expires: None, subscription_ids: Box::default() }
    }
}
