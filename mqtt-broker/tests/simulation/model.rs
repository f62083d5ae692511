//! The reference: what the standard makes of the packets that the broker has handled, without any of its code.
//!
//! The world tells it of each packet at the moment when a shard handles it, and of each call that lets time pass.
//! So there are no windows in which a match is uncertain, but for two: which member of a share group is chosen,
//! and which of several retained messages of one topic a replay meets that goes on while they change.

use std::collections::{BTreeMap, BTreeSet};

use mqtt_broker::core::ConnectionId;
use mqtt_codec::{Connect, QoS, RetainHandling, Seconds, Subscribe, Version, Will};
use mqtt_session::Time;

use super::client::EMPTY;
use super::ledger::{Due, Got, Ledger, Replay};
use super::plan::ServerPlan;

/// A message as the broker has it.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    pub(crate) number: u32,
    pub(crate) topic: String,
    pub(crate) qos: QoS,
    pub(crate) retain: bool,
    pub(crate) expires: Option<Time>,
    pub(crate) empty: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Granted {
    pub(crate) qos: QoS,
    pub(crate) no_local: bool,
    pub(crate) retain_as_published: bool,
    pub(crate) id: Option<u32>,
}

/// What the broker should know of a client.
#[derive(Clone)]
pub(crate) struct Session {
    /// Its ledger.
    pub(crate) number: u32,
    pub(crate) subscriptions: BTreeMap<String, Granted>,
    pub(crate) connection: Option<ConnectionId>,
    /// The connection that it had last, and whether CONNACK was sent there.
    pub(crate) attached: u64,
    pub(crate) is_acknowledged: bool,
    pub(crate) expiry: u32,
    pub(crate) will: Option<(u32, Box<Will>)>,
    /// The same, whatever has become of it.
    pub(crate) last_will: Option<(u32, Box<Will>)>,
    pub(crate) will_at: Option<Time>,
    pub(crate) ends_at: Option<Time>,
    /// Subscriptions that were changed, and nobody was told: how often.
    pub(crate) unsure: BTreeMap<String, u32>,
    /// Identifiers of QoS 2 that the client has not released, with the message.
    pub(crate) held: BTreeMap<u16, u32>,
    /// The same, whether released or not, and when it was routed.
    pub(crate) held_once: BTreeMap<u16, (u32, u64)>,
    /// Messages of QoS 2 that came to this session.
    pub(crate) taken: BTreeMap<u32, u32>,
}

/// A message that one member of a share group gets.
pub(crate) struct SharedDue {
    pub(crate) number: u32,
    pub(crate) publisher: usize,
    pub(crate) seq: u64,
    pub(crate) retain: bool,
    pub(crate) qos: QoS,
    pub(crate) expires: Option<Time>,
    /// When it was routed.
    pub(crate) at: Time,
    /// Ledgers of the members, with what they were granted.
    pub(crate) members: BTreeMap<u32, Granted>,
    /// What was taken to be this message: to which session it came.
    pub(crate) claim: Option<(u32, Got)>,
    /// Whether it may come, and need not.
    pub(crate) is_optional: bool,
}

/// A message that was or is the retained one of its topic.
pub(crate) struct Kept {
    pub(crate) heard: Heard,
    pub(crate) from: u64,
    pub(crate) to: Option<u64>,
}

