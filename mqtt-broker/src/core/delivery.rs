//! From a topic to the clients that get the message.

use std::sync::Arc;

use mqtt_codec::{QoS, SubscriptionId};
use mqtt_session::{Delivered, DropReason, Outbound, StoredMessage, Ticket, Time};

use super::access::Rules;
use super::clients::{Client, Clients};
use super::holding::UNLIMITED;
use super::hub::Hub;
use super::journal::Journal;
use super::local::{self, Locals};
use super::mail::{Forwarded, Mail};
use super::router::{Granted, GroupId, Matched, SessionKey};
use super::shard::{ShardCore, Slot, Work, mark};
use super::stats::{Counter, Counters};
use super::turn::count_messages;
use crate::store::{Owed, SessionNumber, Waiting};

/// Who gets messages of one topic: a session with all its subscriptions that match, or one member of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    One(SessionKey, Granted),
    Many(SessionKey, Box<[Granted]>),
    Group(GroupId),
}

/// Bytes that a cached list of targets takes.
#[expect(clippy::borrowed_box, reason = "the cache weighs the values that it holds")]
pub(super) fn weigh(targets: &Box<[Target]>) -> usize {
    targets.iter().map(|target| size_of::<Target>() + overlapping(target) * size_of::<Granted>()).sum()
}

const fn overlapping(target: &Target) -> usize {
    match target {
        Target::Many(_, granted) => granted.len(),
        Target::One(..) | Target::Group(_) => 0,
    }
}

/// What a delivery needs of a shard, besides the list of targets that its cache owns.
struct Delivery<'s> {
    shard: u16,
    hub: &'s Hub,
    rules: &'s Arc<Rules>,
    clients: &'s mut Clients,
    locals: &'s mut Locals,
    work: &'s mut Work,
    now: Time,
    from: Option<SessionKey>,
    journal: &'s mut Journal,
    /// Whether another shard has stored the message, with those who are owed it.
    forwarded: bool,
    /// The first number of the message; those of share groups follow.
    first: Ticket,
    delivered: usize,
}

impl ShardCore {
    /// Gives a message to everybody whose subscriptions match; how many those are, on all shards.
    pub(super) fn route(&mut self, now: Time, from: Option<SessionKey>, message: &mut Outbound<'_>) -> usize {
        let topic = message.message().topic.as_str();
        let (hub, rules, shard) = (&*self.hub, &self.rules, self.shard);
        let (clients, locals, work) = (&mut self.clients, &mut self.locals, &mut self.work);
        let journal = &mut self.journal;
        let mut delivery = Delivery {
            shard,
            hub,
            rules,
            clients,
            locals,
            work,
            now,
            from,
            journal,
            forwarded: false,
            first: message.ticket,
            delivered: 0,
        };
        match self.cache.get(topic, hub.generations()) {
            Some(targets) => delivery.deliver_all(message, targets),
            None => {
                // the stamp comes first: a change in between makes the entry stale, not wrong
                let stamp = hub.generations().stamp(topic);
                let targets = collect(hub, topic);
                delivery.deliver_all(message, &targets);
                self.cache.insert(topic, stamp, targets);
            }
        }
        delivery.delivered
    }

    /// A message that another shard has routed to sessions of this one.
    pub(super) fn handle_forwarded(&mut self, now: Time, forwarded: &Forwarded) {
        let mut scratch = std::mem::take(&mut self.work.scratch);
        let Forwarded { message, qos, retain, expires, ticket, from, targets } = forwarded;
        let mut outbound = Outbound::kept(message, *qos, *retain, *expires, &mut scratch);
        outbound.ticket = *ticket;
        let (hub, rules, shard) = (&*self.hub, &self.rules, self.shard);
        let (clients, locals, work) = (&mut self.clients, &mut self.locals, &mut self.work);
        let from = *from;
        let journal = &mut self.journal;
        let mut delivery = Delivery {
            shard,
            hub,
            rules,
            clients,
            locals,
            work,
            now,
            from,
            journal,
            forwarded: true,
            first: *ticket,
            delivered: 0,
        };
        for same in targets.chunk_by(|(one, _), (other, _)| one == other) {
            if let Some((key, _)) = same.first() {
                delivery.deliver_local(&mut outbound, *key, same.iter().map(|(_, granted)| granted));
            }
        }
        self.work.scratch = scratch;
    }
}

/// The targets of a topic: each session once, with all its matching subscriptions.
fn collect(hub: &Hub, topic: &str) -> Box<[Target]> {
    let mut sessions = Vec::new();
    let mut targets = Vec::new();
    hub.subscriptions().matches(topic, |matched| match matched {
        Matched::Session(key, granted) => sessions.push((key, granted)),
        Matched::Group(id) => targets.push(Target::Group(id)),
    });
    sessions.sort_by_key(|(key, _)| *key);
    for same in sessions.chunk_by(|(one, _), (other, _)| one == other) {
        match same {
            [(key, granted)] => targets.push(Target::One(*key, *granted)),
            [(key, _), ..] => {
                targets.push(Target::Many(*key, same.iter().map(|(_, granted)| *granted).collect()))
            }
            [] => {}
        }
    }
    targets.into()
}

