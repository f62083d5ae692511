//! The retained message of a topic is set, replaced or removed.

use mqtt_session::{Outbound, Time};

use super::hub::RetainedMessage;
use super::publish::is_sys;
use super::shard::ShardCore;
use super::stats::Counter;

impl ShardCore {
    /// [MQTT-3.3.1-5], or with an empty payload [MQTT-3.3.1-6].
    pub(super) fn retain(&self, now: Time, message: &mut Outbound<'_>, stores: bool) {
        let topic = message.message().topic.as_str();
        if message.message().payload.is_empty() {
            let mut retained = self.hub.change_retained();
            if let Some(removed) = retained.remove(topic) {
                self.hub.store_retained(self.shard, now, &removed.message.topic, None);
            }
            return;
        }
        let limits = &self.config.limits;
        let (qos, expires) = (message.qos, message.expires);
        let kept = RetainedMessage::new(message.share(), qos, expires, now, limits.retained_expiry);
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
            self.hub.note_expiry(kept.until);
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
}
