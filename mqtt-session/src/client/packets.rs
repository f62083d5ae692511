//! What each packet of the server means.

use mqtt_codec::{AckRef, PacketId, PacketRef, PacketType};

use super::{ClientSession, Phase, State};
use crate::error::{CloseReason, Violation};
use crate::event::{ClientEvent, Received};
use crate::outgoing::Acked;
use crate::time::Time;

/// Answers that a server can be owed at once: one for each identifier of its messages, and of the client's. A client
/// has to read on although its server does not, or each would wait for the other.
const MOST_ANSWERS: usize = 2 * PacketId::MAX.get() as usize;

type Handled<'p> = Result<Option<Received<'p>>, Violation>;

impl ClientSession {
    /// A packet of the server. A message, or the server's DISCONNECT, comes back, borrowed from it; all else is
    /// heard of from [`ClientSession::poll_event`].
    ///
    /// A packet that breaks a rule, or comes after the connection was given up, means nothing: then
    /// [`ClientSession::close_reason`] says why.
    pub fn handle_packet<'p>(&mut self, now: Time, packet: &PacketRef<'p>) -> Option<Received<'p>> {
        let link = self.link.as_deref_mut()?;
        if link.closing.is_some() {
            return None;
        }
        let handled = match link.phase {
            Phase::Connected => {
                link.ping.heard(now);
                self.handle_in_connection(packet)
            }
            Phase::Waiting(_) => self.handle_before_connack(packet),
            // [MQTT-3.1.0-1]
            Phase::Connecting(..) => Err(Violation::BeforeConnect(packet.packet_type())),
        };
        let received = handled.unwrap_or_else(|violation| {
            self.close(CloseReason::Violation(violation));
            None
        });
        if self.link.as_ref().is_some_and(|link| link.answers.waiting() > MOST_ANSWERS) {
            self.close(CloseReason::Violation(Violation::AnswersUnread));
        }
        received
    }

    fn handle_before_connack<'p>(&mut self, packet: &PacketRef<'p>) -> Handled<'p> {
        match packet {
            PacketRef::ConnAck(connack) => self.handle_connack(connack).map(|()| None),
            PacketRef::Auth(auth) => self.link.as_deref_mut().map_or(Ok(None), |link| link.handle_auth(auth)),
            other => Err(Violation::BeforeConnAck(other.packet_type())),
        }
    }

    fn handle_in_connection<'p>(&mut self, packet: &PacketRef<'p>) -> Handled<'p> {
        let Some(link) = self.link.as_deref_mut() else { return Ok(None) };
        if link.codes_alone && explains(packet) {
            return Err(Violation::Unasked(packet.packet_type()));
        }
        let State { outgoing, incoming, effects } = &mut self.state;
        match packet {
            PacketRef::Publish(publish) => {
                incoming.handle_publish(publish, link.receive_maximum, &mut link.answers, effects)
            }
            PacketRef::PubAck(ack) => {
                let acked = outgoing.handle_puback(ack, &mut link.window, effects)?;
                self.acknowledged(ack, acked)
            }
            PacketRef::PubRec(ack) => {
                let acked = outgoing.handle_pubrec(ack, &mut link.window, effects)?;
                self.acknowledged(ack, acked)
            }
            PacketRef::PubComp(ack) => {
                let acked = outgoing.handle_pubcomp(ack, &mut link.window, effects)?;
                self.acknowledged(ack, acked)
            }
            PacketRef::PubRel(ack) => {
                incoming.handle_pubrel(ack.id, &mut link.answers, effects);
                Ok(None)
            }
            PacketRef::SubAck(suback) => {
                let reasons = suback.reasons.to_vec();
                self.requests.handle_suback(suback.id, reasons, &mut outgoing.ids, &mut self.events)?;
                Ok(None)
            }
            PacketRef::UnsubAck(unsuback) => {
                let reasons = unsuback.reasons.to_vec();
                self.requests.handle_unsuback(unsuback.id, reasons, &mut outgoing.ids, &mut self.events)?;
                Ok(None)
            }
            PacketRef::PingResp => {
                link.ping.answered();
                Ok(None)
            }
            PacketRef::Disconnect(disconnect) if self.version.is_v5() => {
                link.closing = Some(CloseReason::Peer(disconnect.reason));
                Ok(Some(Received::Disconnect(*disconnect)))
            }
            // [MQTT-3.2.0-2]
            PacketRef::ConnAck(_) => Err(Violation::Second(PacketType::ConnAck)),
            PacketRef::Auth(auth) => link.handle_auth(auth),
            PacketRef::Connect(_)
            | PacketRef::Subscribe(_)
            | PacketRef::Unsubscribe(_)
            | PacketRef::PingReq
            | PacketRef::Disconnect(_) => Err(Violation::WrongDirection(packet.packet_type())),
        }
    }

    /// Passes on what an acknowledgement meant.
    fn acknowledged<'p>(&mut self, ack: &AckRef<'_>, acked: Acked) -> Handled<'p> {
        let Some(link) = self.link.as_deref_mut() else { return Ok(None) };
        match acked {
            Acked::Completed(ticket, reason) => {
                self.events.push_back(ClientEvent::Acknowledged(ticket, reason));
            }
            Acked::Taken(ticket) => self.events.push_back(ClientEvent::Taken(ticket)),
            Acked::Release(reason) => link.answers.release(ack.id, reason),
            Acked::Ignored => {}
        }
        Ok(None)
    }
}

/// Whether the packet has a Reason String or User Properties and is none that may have them unasked. [MQTT-3.1.2-29]
fn explains(packet: &PacketRef<'_>) -> bool {
    let (reason_string, user_properties) = match packet {
        PacketRef::PubAck(ack)
        | PacketRef::PubRec(ack)
        | PacketRef::PubRel(ack)
        | PacketRef::PubComp(ack) => (ack.reason_string, ack.user_properties),
        PacketRef::SubAck(ack) => (ack.reason_string, ack.user_properties),
        PacketRef::UnsubAck(ack) => (ack.reason_string, ack.user_properties),
        _ => return false,
    };
    reason_string.is_some() || !user_properties.is_empty()
}
