//! A client connects, its connection ends, its session ends.

use std::sync::Arc;

use mqtt_codec::{Connect, Decoder, ReasonCode, Text};
use mqtt_session::{CloseReason, ServerConfig, ServerEvent, ServerSession, Time};

use super::clients::Link;
use super::hooks::{self, HookedClient};
use super::lobby::Refusal;
use super::names::{Names, Unmountable};
use super::shard::{Closed, ConnectionId, Notice, ShardCore, Slot};
use super::stats::Counter;
use super::trace::trace_written;
use super::turn::count_messages;
use super::user::Admission;
use crate::config::Terms;

/// A connection whose CONNECT was accepted, on its way to the shard where the client lives.
#[derive(Debug)]
pub struct NewConnection {
    /// The connection.
    pub connection: ConnectionId,
    /// The CONNECT, with the client identifier that holds.
    pub connect: Box<Connect>,
    /// Whether that identifier was given by the server.
    pub assigned: bool,
    /// The decoder, which has read CONNECT.
    pub decoder: Decoder,
    /// Bytes behind CONNECT.
    pub unread: Vec<u8>,
    /// Who the client is.
    pub admission: Admission,
    /// What holds for clients that come the way it came.
    pub terms: Arc<Terms>,
}

impl ShardCore {
    /// Attaches the connection to the client's session; a connection that the client already has is taken over.
    ///
    /// # Errors
    /// What to tell a client that would need a new session where there are `limits.sessions`, or whose identifier is longer than
    /// `limits.client_id_length` or that of the session of another user; or that would need the store while that takes no more;
    /// or that has no mount point, or a Will outside of it.
    pub fn connect(&mut self, now: Time, new: NewConnection) -> Result<Slot, Refusal> {
        let NewConnection { connection, mut connect, assigned, mut decoder, unread, admission, terms } = new;
        if connect.client_id.len() > self.config.limits.client_id_length {
            return Err(Refusal::new(connect.version, ReasonCode::ClientIdentifierNotValid));
        }
        let old = self.clients.find(&connect.client_id);
        if self.would_crowd_store(&connect, old.is_some()) {
            return Err(Refusal::new(connect.version, ReasonCode::ServerBusy));
        }
        if old.is_some_and(|old| self.is_foreign(old, &admission)) {
            return Err(Refusal::foreign_session(connect.version));
        }
        let names = self.names_of(&terms, &mut connect, &admission)?;
        let access = self.access_of(&connect, admission.user.as_ref())?;
        if let Some(hooks) = self.hub.hooks() {
            let client =
                HookedClient::new(&connect.client_id, admission.user_name().map(|name| name.as_str()));
            hooks.connect(&client).map_err(|reason| Refusal::new(connect.version, hooks::error(reason)))?;
        }
        if let Some(old) = old {
            self.take_over(now, old);
        }
        // not what the shard has seen of it: the client may have waited for a reload
        let config = self.hub.config();
        // looked up again: taking over may have ended the session
        let slot = match self.clients.find(&connect.client_id) {
            Some(slot) => slot,
            None if self.hub.sessions() >= config.limits.sessions as u64 => {
                return Err(Refusal::new(connect.version, ReasonCode::QuotaExceeded));
            }
            None => self.clients.insert(&connect.client_id, ServerSession::new(&config.session)),
        };
        decoder.set_max_packet_size(config.session.maximum_packet_size);
        decoder.set_topic_alias_maximum(config.session.topic_alias_maximum);
        let mut link = Link::new(connection, decoder, config.limits.output);
        (link.expires, link.stores, link.names) = (admission.expires, terms.stores, names.clone());
        let Some(client) = self.clients.get(slot) else { return Ok(slot) };
        let assigned: Option<Text> = assigned.then(|| connect.client_id.clone());
        let session = ServerConfig { queue: terms.queue.of(&config.session.queue), ..config.session };
        let attached = client.session.attach(now, &connect.view(), assigned, &session);
        client.hidden = names.as_ref().map_or(0, |names| names.hidden());
        client.session.hide_prefix(client.hidden);
        if !attached.session_present {
            Self::remove_subscriptions(&self.hub, client);
            client.backlog = None;
            self.clients.renew_key(slot);
        }
        let Some(client) = self.clients.get(slot) else { return Ok(slot) };
        client.session.complete_authentication(admission.proof.clone());
        let user_name = admission.user_name().cloned();
        client.user = admission.user;
        client.take_access(access, &self.hub);
        let (key, client_id) = (client.key, client.id.clone());
        self.clients.set_link(slot, Some(Box::new(link)));
        self.hub.presences.set_connected(key, true);
        self.counters().add(Counter::ClientsConnected, 1);
        self.counters().add(Counter::PacketsReceived, 1);
        self.work.notices.push_back(Notice::Connected {
            client_id: (*client_id).into(),
            user_name,
            version: connect.version,
            session_present: attached.session_present,
        });
        self.trace_connect(slot, &connect);
        self.mark(slot);
        self.handle_session(now, slot);
        self.tell_owed(slot);
        self.subscribe_unasked(slot, &terms);
        if !unread.is_empty() {
            self.handle_bytes(now, slot, &unread);
        }
        Ok(slot)
    }

