//! Strangers whose CONNECT is known, while others judge who they are.

use std::num::NonZeroU32;
use std::sync::{Arc, PoisonError};
use std::time::SystemTime;

use bytes::Bytes;
use mqtt_codec::{Connect, Decoder, PacketRef, ReasonCode, Version};
use mqtt_session::Time;

use super::connections::Place;
use super::conversation::{Conversation, Unheard};
use super::judges::{Awaited, Finding, Judgement, Judges, Plea};
use super::shard_loop::ShardLoop;
use crate::auth::{Attempt, Chain, Identity, Refused, Rejected, Secret};
use crate::config::Terms;
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
    /// What holds for clients that come this way.
    pub(super) terms: Arc<Terms>,
}

/// A CONNECT that is being judged.
#[derive(Debug)]
pub(super) struct Pending {
    knock: Knock,
    /// Bytes of memory that CONNECT takes.
    size: usize,
    awaited: Awaited,
    /// The client's side of enhanced authentication.
    pub(super) conversation: Option<Box<Conversation>>,
    /// What authenticating anew will start from.
    attempt: Option<Box<Attempt>>,
}

impl Pending {
    /// Bytes of memory.
    pub(super) fn held(&self) -> usize {
        let said = match &self.conversation {
            Some(conversation) => conversation.held(),
            None => 0,
        };
        self.size + self.knock.unread.capacity() + said
    }

    /// Keeps what the client has sent behind CONNECT.
    pub(super) fn keep(&mut self, bytes: &[u8]) {
        self.knock.unread.extend_from_slice(bytes);
    }

    /// Whether enough bytes behind CONNECT are there. An answer that is asked for may be as large as a CONNECT.
    pub(super) fn is_full(&self) -> bool {
        let is_asked = self.conversation.as_ref().is_some_and(|conversation| conversation.is_asked());
        self.knock.unread.len() >= BEHIND && !is_asked
    }

    /// Passes on what the client has answered, once all of it is there.
    pub(super) fn hear(&mut self) -> Result<(), Unheard> {
        let Some(conversation) = &mut self.conversation else { return Ok(()) };
        let Knock { decoder, unread, .. } = &mut self.knock;
        let Some(data) = conversation.hear(decoder, unread)? else { return Ok(()) };
        if self.awaited.say(data) { Ok(()) } else { Err(Unheard::Gone) }
    }

