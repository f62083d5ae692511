//! Sessions that a store has kept come back.

use std::sync::Arc;

use mqtt_session::{ServerSession, Time};

use super::backlog::{Backlog, to_session};
use super::shard::{ShardCore, Slot};
use super::subscribe::subscribe_key;
use super::user::User;
use crate::store::{RestoredSession, WallTime};

impl ShardCore {
    /// Takes back a session that lives here: its state, subscriptions, and the numbers of what waits for it.
    ///
    /// `alive` is when the broker ran last: connections that it had then have ended then. Nothing happens to the session
    /// before [`ShardCore::begin`]: its Will is for sessions that may come after it.
    pub fn restore(&mut self, now: Time, alive: WallTime, restored: RestoredSession) {
        let Some(durable) = self.hub.durable() else { return };
        let RestoredSession { number, client_id, user, state, detached, subscriptions, in_flight, waiting } =
            restored;
        let ended = if state.connected { alive } else { detached };
        let away = durable.wall(now).since(ended);
        let messages = in_flight.into_iter().filter_map(|stored| to_session(&self.hub, now, stored));
        let session = ServerSession::restore(now, &self.config.session, state, away, messages);
        let slot = self.clients.insert(&client_id, session);
        let Some(client) = self.clients.get(slot) else { return };
        client.number = Some(number);
        client.user =
            user.map(|user| Arc::new(User { name: user.name, groups: user.groups, permissions: None }));
        client.backlog = Backlog::of(waiting);
        for (filter, granted) in subscriptions {
            subscribe_key(&self.hub, client.key, filter.view(), granted);
            client.filters.insert(filter);
        }
        client.follow(&self.rules, &self.hub);
        client.count_held(self.hub.counters(self.shard));
        self.hub.presences.set_owed(client.key, client.owed_as());
    }

    /// All sessions are back, on all shards: what has become due meanwhile happens.
    pub fn begin(&mut self, now: Time) {
        self.follow_rules();
        for slot in self.clients.slots() {
            self.handle_session(now, slot);
        }
        self.append_journal();
    }

    /// Looks for what the store has to say; called at each end of a turn.
    pub(super) fn hear_store(&mut self, now: Time) {
        if self.hub.durable().is_some() {
            self.receive_fetched(now);
            self.release_stored();
        }
    }

    /// A session is what it was before: others may owe it messages.
    pub(super) fn tell_owed(&mut self, slot: Slot) {
        if let Some(client) = self.clients.get(slot).filter(|client| client.number.is_some()) {
            self.hub.presences.set_owed(client.key, client.owed_as());
        }
    }
}
