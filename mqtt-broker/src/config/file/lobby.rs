//! The table `[lobby]`, and the part of it that a listener may have.

use std::time::Duration;

use serde::de::{self, Deserialize, Deserializer};

use super::scalar::{duration, size};
use crate::config::{LobbyLimits, Network, StageLimits};

#[derive(serde::Deserialize)]
#[serde(remote = "LobbyLimits", default = "LobbyLimits::default", deny_unknown_fields)]
pub(super) struct LobbyTable {
    half_open: usize,
    half_open_per_address: usize,
    #[serde(deserialize_with = "size")]
    bytes: usize,
    #[serde(deserialize_with = "duration")]
    timeout: Duration,
    #[serde(deserialize_with = "duration")]
    proxy_timeout: Duration,
    #[serde(deserialize_with = "size")]
    proxy_bytes: usize,
    #[serde(deserialize_with = "duration")]
    tls_timeout: Duration,
    #[serde(deserialize_with = "size")]
    tls_bytes: usize,
    #[serde(deserialize_with = "duration")]
    upgrade_timeout: Duration,
    #[serde(deserialize_with = "size")]
    upgrade_bytes: usize,
    #[serde(deserialize_with = "duration")]
    connect_timeout: Duration,
    #[serde(deserialize_with = "size")]
    connect_packet_size: u32,
    #[serde(deserialize_with = "duration")]
    authenticate_timeout: Duration,
    rate: u32,
    burst: u32,
    failures: u32,
    #[serde(deserialize_with = "duration")]
    failure_recovery: Duration,
    #[serde(deserialize_with = "duration")]
    delay: Duration,
    #[serde(deserialize_with = "duration")]
    delay_maximum: Duration,
    addresses: usize,
    ipv4_prefix: u8,
    ipv6_prefix: u8,
    #[serde(deserialize_with = "networks")]
    exempt: Vec<Network>,
}

#[derive(serde::Deserialize)]
#[serde(remote = "StageLimits", default = "StageLimits::default", deny_unknown_fields)]
pub(super) struct StageTable {
    #[serde(deserialize_with = "some_duration")]
    timeout: Option<Duration>,
    #[serde(deserialize_with = "some_duration")]
    proxy_timeout: Option<Duration>,
    #[serde(deserialize_with = "some_size")]
    proxy_bytes: Option<usize>,
    #[serde(deserialize_with = "some_duration")]
    tls_timeout: Option<Duration>,
    #[serde(deserialize_with = "some_size")]
    tls_bytes: Option<usize>,
    #[serde(deserialize_with = "some_duration")]
    upgrade_timeout: Option<Duration>,
    #[serde(deserialize_with = "some_size")]
    upgrade_bytes: Option<usize>,
    #[serde(deserialize_with = "some_duration")]
    connect_timeout: Option<Duration>,
    #[serde(deserialize_with = "some_size")]
    connect_packet_size: Option<u32>,
    #[serde(deserialize_with = "some_duration")]
    authenticate_timeout: Option<Duration>,
}

fn some_duration<'de, D: Deserializer<'de>>(input: D) -> Result<Option<Duration>, D::Error> {
    duration(input).map(Some)
}

pub(super) fn some_size<'de, D: Deserializer<'de>, T: TryFrom<u64>>(input: D) -> Result<Option<T>, D::Error> {
    size(input).map(Some)
}

pub(super) fn networks<'de, D: Deserializer<'de>>(input: D) -> Result<Vec<Network>, D::Error> {
    let texts = Vec::<String>::deserialize(input)?;
    texts.iter().map(|text| text.parse().map_err(de::Error::custom)).collect()
}