/// What the matching subscriptions of one session say together.
struct Combined {
    /// [MQTT-3.3.4-2] the highest of those that match
    qos: QoS,
    retain_as_published: bool,
    /// An empty list has no allocation, and most subscriptions have no identifier.
    ids: Vec<SubscriptionId>,
}

impl Combined {
    /// `None` if all of them leave out messages of the session's `own`. [MQTT-3.8.3-3]
    fn of<'o>(granted: impl Iterator<Item = &'o Granted>, own: bool) -> Option<Self> {
        let mut combined: Option<Self> = None;
        for granted in granted.filter(|granted| !(own && granted.no_local)) {
            let combined = combined.get_or_insert(Self {
                qos: QoS::AtMostOnce,
                retain_as_published: false,
                ids: Vec::new(),
            });
            combined.qos = combined.qos.max(granted.qos);
            combined.retain_as_published |= granted.retain_as_published;
            combined.ids.extend(granted.subscription_id);
        }
        combined
    }

    /// [MQTT-3.3.1-12] [MQTT-3.3.1-13]
    const fn retain(&self, message: &Outbound<'_>) -> bool {
        self.retain_as_published && message.retain
    }

    fn matched(&self, message: &Outbound<'_>) -> mqtt_session::Matched<'_> {
        mqtt_session::Matched { qos: self.qos, retain: self.retain(message), subscription_ids: &self.ids }
    }

    /// The message as it waits behind stored ones.
    fn stored(&self, message: &mut Outbound<'_>, qos: QoS) -> StoredMessage {
        let mut stored = StoredMessage::new(Ticket::default(), message.share(), qos);
        stored.retain = self.retain(message);
        stored.expires = message.expires;
        stored.subscription_ids = self.ids.as_slice().into();
        stored
    }

    /// What the session is owed; nothing at QoS 0.
    fn owed(self, session: SessionNumber, message: &Outbound<'_>) -> Option<(Ticket, Owed)> {
        let (qos, retain) = (message.qos.min(self.qos), self.retain(message));
        let owed = || Owed { session, qos, retain, subscription_ids: self.ids.into() };
        (qos != QoS::AtMostOnce).then(|| (message.ticket, owed()))
    }
}

