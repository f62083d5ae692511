//! Strangers whose CONNECT is known, while others judge who they are.

use std::sync::{Arc, PoisonError};
use std::time::SystemTime;

use mqtt_codec::{Connect, Decoder, PacketRef};
use mqtt_session::Time;

use super::judges::{Awaited, Finding, Judges};
use super::shard_loop::ShardLoop;
use crate::auth::{Attempt, Chain, Identity, Refused, Rejected, Secret};
use crate::core::{Admission, ConnectionId, Departure, Limit, Refusal, Stage, User};

/// Bytes behind CONNECT that are read before it is judged. What comes later waits in the socket.
const BEHIND: usize = 16 << 10;

/// A CONNECT with what belongs to it.
#[derive(Debug)]
pub(super) struct Knock {
    pub(super) connect: Box<Connect>,
    /// Whether the server has given the client identifier.
    pub(super) assigned: bool,
    pub(super) decoder: Decoder,
    /// Bytes behind CONNECT.
    pub(super) unread: Vec<u8>,
}

/// A CONNECT that is being judged.
#[derive(Debug)]
pub(super) struct Pending {
    knock: Knock,
    /// Bytes of memory that CONNECT takes.
    size: usize,
    #[expect(dead_code, reason = "dropping it ends the judgement")]
    awaited: Awaited,
}

impl Pending {
    /// Bytes of memory.
    pub(super) const fn held(&self) -> usize {
        self.size + self.knock.unread.capacity()
    }

    /// Keeps what the client has sent behind CONNECT.
    pub(super) fn keep(&mut self, bytes: &[u8]) {
        self.knock.unread.extend_from_slice(bytes);
    }

    /// Whether enough bytes behind CONNECT are there.
    pub(super) const fn is_full(&self) -> bool {
        self.knock.unread.len() >= BEHIND
    }
}

impl ShardLoop {
    /// Has a stranger judged by those whom its listener names.
    pub(super) fn hand_in(&mut self, now: Time, id: ConnectionId, chain: Arc<Chain>, mut knock: Knock) {
        self.start_judges();
        let Some(connection) = self.connections.get(id) else { return };
        let certificates = connection.stream.peer_certificates();
        let peer = connection.stream.peer().ip();
        let Some(stranger) = connection.stranger() else { return };
        let version = knock.connect.version;
        let size = PacketRef::Connect(knock.connect.view()).encoded_len(version).unwrap_or_default();
        let attempt = Attempt {
            listener: stranger.served.listener().address.clone(),
            peer,
            version,
            client_id: knock.connect.client_id.clone(),
            user_name: knock.connect.user_name.clone(),
            // nobody else needs it
            password: knock.connect.password.take().map(Secret::new),
            certificates,
        };
        match self.judges.as_ref().and_then(|judges| judges.submit(id, chain, Box::new(attempt))) {
            Some(awaited) => {
                stranger.pending = Some(Box::new(Pending { knock, size, awaited }));
                // the first bytes of a stage are never too many
                let _ = stranger.visit.note_read(now, Stage::Authenticate, 0, stranger.served.lobby());
            }
            None => {
                self.depart(now, id, Departure::Gone);
                self.refuse(now, id, &Refusal::not_admitted(version, Refused::Unavailable));
            }
        }
    }

    fn start_judges(&mut self) {
        if self.judges.is_some() {
            return;
        }
        match Judges::start(&self.shared) {
            Ok(judges) => self.judges = Some(judges),
            Err(error) => tracing::error!(%error, "no client can be judged: the system refuses a thread"),
        }
    }

    /// Takes what was found out about strangers.
    pub(super) fn receive_findings(&mut self, now: Time) {
        if self.judges.is_none() {
            return;
        }
        let findings =
            std::mem::take(&mut *self.shared.findings.lock().unwrap_or_else(PoisonError::into_inner));
        for finding in findings {
            self.handle_finding(now, finding);
        }
    }

    fn handle_finding(&mut self, now: Time, Finding { id, outcome }: Finding) {
        let Some(connection) = self.connections.get(id) else { return };
        let Some(pending) = connection.stranger().and_then(|stranger| stranger.pending.take()) else {
            return;
        };
        let knock = pending.knock;
        match outcome.and_then(|identity| admission(now, identity)) {
            Ok(admission) => self.send_home(now, id, knock, admission),
            Err(rejected) => self.reject(now, id, &knock.connect, &rejected),
        }
    }

    fn reject(&mut self, now: Time, id: ConnectionId, connect: &Connect, rejected: &Rejected) {
        let Rejected { refused, by } = rejected;
        let refusal = Refusal::not_admitted(connect.version, *refused);
        if let Some(unsaid) = self.failure_logs.speak(now, refusal.reason.counter())
            && let Some(connection) = self.connections.get(id)
        {
            let (peer, by) = (connection.stream.peer(), by.as_ref().map(|judge| judge.name()));
            // as debug text: names may contain anything
            let (user_name, client_id) = (connect.user_name.as_deref(), &*connect.client_id);
            tracing::info!(%peer, ?user_name, ?client_id, by, unsaid, "client refused: {refused}");
        }
        // what cannot be judged is not the client's fault
        let fault = !matches!(refused, Refused::Unavailable);
        self.depart(now, id, if fault { Departure::Failed } else { Departure::Gone });
        self.turn_down(now, id, &refusal);
    }

    /// The time for judging a stranger is over: it is told to come again.
    pub(super) fn give_up_judging(&mut self, now: Time, id: ConnectionId, limit: Limit) {
        let Some(connection) = self.connections.get(id) else { return };
        let peer = connection.stream.peer();
        let pending = connection.stranger().and_then(|stranger| stranger.pending.take());
        self.note_limit(now, peer, limit);
        let Some(pending) = pending else { return self.drop_connection(now, id) };
        self.depart(now, id, Departure::Gone);
        let refusal = Refusal::not_admitted(pending.knock.connect.version, Refused::Unavailable);
        self.turn_down(now, id, &refusal);
    }
}

/// The admission of somebody, unless the evidence for it has ceased to hold meanwhile.
fn admission(now: Time, identity: Identity) -> Result<Admission, Rejected> {
    let Identity { user_name: name, groups, expires, permissions } = identity;
    let expires = match expires.map(|at| at.duration_since(SystemTime::now())) {
        None => None,
        Some(Ok(left)) => Some(now.after(left)),
        Some(Err(_)) => return Err(Rejected { refused: Refused::NotAuthorized, by: None }),
    };
    let is_somebody = name.is_some() || !groups.is_empty() || permissions.is_some();
    Ok(Admission { user: is_somebody.then(|| Arc::new(User { name, groups, permissions })), expires })
}
