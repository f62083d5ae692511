//! Enhanced authentication: the client's steps, when it connects and later.

use bytes::Bytes;
use mqtt_codec::{AuthRef, ConnAckRef, ReasonCode};

use super::{ClientSession, Link, Phase};
use crate::error::{AuthenticationError, CloseReason, Violation};
use crate::event::Received;
use crate::transmit::Transmit;

impl ClientSession {
    /// Answers an AUTH of the server: AUTH with Continue authentication and `data`. [MQTT-4.12.0-3]
    ///
    /// # Errors
    /// If the server has asked nothing, or does not take so much.
    pub fn continue_authentication(&mut self, data: Option<Bytes>) -> Result<(), AuthenticationError> {
        self.authenticate(ReasonCode::ContinueAuthentication, data)
    }

    /// Authenticates anew on this connection, by the method of CONNECT [MQTT-4.12.1-1], while all else goes on. The
    /// server's AUTH come from [`ClientSession::handle_packet`]; the last one says Success. A server that is not
    /// convinced ends the connection.
    ///
    /// # Errors
    /// If CONNECT named no method, CONNACK has not come, or an authentication is under way.
    pub fn reauthenticate(&mut self, data: Option<Bytes>) -> Result<(), AuthenticationError> {
        if !self.is_connected() {
            return Err(AuthenticationError::NoMethod);
        }
        self.authenticate(ReasonCode::ReAuthenticate, data)
    }

    /// Whether an authentication is under way, that of CONNECT included.
    pub fn is_authenticating(&self) -> bool {
        let exchange = self.link.as_ref().and_then(|link| link.exchange.as_deref());
        exchange.is_some_and(|exchange| !exchange.is_nobodys_turn())
    }

    fn authenticate(&mut self, reason: ReasonCode, data: Option<Bytes>) -> Result<(), AuthenticationError> {
        let link = self.link.as_deref_mut().filter(|link| link.closing.is_none());
        let Some(link) = link else { return Err(AuthenticationError::NoMethod) };
        let exchange = link.exchange.as_deref_mut().ok_or(AuthenticationError::NoMethod)?;
        if !exchange.fits(data.as_deref(), link.window.maximum_packet_size) {
            return Err(AuthenticationError::PacketTooLarge);
        }
        if exchange.owe(reason, data) { Ok(()) } else { Err(AuthenticationError::OutOfTurn) }
    }
}

impl Link {
    /// Writes the AUTH that is owed.
    pub(super) fn transmit_auth(&mut self, out: &mut impl Transmit) {
        if let Some(exchange) = &mut self.exchange
            && !exchange.transmit(self.window.maximum_packet_size, out)
        {
            // CONNACK can say less than was assumed
            self.closing = self.closing.or(Some(CloseReason::Local(ReasonCode::PacketTooLarge)));
        }
    }

    /// AUTH of the server.
    pub(super) fn handle_auth<'p>(&mut self, auth: &AuthRef<'p>) -> Result<Option<Received<'p>>, Violation> {
        let exchange = self.exchange.as_deref_mut().ok_or(Violation::UnexpectedAuth)?;
        let is_connected = matches!(self.phase, Phase::Connected);
        // only a client begins anew, and CONNACK ends what CONNECT began
        if auth.reason == ReasonCode::ReAuthenticate || (auth.reason == ReasonCode::Success && !is_connected)
        {
            return Err(Violation::AuthOutOfTurn);
        }
        exchange.handle_auth(auth)?;
        Ok(Some(Received::Authentication(*auth)))
    }

    /// CONNACK says that the server is convinced, by the method of CONNECT. [MQTT-4.12.0-5] [MQTT-4.12.0-6]
    pub(super) fn end_authentication(&mut self, connack: &ConnAckRef<'_>) -> Result<(), Violation> {
        let method = self.exchange.as_deref().map(|exchange| exchange.method().as_str());
        if method != connack.properties.authentication_method() {
            return Err(Violation::AuthMethod);
        }
        if let Some(exchange) = &mut self.exchange {
            exchange.end();
        }
        Ok(())
    }
}
