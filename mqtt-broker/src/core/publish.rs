//! A message comes in: from a client, a Will, another shard or the embedding program.

use std::sync::Arc;

use mqtt_codec::{Delivery, Message, MessageRef, Publish, PublishRef, QoS, ReasonCode, Seconds, Topic, Will};
use mqtt_session::{Outbound, Receipt, Time};

use super::access::Action;
use super::delayed;
use super::hooks::{self, Incoming};
use super::router::SessionKey;
use super::shard::{ShardCore, Slot};
use super::stats::Counter;

/// What became of a message.
#[derive(Clone, Copy, Debug)]
struct Published {
    /// To how many sessions it went, on all shards.
    matched: usize,
    /// Whether the store was told of it.
    stored: bool,
}

/// A PUBLISH that a client may send.
struct Admitted {
    /// Its topic, if that is not the one in the packet.
    topic: Option<Topic>,
    /// The seconds after which it is to be published.
    delay: Option<u32>,
    /// What is published in its place.
    message: Option<Message>,
}

/// What the publisher is told.
struct Accepted {
    reason: ReasonCode,
    /// Whether the store was told of the message.
    stored: bool,
}

/// Whether the broker itself publishes there.
pub(super) fn is_sys(topic: &str) -> bool {
    topic.starts_with("$SYS/") || topic == "$SYS"
}

/// The packet with another topic.
fn with_topic<'a>(publish: &PublishRef<'a>, topic: &'a Topic) -> PublishRef<'a> {
    PublishRef { message: MessageRef { topic: topic.view(), ..publish.message }, ..*publish }
}

impl ShardCore {
    /// A PUBLISH of a client: refused, or retained and routed, then acknowledged.
    pub(super) fn handle_publish(
        &mut self,
        now: Time,
        slot: Slot,
        key: SessionKey,
        publish: &PublishRef<'_>,
        receipt: Option<Receipt>,
    ) {
        self.counters().add(Counter::PublishReceived, 1);
        let mut wait = None;
        let reason = match self.admit(slot, publish) {
            Err(reason) => {
                self.counters().add(Counter::PublishRefused, 1);
                if reason == ReasonCode::NotAuthorized && self.ends_refused(slot) {
                    return;
                }
                reason
            }
            Ok(admitted) => {
                let publish = &match (&admitted.message, &admitted.topic) {
                    (Some(message), _) => PublishRef { message: message.view(), ..*publish },
                    (None, Some(topic)) => with_topic(publish, topic),
                    (None, None) => *publish,
                };
                let published = self.publish_packet(now, slot, key, publish, admitted.delay);
                if published.reason.is_error() {
                    self.counters().add(Counter::PublishRefused, 1);
                }
                if receipt.is_some() && published.stored {
                    wait = self.wait_for_store(now, slot);
                }
                published.reason
            }
        };
        if let Some(receipt) = receipt
            && let Some(client) = self.clients.get(slot)
        {
            client.session.acknowledge(receipt, reason, wait);
            // the identifier of QoS 2 is stored with the message or not at all
            self.store_effects(now, slot);
        }
        self.relieve();
    }

    /// What becomes of a PUBLISH before anybody gets it: its topic as the broker has it, and whether it is for later.
    fn admit(&mut self, slot: Slot, publish: &PublishRef<'_>) -> Result<Admitted, ReasonCode> {
        let topic = publish.message.topic.as_str();
        let (delay, topic) = match delayed::split(topic) {
            Some(split) => split.map(|(seconds, topic)| (Some(seconds), topic))?,
            None => (None, topic),
        };
        let link = self.clients.get(slot).and_then(|client| client.link.as_deref());
        let named = match link.and_then(|link| link.names.as_deref()) {
            Some(names) => Some(names.topic(topic).ok_or(ReasonCode::TopicNameInvalid)?),
            None if delay.is_some() => Some(Topic::new(topic).map_err(|_| ReasonCode::TopicNameInvalid)?),
            None => None,
        };
        let topic = named.as_ref().map_or(topic, |topic| topic.as_str());
        if let Some(reason) = self.refusal(slot, topic, publish.retain) {
            return Err(reason);
        }
        let message = match &named {
            Some(topic) => self.ask_hooks(slot, &with_topic(publish, topic))?,
            None => self.ask_hooks(slot, publish)?,
        };
        Ok(Admitted { topic: named, delay, message })
    }

