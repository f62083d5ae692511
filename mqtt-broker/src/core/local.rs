//! Subscriptions of the program that embeds the broker.

use std::sync::Arc;

use mqtt_codec::{Message, QoS, TopicFilter};
use mqtt_session::{Outbound, Time};

use super::router::{Granted, SessionKey};
use super::shard::ShardCore;
use super::subscribe::{subscribe_key, unsubscribe_key};

/// Names a subscription of the embedding program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LocalId(pub u64);

/// A message for the embedding program.
#[derive(Clone, Debug, PartialEq)]
pub struct LocalMessage {
    /// The message.
    pub message: Arc<Message>,
    /// The QoS it was published with, at most the QoS of the subscription.
    pub qos: QoS,
    /// Whether it is a retained message that the subscription found.
    pub retain: bool,
}

/// Takes the messages of a subscription; called on the shard's thread, so it must not block.
pub type LocalSink = Box<dyn FnMut(LocalMessage) + Send>;

/// The bit that tells slots of the embedding program from those of clients.
const LOCAL: u32 = 1 << 31;

/// Whether `key` is a subscription of the embedding program.
pub(super) const fn is_local(key: SessionKey) -> bool {
    key.slot & LOCAL != 0
}

struct Local {
    id: LocalId,
    filter: TopicFilter,
    qos: QoS,
    sink: LocalSink,
}

/// The subscriptions of the embedding program on one shard.
#[derive(Default)]
pub(super) struct Locals {
    slots: Vec<(u16, Option<Local>)>,
}

impl Locals {
    pub(super) fn deliver(&mut self, key: SessionKey, message: &mut Outbound<'_>) {
        let Some((generation, Some(local))) = self.slots.get_mut((key.slot & !LOCAL) as usize) else {
            return;
        };
        if *generation == key.generation {
            let qos = message.qos.min(local.qos);
            (local.sink)(LocalMessage { message: message.share(), qos, retain: false });
        }
    }

    /// Gives a message that the subscription found when it was made.
    fn deliver_retained(&mut self, slot: u32, message: Arc<Message>, published: QoS) {
        if let Some((_, Some(local))) = self.slots.get_mut((slot & !LOCAL) as usize) {
            let qos = published.min(local.qos);
            (local.sink)(LocalMessage { message, qos, retain: true });
        }
    }

    fn insert(&mut self, local: Local) -> (u32, u16) {
        let index = self.slots.iter().position(|(_, local)| local.is_none()).unwrap_or_else(|| {
            self.slots.push((0, None));
            self.slots.len() - 1
        });
        let mut current = 0;
        if let Some((generation, slot)) = self.slots.get_mut(index) {
            *generation = generation.wrapping_add(1);
            current = *generation;
            *slot = Some(local);
        }
        (LOCAL | index as u32, current)
    }

    fn remove(&mut self, id: LocalId) -> Option<(u32, u16, Local)> {
        let is_it = |local: &Option<Local>| local.as_ref().is_some_and(|local| local.id == id);
        let index = self.slots.iter().position(|(_, local)| is_it(local))?;
        let (generation, slot) = self.slots.get_mut(index)?;
        Some((LOCAL | index as u32, *generation, slot.take()?))
    }
}

impl ShardCore {
    pub(super) fn subscribe_local(
        &mut self,
        now: Time,
        id: LocalId,
        filter: TopicFilter,
        qos: QoS,
        sink: LocalSink,
    ) {
        let granted = Granted { qos, no_local: false, retain_as_published: false, subscription_id: None };
        let (slot, generation) = self.locals.insert(Local { id, filter: filter.clone(), qos, sink });
        let key = SessionKey { shard: self.shard, generation, slot };
        let plain = subscribe_key(&self.hub, key, filter.view(), granted);
        if !plain {
            return;
        }
        // after the subscription: what another shard publishes in between must not be missed by both
        let mut retained = Vec::new();
        self.hub.retained().matching(filter.as_str(), |_, found| {
            if found.is_retained(now) {
                retained.push((Arc::clone(&found.message), found.qos));
            }
        });
        for (message, published) in retained {
            self.locals.deliver_retained(slot, message, published);
        }
    }

    pub(super) fn unsubscribe_local(&mut self, id: LocalId) {
        if let Some((slot, generation, local)) = self.locals.remove(id) {
            let key = SessionKey { shard: self.shard, generation, slot };
            unsubscribe_key(&self.hub, key, local.filter.view());
        }
    }
}
