//! The `$SYS` topics: the broker's own account of itself, published by shard 0.

use std::sync::Arc;
use std::time::Duration;

use mqtt_codec::{Message, QoS, Topic};
use mqtt_session::Time;

use super::shard::ShardCore;
use super::stats::Counter;

/// When the topics are published next, and what never changes.
pub(super) struct Sys {
    interval: Duration,
    next: Option<Time>,
}

impl Sys {
    pub(super) fn new(shard: u16, interval: Duration) -> Self {
        let next = (shard == 0 && !interval.is_zero()).then_some(Time::ZERO);
        Self { interval, next }
    }

    pub(super) const fn next(&self) -> Option<Time> {
        self.next
    }
}

impl ShardCore {
    /// Publishes the `$SYS` topics if they are due.
    pub(super) fn publish_sys(&mut self, now: Time) {
        if self.sys.next.is_none_or(|next| next > now) {
            return;
        }
        self.sys.next = Some(now.after(self.sys.interval));
        let connected = self.hub.connected();
        let sessions = self.hub.sessions();
        let (subscriptions, shared) = {
            let subscriptions = self.hub.subscriptions();
            (subscriptions.subscriptions() as u64, subscriptions.shared_subscriptions() as u64)
        };
        let (retained, retained_bytes) = {
            let retained = self.hub.retained();
            (retained.len() as u64, retained.bytes() as u64)
        };
        let (delayed, delayed_bytes) = self.hub.delayed();
        let (half_open, addresses) = {
            let strangers = self.hub.strangers();
            (strangers.half_open() as u64, strangers.addresses() as u64)
        };
        self.publish_sys_topic(now, "version", concat!("mqtt-broker ", env!("CARGO_PKG_VERSION")).to_owned());
        self.publish_sys_topic(now, "uptime", format!("{} seconds", now.since(Time::ZERO).as_secs()));
        let gauges = [
            ("clients/connected", connected),
            ("clients/disconnected", sessions.saturating_sub(connected)),
            ("clients/maximum", self.hub.maximum()),
            ("clients/total", sessions),
            ("sessions/bytes", self.hub.held_bytes()),
            ("delayed/count", delayed as u64),
            ("delayed/bytes", delayed_bytes as u64),
            ("lobby/half open", half_open),
            ("lobby/addresses", addresses),
            ("lobby/bytes", self.hub.lobby_bytes().used() as u64),
            ("subscriptions/count", subscriptions),
            ("shared_subscriptions/count", shared),
            ("retained messages/count", retained),
            ("retained messages/bytes", retained_bytes),
        ];
        for (name, value) in gauges {
            self.publish_sys_topic(now, name, value.to_string());
        }
        for counter in Counter::ALL {
            let total = self.hub.total(*counter);
            self.publish_sys_topic(now, counter.name(), total.to_string());
        }
    }

    fn publish_sys_topic(&mut self, now: Time, name: &str, value: String) {
        let Ok(topic) = Topic::new(&format!("$SYS/broker/{name}")) else { return };
        let message = Arc::new(Message::new(topic, value));
        self.publish_kept(now, None, &message, QoS::AtMostOnce, true, None);
    }
}