    /// What the program makes of a PUBLISH that is allowed: another message, if it wants one.
    fn ask_hooks(&mut self, slot: Slot, publish: &PublishRef<'_>) -> Result<Option<Message>, ReasonCode> {
        let Some(hooks) = self.hub.hooks() else { return Ok(None) };
        let Some(client) = self.clients.get(slot) else { return Ok(None) };
        let (client, topic) = (client.hooked(), publish.message.topic.as_str());
        let may = |action| hooks.authorize(&client, action, topic);
        if !may(Action::Publish) || (publish.retain && !may(Action::Retain)) {
            return Err(ReasonCode::NotAuthorized);
        }
        match hooks.publish(&client, publish) {
            Incoming::Take => Ok(None),
            Incoming::Replace(message) => Ok(Some(message)),
            Incoming::Refuse(reason) => Err(hooks::error(reason)),
        }
    }

    /// Publishes what a client may publish, now or later.
    fn publish_packet(
        &mut self,
        now: Time,
        slot: Slot,
        key: SessionKey,
        publish: &PublishRef<'_>,
        delay: Option<u32>,
    ) -> Accepted {
        let expires = publish.expiry.map(|seconds| now.after_secs(seconds.0));
        let mut scratch = std::mem::take(&mut self.work.scratch);
        let mut outbound = Outbound::new(publish, expires, &mut scratch);
        let link = self.clients.get(slot).and_then(|client| client.link.as_deref());
        let stores = link.is_none_or(|link| link.stores);
        if let Some(seconds) = delay {
            let kept = self.delay(now, Some(key), seconds, &mut outbound, stores);
            self.work.scratch = scratch;
            return Accepted {
                reason: kept.err().unwrap_or(ReasonCode::Success),
                stored: stores && kept.is_ok(),
            };
        }
        let published = self.publish(now, Some(key), &mut outbound, stores);
        self.work.scratch = scratch;
        if published.matched == 0 {
            self.counters().add(Counter::PublishUnmatched, 1);
        }
        let reason =
            if published.matched > 0 { ReasonCode::Success } else { ReasonCode::NoMatchingSubscribers };
        Accepted { reason, stored: published.stored }
    }

    /// Why a client may not publish this.
    fn refusal(&mut self, slot: Slot, topic: &str, retain: bool) -> Option<ReasonCode> {
        if let Some(reason) = self.bad_topic(topic) {
            return Some(reason);
        }
        let client = self.clients.get(slot)?;
        let access = client.access.as_deref()?;
        let ruling = access.may_publish(topic, retain);
        if ruling.allowed {
            return None;
        }
        let action = if retain { Action::Retain } else { Action::Publish };
        let who = (client.id.as_str(), client.user.as_ref());
        self.work.note_not_authorized(who, action, topic, || access.rules().citation(ruling.rule));
        self.counters().add(Counter::PublishNotAuthorized, 1);
        Some(ReasonCode::NotAuthorized)
    }

    /// Why no client may publish to this topic.
    fn bad_topic(&self, topic: &str) -> Option<ReasonCode> {
        if is_sys(topic) {
            return Some(ReasonCode::NotAuthorized);
        }
        if delayed::split(topic).is_some() {
            // a Will, or what a rule made of another topic
            return Some(ReasonCode::TopicNameInvalid);
        }
        if topic.len() > self.config.limits.topic_length {
            return Some(ReasonCode::TopicNameInvalid);
        }
        let levels = topic.bytes().filter(|byte| *byte == b'/').count() + 1;
        (levels > self.config.limits.topic_levels).then_some(ReasonCode::TopicNameInvalid)
    }

