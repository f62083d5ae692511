//! The configuration file: TOML with the names of [`Config`]'s fields.
//!
//! The structs here repeat those of the configuration field by field. The compiler refuses them when they differ,
//! so a new setting is in the file as well, and the names are the same by construction.

mod auth;
mod evidence;
mod listener;
mod wording;

use std::fmt;
use std::fs;
use std::io;
use std::num::NonZeroU16;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use mqtt_session::{Overflow, QueueLimits, ServerConfig};
use serde::de::{self, Deserialize, Deserializer, Unexpected, Visitor};
use thiserror::Error;

use super::quantity::{self, QuantityError};
use super::{
    AclSettings, AuthSettings, Config, Limits, Listener, LobbyLimits, TcpSettings, TlsSettings, TlsVersion,
};
use auth::AuthTable;
use lobby::LobbyTable;

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

/// The line of a byte, counted from 1.
pub(super) fn line_of(text: &str, byte: usize) -> usize {
    1 + text.bytes().take(byte).filter(|&byte| byte == b'\n').count()
}

impl SyntaxError {
    pub(super) fn new(text: &str, error: &toml::de::Error) -> Self {
        let line = line_of(text, error.span().map_or(0, |span| span.start));
        Self { line, message: wording::plain(&error.message().trim().replace('\n', ", ")) }
    }
}

/// What is wrong with the text of a configuration.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("line {line}: {message}")]
#[non_exhaustive]
pub struct SyntaxError {
    /// The line, counted from 1.
    pub line: usize,
    /// What it should be.
    pub message: String,
}

/// Why a file is no configuration.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FileError {
    /// The file is something else than text.
    #[error("{} is no text in UTF-8: save it in that encoding", path.display())]
    Encoding {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be read.
    #[error("cannot read the configuration {}: {error}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// The file can be read, but not understood.
    #[error("{}, {error}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// What is wrong in it.
        error: SyntaxError,
    },
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
    #[serde(with = "LimitsTable")]
    limits: Limits,
    #[serde(with = "LobbyTable")]
    lobby: LobbyLimits,
    #[serde(with = "SessionTable")]
    session: ServerConfig,
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
    subscriptions: usize,
    retained_messages: usize,
    #[serde(deserialize_with = "size")]
    retained_bytes: usize,
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
    #[serde(deserialize_with = "overflow")]
    overflow: Overflow,
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
        other => Err(de::Error::unknown_variant(other, &["drop-newest", "drop-oldest"])),
    }
}

fn size<'de, D: Deserializer<'de>, T: TryFrom<u64>>(input: D) -> Result<T, D::Error> {
    let bytes = match Scalar::deserialize(input)? {
        Scalar::Number(number) => number,
        Scalar::Text(text) => quantity::size(&text).map_err(de::Error::custom)?,
    };
    T::try_from(bytes).map_err(|_| de::Error::custom(format_args!("{bytes} bytes are more than fit here")))
}

fn duration<'de, D: Deserializer<'de>>(input: D) -> Result<Duration, D::Error> {
    Scalar::deserialize(input)?.duration().map_err(de::Error::custom)
}

fn interval<'de, D: Deserializer<'de>>(input: D) -> Result<Duration, D::Error> {
    let scalar = Scalar::deserialize(input)?;
    if scalar.is("off") { Ok(Duration::ZERO) } else { scalar.duration().map_err(|error| or("off", &error)) }
}

/// Seconds of a Session Expiry Interval, whose largest value means never.
fn expiry<'de, D: Deserializer<'de>>(input: D) -> Result<u32, D::Error> {
    let scalar = Scalar::deserialize(input)?;
    if scalar.is("never") {
        return Ok(u32::MAX);
    }
    let seconds = scalar.seconds().map_err(|error| or("never", &error))?;
    let valid = u32::try_from(seconds).ok().filter(|&seconds| seconds < u32::MAX);
    valid.ok_or_else(|| de::Error::custom("the longest session expiry is 49710d; write \"never\" for none"))
}

fn keep_alive<'de, D: Deserializer<'de>>(input: D) -> Result<Option<NonZeroU16>, D::Error> {
    let scalar = Scalar::deserialize(input)?;
    if scalar.is("none") {
        return Ok(None);
    }
    let seconds = scalar.seconds().map_err(|error| or("none", &error))?;
    let valid = u16::try_from(seconds).ok().and_then(NonZeroU16::new);
    valid.map(Some).ok_or_else(|| {
        de::Error::custom("a keep alive lies between 1s and 65535s; write \"none\" for no maximum")
    })
}

/// A quantity that cannot be read, where a word may stand for it as well.
fn or<E: de::Error>(word: &str, error: &QuantityError) -> E {
    E::custom(format_args!("{error}, or {word:?}"))
}

/// A quantity before its kind is known: people write numbers and numbers with units.
enum Scalar {
    Number(u64),
    Text(String),
}

impl Scalar {
    fn is(&self, word: &str) -> bool {
        matches!(self, Self::Text(text) if text == word)
    }

    fn duration(&self) -> Result<Duration, QuantityError> {
        match self {
            Self::Number(seconds) => Ok(Duration::from_secs(*seconds)),
            Self::Text(text) => quantity::duration(text),
        }
    }

    fn seconds(&self) -> Result<u64, QuantityError> {
        let duration = self.duration()?;
        match (self, duration.subsec_millis()) {
            (Self::Text(text), 1..) => Err(QuantityError::Seconds { text: text.clone() }),
            _ => Ok(duration.as_secs()),
        }
    }
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        input.deserialize_any(ScalarVisitor)
    }
}

struct ScalarVisitor;

impl Visitor<'_> for ScalarVisitor {
    type Value = Scalar;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number, or a text with a number and a unit")
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Scalar, E> {
        u64::try_from(number)
            .map(Scalar::Number)
            .map_err(|_| E::invalid_value(Unexpected::Signed(number), &self))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Scalar, E> {
        Ok(Scalar::Number(number))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Scalar, E> {
        Ok(Scalar::Text(text.to_owned()))
    }
}

mod lobby;
#[cfg(test)]
mod tests;