    /// Puts a question of the server to the client; false if it is larger than the client takes.
    fn ask(&mut self, question: Bytes) -> bool {
        let maximum = self.knock.connect.properties.maximum_packet_size.map_or(u32::MAX, NonZeroU32::get);
        self.conversation.as_mut().is_some_and(|conversation| conversation.ask(question, maximum))
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
        let properties = &knock.connect.properties;
        let conversation = Conversation::begin(&knock.connect.view()).map(Box::new);
        let attempt = Box::new(attempt);
        // the password is of no use for that
        let again = conversation.is_some().then(|| Box::new(Attempt { password: None, ..*attempt.clone() }));
        let method = properties.authentication_method.clone();
        let enhanced = method.map(|method| (method, properties.authentication_data.clone()));
        let plea = Plea { id, shard: self.shard, chain, attempt, enhanced, timeout: None };
        match self.judges.as_ref().and_then(|judges| judges.submit(plea)) {
            Some(awaited) => {
                let pending = Pending { knock, size, awaited, conversation, attempt: again };
                stranger.pending = Some(Box::new(pending));
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
            Ok(judges) => {
                if let Some(cases) = judges.entrance() {
                    // there is one lobby, which starts them once
                    let _ = self.shared.cases.set(cases);
                }
                self.judges = Some(judges);
            }
            Err(error) => tracing::error!(%error, "no client can be judged: the system refuses a thread"),
        }
    }

    /// Takes what was found out about strangers.
    pub(super) fn receive_findings(&mut self, now: Time) {
        if self.judges.is_none() && self.reauthentications.is_empty() {
            return;
        }
        let Some(findings) = self.shared.findings.get(usize::from(self.shard)) else { return };
        let findings = std::mem::take(&mut *findings.lock().unwrap_or_else(PoisonError::into_inner));
        for Finding { id, judgement } in findings {
            match self.connections.get(id).map(|connection| &connection.place) {
                Some(Place::Lobby(_)) => self.handle_finding(now, id, judgement),
                Some(Place::Client(slot)) => {
                    let slot = *slot;
                    self.handle_reauthentication(now, id, slot, judgement);
                }
                _ => {}
            }
        }
    }

    fn handle_finding(&mut self, now: Time, id: ConnectionId, judgement: Judgement) {
        let stranger = self.connections.get(id).and_then(|connection| connection.stranger());
        let Some(pending) = stranger.and_then(|stranger| stranger.pending.as_deref_mut()) else { return };
        match judgement {
            Judgement::Asked(question) => {
                if pending.ask(question) {
                    self.write(now, id);
                    return self.hear(now, id);
                }
                self.depart(now, id, Departure::Gone);
                self.refuse(now, id, &Refusal::new(Version::V5, ReasonCode::PacketTooLarge));
            }
            Judgement::Admitted(..) | Judgement::Rejected(_) => self.conclude(now, id, judgement),
        }
    }

    fn conclude(&mut self, now: Time, id: ConnectionId, judgement: Judgement) {
        let stranger = self.connections.get(id).and_then(|connection| connection.stranger());
        let Some(pending) = stranger.and_then(|stranger| stranger.pending.take()) else { return };
        let Pending { knock, conversation, attempt, .. } = *pending;
        if conversation.is_some_and(|conversation| conversation.is_unsent()) {
            // it has answered what it cannot have read
            return self.drop_connection(now, id);
        }
        let outcome = match judgement {
            Judgement::Admitted(identity, proof) => admission(now, identity, proof),
            Judgement::Rejected(rejected) => Err(rejected),
            Judgement::Asked(_) => return,
        };
        match outcome {
            Ok(admission) => self.send_home(now, id, knock, admission, attempt),
            Err(rejected) => self.reject(now, id, &knock.connect, &rejected),
        }
    }

    /// A stranger may have answered what it was asked.
    pub(super) fn hear(&mut self, now: Time, id: ConnectionId) {
        let stranger = self.connections.get(id).and_then(|connection| connection.stranger());
        let Some(pending) = stranger.and_then(|stranger| stranger.pending.as_deref_mut()) else { return };
        let refusal = match pending.hear() {
            Ok(()) => return,
            Err(Unheard::Gone) => return self.drop_connection(now, id),
            Err(Unheard::Malformed(error)) => Refusal::malformed(error),
            Err(Unheard::OutOfPlace(violation)) => Refusal::out_of_place(violation),
        };
        self.depart(now, id, Departure::Failed);
        self.refuse(now, id, &refusal);
    }

    pub(super) fn reject(&mut self, now: Time, id: ConnectionId, connect: &Connect, rejected: &Rejected) {
        let Rejected { refused, by } = rejected;
        let refusal = Refusal::not_admitted(connect.version, *refused);
        if let Some(unsaid) = self.failure_logs.speak(now, refusal.reason.counter())
            && let Some(connection) = self.connections.get(id)
        {
            let (peer, by) = (connection.stream.peer(), by.as_ref().map(|judge| judge.name()));
            // as debug text: names may contain anything
            let (user_name, client_id) = (connect.user_name.as_deref(), &*connect.client_id);
            tracing::info!(%peer, ?user_name, ?client_id, by, not_logged = unsaid, "client refused: {refused}");
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
pub(super) fn admission(now: Time, identity: Identity, proof: Option<Bytes>) -> Result<Admission, Rejected> {
    let Identity { user_name: name, groups, expires, permissions } = identity;
    let expires = match expires.map(|at| at.duration_since(SystemTime::now())) {
        None => None,
        Some(Ok(left)) => Some(now.after(left)),
        Some(Err(_)) => return Err(Rejected { refused: Refused::NotAuthorized, by: None }),
    };
    let is_somebody = name.is_some() || !groups.is_empty() || permissions.is_some();
    Ok(Admission { user: is_somebody.then(|| Arc::new(User { name, groups, permissions })), expires, proof })
}
