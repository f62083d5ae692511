//! Why a client gets a message, or does not: a question that operators ask.

use std::fmt;

use mqtt_codec::{QoS, Text, Topic, TopicFilter};
use mqtt_session::{DropReason, Drops, Overflow, QueueLimits, Transmit};

use super::clients::Client;
use super::names::sees;
use super::router::Matched;
use super::shard::ShardCore;

/// What would become of a message for one client, and how it is with its session.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Explanation {
    /// The client.
    pub client_id: Text,
    /// Its user name, if somebody has judged it.
    pub user_name: Option<Text>,
    /// Whether it is connected.
    pub connected: bool,
    /// Its subscriptions that match, `$share` included.
    pub subscriptions: Vec<TopicFilter>,
    /// Members of each share group that matches and has this one as a member: the name of the group, and how many.
    pub groups: Vec<(String, usize)>,
    /// The QoS of the delivery: that of the message, or what was granted if that is less.
    pub qos: QoS,
    /// What would become of it.
    pub fate: Fate,
    /// How it is with the session.
    pub session: SessionState,
}

/// What would become of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fate {
    /// It is sent at once.
    Sent,
    /// It waits in the session.
    Waits(WaitsFor),
    /// It is dropped.
    Dropped(DropReason),
    /// One member of a share group gets it, which may be this one.
    Shared,
    /// The client has no subscription that matches.
    NotSubscribed,
    /// The client may not have it. The rule of permission that says so, if there is one: else no rule allows it, or the client's own
    /// evidence does not.
    NotAuthorized {
        /// The rule, as [`Rules::citation`](super::access::Rules::citation) has it.
        rule: Option<String>,
    },
    /// It is outside of the client's mount point.
    Outside,
}

/// What a message in a session waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WaitsFor {
    /// The client, to connect.
    Client,
    /// The client, to read what it was sent.
    Reader,
    /// The client, to acknowledge what is in flight.
    Acknowledgement,
    /// Messages that wait already.
    Others,
}

/// How it is with a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionState {
    /// Messages that wait in memory.
    pub queued: usize,
    /// Messages that wait in the store.
    pub stored: usize,
    /// Bytes of messages that wait in memory or for an acknowledgement.
    pub held_bytes: usize,
    /// Messages of QoS 1 and 2 that were sent and are not acknowledged.
    pub in_flight: usize,
    /// Bytes that were written and that the client has not taken.
    pub unsent: usize,
    /// The limits that hold for it.
    pub limits: QueueLimits,
    /// Messages that were dropped since the session began, by reason.
    pub drops: Drops,
}

impl ShardCore {
    /// What would become of a message for a client of this shard; `None` if it has no session.
    pub fn explain(&mut self, client_id: &str, topic: &Topic, qos: QoS) -> Option<Explanation> {
        self.follow_rules();
        let slot = self.clients.find(client_id)?;
        let client = self.clients.get(slot)?;
        client.follow(&self.rules, &self.hub);
        let (mut granted, mut groups) = (None, Vec::new());
        let subscriptions = self.hub.subscriptions();
        subscriptions.matches(topic.as_str(), |matched| match matched {
            Matched::Session(key, one) if key == client.key => {
                granted = granted.max(Some(one.qos));
            }
            Matched::Group(id) => {
                let group = subscriptions.group(id);
                let member = group
                    .and_then(|group| Some((group, group.members().find(|(key, _)| *key == client.key)?)));
                if let Some((group, (_, one))) = member {
                    granted = granted.max(Some(one.qos));
                    groups.push((group.name().to_owned(), group.len()));
                }
            }
            Matched::Session(..) => {}
        });
        drop(subscriptions);
        let qos = granted.map_or(qos, |granted| granted.min(qos));
        let matching: Vec<TopicFilter> =
            client.filters.iter().filter(|filter| matches(filter, topic)).cloned().collect();
        let only_shared = matching.iter().all(|filter| filter.as_str().starts_with("$share/"));
        let fate = if granted.is_none() {
            Fate::NotSubscribed
        } else if let Some(rule) = client.withholds(topic.as_str()) {
            Fate::NotAuthorized { rule }
        } else if !sees(client.hidden, topic.as_str()) {
            Fate::Outside
        } else if only_shared {
            Fate::Shared
        } else {
            client.fate(qos, topic.as_str().len())
        };
        Some(Explanation {
            client_id: client.id.clone(),
            user_name: client.user.as_ref().and_then(|user| user.name.clone()),
            connected: client.link.is_some(),
            subscriptions: matching,
            groups,
            qos,
            fate,
            session: client.state(),
        })
    }
}

