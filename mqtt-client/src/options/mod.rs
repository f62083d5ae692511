//! Everything that can be chosen before connecting, with the default of each and the reason for it.

mod v5;

use std::fmt;
use std::num::NonZeroU16;
use std::time::Duration;

use bytes::Bytes;
use mqtt_codec::{Connect, Seconds, Text, Version};
use mqtt_session::{CleanStart, ClientConfig, QueueLimits};

use crate::address::Address;
use crate::authentication::Factory;
use crate::error::{ConnectionError, OptionProblem};
use crate::random;
use crate::stream::StreamLimits;
use crate::transport::TransportOptions;
use crate::will::Will;

use v5::V5Options;

/// How to connect, and what holds as long as the client lives.
///
/// ```
/// # use std::time::Duration;
/// # use mqtt_client::{CleanStart, ConnectOptions, QoS, Version, Will};
/// # fn main() -> Result<(), mqtt_client::ConnectionError> {
/// let options = ConnectOptions::new("mqtt://sensor:secret@127.0.0.1:1883")?
///     .version(Version::V5)
///     .client_id("sensor-7")
///     .clean_start(CleanStart::Never)
///     .keep_alive(Duration::from_secs(30))
///     .will(Will::new("sensor/7/state", "lost").qos(QoS::AtLeastOnce).retain(true));
/// assert!(!format!("{options:?}").contains("secret"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct ConnectOptions {
    pub(crate) address: Address,
    pub(crate) authentication: Option<Factory>,
    pub(crate) client_id: String,
    pub(crate) connect_timeout: Duration,
    pub(crate) reconnect_first: Duration,
    pub(crate) reconnect_longest: Duration,
    pub(crate) streams: StreamLimits,
    pub(crate) version: Version,
    keep_alive: Duration,
    password: Option<Vec<u8>>,
    receive_maximum: NonZeroU16,
    maximum_packet_size: u32,
    user_name: Option<String>,
    pub(crate) v5: V5Options,
    will: Option<Will>,
    queue: Option<QueueLimits>,
    pub(crate) session: ClientConfig,
    pub(crate) transport: TransportOptions,
}

/// The window towards servers of 3.x, which do not say how much they take: what their own clients keep to. Some
/// lose messages of QoS 2 beyond it.
const WINDOW_V3: NonZeroU16 = NonZeroU16::MIN.saturating_add(19);

const MAXIMUM_PACKET_SIZE: u32 = 16 << 20;

impl ConnectOptions {
    /// The defaults, towards `address`.
    ///
    /// | address | transport | default port | needs the feature |
    /// |---|---|---|---|
    /// | `mqtt://HOST:PORT`, `tcp://` | TCP | 1883 | |
    /// | `mqtts://HOST:PORT`, `tls://`, `ssl://` | TLS | 8883 | `tls` |
    /// | `ws://HOST:PORT/PATH` | WebSocket; the default path is `/mqtt` | 80 | `websocket` |
    /// | `wss://HOST:PORT/PATH` | WebSocket over TLS | 443 | `websocket` and `tls` |
    /// | `unix:///PATH` | a Unix socket | | |
    ///
    /// A user name and a password, percent-encoded, may stand before the host: `mqtt://me:secret@HOST`.
    ///
    /// # Errors
    /// What is wrong with the address, or which feature it needs.
    pub fn new(address: &str) -> Result<Self, ConnectionError> {
        let mut address: Address = address.parse()?;
        Ok(Self {
            user_name: address.user_name.take(),
            password: address.password.take(),
            address,
            authentication: None,
            client_id: random::client_id(),
            connect_timeout: Duration::from_secs(30),
            reconnect_first: Duration::from_secs(1),
            reconnect_longest: Duration::from_secs(30),
            streams: StreamLimits::default(),
            version: Version::V3_1_1,
            keep_alive: Duration::from_secs(60),
            receive_maximum: ClientConfig::default().receive_maximum,
            maximum_packet_size: MAXIMUM_PACKET_SIZE,
            v5: V5Options::default(),
            will: None,
            queue: None,
            session: ClientConfig::default(),
            transport: TransportOptions::default(),
        })
    }

    /// The server's name or IP address, instead of the one in the address.
    pub fn host(mut self, host: impl Into<String>) -> Self {
        self.address.host = host.into();
        self
    }

    /// The server's port. Default: the transport's.
    pub const fn port(mut self, port: u16) -> Self {
        self.address.port = Some(port);
        self
    }

