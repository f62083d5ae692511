//! The handle of a running broker: publish, subscribe in-process, shut down.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;

use mqtt_codec::{Message, QoS, Seconds, Text, Topic, TopicFilter};
use tokio::sync::{mpsc, oneshot};

use super::authenticators::Authenticators;
use super::shard_loop::Shared;
use crate::auth::{Judge, Judged};
use crate::config::Listener;
use crate::core::{Counter, Explanation, LocalId, LocalMessage, Mail};

/// The shard that serves the embedding program.
const LOCAL_SHARD: u16 = 0;

/// A running broker. Dropping the handle stops the broker without waiting for it.
pub struct BrokerHandle {
    shared: Arc<Shared>,
    listeners: Vec<Listener>,
    pub(super) authenticators: Authenticators,
    /// Those who judge clients now. Held while the configuration is replaced: one after the other, and the last one holds.
    pub(super) judges: Mutex<Vec<Arc<Judge>>>,
    addresses: Vec<SocketAddr>,
    ends: Vec<oneshot::Receiver<io::Result<()>>>,
    next_id: AtomicU64,
    /// Turns of each thread when somebody last asked.
    turns: Vec<u64>,
}

/// Too much mail waits for the broker: try again later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the broker has not taken what it was given before; try again a little later")]
pub struct Busy;

impl BrokerHandle {
    pub(super) fn new(
        shared: Arc<Shared>,
        listeners: Vec<Listener>,
        authenticators: Authenticators,
        judges: Vec<Arc<Judge>>,
        ends: Vec<oneshot::Receiver<io::Result<()>>>,
    ) -> Self {
        let addresses = listeners.iter().filter_map(|listener| listener.address.socket()).collect();
        let next_id = AtomicU64::new(0);
        let judges = Mutex::new(judges);
        Self { shared, listeners, authenticators, judges, addresses, ends, next_id, turns: Vec::new() }
    }

    pub(super) const fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// The listeners with which the broker started, with the ports that the system chose.
    pub fn listeners(&self) -> &[Listener] {
        &self.listeners
    }

    /// Where the broker listens, in the order of its listeners, with the ports that the system chose. Unix sockets are
    /// left out.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Publishes a message as the broker's own; topics that clients may not publish to are allowed. To `$delayed/SECONDS/TOPIC` it is
    /// published later, if `limits.delayed_messages` and the like allow it.
    ///
    /// # Errors
    /// [`Busy`] if as much waits as `limits.mailbox` allows.
    pub fn publish(
        &self,
        message: Message,
        qos: QoS,
        retain: bool,
        expiry: Option<Seconds>,
    ) -> Result<(), Busy> {
        if self.shared.hub.is_full(LOCAL_SHARD) {
            return Err(Busy);
        }
        self.post(Mail::Publish { message: Arc::new(message), qos, retain, expiry });
        Ok(())
    }

    /// Subscribes in-process; retained messages come first. At most `capacity` messages wait to be received.
    ///
    /// Returns once the subscription is in force.
    ///
    /// # Cancel safety
    /// Dropped while it waits, the subscription is made and ended again.
    pub async fn subscribe(&self, filter: TopicFilter, qos: QoS, capacity: usize) -> Subscriber {
        let id = LocalId(self.next_id.fetch_add(1, Ordering::Relaxed));
        let (sender, receiver) = mpsc::channel(capacity.max(1));
        let dropped = Arc::new(AtomicU64::new(0));
        let lost = Arc::clone(&dropped);
        let sink = Box::new(move |message| {
            if sender.try_send(message).is_err() {
                lost.fetch_add(1, Ordering::Relaxed);
            }
        });
        let (ready, made) = oneshot::channel();
        let subscriber = Subscriber { id, receiver, dropped, shared: Arc::clone(&self.shared) };
        let ready = Box::new(move || {
            // nobody may wait any more
            let _ = ready.send(());
        });
        self.post(Mail::Subscribe { id, filter, qos, sink, ready });
        // an error means that the broker has stopped, and nothing will come
        let _ = made.await;
        subscriber
    }

    /// What would become of a message for a client, and why: the subscriptions that match, the rule that denies it, what it has to
    /// wait for, and how it is with the session. `None` if the client has no session, or the broker has stopped. The topic is as the
    /// broker has it, with the mount point.
    ///
    /// ```
    /// use mqtt_broker::Broker;
    /// use mqtt_broker::core::Fate;
    /// use mqtt_codec::{QoS, Topic};
    ///
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// let broker = Broker::builder().start().await?;
    /// if let Some(explanation) = broker.explain("sensor-7", &Topic::new("plant/1/alarm")?, QoS::AtLeastOnce).await {
    ///     println!("{explanation}");
    ///     assert_ne!(explanation.fate, Fate::NotSubscribed);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Cancel safety
    /// It only asks: dropped while it waits, nothing has changed.
    pub async fn explain(&self, client_id: &str, topic: &Topic, qos: QoS) -> Option<Explanation> {
        let home = self.shared.hub.home(client_id);
        let (answer, answered) = oneshot::channel();
        let answer = Box::new(move |explanation| {
            // nobody may wait any more
            let _ = answer.send(explanation);
        });
        let client_id = Text::new(client_id).ok()?;
        let mail = Mail::Explain { client_id, topic: topic.clone(), qos, answer };
        self.shared.hub.post(home, &mut vec![mail]);
        // an error means that the broker has stopped
        answered.await.ok().flatten()
    }

