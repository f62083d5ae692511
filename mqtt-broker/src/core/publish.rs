//! A message comes in: from a client, a Will, another shard or the embedding program.

use std::sync::Arc;

use mqtt_codec::{Message, MessageRef, PublishRef, QoS, ReasonCode, Seconds, Topic, Will};
use mqtt_session::{Outbound, Receipt, Time};

use super::access::Action;
use super::hub::RetainedMessage;
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

/// Whether the broker itself publishes there.
fn is_sys(topic: &str) -> bool {
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
        let link = self.clients.get(slot).and_then(|client| client.link.as_deref());
        let named = link
            .and_then(|link| link.names.as_ref())
            .map(|names| names.topic(publish.message.topic.as_str()));
        let publish = &match &named {
            Some(Some(topic)) => with_topic(publish, topic),
            _ => *publish,
        };
        let refusal = match named {
            Some(None) => Some(ReasonCode::TopicNameInvalid),
            _ => self.refusal(slot, publish.message.topic.as_str(), publish.retain),
        };
        let reason = match refusal {
            Some(reason) => {
                self.counters().add(Counter::PublishRefused, 1);
                if reason == ReasonCode::NotAuthorized && self.ends_refused(slot) {
                    return;
                }
                reason
            }
            None => {
                let expires = publish.expiry.map(|seconds| now.after_secs(seconds.0));
                let mut scratch = std::mem::take(&mut self.work.scratch);
                let mut outbound = Outbound::new(publish, expires, &mut scratch);
                let link = self.clients.get(slot).and_then(|client| client.link.as_deref());
                let stores = link.is_none_or(|link| link.stores);
                let published = self.publish(now, Some(key), &mut outbound, stores);
                self.work.scratch = scratch;
                if receipt.is_some() && published.stored {
                    wait = self.wait_for_store(now, slot);
                }
                if published.matched > 0 {
                    ReasonCode::Success
                } else {
                    self.counters().add(Counter::PublishUnmatched, 1);
                    ReasonCode::NoMatchingSubscribers
                }
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

    /// [MQTT-3.3.1-5], or with an empty payload [MQTT-3.3.1-6].
    fn retain(&self, now: Time, message: &mut Outbound<'_>, stores: bool) {
        let topic = message.message().topic.as_str();
        if message.message().payload.is_empty() {
            let mut retained = self.hub.change_retained();
            if let Some(removed) = retained.remove(topic) {
                self.hub.store_retained(self.shard, now, &removed.message.topic, None);
            }
            return;
        }
        let kept = RetainedMessage { message: message.share(), qos: message.qos, expires: message.expires };
        let limits = &self.config.limits;
        let mut retained = self.hub.change_retained();
        let bytes = kept.message.bytes();
        let fits = match retained.get(topic) {
            Some(old) => retained.bytes() - old.message.bytes() + bytes <= limits.retained_bytes,
            None => {
                retained.len() < limits.retained_messages
                    && retained.bytes() + topic.len() + bytes <= limits.retained_bytes
            }
        };
        if fits {
            self.hub.note_expiry(kept.expires);
            if stores && !is_sys(topic) {
                self.hub.store_retained(self.shard, now, &kept.message.topic, Some(&kept));
            } else if !stores && retained.get(topic).is_some() {
                // what is stored is no longer true
                self.hub.store_retained(self.shard, now, &kept.message.topic, None);
            }
            retained.set(topic, kept);
        } else {
            // what it replaces is no longer true
            if let Some(removed) = retained.remove(topic) {
                self.hub.store_retained(self.shard, now, &removed.message.topic, None);
            }
            drop(retained);
            self.counters().add(Counter::RetainedRefused, 1);
        }
    }

    /// A Will that is due. Its expiry counts from now.
    pub(super) fn publish_will(&mut self, now: Time, from: SessionKey, will: &Will) {
        if self.refusal(Slot(from.slot), will.message.topic.as_str(), will.retain).is_some() {
            return self.counters().add(Counter::PublishRefused, 1);
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
        let mut scratch = std::mem::take(&mut self.work.scratch);
        let mut outbound = Outbound::kept(message, qos, retain, expires, &mut scratch);
        self.publish(now, from, &mut outbound, true);
        self.work.scratch = scratch;
        self.relieve();
    }
}
