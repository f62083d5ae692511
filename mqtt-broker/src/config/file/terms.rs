//! What a listener's table says of its clients.

use std::num::NonZeroU16;

use mqtt_codec::{QoS, RetainHandling};
use mqtt_session::Overflow;
use serde::de::{self, Deserialize, Deserializer};

use super::lobby::some_size;
use super::overflow;
use crate::config::{AutoSubscription, MountPoint, QueueChanges, Rewrite};

#[derive(serde::Deserialize)]
#[serde(remote = "QueueChanges", default = "QueueChanges::default", deny_unknown_fields)]
pub(super) struct QueueChangesTable {
    messages: Option<usize>,
    #[serde(deserialize_with = "some_size")]
    bytes: Option<usize>,
    window: Option<NonZeroU16>,
    #[serde(deserialize_with = "some_overflow")]
    overflow: Option<Overflow>,
}

fn some_overflow<'de, D: Deserializer<'de>>(input: D) -> Result<Option<Overflow>, D::Error> {
    overflow(input).map(Some)
}

pub(super) fn mount_point<'de, D: Deserializer<'de>>(input: D) -> Result<Option<MountPoint>, D::Error> {
    String::deserialize(input)?.parse().map(Some).map_err(de::Error::custom)
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct RewriteTable {
    from: String,
    to: String,
}

pub(super) fn rewrites<'de, D: Deserializer<'de>>(input: D) -> Result<Vec<Rewrite>, D::Error> {
    let tables = Vec::<RewriteTable>::deserialize(input)?;
    tables.iter().map(|table| Rewrite::new(&table.from, &table.to).map_err(de::Error::custom)).collect()
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct SubscribeTable {
    filter: String,
    #[serde(default)]
    qos: u8,
    #[serde(default)]
    no_local: bool,
    #[serde(default)]
    retain_as_published: bool,
    #[serde(default = "retained")]
    retained: bool,
}

const fn retained() -> bool {
    true
}

pub(super) fn subscriptions<'de, D: Deserializer<'de>>(input: D) -> Result<Vec<AutoSubscription>, D::Error> {
    Vec::<SubscribeTable>::deserialize(input)?.into_iter().map(subscription).collect()
}

fn subscription<E: de::Error>(table: SubscribeTable) -> Result<AutoSubscription, E> {
    let qos = QoS::ALL.into_iter().find(|qos| *qos as u8 == table.qos);
    let qos = qos.ok_or_else(|| E::custom("qos is 0, 1 or 2"))?;
    let mut subscription = AutoSubscription::new(&table.filter, qos).map_err(E::custom)?;
    subscription.options.no_local = table.no_local;
    subscription.options.retain_as_published = table.retain_as_published;
    if table.no_local && table.filter.starts_with("$share/") {
        return Err(E::custom("a shared subscription cannot have no_local [MQTT-3.8.3-4]"));
    }
    if !table.retained {
        subscription.options.retain_handling = RetainHandling::Never;
    }
    Ok(subscription)
}
