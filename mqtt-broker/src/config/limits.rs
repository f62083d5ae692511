//! Limits of the broker as a whole.

use std::num::NonZeroU32;
use std::time::Duration;

/// Limits that hold for all clients, or for one connection whoever it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at once. Default 100,000; the limit of open files is usually lower.
    pub connections: usize,
    /// Sessions, connected or not. Default 1,000,000: many more than connections, since clients may keep theirs for
    /// ever; beyond it only clients with a session can connect.
    pub sessions: usize,
    /// Unsent bytes of one connection above which its messages wait in the session. Default 128 KiB: a few round
    /// trips of a fast link.
    pub output: usize,
    /// How long a connection that was given up may take to read its last packets. Default 1 s.
    pub linger: Duration,
    /// How long a client may take nothing of what it is sent, while something waits for it. Default 60 s: a pause of
    /// the network passes, one who reads no more does not hold its output and, unread itself, escape its keep alive.
    pub stall: Duration,
    /// Levels of a topic or filter. Default 200: far above what people use, far below what makes matching slow.
    pub topic_levels: usize,
    /// Bytes of a topic or filter. Default 65,535: as long as the protocol allows.
    pub topic_length: usize,
    /// Bytes of a client identifier. Default 65,535: as long as the protocol allows.
    pub client_id_length: usize,
    /// Messages a second that one client may publish for long. Who publishes faster is read from more slowly, and nothing is
    /// lost but time. Default: no limit.
    pub publish_rate: Option<NonZeroU32>,
    /// Messages that a client may publish at once before `publish_rate` holds it up. Default 1,000: what a device has
    /// gathered while it was away.
    pub publish_burst: NonZeroU32,
    /// Bytes of messages that all sessions together hold in memory, because they wait for their clients or for an
    /// acknowledgement; what waits in the store is not in memory. From half of it on no session may hold more than an
    /// equal part of the other half, and what comes beyond is treated as its `overflow` says. A message that several
    /// sessions hold counts for each, and each may hold 16 KiB whatever the others do. Default 1 GiB, so that the defaults suit a small machine; beside it each connection has up to
    /// `output` bytes.
    pub session_bytes: usize,
    /// Subscriptions of one session. Default 10,000.
    pub subscriptions: usize,
    /// Retained messages. Default 1,000,000.
    pub retained_messages: usize,
    /// Bytes of retained messages: topics, payloads and properties. Default 1 GiB.
    pub retained_bytes: usize,
    /// How long a message is retained at most, whatever its Message Expiry Interval, which is not changed by it. Default: as long as
    /// that says, or until another one takes its place.
    pub retained_expiry: Option<Duration>,
    /// Messages that wait for their time, published to `$delayed/SECONDS/TOPIC`. Default 100,000; 0 refuses all.
    pub delayed_messages: usize,
    /// Bytes of these: topics, payloads and properties. Default 64 MiB.
    pub delayed_bytes: usize,
    /// The longest that a message may be delayed. Default 30 days.
    pub delay_maximum: Duration,
    /// Messages on the way from one shard to another, above which the sender stops reading from its clients; each
    /// counts once more for each KiB of itself and of the list of its receivers. Default 65,536.
    pub mailbox: usize,
    /// Entries of each shard's cache of match results. Default 16,384.
    pub match_cache: usize,
}

impl Limits {
    /// Names of limits that are 0 although every client needs one of what they limit.
    pub(super) fn that_serve_nobody(&self) -> impl Iterator<Item = &'static str> {
        let needed = [("limits.connections", self.connections), ("limits.sessions", self.sessions)];
        needed.into_iter().filter(|(_, limit)| *limit == 0).map(|(name, _)| name)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 100_000,
            sessions: 1_000_000,
            output: 128 << 10,
            linger: Duration::from_secs(1),
            stall: Duration::from_secs(60),
            topic_levels: 200,
            topic_length: 65_535,
            client_id_length: 65_535,
            publish_rate: None,
            publish_burst: NonZeroU32::MIN.saturating_add(999),
            session_bytes: 1 << 30,
            subscriptions: 10_000,
            retained_messages: 1_000_000,
            retained_bytes: 1 << 30,
            retained_expiry: None,
            delayed_messages: 100_000,
            delayed_bytes: 64 << 20,
            delay_maximum: Duration::from_secs(30 * 24 * 3_600),
            mailbox: 65_536,
            match_cache: 16_384,
        }
    }
}
