//! Clients that authenticate anew on their connection.

use std::collections::HashMap;

use bytes::Bytes;
use mqtt_codec::ReasonCode;
use mqtt_session::Time;

use super::admission::admission;
use super::judges::{Awaited, Judgement, Plea, submit};
use super::shard_loop::ShardLoop;
use crate::auth::Attempt;
use crate::core::{ConnectionId, Reauthentication, Slot};

/// Clients whose CONNECT has named a method.
#[derive(Debug, Default)]
pub(super) struct Reauthentications(HashMap<ConnectionId, Reauthenticating>);

#[derive(Debug)]
struct Reauthenticating {
    /// As it was when the client connected.
    attempt: Box<Attempt>,
    /// The judgement that is under way.
    awaited: Option<Awaited>,
}

impl Reauthentications {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn insert(&mut self, id: ConnectionId, attempt: Box<Attempt>) {
        self.0.insert(id, Reauthenticating { attempt, awaited: None });
    }

    pub(super) fn remove(&mut self, id: ConnectionId) {
        if !self.0.is_empty() {
            self.0.remove(&id);
        }
    }
}

impl ShardLoop {
    /// Passes on what clients say of themselves.
    pub(super) fn reauthenticate(&mut self, now: Time) {
        while let Some(Reauthentication { slot, connection: id, method, data }) =
            self.core.poll_reauthentication()
        {
            let said = match method {
                Some(method) => self.begin_reauthentication(id, (method, data)),
                None => {
                    let known = self.reauthentications.0.get(&id);
                    known.and_then(|known| known.awaited.as_ref()).is_some_and(|awaited| awaited.say(data))
                }
            };
            if !said {
                self.core.refuse_reauthentication(now, slot, ReasonCode::NotAuthorized);
            }
        }
    }

    /// By those who judge the clients of its listener now.
    fn begin_reauthentication(
        &mut self,
        id: ConnectionId,
        enhanced: (mqtt_codec::Text, Option<Bytes>),
    ) -> bool {
        let Some(known) = self.reauthentications.0.get_mut(&id) else { return false };
        let attempt = known.attempt.clone();
        let served = self.shared.served.iter().map(|served| served.now());
        let mut served = served.filter(|served| served.listener().address == attempt.listener);
        let Some(chain) = served.next().and_then(|served| served.chain()) else { return false };
        let timeout = Some(self.core.config().lobby.authenticate_timeout);
        let plea = Plea { id, shard: self.shard, chain, attempt, enhanced: Some(enhanced), timeout };
        let cases = self.shared.cases.get().and_then(tokio::sync::mpsc::WeakSender::upgrade);
        known.awaited = cases.and_then(|cases| submit(&cases, &self.shared, plea));
        known.awaited.is_some()
    }

    /// What was found out about a client.
    pub(super) fn handle_reauthentication(
        &mut self,
        now: Time,
        id: ConnectionId,
        slot: Slot,
        judgement: Judgement,
    ) {
        let outcome = match judgement {
            Judgement::Asked(question) => return self.core.continue_reauthentication(slot, question),
            Judgement::Admitted(identity, proof) => admission(now, identity, proof),
            Judgement::Rejected(rejected) => Err(rejected),
        };
        if let Some(known) = self.reauthentications.0.get_mut(&id) {
            known.awaited = None;
        }
        match outcome {
            Ok(admission) => self.core.complete_reauthentication(now, slot, admission),
            Err(rejected) => self.core.refuse_reauthentication(now, slot, rejected.refused.disconnect_code()),
        }
    }
}
