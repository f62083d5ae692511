//! What shards ask of clients of any shard: before one of a share group is chosen, and whether they are owed messages.

use std::sync::{Arc, PoisonError, RwLock};

use super::access::ClientAccess;
use super::local::is_local;
use super::router::SessionKey;
use crate::store::SessionNumber;

/// Who is connected and may receive what, as the shards have told last: one list for each shard, by slot.
pub(super) struct Presences(Box<[RwLock<Vec<Presence>>]>);

impl Presences {
    pub(super) fn new(shards: usize) -> Self {
        Self((0..shards).map(|_| RwLock::default()).collect())
    }

    pub(super) fn set_connected(&self, key: SessionKey, connected: bool) {
        self.change(key, |presence| presence.connected = connected);
    }

    /// What a member of a share group may do.
    pub(super) fn set_access(&self, key: SessionKey, access: Option<Arc<ClientAccess>>) {
        self.change(key, |presence| presence.access = access);
    }

    /// Under which number the session is owed messages by a store.
    pub(super) fn set_owed(&self, key: SessionKey, number: Option<SessionNumber>) {
        self.change(key, |presence| presence.owed = number);
    }

    /// The number, if the session is owed messages.
    pub(super) fn owed(&self, key: SessionKey) -> Option<SessionNumber> {
        self.ask(key, |presence| presence.owed).flatten()
    }

    fn change(&self, key: SessionKey, change: impl FnOnce(&mut Presence)) {
        let Some(slots) = self.0.get(usize::from(key.shard)) else { return };
        let mut slots = slots.write().unwrap_or_else(PoisonError::into_inner);
        let slot = key.slot as usize;
        if slots.len() <= slot {
            slots.resize(slot + 1, Presence::default());
        }
        if let Some(presence) = slots.get_mut(slot) {
            change(presence);
        }
    }

    /// Whether a member of a share group is connected and may receive what is published to a topic.
    pub(super) fn takes(&self, key: SessionKey, topic: &str) -> bool {
        let takes = |presence: &Presence| presence.connected && presence.may_receive(topic);
        is_local(key) || self.ask(key, takes).unwrap_or_default()
    }

    /// The same of one that need not be connected.
    pub(super) fn may_receive(&self, key: SessionKey, topic: &str) -> bool {
        is_local(key) || self.ask(key, |presence| presence.may_receive(topic)).unwrap_or(true)
    }

    fn ask<T>(&self, key: SessionKey, ask: impl FnOnce(&Presence) -> T) -> Option<T> {
        let slots = self.0.get(usize::from(key.shard))?;
        let slots = slots.read().unwrap_or_else(PoisonError::into_inner);
        slots.get(key.slot as usize).map(ask)
    }
}

/// What everybody may know of a client.
#[derive(Clone, Debug, Default)]
struct Presence {
    connected: bool,
    /// Under which number the store has it, if it is kept.
    owed: Option<SessionNumber>,
    /// What it may do, if it is a member of a share group.
    access: Option<Arc<ClientAccess>>,
}

impl Presence {
    fn may_receive(&self, topic: &str) -> bool {
        self.access.as_ref().is_none_or(|access| access.may_receive(topic).allowed)
    }
}
