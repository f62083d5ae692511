//! The configuration file: TOML with the names of [`Config`]'s fields.
//!
//! The structs here repeat those of the configuration field by field. The compiler refuses them when they differ,
//! so a new setting is in the file as well, and the names are the same by construction.

mod auth;
mod environment;
mod error;
mod evidence;
mod line;
mod listener;
mod lobby;
mod scalar;
mod terms;
#[cfg(test)]
mod tests;
mod wording;

use std::fs;
use std::num::{NonZeroU16, NonZeroU32};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use mqtt_session::{Overflow, QueueLimits, ServerConfig};
use serde::de::{self, Deserialize, Deserializer};

use super::{
    AclSettings, AuthSettings, Config, Durability, Limits, Listener, LobbyLimits, StoreSettings, TcpSettings,
    TlsSettings, TlsVersion,
};
use auth::AuthTable;
pub use environment::{VARIABLE_PREFIX, VariableError};
pub(super) use error::line_of;
pub use error::{FileError, SyntaxError};
use lobby::LobbyTable;
use scalar::{duration, expiry, interval, keep_alive, rate, size, some_duration};

impl Config {
    /// Reads a file. What it does not say keeps its default; see [`Config::check`] for what it says.
    ///
    /// # Errors
    /// If the file cannot be read, or line by line what is not a setting or not a value of it.
    pub fn read(path: &Path) -> Result<Self, FileError> {
        let bytes = fs::read(path).map_err(|error| FileError::Read { path: path.to_owned(), error })?;
        let text = String::from_utf8(bytes).map_err(|_| FileError::Encoding { path: path.to_owned() })?;
        text.parse().map_err(|error| FileError::Syntax { path: path.to_owned(), error })
    }
}

impl FromStr for Config {
    type Err = SyntaxError;

    fn from_str(text: &str) -> Result<Self, SyntaxError> {
        let parsed = toml::Deserializer::parse(text).and_then(ConfigTable::deserialize);
        let mut config = parsed.map_err(|error| SyntaxError::new(text, &error))?;
        config.acl.rules.iter_mut().for_each(|rule| rule.line = line_of(text, rule.line));
        Ok(config)
    }
}

#[derive(serde::Deserialize)]
#[serde(remote = "Config", default = "Config::default", deny_unknown_fields)]
struct ConfigTable {
    #[serde(rename = "listener", deserialize_with = "listener::listeners")]
    listeners: Vec<Listener>,
    shards: NonZeroU16,
    #[serde(deserialize_with = "interval")]
    sys_interval: Duration,
    #[serde(with = "AuthTable")]
    auth: AuthSettings,
    #[serde(deserialize_with = "super::acl::settings")]
    acl: AclSettings,
    #[serde(with = "TcpTable")]
    tcp: TcpSettings,
    #[serde(with = "TlsTable")]
    tls: TlsSettings,
    trace: Vec<String>,
    #[serde(with = "LimitsTable")]
    limits: Limits,
    #[serde(with = "LobbyTable")]
    lobby: LobbyLimits,
    #[serde(with = "SessionTable")]
    session: ServerConfig,
    #[serde(with = "StoreTable")]
    store: StoreSettings,
}

#[derive(serde::Deserialize)]
#[serde(remote = "TcpSettings", default = "TcpSettings::default", deny_unknown_fields)]
struct TcpTable {
    no_delay: bool,
    #[serde(deserialize_with = "interval")]
    keep_alive: Duration,
    #[serde(deserialize_with = "duration")]
    keep_alive_interval: Duration,
    #[serde(deserialize_with = "interval")]
    user_timeout: Duration,
}

#[derive(serde::Deserialize)]
#[serde(remote = "TlsSettings", default = "TlsSettings::default", deny_unknown_fields)]
struct TlsTable {
    #[serde(deserialize_with = "tls_version")]
    minimum_version: TlsVersion,
    sessions: usize,
}