    /// The names of a client that connects, and its CONNECT with the broker's: a session that reaches beyond what the
    /// client may see now does not go on.
    fn names_of(
        &mut self,
        terms: &Arc<Terms>,
        connect: &mut Connect,
        admission: &Admission,
    ) -> Result<Option<Arc<Names>>, Refusal> {
        let refused = |reason| Refusal::new(connect.version, reason);
        let user_name = admission.user_name().map(|name| name.as_str());
        let names = Names::of(terms, &connect.client_id, user_name)
            .map_err(|Unmountable| refused(ReasonCode::NotAuthorized))?;
        let Some(names) = names else { return Ok(None) };
        if !names.name_will(connect) {
            return Err(Refusal::new(connect.version, ReasonCode::TopicNameInvalid));
        }
        let client = self.clients.find(&connect.client_id).and_then(|slot| self.clients.get(slot));
        if client.is_some_and(|client| client.filters.iter().any(|filter| !names.encloses(filter.view()))) {
            connect.clean_start = true;
        }
        Ok(Some(Arc::new(names)))
    }

    /// Whether a session is that of another user. One that nobody in particular began is anybody's.
    fn is_foreign(&mut self, slot: Slot, admission: &Admission) -> bool {
        let owner = self.clients.get(slot).and_then(|client| client.user.as_ref()?.name.as_ref());
        let is_other = owner.is_some_and(|owner| Some(owner) != admission.user_name());
        is_other && self.hub.config().auth.sessions_have_owners
    }

    /// [MQTT-3.1.4-3] the older connection is told and ends, as if it was lost.
    fn take_over(&mut self, now: Time, slot: Slot) {
        if let Some(client) = self.clients.get(slot) {
            client.session.disconnect(ReasonCode::SessionTakenOver);
        }
        self.handle_session(now, slot);
    }

    /// The transport of a client's connection has ended.
    pub fn handle_closed(&mut self, now: Time, slot: Slot) {
        self.follow_rules();
        if self.clients.get(slot).is_some_and(|client| client.link.is_some()) {
            self.detach(now, slot, CloseReason::Transport);
            self.handle_session(now, slot);
        }
    }

    /// Every client is told that the broker stops.
    pub(super) fn handle_shutdown(&mut self, now: Time) {
        self.work.stopping = true;
        for slot in self.clients.slots() {
            if let Some(client) = self.clients.get(slot)
                && client.link.is_some()
            {
                client.session.disconnect(ReasonCode::ServerShuttingDown);
                self.detach(now, slot, CloseReason::Local(ReasonCode::ServerShuttingDown));
            }
        }
    }

    /// Does what the session asks for: end its connection, publish its Will, end itself.
    pub(super) fn handle_session(&mut self, now: Time, slot: Slot) {
        if let Some(reason) = self.clients.get(slot).and_then(|client| client.session.close_reason()) {
            self.detach(now, slot, reason);
        }
        while let Some(client) = self.clients.get(slot) {
            client.follow(&self.rules, &self.hub);
            let key = client.key;
            match client.session.poll_event() {
                Some(ServerEvent::Will(will)) => self.publish_will(now, key, &will),
                Some(ServerEvent::Ended) => {
                    // the store hears of the end as well
                    self.store_effects(now, slot);
                    let Some(client) = self.clients.get(slot) else { break };
                    let counters = self.hub.counters(self.shard);
                    count_messages(client, counters);
                    counters.change_held(client.held, 0);
                    Self::remove_subscriptions(&self.hub, client);
                    self.hub.presences.set_access(key, None);
                    self.hub.presences.set_owed(key, None);
                    self.clients.remove(slot);
                }
                Some(_) => {}
                None => {
                    let stalled = client.stalled_at(self.config.limits.stall);
                    self.timers.arm(slot.0, client.session.poll_timeout(), &mut client.armed);
                    self.timers.arm(slot.0, stalled, &mut client.armed);
                    self.timers.arm(slot.0, client.expires_at(), &mut client.armed);
                    self.timers.arm(slot.0, client.resumes_at(), &mut client.armed);
                    break;
                }
            }
        }
        self.store_effects(now, slot);
        let clients = &mut self.clients;
        self.timers.compact(clients.len(), |slot, deadline| {
            clients.get(Slot(slot)).is_some_and(|client| client.armed == Some(deadline))
        });
        self.count_clients();
    }

    /// Takes the connection from its client, with what is left to be sent.
    fn detach(&mut self, now: Time, slot: Slot, cause: CloseReason) {
        let Some(mut link) = self.clients.set_link(slot, None) else { return };
        let Some(client) = self.clients.get(slot) else { return };
        if cause != CloseReason::Transport {
            client.session.poll_transmit(now, &mut link.output);
        }
        trace_written(&client.id, &mut link, &mut self.work.notices);
        client.session.handle_disconnected(now);
        let (counters, fleeting) = (self.hub.counters(self.shard), client.drop_fleeting());
        counters.add(Counter::PublishDropped, fleeting);
        counters.add(Counter::DroppedOffline, fleeting);
        count_messages(client, counters);
        if let Some(hooks) = self.hub.hooks() {
            hooks.disconnected(&client.hooked(), cause);
        }
        let (key, client_id) = (client.key, client.id.clone());
        self.hub.presences.set_connected(key, false);
        self.counters().add(Counter::of(cause), 1);
        self.work.closed.push(Closed { connection: link.connection, output: link.output });
        self.work.notices.push_back(Notice::Disconnected { client_id: (*client_id).into(), cause });
        self.count_clients();
    }

    fn count_clients(&self) {
        self.counters().set_clients(self.clients.connected(), self.clients.len());
        self.hub.note_maximum();
    }
}