/// Whether a subscription matches; of a Shared Subscription the filter behind the ShareName is compared.
fn matches(filter: &TopicFilter, topic: &Topic) -> bool {
    match filter.view().share() {
        Ok(Some(share)) => share.filter.matches(topic.view()),
        _ => filter.view().matches(topic.view()),
    }
}

impl Client {
    fn state(&self) -> SessionState {
        SessionState {
            queued: self.session.queued(),
            stored: self.stored_messages(),
            held_bytes: self.session.held_bytes(),
            in_flight: self.session.in_flight(),
            unsent: self.link.as_deref().map_or(0, |link| link.output.len()),
            limits: *self.session.queue_limits(),
            drops: self.session.drops(),
        }
    }

    /// What becomes of a message that the client is to have.
    fn fate(&self, qos: QoS, bytes: usize) -> Fate {
        let waits_for = match self.link.as_deref() {
            None if qos == QoS::AtMostOnce => return Fate::Dropped(DropReason::Offline),
            None => WaitsFor::Client,
            Some(_) if self.session.queued() > 0 || self.backlog.is_some() => WaitsFor::Others,
            Some(link) if !link.output.has_room() => WaitsFor::Reader,
            Some(_) if qos != QoS::AtMostOnce && self.session.is_window_full() => WaitsFor::Acknowledgement,
            Some(_) => return Fate::Sent,
        };
        let limits = self.session.queue_limits();
        let is_full = self.session.queued() + self.stored_messages() >= limits.messages
            || self.session.held_bytes() + bytes > limits.bytes;
        let makes_room = matches!(limits.overflow, Overflow::DropOldest | Overflow::LatestPerTopic);
        if is_full && !makes_room { Fate::Dropped(DropReason::QueueFull) } else { Fate::Waits(waits_for) }
    }
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sent => f.write_str("it is sent at once"),
            Self::Waits(WaitsFor::Client) => f.write_str("it waits until the client connects"),
            Self::Waits(WaitsFor::Reader) => f.write_str("it waits until the client reads what it was sent"),
            Self::Waits(WaitsFor::Acknowledgement) => {
                f.write_str("it waits until the client acknowledges what is in flight")
            }
            Self::Waits(WaitsFor::Others) => f.write_str("it waits behind messages that wait already"),
            Self::Dropped(reason) => write!(f, "it is dropped: {reason}"),
            Self::Shared => f.write_str("one member of the share group gets it, in turn"),
            Self::NotSubscribed => f.write_str("the client has no subscription that matches"),
            Self::NotAuthorized { rule: Some(rule) } => write!(f, "the client may not have it: {rule}"),
            Self::NotAuthorized { rule: None } => {
                f.write_str("the client may not have it: no rule allows it")
            }
            Self::Outside => f.write_str("it is outside of the client's mount point"),
        }
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let connected = if self.connected { "connected" } else { "away" };
        write!(f, "client {} ({connected}): {}", self.client_id, self.fate)?;
        for filter in &self.subscriptions {
            write!(f, "; subscribed to {}", filter.as_str())?;
        }
        let SessionState { queued, stored, in_flight, unsent, drops, .. } = &self.session;
        write!(
            f,
            "; {queued} messages wait in memory and {stored} in the store, {in_flight} are in flight, {unsent} bytes are unsent, {} \
             messages were dropped",
            drops.total()
        )
    }
}