#[derive(Default)]
pub(crate) struct Model {
    /// By client.
    pub(crate) sessions: Vec<Option<Session>>,
    /// By the numbers of sessions.
    pub(crate) ledgers: Vec<Ledger>,
    pub(crate) shared: Vec<SharedDue>,
    pub(crate) kept: Vec<Kept>,
    /// Counts what was routed and subscribed, so that both have an order.
    pub(crate) seq: u64,
    /// How often each message came to the broker.
    pub(crate) routed: BTreeMap<u32, u32>,
    /// PUBLISH packets of clients that were not repetitions.
    pub(crate) published: u64,
    pub(crate) wills: u64,
    /// When sessions have ended. What a shard does at one time has an order that the reference does not know.
    pub(crate) ends: BTreeSet<Time>,
    /// Sessions as they were before the broker attached another connection, or they ended; by their connections.
    pub(crate) history: BTreeMap<u64, Session>,
    /// Messages that were acknowledged to their publishers: of those routed up to then.
    pub(crate) acknowledged: BTreeMap<u32, u64>,
    /// What each topic was to retain, with the order.
    pub(crate) changes: BTreeMap<String, Vec<(u64, Heard)>>,
    /// Whether the broker has died once.
    pub(crate) has_crashed: bool,
    /// Session Expiry Interval of 3.x, and the longest of all.
    expiries: (u32, u32),
    /// Whether the broker may run out of Packet Identifiers.
    pub(crate) is_short_of_ids: bool,
}

impl Model {
    pub(crate) fn new(clients: usize, server: ServerPlan) -> Self {
        let expiries = (server.expiry_v3, server.expiry_maximum);
        let is_short_of_ids = server.packet_ids < u16::MAX;
        Self { sessions: (0..clients).map(|_| None).collect(), expiries, is_short_of_ids, ..Self::default() }
    }

    /// The broker attaches a connection; whether it should go on with a session.
    pub(crate) fn connect(
        &mut self,
        now: Time,
        (client, connection): (usize, ConnectionId),
        connect: &Connect,
        will_number: u32,
    ) -> bool {
        if self.sessions[client].as_ref().is_some_and(|session| session.connection.is_some()) {
            self.close(now, client);
        }
        self.pass(now, client);
        let mut before = self.sessions[client].take();
        if let Some(before) = &before {
            self.history.insert(before.attached, before.clone());
        }
        let present = before.is_some() && !connect.clean_start;
        let mut due = None;
        if !present && let Some(old) = before.take() {
            self.ledgers[old.number as usize].has_ended = true;
            due = old.will;
        }
        let mut session = before.unwrap_or_else(|| {
            self.ledgers.push(Ledger::default());
            Session::new(self.ledgers.len() as u32 - 1)
        });
        session.connection = Some(connection);
        (session.attached, session.is_acknowledged) = (connection.0, false);
        session.expiry = match connect.version {
            Version::V5 => connect.properties.session_expiry.map_or(0, |seconds| seconds.0),
            _ if connect.clean_start => 0,
            _ => self.expiries.0,
        };
        session.expiry = session.expiry.min(self.expiries.1);
        session.will = connect.will.clone().map(|will| (will_number, Box::new(will)));
        session.last_will = session.will.clone();
        (session.will_at, session.ends_at) = (None, None);
        self.sessions[client] = Some(session);
        if let Some(will) = due {
            self.publish_will(now, client, &will);
        }
        present
    }

    /// DISCONNECT, with or without a Will to publish.
    pub(crate) fn disconnect(&mut self, client: usize, with_will: bool) {
        if let Some(session) = &mut self.sessions[client]
            && !with_will
        {
            session.will = None;
        }
    }

    /// The connection has ended, whoever ended it.
    pub(crate) fn close(&mut self, now: Time, client: usize) {
        let Some(session) = &mut self.sessions[client] else { return };
        session.connection = None;
        session.ends_at = (session.expiry != u32::MAX).then(|| now.after_secs(session.expiry));
        session.will_at =
            session.will.as_ref().map(|(_, will)| now.after_secs(will.delay.map_or(0, |delay| delay.0)));
        self.pass(now, client);
    }

