//! What shards and the handle send each other.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use mqtt_codec::{Message, QoS, Seconds};
use mqtt_session::Time;

use super::local::{LocalId, LocalSink};
use super::router::{SessionKey, SubscriptionOptions};

/// One thing for another shard.
pub enum Mail {
    /// A message for sessions of the receiving shard: each with the options of its subscriptions that match.
    Deliver(Box<Forwarded>),
    /// A message that the embedding program publishes.
    Publish {
        /// The message.
        message: Arc<Message>,
        /// Its QoS.
        qos: QoS,
        /// Whether it is kept for later subscribers.
        retain: bool,
        /// Its Message Expiry Interval.
        expiry: Option<Seconds>,
    },
    /// A subscription of the embedding program.
    Subscribe {
        /// Names the subscription.
        id: LocalId,
        /// The filter, valid and not shared.
        filter: mqtt_codec::TopicFilter,
        /// The highest QoS.
        qos: QoS,
        /// Takes the messages.
        sink: LocalSink,
        /// Called once the subscription is in force.
        ready: Box<dyn FnOnce() + Send>,
    },
    /// The end of a subscription of the embedding program.
    Unsubscribe(LocalId),
    /// The broker stops: every client is told, every connection flushed and closed.
    Shutdown,
}

/// A message on its way to another shard.
pub struct Forwarded {
    pub(super) message: Arc<Message>,
    pub(super) qos: QoS,
    pub(super) retain: bool,
    pub(super) expires: Option<Time>,
    /// Who published it.
    pub(super) from: Option<SessionKey>,
    pub(super) targets: Vec<(SessionKey, SubscriptionOptions)>,
}

/// The mail of one shard: filled by anybody, emptied by the shard once a turn.
#[derive(Default)]
pub(super) struct Mailbox {
    mail: Mutex<Vec<Mail>>,
    wake: OnceLock<Box<dyn Fn() + Send + Sync>>,
}

impl Mailbox {
    /// Says how to wake the shard when its mailbox is no longer empty.
    pub(super) fn set_wake(&self, wake: Box<dyn Fn() + Send + Sync>) {
        // a shard is given its thread once; a second waker would be one for the same thread
        let _ = self.wake.set(wake);
    }

    /// Puts all of `mail` in, and wakes the shard if it had none. How much waits now.
    pub(super) fn post(&self, mail: &mut Vec<Mail>) -> usize {
        let mut waiting = self.lock();
        let was_empty = waiting.is_empty();
        waiting.append(mail);
        let len = waiting.len();
        drop(waiting);
        if was_empty {
            self.wake();
        }
        len
    }

    pub(super) fn wake(&self) {
        if let Some(wake) = self.wake.get() {
            wake();
        }
    }

    /// Takes everything, leaving `empty`, which has storage but no mail, in its place.
    pub(super) fn take(&self, empty: Vec<Mail>) -> Vec<Mail> {
        std::mem::replace(&mut *self.lock(), empty)
    }

    pub(super) fn len(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Mail>> {
        self.mail.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