#[derive(serde::Deserialize)]
#[serde(remote = "Limits", default = "Limits::default", deny_unknown_fields)]
struct LimitsTable {
    connections: usize,
    sessions: usize,
    #[serde(deserialize_with = "size")]
    output: usize,
    #[serde(deserialize_with = "duration")]
    linger: Duration,
    #[serde(deserialize_with = "duration")]
    stall: Duration,
    topic_levels: usize,
    topic_length: usize,
    client_id_length: usize,
    #[serde(deserialize_with = "rate")]
    publish_rate: Option<NonZeroU32>,
    publish_burst: NonZeroU32,
    #[serde(deserialize_with = "size")]
    session_bytes: usize,
    subscriptions: usize,
    retained_messages: usize,
    #[serde(deserialize_with = "size")]
    retained_bytes: usize,
    #[serde(deserialize_with = "some_duration")]
    retained_expiry: Option<Duration>,
    delayed_messages: usize,
    #[serde(deserialize_with = "size")]
    delayed_bytes: usize,
    #[serde(deserialize_with = "duration")]
    delay_maximum: Duration,
    mailbox: usize,
    match_cache: usize,
}

#[derive(serde::Deserialize)]
#[serde(remote = "ServerConfig", default = "ServerConfig::default", deny_unknown_fields)]
struct SessionTable {
    #[serde(with = "QueueTable")]
    queue: QueueLimits,
    receive_maximum: NonZeroU16,
    #[serde(deserialize_with = "size")]
    maximum_packet_size: u32,
    topic_alias_maximum: u16,
    outgoing_topic_aliases: u16,
    #[serde(deserialize_with = "expiry")]
    session_expiry_maximum: u32,
    #[serde(deserialize_with = "expiry")]
    session_expiry_v3: u32,
    #[serde(deserialize_with = "keep_alive")]
    keep_alive_maximum: Option<NonZeroU16>,
    replies: usize,
    /// The broker's own decision, not the operator's.
    #[serde(skip)]
    store: bool,
}

#[derive(serde::Deserialize)]
#[serde(remote = "QueueLimits", default = "QueueLimits::default", deny_unknown_fields)]
struct QueueTable {
    messages: usize,
    #[serde(deserialize_with = "size")]
    bytes: usize,
    window: NonZeroU16,
    /// For tests, not for operators.
    #[serde(skip)]
    packet_ids: mqtt_codec::PacketId,
    #[serde(deserialize_with = "overflow")]
    overflow: Overflow,
}

#[derive(serde::Deserialize)]
#[serde(remote = "StoreSettings", default = "StoreSettings::default", deny_unknown_fields)]
struct StoreTable {
    directory: Option<PathBuf>,
    memory: bool,
    #[serde(deserialize_with = "durability")]
    durability: Durability,
    #[serde(deserialize_with = "duration")]
    delay: Duration,
    operations: usize,
    queue_operations: usize,
    #[serde(deserialize_with = "size")]
    queue_bytes: usize,
    #[serde(deserialize_with = "size")]
    cache: usize,
}

fn durability<'de, D: Deserializer<'de>>(input: D) -> Result<Durability, D::Error> {
    match String::deserialize(input)?.as_str() {
        "fsync" => Ok(Durability::Fsync),
        "os" => Ok(Durability::Os),
        other => Err(de::Error::unknown_variant(other, &["fsync", "os"])),
    }
}

fn tls_version<'de, D: Deserializer<'de>>(input: D) -> Result<TlsVersion, D::Error> {
    match String::deserialize(input)?.as_str() {
        "1.2" => Ok(TlsVersion::V1_2),
        "1.3" => Ok(TlsVersion::V1_3),
        other => Err(de::Error::unknown_variant(other, &["1.2", "1.3"])),
    }
}

fn overflow<'de, D: Deserializer<'de>>(input: D) -> Result<Overflow, D::Error> {
    match String::deserialize(input)?.as_str() {
        "drop-newest" => Ok(Overflow::DropNewest),
        "drop-oldest" => Ok(Overflow::DropOldest),
        "latest-per-topic" => Ok(Overflow::LatestPerTopic),
        "disconnect" => Ok(Overflow::Disconnect),
        other => Err(de::Error::unknown_variant(
            other,
            &["drop-newest", "drop-oldest", "latest-per-topic", "disconnect"],
        )),
    }
}