    /// Looks at the deadlines of a session.
    pub(crate) fn pass(&mut self, now: Time, client: usize) {
        let Some(session) = self.sessions[client].as_mut().filter(|session| session.connection.is_none())
        else {
            return;
        };
        let ended = session.ends_at.is_some_and(|at| at <= now);
        if ended {
            self.history.insert(session.attached, session.clone());
        }
        let will = if ended || session.will_at.is_some_and(|at| at <= now) {
            session.will_at = None;
            session.will.take()
        } else {
            None
        };
        if let Some(will) = will {
            self.publish_will(now, client, &will);
        }
        if ended && let Some(session) = self.sessions[client].take() {
            self.ledgers[session.number as usize].has_ended = true;
            self.ends.insert(now);
        }
    }

    /// When the broker must look at this client's session at the latest.
    pub(crate) fn deadline(&self, client: usize) -> Option<Time> {
        let session = self.sessions[client].as_ref().filter(|session| session.connection.is_none())?;
        [session.will_at, session.ends_at].into_iter().flatten().min()
    }

    fn publish_will(&mut self, now: Time, client: usize, (number, will): &(u32, Box<Will>)) {
        self.wills += 1;
        let heard = Heard {
            number: *number,
            topic: will.message.topic.as_str().to_owned(),
            qos: will.qos,
            retain: will.retain,
            expires: will.expiry.map(|Seconds(seconds)| now.after_secs(seconds)),
            empty: false,
        };
        self.route(now, client, &heard);
    }

    /// A message comes to the broker: it is retained, and owed to everybody who matches.
    pub(crate) fn route(&mut self, now: Time, publisher: usize, heard: &Heard) {
        self.seq += 1;
        *self.routed.entry(heard.number).or_default() += 1;
        if heard.retain {
            self.retain(heard);
        }
        let mut groups: BTreeMap<&str, BTreeMap<u32, Granted>> = BTreeMap::new();
        for (client, session) in self.sessions.iter().enumerate() {
            let Some(session) = session else { continue };
            let mut best: Option<Due> = None;
            for (filter, granted) in &session.subscriptions {
                if let Some((_, behind)) = share(filter) {
                    if matches(behind, &heard.topic) {
                        groups.entry(filter).or_default().insert(session.number, granted.clone());
                    }
                    continue;
                }
                if !matches(filter, &heard.topic) || (granted.no_local && client == publisher) {
                    continue;
                }
                let due =
                    best.get_or_insert_with(|| Due::new(publisher, self.seq, heard, session.connection));
                due.qos = due.qos.max(granted.qos.min(heard.qos));
                due.retain |= granted.retain_as_published && heard.retain;
                due.ids.extend(granted.id);
            }
            if let Some(due) = best {
                self.ledgers[session.number as usize].owe(due);
            }
        }
        self.shared.extend(groups.into_values().map(|members| SharedDue {
            number: heard.number,
            publisher,
            seq: self.seq,
            retain: heard.retain,
            qos: heard.qos,
            expires: heard.expires,
            at: now,
            members,
            claim: None,
            is_optional: false,
        }));
    }

    fn retain(&mut self, heard: &Heard) {
        let seq = self.seq;
        self.changes.entry(heard.topic.clone()).or_default().push((seq, heard.clone()));
        for kept in self.kept.iter_mut().filter(|kept| kept.to.is_none() && kept.heard.topic == heard.topic) {
            kept.to = Some(seq);
        }
        if !heard.empty {
            self.kept.push(Kept { heard: heard.clone(), from: seq, to: None });
        }
    }

    /// Retained messages that have not expired.
    pub(crate) fn retained(&self, now: Time) -> usize {
        let is_there = |kept: &&Kept| kept.to.is_none() && kept.heard.expires.is_none_or(|at| at > now);
        self.kept.iter().filter(is_there).count()
    }

