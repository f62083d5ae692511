//! Clients that authenticate anew on their connection.

use std::collections::HashMap;

use bytes::Bytes;
use mqtt_codec::ReasonCode;
use mqtt_session::Time;

use super::admission::admission;
use super::judges::{Awaited, Plea, Ruling, submit};
use super::shard_loop::ShardLoop;
use crate::auth::Attempt;
use crate::core::{ConnectionId, Renewal, Slot};

/// Clients whose CONNECT has named a method.
#[derive(Debug, Default)]
pub(super) struct Renewals(HashMap<ConnectionId, Renewing>);

#[derive(Debug)]
struct Renewing {
    /// As it was when the client connected.
    attempt: Box<Attempt>,
    /// The judgement that is under way.
    awaited: Option<Awaited>,
}

impl Renewals {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn insert(&mut self, id: ConnectionId, attempt: Box<Attempt>) {
        self.0.insert(id, Renewing { attempt, awaited: None });
    }

    pub(super) fn remove(&mut self, id: ConnectionId) {
        if !self.0.is_empty() {
            self.0.remove(&id);
        }
    }
}

impl ShardLoop {
    /// Passes on what clients say of themselves.
    pub(super) fn renew(&mut self, now: Time) {
        while let Some(Renewal { slot, connection: id, method, data }) = self.core.poll_renewal() {
            let said = match method {
                Some(method) => self.begin_renewal(id, (method, data)),
                None => {
                    let renewing = self.renewals.0.get(&id);
                    renewing
                        .and_then(|renewing| renewing.awaited.as_ref())
                        .is_some_and(|awaited| awaited.say(data))
                }
            };
            if !said {
                self.core.refuse_renewal(now, slot, ReasonCode::NotAuthorized);
            }
        }
    }

    /// By those who judge the clients of its listener now.
    fn begin_renewal(&mut self, id: ConnectionId, enhanced: (mqtt_codec::Text, Option<Bytes>)) -> bool {
        let Some(renewing) = self.renewals.0.get_mut(&id) else { return false };
        let attempt = renewing.attempt.clone();
        let served = self.shared.served.iter().map(|served| served.now());
        let mut served = served.filter(|served| served.listener().address == attempt.listener);
        let Some(chain) = served.next().and_then(|served| served.chain()) else { return false };
        let timeout = Some(self.core.config().lobby.authenticate_timeout);
        let plea = Plea { id, shard: self.shard, chain, attempt, enhanced: Some(enhanced), timeout };
        let cases = self.shared.cases.get().and_then(tokio::sync::mpsc::WeakSender::upgrade);
        renewing.awaited = cases.and_then(|cases| submit(&cases, &self.shared, plea));
        renewing.awaited.is_some()
    }

    /// What was found out about a client.
    pub(super) fn handle_renewal(&mut self, now: Time, id: ConnectionId, slot: Slot, ruling: Ruling) {
        let outcome = match ruling {
            Ruling::Asked(question) => return self.core.continue_renewal(slot, question),
            Ruling::Admitted(identity, proof) => admission(now, identity, proof),
            Ruling::Rejected(rejected) => Err(rejected),
        };
        if let Some(renewing) = self.renewals.0.get_mut(&id) {
            renewing.awaited = None;
        }
        match outcome {
            Ok(admission) => self.core.renew(now, slot, admission),
            Err(rejected) => self.core.refuse_renewal(now, slot, rejected.refused.disconnect_code()),
        }
    }
}