    /// A counter over all shards since the start.
    pub fn count(&self, counter: Counter) -> u64 {
        self.shared.hub.total(counter)
    }

    /// What each authenticator has decided since the start, in the order in which they are asked.
    pub fn judged(&self) -> Vec<Judged> {
        let judges = self.judges.lock().unwrap_or_else(PoisonError::into_inner);
        judges.iter().map(|judge| judge.judged()).collect()
    }

    /// Clients that are connected.
    pub fn connected(&self) -> u64 {
        self.shared.hub.connected()
    }

    /// Whether each thread of the broker has worked since this was last asked, and something for each of them to do: asked again and again,
    /// some time apart, it says that none of them hangs. The first time there is nothing to compare with, and it is true.
    pub fn has_worked(&mut self) -> bool {
        let hub = &self.shared.hub;
        // the lobby is a thread only where there is something to listen at
        let threads = hub.lobby() + u16::from(!self.listeners.is_empty());
        let turns: Vec<u64> = (0..threads).map(|shard| hub.counters(shard).get(Counter::Turns)).collect();
        let has_worked =
            self.turns.is_empty() || turns.iter().zip(&self.turns).all(|(now, before)| now > before);
        self.turns = turns;
        (0..threads).for_each(|shard| hub.wake(shard));
        has_worked
    }

    /// Waits until the broker ends by itself, which it does when one of its threads fails: nobody else can serve the
    /// clients of that shard. Returns at once when all have ended.
    ///
    /// # Errors
    /// What the system refused to the thread, or that the thread panicked.
    ///
    /// # Cancel safety
    /// Nothing is lost if this is dropped while it waits: it can be called again.
    pub async fn ended(&mut self) -> io::Result<()> {
        if self.ends.is_empty() {
            return Ok(());
        }
        let ends = &mut self.ends;
        let (index, end) = poll_fn(|context| {
            let mut ends = ends.iter_mut().enumerate();
            let ended = ends.find_map(|(index, end)| match Pin::new(end).poll(context) {
                Poll::Ready(end) => Some((index, end)),
                Poll::Pending => None,
            });
            ended.map_or(Poll::Pending, Poll::Ready)
        })
        .await;
        self.ends.swap_remove(index);
        end.unwrap_or_else(|_| Err(io::Error::other("a thread of the broker has panicked")))
    }

    /// Stops the broker: clients of 5.0 get DISCONNECT with Server shutting down, connections are flushed and
    /// closed, at the latest after `limits.linger`. Returns when the last thread has ended.
    ///
    /// # Cancel safety
    /// The broker stops also if this is dropped while it waits.
    pub async fn shutdown(mut self) {
        self.shared.hub.stop();
        for end in std::mem::take(&mut self.ends) {
            // an error means that the thread is gone, which is what is waited for
            let _ = end.await;
        }
        self.shared.watchers.close();
        self.shared.hub.close_store();
    }

    fn post(&self, mail: Mail) {
        self.shared.hub.post(LOCAL_SHARD, &mut vec![mail]);
    }
}

impl Drop for BrokerHandle {
    fn drop(&mut self) {
        if !self.shared.hub.is_stopping() {
            self.shared.hub.stop();
        }
        self.shared.watchers.close();
    }
}

/// A subscription of the embedding program. Dropping it ends it.
pub struct Subscriber {
    id: LocalId,
    receiver: mpsc::Receiver<LocalMessage>,
    dropped: Arc<AtomicU64>,
    shared: Arc<Shared>,
}

impl Subscriber {
    /// The next message; `None` once the broker has stopped and all were received.
    ///
    /// # Cancel safety
    /// A message is either received or stays: dropping this loses nothing.
    pub async fn recv(&mut self) -> Option<LocalMessage> {
        self.receiver.recv().await
    }

    /// Messages that were dropped because the capacity was used up.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        self.shared.hub.post(LOCAL_SHARD, &mut vec![Mail::Unsubscribe(self.id)]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::Broker;

    #[tokio::test]
    async fn a_broker_whose_thread_panics_ends_and_says_so() {
        let mut broker = Broker::builder().start().await.expect("a broker without listeners");
        let filter = TopicFilter::new("t").expect("a good filter");
        let (sink, ready) = (Box::new(|_| {}), Box::new(|| panic!("the test wants it")));
        broker.post(Mail::Subscribe { id: LocalId(0), filter, qos: QoS::AtMostOnce, sink, ready });
        let error = broker.ended().await.expect_err("not of its own will");
        assert_eq!(error.to_string(), "a thread of the broker has panicked");
        broker.shutdown().await;
    }
}