    pub(crate) fn subscribe(&mut self, client: usize, subscribe: &Subscribe) -> Vec<u8> {
        self.seq += 1;
        let Some(session) = &mut self.sessions[client] else { return Vec::new() };
        let mut codes = Vec::new();
        for subscription in &subscribe.filters {
            let (filter, options) = (subscription.filter.as_str().to_owned(), subscription.options);
            codes.push(options.qos as u8);
            let granted = Granted {
                qos: options.qos,
                no_local: options.no_local,
                retain_as_published: options.retain_as_published,
                id: subscribe.subscription_id.map(|id| id.get()),
            };
            let id = granted.id;
            *session.unsure.entry(filter.clone()).or_default() += 1;
            let existed = session.subscriptions.insert(filter.clone(), granted).is_some();
            let wanted = match options.retain_handling {
                RetainHandling::OnSubscribe => true,
                RetainHandling::OnNewSubscription => !existed,
                RetainHandling::Never => false,
            };
            if wanted && share(&filter).is_none() {
                let ledger = &mut self.ledgers[session.number as usize];
                ledger.cancel(&filter);
                ledger.replays.push(Replay::new(filter, options.qos, id, self.seq, session.connection));
            }
        }
        codes
    }

    /// Removes a subscription; whether there was one.
    pub(crate) fn unsubscribe(&mut self, client: usize, filter: &str) -> bool {
        let Some(session) = &mut self.sessions[client] else { return false };
        let existed = session.subscriptions.remove(filter).is_some();
        *session.unsure.entry(filter.to_owned()).or_default() += 1;
        if existed {
            self.ledgers[session.number as usize].cancel(filter);
        }
        existed
    }

    /// SUBACK or UNSUBACK says so.
    pub(crate) fn assure(&mut self, client: usize, connection: ConnectionId, filters: &[String]) {
        let Some(session) = &mut self.sessions[client] else { return };
        if session.connection != Some(connection) {
            return;
        }
        for filter in filters {
            if let Some(changes) = session.unsure.get_mut(filter) {
                *changes -= 1;
                if *changes == 0 {
                    session.unsure.remove(filter);
                }
            }
        }
    }

    /// The publisher is told that the broker has the message. Those without a payload have no number of their own.
    pub(crate) fn acknowledge(&mut self, number: u32) {
        if number < EMPTY {
            self.acknowledged.insert(number, self.seq);
        }
    }

    pub(crate) fn subscription_count(&self) -> usize {
        self.sessions.iter().flatten().map(|session| session.subscriptions.len()).sum()
    }
}

impl Session {
    const fn new(number: u32) -> Self {
        Self {
            number,
            subscriptions: BTreeMap::new(),
            connection: None,
            attached: 0,
            is_acknowledged: false,
            expiry: 0,
            will: None,
            last_will: None,
            unsure: BTreeMap::new(),
            held_once: BTreeMap::new(),
            will_at: None,
            ends_at: None,
            held: BTreeMap::new(),
            taken: BTreeMap::new(),
        }
    }
}

/// The ShareName and the filter behind it.
pub(crate) fn share(filter: &str) -> Option<(&str, &str)> {
    filter.strip_prefix("$share/")?.split_once('/')
}

/// Section 4.7 in the fewest words.
pub(crate) fn matches(filter: &str, topic: &str) -> bool {
    let (mut levels, mut names) = (filter.split('/'), topic.split('/'));
    loop {
        match (levels.next(), names.next()) {
            (Some("#"), _) | (None, None) => return true,
            (Some("+"), Some(_)) => {}
            (Some(level), Some(name)) if level == name => {}
            _ => return false,
        }
    }
}

#[test]
fn the_reference_matches_as_the_examples_of_the_standard_do() {
    for (filter, topic) in
        [("sport/#", "sport"), ("+/+", "/finance"), ("/+", "/finance"), ("sport/+", "sport/")]
    {
        assert!(matches(filter, topic), "{filter} {topic}");
    }
    for (filter, topic) in [("+", "/finance"), ("sport/+", "sport"), ("sport/tennis/#", "sport"), ("a", "a/")]
    {
        assert!(!matches(filter, topic), "{filter} {topic}");
    }
    assert_eq!(share("$share/g/+/b"), Some(("g", "+/b")));
}
