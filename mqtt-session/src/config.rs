//! Every limit of a session, with its default and the reason for it.

use core::num::NonZeroU16;
use core::time::Duration;

use mqtt_codec::{PacketId, Rules};

/// What happens to a message that finds a queue full. What is in flight is never touched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Overflow {
    /// The message that comes last is refused: what was promised first is kept.
    #[default]
    DropNewest,
    /// The message that has waited longest makes room: for readers who want the present, not the past.
    DropOldest,
    /// Of each topic only the newest message waits, at the place of the one that it replaces, also while there is room: for
    /// readers who want values, not their history. Of more topics than there is room for, those that have waited longest
    /// go.
    LatestPerTopic,
    /// A server refuses the newest message and ends the connection, with Quota exceeded in 5.0: for readers who must miss
    /// nothing without knowing. A client refuses it as with `DropNewest`, and so does a server while the client is away.
    Disconnect,
}

/// Limits of what waits in a session to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueLimits {
    /// Messages that wait. Default 100,000: an hour of 25 messages a second.
    pub messages: usize,
    /// Bytes of messages that wait or are kept until the peer has said to have them: topics, payloads and
    /// properties. What is in flight keeps its share until PUBACK or PUBREC, and only what waits makes room.
    /// Default 64 MiB, so that few sessions cannot fill a machine.
    pub bytes: usize,
    /// Messages of QoS 1 and 2 in flight, whatever the peer allows; they no longer count among `messages`. Default
    /// 1,024: enough to fill a long fast link, few enough to resend after a cut.
    pub window: NonZeroU16,
    /// The largest Packet Identifier that is given; what finds none free waits. Default 65,535. A small one makes
    /// identifiers come round soon: for peers that keep a table of them, and for tests.
    pub packet_ids: PacketId,
    /// What happens beyond these.
    pub overflow: Overflow,
}

impl Default for QueueLimits {
    fn default() -> Self {
        Self {
            messages: 100_000,
            bytes: 64 << 20,
            window: NonZeroU16::MIN.saturating_add(1_023),
            packet_ids: PacketId::MAX,
            overflow: Overflow::DropNewest,
        }
    }
}

/// What a server's session announces in CONNACK and holds the client to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerConfig {
    /// What waits for the client.
    pub queue: QueueLimits,
    /// Receive Maximum: messages of QoS 1 and 2 that the client may have open. 3.x has no such promise: there,
    /// and for requests, the client is not read from while so many answers and `replies` wait. Default 1,024.
    pub receive_maximum: NonZeroU16,
    /// Maximum Packet Size in bytes. Default 1 MiB: larger ones delay everybody on the same thread.
    pub maximum_packet_size: u32,
    /// Topic Alias Maximum that the client may use. Default 10: memory for strangers' topics.
    pub topic_alias_maximum: u16,
    /// Topic aliases given to the client, as far as it allows. Default 0: readers with many topics gain nothing.
    pub outgoing_topic_aliases: u16,
    /// The longest Session Expiry Interval in seconds; longer ones are cut and the client is told. Default: none.
    pub session_expiry_maximum: u32,
    /// How long a 3.x session with Clean Session 0 outlives its connection. Default: for ever, as 3.x says.
    pub session_expiry_v3: u32,
    /// The longest keep alive in seconds; longer ones, and none, are replaced in 5.0. Default: as asked.
    pub keep_alive_maximum: Option<NonZeroU16>,
    /// Answers ready to leave for a client that does not read, before it is not read from either; those that
    /// the application or the store holds do not count. Default 256.
    pub replies: usize,
    /// Whether effects are stored and the outputs that depend on them held until they are. Default false.
    pub store: bool,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            queue: QueueLimits::default(),
            receive_maximum: NonZeroU16::MIN.saturating_add(1_023),
            maximum_packet_size: 1 << 20,
            topic_alias_maximum: 10,
            outgoing_topic_aliases: 0,
            session_expiry_maximum: u32::MAX,
            session_expiry_v3: u32::MAX,
            keep_alive_maximum: None,
            replies: 256,
            store: false,
        }
    }
}

/// When a client asks for a new session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CleanStart {
    /// On every connection.
    #[default]
    Always,
    /// On the first connection only; reconnecting resumes.
    First,
    /// Never: also the first connection resumes what an earlier run of the program has left.
    Never,
}

/// Limits of a client's session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientConfig {
    /// What waits for the server.
    pub queue: QueueLimits,
    /// Receive Maximum: messages of QoS 1 and 2 that the application has not taken. In 3.x, which has no such
    /// promise, the oldest is acknowledged beyond it. Default 256.
    pub receive_maximum: NonZeroU16,
    /// Maximum Packet Size in bytes. Default: the protocol's own, 256 MiB; nothing is reserved in advance.
    pub maximum_packet_size: u32,
    /// Topic Alias Maximum that the server may use. Default 32.
    pub topic_alias_maximum: u16,
    /// Topic aliases used towards the server, as far as it allows. Default 0.
    pub outgoing_topic_aliases: u16,
    /// SUBSCRIBE and UNSUBSCRIBE that wait for the server. Default 1,024.
    pub requests: usize,
    /// How long CONNACK may take. Default 30 s.
    pub connect_timeout: Duration,
    /// How long PINGRESP may take. `None`, the default, is the keep alive interval.
    pub ping_timeout: Option<Duration>,
    /// When a new session is asked for.
    pub clean_start: CleanStart,
    /// Whether subscriptions are made again when the server has no session. Default true.
    pub resubscribe: bool,
    /// Whether effects are stored and the outputs that depend on them held until they are: for a client that goes
    /// on after a crash of its own. Default false.
    pub store: bool,
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self {
            queue: QueueLimits::default(),
            receive_maximum: NonZeroU16::MIN.saturating_add(255),
            maximum_packet_size: Rules::MAX_PACKET_SIZE,
            topic_alias_maximum: 32,
            outgoing_topic_aliases: 0,
            requests: 1_024,
            connect_timeout: Duration::from_secs(30),
            ping_timeout: None,
            clean_start: CleanStart::Always,
            resubscribe: true,
            store: false,
        }
    }
}
