//! What each packet of the client means.

use mqtt_codec::{AckRef, DisconnectRef, PacketRef, PacketType, ReasonCode};

use super::{Link, ServerSession, State};
use crate::error::{CloseReason, Violation};
use crate::event::Received;
use crate::outgoing::Acked;
use crate::time::Time;

impl ServerSession {
    /// A packet of the client. What it means to the broker comes back, borrowed from it.
    ///
    /// A packet that breaks a rule, or comes after the connection was given up, means nothing: then
    /// [`ServerSession::close_reason`] says why.
    #[inline]
    pub fn handle_packet<'p>(&mut self, now: Time, packet: &PacketRef<'p>) -> Option<Received<'p>> {
        let link = self.link.as_deref_mut()?;
        if link.closing.is_some() {
            return None;
        }
        link.silence.heard(now);
        let handled = match packet {
            PacketRef::Publish(publish) => {
                let State { incoming, effects, .. } = &mut self.state;
                incoming.handle_publish(publish, link.receive_maximum, &mut link.answers, effects)
            }
            PacketRef::PubAck(ack) => handle_puback(&mut self.state, link, ack),
            PacketRef::PubRec(ack) => handle_pubrec(&mut self.state, link, ack),
            PacketRef::PubRel(ack) => {
                let State { incoming, effects, .. } = &mut self.state;
                incoming.handle_pubrel(ack.id, &mut link.answers, effects);
                link.answers.advance(effects);
                Ok(None)
            }
            PacketRef::PubComp(ack) => handle_pubcomp(&mut self.state, link, ack),
            PacketRef::Subscribe(subscribe) => Ok(Some(Received::Subscribe(*subscribe))),
            PacketRef::Unsubscribe(unsubscribe) => Ok(Some(Received::Unsubscribe(*unsubscribe))),
            PacketRef::PingReq => {
                link.pings = link.pings.saturating_add(1);
                Ok(None)
            }
            PacketRef::Disconnect(disconnect) => self.handle_disconnect(disconnect),
            // [MQTT-3.1.0-2]
            PacketRef::Connect(_) => Err(Violation::Second(PacketType::Connect)),
            PacketRef::Auth(auth) => link.handle_auth(auth),
            PacketRef::ConnAck(_) | PacketRef::SubAck(_) | PacketRef::UnsubAck(_) | PacketRef::PingResp => {
                Err(Violation::WrongDirection(packet.packet_type()))
            }
        };
        handled.unwrap_or_else(|violation| {
            self.close(CloseReason::Violation(violation));
            None
        })
    }

    fn handle_disconnect<'p>(
        &mut self,
        disconnect: &DisconnectRef<'p>,
    ) -> Result<Option<Received<'p>>, Violation> {
        if let Some(expiry) = disconnect.session_expiry
            && let Some(link) = &self.link
        {
            // a session that was to end with its connection cannot be prolonged at its end
            if link.expiry_asked == 0 && expiry.0 > 0 {
                return Err(Violation::SessionExpiryRaised);
            }
            self.life.expiry = expiry.0.min(link.expiry_maximum);
        }
        // [MQTT-3.14.4-3] only a normal disconnection takes the Will back
        if disconnect.reason == ReasonCode::Success {
            self.life.will = None;
        }
        if let Some(link) = &mut self.link {
            link.closing = Some(CloseReason::Peer(disconnect.reason));
        }
        Ok(Some(Received::Disconnect(*disconnect)))
    }
}

type Handled<'p> = Result<Option<Received<'p>>, Violation>;

fn handle_puback<'p>(state: &mut State, link: &mut Link, ack: &AckRef<'_>) -> Handled<'p> {
    state.outgoing.handle_puback(ack, &mut link.window, &mut state.effects)?;
    Ok(None)
}

fn handle_pubrec<'p>(state: &mut State, link: &mut Link, ack: &AckRef<'_>) -> Handled<'p> {
    let acked = state.outgoing.handle_pubrec(ack, &mut link.window, &mut state.effects)?;
    if let Acked::Release(reason) = acked {
        link.answers.release(ack.id, reason);
        link.answers.advance(&state.effects);
    }
    Ok(None)
}

fn handle_pubcomp<'p>(state: &mut State, link: &mut Link, ack: &AckRef<'_>) -> Handled<'p> {
    state.outgoing.handle_pubcomp(ack, &mut link.window, &mut state.effects)?;
    Ok(None)
}