    /// The path of a WebSocket, or of a Unix socket's file; TCP and TLS have no use for it.
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.address.path = Some(path.into());
        self
    }

    /// The protocol version. Default 3.1.1, which every server speaks.
    pub const fn version(mut self, version: Version) -> Self {
        self.version = version;
        self
    }

    /// How long the connection may be idle before the client pings. Default 60 s; zero switches it off.
    pub const fn keep_alive(mut self, keep_alive: Duration) -> Self {
        self.keep_alive = keep_alive;
        self
    }

    /// When the server is asked to forget what it knows of this client. Default: on every connection.
    ///
    /// Otherwise subscriptions, and messages of QoS 1 and 2, are kept while the client is away; give it a
    /// [`client_id`](Self::client_id) of its own then.
    pub const fn clean_start(mut self, clean_start: CleanStart) -> Self {
        self.session.clean_start = clean_start;
        self
    }

    /// The pause before the first attempt to reconnect, which doubles with each further one. Default 1 s; zero
    /// switches reconnecting off.
    ///
    /// Each pause is between half and all of its length, so that many clients do not come back at once.
    pub const fn reconnect_period(mut self, period: Duration) -> Self {
        self.reconnect_first = period;
        self
    }

    /// The longest pause before an attempt to reconnect. Default 30 s. A connection that has held for longer than
    /// this counts as good: the next pause is the first again.
    pub const fn reconnect_longest(mut self, longest: Duration) -> Self {
        self.reconnect_longest = longest;
        self
    }

    /// How long an attempt to connect may take, from name resolution to CONNACK. Default 30 s.
    pub const fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// The Client Identifier. Default: a random one. Two clients with one identifier throw each other out.
    pub fn client_id(mut self, client_id: impl Into<String>) -> Self {
        self.client_id = client_id.into();
        self
    }

    /// The User Name.
    pub fn user_name(mut self, user_name: impl Into<String>) -> Self {
        self.user_name = Some(user_name.into());
        self
    }

    /// The Password, any bytes. Without TLS everybody on the way can read it; unless the server is on this machine,
    /// that is logged as a warning.
    pub fn password(mut self, password: impl Into<Vec<u8>>) -> Self {
        self.password = Some(password.into());
        self
    }

    /// What the server publishes if the connection ends without DISCONNECT.
    pub fn will(mut self, will: Will) -> Self {
        self.will = Some(will);
        self
    }

    /// Received messages of QoS 1 and 2 that may wait for the application. Default 256.
    ///
    /// In 3.x the server does not hear of it; there the oldest is acknowledged beyond it.
    pub const fn receive_maximum(mut self, maximum: NonZeroU16) -> Self {
        self.receive_maximum = maximum;
        self
    }

    /// The largest packet in bytes that is taken. Default 16 MiB: as much as a stream keeps by default, so that one
    /// message is not above all other limits.
    ///
    /// A server of 5.0 is told and does not send a larger one. In 3.x it cannot be told: a larger packet ends the
    /// connection with [`CloseReason::Malformed`](crate::CloseReason::Malformed), which says that it is larger than the
    /// limit; if the server sends it again on the next connection, that ends too. Up to 256 MiB can be allowed.
    pub const fn maximum_packet_size(mut self, bytes: u32) -> Self {
        self.maximum_packet_size = bytes;
        self
    }

    /// Whether subscriptions are made again when the server has lost the session. Default true.
    pub const fn resubscribe(mut self, resubscribe: bool) -> Self {
        self.session.resubscribe = resubscribe;
        self
    }

    /// Limits of messages that wait to be sent, and what happens beyond.
    ///
    /// With [`Overflow::DropNewest`](crate::Overflow::DropNewest), the default, nothing is dropped: publishing waits
    /// for room. The window of messages in flight is by default 1,024 in 5.0, where servers say how much they take, and
    /// 20 before.
    pub const fn queue(mut self, limits: QueueLimits) -> Self {
        self.queue = Some(limits);
        self
    }

    /// Limits of each subscription's stream.
    pub const fn streams(mut self, limits: StreamLimits) -> Self {
        self.streams = limits;
        self
    }

    /// Whether the server is asked to keep the session.
    pub(crate) fn is_persistent(&self) -> bool {
        self.session.clean_start != CleanStart::Always
            || self.v5.session_expiry.is_some_and(|span| !span.is_zero())
    }

    /// Whether everybody on the way to the server can read what is sent.
    pub(crate) fn is_plain(&self) -> bool {
        !self.address.transport.has_tls() && (self.transport.has_proxy() || !self.address.is_local())
    }

    /// Limits of the session.
    pub(crate) fn session_config(&self) -> ClientConfig {
        let mut config = ClientConfig {
            receive_maximum: self.receive_maximum,
            maximum_packet_size: self.maximum_packet_size,
            topic_alias_maximum: self.v5.topic_alias_maximum,
            outgoing_topic_aliases: self.v5.topic_aliases,
            connect_timeout: self.connect_timeout,
            ..self.session
        };
        match self.queue {
            Some(limits) => config.queue = limits,
            None if !self.version.is_v5() => config.queue.window = WINDOW_V3,
            None => {}
        }
        config
    }

    /// The CONNECT that these options ask for.
    pub(crate) fn to_connect(&self) -> Result<Connect, ConnectionError> {
        self.transport.check()?;
        let mut connect = Connect::new(self.version, text("client_id", &self.client_id)?);
        connect.keep_alive = u16::try_from(self.keep_alive.as_secs())
            .map_err(|_| invalid("keep_alive", OptionProblem::OutOfRange))?;
        // less than a second is not nothing: zero would switch it off
        if connect.keep_alive == 0 && !self.keep_alive.is_zero() {
            connect.keep_alive = 1;
        }
        log_in(&mut connect, self.user_name.as_deref(), self.password.clone())?;
        connect.will = self.will.as_ref().map(|will| will.to_will(self.version)).transpose()?;
        if self.version.is_v5() {
            self.v5.fill_in(&mut connect, self.session.clean_start)?;
        } else if let Some(option) = self.v5.first_given() {
            return Err(invalid(option, OptionProblem::OnlyInV5));
        } else if self.authentication.is_some() {
            return Err(invalid("authentication", OptionProblem::OnlyInV5));
        } else if connect.password.is_some()
            && connect.user_name.is_none()
            && self.transport.provider.is_none()
        {
            return Err(invalid("password", OptionProblem::PasswordWithoutUserName));
        }
        Ok(connect)
    }
}

