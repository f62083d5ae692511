//! A connection before its client is known: bytes until CONNECT, and what is wrong with that CONNECT.

use mqtt_codec::{
    ConnAck, Connect, DecodeError, DecodeErrorKind, Decoder, PacketRef, PacketType, ReasonCode, Version,
};
use mqtt_session::Violation;

use super::stats::Counter;
use crate::auth::Refused;
use crate::config::LobbyLimits;

/// The longest client identifier of MQTT 3.1, in characters.
const MAX_CLIENT_ID_V3_1: usize = 23;

/// The state of a connection whose CONNECT is not complete.
#[derive(Debug)]
pub struct Lobby {
    decoder: Decoder,
    unread: Vec<u8>,
}

/// What the bytes so far make of a connection.
#[derive(Debug)]
pub enum Verdict {
    /// CONNECT is not complete.
    More,
    /// A CONNECT that conforms.
    Connect {
        /// The packet. Its client identifier may be empty: then the server gives one.
        connect: Box<Connect>,
        /// The decoder for what follows.
        decoder: Decoder,
        /// Bytes behind CONNECT.
        unread: Vec<u8>,
    },
    /// The connection is refused.
    Refuse(Refusal),
}

/// Why a connection is refused, and what the client is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// CONNACK, or nothing where the standard wants silence.
    pub reply: Vec<u8>,
    /// What a log should say.
    pub reason: RefusalReason,
}

/// Why a connection is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RefusalReason {
    /// The client identifier is that of a session that another user began.
    #[error(
        "the client identifier belongs to the session of another user: give each user's clients identifiers of their own"
    )]
    ForeignSession,
    /// A browser, or a WebSocket, at a port without one.
    #[error(
        "the client speaks HTTP, this port speaks MQTT without WebSocket: let it use tcp://, or a ws:// listener"
    )]
    Http,
    /// The bytes are no CONNECT.
    #[error("{0}")]
    Malformed(DecodeError),
    /// Another packet came first. [MQTT-3.1.0-1]
    #[error("the first packet is {0}, not CONNECT [MQTT-3.1.0-1]")]
    NotConnect(PacketType),
    /// Who the client is has been judged, and it may not connect.
    #[error("{0}")]
    NotAdmitted(Refused),
    /// A packet before CONNACK that breaks a rule.
    #[error("{0}")]
    OutOfPlace(Violation),
    /// The CONNECT cannot be accepted.
    #[error("refused: {0}")]
    Refused(ReasonCode),
    /// TLS at a port without it.
    #[error("the client speaks TLS, this port does not: let it use tcp:// (mqtt://), or a tls:// listener")]
    Tls,
    /// The client has a Will that it may not publish.
    #[error("it has a Will that it may not publish: mqtt-broker acl explain says which rule decides")]
    Will,
}

impl Lobby {
    /// For a connection that was just accepted.
    pub const fn new(limits: &LobbyLimits) -> Self {
        Self { decoder: Decoder::server(limits.connect_packet_size), unread: Vec::new() }
    }

    /// Bytes from the client. After a verdict other than [`Verdict::More`] the lobby is done with.
    pub fn handle_bytes(&mut self, bytes: &[u8]) -> Verdict {
        self.unread.extend_from_slice(bytes);
        if let Some(reason) = of_another_protocol(&self.unread) {
            return Verdict::Refuse(Refusal { reply: Vec::new(), reason });
        }
        // who does not begin with CONNECT is not waited for
        if let Some(packet) = self.unread.first().and_then(|first| PacketType::from_wire(first >> 4))
            && packet != PacketType::Connect
        {
            return Verdict::Refuse(Refusal { reply: Vec::new(), reason: RefusalReason::NotConnect(packet) });
        }
        let unread = std::mem::take(&mut self.unread);
        let (connect, len) = match self.decoder.decode_next(&unread) {
            Ok(Some((PacketRef::Connect(connect), len))) => (Box::new(connect.to_connect()), len),
            Ok(Some((packet, _))) => {
                let reason = RefusalReason::NotConnect(packet.packet_type());
                return Verdict::Refuse(Refusal { reply: Vec::new(), reason });
            }
            Ok(None) => {
                self.unread = unread;
                return Verdict::More;
            }
            Err(error) => return Verdict::Refuse(malformed(error, self.decoder.version())),
        };
        if let Some(reason) = refusal(&connect) {
            return Verdict::Refuse(Refusal::new(connect.version, reason));
        }
        let decoder = std::mem::replace(&mut self.decoder, Decoder::server(0));
        Verdict::Connect { connect, decoder, unread: unread.get(len..).unwrap_or_default().to_vec() }
    }

