//! A client authenticates anew on its connection.

use std::sync::Arc;

use bytes::Bytes;
use mqtt_codec::{AuthRef, ReasonCode, Text};
use mqtt_session::Time;

use super::shard::{ConnectionId, ShardCore, Slot};
use super::user::Admission;

/// What a client says of itself, for those who judge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reauthentication {
    /// The client.
    pub slot: Slot,
    /// Its connection.
    pub connection: ConnectionId,
    /// The method, if it begins anew; else it answers.
    pub method: Option<Text>,
    /// What the method says.
    pub data: Option<Bytes>,
}

impl ShardCore {
    /// AUTH of a client: what it says waits for the driver, at most once for each client.
    pub(super) fn handle_auth(&mut self, slot: Slot, auth: &AuthRef<'_>) {
        let Some(link) = self.clients.get(slot).and_then(|client| client.link.as_deref()) else { return };
        let begins = auth.reason == ReasonCode::ReAuthenticate;
        self.work.reauthentications.push_back(Reauthentication {
            slot,
            connection: link.connection,
            method: if begins { Text::new(auth.method).ok() } else { None },
            data: auth.data.map(Bytes::copy_from_slice),
        });
    }

    /// The next thing that a client says of itself. It is answered by [`ShardCore::continue_reauthentication`],
    /// [`ShardCore::complete_reauthentication`] or [`ShardCore::refuse_reauthentication`].
    pub fn poll_reauthentication(&mut self) -> Option<Reauthentication> {
        self.work.reauthentications.pop_front()
    }

    /// Asks the client something more.
    pub fn continue_reauthentication(&mut self, slot: Slot, question: Bytes) {
        if let Some(client) = self.clients.get(slot) {
            client.session.continue_authentication(question);
        }
        self.mark(slot);
    }

    /// The client is who it says, and still the user that it was: another one would have the session of the first.
    pub fn complete_reauthentication(&mut self, now: Time, slot: Slot, admission: Admission) {
        let Some(client) = self.clients.get(slot) else { return };
        let known = client.user.as_ref().and_then(|user| user.name.as_ref());
        if known != admission.user_name() {
            return self.refuse_reauthentication(now, slot, ReasonCode::NotAuthorized);
        }
        let Some(link) = client.link.as_deref_mut() else { return };
        link.expires = admission.expires;
        client.session.complete_authentication(admission.proof);
        // its groups may be others than before, and what it may do with them
        let client_id = client.id.clone();
        self.follow_rules();
        let access = self.rules.of(&client_id, admission.user.as_ref()).map(Arc::new);
        let Some(client) = self.clients.get(slot) else { return };
        client.user = admission.user;
        client.take_access(access, &self.hub);
        self.mark(slot);
        self.handle_session(now, slot);
    }

    /// [MQTT-4.12.1-2] the connection ends.
    pub fn refuse_reauthentication(&mut self, now: Time, slot: Slot, reason: ReasonCode) {
        if let Some(client) = self.clients.get(slot) {
            client.session.disconnect(reason);
        }
        self.handle_session(now, slot);
    }
}