impl fmt::Debug for ConnectOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectOptions")
            .field("address", &format_args!("{}", self.address))
            .field("version", &self.version)
            .field("client_id", &self.client_id)
            .field("user_name", &self.user_name)
            .field("password", &self.password.as_ref().map(|_| "..."))
            .field("authentication", &self.authentication)
            .field("keep_alive", &self.keep_alive)
            .field("reconnect_period", &self.reconnect_first)
            .field("reconnect_longest", &self.reconnect_longest)
            .field("connect_timeout", &self.connect_timeout)
            .field("will", &self.will)
            .field("v5", &self.v5)
            .field("streams", &self.streams)
            .field("session", &self.session_config())
            .field("transport", &self.transport)
            .finish()
    }
}

impl TryFrom<&str> for ConnectOptions {
    type Error = ConnectionError;

    fn try_from(address: &str) -> Result<Self, ConnectionError> {
        Self::new(address)
    }
}

impl TryFrom<&String> for ConnectOptions {
    type Error = ConnectionError;

    fn try_from(address: &String) -> Result<Self, ConnectionError> {
        Self::new(address)
    }
}

impl TryFrom<String> for ConnectOptions {
    type Error = ConnectionError;

    fn try_from(address: String) -> Result<Self, ConnectionError> {
        Self::new(&address)
    }
}

fn text(option: &'static str, value: &str) -> Result<Text, ConnectionError> {
    Text::new(value).map_err(|error| invalid(option, error.into()))
}

/// Puts a user name and a password into a CONNECT, where they are given.
pub(crate) fn log_in(
    connect: &mut Connect,
    user_name: Option<&str>,
    password: Option<Vec<u8>>,
) -> Result<(), ConnectionError> {
    if let Some(name) = user_name {
        connect.user_name = Some(Text::new(name).map_err(|error| invalid("user_name", error.into()))?);
    }
    if password.as_ref().is_some_and(|password| password.len() > Text::MAX_LEN) {
        return Err(invalid("password", OptionProblem::OutOfRange));
    }
    if let Some(password) = password {
        connect.password = Some(Bytes::from(password));
    }
    Ok(())
}

pub(crate) const fn invalid(option: &'static str, problem: OptionProblem) -> ConnectionError {
    ConnectionError::Option { option, problem }
}

/// Whole seconds, rounded up; what does not fit is for ever.
pub(crate) fn seconds(span: Duration) -> Seconds {
    let whole = span.as_secs() + u64::from(span.subsec_nanos() > 0);
    Seconds(u32::try_from(whole).unwrap_or(u32::MAX))
}
