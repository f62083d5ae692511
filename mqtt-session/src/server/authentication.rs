//! Enhanced authentication of a client that is connected, and the end of what its CONNECT began.

use alloc::boxed::Box;

use bytes::Bytes;
use mqtt_codec::{AuthRef, ReasonCode};

use super::connect::fit;
use super::{Link, ServerSession, Welcome};
use crate::error::{CloseReason, Violation};
use crate::event::Received;

impl ServerSession {
    /// Goes on with a re-authentication: AUTH with Continue authentication and `data`. [MQTT-4.12.0-2]
    ///
    /// Nothing happens if it is not the server's turn. An AUTH that is larger than the client takes ends the connection.
    pub fn continue_authentication(&mut self, data: Bytes) {
        if let Some(exchange) = self.link.as_mut().and_then(|link| link.exchange.as_deref_mut()) {
            exchange.owe(ReasonCode::ContinueAuthentication, Some(data));
        }
    }

    /// The client is who it says: a re-authentication ends with AUTH, Success and `data`; if none is under way, `data`
    /// goes with the CONNACK that was not fetched yet.
    ///
    /// Nothing happens if there is nothing to complete. One that has failed ends with [`ServerSession::disconnect`] and the
    /// reason, Not authorized in most cases. [MQTT-4.12.1-2]
    pub fn complete_authentication(&mut self, data: Option<Bytes>) {
        let Some(link) = self.link.as_deref_mut() else { return };
        let Some(exchange) = &mut link.exchange else { return };
        if exchange.owe(ReasonCode::Success, data.clone()) {
            return;
        }
        let Some(welcome) = link.welcome.take() else { return };
        let Welcome { mut connack, wait } = *welcome;
        connack.properties.authentication_data = data;
        let connack = fit(connack, link.window.version, link.window.maximum_packet_size);
        link.welcome = connack.map(|connack| Box::new(Welcome { connack, wait }));
        if link.welcome.is_none() {
            self.close(CloseReason::Local(ReasonCode::PacketTooLarge));
        }
    }
}

impl Link {
    /// AUTH of the client: the broker judges it.
    pub(super) fn handle_auth<'p>(&mut self, auth: &AuthRef<'p>) -> Result<Option<Received<'p>>, Violation> {
        let exchange = self.exchange.as_deref_mut().ok_or(Violation::UnexpectedAuth)?;
        if auth.reason == ReasonCode::Success {
            return Err(Violation::AuthOutOfTurn);
        }
        exchange.handle_auth(auth)?;
        Ok(Some(Received::Authentication(*auth)))
    }
}
