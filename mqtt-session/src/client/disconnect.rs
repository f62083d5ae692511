//! A connection ends: on the application's word, or because it cannot go on.

use alloc::boxed::Box;

use mqtt_codec::{Disconnect, PacketRef, PacketType, ReasonCode, Sink, UserProperties, Version};

use super::{ClientSession, Link, Phase};
use crate::error::{CloseReason, DisconnectError};

impl ClientSession {
    /// Ends the connection with DISCONNECT, and the session's work: further commands are refused.
    ///
    /// The server publishes the Will unless `reason` is Success. 3.x has no codes: there any other one ends the
    /// connection without DISCONNECT, to the same effect.
    ///
    /// What was not written yet is not sent; [`ClientSession::unfinished`] names it.
    pub fn disconnect(&mut self, reason: ReasonCode) {
        self.finished = true;
        self.close(CloseReason::Local(reason));
    }

    /// As [`ClientSession::disconnect`], with all that 5.0 lets a client say: another Session Expiry Interval, a Reason
    /// String, User Properties. The two last are left out where they do not fit into the server's Maximum Packet Size.
    ///
    /// # Errors
    /// As [`ClientSession::check_disconnect`]; then nothing has changed.
    pub fn disconnect_with(&mut self, disconnect: Disconnect) -> Result<(), DisconnectError> {
        self.check_disconnect(&disconnect)?;
        self.disconnect(disconnect.reason);
        if let Some(goodbye) = self.link.as_deref_mut().and_then(|link| link.goodbye.as_deref_mut())
            // a connection that had ended before has its own reason
            && goodbye.reason == disconnect.reason
        {
            *goodbye = disconnect;
        }
        Ok(())
    }

    /// Whether a client may say this on its connection; without one it says nothing, and may.
    ///
    /// # Errors
    /// What it may not say.
    pub fn check_disconnect(&self, disconnect: &Disconnect) -> Result<(), DisconnectError> {
        let plain = *disconnect == Disconnect::new(disconnect.reason);
        if !self.version.is_v5() {
            return if plain { Ok(()) } else { Err(DisconnectError::NotInVersion) };
        }
        if disconnect.server_reference.is_some() {
            return Err(DisconnectError::ServerReference);
        }
        if !is_for_clients(disconnect.reason) {
            return Err(DisconnectError::ReasonNotAllowed(disconnect.reason));
        }
        let Some(link) = &self.link else { return Ok(()) };
        // what CONNECT has said is over cannot be called back
        if link.expires_at_once && disconnect.session_expiry.is_some_and(|span| span.0 > 0) {
            return Err(DisconnectError::SessionExpiryRaised);
        }
        let bare =
            Disconnect { session_expiry: disconnect.session_expiry, ..Disconnect::new(disconnect.reason) };
        if !plain && !fits(&PacketRef::Disconnect(bare.view()), link.window.maximum_packet_size) {
            return Err(DisconnectError::PacketTooLarge);
        }
        Ok(())
    }

    pub(super) fn close(&mut self, reason: CloseReason) {
        let Some(link) = self.link.as_deref_mut() else { return };
        if link.closing.is_some() {
            return;
        }
        link.closing = Some(reason);
        let connected = matches!(link.phase, Phase::Connected);
        let code = match reason.disconnect_code() {
            Some(code) if !code.allowed_in(PacketType::Disconnect) => Some(ReasonCode::UnspecifiedError),
            code => code,
        };
        let code = code.filter(|code| match reason {
            // [MQTT-3.1.0-1]
            _ if matches!(link.phase, Phase::Connecting(..)) => false,
            // 3.x has only the normal DISCONNECT, which takes the Will back
            _ if !self.version.is_v5() => *code == ReasonCode::Success && connected,
            // an answer to CONNECT that is none may be anything, a DISCONNECT included
            CloseReason::Local(_) => connected || link.exchange.is_some(),
            // only a server may say so, and this one does not listen
            CloseReason::KeepAlive => false,
            _ => true,
        });
        link.goodbye = code.map(|code| Box::new(Disconnect::new(code)));
    }
}

impl Link {
    /// Writes the DISCONNECT that is owed, without what is too long for the server.
    pub(super) fn transmit_goodbye(&mut self, version: Version, out: &mut impl Sink) {
        let Some(goodbye) = self.goodbye.take() else { return };
        let maximum = self.window.maximum_packet_size;
        let mut disconnect = goodbye.view();
        // [MQTT-3.14.2-4]
        if !fits(&PacketRef::Disconnect(disconnect), maximum) {
            disconnect.user_properties = UserProperties::EMPTY;
        }
        // [MQTT-3.14.2-3]
        if !fits(&PacketRef::Disconnect(disconnect), maximum) {
            disconnect.reason_string = None;
        }
        let written = PacketRef::Disconnect(disconnect).encode(version, out);
        debug_assert!(written.is_ok(), "DISCONNECT: {written:?}");
    }
}

/// Whether a server of 5.0 takes a packet of this length.
fn fits(packet: &PacketRef<'_>, maximum_packet_size: u32) -> bool {
    packet.encoded_len(Version::V5).is_ok_and(|len| len <= maximum_packet_size as usize)
}

/// Whether a client, and not only a server, may give this reason in DISCONNECT.
const fn is_for_clients(reason: ReasonCode) -> bool {
    matches!(
        reason,
        ReasonCode::Success
            | ReasonCode::DisconnectWithWillMessage
            | ReasonCode::UnspecifiedError
            | ReasonCode::MalformedPacket
            | ReasonCode::ProtocolError
            | ReasonCode::ImplementationSpecificError
            | ReasonCode::TopicNameInvalid
            | ReasonCode::ReceiveMaximumExceeded
            | ReasonCode::TopicAliasInvalid
            | ReasonCode::PacketTooLarge
            | ReasonCode::MessageRateTooHigh
            | ReasonCode::QuotaExceeded
            | ReasonCode::AdministrativeAction
            | ReasonCode::PayloadFormatInvalid
    )
}
