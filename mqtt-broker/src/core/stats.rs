//! Counters: what went through, and every drop, refusal and disconnect by its reason.

use std::sync::atomic::{AtomicU64, Ordering};

use mqtt_codec::ReasonCode;
use mqtt_session::{CloseReason, DropReason};

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident $text:literal,)*) => {
        /// What is counted.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        #[repr(usize)]
        pub enum Counter {
            $($(#[$doc])* $name,)*
        }

        impl Counter {
            /// All counters in their order.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The name below `$SYS/broker/`.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

counters! {
    /// Bytes read from clients.
    BytesReceived "bytes/received",
    /// Bytes written to clients.
    BytesSent "bytes/sent",
    /// Packets of any type read from clients.
    PacketsReceived "messages/received",
    /// Turns of the event loops: with nothing to do they stand still.
    Turns "turns",
    /// PUBLISH packets read from clients.
    PublishReceived "publish/messages/received",
    /// PUBLISH packets written to clients.
    PublishSent "publish/messages/sent",
    /// Messages that a session did not keep or could not send.
    PublishDropped "publish/messages/dropped",
    /// Of these, messages that expired before they could be sent.
    DroppedExpired "publish/messages/dropped/expired",
    /// Of these, messages of QoS 0 for clients that were away.
    DroppedOffline "publish/messages/dropped/offline",
    /// Of these, messages that found the queue of their session full, or made room in it.
    DroppedQueueFull "publish/messages/dropped/queue full",
    /// Of these, messages larger than their receiver takes.
    DroppedTooLarge "publish/messages/dropped/too large",
    /// Of these, messages that found `limits.session_bytes` used up, while their own session had room.
    DroppedBudget "publish/messages/dropped/queue full/all sessions",
    /// Of these, messages whose place was taken by a newer one of their topic.
    DroppedReplaced "publish/messages/dropped/replaced",
    /// Times that packets of a client had to wait because it published faster than `limits.publish_rate`.
    PublishHeldUp "publish/held up",
    /// Messages of clients that nobody was subscribed to.
    PublishUnmatched "publish/messages/unmatched",
    /// Messages to topics that clients may not publish to.
    PublishRefused "publish/messages/refused",
    /// Of these, messages that the rules of permission do not allow.
    PublishNotAuthorized "publish/messages/refused/not authorized",
    /// Delayed messages that were refused because there are too many, or their time is too far away.
    DelayedRefused "publish/messages/refused/delayed",
    /// Messages that were not sent to a client whose subscriptions they match, because it may not have them.
    PublishWithheld "publish/messages/withheld",
    /// Messages that the store has lost or found damaged when a session wanted them.
    StoredLost "store/messages/lost",
    /// Retained messages that were not kept because the store is full.
    RetainedRefused "retained messages/refused",
    /// Subscriptions that were refused.
    SubscriptionsRefused "subscriptions/refused",
    /// Of these, subscriptions of which the rules of permission allow nothing.
    SubscriptionsNotAuthorized "subscriptions/refused/not authorized",
    /// Connections that were accepted with CONNACK 0.
    ClientsConnected "clients/accepted",
    /// Connections that were refused or gave up before CONNACK 0.
    ClientsRefused "clients/refused",
    /// Of these, connections of an address that could not be remembered.
    RefusedAddresses "clients/refused/addresses",
    /// Of these, connections that would have held too much memory before CONNECT.
    RefusedBytes "clients/refused/bytes",
    /// Of these, connections for which there was no place.
    RefusedConnections "clients/refused/connections",
    /// Of these, connections of an address that had failed too often.
    RefusedDelay "clients/refused/delay",
    /// Of these, connections that found too many before CONNECT, or made room for another.
    RefusedHalfOpen "clients/refused/half open",
    /// Of these, connections that found too many of their address before CONNECT.
    RefusedHalfOpenPerAddress "clients/refused/half open per address",
    /// Of these, connections of an address that connected too often.
    RefusedRate "clients/refused/rate",
    /// Of these, connections that were late with the header of the PROXY protocol.
    LateProxy "clients/refused/late/proxy",
    /// Of these, connections that were late with the handshake of TLS.
    LateTls "clients/refused/late/tls",
    /// Of these, connections that were late with the opening handshake of WebSocket.
    LateUpgrade "clients/refused/late/upgrade",
    /// Of these, connections that were late with CONNECT.
    LateConnect "clients/refused/late/connect",
    /// Of these, connections whose CONNECT was not judged in time.
    LateAuthenticate "clients/refused/late/authenticate",
    /// Of these, connections that were late in all.
    LateInAll "clients/refused/late/in all",
    /// Of these, connections whose header of the PROXY protocol was too long.
    LongProxy "clients/refused/long/proxy",
    /// Of these, connections whose handshake of TLS was too long.
    LongTls "clients/refused/long/tls",
    /// Of these, connections whose CONNECT came in too many bytes.
    LongConnect "clients/refused/long/connect",
    /// Of these, connections whose bytes were no CONNECT.
    RefusedMalformed "clients/refused/malformed",
    /// Of these, connections whose CONNECT was refused.
    RefusedConnect "clients/refused/connect",
    /// Of these, connections with wrong or missing credentials.
    RefusedCredentials "clients/refused/credentials",
    /// Of these, connections of user names with too many wrong passwords.
    RefusedGuessing "clients/refused/guessing",
    /// Of these, connections of users who may not connect.
    RefusedNotAuthorized "clients/refused/not authorized",
    /// Of these, connections with an Authentication Method that nobody here speaks.
    RefusedMethod "clients/refused/authentication method",
    /// Of these, connections that could not be judged.
    RefusedUnavailable "clients/refused/authentication unavailable",
    /// Of these, connections with the client identifier of another user's session.
    RefusedForeignSession "clients/refused/foreign session",
    /// Of these, connections beyond the limit of their listener.
    ListenerFull "clients/refused/listener full",
    /// Of these, connections to a listener for proxies from others.
    ProxyUntrusted "clients/refused/untrusted proxy",
    /// Of these, connections of proxies without a header of the PROXY protocol.
    ProxyMalformed "clients/refused/no proxy header",
    /// TLS handshakes that were completed.
    TlsHandshakes "tls/handshakes",
    /// Of these, those that went on with an earlier session and cost little.
    TlsResumed "tls/handshakes/resumed",
    /// Connections to a port with TLS whose client spoke something else.
    TlsNotSpoken "clients/refused/tls/not tls",
    /// Handshakes of clients that know neither TLS 1.2 nor 1.3.
    TlsVersion "clients/refused/tls/version",
    /// Handshakes of clients that did not accept the broker's certificate.
    TlsNotTrusted "clients/refused/tls/not trusted by client",
    /// Handshakes of clients without the certificate that they need.
    TlsCertificateMissing "clients/refused/tls/certificate missing",
    /// Handshakes of clients whose certificate is expired or not valid yet.
    TlsCertificateExpired "clients/refused/tls/certificate expired",
    /// Handshakes of clients whose certificate is revoked.
    TlsCertificateRevoked "clients/refused/tls/certificate revoked",
    /// Handshakes of clients whose certificate is of an unknown CA.
    TlsCertificateUnknown "clients/refused/tls/certificate unknown",
    /// Handshakes and connections that TLS ended for another reason.
    TlsOther "clients/refused/tls/other",
    /// Requests for a WebSocket of web pages that the listener does not allow.
    WebSocketOrigin "clients/refused/websocket/origin",
    /// Requests for a WebSocket at another path than that of the listener.
    WebSocketPath "clients/refused/websocket/path",
    /// Requests for a WebSocket of clients that do not offer the subprotocol of MQTT.
    WebSocketSubprotocol "clients/refused/websocket/subprotocol",
    /// Requests that do not ask for a WebSocket as they should.
    WebSocketRequest "clients/refused/websocket/request",
    /// WebSockets whose peer sent frames that break the rules.
    WebSocketFrames "clients/refused/websocket/frames",
    /// Connections that ended with DISCONNECT of the client.
    DisconnectedByClient "clients/ended/disconnect",
    /// Connections whose transport ended without DISCONNECT.
    DisconnectedTransport "clients/ended/transport",
    /// Connections whose client was silent for too long.
    DisconnectedKeepAlive "clients/ended/keep alive",
    /// Connections whose client read nothing for too long.
    DisconnectedStalled "clients/ended/stalled",
    /// Connections whose client sent bytes that are no packet.
    DisconnectedMalformed "clients/ended/malformed",
    /// Connections whose client broke a rule.
    DisconnectedViolation "clients/ended/violation",
    /// Connections that another with the same client identifier replaced.
    DisconnectedTakenOver "clients/ended/taken over",
    /// Connections that the broker ended because their client may not be here, or no longer.
    DisconnectedNotAuthorized "clients/ended/not authorized",
    /// Connections that the broker ended for another reason, such as its own shutdown.
    DisconnectedByBroker "clients/ended/broker",
}

impl Counter {
    /// Under which counter, besides [`Counter::PublishDropped`], a message falls that was not delivered.
    pub const fn of_drop(reason: DropReason) -> Option<Self> {
        match reason {
            DropReason::Expired => Some(Self::DroppedExpired),
            DropReason::Offline => Some(Self::DroppedOffline),
            DropReason::QueueFull => Some(Self::DroppedQueueFull),
            DropReason::TooLarge => Some(Self::DroppedTooLarge),
            DropReason::Replaced => Some(Self::DroppedReplaced),
            _ => None,
        }
    }

    /// Under which counter the end of a connection falls.
    pub const fn of(reason: CloseReason) -> Self {
        match reason {
            CloseReason::Peer(_) => Self::DisconnectedByClient,
            CloseReason::KeepAlive => Self::DisconnectedKeepAlive,
            CloseReason::Stalled => Self::DisconnectedStalled,
            CloseReason::Malformed(_) => Self::DisconnectedMalformed,
            CloseReason::Violation(_) => Self::DisconnectedViolation,
            CloseReason::Local(ReasonCode::SessionTakenOver) => Self::DisconnectedTakenOver,
            CloseReason::Local(ReasonCode::NotAuthorized) => Self::DisconnectedNotAuthorized,
            CloseReason::Local(_) => Self::DisconnectedByBroker,
            _ => Self::DisconnectedTransport,
        }
    }
}

/// One shard's counters. Only its own thread writes; anybody may read.
#[derive(Debug)]
pub struct Counters {
    counts: [AtomicU64; Counter::ALL.len()],
    connected: AtomicU64,
    sessions: AtomicU64,
    /// Bytes of messages that sessions hold, and how many hold any.
    held: AtomicU64,
    holders: AtomicU64,
}

impl Default for Counters {
    fn default() -> Self {
        Self {
            counts: [const { AtomicU64::new(0) }; Counter::ALL.len()],
            connected: AtomicU64::new(0),
            sessions: AtomicU64::new(0),
            held: AtomicU64::new(0),
            holders: AtomicU64::new(0),
        }
    }
}

impl Counters {
    /// What was counted so far.
    pub fn get(&self, counter: Counter) -> u64 {
        self.counts[counter as usize].load(Ordering::Relaxed)
    }

    /// Clients that are connected now.
    pub fn connected(&self) -> u64 {
        self.connected.load(Ordering::Relaxed)
    }

    /// Sessions, connected or not.
    pub fn sessions(&self) -> u64 {
        self.sessions.load(Ordering::Relaxed)
    }

    /// Bytes of messages that sessions hold in memory.
    pub fn held_bytes(&self) -> u64 {
        self.held.load(Ordering::Relaxed)
    }

    /// Sessions that hold any.
    pub(super) fn holders(&self) -> u64 {
        self.holders.load(Ordering::Relaxed)
    }

    /// A session held `before` bytes and holds `now`.
    pub(super) fn change_held(&self, before: usize, now: usize) {
        let change = |cell: &AtomicU64, before: u64, now: u64| {
            let value = cell.load(Ordering::Relaxed);
            cell.store((value + now).saturating_sub(before), Ordering::Relaxed);
        };
        change(&self.held, before as u64, now as u64);
        change(&self.holders, u64::from(before > 0), u64::from(now > 0));
    }

    /// Adds to a counter. Only one thread writes, so a load and a store are enough.
    #[inline]
    pub fn add(&self, counter: Counter, count: u64) {
        let cell = &self.counts[counter as usize];
        cell.store(cell.load(Ordering::Relaxed) + count, Ordering::Relaxed);
    }

    pub(super) fn set_clients(&self, connected: usize, sessions: usize) {
        self.connected.store(connected as u64, Ordering::Relaxed);
        self.sessions.store(sessions as u64, Ordering::Relaxed);
    }
}
