//! What shards and the handle send each other.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use mqtt_codec::{Message, QoS, Seconds, Text, Topic};
use mqtt_session::{Ticket, Time};

use super::explain::Explanation;
use super::local::{LocalId, LocalSink};
use super::router::{Granted, SessionKey};

/// One thing for another shard.
#[non_exhaustive]
pub enum Mail {
    /// A message for sessions of the receiving shard: each with what its subscriptions that match were granted.
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
    /// What would become of a message for a client that lives on the receiving shard.
    Explain {
        /// The client.
        client_id: Text,
        /// The topic of the message.
        topic: Topic,
        /// Its QoS.
        qos: QoS,
        /// Takes the answer; `None` if the client has no session.
        answer: Box<dyn FnOnce(Option<Explanation>) + Send>,
    },
    /// Whether a client that lives on the receiving shard is traced has changed; see [`Hub::trace`](super::Hub::trace).
    Trace(Text),
    /// The configuration was replaced.
    Reload,
    /// The broker stops: every client is told, every connection flushed and closed.
    Shutdown,
}

/// A message on its way to another shard.
pub struct Forwarded {
    pub(super) message: Arc<Message>,
    pub(super) qos: QoS,
    pub(super) retain: bool,
    pub(super) expires: Option<Time>,
    /// Its number in the store; zero if it is not there.
    pub(super) ticket: Ticket,
    /// Who published it.
    pub(super) from: Option<SessionKey>,
    pub(super) targets: Vec<(SessionKey, Granted)>,
}

impl Mail {
    /// What this counts for against `limits.mailbox`.
    fn weight(&self) -> usize {
        match self {
            Self::Deliver(forwarded) => {
                1 + ((forwarded.message.bytes() + size_of_val(forwarded.targets.as_slice())) >> 10)
            }
            Self::Publish { message, .. } => 1 + (message.bytes() >> 10),
            Self::Subscribe { .. }
            | Self::Unsubscribe(_)
            | Self::Explain { .. }
            | Self::Trace(_)
            | Self::Reload
            | Self::Shutdown => 1,
        }
    }
}

/// The mail of one shard: filled by anybody, emptied by the shard once a turn.
#[derive(Default)]
pub(super) struct Mailbox {
    waiting: Mutex<Waiting>,
    /// What the waiting mail counts for; changed under the lock, read without it.
    weight: AtomicUsize,
    wake: OnceLock<Box<dyn Fn() + Send + Sync>>,
}

#[derive(Default)]
struct Waiting {
    mail: Vec<Mail>,
    /// Whether the shard has ended: nobody will read what comes.
    closed: bool,
}

impl Mailbox {
    /// Says how to wake the shard when its mailbox is no longer empty, and wakes it if that is so already: mail that came
    /// earlier could wake nobody, and what comes after it does not.
    pub(super) fn set_wake(&self, wake: Box<dyn Fn() + Send + Sync>) {
        // a shard is given its thread once; a second waker would be one for the same thread
        let _ = self.wake.set(wake);
        let is_empty = self.lock().mail.is_empty();
        if !is_empty {
            self.wake();
        }
    }

    /// Puts all of `mail` in, and wakes the shard if it had none. A shard that has ended gets nothing.
    pub(super) fn post(&self, mail: &mut Vec<Mail>) {
        let weight: usize = mail.iter().map(Mail::weight).sum();
        let mut waiting = self.lock();
        if waiting.closed {
            drop(waiting);
            return mail.clear();
        }
        let was_empty = waiting.mail.is_empty();
        waiting.mail.append(mail);
        self.weight.fetch_add(weight, Ordering::Relaxed);
        drop(waiting);
        if was_empty {
            self.wake();
        }
    }

    pub(super) fn wake(&self) {
        if let Some(wake) = self.wake.get() {
            wake();
        }
    }

    /// Takes everything, and says what it counted for. `empty`, which has storage but no mail, comes in its place.
    pub(super) fn take(&self, empty: Vec<Mail>) -> (Vec<Mail>, usize) {
        let mut waiting = self.lock();
        let mail = std::mem::replace(&mut waiting.mail, empty);
        (mail, self.weight.swap(0, Ordering::Relaxed))
    }

    /// Throws away what waits and what will come: whoever waits for an answer to it is told by its end.
    pub(super) fn close(&self) {
        let mut waiting = self.lock();
        waiting.closed = true;
        let mail = std::mem::take(&mut waiting.mail);
        self.weight.store(0, Ordering::Relaxed);
        drop(waiting);
        drop(mail);
    }

    /// What the waiting mail counts for.
    pub(super) fn weight(&self) -> usize {
        self.weight.load(Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn a_shard_is_woken_once_for_mail_that_came_before_it_could_be_woken() {
        let mailbox = Mailbox::default();
        mailbox.post(&mut vec![Mail::Reload]);
        let woken = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&woken);
        mailbox.set_wake(Box::new(move || {
            count.fetch_add(1, Ordering::Relaxed);
        }));
        assert_eq!(woken.load(Ordering::Relaxed), 1);
        mailbox.post(&mut vec![Mail::Reload]);
        assert_eq!(woken.load(Ordering::Relaxed), 1, "it has not looked yet");
        assert_eq!(mailbox.take(Vec::new()).0.len(), 2);
        mailbox.post(&mut vec![Mail::Reload]);
        assert_eq!(woken.load(Ordering::Relaxed), 2);
    }
}
