//! The packets of single clients: to the log, and to the embedding program.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use mqtt_codec::Text;
use tokio::sync::mpsc;

use super::handle::BrokerHandle;
use super::shard_loop::{ShardLoop, Shared};
use crate::core::{Mail, TracedPacket};

/// Those who want to see packets.
#[derive(Debug, Default)]
pub(super) struct Watchers(Mutex<Vec<Watcher>>);

#[derive(Debug)]
struct Watcher {
    number: u64,
    client_id: Text,
    sender: mpsc::Sender<(SystemTime, TracedPacket)>,
    missed: Arc<AtomicU64>,
}

impl Watchers {
    fn add(
        &self,
        client_id: Text,
        sender: mpsc::Sender<(SystemTime, TracedPacket)>,
        missed: Arc<AtomicU64>,
    ) -> u64 {
        static NUMBERS: AtomicU64 = AtomicU64::new(0);
        let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
        let mut watchers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        watchers.push(Watcher { number, client_id, sender, missed });
        number
    }

    fn remove(&self, number: u64) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|watcher| watcher.number != number);
    }

    /// Nothing more comes.
    pub(super) fn close(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn tell(&self, packet: &TracedPacket) {
        let watchers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for watcher in watchers.iter().filter(|watcher| watcher.client_id == packet.client_id) {
            if watcher.sender.try_send((SystemTime::now(), packet.clone())).is_err() {
                watcher.missed.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

impl ShardLoop {
    /// A packet of a client that is traced.
    pub(super) fn pass_on(&self, packet: &TracedPacket) {
        self.shared.watchers.tell(packet);
        if self.core.config().trace.iter().any(|traced| **traced == *packet.client_id) {
            tracing::info!(target: "mqtt_broker::trace", client_id = ?packet.client_id, "{packet}");
        }
    }
}

/// The packets of one client, from [`BrokerHandle::trace`]. Dropping it ends the trace.
pub struct Trace {
    client_id: Text,
    number: u64,
    receiver: mpsc::Receiver<(SystemTime, TracedPacket)>,
    missed: Arc<AtomicU64>,
    shared: Arc<Shared>,
}

impl BrokerHandle {
    /// Traces the packets of a client, whether it is connected or will be. At most `capacity` of them wait to be received; what comes
    /// beyond is counted by [`Trace::missed`]. Other clients pay nothing for it.
    ///
    /// ```
    /// use mqtt_broker::Broker;
    /// use mqtt_codec::Text;
    ///
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// let broker = Broker::builder().start().await?;
    /// let mut trace = broker.trace(Text::new("sensor-7")?, 1_000);
    /// while let Some((when, packet)) = trace.recv().await {
    ///     println!("{when:?} {packet}");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn trace(&self, client_id: Text, capacity: usize) -> Trace {
        let shared = Arc::clone(self.shared());
        let (sender, receiver) = mpsc::channel(capacity.max(1));
        let missed = Arc::new(AtomicU64::new(0));
        let number = shared.watchers.add(client_id.clone(), sender, Arc::clone(&missed));
        shared.hub.trace(&client_id);
        shared.hub.post(shared.hub.home(&client_id), &mut vec![Mail::Trace(client_id.clone())]);
        Trace { client_id, number, receiver, missed, shared }
    }
}

impl Trace {
    /// The next packet, and when it was seen; `None` once the broker has stopped and all were received.
    ///
    /// # Cancel safety
    /// A packet is either received or stays: dropping this loses nothing.
    pub async fn recv(&mut self) -> Option<(SystemTime, TracedPacket)> {
        self.receiver.recv().await
    }

    /// Packets that were not kept because the capacity was used up.
    pub fn missed(&self) -> u64 {
        self.missed.load(Ordering::Relaxed)
    }
}

impl Drop for Trace {
    fn drop(&mut self) {
        let hub = &self.shared.hub;
        self.shared.watchers.remove(self.number);
        hub.untrace(&self.client_id);
        hub.post(hub.home(&self.client_id), &mut vec![Mail::Trace(self.client_id.clone())]);
    }
}