impl Delivery<'_> {
    fn deliver_all(&mut self, message: &mut Outbound<'_>, targets: &[Target]) {
        for target in targets {
            match target {
                Target::One(key, granted) => self.deliver(message, *key, std::slice::from_ref(granted)),
                Target::Many(key, granted) => self.deliver(message, *key, granted),
                Target::Group(id) => self.deliver_to_group(message, *id),
            }
        }
    }

    #[inline]
    fn deliver(&mut self, message: &mut Outbound<'_>, key: SessionKey, granted: &[Granted]) {
        self.delivered += 1;
        if key.shard == self.shard {
            self.deliver_local(message, key, granted.iter());
        } else {
            self.forward(message, key, granted);
        }
    }

    /// One member of those that may have the message gets it: a connected one if there is one, else one whose session
    /// keeps it.
    fn deliver_to_group(&mut self, message: &mut Outbound<'_>, id: GroupId) {
        let subscriptions = self.hub.subscriptions();
        let Some(group) = subscriptions.group(id) else { return };
        let hub = self.hub;
        let topic = message.message().topic.as_str();
        let chosen = group
            .next_member(|key| hub.presences.takes(key, topic))
            .or_else(|| group.next_member(|key| hub.presences.may_receive(key, topic)));
        drop(subscriptions);
        if let Some((key, granted)) = chosen {
            // a session that is reached in two ways has two messages, and each of them has its own end
            let ticket = message.ticket;
            if let Some(durable) = hub.durable().filter(|_| ticket != Ticket::default()) {
                message.ticket = durable.next_ticket();
            }
            self.deliver(message, key, &[granted]);
            message.ticket = ticket;
        }
    }

    fn deliver_local<'o>(
        &mut self,
        message: &mut Outbound<'_>,
        key: SessionKey,
        granted: impl Iterator<Item = &'o Granted>,
    ) {
        if local::is_local(key) {
            return self.locals.deliver(key, message);
        }
        let Some(client) = self.clients.get_key(key) else { return };
        client.follow(self.rules, self.hub);
        let owed = client.owed_as().filter(|_| message.ticket != Ticket::default());
        let combined = Combined::of(granted, self.from == Some(key));
        let counters = self.hub.counters(self.shard);
        let kept = if client.is_withheld(self.hub, message.message()) {
            counters.add(Counter::PublishWithheld, 1);
            false
        } else if let Some(combined) = &combined {
            // nothing is owed at QoS 0
            let qos = message.qos.min(combined.qos);
            match owed.filter(|_| qos != QoS::AtMostOnce) {
                Some(session) if client.waits_in_store() => {
                    let waiting = waiting(message);
                    let (first, owed, journal) = (self.first, &mut self.work.owed, &mut self.journal);
                    let dirty = &mut self.work.dirty;
                    leave_in_store(client, waiting, counters, dirty, |oldest| {
                        // the store has not heard of those that came with this message
                        let is_it =
                            |(ticket, owed): &(Ticket, Owed)| *ticket == oldest && owed.session == session;
                        let index = if oldest >= first { owed.iter().position(is_it) } else { None };
                        match index {
                            Some(index) => drop(owed.swap_remove(index)),
                            None => journal.settle(session, oldest),
                        }
                    })
                }
                None if client.waits_behind_store(qos) => {
                    let waiting = combined.stored(message, qos);
                    let kept = client.wait_behind_store(waiting);
                    count_drop(kept, counters)
                }
                _ => {
                    let matched = combined.matched(message);
                    deliver_to_session(self.now, client, self.work, counters, message, &matched)
                }
            }
        } else {
            false
        };
        match (owed, combined) {
            (Some(session), _) if self.forwarded && !kept => self.journal.settle(session, message.ticket),
            (Some(session), Some(combined)) if kept && !self.forwarded => {
                self.work.owed.extend(combined.owed(session, message));
            }
            _ => {}
        }
    }

    /// Leaves the message for another shard, together with others that it gets this turn.
    fn forward(&mut self, message: &mut Outbound<'_>, key: SessionKey, granted: &[Granted]) {
        if message.ticket != Ticket::default()
            && let Some(session) = self.hub.presences.owed(key)
        {
            let combined = Combined::of(granted.iter(), self.from == Some(key));
            self.work.owed.extend(combined.and_then(|combined| combined.owed(session, message)));
        }
        let Some(outbox) = self.work.outboxes.get_mut(usize::from(key.shard)) else { return };
        let shared = message.share();
        let targets = granted.iter().map(|granted| (key, *granted));
        // a session that is reached in two ways, by itself and as a member of a group, gets two messages
        if let Some(Mail::Deliver(last)) = outbox.last_mut()
            && Arc::ptr_eq(&last.message, &shared)
            && last.ticket == message.ticket
            && last.targets.last().is_none_or(|(last, _)| *last != key)
        {
            last.targets.extend(targets);
            return;
        }
        outbox.push(Mail::Deliver(Box::new(Forwarded {
            message: shared,
            qos: message.qos,
            retain: message.retain,
            expires: message.expires,
            ticket: message.ticket,
            from: self.from,
            targets: targets.collect(),
        })));
    }
}

/// Gives the message to the session, and through it to the client if that can take it now. Whether it was taken.
fn deliver_to_session(
    now: Time,
    client: &mut Client,
    work: &mut Work,
    counters: &Counters,
    message: &mut Outbound<'_>,
    matched: &mqtt_session::Matched<'_>,
) -> bool {
    let ceiling = (work.share != UNLIMITED).then(|| client.ceiling(work.share));
    let output = client.link.as_deref_mut().map(|link| {
        work.prepare(&mut link.output);
        &mut link.output
    });
    let delivered = match ceiling {
        None => client.session.deliver(now, message, matched, output),
        Some(ceiling) => client.session.deliver_within(ceiling, now, message, matched, output),
    };
    if ceiling.is_some() && delivered == Delivered::Dropped(DropReason::QueueFull) {
        counters.add(Counter::DroppedBudget, 1);
    }
    if client.link.is_some() {
        mark(client, &mut work.dirty);
    } else {
        count_messages(client, counters);
    }
    !matches!(delivered, Delivered::Dropped(_))
}

/// Leaves the message in the store for a session that cannot take it now. Whether it was taken; `dropped` hears of older
/// ones that made room.
fn leave_in_store(
    client: &mut Client,
    waiting: Waiting,
    counters: &Counters,
    dirty: &mut Vec<Slot>,
    mut dropped: impl FnMut(Ticket),
) -> bool {
    let kept = client.wait_in_store(waiting, |oldest| {
        count_drop(Err(DropReason::QueueFull), counters);
        dropped(oldest);
    });
    if client.session.close_reason().is_some() {
        mark(client, dirty);
    }
    count_drop(kept, counters)
}

/// Counts a message that was not kept; whether it was.
fn count_drop(kept: Result<(), DropReason>, counters: &Counters) -> bool {
    if let Err(reason) = kept {
        counters.add(Counter::PublishDropped, 1);
        if let Some(counter) = Counter::of_drop(reason) {
            counters.add(counter, 1);
        }
    }
    kept.is_ok()
}

/// The message as a session has it that leaves it in the store.
fn waiting(message: &mut Outbound<'_>) -> Waiting {
    let bytes = u32::try_from(message.share().bytes()).unwrap_or(u32::MAX);
    Waiting { ticket: message.ticket, bytes }
}