    /// Bytes of memory that wait for the rest of CONNECT.
    pub const fn held(&self) -> usize {
        self.unread.capacity()
    }
}

impl RefusalReason {
    /// Under which counter, besides [`Counter::ClientsRefused`], such a connection falls.
    pub const fn counter(self) -> Counter {
        match self {
            Self::ForeignSession => Counter::RefusedForeignSession,
            Self::Http | Self::Malformed(_) | Self::NotConnect(_) | Self::OutOfPlace(_) | Self::Tls => {
                Counter::RefusedMalformed
            }
            Self::NotAdmitted(Refused::Credentials) => Counter::RefusedCredentials,
            Self::NotAdmitted(Refused::NotAuthorized) | Self::Will => Counter::RefusedNotAuthorized,
            Self::NotAdmitted(Refused::Method) => Counter::RefusedMethod,
            Self::NotAdmitted(Refused::Guessing) => Counter::RefusedGuessing,
            Self::NotAdmitted(Refused::Unavailable) => Counter::RefusedUnavailable,
            Self::Refused(_) => Counter::RefusedConnect,
        }
    }
}

impl Refusal {
    /// A refusal of a CONNECT that conforms; CONNACK says why as far as the version can.
    pub fn new(version: Version, reason: ReasonCode) -> Self {
        Self { reply: connack(version, reason), reason: RefusalReason::Refused(reason) }
    }

    /// A refusal of a client that was judged.
    pub fn not_admitted(version: Version, refused: Refused) -> Self {
        Self { reply: connack(version, refused.reason_code()), reason: RefusalReason::NotAdmitted(refused) }
    }

    pub(super) fn will(version: Version) -> Self {
        Self { reply: connack(version, ReasonCode::NotAuthorized), reason: RefusalReason::Will }
    }

    /// A refusal of bytes behind a CONNECT of 5.0 that are no packet.
    pub fn malformed(error: DecodeError) -> Self {
        malformed(error, Some(Version::V5))
    }

    /// A refusal of a packet behind a CONNECT of 5.0.
    pub fn out_of_place(violation: Violation) -> Self {
        let reply = connack(Version::V5, violation.reason_code());
        Self { reply, reason: RefusalReason::OutOfPlace(violation) }
    }

    pub(super) fn foreign_session(version: Version) -> Self {
        let reply = connack(version, ReasonCode::ClientIdentifierNotValid);
        Self { reply, reason: RefusalReason::ForeignSession }
    }
}

/// What people connect with to the wrong port begins so that it cannot be a CONNECT.
fn of_another_protocol(bytes: &[u8]) -> Option<RefusalReason> {
    match bytes {
        // a handshake record of any version
        [0x16, 0x03, ..] => Some(RefusalReason::Tls),
        [b'G', b'E', b'T', b' ', ..] => Some(RefusalReason::Http),
        _ => None,
    }
}

fn connack(version: Version, reason: ReasonCode) -> Vec<u8> {
    let mut reply = Vec::new();
    // [MQTT-3.2.2-6] 3.x has few codes: where none fits, nothing is sent
    if PacketRef::ConnAck(ConnAck::new(false, reason).view()).encode(version, &mut reply).is_err() {
        reply.clear();
    }
    reply
}

fn malformed(error: DecodeError, version: Option<Version>) -> Refusal {
    let reply = match (error.kind, version) {
        // an unknown level is answered in the form that its client is most likely to read
        (DecodeErrorKind::ProtocolLevel(level), _) if level > Version::V5.level() => {
            connack(Version::V5, ReasonCode::UnsupportedProtocolVersion)
        }
        (DecodeErrorKind::ProtocolLevel(_), _) => {
            connack(Version::V3_1_1, ReasonCode::UnsupportedProtocolVersion)
        }
        (_, Some(Version::V5)) => connack(Version::V5, error.reason_code()),
        // 3.x: no CONNACK [MQTT-3.1.4-1]
        _ => Vec::new(),
    };
    Refusal { reply, reason: RefusalReason::Malformed(error) }
}

/// Why a CONNECT that can be read is not accepted.
fn refusal(connect: &Connect) -> Option<ReasonCode> {
    let id = &connect.client_id;
    let bad_id = match connect.version {
        Version::V3_1 => id.is_empty() || id.chars().count() > MAX_CLIENT_ID_V3_1,
        // [MQTT-3.1.3-8]
        Version::V3_1_1 => id.is_empty() && !connect.clean_start,
        Version::V5 => false,
    };
    bad_id.then_some(ReasonCode::ClientIdentifierNotValid)
}