    /// Sets the retained message first, then routes: who subscribes in between gets the message either way.
    ///
    /// A message that the store is not to keep has no number, and so nobody is owed it.
    fn publish(
        &mut self,
        now: Time,
        from: Option<SessionKey>,
        message: &mut Outbound<'_>,
        stores: bool,
    ) -> Published {
        if message.retain {
            self.retain(now, message, stores);
        }
        if let Some(durable) = self.hub.durable().filter(|_| stores && message.qos != QoS::AtMostOnce) {
            message.ticket = durable.next_ticket();
        }
        let matched = self.route(now, from, message);
        let stored = self.store_message(now, message) || (stores && message.retain);
        Published { matched, stored }
    }

    /// A Will that is due. Its expiry counts from now.
    pub(super) fn publish_will(&mut self, now: Time, from: SessionKey, will: &Will) {
        if self.refusal(Slot(from.slot), will.message.topic.as_str(), will.retain).is_some() {
            return self.counters().add(Counter::PublishRefused, 1);
        }
        let packet = Publish::new(Arc::clone(&will.message), Delivery::AtMostOnce);
        let packet = Publish { retain: will.retain, expiry: will.expiry, ..packet };
        match self.ask_hooks(Slot(from.slot), &packet.view()) {
            Ok(None) => {}
            Ok(Some(message)) => {
                let message = Arc::new(message);
                return self.publish_kept(now, Some(from), &message, will.qos, will.retain, will.expiry);
            }
            Err(_) => return self.counters().add(Counter::PublishRefused, 1),
        }
        self.publish_kept(now, Some(from), &will.message, will.qos, will.retain, will.expiry);
    }

    /// A message that is not a client's packet.
    pub(super) fn publish_kept(
        &mut self,
        now: Time,
        from: Option<SessionKey>,
        message: &Arc<Message>,
        qos: QoS,
        retain: bool,
        expiry: Option<Seconds>,
    ) {
        let expires = expiry.map(|seconds| now.after_secs(seconds.0));
        self.publish_until(now, from, message, qos, retain, expires);
    }

    /// A message of the embedding program, which may publish where clients may not.
    pub(super) fn publish_for_program(
        &mut self,
        now: Time,
        message: &Arc<Message>,
        qos: QoS,
        retain: bool,
        expiry: Option<Seconds>,
    ) {
        let split = delayed::split(message.topic.as_str());
        let delay =
            split.and_then(Result::ok).and_then(|(seconds, topic)| Some((seconds, Topic::new(topic).ok()?)));
        let Some((seconds, topic)) = delay else {
            return self.publish_kept(now, None, message, qos, retain, expiry);
        };
        let message = Arc::new(Message { topic, ..Message::clone(message) });
        let expires = expiry.map(|seconds| now.after_secs(seconds.0));
        let mut scratch = std::mem::take(&mut self.work.scratch);
        let mut outbound = Outbound::kept(&message, qos, retain, expires, &mut scratch);
        // one that is refused is counted
        let _ = self.delay(now, None, seconds, &mut outbound, true);
        self.work.scratch = scratch;
    }

    /// The same with the time when it expires.
    pub(super) fn publish_until(
        &mut self,
        now: Time,
        from: Option<SessionKey>,
        message: &Arc<Message>,
        qos: QoS,
        retain: bool,
        expires: Option<Time>,
    ) {
        let mut scratch = std::mem::take(&mut self.work.scratch);
        let mut outbound = Outbound::kept(message, qos, retain, expires, &mut scratch);
        self.publish(now, from, &mut outbound, true);
        self.work.scratch = scratch;
        self.relieve();
    }
}
