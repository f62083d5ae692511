//! Enhanced authentication of 5.0: whose turn it is, and by which method. What is said is opaque here.

use bytes::Bytes;

use mqtt_codec::{
    AuthRef, ConnectRef, PacketRef, PacketType, ReasonCode, Sink, Text, UserProperties, Version,
};

use crate::error::Violation;

/// The enhanced authentication of one connection: at its begin, and again whenever the client wants it.
///
/// ```text
///  client                                   server
///    | CONNECT, or AUTH Re-authenticate        |
///    |---------------------------------------->|  its turn
///    |                  AUTH Continue          |
///    |<----------------------------------------|  the client's turn, as often as it takes
///    | AUTH Continue                           |
///    |---------------------------------------->|
///    |             CONNACK, or AUTH Success    |
///    |<----------------------------------------|  nobody's turn
/// ```
#[derive(Clone, Debug)]
pub struct Exchange {
    method: Text,
    turn: Turn,
    /// AUTH that is to be sent.
    owed: Option<(ReasonCode, Option<Bytes>)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    /// No authentication is under way.
    Nobody,
    Ours,
    Theirs,
}

impl Exchange {
    /// The server's side of what a CONNECT begins; `None` if it names no method. It is the server's turn.
    ///
    /// A server keeps this until it knows the client: the session is attached after that.
    pub fn of(connect: &ConnectRef<'_>) -> Option<Self> {
        Self::begun(connect, Turn::Ours)
    }

    /// The client's side of its own CONNECT.
    pub(crate) fn sent(connect: &ConnectRef<'_>) -> Option<Self> {
        Self::begun(connect, Turn::Theirs)
    }

    /// The server's side once CONNACK has ended what CONNECT began.
    pub(crate) fn accepted(connect: &ConnectRef<'_>) -> Option<Self> {
        Self::begun(connect, Turn::Nobody)
    }

    fn begun(connect: &ConnectRef<'_>, turn: Turn) -> Option<Self> {
        let method = connect.properties.authentication_method()?;
        Some(Self { method: Text::new(method).ok()?, turn, owed: None })
    }

    /// The method that all of it keeps to. [MQTT-4.12.0-5]
    pub fn method(&self) -> &Text {
        &self.method
    }

    /// Server, before CONNACK: a packet of the client. What its AUTH says comes back.
    ///
    /// # Errors
    /// If it is no AUTH [MQTT-3.1.2-30], names another method, or comes out of turn.
    pub fn handle_packet<'p>(&mut self, packet: &PacketRef<'p>) -> Result<AuthRef<'p>, Violation> {
        match packet {
            PacketRef::Auth(auth) if auth.reason == ReasonCode::ContinueAuthentication => {
                self.handle_auth(auth)?;
                Ok(*auth)
            }
            PacketRef::Auth(_) => Err(Violation::AuthOutOfTurn),
            PacketRef::Connect(_) => Err(Violation::Second(PacketType::Connect)),
            other => Err(Violation::BeforeConnAck(other.packet_type())),
        }
    }

    /// Server, before CONNACK: writes AUTH with Continue authentication [MQTT-4.12.0-2]; false if it is larger than
    /// the client takes, and nothing is written. [MQTT-3.1.2-24]
    pub fn challenge(&mut self, data: Bytes, maximum_packet_size: u32, out: &mut impl Sink) -> bool {
        self.owe(ReasonCode::ContinueAuthentication, Some(data)) && self.transmit(maximum_packet_size, out)
    }

    pub(crate) const fn is_nobodys_turn(&self) -> bool {
        matches!(self.turn, Turn::Nobody)
    }

    /// What began is over.
    pub(crate) const fn end(&mut self) {
        self.turn = Turn::Nobody;
    }

    /// Whose turn it is after an AUTH of the peer, if it fits.
    pub(crate) fn handle_auth(&mut self, auth: &AuthRef<'_>) -> Result<(), Violation> {
        if auth.method != self.method.as_str() {
            return Err(Violation::AuthMethod);
        }
        self.turn = match (auth.reason, self.turn) {
            (ReasonCode::ReAuthenticate, Turn::Nobody)
            | (ReasonCode::ContinueAuthentication, Turn::Theirs) => Turn::Ours,
            (ReasonCode::Success, Turn::Theirs) => Turn::Nobody,
            _ => return Err(Violation::AuthOutOfTurn),
        };
        Ok(())
    }

    /// What is to be said next; false if it is not our turn.
    pub(crate) fn owe(&mut self, reason: ReasonCode, data: Option<Bytes>) -> bool {
        self.turn = match (reason, self.turn) {
            (ReasonCode::ReAuthenticate, Turn::Nobody) | (ReasonCode::ContinueAuthentication, Turn::Ours) => {
                Turn::Theirs
            }
            (ReasonCode::Success, Turn::Ours) => Turn::Nobody,
            _ => return false,
        };
        self.owed = Some((reason, data));
        true
    }

    /// Writes what is owed; false if it is larger than the peer takes.
    ///
    /// It has neither Reason String nor User Properties, so there is nothing to leave out. [MQTT-3.15.2-2]
    /// [MQTT-3.15.2-3]
    pub(crate) fn transmit(&mut self, maximum_packet_size: u32, out: &mut impl Sink) -> bool {
        let Some((reason, data)) = self.owed.take() else { return true };
        self.fits(data.as_deref(), maximum_packet_size)
            && self.auth(reason, data.as_deref()).encode(Version::V5, out).is_ok()
    }

    /// Whether the peer takes an AUTH with this data.
    pub(crate) fn fits(&self, data: Option<&[u8]>, maximum_packet_size: u32) -> bool {
        let len = self.auth(ReasonCode::ContinueAuthentication, data).encoded_len(Version::V5);
        len.is_ok_and(|len| len <= maximum_packet_size as usize)
    }

    fn auth<'a>(&'a self, reason: ReasonCode, data: Option<&'a [u8]>) -> PacketRef<'a> {
        PacketRef::Auth(AuthRef {
            reason,
            method: self.method.as_str(),
            data,
            reason_string: None,
            user_properties: UserProperties::EMPTY,
        })
    }
}
