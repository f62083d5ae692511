//! What a server said when it refused or ended a connection.

use std::fmt;

use mqtt_codec::{ConnAckRef, DisconnectRef, ReasonCode, UserProperties};

/// What a server said when it refused or ended a connection. Before 5.0 only the code of a refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerReason {
    /// The code.
    pub reason: ReasonCode,
    /// The reason in words, for people.
    pub reason_string: Option<String>,
    /// Other servers, with [`ReasonCode::UseAnotherServer`] and [`ReasonCode::ServerMoved`]: separated by spaces, each
    /// usually `HOST` or `HOST:PORT`.
    pub server_reference: Option<String>,
    /// User Properties.
    pub user_properties: Vec<(String, String)>,
}

impl ServerReason {
    /// A server that says the code alone.
    pub(crate) const fn new(reason: ReasonCode) -> Self {
        Self { reason, reason_string: None, server_reference: None, user_properties: Vec::new() }
    }

    pub(crate) fn of_connack(connack: &ConnAckRef<'_>) -> Self {
        let properties = &connack.properties;
        Self {
            reason: connack.reason,
            reason_string: properties.reason_string().map(Into::into),
            server_reference: properties.server_reference().map(Into::into),
            user_properties: strings(properties.user_properties()),
        }
    }

    pub(crate) fn of_disconnect(disconnect: &DisconnectRef<'_>) -> Self {
        Self {
            reason: disconnect.reason,
            reason_string: disconnect.reason_string.map(Into::into),
            server_reference: disconnect.server_reference.map(Into::into),
            user_properties: strings(disconnect.user_properties),
        }
    }

    /// Whether the server has named another one, and whether for good.
    pub(crate) fn redirect(&self) -> Option<(&str, bool)> {
        let for_good = match self.reason {
            ReasonCode::UseAnotherServer => false,
            ReasonCode::ServerMoved => true,
            _ => return None,
        };
        Some((self.server_reference.as_deref()?, for_good))
    }
}

fn strings(properties: UserProperties<'_>) -> Vec<(String, String)> {
    properties.iter().map(|(name, value)| (name.into(), value.into())).collect()
}

impl fmt::Display for ServerReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.reason)?;
        if let Some(words) = &self.reason_string {
            write!(f, " ({})", words.escape_debug())?;
        }
        match &self.server_reference {
            Some(reference) => write!(f, "; connect to {}", reference.escape_debug()),
            None => f.write_str(advice(self.reason)),
        }
    }
}

/// What to do about a code, where it does not say so.
const fn advice(reason: ReasonCode) -> &'static str {
    match reason {
        ReasonCode::BadUserNameOrPassword => "; look at user name and password",
        ReasonCode::NotAuthorized => "; look at user name, password and what the server lets this client do",
        ReasonCode::ClientIdentifierNotValid => "; choose another client_id",
        ReasonCode::UnsupportedProtocolVersion => "; choose another version",
        ReasonCode::UseAnotherServer | ReasonCode::ServerMoved => "; connect to another server",
        _ => "",
    }
}
